/* sync.c - conditions that wait in monotonic time, and the start of a thread.
 *
 * The only place that sets attributes of conditions and threads. pthread_cond_timedwait(3) takes a deadline, not a
 * duration, by the clock of the condition's attributes; the default would be the wall clock. Keeps no state. */
#include "sync.h"

#include <errno.h>

enum { MS_PER_S = 1000, NS_PER_MS = 1000000, NS_PER_S = 1000000000 };

void tern_sync_init(struct tern_sync *sync)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    TERN_ASSERT(pthread_mutex_init(&sync->mutex, NULL) == 0, "a mutex can be made");
    TERN_ASSERT(pthread_cond_init(&sync->changed, &attributes) == 0, "a condition can be made");
    (void)pthread_condattr_destroy(&attributes);
}

void tern_sync_fini(struct tern_sync *sync)
{
    (void)pthread_cond_destroy(&sync->changed);
    (void)pthread_mutex_destroy(&sync->mutex);
}

struct timespec tern_deadline(int64_t timeout_ms)
{
    struct timespec deadline;
    (void)clock_gettime(CLOCK_MONOTONIC, &deadline);
    if (timeout_ms <= 0) return deadline;
    deadline.tv_sec += timeout_ms / MS_PER_S;
    deadline.tv_nsec += timeout_ms % MS_PER_S * NS_PER_MS;
    if (deadline.tv_nsec >= NS_PER_S) {
        deadline.tv_sec++;
        deadline.tv_nsec -= NS_PER_S;
    }
    return deadline;
}

bool tern_sync_wait_until(struct tern_sync *sync, struct timespec deadline)
{
    return pthread_cond_timedwait(&sync->changed, &sync->mutex, &deadline) != ETIMEDOUT;
}

int64_t tern_monotonic_ns(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * NS_PER_S + now.tv_nsec;
}

int tern_thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes, void *(*run)(void *), void *argument)
{
    pthread_attr_t attributes;
    (void)pthread_attr_init(&attributes);
    if (stack_bytes > 0) (void)pthread_attr_setstacksize(&attributes, stack_bytes);
    int failed = pthread_create(ret_thread, &attributes, run, argument);
    (void)pthread_attr_destroy(&attributes);
    /* Fails only for a name over 15 bytes, or a thread that has ended already. */
    if (failed == 0) (void)pthread_setname_np(*ret_thread, name);
    return failed;
}
