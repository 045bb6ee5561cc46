/* deferred.c - the table of messages kept for later: in retry, behind an earlier one, or parked.
 *
 * Invariant: rows of one subject leave in order of arrival. Removing one makes the next of its subject due; a parked
 * one keeps those behind it where they are. The caller counts an attempt in a transaction of its own, before the
 * handler runs. A row's key is its position, which is never used twice. */
#include "deferred.h"

#include "deferred_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char add_row[] =
    "INSERT INTO deferred (event_id, type, subject, state, attempts, next_try_ms, first_at_ms, last_at_ms, reason,"
    " error, traceparent, body)"
    " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (event_id) DO NOTHING";
static const char find_event[] = "SELECT position FROM deferred WHERE event_id = ?1";
static const char has_position[] = "SELECT 1 FROM deferred WHERE position = ?1";
/* An unreadable message has no id: its bytes are compared with those of the newest ones only, so the cost stays
 * bounded. */
static const char has_raw[] = "SELECT 1 FROM (SELECT body FROM deferred WHERE event_id IS NULL ORDER BY position DESC"
                              " LIMIT 256) WHERE body = ?1 LIMIT 1";
static const char has_subject[] = "SELECT 1 FROM deferred WHERE subject = ?1 LIMIT 1";
static const char count_states[] = "SELECT state, count(*) FROM deferred GROUP BY state";
static const char next_due[] = "SELECT next_try_ms FROM deferred WHERE state = 0 ORDER BY next_try_ms LIMIT 1";
/* The oldest due time first; of equal ones the oldest message. */
static const char due_row[] =
    "SELECT " DEFERRED_COLUMNS
    " FROM deferred WHERE state = 0 AND next_try_ms <= ?1 ORDER BY next_try_ms, position LIMIT 1";
static const char count_attempt[] = "UPDATE deferred SET attempts = attempts + 1, last_at_ms = ?2, next_try_ms = ?3"
                                    " WHERE position = ?1";
static const char retry_row[] = "UPDATE deferred SET state = 0, next_try_ms = ?2, reason = 'retry', error = ?3"
                                " WHERE position = ?1";
static const char park_row[] = "UPDATE deferred SET state = 2, reason = ?2, error = ?3, last_at_ms = ?4"
                               " WHERE position = ?1";
static const char remove_row[] = "DELETE FROM deferred WHERE position = ?1";
/* Only a row that waits behind others: a parked first row keeps the rest where it is. */
static const char wake_next[] = "UPDATE deferred SET state = 0, next_try_ms = ?2 WHERE state = 1 AND position ="
                                " (SELECT position FROM deferred WHERE subject = ?1 ORDER BY position LIMIT 1)";

void tern_deferred_fini(struct tern_deferred *deferred)
{
    free(deferred->body);
    deferred->body = NULL;
    deferred->body_length = 0;
}

int tern_deferred_add(struct tern_db *db, struct tern_deferred *deferred, struct tern_error *err)
{
    int added = tern_db_insert(
        db, add_row, "position",
        TERN_DB_ARGS(tern_db_text(deferred->event_id), tern_db_text(deferred->type), tern_db_text(deferred->subject),
                     tern_db_int(deferred->state), tern_db_int(deferred->attempts), tern_db_int(deferred->next_try_ms),
                     tern_db_int(deferred->first_at_ms), tern_db_int(deferred->last_at_ms),
                     tern_db_text(deferred->reason), tern_db_text(deferred->error), tern_db_text(deferred->traceparent),
                     tern_db_bytes(deferred->body, deferred->body_length)),
        &deferred->position, err);
    if (added < 0) return tern_error_prefix(err, "cannot keep the message %s", deferred->event_id);
    if (added > 0) return 1;
    const struct tern_db_value event_id = tern_db_text(deferred->event_id);
    return tern_db_get_int(db, find_event, &event_id, 1, &deferred->position, err) < 0 ? -1 : 0;
}

int tern_deferred_is_kept(struct tern_db *db, int64_t position, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_position, TERN_DB_ARGS(tern_db_int(position)), &one, err);
}

int tern_deferred_has_raw(struct tern_db *db, const void *body, size_t length, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_raw, TERN_DB_ARGS(tern_db_bytes(body, length)), &one, err);
}

int tern_deferred_has_subject(struct tern_db *db, const char *subject, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_subject, TERN_DB_ARGS(tern_db_text(subject)), &one, err);
}

int tern_deferred_count(struct tern_db *db, int64_t ret_counts[3], struct tern_error *err)
{
    struct tern_db_rows rows;
    int64_t counts[3] = {0};
    if (tern_db_query(db, &rows, count_states, TERN_DB_NO_ARGS, err) < 0) return -1;
    int got;
    while ((got = tern_db_next(&rows, err)) > 0)
        counts[tern_db_column_int(&rows, 0)] = tern_db_column_int(&rows, 1);
    tern_db_done(&rows);
    if (got == 0) memcpy(ret_counts, counts, sizeof counts);
    return got;
}

