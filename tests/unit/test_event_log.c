/* The event log and its outbox half: numbers without gaps, streams, what a nudge asks for, what is confirmed. */
#include "tern_test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/outbox/log_store.h"
#include "common/store/store.h"
#include "store.h"
#include "tern/event_log.h"

extern const struct tern_migration tern_core_migrations[];

static const struct tern_log_time NOW = {.wall_ms = 1, .online_ms = 1};

static int set_up(void **state)
{
    *state = test_store_open();
    return 0;
}

static int tear_down(void **state)
{
    tern_db_close(*state);
    return 0;
}

/* Appends event `id` about `subject`; returns its seq, and checks its version. */
static int64_t append(struct tern_db *db, const char *id, const char *subject, enum tern_origin origin,
                      const char *cause, int64_t expect_version)
{
    struct tern_event event = {0};
    struct tern_error err;
    char body[80];
    int64_t seq = 0, version = 0;
    strcpy(event.event_id, id);
    strcpy(event.type, "OrderPlaced");
    strcpy(event.subject, subject);
    strcpy(event.correlation_id, "c");
    strcpy(event.causation_id, cause);
    strcpy(event.traceparent, "00-t-s-01");
    snprintf(body, sizeof body, "{\"eventId\":\"%s\"}", id);
    if (tern_event_log_append(db, &event, origin, body, strlen(body),
                              (struct tern_log_time){.wall_ms = 1000 + (int64_t)strlen(id)}, &seq, &version,
                              &err) < 0) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(version, expect_version);
    return seq;
}

/* Writes the ids of the rows it sees, separated by blanks; stops after `most`. */
struct seen {
    char ids[200];
    int most;
    int fail_at;
    struct tern_log_row last;
    char body[80];
};

static int see(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct seen *seen = self;
    if (seen->fail_at > 0 && --seen->fail_at == 0) {
        return tern_error_set(err, "seen enough");
    }
    strcat(seen->ids, row->event_id);
    strcat(seen->ids, " ");
    seen->last = *row;
    assert_int_equal(strlen(row->body), row->body_length);
    strcpy(seen->body, row->body);
    return --seen->most == 0 ? 1 : 0;
}

static void rows_are_numbered_over_the_log_and_per_subject(void **state)
{
    struct tern_db *db = *state;
    assert_int_equal(append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1), 1);
    assert_int_equal(append(db, "e2", "B", TERN_ORIGIN_OWN, "", 1), 2);
    assert_int_equal(append(db, "e3", "A", TERN_ORIGIN_FOREIGN, "", 2), 3);
    assert_int_equal(append(db, "e4", "A", TERN_ORIGIN_OWN, "e3", 3), 4);
}

static void a_stream_is_read_in_order_and_in_pieces(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "B", TERN_ORIGIN_OWN, "", 1);
    append(db, "e3", "A", TERN_ORIGIN_FOREIGN, "e2", 2);
    append(db, "e4", "A", TERN_ORIGIN_OWN, "e3", 3);

    struct seen all = {0};
    assert_int_equal(tern_event_log_stream(db, "A", 0, 100, see, &all, &err), 3);
    assert_string_equal(all.ids, "e1 e3 e4 ");
    assert_string_equal(all.body, "{\"eventId\":\"e4\"}");
    assert_int_equal(all.last.seq, 4);
    assert_int_equal(all.last.subject_version, 3);
    assert_int_equal(all.last.origin, TERN_ORIGIN_OWN);
    assert_int_equal(all.last.logged_at_ms, 1002);

    struct seen later = {0};
    assert_int_equal(tern_event_log_stream(db, "A", 1, 1, see, &later, &err), 1);
    assert_string_equal(later.ids, "e3 ");
    assert_int_equal(later.last.origin, TERN_ORIGIN_FOREIGN);
    assert_int_equal(tern_event_log_stream(db, "C", 0, 100, see, &later, &err), 0);
}

