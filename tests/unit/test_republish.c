/* test_republish.c - the second way through the log: its share of the window, and how far it is confirmed. */
#include "tern_test.h"

#include "common/outbox/republish.h"

static void republishing_takes_a_quarter_of_the_window_and_its_rate(void **state)
{
    (void)state;
    struct publish_window window;
    struct republish asked;
    tern_publish_window_init(&window, 16);
    tern_republish_init(&asked, PUBLISH_ASKED_FOR, 500);
    assert_int_equal(tern_republish_room(&asked, &window, 1000000), 4);
    for (int64_t id = 1; id <= 4; id++) {
        (void)tern_publish_window_open(&window, PUBLISH_ASKED_FOR, id, 0);
        tern_republish_sent(&asked);
    }
    assert_int_equal(tern_republish_room(&asked, &window, 1000000), 0);
    tern_republish_reset(&asked, &window);
    tern_publish_window_reset(&window, 0);
    asked.allowed = 0;
    assert_int_equal(tern_republish_room(&asked, &window, 1000001), 0);
    assert_int_equal(tern_republish_room(&asked, &window, 1000005), 2); /* two in four ms */
    tern_publish_window_fini(&window);
}

static struct publish_slot *publish(struct republish *republish, struct publish_window *window, int64_t position)
{
    republish->position = position;
    tern_republish_sent(republish);
    return tern_publish_window_open(window, republish->kind, position, 0);
}

static void nothing_is_passed_that_is_open_or_came_back(void **state)
{
    (void)state;
    struct publish_window window;
    struct republish lost;
    struct publish_slot *slots[4];
    tern_publish_window_init(&window, 16);
    tern_republish_init(&lost, PUBLISH_LOST, 500);
    tern_republish_begin(&lost, &(struct tern_republish_range){.id = 1, .after_seq = 10, .through_seq = 14});
    assert_false(tern_republish_pass(&lost, &window));
    for (int i = 0; i < 4; i++)
        slots[i] = publish(&lost, &window, 11 + i);
    for (int i = 0; i < 4; i++) { /* 11 and 14 are confirmed, 12 came back, 13 is open */
        if (i == 2) continue;
        tern_publish_window_close(&window, slots[i], i != 1);
        if (i == 1)
            tern_republish_failed(&lost, 12, 500);
        else
            tern_republish_confirmed(&lost);
    }
    assert_true(tern_republish_pass(&lost, &window));
    assert_int_equal(tern_republish_report(&lost, NULL), 11);
    assert_false(tern_republish_pass(&lost, &window)); /* reported */
    tern_republish_retry(&lost, 499);
    assert_int_equal(lost.position, 14);
    tern_republish_retry(&lost, 500); /* from there on, all once more */
    assert_int_equal(lost.position, 11);
    assert_true(lost.more);
    tern_publish_window_fini(&window);
}

static void a_lost_connection_takes_it_back_to_what_is_confirmed_until_the_range_ends(void **state)
{
    (void)state;
    struct publish_window window;
    struct republish lost;
    tern_publish_window_init(&window, 16);
    tern_republish_init(&lost, PUBLISH_LOST, 500);
    tern_republish_begin(&lost, &(struct tern_republish_range){.id = 1, .after_seq = 10, .through_seq = 12});
    struct publish_slot *first = publish(&lost, &window, 11);
    (void)publish(&lost, &window, 12);
    tern_publish_window_close(&window, first, true);
    tern_republish_confirmed(&lost);
    tern_republish_reset(&lost, &window);
    tern_publish_window_reset(&window, 0);
    assert_int_equal(lost.position, 11);
    assert_int_equal(lost.under_way, 0);
    tern_publish_window_close(&window, publish(&lost, &window, 12), true);
    tern_republish_confirmed(&lost);
    assert_true(tern_republish_pass(&lost, &window));
    assert_int_equal(tern_republish_report(&lost, NULL), 12);
    assert_int_equal(lost.loss.id, 0);
    tern_republish_reset(&lost, &window);
    assert_false(lost.more); /* there is no range any more */
    tern_publish_window_fini(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(republishing_takes_a_quarter_of_the_window_and_its_rate),
        cmocka_unit_test(nothing_is_passed_that_is_open_or_came_back),
        cmocka_unit_test(a_lost_connection_takes_it_back_to_what_is_confirmed_until_the_range_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
