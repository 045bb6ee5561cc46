/* One GET to a server nearby, for --healthcheck: a socket, a request, the status line of the answer.
 *
 * The timeout covers all of it. An address that means "every interface" is asked on loopback.
 * Never: follows, decodes or keeps what the server says. */
#include "http_internal.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* 0, or -1 when the socket is not ready in time. */
static int await(int fd, short events, int64_t ends_ms, struct tern_error *err)
{
    struct pollfd wait = {fd, events, 0};
    int64_t left_ms = ends_ms - now_ms();
    int ready = left_ms > 0 ? poll(&wait, 1, (int)left_ms) : 0;
    return ready > 0 ? 0 : tern_error_set(err, "no answer in time");
}

static int connect_to(const char *address, uint16_t port, struct tern_error *err)
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    const char *nearby = strcmp(address, "0.0.0.0") == 0 ? "127.0.0.1" : strcmp(address, "::") == 0 ? "::1" : address;
    if (http_address_read(nearby, port, &storage, &length, err) < 0) return -1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return tern_error_set(err, "no socket: %s", strerror(errno));
    if (connect(fd, (struct sockaddr *)&storage, length) == 0 || errno == EINPROGRESS) return fd;
    int reason = errno;
    (void)close(fd);
    return tern_error_set(err, "cannot connect to port %u of %s: %s", port, address, strerror(reason));
}

static int send_request(int fd, const char *path, int64_t ends_ms, struct tern_error *err)
{
    char request[512];
    int length =
        snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", path);
    if (length < 0 || (size_t)length >= sizeof request) return tern_error_set(err, "the path to ask for is too long");
    if (await(fd, POLLOUT, ends_ms, err) < 0) return -1;
    if (send(fd, request, (size_t)length, MSG_NOSIGNAL) != length)
        return tern_error_set(err, "cannot connect: %s", strerror(errno));
    return 0;
}

/* "HTTP/1.1 200 OK". */
static int read_status(int fd, int64_t ends_ms, struct tern_error *err)
{
    char line[64] = "";
    size_t length = 0;
    while (length < strlen("HTTP/1.1 200")) {
        if (await(fd, POLLIN, ends_ms, err) < 0) return -1;
        ssize_t got = recv(fd, line + length, sizeof line - 1 - length, 0);
        if (got <= 0) return tern_error_set(err, "the connection ended before an answer");
        length += (size_t)got;
        line[length] = '\0';
    }
    long status = strncmp(line, "HTTP/1.", 7) == 0 ? strtol(line + 9, NULL, 10) : 0;
    if (status < 100 || status > 599) return tern_error_set(err, "what answers there does not speak HTTP");
    return (int)status;
}

int tern_http_probe(const char *address, uint16_t port, const char *path, int timeout_ms, struct tern_error *err)
{
    int64_t ends_ms = now_ms() + timeout_ms;
    int fd = connect_to(address, port, err);
    if (fd < 0) return -1;
    int status = send_request(fd, path, ends_ms, err);
    if (status == 0) status = read_status(fd, ends_ms, err);
    (void)close(fd);
    return status;
}
