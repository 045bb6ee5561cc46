/* held.c - messages kept for later: tried again, standing behind an earlier one, or parked for a person.
 *
 * Order per subject is the law: rows of one subject leave in order of arrival. Removing one makes the next of its
 * subject due; a parked one keeps those behind it where they are. Attempts are counted by the caller's order, in
 * a transaction of its own, before the handler runs. Rows are found by position, which is never used twice. */
#include "tern/held.h"

#include "held_row.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

static const char add_row[] =
    "INSERT INTO held (event_id, type, subject, state, attempts, next_try_ms, first_at_ms, last_at_ms, reason, error,"
    " traceparent, body) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12) ON CONFLICT (event_id) DO NOTHING";
static const char find_event[] = "SELECT position FROM held WHERE event_id = ?1";
static const char has_position[] = "SELECT 1 FROM held WHERE position = ?1";
static const char has_raw[] = "SELECT 1 FROM (SELECT body FROM held WHERE event_id IS NULL ORDER BY position DESC"
                              " LIMIT 256) WHERE body = ?1 LIMIT 1";
static const char has_subject[] = "SELECT 1 FROM held WHERE subject = ?1 LIMIT 1";
static const char count_states[] = "SELECT state, count(*) FROM held GROUP BY state";
static const char next_due[] = "SELECT next_try_ms FROM held WHERE state = 0 ORDER BY next_try_ms LIMIT 1";
static const char due_row[] =
    "SELECT " HELD_COLUMNS " FROM held WHERE state = 0 AND next_try_ms <= ?1 ORDER BY next_try_ms, position LIMIT 1";
static const char count_attempt[] = "UPDATE held SET attempts = attempts + 1, last_at_ms = ?2, next_try_ms = ?3"
                                    " WHERE position = ?1";
static const char retry_row[] = "UPDATE held SET state = 0, next_try_ms = ?2, reason = 'retry', error = ?3"
                                " WHERE position = ?1";
static const char park_row[] = "UPDATE held SET state = 2, reason = ?2, error = ?3, last_at_ms = ?4"
                               " WHERE position = ?1";
static const char remove_row[] = "DELETE FROM held WHERE position = ?1";
static const char wake_next[] = "UPDATE held SET state = 0, next_try_ms = ?2 WHERE state = 1 AND position ="
                                " (SELECT position FROM held WHERE subject = ?1 ORDER BY position LIMIT 1)";

void tern_held_fini(struct tern_held *held)
{
    free(held->body);
    held->body = NULL;
    held->body_length = 0;
}

int tern_held_add(struct tern_db *db, struct tern_held *held, struct tern_error *err)
{
    int added = tern_db_insert(
        db, add_row, "position",
        TERN_DB_ARGS(tern_db_text(held->event_id), tern_db_text(held->type), tern_db_text(held->subject),
                     tern_db_int(held->state), tern_db_int(held->attempts), tern_db_int(held->next_try_ms),
                     tern_db_int(held->first_at_ms), tern_db_int(held->last_at_ms), tern_db_text(held->reason),
                     tern_db_text(held->error), tern_db_text(held->traceparent),
                     tern_db_bytes(held->body, held->body_length)),
        &held->position, err);
    if (added < 0) return tern_error_prefix(err, "cannot keep the message %s", held->event_id);
    if (added == 0) {
        return tern_db_get_int(db, find_event, TERN_DB_ARGS(tern_db_text(held->event_id)), &held->position, err) < 0
                   ? -1
                   : 0;
    }
    return 1;
}

int tern_held_is_kept(struct tern_db *db, int64_t position, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_position, TERN_DB_ARGS(tern_db_int(position)), &one, err);
}

int tern_held_has_raw(struct tern_db *db, const void *body, size_t length, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_raw, TERN_DB_ARGS(tern_db_bytes(body, length)), &one, err);
}

int tern_held_has_subject(struct tern_db *db, const char *subject, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_subject, TERN_DB_ARGS(tern_db_text(subject)), &one, err);
}

int tern_held_count(struct tern_db *db, int64_t ret_counts[3], struct tern_error *err)
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

