/* outbox.c - how far the broker has confirmed the event log, stored beside its rows.
 *
 * One position instead of a flag in each row: a batch of confirms costs one small update, and the log stays
 * append-only. The position never goes back. Returned rows stand in outbox_returned until the broker has confirmed
 * them too, so a row below the position is confirmed unless it is listed there. */
#include "log_store.h"
#include "tern/event_log.h"

static const char read_position[] =
    "SELECT confirmed_through, coalesce((SELECT max(seq) FROM event_log), 0) FROM outbox_position WHERE id = 1";
static const char count_pending[] = "SELECT count(*), coalesce(min(logged_at_ms), 0) FROM event_log"
                                    " WHERE origin = 1 AND seq > ?1";
/* Returned rows up to the position; those above it are counted as pending already. */
static const char count_returned[] = "SELECT count(*), coalesce(min(e.logged_at_ms), 0) FROM outbox_returned h"
                                     " JOIN event_log e ON e.seq = h.seq WHERE h.seq <= ?1";
static const char oldest_unsent[] = "SELECT logged_at_ms FROM event_log WHERE origin = 1"
                                    " AND seq > (SELECT confirmed_through FROM outbox_position) ORDER BY seq LIMIT 1";
static const char oldest_returned[] = "SELECT e.logged_at_ms FROM outbox_returned h JOIN event_log e ON e.seq = h.seq"
                                      " ORDER BY h.seq LIMIT 1";
/* The condition keeps the position from going back, whatever a report says. */
static const char advance_position[] =
    "UPDATE outbox_position SET confirmed_through = ?1 WHERE id = 1 AND confirmed_through < ?1";
static const char return_row[] = "INSERT INTO outbox_returned (seq, subject, attempts, next_try_ms, reason)"
                                 " VALUES (?1, ?2, 1, ?3, ?4) ON CONFLICT (seq) DO UPDATE"
                                 " SET attempts = attempts + 1, next_try_ms = excluded.next_try_ms,"
                                 " reason = excluded.reason";
static const char remove_returned[] = "DELETE FROM outbox_returned WHERE seq = ?1";
/* A row asked for again takes the new id, so it moves to the end. AND: once a nudge was asked for, it stays one. */
static const char add_request[] = "INSERT INTO republish_request (seq, republished) VALUES (?1, ?2)"
                                  " ON CONFLICT (seq) DO UPDATE SET id = excluded.id, republished ="
                                  " republish_request.republished AND excluded.republished";
static const char request_rows[] =
    "SELECT id, seq, republished FROM republish_request WHERE id > ?1 ORDER BY id LIMIT ?2";
static const char count_request[] = "SELECT count(*) FROM republish_request";
/* A beacon must not name a number that was returned: consumers would miss it. */
static const char read_confirmed[] =
    "SELECT min(confirmed_through, coalesce((SELECT min(seq) - 1 FROM outbox_returned), confirmed_through))"
    " FROM outbox_position";
static const char done_request[] = "DELETE FROM republish_request WHERE id <= ?1";
static const char returned_rows[] =
    "SELECT seq, attempts, next_try_ms, subject FROM outbox_returned ORDER BY seq LIMIT ?1";

