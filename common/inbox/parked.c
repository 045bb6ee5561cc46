/* parked.c - parked messages in the hands of a person: listed, found, tried again, discarded; each act is written down.
 *
 * Only a PARKED message is ever changed here: it exists in its row only, so nothing can be under way with it. Order
 * per subject stays deferred.c's: a message keeps its position, and leaves through tern_deferred_remove. Never reads
 * what is in a message, never begins or ends a transaction. */
#include "parked.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "deferred_row.h"
#include "inbox_store.h"
#include "tern/inbox.h"

enum { ACTS_MAX = 100 }; /* rows of the audit shown for a message */

/* A filter, as ?1 to ?5: type, subject, reason, before, since. */
#define PASSES                                                                                   \
    "(?1 IS NULL OR type = ?1) AND (?2 IS NULL OR subject = ?2) AND (?3 IS NULL OR reason = ?3)" \
    " AND (?4 = 0 OR first_at_ms < ?4) AND first_at_ms >= ?5"
#define CHOSEN "SELECT position FROM deferred WHERE state = 2 AND " PASSES " ORDER BY position LIMIT ?6"

/* The body's place stays empty: a page of 200 bodies of 1 MiB would be too much. */
static const char list_rows[] = "SELECT " DEFERRED_HEAD ", NULL, length(body) FROM deferred WHERE position > ?6"
                                " AND (?7 < 0 OR state = ?7) AND " PASSES " ORDER BY position LIMIT ?8";
static const char find_event[] = "SELECT " DEFERRED_COLUMNS " FROM deferred WHERE event_id = ?1";
static const char find_raw[] = "SELECT " DEFERRED_COLUMNS " FROM deferred WHERE position = ?1 AND event_id IS NULL";
static const char retry_row[] = "UPDATE deferred SET state = 0, attempts = 0, next_try_ms = ?2 WHERE position = ?1";
/* After add_acts, which must choose the same rows: both run in one transaction with the same values. */
static const char retry_rows[] = "UPDATE deferred SET state = 0, attempts = 0, next_try_ms = ?7 WHERE position IN"
                                 " (" CHOSEN ")";
static const char add_act[] =
    "INSERT INTO parked_audit (at_ms, action, result, event_id, type, subject, reason, attempts, request_id, remote)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)";
static const char add_acts[] =
    "INSERT INTO parked_audit (at_ms, action, result, event_id, type, subject, reason, attempts, request_id, remote)"
    " SELECT ?7, 'retry', 'done', coalesce(event_id, 'raw-' || position), type, subject, reason, attempts, ?8, ?9"
    " FROM deferred WHERE position IN (" CHOSEN ") ORDER BY position";
static const char list_acts[] = "SELECT at_ms, action, result, request_id, remote FROM parked_audit"
                                " WHERE event_id = ?1 ORDER BY position LIMIT ?2";

/* ---- looking ------------------------------------------------------------------------------------------------ */

void tern_parked_name(const struct tern_deferred *deferred, char name[TERN_PARKED_NAME_SIZE])
{
    if (deferred->event_id[0] != '\0')
        tern_copy_whole(name, TERN_PARKED_NAME_SIZE, deferred->event_id);
    else
        (void)snprintf(name, TERN_PARKED_NAME_SIZE, "raw-%" PRId64, deferred->position);
}

int tern_parked_list(struct tern_db *db, const struct tern_parked_filter *filter, int64_t position, int limit,
                     tern_parked_visit *visit, void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    int got, visited = 0;
    if (tern_db_query(db, &rows, list_rows,
                      TERN_DB_ARGS(tern_db_text(filter->type), tern_db_text(filter->subject),
                                   tern_db_text(filter->reason), tern_db_int(filter->before_ms),
                                   tern_db_int(filter->since_ms), tern_db_int(position), tern_db_int(filter->state),
                                   tern_db_int(limit)),
                      err) < 0)
        return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        struct tern_deferred deferred;
        tern_deferred_read(&rows, &deferred);
        tern_deferred_fini(&deferred);
        deferred.body_length = (size_t)tern_db_column_int(&rows, 13);
        visited++;
        if (visit(self, &deferred, err) != 0) break;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : visited;
}

/* The position in "raw-17"; 0, which no row has, for anything else. */
static int64_t raw_position(const char *name)
{
    int64_t position = 0;
    size_t digits = strspn(name + 4, "0123456789");
    if (digits == 0 || digits > 18 || name[4 + digits] != '\0' || name[4] == '0') return 0;
    for (const char *digit = name + 4; *digit != '\0'; digit++)
        position = position * 10 + (*digit - '0');
    return position;
}

int tern_parked_find(struct tern_db *db, const char *name, struct tern_deferred *ret_deferred, struct tern_error *err)
{
    struct tern_db_rows rows;
    char event_id[TERN_UUID_SIZE];
    bool raw = strncmp(name, "raw-", 4) == 0;
    if (!raw && tern_uuid_normalise(name, event_id) < 0) return 0;
    if (tern_db_query(db, &rows, raw ? find_raw : find_event,
                      TERN_DB_ARGS(raw ? tern_db_int(raw_position(name)) : tern_db_text(event_id)), err) < 0)
        return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) tern_deferred_read(&rows, ret_deferred);
    tern_db_done(&rows);
    return got;
}

