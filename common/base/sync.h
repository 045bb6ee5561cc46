/* sync.h - a mutex with its condition and deadlines, and threads with a name and a stack size.
 *
 * For the rooms of common/, not for applications. Deadlines are points of CLOCK_MONOTONIC, so a step of the wall clock
 * neither ends nor prolongs a wait. A pthread call that cannot fail here but by a mistake in the program is a broken
 * invariant. */
#ifndef TERN_BASE_SYNC_H
#define TERN_BASE_SYNC_H

#include <pthread.h>
#include <time.h>

#include "tern/base.h"

/* Guards some state, and wakes the threads that wait for it to change. */
struct tern_sync {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* signalled under the mutex, after a change of the state */
};

void tern_sync_init(struct tern_sync *sync);
/* No thread may hold the mutex or wait. */
void tern_sync_fini(struct tern_sync *sync);

static inline void tern_sync_lock(struct tern_sync *sync)
{
    (void)pthread_mutex_lock(&sync->mutex);
}
static inline void tern_sync_unlock(struct tern_sync *sync)
{
    (void)pthread_mutex_unlock(&sync->mutex);
}
/* Wakes one thread that waits, or all of them. */
static inline void tern_sync_signal(struct tern_sync *sync)
{
    (void)pthread_cond_signal(&sync->changed);
}
static inline void tern_sync_broadcast(struct tern_sync *sync)
{
    (void)pthread_cond_broadcast(&sync->changed);
}
/* Under the mutex, which is free during the wait. May return without a signal: check the state again. */
static inline void tern_sync_wait(struct tern_sync *sync)
{
    (void)pthread_cond_wait(&sync->changed, &sync->mutex);
}

/* The point of time `timeout_ms` milliseconds from now; one that is not positive has passed already. */
struct timespec tern_deadline(int64_t timeout_ms);
/* As tern_sync_wait, until the deadline at most. False: it has passed. */
bool tern_sync_wait_until(struct tern_sync *sync, struct timespec deadline);

/* Nanoseconds of CLOCK_MONOTONIC: to measure durations of this process where no struct tern_clock is at hand. */
int64_t tern_monotonic_ns(void);

/* Runs `run(argument)` on a new thread. `name` is what ps and debuggers show, at most 15 bytes; `stack_bytes` 0: the
 * system's usual size. Returns 0, or the errno value of pthread_create(3): then there is no thread. */
int tern_thread_start(pthread_t *ret_thread, const char *name, size_t stack_bytes, void *(*run)(void *),
                      void *argument);

#endif