static void a_visitor_may_stop_or_fail(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "A", TERN_ORIGIN_OWN, "", 2);
    append(db, "e3", "A", TERN_ORIGIN_OWN, "", 3);
    struct seen two = {.most = 2};
    assert_int_equal(tern_event_log_all(db, 0, 100, see, &two, &err), 2);
    assert_string_equal(two.ids, "e1 e2 ");
    struct seen failing = {.fail_at = 2};
    assert_int_equal(tern_event_log_all(db, 0, 100, see, &failing, &err), -1);
    assert_string_equal(err.text, "seen enough");
    assert_string_equal(failing.ids, "e1 ");
}

static void only_own_rows_are_for_the_broker(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "A", TERN_ORIGIN_FOREIGN, "", 2);
    append(db, "e3", "A", TERN_ORIGIN_OWN, "", 3);
    append(db, "e4", "A", TERN_ORIGIN_OWN, "", 4);
    struct seen all = {0}, some = {0};
    assert_int_equal(tern_event_log_own(db, 0, -1, 100, see, &all, &err), 3);
    assert_string_equal(all.ids, "e1 e3 e4 ");
    assert_int_equal(tern_event_log_own(db, 1, 3, 100, see, &some, &err), 1);
    assert_string_equal(some.ids, "e3 ");
}

static void a_nudge_finds_what_was_said_because_of_an_event(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    append(db, "e1", "A", TERN_ORIGIN_FOREIGN, "x", 1);
    append(db, "e2", "A", TERN_ORIGIN_OWN, "x", 2);
    append(db, "e3", "A", TERN_ORIGIN_OWN, "y", 3);
    append(db, "e4", "B", TERN_ORIGIN_OWN, "x", 1);
    struct seen caused = {0};
    assert_int_equal(tern_event_log_caused(db, "x", see, &caused, &err), 2);
    assert_string_equal(caused.ids, "e2 e4 ");
    assert_int_equal(tern_event_log_caused(db, "z", see, &caused, &err), 0);
    assert_int_equal(tern_event_log_caused(db, "", see, &caused, &err), 0);
}

static void the_newest_of_a_type_is_found_in_its_stream(void **state)
{
    struct tern_db *db = *state;
    int64_t seq = 0;
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "A", TERN_ORIGIN_OWN, "", 2);
    append(db, "e3", "B", TERN_ORIGIN_OWN, "", 1);
    append(db, "e4", "A", TERN_ORIGIN_FOREIGN, "", 3);
    char type[TERN_TYPE_SIZE];
    static const char type_of[] = "SELECT type FROM event_log WHERE seq = 2";
    struct tern_db_rows rows;
    assert_int_equal(tern_db_query(db, &rows, type_of, TERN_DB_NO_ARGS, NULL), 0);
    assert_int_equal(tern_db_next(&rows, NULL), 1);
    assert_int_equal(tern_copy(type, sizeof type, tern_db_column_text(&rows, 0)), 0);
    tern_db_done(&rows);
    assert_int_equal(tern_event_log_newest(db, "A", type, &seq, NULL), 1);
    assert_int_equal(seq, 2);
    assert_int_equal(tern_event_log_newest(db, "A", "Unheard", &seq, NULL), 0);
}

static void what_is_to_be_said_again_stands_once_where_it_was_asked_for_last(void **state)
{
    struct tern_db *db = *state;
    struct tern_outbox_request rows[4];
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "A", TERN_ORIGIN_OWN, "", 2);
    assert_int_equal(tern_outbox_request_add(db, 2, false, NULL), 0);
    assert_int_equal(tern_outbox_request_add(db, 1, false, NULL), 0);
    assert_int_equal(tern_outbox_request_add(db, 2, false, NULL), 0);
    assert_int_equal(tern_outbox_request_list(db, 0, rows, 4, NULL), 2);
    assert_int_equal(rows[0].seq, 1);
    assert_int_equal(rows[1].seq, 2);
    int64_t sent_id = rows[1].id;
    assert_int_equal(tern_outbox_request_list(db, rows[0].id, rows, 4, NULL), 1);
    assert_int_equal(tern_outbox_request_add(db, 2, false, NULL),
                     0); /* while the answer to the one before is on its way */
    assert_int_equal(tern_outbox_request_done(db, sent_id, NULL), 0);
    assert_int_equal(tern_outbox_request_list(db, sent_id, rows, 4, NULL), 1);
    assert_int_equal(rows[0].seq, 2);
    assert_int_equal(tern_outbox_request_done(db, rows[0].id, NULL), 0);
    assert_int_equal(tern_outbox_request_add(db, 1, false, NULL), 0);
    assert_int_equal(tern_outbox_request_list(db, sent_id + 1, rows, 4, NULL), 1); /* an id is never used twice */
}