int tern_parked_acts(struct tern_db *db, const char *name,
                     int (*visit)(void *self, const struct tern_parked_act *act, struct tern_error *err), void *self,
                     struct tern_error *err)
{
    struct tern_db_rows rows;
    int got, visited = 0;
    if (tern_db_query(db, &rows, list_acts, TERN_DB_ARGS(tern_db_text(name), tern_db_int(ACTS_MAX)), err) < 0)
        return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        struct tern_parked_act act = {.at_ms = tern_db_column_int(&rows, 0)};
        tern_copy_whole(act.action, sizeof act.action, tern_db_column_text(&rows, 1));
        tern_copy_whole(act.result, sizeof act.result, tern_db_column_text(&rows, 2));
        tern_copy_whole(act.request_id, sizeof act.request_id, tern_db_column_text(&rows, 3));
        tern_copy_cut(act.remote, sizeof act.remote, tern_db_column_text(&rows, 4));
        visited++;
        if (visit(self, &act, err) != 0) break;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : visited;
}

/* ---- acting ------------------------------------------------------------------------------------------------- */

/* One row of the audit, also for an act that is refused. */
static int write_act(struct tern_db *db, const char *action, const struct tern_deferred *deferred,
                     const struct tern_parked_caller *caller, struct tern_error *err)
{
    char name[TERN_PARKED_NAME_SIZE];
    tern_parked_name(deferred, name);
    return tern_db_run(db, add_act,
                       TERN_DB_ARGS(tern_db_int(caller->now_ms), tern_db_text(action),
                                    tern_db_text(deferred->state == TERN_DEFERRED_PARKED ? "done" : "refused"),
                                    tern_db_text(name), tern_db_text(deferred->type), tern_db_text(deferred->subject),
                                    tern_db_text(deferred->reason), tern_db_int(deferred->attempts),
                                    tern_db_text(caller->request_id), tern_db_text(caller->remote)),
                       err);
}

/* Due at once, with no attempts counted; its place in the order stays. */
static int retry(struct tern_db *db, const struct tern_deferred *deferred, const struct tern_parked_caller *caller,
                 struct tern_error *err)
{
    return tern_db_run(db, retry_row, TERN_DB_ARGS(tern_db_int(deferred->position), tern_db_int(caller->now_ms)), err);
}

/* As handled in the inbox, so that a redelivery or a republished copy does not bring it back. */
static int discard(struct tern_db *db, const struct tern_deferred *deferred, const struct tern_parked_caller *caller,
                   struct tern_error *err)
{
    if (deferred->event_id[0] != '\0' && tern_inbox_add(db, deferred->event_id, caller->online_ms, err) < 0) return -1;
    return tern_deferred_remove(db, deferred->position, deferred->subject, caller->now_ms, err);
}

typedef int act_on(struct tern_db *db, const struct tern_deferred *deferred, const struct tern_parked_caller *caller,
                   struct tern_error *err);

/* Finds the message, writes the audit, and acts if the message is parked. */
static int act(struct tern_db *db, const char *action, act_on *on, const char *name,
               const struct tern_parked_caller *caller, struct tern_deferred *ret_deferred, struct tern_error *err)
{
    struct tern_deferred deferred;
    int found = tern_parked_find(db, name, &deferred, err);
    if (found <= 0) return found;
    bool parked = deferred.state == TERN_DEFERRED_PARKED;
    if (write_act(db, action, &deferred, caller, err) < 0 || (parked && on(db, &deferred, caller, err) < 0)) {
        tern_deferred_fini(&deferred);
        return -1;
    }
    *ret_deferred = deferred;
    return parked ? TERN_PARKED_DONE : TERN_PARKED_REFUSED;
}

int tern_parked_retry(struct tern_db *db, const char *name, const struct tern_parked_caller *caller,
                      struct tern_deferred *ret_deferred, struct tern_error *err)
{
    return act(db, "retry", retry, name, caller, ret_deferred, err);
}

int tern_parked_discard(struct tern_db *db, const char *name, const struct tern_parked_caller *caller,
                        struct tern_deferred *ret_deferred, struct tern_error *err)
{
    return act(db, "discard", discard, name, caller, ret_deferred, err);
}

int tern_parked_retry_many(struct tern_db *db, const struct tern_parked_filter *filter, int limit,
                           const struct tern_parked_caller *caller, struct tern_error *err)
{
    const struct tern_db_value values[] = {
        tern_db_text(filter->type),     tern_db_text(filter->subject),    tern_db_text(filter->reason),
        tern_db_int(filter->before_ms), tern_db_int(filter->since_ms),    tern_db_int(limit),
        tern_db_int(caller->now_ms),    tern_db_text(caller->request_id), tern_db_text(caller->remote),
    };
    if (tern_db_run(db, add_acts, values, TERN_COUNT(values), err) < 0) return -1;
    return tern_db_run(db, retry_rows, values, TERN_COUNT(values) - 2, err);
}
