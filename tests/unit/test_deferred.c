/* Messages kept for later: order per subject, attempts counted first, parked ones wait for a person. */
#include "tern_test.h"

#include <string.h>

#include "common/inbox/deferred.h"
#include "common/store/store.h"
#include "store.h"
#include "tern/backoff.h"

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

static int64_t keep(struct tern_db *db, const char *id, const char *subject, enum tern_deferred_state how,
                    int64_t next_try_ms)
{
    struct tern_error err;
    struct tern_deferred deferred = {.state = how,
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
    strcpy(deferred.event_id, id);
    strcpy(deferred.subject, subject);
    if (tern_deferred_add(db, &deferred, &err) < 0) {
        fail_msg("%s", err.text);
    }
    return deferred.position;
}

static void check_counts(struct tern_db *db, int64_t retry, int64_t behind, int64_t parked)
{
    int64_t counts[3] = {-1, -1, -1};
    assert_int_equal(tern_deferred_count(db, counts, NULL), 0);
    assert_int_equal(counts[TERN_DEFERRED_RETRY], retry);
    assert_int_equal(counts[TERN_DEFERRED_BEHIND], behind);
    assert_int_equal(counts[TERN_DEFERRED_PARKED], parked);
}

static void a_message_comes_back_with_all_that_it_had(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_deferred deferred;
    int64_t position = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 100);
    assert_int_equal(tern_deferred_take_due(db, 99, &deferred, &err), 0);
    assert_int_equal(tern_deferred_take_due(db, 100, &deferred, &err), 1);
    assert_int_equal(deferred.position, position);
    assert_string_equal(deferred.event_id, "e1");
    assert_string_equal(deferred.type, "OrderPlaced");
    assert_string_equal(deferred.subject, "A");
    assert_int_equal(deferred.state, TERN_DEFERRED_RETRY);
    assert_int_equal(deferred.attempts, 1);
    assert_int_equal(deferred.next_try_ms, 100);
    assert_int_equal(deferred.first_at_ms, 5);
    assert_int_equal(deferred.last_at_ms, 6);
    assert_string_equal(deferred.reason, "retry");
    assert_string_equal(deferred.error, "no luck");
    assert_string_equal(deferred.traceparent, "00-t");
    assert_int_equal(deferred.body_length, sizeof body_bytes);
    assert_memory_equal(deferred.body, body_bytes, sizeof body_bytes);
    tern_deferred_fini(&deferred);
    tern_deferred_fini(&deferred);
}

static void the_same_event_is_kept_once(void **state)
{
    struct tern_db *db = *state;
    int64_t position = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 100);
    assert_int_equal(keep(db, "e1", "A", TERN_DEFERRED_BEHIND, 0), position);
    check_counts(db, 1, 0, 0);
}

static void malformed_messages_are_all_kept_and_hold_up_nobody(void **state)
{
    struct tern_db *db = *state;
    int64_t first = keep(db, "", "", TERN_DEFERRED_PARKED, 0);
    assert_true(keep(db, "", "", TERN_DEFERRED_PARKED, 0) > first);
    check_counts(db, 0, 0, 2);
    assert_int_equal(tern_deferred_has_subject(db, "", NULL), 0);
    assert_int_equal(tern_deferred_remove(db, first, "", 10, NULL), 0);
    check_counts(db, 0, 0, 1);
}

static void nothing_can_wait_behind_no_subject(void **state)
{
    struct tern_deferred deferred = {.state = TERN_DEFERRED_BEHIND, .reason = "retry"};
    struct tern_error err;
    assert_int_equal(tern_deferred_add(*state, &deferred, &err), -1);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
}

static void later_messages_of_a_subject_leave_in_order(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_deferred deferred;
    int64_t first = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 100);
    int64_t second = keep(db, "e2", "A", TERN_DEFERRED_BEHIND, 0);
    int64_t third = keep(db, "e3", "A", TERN_DEFERRED_BEHIND, 0);
    keep(db, "e4", "B", TERN_DEFERRED_RETRY, 900);
    check_counts(db, 2, 2, 0);
    assert_int_equal(tern_deferred_has_subject(db, "A", &err), 1);
    assert_int_equal(tern_deferred_has_subject(db, "C", &err), 0);

    assert_int_equal(tern_deferred_remove(db, first, "A", 150, &err), 1);
    check_counts(db, 2, 1, 0);
    assert_int_equal(tern_deferred_take_due(db, 150, &deferred, &err), 1);
    assert_int_equal(deferred.position, second);
    tern_deferred_fini(&deferred);
    assert_int_equal(tern_deferred_remove(db, second, "A", 200, &err), 1);
    assert_int_equal(tern_deferred_take_due(db, 200, &deferred, &err), 1);
    assert_int_equal(deferred.position, third);
    tern_deferred_fini(&deferred);
    assert_int_equal(tern_deferred_remove(db, third, "A", 300, &err), 0);
    assert_int_equal(tern_deferred_has_subject(db, "A", &err), 0);
    check_counts(db, 1, 0, 0);
}