static void a_stream_knows_its_events(void **state)
{
    struct tern_db *db = *state;
    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    assert_int_equal(tern_event_log_has(db, "A", "e1", NULL), 1);
    assert_int_equal(tern_event_log_has(db, "B", "e1", NULL), 0);
    assert_int_equal(tern_event_log_has(db, "A", "e2", NULL), 0);
}

static void what_could_not_be_published_is_not_appended(void **state)
{
    struct tern_db *db = *state;
    static char body[TERN_EVENT_MAX_BYTES + 1];
    struct tern_event event = {.event_id = "e1", .type = "T", .subject = "A", .correlation_id = "c"};
    struct tern_error err;
    int64_t seq = 7, version = 7;
    memset(body, 'x', sizeof body);
    assert_int_equal(tern_event_log_append(db, &event, TERN_ORIGIN_OWN, body, sizeof body, NOW, &seq, &version, &err),
                     -1);
    assert_non_null(strstr(err.text, "65537 bytes"));
    assert_int_equal(seq, 7);
    assert_int_equal(
        tern_event_log_append(db, &event, TERN_ORIGIN_OWN, body, sizeof body - 1, NOW, &seq, &version, &err), 0);
    assert_int_equal(test_store_number(db, "SELECT length(body) FROM event_log"), TERN_EVENT_MAX_BYTES);
}

static void an_event_without_subject_or_id_is_refused_by_the_schema(void **state)
{
    struct tern_db *db = *state;
    struct tern_event event = {.event_id = "e1", .type = "T", .correlation_id = "c"};
    struct tern_error err;
    int64_t seq, version;
    assert_int_equal(tern_event_log_append(db, &event, TERN_ORIGIN_OWN, "{}", 2, NOW, &seq, &version, &err), -1);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
}

static int64_t oldest(struct tern_db *db)
{
    int64_t at_ms = -1;
    assert_int_equal(tern_outbox_oldest(db, &at_ms, NULL), 0);
    return at_ms;
}

static void what_is_above_the_mark_is_pending(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_outbox_state outbox;
    assert_int_equal(tern_outbox_state(db, &outbox, &err), 0);
    assert_int_equal(outbox.confirmed_through + outbox.last_seq + outbox.pending + outbox.oldest_at_ms, 0);

    append(db, "e1", "A", TERN_ORIGIN_OWN, "", 1);
    append(db, "e2", "A", TERN_ORIGIN_FOREIGN, "", 2);
    append(db, "e003", "A", TERN_ORIGIN_OWN, "", 3);
    append(db, "e4", "A", TERN_ORIGIN_FOREIGN, "", 4);
    assert_int_equal(tern_outbox_state(db, &outbox, &err), 0);
    assert_int_equal(outbox.last_seq, 4);
    assert_int_equal(outbox.pending, 2);
    assert_int_equal(outbox.oldest_at_ms, 1002);
    assert_int_equal(oldest(db), 1002);

    assert_int_equal(tern_outbox_advance(db, 2, &err), 0);
    assert_int_equal(tern_outbox_state(db, &outbox, &err), 0);
    assert_int_equal(outbox.confirmed_through, 2);
    assert_int_equal(outbox.pending, 1);
    assert_int_equal(outbox.oldest_at_ms, 1004);
    assert_int_equal(oldest(db), 1004);
    assert_int_equal(tern_outbox_advance(db, 4, &err), 0);
    assert_int_equal(tern_outbox_advance(db, 3, &err), 0);
    assert_int_equal(tern_outbox_state(db, &outbox, &err), 0);
    assert_int_equal(outbox.confirmed_through, 4);
    assert_int_equal(outbox.pending, 0);
    assert_int_equal(outbox.oldest_at_ms, 0);
    assert_int_equal(oldest(db), 0);
}