int tern_held_next_due(struct tern_db *db, int64_t *ret_next_try_ms, struct tern_error *err)
{
    return tern_db_get_int(db, next_due, TERN_DB_NO_ARGS, ret_next_try_ms, err);
}

void tern_held_read(const struct tern_db_rows *rows, struct tern_held *held)
{
    memset(held, 0, sizeof *held);
    held->position = tern_db_column_int(rows, 0);
    tern_copy_whole(held->event_id, sizeof held->event_id, tern_db_column_text(rows, 1));
    tern_copy_whole(held->type, sizeof held->type, tern_db_column_text(rows, 2));
    tern_copy_whole(held->subject, sizeof held->subject, tern_db_column_text(rows, 3));
    held->state = (enum tern_held_state)tern_db_column_int(rows, 4);
    held->attempts = tern_db_column_int(rows, 5);
    held->next_try_ms = tern_db_column_int(rows, 6);
    held->first_at_ms = tern_db_column_int(rows, 7);
    held->last_at_ms = tern_db_column_int(rows, 8);
    tern_copy_whole(held->reason, sizeof held->reason, tern_db_column_text(rows, 9));
    tern_copy_cut(held->error, sizeof held->error, tern_db_column_text(rows, 10));
    tern_copy_whole(held->traceparent, sizeof held->traceparent, tern_db_column_text(rows, 11));
    const void *body = tern_db_column_bytes(rows, 12, &held->body_length);
    held->body = tern_copy_bytes(body, held->body_length);
}

int tern_held_take_due(struct tern_db *db, int64_t now_ms, struct tern_held *ret_held, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, due_row, TERN_DB_ARGS(tern_db_int(now_ms)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) tern_held_read(&rows, ret_held);
    tern_db_done(&rows);
    return got;
}

/* Runs an update of one row. That the row is gone is a mistake of the caller, who holds it. */
static int change(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                  struct tern_error *err)
{
    int changed = tern_db_run(db, sql, values, count, err);
    if (changed < 0) return -1;
    return changed == 1 ? 0 : tern_error_set(err, "no message is kept at position %" PRId64, values[0].number);
}

int tern_held_attempt(struct tern_db *db, int64_t position, int64_t now_ms, int64_t next_try_ms, struct tern_error *err)
{
    return change(db, count_attempt, TERN_DB_ARGS(tern_db_int(position), tern_db_int(now_ms), tern_db_int(next_try_ms)),
                  err);
}

int tern_held_retry(struct tern_db *db, int64_t position, int64_t next_try_ms, const char *error,
                    struct tern_error *err)
{
    return change(db, retry_row, TERN_DB_ARGS(tern_db_int(position), tern_db_int(next_try_ms), tern_db_text(error)),
                  err);
}

int tern_held_park(struct tern_db *db, int64_t position, const char *reason, const char *error, int64_t now_ms,
                   struct tern_error *err)
{
    return change(db, park_row,
                  TERN_DB_ARGS(tern_db_int(position), tern_db_text(reason), tern_db_text(error), tern_db_int(now_ms)),
                  err);
}

int tern_held_remove(struct tern_db *db, int64_t position, const char *subject, int64_t now_ms, struct tern_error *err)
{
    if (change(db, remove_row, TERN_DB_ARGS(tern_db_int(position)), err) < 0) return -1;
    if (subject[0] == '\0') return 0;
    return tern_db_run(db, wake_next, TERN_DB_ARGS(tern_db_text(subject), tern_db_int(now_ms)), err);
}

int tern_held_shift(struct tern_db *db, int64_t by_ms, struct tern_error *err)
{
    static const char shift_rows[] = "UPDATE held SET next_try_ms = next_try_ms + ?1 WHERE state = 0";
    return tern_db_run(db, shift_rows, TERN_DB_ARGS(tern_db_int(by_ms)), err) < 0 ? -1 : 0;
}

int tern_held_pull_in(struct tern_db *db, int64_t latest_ms, struct tern_error *err)
{
    static const char pull_rows[] = "UPDATE held SET next_try_ms = ?1 WHERE state = 0 AND next_try_ms > ?1";
    return tern_db_run(db, pull_rows, TERN_DB_ARGS(tern_db_int(latest_ms)), err) < 0 ? -1 : 0;
}