int tern_deferred_next_due(struct tern_db *db, int64_t *ret_next_try_ms, struct tern_error *err)
{
    return tern_db_get_int(db, next_due, TERN_DB_NO_ARGS, ret_next_try_ms, err);
}

/* In the order of DEFERRED_COLUMNS. */
void tern_deferred_read(const struct tern_db_rows *rows, struct tern_deferred *deferred)
{
    memset(deferred, 0, sizeof *deferred);
    deferred->position = tern_db_column_int(rows, 0);
    tern_copy_whole(deferred->event_id, sizeof deferred->event_id, tern_db_column_text(rows, 1));
    tern_copy_whole(deferred->type, sizeof deferred->type, tern_db_column_text(rows, 2));
    tern_copy_whole(deferred->subject, sizeof deferred->subject, tern_db_column_text(rows, 3));
    deferred->state = (enum tern_deferred_state)tern_db_column_int(rows, 4);
    deferred->attempts = tern_db_column_int(rows, 5);
    deferred->next_try_ms = tern_db_column_int(rows, 6);
    deferred->first_at_ms = tern_db_column_int(rows, 7);
    deferred->last_at_ms = tern_db_column_int(rows, 8);
    tern_copy_whole(deferred->reason, sizeof deferred->reason, tern_db_column_text(rows, 9));
    tern_copy_cut(deferred->error, sizeof deferred->error, tern_db_column_text(rows, 10));
    tern_copy_whole(deferred->traceparent, sizeof deferred->traceparent, tern_db_column_text(rows, 11));
    const void *body = tern_db_column_bytes(rows, 12, &deferred->body_length);
    deferred->body = tern_copy_bytes(body, deferred->body_length);
}

/* The row stays: the caller counts its attempt, which moves next_try_ms. */
int tern_deferred_take_due(struct tern_db *db, int64_t now_ms, struct tern_deferred *ret_deferred,
                           struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, due_row, TERN_DB_ARGS(tern_db_int(now_ms)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) tern_deferred_read(&rows, ret_deferred);
    tern_db_done(&rows);
    return got;
}

/* Runs an update of one row, by position. A row that is gone is an error: the caller has just read it. */
static int change(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                  struct tern_error *err)
{
    int changed = tern_db_run(db, sql, values, count, err);
    if (changed < 0) return -1;
    return changed == 1 ? 0 : tern_error_set(err, "no message is kept at position %" PRId64, values[0].number);
}

int tern_deferred_attempt(struct tern_db *db, int64_t position, int64_t now_ms, int64_t next_try_ms,
                          struct tern_error *err)
{
    return change(db, count_attempt, TERN_DB_ARGS(tern_db_int(position), tern_db_int(now_ms), tern_db_int(next_try_ms)),
                  err);
}

int tern_deferred_retry(struct tern_db *db, int64_t position, int64_t next_try_ms, const char *error,
                        struct tern_error *err)
{
    return change(db, retry_row, TERN_DB_ARGS(tern_db_int(position), tern_db_int(next_try_ms), tern_db_text(error)),
                  err);
}

int tern_deferred_park(struct tern_db *db, int64_t position, const char *reason, const char *error, int64_t now_ms,
                       struct tern_error *err)
{
    return change(db, park_row,
                  TERN_DB_ARGS(tern_db_int(position), tern_db_text(reason), tern_db_text(error), tern_db_int(now_ms)),
                  err);
}

int tern_deferred_remove(struct tern_db *db, int64_t position, const char *subject, int64_t now_ms,
                         struct tern_error *err)
{
    if (change(db, remove_row, TERN_DB_ARGS(tern_db_int(position)), err) < 0) return -1;
    if (subject[0] == '\0') return 0;
    return tern_db_run(db, wake_next, TERN_DB_ARGS(tern_db_text(subject), tern_db_int(now_ms)), err);
}

int tern_deferred_shift(struct tern_db *db, int64_t by_ms, struct tern_error *err)
{
    static const char shift_rows[] = "UPDATE deferred SET next_try_ms = next_try_ms + ?1 WHERE state = 0";
    return tern_db_run(db, shift_rows, TERN_DB_ARGS(tern_db_int(by_ms)), err) < 0 ? -1 : 0;
}

int tern_deferred_pull_in(struct tern_db *db, int64_t latest_ms, struct tern_error *err)
{
    static const char pull_rows[] = "UPDATE deferred SET next_try_ms = ?1 WHERE state = 0 AND next_try_ms > ?1";
    return tern_db_run(db, pull_rows, TERN_DB_ARGS(tern_db_int(latest_ms)), err) < 0 ? -1 : 0;
}