static void a_row_that_came_back_is_held_until_it_is_confirmed(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_outbox_state outbox;
    struct tern_outbox_returned held[4];
    for (int i = 1; i <= 3; i++) {
        char id[16];
        snprintf(id, sizeof id, "e%d", i);
        append(db, id, "A", TERN_ORIGIN_OWN, "", i);
    }
    assert_int_equal(tern_outbox_return(db, 2, "A", "return", 500, &err), 0);
    assert_int_equal(tern_outbox_return(db, 2, "A", "nack", 900, &err), 0);
    assert_int_equal(tern_outbox_return(db, 3, "A", "behind", 900, &err), 0);
    assert_int_equal(tern_outbox_advance(db, 2, &err), 0);
    assert_int_equal(tern_outbox_state(db, &outbox, &err), 0);
    assert_int_equal(outbox.pending, 2);
    assert_int_equal(outbox.oldest_at_ms, 1002);
    assert_int_equal(oldest(db), 1002);

    assert_int_equal(tern_outbox_returned(db, held, 4, &err), 2);
    assert_int_equal(held[0].seq, 2);
    assert_int_equal(held[0].attempts, 2);
    assert_int_equal(held[0].next_try_ms, 900);
    assert_string_equal(held[0].subject, "A");
    assert_int_equal(held[1].attempts, 1);
    assert_int_equal(tern_outbox_returned(db, held, 1, &err), 1);

    assert_int_equal(tern_outbox_end_return(db, 2, &err), 0);
    assert_int_equal(tern_outbox_end_return(db, 2, &err), 0);
    assert_int_equal(tern_outbox_returned(db, held, 4, &err), 1);
    assert_int_equal(held[0].seq, 3);
}

static void a_row_that_is_not_in_the_log_cannot_be_held(void **state)
{
    struct tern_error err;
    assert_int_equal(tern_outbox_return(*state, 9, "A", "return", 500, &err), -1);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
}

static void streams_and_nudges_are_answered_by_an_index(void **state)
{
    struct tern_db *db = *state;
    static const char stream[] = "EXPLAIN QUERY PLAN SELECT body FROM event_log WHERE subject = 'A'"
                                 " AND subject_version > 1 ORDER BY subject_version LIMIT 9";
    static const char newest[] = "EXPLAIN QUERY PLAN SELECT subject_version FROM event_log WHERE subject = 'A'"
                                 " ORDER BY subject_version DESC LIMIT 1";
    static const char caused[] = "EXPLAIN QUERY PLAN SELECT body FROM event_log WHERE origin = 1"
                                 " AND causation_id = 'x' ORDER BY seq";
    test_store_uses(db, stream, "event_log_stream");
    test_store_uses(db, newest, "COVERING INDEX event_log_stream");
    test_store_uses(db, caused, "event_log_caused");
}

/* ---- each call to the store fails in turn ---------------------------------------------------------------- */

static int do_append(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_event event = {.event_id = "e9", .type = "T", .subject = "A", .correlation_id = "c"};
    int64_t *numbers = self;
    return tern_event_log_append(db, &event, TERN_ORIGIN_OWN, "{}", 2, NOW, &numbers[0], &numbers[1], err);
}

static int do_read(struct tern_db *db, void *self, struct tern_error *err)
{
    struct seen seen = {0};
    (void)self;
    return tern_event_log_stream(db, "A", 0, 10, see, &seen, err) < 0 ||
                   tern_event_log_own(db, 0, -1, 10, see, &seen, err) < 0 ||
                   tern_event_log_caused(db, "x", see, &seen, err) < 0 ||
                   tern_event_log_all(db, 0, 10, see, &seen, err) < 0 || tern_event_log_has(db, "A", "e1", err) < 0
               ? -1
               : 0;
}

static int do_state(struct tern_db *db, void *self, struct tern_error *err)
{
    return tern_outbox_state(db, self, err);
}

static int do_outbox(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_outbox_returned held[2];
    (void)self;
    return tern_outbox_return(db, 1, "A", "nack", 1, err) < 0 || tern_outbox_returned(db, held, 2, err) < 0 ||
                   tern_outbox_end_return(db, 1, err) < 0 || tern_outbox_advance(db, 1, err) < 0
               ? -1
               : 0;
}

