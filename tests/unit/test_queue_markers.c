/* What a service remembers of its broker: the queues that are noted, and how far the log was said again. */
#include "tern_test.h"

#include <stdio.h>

#include "common/outbox/log_store.h"
#include "common/outbox/queue_markers.h"
#include "common/store/store.h"
#include "store.h"
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
    assert_int_equal(tern_event_log_append(db, &event, origin, "{}", 2, (struct tern_log_time){.online_ms = at_ms},
                                           &seq, &version, NULL),
                     0);
}

static void write_row(struct tern_db *db, int64_t at_ms)
{
    write_row_of(db, TERN_ORIGIN_OWN, at_ms);
}

/* Rows 1 to `count`, one in each second of time online. */
static void fill_log(struct tern_db *db, int count)
{
    for (int i = 1; i <= count; i++)
        write_row(db, i * 1000);
}

/* A loss: in a log filled as above, what was written since is republished. */
static struct tern_republish_range lose(struct tern_db *db, const char *queue, int64_t through_seq, int64_t since_ms)
{
    struct tern_queue_news news = {.lost = true, .through_seq = through_seq, .count = 1, .queues = {queue}};
    int64_t newest_ms = through_seq * 1000;
    assert_int_equal(tern_queue_markers_record(db, &news, newest_ms - since_ms, newest_ms, NULL), 0);
    return news.republish;
}

static void a_queue_is_noted_until_it_is_lost(void **state)
{
    struct tern_db *db = *state;
    struct tern_queue_news news = {
        .count = 2, .queues = {"a", "b"}
    };
    assert_int_equal(tern_queue_markers_has(db, "a", NULL), 0);
    assert_int_equal(tern_queue_markers_record(db, &news, 0, 0, NULL), 0);
    assert_int_equal(tern_queue_markers_record(db, &news, 0, 0, NULL), 0);
    assert_int_equal(tern_queue_markers_has(db, "a", NULL), 1);
    (void)lose(db, "a", 0, 0);
    assert_int_equal(tern_queue_markers_has(db, "a", NULL), 0);
    assert_int_equal(tern_queue_markers_has(db, "b", NULL), 1);
}

/* The first seq that is republished after a loss of all rows up to 9; 0: nothing is. */
static int64_t first_of(struct tern_db *db, int64_t online_ms, int64_t window_ms)
{
    struct tern_queue_news lost = {.lost = true, .through_seq = 9, .count = 1, .queues = {"a"}};
    assert_int_equal(tern_queue_markers_record(db, &lost, window_ms, online_ms, NULL), 0);
    assert_int_equal(tern_republish_range_advance(db, lost.republish.id, 9, NULL), 0);
    return lost.republish.id > 0 ? lost.republish.after_seq + 1 : 0;
}

static void the_window_ends_with_what_was_confirmed_last(void **state)
{
    static const int64_t day_ms = 86400000;
    struct tern_db *db = *state;
    fill_log(db, 12);
    assert_int_equal(first_of(db, 20000, 5000), 4);
    assert_int_equal(first_of(db, 3 * day_ms, 5000), 4); /* nothing was published for days */
    assert_int_equal(first_of(db, 28 * day_ms + 6000, 5000), 6);
    assert_int_equal(first_of(db, 100 * day_ms, 5000), 0); /* what inboxes have forgotten is not published again */
    assert_int_equal(first_of(db, 20000, 0), 0);
}

static void an_empty_window_is_nothing_to_say_again(void **state)
{
    struct tern_db *db = *state;
    struct tern_republish_range republish;
    fill_log(db, 3);
    assert_int_equal(lose(db, "a", 3, 3001).id, 0);
    assert_int_equal(lose(db, "a", 0, 0).id, 0);
    assert_int_equal(tern_republish_range_load(db, &republish, NULL), 0);
    assert_int_equal(republish.id, 0);
}

static void what_is_said_again_moves_on_and_ends(void **state)
{
    struct tern_db *db = *state;
    struct tern_republish_range republish;
    fill_log(db, 9);
    int64_t id = lose(db, "a", 9, 4000).id;
    assert_int_equal(tern_republish_range_advance(db, id, 7, NULL), 0);
    assert_int_equal(tern_republish_range_advance(db, id, 5, NULL), 0); /* never back */
    assert_int_equal(tern_republish_range_load(db, &republish, NULL), 0);
    assert_int_equal(republish.after_seq, 7);
    assert_int_equal(republish.through_seq, 9);
    assert_int_equal(tern_republish_range_advance(db, id, 9, NULL), 0);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM republish_range"), 0);
}

/* What is on its way to be recorded when the next loss is found belongs to the one before. */
static void another_loss_begins_anew_and_late_progress_of_the_first_changes_nothing(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 9);
    struct tern_republish_range first = lose(db, "a", 6, 4000);
    assert_int_equal(tern_republish_range_advance(db, first.id, 5, NULL), 0);
    struct tern_republish_range second = lose(db, "b", 9, 3000);
    assert_true(second.id > first.id);
    assert_int_equal(second.after_seq, 2);
    assert_int_equal(second.through_seq, 9);
    assert_int_equal(tern_republish_range_advance(db, first.id, 6, NULL), 0);
    assert_int_equal(test_store_number(db, "SELECT after_seq FROM republish_range"), 2);
}

static void what_an_earlier_loss_still_owes_is_not_forgotten_by_a_later_window(void **state)
{
    struct tern_db *db = *state;
    fill_log(db, 9);
    (void)lose(db, "a", 6, 2000);
    struct tern_republish_range second = lose(db, "b", 8, 7000);
    assert_int_equal(second.after_seq, 1);
    assert_int_equal(second.through_seq, 8);
}

static int record_a_loss(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_queue_news news = {.lost = true, .through_seq = 3, .count = 1, .queues = {"a"}};
    (void)self;
    return tern_queue_markers_record(db, &news, 5000, 3000, err);
}

static int move_on(struct tern_db *db, void *self, struct tern_error *err)
{
    struct tern_republish_range republish;
    (void)self;
    if (tern_queue_markers_has(db, "a", err) < 0 || tern_republish_range_load(db, &republish, err) < 0) return -1;
    return tern_republish_range_advance(db, republish.id, 2, err);
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
        T(the_window_ends_with_what_was_confirmed_last),
        T(an_empty_window_is_nothing_to_say_again),
        T(what_is_said_again_moves_on_and_ends),
        T(another_loss_begins_anew_and_late_progress_of_the_first_changes_nothing),
        T(what_an_earlier_loss_still_owes_is_not_forgotten_by_a_later_window),
        T(a_store_that_fails_is_told_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
