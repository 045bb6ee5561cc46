/* What a service remembers of its broker: the queues that are noted, and how far the log was said again. */
#include "tern_test.h"

#include <stdio.h>

#include "store.h"
#include "tern/broker_memory.h"
#include "tern/event_log.h"

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

static void write_row_of(struct tern_db *db, enum tern_origin origin, int64_t at_ms)
{
    struct tern_event event = {.type = "OrderPlaced", .subject = "A", .correlation_id = "c"};
    int64_t seq, version;
    (void)snprintf(event.event_id, sizeof event.event_id, "e%lld", (long long)at_ms);
    assert_int_equal(tern_event_log_append(db, &event, origin, "{}", 2, at_ms, &seq, &version, NULL), 0);
}

static void write_row(struct tern_db *db, int64_t at_ms)
{
    write_row_of(db, TERN_ORIGIN_OWN, at_ms);
}

/* Rows 1 to `count`, one each second. */
static void fill_log(struct tern_db *db, int count)
{
    for (int i = 1; i <= count; i++)
        write_row(db, i * 1000);
}

static struct tern_republish lose(struct tern_db *db, const char *queue, int64_t through_seq, int64_t since_ms)
{
    struct tern_broker_news news = {.lost = true, .through_seq = through_seq, .count = 1, .queues = {queue}};
    assert_int_equal(tern_broker_memory_record(db, &news, since_ms, NULL), 0);
    return news.republish;
}

static void a_queue_is_noted_until_it_is_lost(void **state)
{
    struct tern_db *db = *state;
    struct tern_broker_news news = {
        .count = 2, .queues = {"a", "b"}
    };
    assert_int_equal(tern_broker_memory_has(db, "a", NULL), 0);
    assert_int_equal(tern_broker_memory_record(db, &news, 0, NULL), 0);
    assert_int_equal(tern_broker_memory_record(db, &news, 0, NULL), 0);
    assert_int_equal(tern_broker_memory_has(db, "a", NULL), 1);
    (void)lose(db, "a", 0, 0);
    assert_int_equal(tern_broker_memory_has(db, "a", NULL), 0);
    assert_int_equal(tern_broker_memory_has(db, "b", NULL), 1);
}

static void the_window_begins_at_the_first_row_that_is_young_enough(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 10);
    assert_int_equal(lose(db, "a", 10, 0).after_seq, 0);
    for (int64_t first = 1; first <= 10; first++) {
        int64_t seq = -1;
        assert_int_equal(tern_event_log_before(db, first * 1000, 10, &seq, NULL), 0);
        assert_int_equal(seq, first - 1);
        assert_int_equal(tern_event_log_before(db, first * 1000 - 999, 10, &seq, NULL), 0);
        assert_int_equal(seq, first - 1);
    }
}

static int64_t first_since(struct tern_db *db, int64_t since_ms)
{
    int64_t seq = -1;
    assert_int_equal(tern_event_log_before(db, since_ms, 9, &seq, NULL), 0);
    return seq + 1;
}

/* Three rows a second apart, the clock set forward by a day, three more, set back by two days, three more. */
static void a_clock_that_is_set_makes_no_row_older(void **state)
{
    static const int64_t day_ms = 86400000;
    struct tern_db *db = *state;
    fill_log(db, 3);
    assert_int_equal(tern_event_log_jumped(db, day_ms, NULL), 0);
    for (int i = 4; i <= 6; i++)
        write_row(db, day_ms + i * 1000);
    assert_int_equal(tern_event_log_jumped(db, -2 * day_ms, NULL), 0);
    for (int i = 7; i <= 9; i++)
        write_row(db, i * 1000 - day_ms);
    for (int i = 1; i <= 9; i++) {
        assert_int_equal(first_since(db, i * 1000 - day_ms), i);
        assert_int_equal(first_since(db, i * 1000 - day_ms - 999), i);
    }
    assert_int_equal(first_since(db, 10000 - day_ms), 10);
}

static int64_t since(struct tern_db *db, int64_t now_ms, int64_t window_ms)
{
    int64_t since_ms = -1;
    assert_int_equal(tern_broker_memory_since(db, 9, now_ms, window_ms, &since_ms, NULL), 0);
    return since_ms;
}

