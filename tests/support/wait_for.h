/* wait_for.h - how a test waits: for a condition, under the lock that guards it, with a deadline; never for a time. */
#ifndef TERN_TEST_WAIT_FOR_H
#define TERN_TEST_WAIT_FOR_H

#include "tern/clock.h"

#include <pthread.h>
#include <time.h>

enum { TEST_WAIT_MS = 20000 };

static inline void test_pause(void)
{
    const struct timespec a_moment = {.tv_nsec = 1000000};
    (void)nanosleep(&a_moment, NULL);
}

/* Fails the test when the condition does not hold in time. `mutex` is a pthread_mutex_t pointer. */
#define TEST_WAIT(mutex, condition)                                        \
    do {                                                                   \
        int64_t until_ = tern_steady(&tern_clock_system) + TEST_WAIT_MS;   \
        bool holds_ = false;                                               \
        for (;;) {                                                         \
            (void)pthread_mutex_lock(mutex);                               \
            holds_ = (condition);                                          \
            (void)pthread_mutex_unlock(mutex);                             \
            if (holds_ || tern_steady(&tern_clock_system) > until_) break; \
            test_pause();                                                  \
        }                                                                  \
        if (!holds_) fail_msg("not in time: %s", #condition);              \
    } while (0)

/* Changes what such a condition looks at. */
#define TEST_NOTE(mutex, what)             \
    do {                                   \
        (void)pthread_mutex_lock(mutex);   \
        what;                              \
        (void)pthread_mutex_unlock(mutex); \
    } while (0)

#endif
