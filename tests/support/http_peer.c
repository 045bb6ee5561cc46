/* http_peer.c - a poll loop over its connections; see http_peer.h. */
#include "http_peer.h"

#include "tern_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CONNECTIONS_MAX = 1200, REQUEST_MAX = 4096, KEPT = 64 };

struct connection {
    char text[REQUEST_MAX];
    size_t length;
    bool waits; /* for its answer */
};

struct http_peer {
    int listener, stop_fd;
    uint16_t port;
    pthread_t thread;
    struct pollfd polls[2 + CONNECTIONS_MAX]; /* the thread's */
    struct connection *connections[CONNECTIONS_MAX];
    size_t count;

    pthread_mutex_t lock; /* guards the rest */
    const struct http_peer_step *steps;
    size_t step_count;
    int gather, requests, connected, waiting;
    char kept[KEPT][REQUEST_MAX];
};

/* ---- one connection ---- */

static void drop(struct http_peer *peer, size_t at, bool reset)
{
    const struct linger at_once = {.l_onoff = 1};
    int fd = peer->polls[2 + at].fd;
    if (reset) (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
    close(fd);
    free(peer->connections[at]);
    peer->count--;
    peer->connections[at] = peer->connections[peer->count];
    peer->polls[2 + at] = peer->polls[2 + peer->count];
}

static bool is_whole(const struct connection *connection)
{
    const char *end = strstr(connection->text, "\r\n\r\n");
    const char *length = strstr(connection->text, "Content-Length: ");
    size_t body = length && length < end ? strtoul(length + 16, NULL, 10) : 0;
    return end && connection->length >= (size_t)(end + 4 - connection->text) + body;
}

static void send_all(int fd, const char *text)
{
    for (size_t left = strlen(text); left > 0;) {
        ssize_t sent = send(fd, text, left, MSG_NOSIGNAL);
        if (sent <= 0) return;
        text += sent;
        left -= (size_t)sent;
    }
}

/* False: the connection is gone. */
static bool act(struct http_peer *peer, size_t at, const struct http_peer_step *step)
{
    char head[128];
    int fd = peer->polls[2 + at].fd;
    switch (step->act) {
    case PEER_ANSWERS:
        (void)snprintf(head, sizeof head, "HTTP/1.1 %d Word\r\nContent-Length: %zu\r\n\r\n", step->status,
                       strlen(step->text));
        send_all(fd, head);
        send_all(fd, step->text);
        return true;
    case PEER_SENDS: send_all(fd, step->text); break;
    case PEER_RESETS: drop(peer, at, true); return false;
    case PEER_KEEPS_SILENT: return true;
    }
    drop(peer, at, false);
    return false;
}

/* Notes the request; its step, or NULL while others are waited for. */
static const struct http_peer_step *take_request(struct http_peer *peer, struct connection *connection)
{
    (void)pthread_mutex_lock(&peer->lock);
    if (peer->requests < KEPT) strcpy(peer->kept[peer->requests], connection->text);
    size_t step = (size_t)peer->requests++;
    if (step >= peer->step_count) step = peer->step_count - 1;
    const struct http_peer_step *taken = &peer->steps[step];
    connection->waits = peer->gather > 0;
    if (connection->waits) peer->waiting++;
    (void)pthread_mutex_unlock(&peer->lock);
    return connection->waits ? NULL : taken;
}

static void answer_the_gathered(struct http_peer *peer)
{
    (void)pthread_mutex_lock(&peer->lock);
    bool all = peer->gather > 0 && peer->waiting >= peer->gather;
    if (all) peer->gather = peer->waiting = 0;
    const struct http_peer_step *step = &peer->steps[peer->step_count - 1];
    (void)pthread_mutex_unlock(&peer->lock);
    for (size_t at = peer->count; all && at-- > 0;) {
        if (!peer->connections[at]->waits) continue;
        peer->connections[at]->waits = false;
        (void)act(peer, at, step);
    }
}

static void read_from(struct http_peer *peer, size_t at)
{
    struct connection *connection = peer->connections[at];
    size_t room = sizeof connection->text - 1 - connection->length;
    ssize_t got = recv(peer->polls[2 + at].fd, connection->text + connection->length, room, 0);
    if (got <= 0) {
        drop(peer, at, false);
        return;
    }
    connection->length += (size_t)got;
    connection->text[connection->length] = '\0';
    if (!is_whole(connection)) return;
    const struct http_peer_step *step = take_request(peer, connection);
    connection->length = 0;
    if (step)
        (void)act(peer, at, step);
    else
        answer_the_gathered(peer);
}

/* ---- the thread ---- */

static void take_in(struct http_peer *peer)
{
    int fd = accept4(peer->listener, NULL, NULL, SOCK_CLOEXEC);
    if (fd < 0) return;
    if (peer->count == CONNECTIONS_MAX) {
        close(fd);
        return;
    }
    peer->connections[peer->count] = calloc(1, sizeof *peer->connections[0]);
    peer->polls[2 + peer->count++] = (struct pollfd){.fd = fd, .events = POLLIN};
    (void)pthread_mutex_lock(&peer->lock);
    peer->connected++;
    (void)pthread_mutex_unlock(&peer->lock);
}

static void *play(void *argument)
{
    struct http_peer *peer = argument;
    peer->polls[0] = (struct pollfd){.fd = peer->stop_fd, .events = POLLIN};
    peer->polls[1] = (struct pollfd){.fd = peer->listener, .events = POLLIN};
    for (;;) {
        (void)poll(peer->polls, 2 + peer->count, -1);
        if (peer->polls[0].revents) break;
        for (size_t at = peer->count; at-- > 0;)
            if (peer->polls[2 + at].revents) read_from(peer, at);
        if (peer->polls[1].revents) take_in(peer);
    }
    while (peer->count > 0)
        drop(peer, 0, false);
    return NULL;
}

/* ---- life ---- */

struct http_peer *http_peer_start(void)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof address;
    static const struct http_peer_step nothing = {PEER_ANSWERS, 404, ""};
    struct http_peer *peer = calloc(1, sizeof *peer);
    assert_non_null(peer);
    pthread_mutex_init(&peer->lock, NULL);
    peer->steps = &nothing;
    peer->step_count = 1;
    peer->stop_fd = eventfd(0, EFD_CLOEXEC);
    peer->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(peer->listener, (struct sockaddr *)&address, size), 0);
    assert_int_equal(listen(peer->listener, CONNECTIONS_MAX), 0);
    assert_int_equal(getsockname(peer->listener, (struct sockaddr *)&address, &size), 0);
    peer->port = ntohs(address.sin_port);
    assert_int_equal(pthread_create(&peer->thread, NULL, play, peer), 0);
    return peer;
}