static void the_window_ends_with_what_was_confirmed_last(void **state)
{
    static const int64_t day_ms = 86400000;
    struct tern_db *db = *state;
    fill_log(db, 12);
    assert_int_equal(since(db, 20000, 5000), 4000);
    assert_int_equal(since(db, 3 * day_ms, 5000), 4000);          /* the broker was away for days */
    assert_int_equal(since(db, 4000, 3000), 1000);                /* the clock was set back */
    assert_int_equal(since(db, 100 * day_ms, 5000), 72 * day_ms); /* what inboxes have forgotten is not said again */
    assert_int_equal(since(db, 20000, 0), 20000);                 /* nothing is to be said again */
}

/* What order-service takes in from others stands in its log too, and the mark may stop there. */
static void a_row_of_others_at_the_mark_does_not_hide_what_was_confirmed_before_it(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 8);
    write_row_of(db, TERN_ORIGIN_TAKEN, 9000);
    assert_int_equal(since(db, 100000, 5000), 3000);
}

static void an_empty_window_is_nothing_to_say_again(void **state)
{
    struct tern_db *db = *state;
    struct tern_republish republish;
    fill_log(db, 3);
    assert_int_equal(lose(db, "a", 3, 3001).id, 0);
    assert_int_equal(lose(db, "a", 0, 0).id, 0);
    assert_int_equal(tern_republish_load(db, &republish, NULL), 0);
    assert_int_equal(republish.id, 0);
}

static void what_is_said_again_moves_on_and_ends(void **state)
{
    struct tern_db *db = *state;
    struct tern_republish republish;
    fill_log(db, 9);
    int64_t id = lose(db, "a", 9, 4000).id;
    assert_int_equal(tern_republish_advance(db, id, 7, NULL), 0);
    assert_int_equal(tern_republish_advance(db, id, 5, NULL), 0); /* never back */
    assert_int_equal(tern_republish_load(db, &republish, NULL), 0);
    assert_int_equal(republish.after_seq, 7);
    assert_int_equal(republish.through_seq, 9);
    assert_int_equal(tern_republish_advance(db, id, 9, NULL), 0);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM republish"), 0);
}

/* What is on its way to be recorded when the next loss is found belongs to the one before. */
static void another_loss_begins_anew_and_late_progress_of_the_first_changes_nothing(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 9);
    struct tern_republish first = lose(db, "a", 6, 4000);
    assert_int_equal(tern_republish_advance(db, first.id, 5, NULL), 0);
    struct tern_republish second = lose(db, "b", 9, 3000);
    assert_true(second.id > first.id);
    assert_int_equal(second.after_seq, 2);
    assert_int_equal(second.through_seq, 9);
    assert_int_equal(tern_republish_advance(db, first.id, 6, NULL), 0);
    assert_int_equal(test_store_number(db, "SELECT after_seq FROM republish"), 2);
}

static void what_an_earlier_loss_still_owes_is_not_forgotten_by_a_later_window(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 9);
    (void)lose(db, "a", 6, 2000);
    struct tern_republish second = lose(db, "b", 8, 7000);
    assert_int_equal(second.after_seq, 1);
    assert_int_equal(second.through_seq, 8);
}

static int record_a_loss(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_broker_news news = {.lost = true, .through_seq = 3, .count = 1, .queues = {"a"}};
    (void)self;
    return tern_broker_memory_record(db, &news, 0, err);
}

static int move_on(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_republish republish;
    (void)self;
    if (tern_broker_memory_has(db, "a", err) < 0 || tern_republish_load(db, &republish, err) < 0) return -1;
    return tern_republish_advance(db, republish.id, 2, err);
}

static void a_store_that_fails_is_told_of(void **state)
{
    fill_log(*state, 3);
    test_store_fail_each(*state, record_a_loss, NULL);
    test_store_fail_each(*state, move_on, NULL);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(a_queue_is_noted_until_it_is_lost),
        T(the_window_begins_at_the_first_row_that_is_young_enough),
        T(a_clock_that_is_set_makes_no_row_older),
        T(the_window_ends_with_what_was_confirmed_last),
        T(a_row_of_others_at_the_mark_does_not_hide_what_was_confirmed_before_it),
        T(an_empty_window_is_nothing_to_say_again),
        T(what_is_said_again_moves_on_and_ends),
        T(another_loss_begins_anew_and_late_progress_of_the_first_changes_nothing),
        T(what_an_earlier_loss_still_owes_is_not_forgotten_by_a_later_window),
        T(a_store_that_fails_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
