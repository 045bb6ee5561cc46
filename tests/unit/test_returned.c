/* test_returned.c - rows that came back: order within a subject, and what the writer is told. */
#include "tern_test.h"

#include "common/outbox/returned.h"

static void only_the_first_row_of_a_subject_is_tried(void **state)
{
    (void)state;
    struct publish_returned returned = {0};
    tern_publish_returned_add(&returned, 7, "A", "nack", 0, 100);
    tern_publish_returned_add(&returned, 5, "A", "return", 0, 200); /* the earlier row came back later */
    tern_publish_returned_add_behind(&returned, 9, "A", 100);
    tern_publish_returned_add(&returned, 8, "B", "nack", 0, 150);
    assert_null(tern_publish_returned_due(&returned, 149));
    assert_int_equal(tern_publish_returned_due(&returned, 150)->seq, 8);
    assert_int_equal(tern_publish_returned_due(&returned, 200)->seq, 5);
    tern_publish_returned_confirm(&returned, 5, 300);
    assert_int_equal(tern_publish_returned_due(&returned, 300)->seq, 7); /* due at once */
    tern_publish_returned_find(&returned, 7)->in_flight = true;
    tern_publish_returned_find(&returned, 8)->in_flight = true;
    assert_null(tern_publish_returned_due(&returned, 1000)); /* 9 still waits behind 7 */
    tern_publish_returned_confirm(&returned, 7, 400);
    assert_int_equal(tern_publish_returned_due(&returned, 400)->seq, 9);
    assert_true(tern_publish_returned_has_subject(&returned, "A"));
    tern_publish_returned_confirm(&returned, 9, 500);
    assert_false(tern_publish_returned_has_subject(&returned, "A"));
    tern_publish_returned_fini(&returned);
}

static void a_lost_connection_takes_back_what_was_confirmed_above_the_position(void **state)
{
    (void)state;
    struct publish_returned returned = {0};
    struct tern_publish_progress progress = {0};
    tern_publish_returned_add(&returned, 3, "C", "nack", 0, 100);
    tern_publish_returned_add(&returned, 5, "A", "nack", 0, 100);
    tern_publish_returned_add_behind(&returned, 6, "A", 100);
    tern_publish_returned_add(&returned, 7, "B", "nack", 0, 100);
    tern_publish_returned_confirm(&returned, 7, 200);
    tern_publish_returned_report(&returned, 0, &progress);
    tern_publish_returned_confirm(&returned, 3, 200);
    tern_publish_returned_confirm(&returned, 5, 200);
    tern_publish_returned_reset(&returned, 4, 300);
    assert_null(
        tern_publish_returned_find(&returned, 7)); /* goes out with what is new, also to a broker that lost its disk */
    assert_true(tern_publish_returned_find(&returned, 3)->confirmed);
    assert_int_equal(tern_publish_returned_due(&returned, 300)->seq,
                     5); /* the writer does not know that it was confirmed */
    tern_publish_returned_find(&returned, 5)->in_flight = true;
    assert_null(tern_publish_returned_due(&returned, 1000)); /* 6 waits behind it again */
    assert_int_equal(returned.confirmed, 1);
    tern_publish_returned_fini(&returned);
}

static void the_writer_is_told_of_every_returned_row_and_its_confirm(void **state)
{
    (void)state;
    struct publish_returned returned = {0};
    struct tern_publish_progress progress = {0};
    for (int64_t seq = 1; seq <= 100; seq++)
        tern_publish_returned_add(&returned, seq, "A", "return", 0, 1000);
    tern_publish_returned_report(&returned, 0, &progress);
    assert_int_equal(progress.return_count, TERN_PROGRESS_RETURNS);
    assert_int_equal(tern_publish_returned_lowest_unreported(&returned), 65);
    progress.return_count = 0;
    tern_publish_returned_report(&returned, 0, &progress);
    assert_int_equal(progress.return_count, 36);
    assert_int_equal(progress.returns[0].seq, 65);
    assert_int_equal(tern_publish_returned_lowest_unreported(&returned), INT64_MAX);
    tern_publish_returned_confirm(&returned, 1, 2000);
    progress.return_count = 0;
    tern_publish_returned_report(&returned, 0, &progress);
    assert_int_equal(progress.return_count, 1);
    assert_int_equal(progress.returns[0].next_try_ms, 0);
    assert_int_equal(tern_publish_returned_pass(&returned, 0), 0); /* below the mark only is it done with */
    assert_int_equal(tern_publish_returned_pass(&returned, 1), 1);
    assert_int_equal(returned.count, 99);
    tern_publish_returned_fini(&returned);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_first_row_of_a_subject_is_tried),
        cmocka_unit_test(the_writer_is_told_of_every_returned_row_and_its_confirm),
        cmocka_unit_test(a_lost_connection_takes_back_what_was_confirmed_above_the_position),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
