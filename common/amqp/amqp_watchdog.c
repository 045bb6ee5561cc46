/* amqp_watchdog.c - a small thread beside a link that shuts the socket under a library call that lasts too long.
 *
 * rabbitmq-c may wait for ever in a send or behind half a frame. The link makes its beat odd before a call and even
 * after it; the watchdog checks a few times per limit, and when the same odd beat stays for the whole limit, it shuts
 * the socket: the call fails and the link starts over. The descriptor is set and cleared under the mutex, so that a
 * number that was closed and reused is never shut. Never calls the library. */
#include "amqp_link.h"

#include <string.h>
#include <sys/socket.h>

enum { CHECKS_PER_LIMIT = 4, STACK_BYTES = 64 * 1024 };

/* The thread. After it has shut the socket it waits for another limit: the call has until then to notice. */
static void *watch(void *argument)
{
    struct tern_amqp_watchdog *watchdog = argument;
    unsigned seen = 0;
    int64_t limit_ns = (int64_t)watchdog->limit_ms * 1000000;
    int64_t since_ns = tern_monotonic_ns();
    tern_sync_lock(&watchdog->sync);
    while (!watchdog->ending) {
        (void)tern_sync_wait_until(&watchdog->sync, tern_deadline(watchdog->limit_ms / CHECKS_PER_LIMIT));
        unsigned beat = atomic_load_explicit(&watchdog->beat, memory_order_acquire);
        int64_t now_ns = tern_monotonic_ns();
        if (beat != seen || beat % 2 == 0) {
            seen = beat;
            since_ns = now_ns;
        } else if (now_ns - since_ns >= limit_ns && watchdog->fd >= 0) {
            (void)shutdown(watchdog->fd, SHUT_RDWR);
            since_ns = now_ns;
        }
    }
    tern_sync_unlock(&watchdog->sync);
    return NULL;
}

void tern_amqp_watchdog_init(struct tern_amqp_watchdog *watchdog)
{
    tern_sync_init(&watchdog->sync);
    watchdog->fd = -1;
}

void tern_amqp_watchdog_fini(struct tern_amqp_watchdog *watchdog)
{
    tern_sync_fini(&watchdog->sync);
}

int tern_amqp_watchdog_start(struct tern_amqp_watchdog *watchdog, int limit_ms, struct tern_error *err)
{
    if (watchdog->running) return 0;
    watchdog->limit_ms = limit_ms;
    watchdog->ending = false;
    int failed = tern_thread_start(&watchdog->thread, "amqp-watchdog", STACK_BYTES, watch, watchdog);
    if (failed != 0) return tern_error_set(err, "the link's watchdog cannot be started: %s", strerror(failed));
    watchdog->running = true;
    return 0;
}

void tern_amqp_watchdog_stop(struct tern_amqp_watchdog *watchdog)
{
    if (!watchdog->running) return;
    tern_sync_lock(&watchdog->sync);
    watchdog->ending = true;
    tern_sync_signal(&watchdog->sync);
    tern_sync_unlock(&watchdog->sync);
    (void)pthread_join(watchdog->thread, NULL);
    watchdog->running = false;
}

void tern_amqp_watchdog_set_fd(struct tern_amqp_watchdog *watchdog, int fd)
{
    tern_sync_lock(&watchdog->sync);
    watchdog->fd = fd;
    tern_sync_unlock(&watchdog->sync);
}

void tern_amqp_watchdog_shut(struct tern_amqp_watchdog *watchdog)
{
    tern_sync_lock(&watchdog->sync);
    if (watchdog->fd >= 0) (void)shutdown(watchdog->fd, SHUT_RDWR);
    tern_sync_unlock(&watchdog->sync);
}
