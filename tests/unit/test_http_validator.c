/* The strict validator over raw sockets: everything a client may send to confuse us gets a clear 4xx, reaches no handler,
 * and leaves a server that answers the next one. Deadlines are lowered by settings, so that slow clients take moments. */
#include "common/base/ids.h"
#include "common/http/http_internal.h"
#include "raw_http.h"
#include "tern_test.h"
#include "wait_for.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"
#define JSON "Content-Type: application/json\r\n"
#define POST "POST /orders HTTP/1.1\r\n"
#define HI   "GET /hi HTTP/1.1\r\n"

/* SHORT_MS is what a sound request may take when the machine is busy with other things too. */
enum { HEAD_MS = 10000, REQUEST_MS = 30000, SHORT_MS = 1000 };

struct door {
    struct tern_ids *ids;
    struct tern_http_server *server;
    uint16_t port;
    atomic_int handled;
};

static void handle(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct door *door = self;
    size_t length;
    atomic_fetch_add(&door->handled, 1);
    tern_text_printf(&answer->body, "{\"body\":\"%s\"}", tern_http_body(request, &length));
}

static const struct tern_http_route routes[] = {
    {"POST", "/orders",     handle, TERN_HTTP_JSON,  "takes a body"},
    {"GET",  "/hi",         handle, TERN_HTTP_OPEN,  "takes none"  },
    {"GET",  "/hi/{name}",  handle, TERN_HTTP_OPEN,  "takes none"  },
    {"POST", "/admin/{id}", handle, TERN_HTTP_ADMIN, "locked"      },
    {NULL,   NULL,          NULL,   TERN_HTTP_OPEN,  NULL          },
};

static struct door *open_door_with(int head_ms, int request_ms)
{
    struct tern_error err;
    struct door *door = tern_alloc(sizeof *door);
    const struct tern_http_routes tables[] = {
        {routes, door}
    };
    door->ids = tern_ids_create(&tern_clock_system, 0);
    const struct tern_http_settings settings = {.address = "127.0.0.1",
                                                .admin_token = "right",
                                                .per_address_limit = 500,
                                                .header_deadline_ms = head_ms,
                                                .request_deadline_ms = request_ms,
                                                .clock = &tern_clock_system,
                                                .ids = door->ids};
    if (tern_http_start(&settings, tables, 1, &door->server, &err) < 0) fail_msg("%s", err.text);
    door->port = tern_http_port(door->server);
    return door;
}

static int open_door(void **state)
{
    *state = open_door_with(HEAD_MS, REQUEST_MS);
    return 0;
}

static int open_impatient_door(void **state)
{
    *state = open_door_with(SHORT_MS, 3 * SHORT_MS);
    return 0;
}

static int open_hasty_door(void **state)
{
    *state = open_door_with(SHORT_MS, 60000);
    return 0;
}

static int close_door(void **state)
{
    struct door *door = *state;
    tern_http_stop(door->server, 1000);
    tern_ids_destroy(door->ids);
    free(door);
    return 0;
}

static void expect_alive(struct door *door)
{
    struct raw_answer answer;
    int before = atomic_load(&door->handled);
    raw_http_ask(door->port, HI HOST "\r\n", &answer);
    assert_int_equal(answer.status, 200);
    assert_int_equal(atomic_load(&door->handled), before + 1);
    raw_answer_fini(&answer);
}

/* ---- one bad request each ------------------------------------------------------------------------------------ */

struct attempt {
    const char *title;
    const char *bytes;
    size_t length;
    int status;
    bool ends; /* the connection must not be used again */
};

#define BAD(title, bytes, status)                    \
    {                                                \
        title, bytes, sizeof bytes - 1, status, true \
    }
#define NOT_NOW(title, bytes, status)                 \
    {                                                 \
        title, bytes, sizeof bytes - 1, status, false \
    }

