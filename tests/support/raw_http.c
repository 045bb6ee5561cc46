/* The raw HTTP client of the tests: blocking sockets, poll with a deadline, nothing repaired, nothing retried.
 *
 * Never: sleeps; every wait ends with what it waited for, or with its deadline. */
#include "raw_http.h"
#include "tern_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ANSWER_MS = 20000, ROOM = 1 << 18 };

static int64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int raw_http_open_at(const char *address, uint16_t port)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    bool is_four = inet_pton(AF_INET, address, &four.sin_addr) == 1;
    if (!is_four) assert_int_equal(inet_pton(AF_INET6, address, &six.sin6_addr), 1);
    int fd = socket(is_four ? AF_INET : AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_true(fd >= 0);
    int failed =
        is_four ? connect(fd, (struct sockaddr *)&four, sizeof four) : connect(fd, (struct sockaddr *)&six, sizeof six);
    assert_int_equal(failed, 0);
    return fd;
}

int raw_http_open(uint16_t port)
{
    return raw_http_open_at("127.0.0.1", port);
}

bool raw_http_send(int fd, const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t sent = send(fd, at, length, MSG_NOSIGNAL);
        if (sent <= 0) return false;
        at += sent;
        length -= (size_t)sent;
    }
    return true;
}

bool raw_http_send_text(int fd, const char *text)
{
    return raw_http_send(fd, text, strlen(text));
}

/* More bytes behind `length`; false at the end of the connection or of the time. */
static bool read_more(int fd, char *bytes, size_t *length, size_t most, int64_t ends_ms)
{
    struct pollfd wait = {fd, POLLIN, 0};
    int64_t left_ms = ends_ms - now_ms();
    if (left_ms <= 0 || *length >= most || poll(&wait, 1, (int)left_ms) <= 0) return false;
    ssize_t got = recv(fd, bytes + *length, most - *length, 0);
    if (got <= 0) return false;
    *length += (size_t)got;
    bytes[*length] = '\0';
    return true;
}

/* Byte by byte up to the empty line, so that nothing of a following answer is taken. */
static bool read_head(int fd, char *text, size_t *length, int64_t ends_ms)
{
    while (*length < 4 || memcmp(text + *length - 4, "\r\n\r\n", 4) != 0)
        if (!read_more(fd, text, length, *length + 1, ends_ms)) return false;
    return true;
}

void raw_http_read(int fd, bool bodiless, struct raw_answer *answer)
{
    int64_t ends_ms = now_ms() + ANSWER_MS;
    size_t length = 0;
    *answer = (struct raw_answer){.text = calloc(1, ROOM + 1)};
    assert_non_null(answer->text);
    answer->body = answer->text;
    if (!read_head(fd, answer->text, &length, ends_ms)) return;
    answer->status = (int)strtol(answer->text + strlen("HTTP/1.1 "), NULL, 10);
    size_t head = length;
    answer->body = answer->text + head;
    size_t announced = strtoul(raw_answer_header(answer, "Content-Length"), NULL, 10);
    assert_true(head + announced <= ROOM);
    bodiless = bodiless || answer->status == 304; /* it tells a length, but sends nothing */
    while (!bodiless && length < head + announced)
        if (!read_more(fd, answer->text, &length, head + announced, ends_ms)) break;
    answer->length = length - head;
    if (!bodiless && answer->length < announced) answer->status = 0;
}

bool raw_http_ends(int fd, int timeout_ms)
{
    int64_t ends_ms = now_ms() + timeout_ms;
    for (;;) {
        char bytes[4096];
        struct pollfd wait = {fd, POLLIN, 0};
        int64_t left_ms = ends_ms - now_ms();
        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) <= 0) return false;
        if (recv(fd, bytes, sizeof bytes, 0) <= 0) return true;
    }
}

const char *raw_answer_header(const struct raw_answer *answer, const char *name)
{
    static _Thread_local char value[2048];
    size_t name_length = strlen(name);
    value[0] = '\0';
    const char *line = strstr(answer->text, "\r\n");
    for (; line != NULL && line + 2 < answer->body - 2; line = strstr(line + 2, "\r\n"))
        if (strncasecmp(line + 2, name, name_length) == 0 && line[2 + name_length] == ':') {
            const char *from = line + 2 + name_length + 2;
            (void)snprintf(value, sizeof value, "%.*s", (int)strcspn(from, "\r"), from);
            return value;
        }
    return value;
}

void raw_answer_fini(struct raw_answer *answer)
{
    free(answer->text);
    *answer = (struct raw_answer){0};
}

void raw_http_ask(uint16_t port, const char *text, struct raw_answer *answer)
{
    int fd = raw_http_open(port);
    (void)raw_http_send_text(fd, text);
    raw_http_read(fd, strncmp(text, "HEAD ", 5) == 0, answer);
    (void)close(fd);
}