static void a_store_that_fails_is_told_and_leaves_no_half_row(void **state)
{
    struct tern_db *db = *state;
    int64_t numbers[2] = {0};
    append(db, "e1", "A", TERN_ORIGIN_OWN, "x", 1);
    test_store_fail_each(db, do_append, numbers);
    assert_int_equal(numbers[0], 2);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM event_log"), 2);
    test_store_fail_each(db, do_read, NULL);
    struct tern_outbox_state outbox = {.confirmed_through = -1};
    test_store_fail_each(db, do_state, &outbox);
    assert_int_equal(outbox.confirmed_through, 0);
    test_store_fail_each(db, do_outbox, NULL);
    assert_int_equal(test_store_number(db, "SELECT confirmed_through FROM outbox_position"), 1);
}

/* ---- what is recent ---------------------------------------------------------------------------------------- */

static void append_at(struct tern_db *db, enum tern_origin origin, int64_t wall_ms, int64_t online_ms)
{
    struct tern_event event = {.type = "OrderPlaced", .subject = "A", .correlation_id = "c"};
    const struct tern_log_time at = {wall_ms, online_ms};
    int64_t seq, version;
    (void)snprintf(event.event_id, sizeof event.event_id, "e%lld", (long long)online_ms);
    assert_int_equal(tern_event_log_append(db, &event, origin, "{}", 2, at, &seq, &version, NULL), 0);
}

static int64_t first_in(struct tern_db *db, int64_t window_ms, int64_t earliest_ms, int64_t through_seq)
{
    int64_t after_seq = -1;
    assert_int_equal(tern_event_log_window(db, window_ms, earliest_ms, through_seq, &after_seq, NULL), 0);
    return after_seq + 1;
}

/* Ten rows, a second online apart; the wall clock is set forward by a day before the fourth and back by two before the
 * seventh. */
static void the_window_begins_at_the_first_row_that_is_young_enough_whatever_the_clock_says(void **state)
{
    static const int64_t day_ms = 86400000;
    struct tern_db *db = *state;
    for (int64_t i = 1; i <= 10; i++)
        append_at(db, TERN_ORIGIN_OWN, i * 1000 + (i >= 7 ? -day_ms : i >= 4 ? day_ms : 0), i * 1000);
    for (int64_t first = 1; first < 10; first++) {
        assert_int_equal(first_in(db, 10000 - first * 1000, 0, 10), first);
        assert_int_equal(first_in(db, 10000 - first * 1000 + 999, 0, 10), first);
        assert_int_equal(first_in(db, day_ms, first * 1000, 10), first);
    }
    assert_int_equal(first_in(db, day_ms, 0, 10), 1);
    assert_int_equal(first_in(db, 2000, 0, 6), 4); /* back from the newest one that was confirmed */
    assert_int_equal(first_in(db, 0, 0, 10), 11);
    assert_int_equal(first_in(db, day_ms, 10001, 10), 11);
}

/* What order-service takes in from others stands in its log too, and the mark may stop there. */
static void a_foreign_row_at_the_end_does_not_move_the_window(void **state)
{
    struct tern_db *db = *state;
    append_at(db, TERN_ORIGIN_FOREIGN, 0, 1000);
    assert_int_equal(first_in(db, 86400000, 0, 1), 2); /* no row of ours: nothing */
    for (int64_t i = 2; i <= 8; i++)
        append_at(db, TERN_ORIGIN_OWN, 0, i * 1000);
    append_at(db, TERN_ORIGIN_FOREIGN, 0, 90000);
    assert_int_equal(first_in(db, 5000, 0, 9), 3);
}

/* ---- stores of before -------------------------------------------------------------------------------------- */

/* A store as a version with so many schema steps made it. */
static struct tern_db *open_old(size_t steps)
{
    struct tern_migration *old = tern_alloc((steps + 1) * sizeof *old);
    struct tern_db *db = NULL;
    struct tern_error err;
    memcpy(old, tern_core_migrations, steps * sizeof *old);
    assert_int_equal(tern_db_open("sqlite::memory:", &db, &err), 0);
    assert_int_equal(tern_db_migrate(db, "core", old, &err), 0);
    free(old);
    return db;
}

