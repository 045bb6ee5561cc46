/* amqp.c - the life of a link: connect, serve, lose, wait, again.
 *
 * There is one recovery path: any error destroys the connection, tells the owner, and waits with a jittered back-off
 * that a stop ends early. The link's thread sleeps in one poll(2) on the socket and an eventfd, for a second at most,
 * because heartbeats are sent only here. A wake costs a system call only while the thread sleeps. Never logs, never
 * gives up by itself. */
#include "amqp_link.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

enum {
    POLL_MS = 1000,    /* longest sleep while connected: heartbeats are due every few seconds */
    SETTLED_MS = 5000, /* a connection that has lasted this long resets the back-off */
    GOODBYE_MS = 1000  /* for what is unsent at a stop */
};

static const struct tern_amqp_limits usual_limits = {
    .heartbeat_s = 5,
    .rpc_ms = 5000,
    .user_timeout_ms = 15000,
    .watchdog_ms = 20000,
    .backoff_min_ms = 200,
    .backoff_max_ms = 10000,
    .probe_ms = 10000,
};

static int limit_or(int limit, int usual)
{
    return limit > 0 ? limit : usual;
}

/* Fills in the defaults of tern_amqp_limits. */
static void set_limits(struct tern_amqp_limits *limits)
{
    limits->heartbeat_s = limit_or(limits->heartbeat_s, usual_limits.heartbeat_s);
    limits->rpc_ms = limit_or(limits->rpc_ms, usual_limits.rpc_ms);
    limits->user_timeout_ms = limit_or(limits->user_timeout_ms, usual_limits.user_timeout_ms);
    limits->watchdog_ms = limit_or(limits->watchdog_ms, usual_limits.watchdog_ms);
    limits->backoff_min_ms = limit_or(limits->backoff_min_ms, usual_limits.backoff_min_ms);
    limits->backoff_max_ms = limit_or(limits->backoff_max_ms, usual_limits.backoff_max_ms);
    limits->probe_ms = limit_or(limits->probe_ms, usual_limits.probe_ms);
}

/* The URL is copied, because parsing cuts it into pieces, and overwritten at the end, because one piece is a password.
 * */
int tern_amqp_create(const struct tern_amqp_settings *settings, const struct tern_amqp_owner *owner,
                     struct tern_amqp **ret_link, struct tern_error *err)
{
    struct tern_amqp *link = tern_alloc(sizeof *link);
    link->settings = *settings;
    link->owner = *owner;
    link->fd = -1;
    if (!link->settings.clock) link->settings.clock = &tern_clock_system;
    set_limits(&link->settings.limits);
    link->address_text = tern_copy_text(settings->url);
    link->address_size = strlen(settings->url);
    link->ca_file = tern_copy_text(settings->ca_file ? settings->ca_file : "");
    link->connection_name = tern_copy_text(settings->connection_name ? settings->connection_name : "");
    link->settings.url = NULL;
    link->settings.ca_file = link->ca_file;
    link->settings.connection_name = link->connection_name;
    tern_amqp_watchdog_init(&link->watchdog);
    link->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    TERN_ASSERT(link->wake_fd >= 0, "an eventfd can be made");
    if (tern_amqp_link_parse_url(link, err) < 0) {
        tern_amqp_destroy(link);
        return -1;
    }
    *ret_link = link;
    return 0;
}

void tern_amqp_destroy(struct tern_amqp *link)
{
    if (!link) return;
    TERN_ASSERT(!link->connection, "a link is destroyed only when it does not run");
    (void)close(link->wake_fd);
    tern_amqp_watchdog_fini(&link->watchdog);
    tern_amqp_incoming_fini(&link->in);
    tern_amqp_outgoing_fini(&link->out);
    tern_amqp_link_forget_question(link);
    explicit_bzero(link->address_text, link->address_size); /* one of its pieces is the password */
    free(link->address_text);
    free(link->ca_file);
    free(link->connection_name);
    free(link);
}

/* Ends the poll(2) of the link's thread, or its next one. EAGAIN: the counter is full, so it rings already. */
static void ring(struct tern_amqp *link)
{
    const uint64_t one = 1;
    ssize_t written = write(link->wake_fd, &one, sizeof one);
    TERN_ASSERT(written == (ssize_t)sizeof one || errno == EAGAIN, "an eventfd takes a wake");
}

/* The thread sets `asleep`, then reads `woken`; here they are used in the other order. So one of the two sees the
 * other, and no wake is lost. */