void http_peer_stop(struct http_peer *peer)
{
    if (!peer) return;
    (void)eventfd_write(peer->stop_fd, 1);
    (void)pthread_join(peer->thread, NULL);
    close(peer->listener);
    close(peer->stop_fd);
    (void)pthread_mutex_destroy(&peer->lock);
    free(peer);
}

uint16_t http_peer_port(const struct http_peer *peer)
{
    return peer->port;
}

void http_peer_play(struct http_peer *peer, const struct http_peer_step *steps, size_t count)
{
    (void)pthread_mutex_lock(&peer->lock);
    peer->steps = steps;
    peer->step_count = count;
    peer->requests = peer->gather = peer->waiting = 0;
    memset(peer->kept, 0, sizeof peer->kept);
    (void)pthread_mutex_unlock(&peer->lock);
}

void http_peer_gather(struct http_peer *peer, int requests)
{
    (void)pthread_mutex_lock(&peer->lock);
    peer->gather = requests;
    (void)pthread_mutex_unlock(&peer->lock);
}

int http_peer_requests(struct http_peer *peer)
{
    (void)pthread_mutex_lock(&peer->lock);
    int requests = peer->requests;
    (void)pthread_mutex_unlock(&peer->lock);
    return requests;
}

int http_peer_connections(struct http_peer *peer)
{
    (void)pthread_mutex_lock(&peer->lock);
    int connected = peer->connected;
    (void)pthread_mutex_unlock(&peer->lock);
    return connected;
}

void http_peer_request(struct http_peer *peer, int index, char *ret_text, size_t size)
{
    (void)pthread_mutex_lock(&peer->lock);
    (void)snprintf(ret_text, size, "%s", index >= 0 && index < KEPT ? peer->kept[index] : "");
    (void)pthread_mutex_unlock(&peer->lock);
}