static void upgrade(struct tern_db *db)
{
    struct tern_error err;
    if (tern_db_migrate(db, "core", tern_core_migrations, &err) < 0) fail_msg("%s", err.text);
}

static void a_log_from_before_numbering_gets_its_numbers(void **state)
{
    enum { BEFORE_NUMBERS = 7 };
    struct tern_db *db = open_old(BEFORE_NUMBERS);
    (void)state;
    static const char rows[] =
        "INSERT INTO event_log (origin, subject_version, logged_at_ms, event_id, type, subject, correlation_id, body)"
        " VALUES (1, 1, 0, 'a', 'OrderPlaced', 'A', 'c', '{}'), (0, 2, 0, 'b', 'OrderPlaced', 'A', 'c', '{}'),"
        " (1, 3, 0, 'd', 'OrderUpdated', 'A', 'c', '{}'), (1, 1, 0, 'e', 'OrderPlaced', 'B', 'c', '{}')";
    assert_int_equal(tern_db_run(db, rows, TERN_DB_NO_ARGS, NULL), 4);
    upgrade(db);
    assert_int_equal(test_store_number(db, "SELECT group_concat(coalesce(number, 0), '') FROM event_log"), 1012);
    tern_db_close(db);
}

/* Rows at 10, 20, 30 s; the clock set forward by an hour, which was noted, and rows at 40, 50 s by the old clock;
 * set back by 15 s while the service was down, and rows at 60, 70 s. */
static void a_log_from_before_online_times_keeps_its_ages(void **state)
{
    enum { BEFORE_ONLINE_TIMES = 11 };
    struct tern_db *db = open_old(BEFORE_ONLINE_TIMES);
    (void)state;
    static const char rows[] =
        "INSERT INTO event_log (origin, subject_version, logged_at_ms, event_id, type, subject, correlation_id, body)"
        " SELECT 1, seq, at, 'e' || seq, 'T', 'A', 'c', '{}' FROM (SELECT key + 1 AS seq, value AS at FROM"
        " json_each('[10000,20000,30000,3640000,3650000,3645000,3655000]'))";
    static const char ages[] = "SELECT group_concat((100000 - online_ms) / 1000, '') FROM"
                               " (SELECT online_ms FROM event_log ORDER BY seq DESC)";
    assert_int_equal(tern_db_run(db, rows, TERN_DB_NO_ARGS, NULL), 7);
    assert_true(
        tern_db_run(db, "INSERT INTO clock_jump (after_seq, by_ms) VALUES (3, 3600000)", TERN_DB_NO_ARGS, NULL) > 0);
    assert_true(tern_db_run(db, "UPDATE online_time SET total_ms = 100000", TERN_DB_NO_ARGS, NULL) > 0);
    upgrade(db);
    assert_int_equal(test_store_number(db, ages), 101015253545); /* 0 10 10 15 25 35 45 */
    tern_db_close(db);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(rows_are_numbered_over_the_log_and_per_subject),
        T(a_stream_is_read_in_order_and_in_pieces),
        T(a_visitor_may_stop_or_fail),
        T(only_own_rows_are_for_the_broker),
        T(a_nudge_finds_what_was_said_because_of_an_event),
        T(the_newest_of_a_type_is_found_in_its_stream),
        T(what_is_to_be_said_again_stands_once_where_it_was_asked_for_last),
        T(a_stream_knows_its_events),
        T(what_could_not_be_published_is_not_appended),
        T(an_event_without_subject_or_id_is_refused_by_the_schema),
        T(what_is_above_the_mark_is_pending),
        T(a_row_that_came_back_is_held_until_it_is_confirmed),
        T(a_row_that_is_not_in_the_log_cannot_be_held),
        T(streams_and_nudges_are_answered_by_an_index),
        T(the_window_begins_at_the_first_row_that_is_young_enough_whatever_the_clock_says),
        T(a_foreign_row_at_the_end_does_not_move_the_window),
        T(a_log_from_before_numbering_gets_its_numbers),
        T(a_log_from_before_online_times_keeps_its_ages),
        T(a_store_that_fails_is_told_and_leaves_no_half_row),
    };
    return cmocka_run_group_tests_name("event_log", tests, NULL, NULL);
}