static void a_parked_message_keeps_those_behind_it(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_deferred deferred;
    int64_t first = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 100);
    keep(db, "e2", "A", TERN_DEFERRED_BEHIND, 0);
    assert_int_equal(tern_deferred_park(db, first, TERN_PARKED_EXHAUSTED, "five times", 120, &err), 0);
    check_counts(db, 0, 1, 1);
    assert_int_equal(tern_deferred_take_due(db, INT64_MAX, &deferred, &err), 0);

    assert_int_equal(tern_deferred_retry(db, first, 500, NULL, &err), 0);
    check_counts(db, 1, 1, 0);
    assert_int_equal(tern_deferred_take_due(db, 500, &deferred, &err), 1);
    assert_int_equal(deferred.position, first);
    assert_string_equal(deferred.reason, "retry");
    assert_int_equal(deferred.last_at_ms, 120);
    tern_deferred_fini(&deferred);
}

static void dropping_one_that_waits_does_not_wake_the_parked_one(void **state)
{
    struct tern_db *db = *state;
    struct tern_deferred deferred;
    keep(db, "e1", "A", TERN_DEFERRED_PARKED, 0);
    int64_t second = keep(db, "e2", "A", TERN_DEFERRED_BEHIND, 0);
    assert_int_equal(tern_deferred_remove(db, second, "A", 100, NULL), 0);
    check_counts(db, 0, 0, 1);
    assert_int_equal(tern_deferred_take_due(db, INT64_MAX, &deferred, NULL), 0);
}

static void attempts_are_counted_before_they_are_made(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_deferred deferred;
    int64_t due = 0;
    assert_int_equal(tern_deferred_next_due(db, &due, &err), 0);
    int64_t position = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 100);
    assert_int_equal(tern_deferred_next_due(db, &due, &err), 1);
    assert_int_equal(due, 100);
    assert_int_equal(tern_deferred_attempt(db, position, 110, 400, &err), 0);
    assert_int_equal(tern_deferred_take_due(db, 399, &deferred, &err), 0);
    assert_int_equal(tern_deferred_take_due(db, 400, &deferred, &err), 1);
    assert_int_equal(deferred.attempts, 2);
    assert_int_equal(deferred.last_at_ms, 110);
    tern_deferred_fini(&deferred);
    assert_int_equal(tern_deferred_retry(db, position, 800, "again no luck", &err), 0);
    assert_int_equal(tern_deferred_take_due(db, 800, &deferred, &err), 1);
    assert_string_equal(deferred.error, "again no luck");
    assert_int_equal(deferred.attempts, 2);
    tern_deferred_fini(&deferred);
}

static void due_messages_come_oldest_try_first(void **state)
{
    struct tern_db *db = *state;
    struct tern_deferred deferred;
    keep(db, "e1", "A", TERN_DEFERRED_RETRY, 300);
    keep(db, "e2", "B", TERN_DEFERRED_RETRY, 200);
    assert_int_equal(tern_deferred_take_due(db, 1000, &deferred, NULL), 1);
    assert_string_equal(deferred.event_id, "e2");
    tern_deferred_fini(&deferred);
}

static void a_position_is_never_used_twice_and_a_gone_one_is_an_error(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    int64_t first = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 300);
    assert_int_equal(tern_deferred_remove(db, first, "A", 1, &err), 0);
    assert_true(keep(db, "e2", "A", TERN_DEFERRED_RETRY, 300) > first);
    assert_int_equal(tern_deferred_remove(db, first, "A", 1, &err), -1);
    assert_int_equal(tern_deferred_attempt(db, first, 1, 1, &err), -1);
    assert_int_equal(tern_deferred_retry(db, first, 1, "", &err), -1);
    assert_int_equal(tern_deferred_park(db, first, "rejected", "", 1, &err), -1);
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
    struct tern_deferred deferred = {
        .event_id = "e9", .subject = "A", .state = TERN_DEFERRED_BEHIND, .reason = "retry"};
    struct tern_deferred same = deferred;
    int64_t position = *(int64_t *)self;
    return tern_deferred_add(db, &deferred, err) < 0 || tern_deferred_add(db, &same, err) < 0 ||
                   tern_deferred_attempt(db, position, 1, 2, err) < 0 ||
                   tern_deferred_retry(db, position, 3, "x", err) < 0 ||
                   tern_deferred_park(db, position, "rejected", "x", 4, err) < 0 ||
                   tern_deferred_remove(db, position, "A", 5, err) < 0
               ? -1
               : 0;
}

static int do_reads(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_deferred deferred = {0};
    int64_t counts[3], due;
    (void)self;
    int result = tern_deferred_has_subject(db, "A", err) < 0 || tern_deferred_count(db, counts, err) < 0 ||
                         tern_deferred_next_due(db, &due, err) < 0 ||
                         tern_deferred_take_due(db, 100, &deferred, err) < 0
                     ? -1
                     : 0;
    tern_deferred_fini(&deferred);
    return result;
}

static void a_store_that_fails_is_told_and_no_message_is_lost(void **state)
{
    struct tern_db *db = *state;
    int64_t position = keep(db, "e1", "A", TERN_DEFERRED_RETRY, 1);
    test_store_fail_each(db, do_reads, NULL);
    test_store_fail_each(db, do_changes, &position);
    check_counts(db, 1, 0, 0);
    assert_int_equal(test_store_number(db, "SELECT next_try_ms FROM deferred WHERE event_id = 'e9'"), 5);
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
    return cmocka_run_group_tests_name("deferred", tests, NULL, NULL);
}