static const struct attempt framing[] = {
    BAD("two Content-Length, different", POST HOST JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}", 400),
    BAD("two Content-Length, equal", POST HOST JSON "Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}", 400),
    BAD("a list of lengths", POST HOST JSON "Content-Length: 2, 2\r\n\r\n{}", 400),
    BAD("length and chunks", POST HOST JSON "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("chunks and length", POST HOST JSON "Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n0\r\n\r\n", 400),
    BAD("gzip, chunked", POST HOST JSON "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("xchunked", POST HOST JSON "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 400),
    BAD("identity", POST HOST JSON "Transfer-Encoding: identity\r\n\r\n{}", 400),
    BAD("two codings", POST HOST JSON "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("an empty coding", POST HOST JSON "Transfer-Encoding:\r\n\r\n0\r\n\r\n", 400),
    BAD("chunks in HTTP/1.0", "POST /orders HTTP/1.0\r\n" JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("a space before the colon", POST HOST JSON "Content-Length : 3\r\n\r\n{ }", 400),
    BAD("a tab before the colon", POST HOST JSON "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("a negative length", POST HOST JSON "Content-Length: -1\r\n\r\n{}", 400),
    BAD("a signed length", POST HOST JSON "Content-Length: +2\r\n\r\n{}", 400),
    BAD("a length in words", POST HOST JSON "Content-Length: two\r\n\r\n{}", 400),
    BAD("a hexadecimal length", POST HOST JSON "Content-Length: 0x2\r\n\r\n{}", 400),
    BAD("an empty length", POST HOST JSON "Content-Length:\r\n\r\n{}", 400),
    BAD("a length over 64 bits", POST HOST JSON "Content-Length: 99999999999999999999999\r\n\r\n{}", 413),
    BAD("a chunk size that is no number", POST HOST JSON "Transfer-Encoding: chunked\r\n\r\nzz\r\n{}\r\n0\r\n\r\n",
        400),
};

static const struct attempt heads[] = {
    BAD("two Hosts", HI HOST HOST "\r\n", 400),
    BAD("two different Hosts", HI HOST "Host: evil\r\n\r\n", 400),
    BAD("no Host in HTTP/1.1", HI "\r\n", 400),
    BAD("a Host that is none", HI "Host: a/b\r\n\r\n", 400),
    BAD("two Authorizations", HI HOST "Authorization: a\r\nAuthorization: b\r\n\r\n", 400),
    BAD("two Idempotency-Keys", HI HOST "Idempotency-Key: a\r\nIdempotency-Key: b\r\n\r\n", 400),
    BAD("a bare LF after a header", HI "Host: localhost\nX-A: b\r\n\r\n", 400),
    BAD("a bare LF after the last header", HI HOST "X-A: b\n\r\n", 400),
    BAD("a bare LF after the request line", "GET /hi HTTP/1.1\n" HOST "\r\n", 400),
    BAD("a bare LF as the empty line", HI HOST "\n", 400),
    BAD("a bare LF that hides a header", POST HOST JSON "X: y\nContent-Length: 2\r\n\r\n{}", 400),
    BAD("NUL in a value", HI HOST "X-A: b\0c\r\n\r\n", 400),
    BAD("NUL in the length", POST HOST JSON "Content-Length: 2\0003\r\n\r\n{}", 400),
    BAD("NUL in a name", HI HOST "X-\0A: b\r\n\r\n", 400),
    BAD("a folded line", HI HOST "X-A: b\r\n c\r\n\r\n", 400),
    BAD("a folded line that hides a length", POST HOST JSON "Content-Length: 2\r\n 0\r\n\r\n{}", 400),
    BAD("a folded line first", HI " X: y\r\n" HOST "\r\n", 400),
    BAD("a control character in a value", HI HOST "X-A: b\001c\r\n\r\n", 400),
    BAD("a bare CR in a value", HI HOST "X-A: b\rc\r\n\r\n", 400),
    BAD("DEL in a value", HI HOST "X-A: b\177c\r\n\r\n", 400),
    BAD("an empty name", HI HOST ": b\r\n\r\n", 400),
    BAD("a name in brackets", HI HOST "(X): b\r\n\r\n", 400),
    BAD("a name that is not ASCII", HI HOST "X-\xc3\xa4: b\r\n\r\n", 400),
    BAD("a line without a colon", HI HOST "what is this\r\n\r\n", 400),
};

static const struct attempt lines[] = {
    BAD("%00 in the path", "GET /hi%00 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("%00 in the query", "GET /hi?a=%00 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an encoded line feed", "GET /hi/%0a HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an encoded slash", "GET /hi/a%2fb HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a double slash", "GET //hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a double slash inside", "GET /hi//a HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("dot dot", "GET /hi/../orders HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("dot dot, encoded", "GET /hi/%2e%2E HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("dot", "GET /./hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("half an escape", "GET /hi/%4 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an escape that is none", "GET /hi/%zz HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a raw byte that is not ASCII", "GET /hi/\xc3\xa4 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an encoded byte that is not ASCII", "GET /hi/%c3%a4 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a space in the path", "GET /hi/a b HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a backslash", "GET /hi\\a HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a fragment", "GET /hi#a HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("no slash in front", "GET hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an address without a host", "GET http:///hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an address with a user", "GET http://ann@localhost/hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an address of another scheme", "GET https://localhost/hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an address with an empty segment", "GET http://localhost//hi HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("an address of another host", "GET http://shop.example/hi HTTP/1.1\r\n" HOST "\r\n", 421),
    BAD("an address of another port", "GET http://localhost:81/hi HTTP/1.1\r\n" HOST "\r\n", 421),
    BAD("an address with a port that is none", "GET http://localhost:8x/hi HTTP/1.1\r\n" HOST "\r\n", 421),
    BAD("a star", "OPTIONS * HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a query name twice", "GET /hi?a=1&a=2 HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("no target", "GET HTTP/1.1\r\n" HOST "\r\n", 400),
    BAD("a method that is no word", "G@T /hi HTTP/1.1\r\n" HOST "\r\n", 400),
};

static const struct attempt bodies[] = {
    NOT_NOW("no length", POST HOST JSON "\r\n", 411),
    NOT_NOW("an empty body", POST HOST JSON "Content-Length: 0\r\n\r\n", 400),
    NOT_NOW("no content type", POST HOST "Content-Length: 2\r\n\r\n{}", 415),
    NOT_NOW("plain text", POST HOST "Content-Type: text/plain\r\nContent-Length: 2\r\n\r\n{}", 415),
    NOT_NOW("jsonish", POST HOST "Content-Type: application/jsonx\r\nContent-Length: 2\r\n\r\n{}", 415),
    NOT_NOW("latin-1", POST HOST "Content-Type: application/json; charset=latin1\r\nContent-Length: 2\r\n\r\n{}", 415),
    NOT_NOW("gzip", POST HOST JSON "Content-Encoding: gzip\r\nContent-Length: 2\r\n\r\n{}", 415),
    NOT_NOW("a body for GET", HI HOST "Content-Length: 2\r\n\r\n{}", 400),
    NOT_NOW("an unknown path with a body", "POST /nowhere HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 404),
    NOT_NOW("a wrong method with a body", "PUT /orders HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 405),
    NOT_NOW("no token, with a body", "POST /admin/1 HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 401),
    BAD("two content types", POST HOST JSON JSON "Content-Length: 2\r\n\r\n{}", 400),
    BAD("an empty body in chunks", POST HOST JSON "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
    BAD("chunks for GET", HI HOST "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", 400),
    BAD("65 537 bytes announced", POST HOST JSON "Content-Length: 65537\r\n\r\n{}", 413),
    BAD("the most that can be announced", POST HOST JSON "Content-Length: 999999999999999999\r\n\r\n{}", 413),
    BAD("100-continue with a giant length",
        POST HOST JSON "Expect: 100-continue\r\nContent-Length: 99999999999\r\n\r\n", 413),
    BAD("100-continue with a wrong type", POST HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", 415),
    BAD("100-continue without a token",
        "POST /admin/1 HTTP/1.1\r\n" HOST "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n", 401),
    BAD("another expectation", POST HOST JSON "Expect: tea\r\nContent-Length: 2\r\n\r\n{}", 417),
};

static void check_attempt(struct door *door, const struct attempt *attempt)
{
    struct raw_answer answer;
    int before = atomic_load(&door->handled);
    int fd = raw_http_open(door->port);
    raw_http_send(fd, attempt->bytes, attempt->length);
    raw_http_read(fd, false, &answer);
    if (answer.status != attempt->status) fail_msg("%s: %d", attempt->title, answer.status);
    if (atomic_load(&door->handled) != before) fail_msg("%s: reached the handler", attempt->title);
    raw_answer_fini(&answer);

    (void)raw_http_send_text(fd, HI HOST "\r\n"); /* a second request on the same connection */
    if (attempt->ends) {
        if (!raw_http_ends(fd, TEST_WAIT_MS)) fail_msg("%s: the connection goes on", attempt->title);
        assert_int_equal(atomic_load(&door->handled), before);
    } else {
        raw_http_read(fd, false, &answer);
        if (answer.status != 200) fail_msg("%s: the connection is lost", attempt->title);
        raw_answer_fini(&answer);
    }
    close(fd);
    expect_alive(door);
}

static void check_attempts(void **state, const struct attempt *attempts, size_t count)
{
    for (size_t i = 0; i < count; i++)
        check_attempt(*state, &attempts[i]);
}

static void test_framing(void **state)
{
    check_attempts(state, framing, TERN_COUNT(framing));
}

static void test_heads(void **state)
{
    check_attempts(state, heads, TERN_COUNT(heads));
}

static void test_lines(void **state)
{
    check_attempts(state, lines, TERN_COUNT(lines));
}

static void test_bodies(void **state)
{
    check_attempts(state, bodies, TERN_COUNT(bodies));
}

/* The validator's answers, not the library's HTML, wherever the validator is asked. */
static void test_problem_bodies(void **state)
{
    struct door *door = *state;
    static const char *const requests[] = {
        POST HOST JSON "Content-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
        HI HOST HOST "\r\n",
        "GET /hi%00 HTTP/1.1\r\n" HOST "\r\n",
        POST HOST JSON "Content-Length: 65537\r\n\r\n",
        POST HOST JSON "\r\n",
    };
    for (size_t i = 0; i < TERN_COUNT(requests); i++) {
        struct raw_answer answer;
        raw_http_ask(door->port, requests[i], &answer);
        assert_string_equal(raw_answer_header(&answer, "Content-Type"), "application/problem+json");
        assert_int_not_equal(strlen(raw_answer_header(&answer, "X-Request-Id")), 0);
        assert_non_null(strstr(answer.body, "\"requestId\":\""));
        raw_answer_fini(&answer);
    }
}

/* ---- sound requests that look odd ----------------------------------------------------------------------------- */

static void test_odd_but_sound(void **state)
{
    struct door *door = *state;
    static const char *const requests[] = {
        "GET /hi HTTP/1.0\r\n\r\n",
        "GET /hi HTTP/1.1\r\nhOST:localhost\r\n\r\n",
        HI HOST "X-A:\r\nX-B:   b  \r\n\r\n",
        HI HOST "X-A: \xc3\xa4\r\n\r\n",
        HI HOST "Content-Length: 0\r\n\r\n",
        "\r\n" HI HOST "\r\n",
        "GET /hi/a+b?x=a+b&time=2026-11-23T14:30:00%2B01:00 HTTP/1.1\r\n" HOST "\r\n",
        POST HOST "Content-Type: application/json ; charset=\"utf-8\"\r\nContent-Length: 2\r\n\r\n{}",
        POST HOST JSON "Content-Length: 00000002\r\n\r\n{}",
        POST HOST JSON "Transfer-Encoding: Chunked\r\n\r\n1\r\n{\r\n01\r\n}\r\n0\r\nTrailer: yes\r\n\r\n",
        POST HOST JSON "Content-Encoding: identity\r\nContent-Length: 2\r\n\r\n{}",
    };
    for (size_t i = 0; i < TERN_COUNT(requests); i++) {
        struct raw_answer answer;
        raw_http_ask(door->port, requests[i], &answer);
        if (answer.status != 200) fail_msg("%s: %d", requests[i], answer.status);
        raw_answer_fini(&answer);
    }
}

static void test_pipelined(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Content-Length: 3\r\n\r\none" POST HOST JSON
                                          "Content-Length: 5\r\n\r\nthree" HI HOST "\r\n" POST HOST JSON
                                          "Transfer-Encoding: chunked\r\n\r\n4\r\nlast\r\n0\r\n\r\n");
    static const char *const bodies_back[] = {"one", "three", "", "last"};
    for (size_t i = 0; i < TERN_COUNT(bodies_back); i++) {
        char expected[64];
        (void)snprintf(expected, sizeof expected, "{\"body\":\"%s\"}", bodies_back[i]);
        raw_http_read(fd, false, &answer);
        assert_string_equal(answer.body, expected);
        raw_answer_fini(&answer);
    }
    close(fd);
}

/* With 400, or (libmicrohttpd 1.0) without a word. */
static void test_nul_in_the_request_line(void **state)
{
    static const char starts[][19] = {"GET /hi\0x HTTP/1.1", "GET\0x /hi HTTP/1.1"};
    struct door *door = *state;
    int before = atomic_load(&door->handled);
    for (size_t i = 0; i < TERN_COUNT(starts); i++) {
        int fd = raw_http_open(door->port);
        raw_http_send(fd, starts[i], sizeof starts[i] - 1);
        raw_http_send_text(fd, "\r\n" HOST "\r\n");
        assert_true(raw_http_ends(fd, HEAD_MS / 2));
        close(fd);
    }
    assert_int_equal(atomic_load(&door->handled), before);
}

/* Where a chunk ends is read in more ways than one: whatever follows is left unread. */
static void test_nothing_follows_chunks(void **state)
{
    static const char *const chunks[] = {"2\r\n{}\r\n0\r\n\r\n", "2;\n{}\r\n0\r\n\r\n", "2\n{}\n0\n\n"};
    struct door *door = *state;
    for (size_t i = 0; i < TERN_COUNT(chunks); i++) {
        struct raw_answer answer;
        int before = atomic_load(&door->handled);
        int fd = raw_http_open(door->port);
        raw_http_send_text(fd, POST HOST JSON "Transfer-Encoding: chunked\r\n\r\n");
        raw_http_send_text(fd, chunks[i]);
        raw_http_send_text(fd, HI HOST "\r\n");
        raw_http_read(fd, false, &answer);
        raw_answer_fini(&answer);
        assert_true(raw_http_ends(fd, TEST_WAIT_MS));
        close(fd);
        assert_in_range(atomic_load(&door->handled), before, before + 1);
    }
    expect_alive(door);
}

static void test_smuggled(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int before = atomic_load(&door->handled);
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" HI HOST
                                          "\r\n");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 400);
    assert_string_equal(raw_answer_header(&answer, "Connection"), "close");
    assert_true(raw_http_ends(fd, TEST_WAIT_MS));
    assert_int_equal(atomic_load(&door->handled), before); /* the second request was never one */
    raw_answer_fini(&answer);
    close(fd);
}

static void test_continue(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    raw_http_read(fd, true, &answer);
    assert_int_equal(answer.status, 100);
    raw_answer_fini(&answer);
    raw_http_send_text(fd, "{}");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
    close(fd);
}

/* ---- too much -------------------------------------------------------------------------------------------------- */

static void expect_413(struct door *door, int fd)
{
    struct raw_answer answer;
    int before = atomic_load(&door->handled);
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_string_equal(raw_answer_header(&answer, "Connection"), "close");
    assert_int_equal(atomic_load(&door->handled), before);
    raw_answer_fini(&answer);
    assert_true(raw_http_ends(fd, TEST_WAIT_MS));
    close(fd);
    expect_alive(door);
}

static void test_big_body_by_length(void **state)
{
    struct door *door = *state;
    char *body = calloc(1, 65 * 1024);
    assert_non_null(body);
    memset(body, ' ', 65 * 1024);
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Content-Length: 66560\r\n\r\n");
    (void)raw_http_send(fd, body, 65 * 1024); /* all of it, before the answer is read */
    expect_413(door, fd);
    free(body);
}

/* The client is not cut off while it still sends: it would take that for a fault of the line, and not read its answer. */
static void test_answer_before_the_body(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    static char bytes[64 * 1024];
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Content-Length: 524288\r\n\r\n");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 413);
    assert_true(raw_http_ends(fd, TEST_WAIT_MS)); /* it says no more, but it still listens: no reset comes */
    assert_true(raw_http_send(fd, bytes, 1));
    struct pollfd reset = {fd, 0, 0};
    assert_int_equal(poll(&reset, 1, 100), 0);
    for (int i = 0; i < 7; i++)
        assert_true(raw_http_send(fd, bytes, sizeof bytes));
    raw_answer_fini(&answer);
    close(fd);
    expect_alive(door);
}

static void test_big_body_by_chunks(void **state)
{
    struct door *door = *state;
    char chunk[1024 + 8];
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Transfer-Encoding: chunked\r\n\r\n");
    memset(chunk, ' ', sizeof chunk);
    memcpy(chunk, "400\r\n", 5);
    memcpy(chunk + 5 + 1024, "\r\n", 2);
    for (int i = 0; i < 65; i++)
        raw_http_send(fd, chunk, 5 + 1024 + 2);
    raw_http_send_text(fd, "0\r\n\r\n");
    expect_413(door, fd);
}

static void test_endless_chunks(void **state)
{
    struct door *door = *state;
    char chunk[4096 + 8];
    int before = atomic_load(&door->handled);
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, POST HOST JSON "Transfer-Encoding: chunked\r\n\r\n");
    memset(chunk, ' ', sizeof chunk);
    memcpy(chunk, "1000\r\n", 6);
    memcpy(chunk + 6 + 4096, "\r\n", 2);
    int sent = 0;
    while (sent < 100000 && raw_http_send(fd, chunk, 6 + 4096 + 2))
        sent++;
    assert_true(sent < 10000); /* cut off, long before 400 MB */
    assert_int_equal(atomic_load(&door->handled), before);
    close(fd);
    expect_alive(door);
}

static char *repeat(const char *start, const char *piece, size_t times, const char *end)
{
    struct tern_text text = {0};
    tern_text_add(&text, start);
    for (size_t i = 0; i < times; i++)
        tern_text_add(&text, piece);
    tern_text_add(&text, end);
    return tern_text_take(&text);
}

static void expect_refused(struct door *door, char *request, int status)
{
    struct raw_answer answer;
    int before = atomic_load(&door->handled);
    int fd = raw_http_open(door->port);
    (void)raw_http_send_text(fd, request);
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, status);
    assert_true(raw_http_ends(fd, TEST_WAIT_MS));
    assert_int_equal(atomic_load(&door->handled), before);
    raw_answer_fini(&answer);
    close(fd);
    free(request);
    expect_alive(door);
}

static void test_huge_targets(void **state)
{
    expect_refused(*state, repeat("GET /hi/", "a", 5000, " HTTP/1.1\r\n" HOST "\r\n"), 414);
    expect_refused(*state, repeat("GET /hi/", "a", 40000, ""), 414); /* the library's own answer */
    expect_refused(*state, repeat("GET /hi?x", "&a", 33, " HTTP/1.1\r\n" HOST "\r\n"), 400);
    expect_refused(*state, repeat("GET /hi?", "a%20=b", 700, " HTTP/1.1\r\n" HOST "\r\n"), 414);
}

static void test_many_headers(void **state)
{
    expect_refused(*state, repeat(HI HOST, "a: b\r\n", 150, "\r\n"), 431);
    expect_refused(*state, repeat(HI HOST, "a: b\r\n", 2000, "\r\n"), 431);
    expect_refused(*state, repeat(HI HOST "X-A: ", "a", 40000, "\r\n\r\n"), 431);
}

/* ---- slow clients ----------------------------------------------------------------------------------------------- */

static int64_t now_ms(void)
{
    return tern_steady(&tern_clock_system);
}

/* One byte now and then, so that the connection is never silent, until it is ended by the other side. */
static void drip(struct door *door, const char *start)
{
    int before = atomic_load(&door->handled);
    int fd = raw_http_open(door->port);
    int64_t began = now_ms();
    raw_http_send_text(fd, start);
    while (!raw_http_ends(fd, 10) && now_ms() - began < 20000)
        (void)raw_http_send_text(fd, "x");
    assert_in_range(now_ms() - began, SHORT_MS - 50, 20000);
    assert_int_equal(atomic_load(&door->handled), before);
    close(fd);
    expect_alive(door);
}

static void test_slow_head(void **state)
{
    drip(*state, "GET /");
    drip(*state, HI "X-A: ");
}

static void test_slow_body(void **state)
{
    drip(*state, POST HOST JSON "Content-Length: 60000\r\n\r\n{");
}

static void test_silence(void **state)
{
    struct door *door = *state;
    static const char *const starts[] = {"", "GET", HI HOST, POST HOST JSON "Content-Length: 9\r\n\r\n{"};
    for (size_t i = 0; i < TERN_COUNT(starts); i++) {
        int fd = raw_http_open(door->port);
        raw_http_send_text(fd, starts[i]);
        assert_true(raw_http_ends(fd, TEST_WAIT_MS));
        close(fd);
    }
    expect_alive(door);
}

static void test_idle_connection(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, HI HOST "\r\n");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
    assert_true(raw_http_ends(fd, TEST_WAIT_MS));
    close(fd);
}

/* A connection that is used stays, however old it gets. */
static void test_busy_connection(void **state)
{
    struct door *door = *state;
    int fd = raw_http_open(door->port);
    int64_t began = now_ms();
    while (now_ms() - began < 2 * SHORT_MS) {
        struct raw_answer answer;
        raw_http_send_text(fd, HI HOST "\r\n");
        raw_http_read(fd, false, &answer);
        assert_int_equal(answer.status, 200);
        raw_answer_fini(&answer);
    }
    close(fd);
}

/* ---- targets, without a socket; and noise ------------------------------------------------------------------------ */

static void test_targets(void **state)
{
    (void)state;
    struct http_target target = {0};
    struct tern_error err;
    assert_int_equal(tern_http_target_parse("/a%41/b?x=1&y=%7e&&z", &target, &err), 0);
    assert_string_equal(target.path, "/aA/b");
    assert_int_equal(target.segment_count, 2);
    assert_string_equal(target.segments[0], "aA");
    assert_string_equal(target.segments[1], "b");
    assert_int_equal(target.query_count, 3);
    assert_string_equal(target.query[1].value, "~");
    assert_string_equal(target.query[2].value, "");
    tern_http_target_fini(&target);
    assert_int_equal(tern_http_target_parse("/", &target, &err), 0);
    assert_int_equal(target.segment_count, 0);
    tern_http_target_fini(&target);
    assert_int_equal(tern_http_target_parse("/a/?", &target, &err), 0);
    assert_int_equal(target.segment_count, 2);
    assert_string_equal(target.segments[1], "");
    tern_http_target_fini(&target);
    assert_int_equal(tern_http_target_parse("", &target, &err), -1);
    assert_int_equal(tern_http_target_parse("/%25zz", &target, &err), 0); /* decoded once, never twice */
    assert_string_equal(target.path, "/%zz");
    tern_http_target_fini(&target);
}

static void ask_absolute(struct door *door, const char *authority, const char *rest, const char *host, int status)
{
    char request[512];
    struct raw_answer answer;
    (void)snprintf(request, sizeof request, "GET http://%s%s HTTP/1.1\r\nHost: %s\r\n\r\n", authority, rest, host);
    raw_http_ask(door->port, request, &answer);
    if (answer.status != status) fail_msg("%s is answered with %d, not with %d", request, answer.status, status);
    if (status == 421) assert_non_null(strstr(answer.body, "\"title\":\"Misdirected Request\""));
    raw_answer_fini(&answer);
}

/* RFC 9112, 3.2.2: a proxy may send the whole address. */
static void test_absolute_targets(void **state)
{
    struct door *door = *state;
    char own[32], named[32], other[32];
    (void)snprintf(own, sizeof own, "127.0.0.1:%u", door->port);
    (void)snprintf(named, sizeof named, "LocalHost:%u", door->port);
    (void)snprintf(other, sizeof other, "127.0.0.1:%u", door->port ^ 1U);
    ask_absolute(door, "shop.example", "/hi", "shop.example", 200);
    ask_absolute(door, "Shop.Example:80", "/hi", "shop.example", 200);
    ask_absolute(door, "shop.example:8080", "/hi/you?a=b", "shop.example:8080", 200);
    ask_absolute(door, own, "/hi", "shop.example", 200); /* the target's host counts, and that is this one */
    ask_absolute(door, named, "/hi", "shop.example", 200);
    ask_absolute(door, own, "", "shop.example", 404); /* the root, which has no route */
    ask_absolute(door, own, "?a=b", "shop.example", 404);
    ask_absolute(door, "shop.example", "/hi", "other.example", 421);
    ask_absolute(door, "shop.example:8080", "/hi", "shop.example", 421);
    ask_absolute(door, "shop.example:65616", "/hi", "shop.example", 421); /* 65536 + 80 */
    ask_absolute(door, "[::1]", "/hi", "localhost", 421);
    ask_absolute(door, other, "/hi", own, 421);
    ask_absolute(door, "shop%2eexample", "/hi", "shop%2eexample", 400);
    expect_alive(door);
}

/* A sound request with a few bytes of it changed, from a fixed seed: whatever comes back, the server lives on. */
static void test_noise(void **state)
{
    struct door *door = *state;
    static const char sound[] = "POST /orders?a=b HTTP/1.1\r\n" HOST JSON "X-Request-Id: a\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n";
    uint64_t seed = 20261123;
    for (int round = 0; round < 400; round++) {
        char bytes[sizeof sound];
        memcpy(bytes, sound, sizeof sound);
        for (int change = 0; change <= round % 4; change++) {
            seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            bytes[(seed >> 33) % (sizeof sound - 1)] = (char)(seed >> 24);
        }
        int fd = raw_http_open(door->port);
        raw_http_send(fd, bytes, sizeof sound - 1);
        shutdown(fd, SHUT_WR);
        assert_true(raw_http_ends(fd, TEST_WAIT_MS));
        close(fd);
    }
    expect_alive(door);
}

#define DOOR_TEST(title, function)                   \
    {                                                \
        title, function, open_door, close_door, NULL \
    }
#define SLOW_TEST(title, function)                             \
    {                                                          \
        title, function, open_impatient_door, close_door, NULL \
    }

#define HASTY_TEST(title, function)                        \
    {                                                      \
        title, function, open_hasty_door, close_door, NULL \
    }

static void a_key_is_one_to_255_visible_characters_quoted_or_not(void **state)
{
    static const struct {
        const char *header, *key;
    } cases[] = {
        {"abc",            "abc"    },
        {"\"abc\"",        "abc"    },
        {"\"a\\\"b\\\\\"", "a\"b\\" },
        {"a'b;c=1",        "a'b;c=1"},
        {"",               NULL     },
        {"\"\"",           NULL     },
        {"a b",            NULL     },
        {"\"a b\"",        NULL     },
        {"\"abc",          NULL     },
        {"abc\"",          NULL     },
        {"\"a\"b",         NULL     },
        {"\"a\\b\"",       NULL     },
        {"a\tb",           NULL     },
        {"\xc3\xa9",       NULL     },
        {"\"a\\",          NULL     },
    };
    char key[TERN_HTTP_KEY_SIZE];
    char longest[258];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        int read = tern_http_key_read(cases[i].header, key);

        if (read != (cases[i].key ? 0 : -1)) fail_msg("%s: %d", cases[i].header, read);
        if (cases[i].key) assert_string_equal(key, cases[i].key);
    }
    memset(longest, 'k', 256);
    longest[256] = '\0';
    assert_int_equal(tern_http_key_read(longest, key), -1);
    longest[255] = '\0';
    assert_int_equal(tern_http_key_read(longest, key), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_key_is_one_to_255_visible_characters_quoted_or_not),
        DOOR_TEST("a doubtful end of a message is refused, and the connection ends", test_framing),
        DOOR_TEST("a malformed head is refused, and the connection ends", test_heads),
        DOOR_TEST("a malformed target is refused, and the connection ends", test_lines),
        DOOR_TEST("a body that cannot be taken is refused; the connection goes on when it can", test_bodies),
        DOOR_TEST("what the validator refuses is answered with a problem", test_problem_bodies),
        DOOR_TEST("sound requests in odd clothes are taken", test_odd_but_sound),
        DOOR_TEST("a target in absolute-form is taken for this host, and for no other", test_absolute_targets),
        DOOR_TEST("pipelined requests are answered one by one, in order", test_pipelined),
        DOOR_TEST("a request line with a NUL in it ends the connection", test_nul_in_the_request_line),
        DOOR_TEST("nothing is read behind a body in chunks", test_nothing_follows_chunks),
        DOOR_TEST("a smuggled second request is never handled", test_smuggled),
        DOOR_TEST("100-continue is granted to a body that will be taken", test_continue),
        DOOR_TEST("65 KiB by length are refused with a 413 that arrives", test_big_body_by_length),
        DOOR_TEST("a 413 that is early lets the client finish sending", test_answer_before_the_body),
        DOOR_TEST("65 KiB by chunks are refused with a 413 that arrives", test_big_body_by_chunks),
        DOOR_TEST("endless chunks are cut off", test_endless_chunks),
        DOOR_TEST("huge targets and queries are refused", test_huge_targets),
        DOOR_TEST("too many and too long headers are refused", test_many_headers),
        SLOW_TEST("a head that drips in is cut off at its deadline", test_slow_head),
        SLOW_TEST("a body that drips in is cut off at its deadline", test_slow_body),
        HASTY_TEST("a silent connection is cut off at its deadline", test_silence),
        HASTY_TEST("a connection that waits too long for its next request ends", test_idle_connection),
        SLOW_TEST("a connection in use outlives every deadline", test_busy_connection),
        {"a target is taken apart and decoded once", test_targets, NULL, NULL, NULL},
        DOOR_TEST("four hundred damaged requests leave a server that answers", test_noise),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
