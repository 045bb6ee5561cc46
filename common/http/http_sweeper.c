/* Hangs up on connections that are over their deadline.
 *
 * libmicrohttpd's own timeout counts inactivity only (a byte per second lives for ever), and in its last second
 * version 0.9.75 spins instead of waiting; so it is switched off, and this thread keeps every deadline. It looks at
 * the connections once per tick while there are any, and sleeps without a timeout when there are none.
 * It also reports the connections that were refused: the first one at once, then once a minute with their number.
 * A connection is on the list exactly as long as its descriptor is open: it is taken off, under the mutex, before
 * libmicrohttpd closes it, so that shutdown() never meets somebody else's descriptor.
 * Never: closes a descriptor, or waits or reports while it holds the mutex. */
#include "http_internal.h"

#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct timespec in_ms(int ms)
{
    struct timespec when;
    (void)clock_gettime(CLOCK_MONOTONIC, &when);
    when.tv_sec += ms / 1000;
    when.tv_nsec += (long)(ms % 1000) * 1000000L;
    if (when.tv_nsec >= 1000000000L) {
        when.tv_sec++;
        when.tv_nsec -= 1000000000L;
    }
    return when;
}

/* Under the mutex. */
static void hang_up_late(struct http_sweeper *sweeper)
{
    int64_t now = tern_steady(sweeper->clock);
    for (struct http_connection *one = sweeper->first; one != NULL; one = one->after)
        if (now >= atomic_load_explicit(&one->deadline_ms, memory_order_relaxed))
            (void)shutdown(one->fd, SHUT_RDWR); /* its thread wakes up and ends it */
}

/* Under the mutex, which it gives up meanwhile. */
static void report_refused(struct http_sweeper *sweeper)
{
    char peer[TERN_HTTP_PEER_SIZE];
    int64_t now = tern_steady(sweeper->clock);
    uint64_t count = sweeper->refused;
    if (count == 0 || (sweeper->reported_ms != 0 && now - sweeper->reported_ms < HTTP_REPORT_MS)) return;
    sweeper->refused = 0;
    sweeper->reported_ms = now;
    http_address_print(sweeper->refused_last, peer);
    pthread_mutex_unlock(&sweeper->mutex);
    if (sweeper->report != NULL) sweeper->report(sweeper->self, count, peer);
    pthread_mutex_lock(&sweeper->mutex);
}

static void *sweep(void *argument)
{
    struct http_sweeper *sweeper = argument;
    pthread_mutex_lock(&sweeper->mutex);
    while (!sweeper->stopping) {
        report_refused(sweeper);
        if (sweeper->first == NULL && sweeper->refused == 0) {
            pthread_cond_wait(&sweeper->changed, &sweeper->mutex);
            continue;
        }
        struct timespec when = in_ms(sweeper->tick_ms);
        (void)pthread_cond_timedwait(&sweeper->changed, &sweeper->mutex, &when);
        hang_up_late(sweeper);
    }
    pthread_mutex_unlock(&sweeper->mutex);
    return NULL;
}

int http_sweeper_start(struct http_sweeper *sweeper, const struct tern_clock *clock, int tick_ms,
                       tern_http_refused *report, void *self, struct tern_error *err)
{
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    sweeper->clock = clock;
    sweeper->tick_ms = tick_ms;
    sweeper->report = report;
    sweeper->self = self;
    sweeper->first = NULL;
    sweeper->stopping = false;
    pthread_mutex_init(&sweeper->mutex, NULL);
    pthread_cond_init(&sweeper->changed, &monotonic);
    pthread_condattr_destroy(&monotonic);

    pthread_attr_t small;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 128 * 1024);
    int failed = pthread_create(&sweeper->thread, &small, sweep, sweeper);
    pthread_attr_destroy(&small);
    if (failed == 0) return 0;
    pthread_cond_destroy(&sweeper->changed);
    pthread_mutex_destroy(&sweeper->mutex);
    return tern_error_set(err, "the HTTP server could not start a thread: %s", strerror(failed));
}

void http_sweeper_stop(struct http_sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->mutex);
    sweeper->stopping = true;
    pthread_cond_signal(&sweeper->changed);
    pthread_mutex_unlock(&sweeper->mutex);
    pthread_join(sweeper->thread, NULL);
    TERN_ASSERT(sweeper->first == NULL, "the sweeper ends after the last connection");
    pthread_cond_destroy(&sweeper->changed);
    pthread_mutex_destroy(&sweeper->mutex);
}

void http_sweeper_add(struct http_sweeper *sweeper, struct http_connection *connection)
{
    pthread_mutex_lock(&sweeper->mutex);
    connection->before = NULL;
    connection->after = sweeper->first;
    if (sweeper->first != NULL)
        sweeper->first->before = connection;
    else
        pthread_cond_signal(&sweeper->changed);
    sweeper->first = connection;
    pthread_mutex_unlock(&sweeper->mutex);
}

void http_sweeper_remove(struct http_sweeper *sweeper, struct http_connection *connection)
{
    pthread_mutex_lock(&sweeper->mutex);
    if (connection->before != NULL)
        connection->before->after = connection->after;
    else
        sweeper->first = connection->after;
    if (connection->after != NULL) connection->after->before = connection->before;
    pthread_mutex_unlock(&sweeper->mutex);
}

void http_sweeper_release_idle(struct http_sweeper *sweeper)
{
    pthread_mutex_lock(&sweeper->mutex);
    for (struct http_connection *one = sweeper->first; one != NULL; one = one->after)
        if (!atomic_load(&one->busy))
            (void)shutdown(one->fd, SHUT_RD); /* what has already arrived is still read and answered */
    pthread_mutex_unlock(&sweeper->mutex);
}
