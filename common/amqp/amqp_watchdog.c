/* amqp_watchdog.c - a small thread beside a link that shuts the socket under a library call that lasts too long.
 *
 * rabbitmq-c may wait for ever in a send or behind half a frame. The link makes its beat odd before a call and even
 * after it; the watchdog looks a few times per limit and, when the same odd beat stands for the whole limit, shuts
 * the socket: the call returns with an error and the link starts over. The socket is named and unnamed under the
 * mutex, so that a number that was closed and used again is never shut. Never touches the library itself. */
#include "amqp_link.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { LOOKS_PER_LIMIT = 4, STACK_BYTES = 64 * 1024 };

static int64_t steady_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static void wait_for_next_look(struct amqp_watchdog *watchdog)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t step_ns = (int64_t)watchdog->limit_ms * 1000000 / LOOKS_PER_LIMIT + until.tv_nsec;
    until.tv_sec += step_ns / 1000000000;
    until.tv_nsec = step_ns % 1000000000;
    (void)pthread_cond_timedwait(&watchdog->changed, &watchdog->mutex, &until);
}

static void *watch(void *argument)
{
    struct amqp_watchdog *watchdog = argument;
    unsigned seen = 0;
    int64_t since_ms = steady_ms();
    (void)pthread_mutex_lock(&watchdog->mutex);
    while (!watchdog->ending) {
        wait_for_next_look(watchdog);
        unsigned beat = atomic_load_explicit(&watchdog->beat, memory_order_acquire);
        int64_t now_ms = steady_ms();
        if (beat != seen || beat % 2 == 0) {
            seen = beat;
            since_ms = now_ms;
        } else if (now_ms - since_ms >= watchdog->limit_ms && watchdog->fd >= 0) {
            (void)shutdown(watchdog->fd, SHUT_RDWR);
            since_ms = now_ms;
        }
    }
    (void)pthread_mutex_unlock(&watchdog->mutex);
    return NULL;
}

void amqp_watchdog_init(struct amqp_watchdog *watchdog)
{
    pthread_condattr_t attributes;
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    TERN_ASSERT(pthread_mutex_init(&watchdog->mutex, NULL) == 0, "a mutex can be made");
    TERN_ASSERT(pthread_cond_init(&watchdog->changed, &attributes) == 0, "a condition can be made");
    (void)pthread_condattr_destroy(&attributes);
    watchdog->fd = -1;
}

void amqp_watchdog_fini(struct amqp_watchdog *watchdog)
{
    (void)pthread_cond_destroy(&watchdog->changed);
    (void)pthread_mutex_destroy(&watchdog->mutex);
}

int amqp_watchdog_start(struct amqp_watchdog *watchdog, int limit_ms, struct tern_error *err)
{
    pthread_attr_t attributes;
    if (watchdog->running) return 0;
    watchdog->limit_ms = limit_ms;
    watchdog->ending = false;
    (void)pthread_attr_init(&attributes);
    (void)pthread_attr_setstacksize(&attributes, STACK_BYTES);
    int failed = pthread_create(&watchdog->thread, &attributes, watch, watchdog);
    (void)pthread_attr_destroy(&attributes);
    if (failed != 0) return tern_error_set(err, "the link's watchdog cannot be started: %s", strerror(failed));
    watchdog->running = true;
    return 0;
}

void amqp_watchdog_stop(struct amqp_watchdog *watchdog)
{
    if (!watchdog->running) return;
    (void)pthread_mutex_lock(&watchdog->mutex);
    watchdog->ending = true;
    (void)pthread_cond_signal(&watchdog->changed);
    (void)pthread_mutex_unlock(&watchdog->mutex);
    (void)pthread_join(watchdog->thread, NULL);
    watchdog->running = false;
}

void amqp_watchdog_set_fd(struct amqp_watchdog *watchdog, int fd)
{
    (void)pthread_mutex_lock(&watchdog->mutex);
    watchdog->fd = fd;
    (void)pthread_mutex_unlock(&watchdog->mutex);
}

void amqp_watchdog_shut(struct amqp_watchdog *watchdog)
{
    (void)pthread_mutex_lock(&watchdog->mutex);
    if (watchdog->fd >= 0) (void)shutdown(watchdog->fd, SHUT_RDWR);
    (void)pthread_mutex_unlock(&watchdog->mutex);
}
