/* test_sync.c - waits that end by a signal or by their deadline, and threads that have a name. */
#include "tern_test.h"

#include <string.h>

#include "common/base/sync.h"

struct meeting {
    struct tern_sync sync;
    bool arrived;
    char name[16];
};

static void *arrive(void *argument)
{
    struct meeting *meeting = argument;
    tern_sync_lock(&meeting->sync);
    meeting->arrived = true;
    tern_sync_signal(&meeting->sync);
    tern_sync_unlock(&meeting->sync);
    return NULL;
}

static void a_signal_ends_a_wait_before_its_deadline(void **state)
{
    (void)state;
    pthread_t thread;
    struct meeting meeting = {.arrived = false};
    tern_sync_init(&meeting.sync);
    struct timespec deadline = tern_deadline(60000);
    tern_sync_lock(&meeting.sync);
    assert_int_equal(tern_thread_start(&thread, "arriving", 64 * 1024, arrive, &meeting), 0);
    while (!meeting.arrived)
        assert_true(tern_sync_wait_until(&meeting.sync, deadline));
    tern_sync_unlock(&meeting.sync);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tern_sync_fini(&meeting.sync);
}

static void a_deadline_ends_a_wait_that_nobody_signals(void **state)
{
    (void)state;
    struct tern_sync sync;
    tern_sync_init(&sync);
    for (int64_t timeout_ms = -1; timeout_ms <= 20; timeout_ms += 7) {
        int64_t began_ns = tern_monotonic_ns();
        struct timespec deadline = tern_deadline(timeout_ms);
        tern_sync_lock(&sync);
        while (tern_sync_wait_until(&sync, deadline))
            ;
        tern_sync_unlock(&sync);
        assert_true(tern_monotonic_ns() - began_ns >= timeout_ms * 1000000);
    }
    tern_sync_fini(&sync);
}

static void a_deadline_is_a_point_of_time(void **state)
{
    (void)state;
    for (int64_t timeout_ms = 0; timeout_ms < 3000; timeout_ms += 99) {
        int64_t least_ns = tern_monotonic_ns() + timeout_ms * 1000000;
        struct timespec deadline = tern_deadline(timeout_ms);
        assert_in_range(deadline.tv_nsec, 0, 999999999);
        assert_true((int64_t)deadline.tv_sec * 1000000000 + deadline.tv_nsec >= least_ns);
    }
}

static void *read_own_name(void *argument)
{
    struct meeting *meeting = argument;
    tern_sync_lock(&meeting->sync); /* until the starter has set it */
    assert_int_equal(pthread_getname_np(pthread_self(), meeting->name, sizeof meeting->name), 0);
    tern_sync_unlock(&meeting->sync);
    return NULL;
}

static void a_thread_has_the_name_it_was_started_with(void **state)
{
    (void)state;
    pthread_t thread;
    struct meeting meeting = {.arrived = false};
    tern_sync_init(&meeting.sync);
    tern_sync_lock(&meeting.sync);
    assert_int_equal(tern_thread_start(&thread, "named", 0, read_own_name, &meeting), 0);
    tern_sync_unlock(&meeting.sync);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_string_equal(meeting.name, "named");
    tern_sync_fini(&meeting.sync);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_a_wait_before_its_deadline),
        cmocka_unit_test(a_deadline_ends_a_wait_that_nobody_signals),
        cmocka_unit_test(a_deadline_is_a_point_of_time),
        cmocka_unit_test(a_thread_has_the_name_it_was_started_with),
    };
    return cmocka_run_group_tests_name("sync", tests, NULL, NULL);
}