void tern_amqp_wake(struct tern_amqp *link)
{
    if (!atomic_exchange(&link->woken, true) && atomic_load(&link->asleep)) ring(link);
}

/* A link that is connecting or logging in waits inside the library: only a shut socket ends that. */
void tern_amqp_stop(struct tern_amqp *link)
{
    atomic_store(&link->stopping, true);
    atomic_store(&link->woken, true);
    ring(link);
    if (!atomic_load(&link->connected)) tern_amqp_watchdog_shut(&link->watchdog);
}

struct tern_amqp_link_state tern_amqp_state(const struct tern_amqp *link)
{
    return (struct tern_amqp_link_state){
        .connected = atomic_load(&link->connected),
        .blocked = atomic_load(&link->blocked),
        .trouble = (enum tern_amqp_trouble)atomic_load(&link->trouble),
        .connects = atomic_load(&link->connects),
    };
}

/* Waits for the socket, a wake, or the time. Returns the events of the socket. */
static short sleep_for(struct tern_amqp *link, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = link->wake_fd, .events = POLLIN},
        {.fd = fd,            .events = POLLIN}
    };
    if (tern_amqp_link_unsent(link) > 0) fds[1].events |= POLLOUT;
    atomic_store(&link->asleep, true);
    if (atomic_load(&link->woken)) timeout_ms = 0;
    int ready = poll(fds, fd >= 0 ? 2 : 1, timeout_ms);
    atomic_store(&link->asleep, false);
    link->was_woken = atomic_exchange(&link->woken, false);
    if (ready > 0 && fds[0].revents != 0) {
        uint64_t count;
        (void)!read(link->wake_fd, &count, sizeof count);
    }
    return ready > 0 && fd >= 0 ? fds[1].revents : 0;
}

/* Handles what has arrived and keeps the connection alive: heartbeats at half their interval, silence of two of them as
 * the end (AMQP 0-9-1, section 4.2.7), and a probe of the queue now and then. */
static int take_in(struct tern_amqp *link, short events, bool *more, struct tern_error *err)
{
    bool take = *more || (events & ~POLLOUT) != 0;
    link->now_ms = tern_steady(link->settings.clock);
    if (events & POLLIN) link->received_ms = link->now_ms;
    *more = false;
    if (take && tern_amqp_link_receive(link, more, err) < 0) return -1;

    int64_t silent_ms = link->now_ms - link->received_ms;
    if (silent_ms > 2 * link->heartbeat_ms)
        return tern_error_set(err, "the broker has been silent for %lld s", (long long)(silent_ms / 1000));
    if (link->now_ms - link->sent_ms >= link->heartbeat_ms / 2) return tern_amqp_link_heartbeat(link, err);
    if (link->consumer_number > 0 && link->now_ms - link->probed_ms >= link->settings.limits.probe_ms)
        return tern_amqp_link_probe(link, err);
    return 0;
}

/* Lets the owner work once more, sends what is due for GOODBYE_MS at most, and closes the connection in order. */
static void leave(struct tern_amqp *link)
{
    struct tern_error ignored;
    if (link->owner.work && link->owner.work(link->owner.self, link, &ignored) < 0) return;
    int64_t until_ms = tern_steady(link->settings.clock) + GOODBYE_MS;
    while (tern_amqp_link_flush(link, &ignored) == 0 && tern_amqp_link_unsent(link) > 0) {
        struct pollfd out = {.fd = link->fd, .events = POLLOUT};
        int64_t left_ms = until_ms - tern_steady(link->settings.clock);
        if (left_ms <= 0 || poll(&out, 1, (int)left_ms) <= 0) return;
    }
    if (tern_amqp_link_unsent(link) == 0 && !atomic_load(&link->blocked)) tern_amqp_link_say_goodbye(link);
}

/* The connected life: receive, let the owner work, send the burst, sleep. Returns 0 after a stop. */
static int serve(struct tern_amqp *link, struct tern_error *err)
{
    bool more = true; /* the set-up may have left frames in the library */
    short events = 0;
    while (!atomic_load(&link->stopping)) {
        if (take_in(link, events, &more, err) < 0) return -1;
        if (link->owner.work && link->owner.work(link->owner.self, link, err) < 0) return -1;
        if (tern_amqp_link_flush(link, err) < 0) return -1;
        events = sleep_for(link, link->fd, more ? 0 : POLL_MS);
    }
    leave(link);
    return 0;
}