/* Reads two numbers from a query that always has exactly one row. */
static int read_pair(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                     int64_t *ret_first, int64_t *ret_second, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    TERN_ASSERT(got != 0, "the outbox has its position");
    if (got > 0) {
        *ret_first = tern_db_column_int(&rows, 0);
        *ret_second = tern_db_column_int(&rows, 1);
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

/* 0 means: there is none. */
static int64_t older(int64_t first_ms, int64_t second_ms)
{
    if (first_ms == 0 || second_ms == 0) return first_ms + second_ms;
    return first_ms < second_ms ? first_ms : second_ms;
}

int tern_outbox_state(struct tern_db *db, struct tern_outbox_state *ret_state, struct tern_error *err)
{
    struct tern_outbox_state state = {0};
    int64_t unsent, unsent_ms, returned, returned_ms;
    if (read_pair(db, read_position, TERN_DB_NO_ARGS, &state.confirmed_through, &state.last_seq, err) < 0 ||
        read_pair(db, count_pending, TERN_DB_ARGS(tern_db_int(state.confirmed_through)), &unsent, &unsent_ms, err) <
            0 ||
        read_pair(db, count_returned, TERN_DB_ARGS(tern_db_int(state.confirmed_through)), &returned, &returned_ms,
                  err) < 0)
        return -1;
    state.pending = unsent + returned;
    state.oldest_at_ms = older(unsent_ms, returned_ms);
    *ret_state = state;
    return 0;
}

int tern_outbox_oldest(struct tern_db *db, int64_t *ret_at_ms, struct tern_error *err)
{
    int64_t unsent_ms = 0, returned_ms = 0;
    if (tern_db_get_int(db, oldest_unsent, TERN_DB_NO_ARGS, &unsent_ms, err) < 0 ||
        tern_db_get_int(db, oldest_returned, TERN_DB_NO_ARGS, &returned_ms, err) < 0)
        return -1;
    *ret_at_ms = older(unsent_ms, returned_ms);
    return 0;
}

int tern_outbox_advance(struct tern_db *db, int64_t confirmed_through, struct tern_error *err)
{
    return tern_db_run(db, advance_position, TERN_DB_ARGS(tern_db_int(confirmed_through)), err) < 0 ? -1 : 0;
}

int tern_outbox_return(struct tern_db *db, int64_t seq, const char *subject, const char *reason, int64_t next_try_ms,
                       struct tern_error *err)
{
    const struct tern_db_value values[] = {tern_db_int(seq), tern_db_text(subject), tern_db_int(next_try_ms),
                                           tern_db_text(reason)};
    return tern_db_run(db, return_row, values, TERN_COUNT(values), err) < 0 ? -1 : 0;
}

int tern_outbox_end_return(struct tern_db *db, int64_t seq, struct tern_error *err)
{
    return tern_db_run(db, remove_returned, TERN_DB_ARGS(tern_db_int(seq)), err) < 0 ? -1 : 0;
}

int tern_outbox_returned(struct tern_db *db, struct tern_outbox_returned *ret_rows, int limit, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, returned_rows, TERN_DB_ARGS(tern_db_int(limit)), err) < 0) return -1;
    int count = 0, got;
    while ((got = tern_db_next(&rows, err)) > 0) {
        struct tern_outbox_returned *returned = &ret_rows[count++];
        returned->seq = tern_db_column_int(&rows, 0);
        returned->attempts = tern_db_column_int(&rows, 1);
        returned->next_try_ms = tern_db_column_int(&rows, 2);
        tern_copy_whole(returned->subject, sizeof returned->subject, tern_db_column_text(&rows, 3));
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : count;
}

int tern_outbox_request_add(struct tern_db *db, int64_t seq, bool republished, struct tern_error *err)
{
    return tern_db_run(db, add_request, TERN_DB_ARGS(tern_db_int(seq), tern_db_int(republished)), err) < 0 ? -1 : 0;
}

int tern_outbox_request_count(struct tern_db *db, int64_t *ret_count, struct tern_error *err)
{
    return tern_db_get_int(db, count_request, TERN_DB_NO_ARGS, ret_count, err) < 0 ? -1 : 0;
}

int tern_outbox_confirmed(struct tern_db *db, int64_t *ret_through_seq, struct tern_error *err)
{
    return tern_db_get_int(db, read_confirmed, TERN_DB_NO_ARGS, ret_through_seq, err) < 0 ? -1 : 0;
}

int tern_outbox_request_list(struct tern_db *db, int64_t after_id, struct tern_outbox_request *ret_rows, int limit,
                             struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, request_rows, TERN_DB_ARGS(tern_db_int(after_id), tern_db_int(limit)), err) < 0)
        return -1;
    int count = 0, got;
    while ((got = tern_db_next(&rows, err)) > 0)
        ret_rows[count++] = (struct tern_outbox_request){.id = tern_db_column_int(&rows, 0),
                                                         .seq = tern_db_column_int(&rows, 1),
                                                         .republished = tern_db_column_int(&rows, 2) != 0};
    tern_db_done(&rows);
    return got < 0 ? -1 : count;
}

int tern_outbox_request_done(struct tern_db *db, int64_t through_id, struct tern_error *err)
{
    return tern_db_run(db, done_request, TERN_DB_ARGS(tern_db_int(through_id)), err) < 0 ? -1 : 0;
}
