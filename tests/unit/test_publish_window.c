/* test_publish_window.c - what the broker has not answered yet, and how far everything is answered. */
#include "tern_test.h"

#include "common/outbox/publish_window.h"

static void open_row(struct publish_window *window, int64_t seq)
{
    (void)tern_publish_window_open(window, PUBLISH_NEW, seq, 0);
}

static int64_t frontier(const struct publish_window *window, int64_t position)
{
    return tern_publish_window_frontier(window, PUBLISH_NEW, position);
}

static void the_frontier_stops_before_the_lowest_open_row(void **state)
{
    (void)state;
    struct publish_window window;
    tern_publish_window_init(&window, 4);
    assert_int_equal(frontier(&window, 7), 7);
    for (int64_t seq = 8; seq <= 14; seq += 2) /* rows in between were taken in: not ours */
        open_row(&window, seq);
    assert_int_equal(publish_window_room(&window), 0);
    tern_publish_window_close(&window, tern_publish_window_slot(&window, 2), true);
    tern_publish_window_pass(&window);
    assert_int_equal(frontier(&window, 14), 7);
    assert_int_equal(window.confirmed, 0);
    tern_publish_window_close(&window, tern_publish_window_slot(&window, 1), true);
    tern_publish_window_pass(&window);
    assert_int_equal(frontier(&window, 14), 11);
    assert_int_equal(window.confirmed, 2);
    assert_int_equal(publish_window_room(&window), 2);
    tern_publish_window_fini(&window);
}

static void a_returned_row_does_not_hold_back_the_frontier(void **state)
{
    (void)state;
    struct publish_window window;
    tern_publish_window_init(&window, 4);
    (void)tern_publish_window_open(&window, PUBLISH_RETURNED, 3, 0);
    open_row(&window, 9);
    assert_int_equal(frontier(&window, 9), 8);
    tern_publish_window_close(&window, tern_publish_window_slot(&window, 2), true);
    tern_publish_window_pass(&window);
    assert_int_equal(frontier(&window, 9), 9);
    tern_publish_window_reset(&window, 9);
    assert_int_equal(window.confirmed, 1); /* row 9 counts although the returned one before it is unknown */
    assert_int_equal(publish_window_room(&window), 4);
    tern_publish_window_fini(&window);
}

static void a_lost_connection_counts_only_what_is_behind_the_frontier(void **state)
{
    (void)state;
    struct publish_window window;
    tern_publish_window_init(&window, 4);
    for (int64_t seq = 1; seq <= 3; seq++)
        open_row(&window, seq);
    tern_publish_window_close(&window, tern_publish_window_slot(&window, 2), true); /* sent again: it counts then */
    assert_int_equal(frontier(&window, 3), 0);
    tern_publish_window_reset(&window, 0);
    assert_int_equal(window.confirmed, 0);
    tern_publish_window_fini(&window);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_frontier_stops_before_the_lowest_open_row),
        cmocka_unit_test(a_returned_row_does_not_hold_back_the_frontier),
        cmocka_unit_test(a_lost_connection_counts_only_what_is_behind_the_frontier),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
