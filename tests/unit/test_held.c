/* Messages kept for later: order per subject, attempts counted first, parked ones wait for a person. */
#include "tern_test.h"

#include <string.h>

#include "store.h"
#include "tern/backoff.h"
#include "tern/held.h"

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

static char body_bytes[] = {'{', 0, (char)0xff, '}'};

static int64_t keep(struct tern_db *db, const char *id, const char *subject, enum tern_held_state how,
                    int64_t next_try_ms)
{
    struct tern_error err;
    struct tern_held held = {.state = how,
                             .attempts = 1,
                             .next_try_ms = next_try_ms,
                             .first_at_ms = 5,
                             .last_at_ms = 6,
                             .reason = "retry",
                             .error = "no luck",
                             .type = "OrderPlaced",
                             .traceparent = "00-t",
                             .body = body_bytes,
                             .body_length = sizeof body_bytes};
    strcpy(held.event_id, id);
    strcpy(held.subject, subject);
    if (tern_held_add(db, &held, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return held.position;
}

static void check_counts(struct tern_db *db, int64_t retry, int64_t behind, int64_t parked)
{
    int64_t counts[3] = {-1, -1, -1};
    assert_int_equal(tern_held_count(db, counts, NULL), 0);
    assert_int_equal(counts[TERN_HELD_RETRY], retry);
    assert_int_equal(counts[TERN_HELD_BEHIND], behind);
    assert_int_equal(counts[TERN_HELD_PARKED], parked);
}

static void a_message_comes_back_with_all_that_it_had(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_held held;
    int64_t position = keep(db, "e1", "A", TERN_HELD_RETRY, 100);
    assert_int_equal(tern_held_take_due(db, 99, &held, &err), 0);
    assert_int_equal(tern_held_take_due(db, 100, &held, &err), 1);
    assert_int_equal(held.position, position);
    assert_string_equal(held.event_id, "e1");
    assert_string_equal(held.type, "OrderPlaced");
    assert_string_equal(held.subject, "A");
    assert_int_equal(held.state, TERN_HELD_RETRY);
    assert_int_equal(held.attempts, 1);
    assert_int_equal(held.next_try_ms, 100);
    assert_int_equal(held.first_at_ms, 5);
    assert_int_equal(held.last_at_ms, 6);
    assert_string_equal(held.reason, "retry");
    assert_string_equal(held.error, "no luck");
    assert_string_equal(held.traceparent, "00-t");
    assert_int_equal(held.body_length, sizeof body_bytes);
    assert_memory_equal(held.body, body_bytes, sizeof body_bytes);
    tern_held_fini(&held);
    tern_held_fini(&held);
}

static void the_same_event_is_kept_once(void **state)
{
    struct tern_db *db = *state;
    int64_t position = keep(db, "e1", "A", TERN_HELD_RETRY, 100);
    assert_int_equal(keep(db, "e1", "A", TERN_HELD_BEHIND, 0), position);
    check_counts(db, 1, 0, 0);
}

static void malformed_messages_are_all_kept_and_hold_up_nobody(void **state)
{
    struct tern_db *db = *state;
    int64_t first = keep(db, "", "", TERN_HELD_PARKED, 0);
    assert_true(keep(db, "", "", TERN_HELD_PARKED, 0) > first);
    check_counts(db, 0, 0, 2);
    assert_int_equal(tern_held_has_subject(db, "", NULL), 0);
    assert_int_equal(tern_held_remove(db, first, "", 10, NULL), 0);
    check_counts(db, 0, 0, 1);
}

static void nothing_can_wait_behind_no_subject(void **state)
{
    struct tern_held held = {.state = TERN_HELD_BEHIND, .reason = "retry"};
    struct tern_error err;
    assert_int_equal(tern_held_add(*state, &held, &err), -1);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
}

static void later_messages_of_a_subject_leave_in_order(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_held held;
    int64_t first = keep(db, "e1", "A", TERN_HELD_RETRY, 100);
    int64_t second = keep(db, "e2", "A", TERN_HELD_BEHIND, 0);
    int64_t third = keep(db, "e3", "A", TERN_HELD_BEHIND, 0);
    keep(db, "e4", "B", TERN_HELD_RETRY, 900);
    check_counts(db, 2, 2, 0);
    assert_int_equal(tern_held_has_subject(db, "A", &err), 1);
    assert_int_equal(tern_held_has_subject(db, "C", &err), 0);

    assert_int_equal(tern_held_remove(db, first, "A", 150, &err), 1);
    check_counts(db, 2, 1, 0);
    assert_int_equal(tern_held_take_due(db, 150, &held, &err), 1);
    assert_int_equal(held.position, second);
    tern_held_fini(&held);
    assert_int_equal(tern_held_remove(db, second, "A", 200, &err), 1);
    assert_int_equal(tern_held_take_due(db, 200, &held, &err), 1);
    assert_int_equal(held.position, third);
    tern_held_fini(&held);
    assert_int_equal(tern_held_remove(db, third, "A", 300, &err), 0);
    assert_int_equal(tern_held_has_subject(db, "A", &err), 0);
    check_counts(db, 1, 0, 0);
}

static void a_parked_message_keeps_those_behind_it(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_held held;
    int64_t first = keep(db, "e1", "A", TERN_HELD_RETRY, 100);
    keep(db, "e2", "A", TERN_HELD_BEHIND, 0);
    assert_int_equal(tern_held_park(db, first, TERN_PARKED_EXHAUSTED, "five times", 120, &err), 0);
    check_counts(db, 0, 1, 1);
    assert_int_equal(tern_held_take_due(db, INT64_MAX, &held, &err), 0);

    assert_int_equal(tern_held_retry(db, first, 500, NULL, &err), 0);
    check_counts(db, 1, 1, 0);
    assert_int_equal(tern_held_take_due(db, 500, &held, &err), 1);
    assert_int_equal(held.position, first);
    assert_string_equal(held.reason, "retry");
    assert_int_equal(held.last_at_ms, 120);
    tern_held_fini(&held);
}

static void dropping_one_that_waits_does_not_wake_the_parked_one(void **state)
{
    struct tern_db *db = *state;
    struct tern_held held;
    keep(db, "e1", "A", TERN_HELD_PARKED, 0);
    int64_t second = keep(db, "e2", "A", TERN_HELD_BEHIND, 0);
    assert_int_equal(tern_held_remove(db, second, "A", 100, NULL), 0);
    check_counts(db, 0, 0, 1);
    assert_int_equal(tern_held_take_due(db, INT64_MAX, &held, NULL), 0);
}

static void attempts_are_counted_before_they_are_made(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_held held;
    int64_t due = 0;
    assert_int_equal(tern_held_next_due(db, &due, &err), 0);
    int64_t position = keep(db, "e1", "A", TERN_HELD_RETRY, 100);
    assert_int_equal(tern_held_next_due(db, &due, &err), 1);
    assert_int_equal(due, 100);
    assert_int_equal(tern_held_attempt(db, position, 110, 400, &err), 0);
    assert_int_equal(tern_held_take_due(db, 399, &held, &err), 0);
    assert_int_equal(tern_held_take_due(db, 400, &held, &err), 1);
    assert_int_equal(held.attempts, 2);
    assert_int_equal(held.last_at_ms, 110);
    tern_held_fini(&held);
    assert_int_equal(tern_held_retry(db, position, 800, "again no luck", &err), 0);
    assert_int_equal(tern_held_take_due(db, 800, &held, &err), 1);
    assert_string_equal(held.error, "again no luck");
    assert_int_equal(held.attempts, 2);
    tern_held_fini(&held);
}

static void due_messages_come_oldest_try_first(void **state)
{
    struct tern_db *db = *state;
    struct tern_held held;
    keep(db, "e1", "A", TERN_HELD_RETRY, 300);
    keep(db, "e2", "B", TERN_HELD_RETRY, 200);
    assert_int_equal(tern_held_take_due(db, 1000, &held, NULL), 1);
    assert_string_equal(held.event_id, "e2");
    tern_held_fini(&held);
}

static void a_position_is_never_used_twice_and_a_gone_one_is_an_error(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    int64_t first = keep(db, "e1", "A", TERN_HELD_RETRY, 300);
    assert_int_equal(tern_held_remove(db, first, "A", 1, &err), 0);
    assert_true(keep(db, "e2", "A", TERN_HELD_RETRY, 300) > first);
    assert_int_equal(tern_held_remove(db, first, "A", 1, &err), -1);
    assert_int_equal(tern_held_attempt(db, first, 1, 1, &err), -1);
    assert_int_equal(tern_held_retry(db, first, 1, "", &err), -1);
    assert_int_equal(tern_held_park(db, first, "rejected", "", 1, &err), -1);
    assert_non_null(strstr(err.text, "position 1"));
}

static void waiting_grows_doubles_and_is_bounded(void **state)
{
    (void)state;
    assert_int_equal(tern_backoff_ms(200, 1, 0), 150);
    assert_int_equal(tern_backoff_ms(200, 1, 100), 250);
    assert_int_equal(tern_backoff_ms(200, 1, 50), 200);
    assert_int_equal(tern_backoff_ms(200, 3, 0), 600);
    assert_int_equal(tern_backoff_ms(200, 1000000, 0), 225000);
    assert_int_equal(tern_backoff_ms(0, 5, 77), 0);
    for (uint64_t random = 0; random < 2000; random++) {
        int64_t ms = tern_backoff_ms(200, 30, random * UINT64_C(7919));
        assert_in_range(ms, 225000, 375000);
    }
}

static int do_changes(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_held held = {.event_id = "e9", .subject = "A", .state = TERN_HELD_BEHIND, .reason = "retry"};
    struct tern_held same = held;
    int64_t position = *(int64_t *)self;
    return tern_held_add(db, &held, err) < 0 || tern_held_add(db, &same, err) < 0 ||
                   tern_held_attempt(db, position, 1, 2, err) < 0 || tern_held_retry(db, position, 3, "x", err) < 0 ||
                   tern_held_park(db, position, "rejected", "x", 4, err) < 0 ||
                   tern_held_remove(db, position, "A", 5, err) < 0
               ? -1
               : 0;
}

static int do_reads(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_held held = {0};
    int64_t counts[3], due;
    (void)self;
    int result = tern_held_has_subject(db, "A", err) < 0 || tern_held_count(db, counts, err) < 0 ||
                         tern_held_next_due(db, &due, err) < 0 || tern_held_take_due(db, 100, &held, err) < 0
                     ? -1
                     : 0;
    tern_held_fini(&held);
    return result;
}

static void a_store_that_fails_is_told_and_no_message_is_lost(void **state)
{
    struct tern_db *db = *state;
    int64_t position = keep(db, "e1", "A", TERN_HELD_RETRY, 1);
    test_store_fail_each(db, do_reads, NULL);
    test_store_fail_each(db, do_changes, &position);
    check_counts(db, 1, 0, 0);
    assert_int_equal(test_store_number(db, "SELECT next_try_ms FROM held WHERE event_id = 'e9'"), 5);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_message_comes_back_with_all_that_it_had),
        T(the_same_event_is_kept_once),
        T(malformed_messages_are_all_kept_and_hold_up_nobody),
        T(nothing_can_wait_behind_no_subject),
        T(later_messages_of_a_subject_leave_in_order),
        T(a_parked_message_keeps_those_behind_it),
        T(dropping_one_that_waits_does_not_wake_the_parked_one),
        T(attempts_are_counted_before_they_are_made),
        T(due_messages_come_oldest_try_first),
        T(a_position_is_never_used_twice_and_a_gone_one_is_an_error),
        cmocka_unit_test(waiting_grows_doubles_and_is_bounded),
        T(a_store_that_fails_is_told_and_no_message_is_lost),
    };
    return cmocka_run_group_tests_name("held", tests, NULL, NULL);
}
