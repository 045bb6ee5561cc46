/* test_publish_stall.c - a broker that is there and confirms nothing for half a minute. */
#include "tern_test.h"

#include "common/outbox/publish_stall.h"

static void a_pause_is_no_stall(void **state)
{
    (void)state;
    struct publish_stall stall = {0};
    tern_publish_stall_init(&stall, NULL, 1000); /* no connection yet */
    tern_publish_stall_watch(&stall, 90000, 1, 0, INT64_MAX);
    assert_int_equal(tern_publish_stall_ms(&stall, 90000), 0);
    assert_int_equal(tern_publish_stall_resume(&stall, 91000), 90000);
    assert_int_equal(tern_publish_stall_resume(&stall, 92000), 0);
    tern_publish_stall_watch(&stall, 120999, 1, 0, INT64_MAX);
    assert_int_equal(tern_publish_stall_ms(&stall, 120999), 0);
    tern_publish_stall_watch(&stall, 121000, 1, 0, INT64_MAX);
    assert_int_equal(tern_publish_stall_ms(&stall, 121000), 30000);
}

static void a_stall_ends_with_a_confirm_unless_a_row_is_refused_on_and_on(void **state)
{
    (void)state;
    struct publish_stall stall = {0};
    tern_publish_stall_init(&stall, NULL, 1000);
    (void)tern_publish_stall_resume(&stall, 1000);
    tern_publish_stall_watch(&stall, 31000, 0, 0, INT64_MAX); /* nothing waits */
    assert_int_equal(tern_publish_stall_ms(&stall, 31000), 0);
    tern_publish_stall_watch(&stall, 61000, 1, 0, INT64_MAX);
    assert_int_equal(tern_publish_stall_ms(&stall, 61500), 30500);
    assert_true(tern_publish_stall_confirmed(&stall, 62000));
    assert_false(tern_publish_stall_confirmed(&stall, 62000));
    tern_publish_stall_watch(&stall, 62000, 0, 1, 20000); /* one that came back at 20 s */
    assert_int_equal(tern_publish_stall_ms(&stall, 62000), 42000);
    tern_publish_stall_watch(&stall, 62000, 0, 1, 60000);
    assert_int_equal(tern_publish_stall_ms(&stall, 62000), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_pause_is_no_stall),
        cmocka_unit_test(a_stall_ends_with_a_confirm_unless_a_row_is_refused_on_and_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