/* For jitter; a generator of ids is not needed here, and its quality neither. */
static int random_below(int bound)
{
    uint32_t random = 0;
    (void)!getrandom(&random, sizeof random, 0);
    return (int)((int64_t)random % bound);
}

/* Waits between two calls of `ready`, keeping the connection alive; nothing else is sent. */
static int stand_by(struct tern_amqp *link, int ms, struct tern_error *err)
{
    int64_t until_ms = link->now_ms + ms + random_below(ms + 1);
    bool more = false;
    link->was_woken = false;
    while (!link->was_woken && !atomic_load(&link->stopping) && link->now_ms < until_ms) {
        int64_t left_ms = until_ms - link->now_ms;
        short events = sleep_for(link, link->fd, more ? 0 : left_ms < POLL_MS ? (int)left_ms : POLL_MS);
        if (take_in(link, events, &more, err) < 0 || tern_amqp_link_flush(link, err) < 0) return -1;
    }
    return atomic_load(&link->stopping) ? tern_error_set(err, "stopping") : 0;
}

/* Connects, opens the channel, and calls `ready` until it returns 0 or an error. */
static int set_up(struct tern_amqp *link, struct tern_error *err)
{
    if (tern_amqp_link_connect(link, err) < 0 || tern_amqp_link_open_channel(link, err) < 0) return -1;
    atomic_fetch_add(&link->connects, 1);
    link->received_ms = link->sent_ms = tern_steady(link->settings.clock);
    for (;;) {
        link->in_set_up = true;
        int ready = link->owner.ready ? link->owner.ready(link->owner.self, link, err) : 0;
        link->in_set_up = false;
        link->now_ms = link->probed_ms = tern_steady(link->settings.clock);
        if (ready <= 0) return ready;
        if (stand_by(link, ready, err) < 0) return -1;
    }
}

/* One connection from its socket to its end; 0: the link was stopped while it was connected. */
static int one_connection(struct tern_amqp *link, struct tern_error *err)
{
    int result = set_up(link, err);
    if (result == 0) {
        link->connected_ms = link->now_ms;
        atomic_store(&link->connected, true);
        result = serve(link, err);
    }
    atomic_store(&link->connected, false);
    atomic_store(&link->blocked, false);
    tern_amqp_link_disconnect(link);
    return result;
}

/* The delay doubles with each failure; half of it is jitter. A stop ends it. */
static void back_off(struct tern_amqp *link, unsigned attempt)
{
    const struct tern_amqp_limits *limits = &link->settings.limits;
    int64_t wait_ms = limits->backoff_min_ms;
    for (unsigned i = 1; i < attempt && wait_ms < limits->backoff_max_ms; i++)
        wait_ms *= 2;
    if (wait_ms > limits->backoff_max_ms) wait_ms = limits->backoff_max_ms;
    wait_ms = wait_ms / 2 + random_below((int)wait_ms / 2 + 1);
    int64_t until_ms = tern_steady(&tern_clock_system) + wait_ms;
    int64_t left_ms;
    while (!atomic_load(&link->stopping) && (left_ms = until_ms - tern_steady(&tern_clock_system)) > 0)
        (void)sleep_for(link, -1, (int)left_ms);
}

/* Only a stop ends the loop. A connection that has lasted SETTLED_MS resets the back-off; one that fails sooner counts
 * as a further failure, so that a broker which refuses us after the login is not asked five times a second. */
void tern_amqp_run(struct tern_amqp *link)
{
    unsigned attempt = 0;
    struct tern_error err;
    while (!atomic_load(&link->stopping)) {
        err = (struct tern_error){.text = "unknown trouble"};
        link->connected_ms = 0;
        atomic_store(&link->trouble, TERN_AMQP_OTHER);
        bool watched = tern_amqp_watchdog_start(&link->watchdog, link->settings.limits.watchdog_ms, &err) == 0;
        if ((watched && one_connection(link, &err) == 0) || atomic_load(&link->stopping)) break;
        if (link->connected_ms != 0 && tern_steady(link->settings.clock) - link->connected_ms >= SETTLED_MS)
            attempt = 0;
        if (link->owner.lost) link->owner.lost(link->owner.self, err.text);
        back_off(link, ++attempt);
    }
    tern_amqp_watchdog_stop(&link->watchdog);
}

const char *tern_amqp_version(void)
{
    static _Thread_local char text[32];
    (void)snprintf(text, sizeof text, "rabbitmq-c %s", amqp_version());
    return text;
}
