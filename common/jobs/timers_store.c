/* timers_store.c - the rows of durable timers: set, moved, cleared, and taken when due.
 *
 * Whoever takes a due timer removes its row in the transaction in which its function runs: both are undone together,
 * or it has fired once. The table is WITHOUT ROWID with one index more, because an order's timers are set and cleared
 * on the hot path. Fires nothing itself. */
#include "timers_store.h"
#include "tern/timers.h"

#include <string.h>

static const char set_row[] = "INSERT INTO timer (kind, key, due_ms, payload) VALUES (?1, ?2, ?3, ?4)"
                              " ON CONFLICT (kind, key) DO UPDATE"
                              " SET due_ms = excluded.due_ms, payload = excluded.payload";
static const char set_missing[] = "INSERT INTO timer (kind, key, due_ms) VALUES (?1, ?2, ?3)"
                                  " ON CONFLICT (kind, key) DO NOTHING";
/* For a start after the wall clock was set back: nothing waits longer than it should. */
static const char pull_in[] = "UPDATE timer SET due_ms = ?2 WHERE kind = ?1 AND due_ms > ?2";
static const char shift_rows[] = "UPDATE timer SET due_ms = due_ms + ?1";
static const char clear_row[] = "DELETE FROM timer WHERE kind = ?1 AND key = ?2";
static const char next_due[] = "SELECT due_ms FROM timer ORDER BY due_ms LIMIT 1";
static const char due_row[] = "SELECT kind, key, due_ms, payload FROM timer WHERE due_ms <= ?1"
                              " ORDER BY due_ms LIMIT 1";

int tern_timer_set(struct tern_db *db, const char *kind, const char *key, int64_t due_ms, const char *payload,
                   struct tern_error *err)
{
    const struct tern_timer *fits = NULL;
    if (!payload) payload = "";
    if (strlen(kind) >= sizeof fits->kind || strlen(key) >= sizeof fits->key || strlen(payload) >= sizeof fits->payload)
        return tern_error_set(err, "the timer %s of %s is longer than a timer can be", kind, key);
    const struct tern_db_value values[] = {tern_db_text(kind), tern_db_text(key), tern_db_int(due_ms),
                                           tern_db_text(payload)};
    return tern_db_run(db, set_row, values, TERN_COUNT(values), err) < 0 ? -1 : 0;
}

int tern_timer_set_missing(struct tern_db *db, const char *kind, const char *key, int64_t due_ms,
                           struct tern_error *err)
{
    const struct tern_db_value values[] = {tern_db_text(kind), tern_db_text(key), tern_db_int(due_ms)};
    return tern_db_run(db, set_missing, values, TERN_COUNT(values), err) < 0 ? -1 : 0;
}

int tern_timer_pull_in(struct tern_db *db, const char *kind, int64_t latest_ms, struct tern_error *err)
{
    return tern_db_run(db, pull_in, TERN_DB_ARGS(tern_db_text(kind), tern_db_int(latest_ms)), err) < 0 ? -1 : 0;
}

int tern_timer_arm(struct tern_context *ctx, const char *kind, const char *key, int64_t delay_ms, const char *payload,
                   struct tern_error *err)
{
    if (tern_timer_set(ctx->db, kind, key, ctx->now_ms + delay_ms, payload, err) < 0) return -1;
    ctx->timers_set++; /* the writer asks for the next due time again */
    return 0;
}

int tern_timer_clear(struct tern_db *db, const char *kind, const char *key, struct tern_error *err)
{
    return tern_db_run(db, clear_row, TERN_DB_ARGS(tern_db_text(kind), tern_db_text(key)), err);
}

int tern_timer_next_due(struct tern_db *db, int64_t *ret_due_ms, struct tern_error *err)
{
    return tern_db_get_int(db, next_due, TERN_DB_NO_ARGS, ret_due_ms, err);
}

int tern_timer_take_due(struct tern_db *db, int64_t now_ms, struct tern_timer *ret_timer, struct tern_error *err)
{
    struct tern_timer timer;
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, due_row, TERN_DB_ARGS(tern_db_int(now_ms)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        tern_copy_whole(timer.kind, sizeof timer.kind, tern_db_column_text(&rows, 0));
        tern_copy_whole(timer.key, sizeof timer.key, tern_db_column_text(&rows, 1));
        timer.due_ms = tern_db_column_int(&rows, 2);
        tern_copy_whole(timer.payload, sizeof timer.payload, tern_db_column_text(&rows, 3));
    }
    tern_db_done(&rows);
    if (got <= 0) return got;
    int removed = tern_timer_clear(db, timer.kind, timer.key, err);
    if (removed < 0) return -1;
    TERN_ASSERT(removed == 1, "a timer that is due is there to be removed");
    *ret_timer = timer;
    return 1;
}

int tern_timer_shift(struct tern_db *db, int64_t by_ms, struct tern_error *err)
{
    return tern_db_run(db, shift_rows, TERN_DB_ARGS(tern_db_int(by_ms)), err) < 0 ? -1 : 0;
}
