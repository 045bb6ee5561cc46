/* http_sweeper.c - ends connections that are over their deadline, on a thread of its own.
 *
 * libmicrohttpd's own timeout counts inactivity only (one byte per second keeps a connection for ever), and version
 * 0.9.75 spins in its last second; so it is switched off, and this thread enforces every deadline. It checks the
 * connections once per tick while there are any, and sleeps without a timeout when there are none. It also reports
 * refused connections: the first one at once, then once a minute with their number. A connection is on the list exactly
 * while its descriptor is open: it is removed, under the mutex, before libmicrohttpd closes it, so that shutdown(2)
 * never hits a reused descriptor. Never closes a descriptor, and never waits or reports while it holds the mutex. */
#include "http_internal.h"

#include <string.h>
#include <sys/socket.h>

enum { STACK_BYTES = 128 * 1024 };

/* Under the mutex, which it releases during the report. */
static void report_refused(struct http_sweeper *sweeper)
{
    char peer[TERN_HTTP_PEER_SIZE];
    int64_t now = tern_steady(sweeper->clock);
    uint64_t count = sweeper->refused;
    if (count == 0 || (sweeper->reported_ms != 0 && now - sweeper->reported_ms < HTTP_REPORT_MS)) return;
    sweeper->refused = 0;
    sweeper->reported_ms = now;
    tern_http_address_print(sweeper->refused_last, peer);
    tern_sync_unlock(&sweeper->sync);
    if (sweeper->report) sweeper->report(sweeper->self, count, peer);
    tern_sync_lock(&sweeper->sync);
}

/* The thread. */
static void *sweep(void *argument)
{
    struct http_sweeper *sweeper = argument;
    tern_sync_lock(&sweeper->sync);
    while (!sweeper->stopping) {
        report_refused(sweeper);
        if (!sweeper->first && sweeper->refused == 0) {
            tern_sync_wait(&sweeper->sync);
            continue;
        }
        (void)tern_sync_wait_until(&sweeper->sync, tern_deadline(sweeper->tick_ms));
        int64_t now = tern_steady(sweeper->clock);
        for (struct http_connection *one = sweeper->first; one; one = one->after)
            if (now >= atomic_load_explicit(&one->deadline_ms, memory_order_relaxed))
                (void)shutdown(one->fd, SHUT_RDWR); /* wakes its thread, which ends it */
    }
    tern_sync_unlock(&sweeper->sync);
    return NULL;
}

int tern_http_sweeper_start(struct http_sweeper *sweeper, const struct tern_clock *clock, int tick_ms,
                            tern_http_refused *report, void *self, struct tern_error *err)
{
    sweeper->clock = clock;
    sweeper->tick_ms = tick_ms;
    sweeper->report = report;
    sweeper->self = self;
    sweeper->first = NULL;
    sweeper->stopping = false;
    tern_sync_init(&sweeper->sync);
    int failed = tern_thread_start(&sweeper->thread, "http-sweeper", STACK_BYTES, sweep, sweeper);
    if (failed == 0) return 0;
    tern_sync_fini(&sweeper->sync);
    return tern_error_set(err, "the HTTP server could not start a thread: %s", strerror(failed));
}

void tern_http_sweeper_stop(struct http_sweeper *sweeper)
{
    tern_sync_lock(&sweeper->sync);
    sweeper->stopping = true;
    tern_sync_signal(&sweeper->sync);
    tern_sync_unlock(&sweeper->sync);
    pthread_join(sweeper->thread, NULL);
    TERN_ASSERT(!sweeper->first, "the sweeper ends after the last connection");
    tern_sync_fini(&sweeper->sync);
}

void tern_http_sweeper_add(struct http_sweeper *sweeper, struct http_connection *connection)
{
    tern_sync_lock(&sweeper->sync);
    connection->before = NULL;
    connection->after = sweeper->first;
    if (sweeper->first)
        sweeper->first->before = connection;
    else
        tern_sync_signal(&sweeper->sync);
    sweeper->first = connection;
    tern_sync_unlock(&sweeper->sync);
}

void tern_http_sweeper_remove(struct http_sweeper *sweeper, struct http_connection *connection)
{
    tern_sync_lock(&sweeper->sync);
    if (connection->before)
        connection->before->after = connection->after;
    else
        sweeper->first = connection->after;
    if (connection->after) connection->after->before = connection->before;
    tern_sync_unlock(&sweeper->sync);
}

void tern_http_sweeper_release_idle(struct http_sweeper *sweeper)
{
    tern_sync_lock(&sweeper->sync);
    for (struct http_connection *one = sweeper->first; one; one = one->after)
        if (!atomic_load(&one->busy))
            (void)shutdown(one->fd, SHUT_RD); /* a request that has arrived is still read and answered */
    tern_sync_unlock(&sweeper->sync);
}
