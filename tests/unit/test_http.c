/* The HTTP server as its handlers and its clients see it: requests in, answers out, routes, rights, start and stop. */
#include "common/base/ids.h"
#include "common/base/metrics_page.h"
#include "common/http/http_server.h"
#include "raw_http.h"
#include "tern/http.h"
#include "tern/json.h"
#include "tern/schema.h"
#include "tern_test.h"
#include "wait_for.h"

#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define HOST "Host: localhost\r\n"

/* What every test gets: a server with the routes below, on a free port. */
struct door {
    struct tern_ids *ids;
    struct tern_metrics *metrics;
    struct tern_http_server *server;
    uint16_t port;
    sem_t entered, leave; /* of the handler that waits */
};

/* ---- handlers ----------------------------------------------------------------------------------------------- */

/* Says back what it was given. */
static void echo(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    static const char *const known[] = {"limit", "status", NULL};
    size_t length;
    const char *body = tern_http_body(request, &length);
    const char *limit = tern_http_query(request, "limit");
    const char *status = tern_http_query(request, "status");
    const char *unknown = tern_http_unknown_query(request, known);
    const char *key = tern_http_header(request, "idempotency-key");
    tern_text_printf(&answer->body, "%s|%s|%s|%s|%s|%s|%zu:%s", tern_http_path(request),
                     tern_http_parameter(request, "orderId"), limit != NULL ? limit : "-",
                     status != NULL ? status : "-", unknown != NULL ? unknown : "-", key != NULL ? key : "-", length,
                     body);
    answer->content_type = "text/plain";
}

static void create(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    answer->status = 201;
    tern_http_set_header(answer, "Location", "/orders/%s", "ORD-1");
    tern_http_set_header(answer, "ETag", "\"%d\"", 1);
    tern_text_add(&answer->body, "{\"orderId\":\"ORD-1\"}");
}

static void not_modified(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    answer->status = 304;
    tern_text_add(&answer->body, "{\"a\":7}");
    tern_http_set_header(answer, "ETag", "\"7\"");
}

static void ids(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    tern_text_printf(&answer->body, "%s %s", tern_http_request_id(request), tern_http_traceparent(request));
}

static void faulty(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    struct tern_schema_faults faults = {0};
    tern_text_add(&answer->body, "half an answer");
    tern_schema_fault(&faults, "out_of_range", "#/items/0/quantity", "must be %d to %d", 1, 10000);
    tern_schema_fault(&faults, "missing", "#/customerId", "is missing");
    tern_http_problem_faults(answer, "Bad Request", &faults);
}

static void busy(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct door *door = self;
    (void)request;
    sem_post(&door->entered);
    sem_wait(&door->leave);
    tern_text_add(&answer->body, "{\"done\":true}");
}

static void overloaded(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    tern_http_problem(answer, 503, "Service Unavailable", "The backlog is %s.", "\"full\"");
    tern_http_set_header(answer, "Retry-After", "%d", 5);
}

static void use_much_stack(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    volatile char room[120 * 1024];
    for (size_t i = 0; i < sizeof room; i += 512)
        room[i] = (char)i;
    tern_text_printf(&answer->body, "%d", room[512]);
}

static void large(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char kilobyte[1024] = "a page";
    (void)self;
    (void)request;
    for (int i = 0; i < 10 * 1024; i++)
        tern_text_add_bytes(&answer->body, kilobyte, sizeof kilobyte);
}

static const struct tern_http_route routes[] = {
    {"GET",    "/orders/{orderId}",        echo,           TERN_HTTP_OPEN,          "one order"  },
    {"POST",   "/orders/{orderId}/cancel", echo,           TERN_HTTP_JSON_OPTIONAL, "cancel"     },
    {"PUT",    "/orders/{orderId}",        echo,           TERN_HTTP_JSON,          "replace"    },
    {"POST",   "/orders",                  create,         TERN_HTTP_JSON,          "new order"  },
    {"GET",    "/same",                    not_modified,   TERN_HTTP_OPEN,          "unchanged"  },
    {"GET",    "/ids",                     ids,            TERN_HTTP_OPEN,          "its own ids"},
    {"GET",    "/faulty",                  faulty,         TERN_HTTP_OPEN,          "two faults" },
    {"GET",    "/busy",                    busy,           TERN_HTTP_OPEN,          "waits"      },
    {"GET",    "/full",                    overloaded,     TERN_HTTP_OPEN,          "503"        },
    {"GET",    "/large",                   large,          TERN_HTTP_OPEN,          "ten MiB"    },
    {"GET",    "/deep",                    use_much_stack, TERN_HTTP_OPEN,          "stack"      },
    {"DELETE", "/admin/parked/{orderId}",  echo,           TERN_HTTP_ADMIN,         "throw away" },
    {"POST",   "/admin/parked/retry",      create,         TERN_HTTP_ADMIN,         "try again"  },
    {NULL,     NULL,                       NULL,           TERN_HTTP_OPEN,          NULL         },
};

/* ---- the door ------------------------------------------------------------------------------------------------ */

static struct tern_http_settings settings_of(struct door *door)
{
    return (struct tern_http_settings){.address = "127.0.0.1",
                                       .admin_token = "",
                                       .clock = &tern_clock_system,
                                       .ids = door->ids,
                                       .metrics = door->metrics};
}

static void open_with(struct door *door, const struct tern_http_settings *settings)
{
    struct tern_error err;
    const struct tern_http_routes tables[] = {
        {routes, door}
    };
    if (tern_http_start(settings, tables, 1, &door->server, &err) < 0) fail_msg("%s", err.text);
    door->port = tern_http_port(door->server);
    assert_int_not_equal(door->port, 0);
}

/* The same door with other settings. */
static void reopen_with(struct door *door, const struct tern_http_settings *settings)
{
    tern_http_stop(door->server, 0);
    open_with(door, settings);
}

static int open_door(void **state)
{
    struct door *door = tern_alloc(sizeof *door);
    door->ids = tern_ids_create(&tern_clock_system, 0);
    door->metrics = tern_metrics_create(NULL);
    sem_init(&door->entered, 0, 0);
    sem_init(&door->leave, 0, 0);
    struct tern_http_settings settings = settings_of(door);
    open_with(door, &settings);
    *state = door;
    return 0;
}

static int close_door(void **state)
{
    struct door *door = *state;
    tern_http_stop(door->server, 1000);
    tern_metrics_destroy(door->metrics);
    tern_ids_destroy(door->ids);
    sem_destroy(&door->entered);
    sem_destroy(&door->leave);
    free(door);
    return 0;
}

static void expect(uint16_t port, const char *request, int status, const char *body)
{
    struct raw_answer answer;
    raw_http_ask(port, request, &answer);
    assert_int_equal(answer.status, status);
    if (body != NULL) assert_string_equal(answer.body, body);
    raw_answer_fini(&answer);
}

/* The problem in an answer, after its common members were checked. */
static struct cJSON *problem_of(const struct raw_answer *answer, const char *title)
{
    struct tern_error err;
    int64_t status;
    assert_string_equal(raw_answer_header(answer, "Content-Type"), "application/problem+json");
    struct cJSON *problem = tern_json_parse(answer->body, answer->length, 65536, &err);
    if (problem == NULL) fail_msg("%s", err.text);
    assert_string_equal(tern_json_string(tern_json_member(problem, "type")), "about:blank");
    assert_string_equal(tern_json_string(tern_json_member(problem, "title")), title);
    assert_string_equal(tern_json_string(tern_json_member(problem, "error")), title);
    assert_int_equal(tern_json_integer(tern_json_member(problem, "status"), 100, 599, &status, &err), 0);
    assert_int_equal(status, answer->status);
    assert_non_null(tern_json_string(tern_json_member(problem, "detail")));
    assert_string_equal(tern_json_string(tern_json_member(problem, "requestId")),
                        raw_answer_header(answer, "X-Request-Id"));
    const char *trace = tern_json_string(tern_json_member(problem, "traceId"));
    assert_int_equal(strlen(trace), 32);
    assert_memory_equal(trace, raw_answer_header(answer, "traceparent") + 3, 32);
    return problem;
}

/* ---- requests and answers ------------------------------------------------------------------------------------ */

static void test_what_a_handler_reads(void **state)
{
    struct door *door = *state;
    expect(door->port, "GET /orders/ORD-1 HTTP/1.1\r\n" HOST "\r\n", 200, "/orders/ORD-1|ORD-1|-|-|-|-|0:");
    expect(door->port, "GET /orders/O%52D-1?limit=10&status=PA%49D&&x HTTP/1.1\r\n" HOST "\r\n", 200,
           "/orders/ORD-1|ORD-1|10|PAID|x|-|0:");
    expect(door->port,
           "PUT /orders/a?limit=1+2 HTTP/1.1\r\n" HOST "Idempotency-KEY: k 1\r\nContent-Type: application/json\r\n"
           "Content-Length: 7\r\n\r\n{\"a\":1}",
           200, "/orders/a|a|1+2|-|-|k 1|7:{\"a\":1}");
    expect(door->port,
           "PUT /orders/a HTTP/1.1\r\n" HOST "Content-Type: application/json; charset=UTF-8\r\n"
           "Transfer-Encoding: chunked\r\n\r\n3\r\n{\"a\r\n4\r\n\":1}\r\n0\r\n\r\n",
           200, "/orders/a|a|-|-|-|-|7:{\"a\":1}");
}

static void test_optional_body(void **state)
{
    struct door *door = *state;
    expect(door->port, "POST /orders/a/cancel HTTP/1.1\r\n" HOST "\r\n", 200, "/orders/a/cancel|a|-|-|-|-|0:");
    expect(door->port, "POST /orders/a/cancel HTTP/1.1\r\n" HOST "Content-Length: 0\r\n\r\n", 200, NULL);
    expect(door->port,
           "POST /orders/a/cancel HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
           200, "/orders/a/cancel|a|-|-|-|-|2:{}");
    expect(door->port, "POST /orders/a/cancel HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\n{}", 415, NULL);
}

/* Its head only: the body is larger than what raw_http reads. */
static int large_status(uint16_t port)
{
    char head[512] = "";
    int fd = raw_http_open(port);
    raw_http_send_text(fd, "GET /large HTTP/1.1\r\n" HOST "\r\n");
    assert_true(recv(fd, head, sizeof head - 1, 0) > 0);
    close(fd);
    int status = (int)strtol(head + strlen("HTTP/1.1 "), NULL, 10);
    if (status == 503) assert_non_null(strstr(head, "\r\nRetry-After: 1\r\n"));
    return status;
}

static void test_large_answers(void **state)
{
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    struct door *door = *state;
    int slow[3];
    for (size_t i = 0; i < TERN_COUNT(slow); i++) {
        slow[i] = raw_http_open(door->port);
        raw_http_send_text(slow[i], "GET /large HTTP/1.1\r\n" HOST "\r\n");
        struct pollfd wait = {slow[i], POLLIN, 0}; /* it has begun, and nobody reads it */
        assert_int_equal(poll(&wait, 1, TEST_WAIT_MS), 1);
    }
    assert_int_equal(large_status(door->port), 503);
    expect(door->port, "GET /orders/ORD-1 HTTP/1.1\r\n" HOST "\r\n", 200, NULL);
    for (size_t i = 0; i < TERN_COUNT(slow); i++)
        close(slow[i]);
    TEST_WAIT(&lock, large_status(door->port) == 200);
}

static void test_largest_body(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    char *body = malloc(65536);
    assert_non_null(body);
    memset(body, 'x', 65536);
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, "PUT /orders/a HTTP/1.1\r\n" HOST "Content-Type: application/json\r\n"
                           "Content-Length: 65536\r\n\r\n");
    raw_http_send(fd, body, 65536);
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_non_null(strstr(answer.body, "|65536:xxx"));
    raw_answer_fini(&answer);
    close(fd);
    free(body);
}

static void test_answers(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    raw_http_ask(door->port,
                 "POST /orders HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}",
                 &answer);
    assert_int_equal(answer.status, 201);
    assert_string_equal(raw_answer_header(&answer, "Location"), "/orders/ORD-1");
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"1\"");
    assert_string_equal(raw_answer_header(&answer, "Content-Type"), "application/json");
    assert_string_equal(raw_answer_header(&answer, "X-Content-Type-Options"), "nosniff");
    assert_string_equal(raw_answer_header(&answer, "Cache-Control"), "no-store");
    assert_string_equal(raw_answer_header(&answer, "Connection"), "");
    assert_string_equal(answer.body, "{\"orderId\":\"ORD-1\"}");
    raw_answer_fini(&answer);

    raw_http_ask(door->port, "GET /same HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 304);
    assert_string_equal(raw_answer_header(&answer, "ETag"), "\"7\"");
    assert_string_equal(raw_answer_header(&answer, "Content-Type"), "");
    assert_string_equal(raw_answer_header(&answer, "Content-Length"), "7"); /* of the body that a 200 would have had */
    assert_string_equal(answer.body, "");
    raw_answer_fini(&answer);
}

static void test_head(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, "HEAD /orders/a HTTP/1.1\r\n" HOST "\r\nGET /orders/b HTTP/1.1\r\n" HOST "\r\n");
    raw_http_read(fd, true, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(raw_answer_header(&answer, "Content-Length"), "22");
    raw_answer_fini(&answer);
    raw_http_read(fd, false, &answer); /* had a body been sent, this were not a status line */
    assert_string_equal(answer.body, "/orders/b|b|-|-|-|-|0:");
    raw_answer_fini(&answer);
    close(fd);
}

static void test_request_ids(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    char expected[64];
    raw_http_ask(door->port, "GET /ids HTTP/1.1\r\n" HOST "X-Request-Id: my_Own-1\r\n\r\n", &answer);
    assert_string_equal(raw_answer_header(&answer, "X-Request-Id"), "my_Own-1");
    assert_memory_equal(answer.body, "my_Own-1 00-", 12);
    raw_answer_fini(&answer);

    static const char *const bad[] = {"has space", "semi;colon", "",
                                      "a123456789b123456789c123456789d123456789e123456789f123456789abcde"};
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        char request[256];
        (void)snprintf(request, sizeof request, "GET /ids HTTP/1.1\r\n" HOST "X-Request-Id: %s\r\n\r\n", bad[i]);
        raw_http_ask(door->port, request, &answer);
        assert_int_equal(answer.status, 200);
        (void)snprintf(expected, sizeof expected, "%s", raw_answer_header(&answer, "X-Request-Id"));
        assert_int_equal(strlen(expected), 36);
        assert_memory_equal(answer.body, expected, 36);
        raw_answer_fini(&answer);
    }
}

static void test_traceparent(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    raw_http_ask(door->port,
                 "GET /ids HTTP/1.1\r\n" HOST
                 "Traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n\r\n",
                 &answer);
    const char *trace = raw_answer_header(&answer, "traceparent");
    assert_memory_equal(trace, "00-0af7651916cd43dd8448eb211c80319c-", 36);
    assert_memory_not_equal(trace + 36, "b7ad6b7169203331", 16); /* a span of its own */
    assert_non_null(strstr(answer.body, trace));
    raw_answer_fini(&answer);
    raw_http_ask(door->port,
                 "GET /ids HTTP/1.1\r\n" HOST
                 "traceparent: 00-00000000000000000000000000000000-b7ad6b7169203331-01\r\n\r\n",
                 &answer);
    assert_true(tern_traceparent_valid(raw_answer_header(&answer, "traceparent")));
    raw_answer_fini(&answer);
}

static void test_http_1_0(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, "GET /orders/a HTTP/1.0\r\n\r\n");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_true(raw_http_ends(fd, TEST_WAIT_MS));
    raw_answer_fini(&answer);
    close(fd);
}

static void test_stack(void **state)
{
    struct door *door = *state;
    expect(door->port, "GET /deep HTTP/1.1\r\n" HOST "\r\n", 200, NULL);
}

/* ---- routes and problems ------------------------------------------------------------------------------------- */

static void test_unknown_path(void **state)
{
    struct door *door = *state;
    static const char *const paths[] = {
        "/",        "/order", "/orders/", "/orders/a/b", "/orders/a/", "/a%20b/%7e", "/a/b/c/d/e/f/g/h/i/j/k/l/m/n/o/p",
        "/Orders/a"};
    for (size_t i = 0; i < TERN_COUNT(paths); i++) {
        char request[128];
        struct raw_answer answer;
        (void)snprintf(request, sizeof request, "GET %s HTTP/1.1\r\n" HOST "\r\n", paths[i]);
        raw_http_ask(door->port, request, &answer);
        assert_int_equal(answer.status, 404);
        struct cJSON *problem = problem_of(&answer, "Not Found");
        assert_string_equal(tern_json_string(tern_json_member(problem, "instance")), paths[i]);
        tern_json_destroy(problem);
        raw_answer_fini(&answer);
    }
}

static void expect_allow(uint16_t port, const char *method, const char *path, int status, const char *allow)
{
    char request[128];
    struct raw_answer answer;
    (void)snprintf(request, sizeof request, "%s %s HTTP/1.1\r\n" HOST "\r\n", method, path);
    raw_http_ask(port, request, &answer);
    assert_int_equal(answer.status, status);
    assert_string_equal(raw_answer_header(&answer, "Allow"), allow);
    if (status == 405) tern_json_destroy(problem_of(&answer, "Method Not Allowed"));
    raw_answer_fini(&answer);
}

static void test_wrong_method(void **state)
{
    struct door *door = *state;
    expect_allow(door->port, "DELETE", "/orders/a", 405, "GET, HEAD, PUT, OPTIONS");
    expect_allow(door->port, "BREW", "/orders", 405, "POST, OPTIONS");
    expect_allow(door->port, "TRACE", "/orders", 405, "POST, OPTIONS");
    expect_allow(door->port, "get", "/ids", 405, "GET, HEAD, OPTIONS");
    expect_allow(door->port, "BREW", "/nowhere", 404, "");
}

static void test_options(void **state)
{
    struct door *door = *state;
    expect_allow(door->port, "OPTIONS", "/orders", 204, "POST, OPTIONS");
    expect_allow(door->port, "OPTIONS", "/orders/a", 204, "GET, HEAD, PUT, OPTIONS");
    expect_allow(door->port, "OPTIONS", "/admin/parked/retry", 204, "DELETE, POST, OPTIONS");
    expect_allow(door->port, "OPTIONS", "/nowhere", 404, "");
}

static void test_problems_of_handlers(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    raw_http_ask(door->port, "GET /full HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 503);
    assert_string_equal(raw_answer_header(&answer, "Retry-After"), "5");
    struct cJSON *problem = problem_of(&answer, "Service Unavailable");
    assert_string_equal(tern_json_string(tern_json_member(problem, "detail")), "The backlog is \"full\".");
    tern_json_destroy(problem);
    raw_answer_fini(&answer);

    raw_http_ask(door->port, "GET /faulty HTTP/1.1\r\n" HOST "\r\n", &answer);
    assert_int_equal(answer.status, 400);
    problem = problem_of(&answer, "Bad Request");
    const struct cJSON *errors = tern_json_member(problem, "errors");
    assert_int_equal(tern_json_size(errors), 2);
    const struct cJSON *first = tern_json_first(errors);
    assert_string_equal(tern_json_string(tern_json_member(first, "pointer")), "#/items/0/quantity");
    assert_string_equal(tern_json_string(tern_json_member(first, "detail")), "must be 1 to 10000");
    assert_string_equal(tern_json_string(tern_json_member(first, "code")), "out_of_range");
    tern_json_destroy(problem);
    raw_answer_fini(&answer);
}

/* ---- the admin rule ------------------------------------------------------------------------------------------ */

static int admin_call(uint16_t port, const char *headers, char *ret_challenge)
{
    char request[512];
    struct raw_answer answer;
    (void)snprintf(request, sizeof request, "POST /admin/parked/retry HTTP/1.1\r\n%s\r\n", headers);
    raw_http_ask(port, request, &answer);
    int status = answer.status;
    if (ret_challenge != NULL) (void)snprintf(ret_challenge, 96, "%s", raw_answer_header(&answer, "WWW-Authenticate"));
    raw_answer_fini(&answer);
    return status;
}

static void test_admin_with_token(void **state)
{
    struct door *door = *state;
    char challenge[96];
    struct tern_http_settings settings = settings_of(door);
    settings.admin_token = "s3cret";
    settings.address = "0.0.0.0";
    reopen_with(door, &settings);
    assert_int_equal(admin_call(door->port, HOST, challenge), 401);
    assert_string_equal(challenge, "Bearer realm=\"tern\"");
    assert_int_equal(admin_call(door->port, HOST "Authorization: Basic czNjcmV0\r\n", challenge), 401);
    assert_string_equal(challenge, "Bearer realm=\"tern\"");
    static const char *const wrong[] = {"s3creT", "s3cre", "s3cret1", "", "s3crets3cret"};
    for (size_t i = 0; i < TERN_COUNT(wrong); i++) {
        char headers[96];
        (void)snprintf(headers, sizeof headers, HOST "Authorization: Bearer  %s\r\n", wrong[i]);
        assert_int_equal(admin_call(door->port, headers, challenge), 401);
        if (wrong[i][0] != '\0') assert_string_equal(challenge, "Bearer realm=\"tern\", error=\"invalid_token\"");
    }
    assert_int_equal(admin_call(door->port, HOST "Authorization: Bearer s3cret\r\n", NULL), 201);
    assert_int_equal(admin_call(door->port, HOST "authorization: bearer s3cret\r\n", NULL), 201);
    expect(door->port, "GET /orders/a HTTP/1.1\r\n" HOST "\r\n", 200, NULL); /* open routes need none */
}

/* As nginx hands on what it got from far away: from this machine, with the name of this one as its Host. */
static void test_admin_trusts_no_address(void **state)
{
    static const char *const local[] = {HOST,
                                        "Host: 127.0.0.1:3001\r\n",
                                        "Host: [::1]:3001\r\n",
                                        HOST "X-Real-IP: 203.0.113.9\r\n",
                                        "Host: 127.0.0.1:3001\r\nConnection: close\r\nX-Forwarded-For: 203.0.113.9\r\n",
                                        HOST "Forwarded: for=127.0.0.1\r\n",
                                        HOST "Origin: http://localhost\r\n"};
    struct door *door = *state;
    struct tern_http_settings settings = settings_of(door);
    for (int with_token = 0; with_token < 2; with_token++) {
        settings.admin_token = with_token ? "s3cret" : "";
        reopen_with(door, &settings);
        for (size_t i = 0; i < TERN_COUNT(local); i++)
            assert_int_equal(admin_call(door->port, local[i], NULL), 401);
    }
}

static void test_admin_without_token(void **state)
{
    struct door *door = *state;
    assert_int_equal(admin_call(door->port, HOST "Authorization: Bearer x\r\n", NULL), 403);
    tern_http_replace_admin_token(door->server, "s3cret");
    assert_int_equal(admin_call(door->port, HOST "Authorization: Bearer x\r\n", NULL), 401);
    assert_int_equal(admin_call(door->port, HOST "Authorization: Bearer s3cret\r\n", NULL), 201);
    tern_http_replace_admin_token(door->server, "another");
    assert_int_equal(admin_call(door->port, HOST "Authorization: Bearer s3cret\r\n", NULL), 401);
}

/* ---- counting ------------------------------------------------------------------------------------------------ */

static void test_metrics(void **state)
{
    struct door *door = *state;
    struct tern_text page = {0};
    expect(door->port, "GET /orders/a HTTP/1.1\r\n" HOST "\r\n", 200, NULL);
    expect(door->port, "GET /orders/b HTTP/1.1\r\n" HOST "\r\n", 200, NULL);
    expect(door->port, "DELETE /orders/b HTTP/1.1\r\n" HOST "\r\n", 405, NULL);
    expect(door->port, "BREW /secret-path HTTP/1.1\r\n" HOST "\r\n", 404, NULL);
    expect(door->port, "GET /%%00 HTTP/1.1\r\n" HOST "\r\n", 400, NULL);
    tern_metrics_print(door->metrics, &page);
    assert_non_null(strstr(page.bytes, "{method=\"GET\",route=\"/orders/{orderId}\",code=\"200\"} 2\n"));
    assert_non_null(strstr(page.bytes, "{method=\"DELETE\",route=\"/orders/{orderId}\",code=\"405\"} 1\n"));
    assert_non_null(strstr(page.bytes, "{method=\"other\",route=\"unmatched\",code=\"404\"} 1\n"));
    assert_non_null(strstr(page.bytes, "{method=\"GET\",route=\"unmatched\",code=\"400\"} 1\n"));
    assert_non_null(strstr(page.bytes, "http_request_duration_seconds_count{route=\"/orders/{orderId}\"} 3\n"));
    assert_null(strstr(page.bytes, "secret-path"));
    tern_text_fini(&page);
}

/* ---- start, stop, limits ------------------------------------------------------------------------------------- */

static void test_start_refusals(void **state)
{
    struct door *door = *state;
    struct tern_http_server *second = NULL;
    struct tern_error err;
    struct tern_http_settings settings = settings_of(door);
    const struct tern_http_routes tables[] = {
        {routes, door}
    };
    settings.port = door->port;
    assert_int_equal(tern_http_start(&settings, tables, 1, &second, &err), -1);
    assert_non_null(strstr(err.text, "in use by another program"));
    settings.address = "not.an.address";
    assert_int_equal(tern_http_start(&settings, tables, 1, &second, &err), -1);
    assert_string_equal(err.text, "\"not.an.address\" is not an IPv4 or IPv6 address");
    assert_null(second);
    tern_http_stop(NULL, 0);
}

/* A container often knows the family of addresses, but has none of them. */
static bool has_ipv6(void)
{
    const struct sockaddr_in6 loopback = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM, 0);
    if (fd < 0) return false;
    bool bound = bind(fd, (const struct sockaddr *)&loopback, sizeof loopback) == 0;
    close(fd);
    return bound;
}

static void test_ipv6(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    struct tern_error err;
    struct tern_http_settings settings = settings_of(door);
    if (!has_ipv6()) skip();
    settings.address = "::1";
    settings.admin_token = "s3cret";
    reopen_with(door, &settings);
    int fd = raw_http_open_at("::1", door->port);
    raw_http_send_text(fd, "POST /admin/parked/retry HTTP/1.1\r\n" HOST "\r\n");
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 401);
    raw_answer_fini(&answer);
    close(fd);
    assert_int_equal(tern_http_probe("::1", door->port, "/ids", TEST_WAIT_MS, &err), 200);
}

struct stopping {
    struct door *door;
    int timeout_ms;
    atomic_bool stopped;
};

static void *stop_server(void *argument)
{
    struct stopping *stopping = argument;
    tern_http_stop(stopping->door->server, stopping->timeout_ms);
    stopping->door->server = NULL;
    atomic_store(&stopping->stopped, true);
    return NULL;
}

static void test_stop_waits(void **state)
{
    struct door *door = *state;
    struct raw_answer answer;
    struct stopping stopping = {.door = door, .timeout_ms = 20000};
    pthread_t thread;
    int idle = raw_http_open(door->port);
    raw_http_send_text(idle, "GET /ids HTTP/1.1\r\n" HOST "\r\n");
    raw_http_read(idle, false, &answer);
    raw_answer_fini(&answer);
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, "GET /busy HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&door->entered);

    pthread_create(&thread, NULL, stop_server, &stopping);
    assert_true(raw_http_ends(idle, TEST_WAIT_MS)); /* a connection without a request does not hold it up */
    assert_false(atomic_load(&stopping.stopped));
    struct tern_error err;
    assert_int_equal(tern_http_probe("127.0.0.1", door->port, "/ids", 1000, &err), -1); /* nobody new */
    assert_non_null(strstr(err.text, "refused"));                                       /* and told so at once */
    sem_post(&door->leave);
    raw_http_read(fd, false, &answer);
    assert_int_equal(answer.status, 200);
    assert_string_equal(answer.body, "{\"done\":true}");
    assert_string_equal(raw_answer_header(&answer, "Connection"), "close");
    raw_answer_fini(&answer);
    pthread_join(thread, NULL);
    close(fd);
    close(idle);
}

static void test_stop_without_patience(void **state)
{
    struct door *door = *state;
    struct stopping stopping = {.door = door, .timeout_ms = 10};
    pthread_t thread;
    int fd = raw_http_open(door->port);
    raw_http_send_text(fd, "GET /busy HTTP/1.1\r\n" HOST "\r\n");
    sem_wait(&door->entered);
    pthread_create(&thread, NULL, stop_server, &stopping);
    /* Even past its timeout it does not return while the handler runs: what the handler uses must stay alive. The
     * listener's end shows that stopping has begun. */
    struct tern_error err;
    while (tern_http_probe("127.0.0.1", door->port, "/ids", 1000, &err) != -1)
        ;
    assert_false(atomic_load(&stopping.stopped));
    sem_post(&door->leave);
    pthread_join(thread, NULL);
    assert_true(atomic_load(&stopping.stopped));
    close(fd);
}

/* ---- the limits of connections ---- */

enum { CROWD = 8 };

static bool asks_again(int fd)
{
    struct raw_answer answer;
    if (!raw_http_send_text(fd, "GET /ids HTTP/1.1\r\n" HOST "\r\n")) return false;
    raw_http_read(fd, false, &answer);
    int status = answer.status;
    raw_answer_fini(&answer);
    return status == 200;
}

/* So many connections that have been answered once and are kept open, the oldest first. */
static void fill_with_idle(uint16_t port, int *fds, int count)
{
    for (int i = 0; i < count; i++) {
        fds[i] = raw_http_open(port);
        assert_true(asks_again(fds[i]));
        while (i > 0 && i < count - 1 && tern_steady(&tern_clock_system) % 2 == 0)
            ; /* not all in one millisecond */
    }
}

static void close_all(const int *fds, int count)
{
    for (int i = 0; i < count; i++)
        close(fds[i]);
}

static int64_t counted(struct door *door, const char *row)
{
    struct tern_text page = {0};
    char wanted[128];
    tern_metrics_print(door->metrics, &page);
    (void)snprintf(wanted, sizeof wanted, "\n%s ", row);
    const char *at = strstr(page.bytes, wanted);
    int64_t value = at ? strtoll(at + strlen(wanted), NULL, 10) : 0;
    tern_text_fini(&page);
    return value;
}

/* A load balancer that keeps its connections, and its health probe. */
static void expect_the_oldest_makes_room(struct door *door, const char *kind)
{
    int fds[CROWD];
    char refused[96];
    struct tern_error err;
    fill_with_idle(door->port, fds, CROWD);
    assert_int_equal(tern_http_probe("127.0.0.1", door->port, "/ids", TEST_WAIT_MS, &err), 200);
    assert_true(raw_http_ends(fds[0], TEST_WAIT_MS));
    for (int i = 1; i < CROWD; i++)
        assert_true(asks_again(fds[i]));
    assert_int_equal(counted(door, "http_connections_replaced_total"), 1);
    (void)snprintf(refused, sizeof refused, "http_connections_refused_total{limit=\"%s\"}", kind);
    assert_int_equal(counted(door, refused), 0);
    close_all(fds, CROWD);
}

static void test_idle_of_one_address_makes_room(void **state)
{
    struct door *door = *state;
    struct tern_http_settings settings = settings_of(door);
    settings.per_address_limit = CROWD;
    reopen_with(door, &settings);
    expect_the_oldest_makes_room(door, "address");
}

static void test_idle_of_all_makes_room(void **state)
{
    struct door *door = *state;
    struct tern_http_settings settings = settings_of(door);
    settings.connection_limit = CROWD;
    reopen_with(door, &settings);
    expect_the_oldest_makes_room(door, "all");
}

/* Connections without a byte are idle too; many more of them come than there are places. */
static void test_many_newcomers(void **state)
{
    enum { MANY = 100 };
    struct door *door = *state;
    struct tern_error err;
    struct tern_http_settings settings = settings_of(door);
    int fds[MANY];
    settings.per_address_limit = 2;
    reopen_with(door, &settings);
    for (int i = 0; i < MANY; i++)
        fds[i] = raw_http_open(door->port);
    while (tern_http_probe("127.0.0.1", door->port, "/ids", TEST_WAIT_MS, &err) != 200)
        ;
    close_all(fds, MANY);
    assert_true(counted(door, "http_connections_replaced_total") >= 1);
}

struct told {
    atomic_int calls;
    atomic_llong connections;
    char peer[TERN_HTTP_PEER_SIZE];
};

static void note_refused(void *self, uint64_t connections, const char *peer)
{
    struct told *told = self;
    (void)snprintf(told->peer, sizeof told->peer, "%s", peer);
    atomic_fetch_add(&told->connections, (long long)connections);
    atomic_fetch_add(&told->calls, 1);
}

/* One runs, one has sent half of its head, one a head whose body is to come: none of them is idle. */
static void test_requests_are_not_cut_off(void **state)
{
    static const char *const begun[] = {
        "GET /ids HTTP/1.1\r\n" HOST,
        "POST /orders HTTP/1.1\r\n" HOST "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n",
        "GET /busy HTTP/1.1\r\n" HOST "\r\n"}; /* the last one: once it runs, the others have been read too */
    static const char *const rest[] = {"\r\n", "{\"items\":[]", ""};
    static const int wanted[] = {200, 201, 200};
    static struct told told;
    struct door *door = *state;
    struct raw_answer answer;
    struct tern_http_settings settings = settings_of(door);
    int fds[TERN_COUNT(begun)];
    settings.per_address_limit = TERN_COUNT(begun);
    settings.refused = note_refused;
    settings.self = &told;
    reopen_with(door, &settings);
    for (size_t i = 0; i < TERN_COUNT(begun); i++) {
        fds[i] = raw_http_open(door->port);
        assert_true(asks_again(fds[i]));
        assert_true(raw_http_send_text(fds[i], begun[i]));
    }
    sem_wait(&door->entered);
    for (int i = 0; i < 3; i++) {
        int newcomer = raw_http_open(door->port);
        assert_true(raw_http_ends(newcomer, TEST_WAIT_MS));
        close(newcomer);
    }
    while (atomic_load(&told.calls) == 0)
        ;
    sem_post(&door->leave);
    for (size_t i = 0; i < TERN_COUNT(begun); i++) {
        assert_true(raw_http_send_text(fds[i], rest[i]));
        raw_http_read(fds[i], false, &answer);
        assert_int_equal(answer.status, wanted[i]);
        raw_answer_fini(&answer);
    }
    close_all(fds, TERN_COUNT(begun));
    assert_int_equal(counted(door, "http_connections_refused_total{limit=\"address\"}"), 3);
    assert_int_equal(counted(door, "http_connections_replaced_total"), 0);
    tern_http_stop(door->server, 1000);
    door->server = NULL;
    assert_int_equal(atomic_load(&told.calls), 1); /* the next ones would be told in a minute */
    assert_in_range(atomic_load(&told.connections), 1, 3);
    assert_string_equal(told.peer, "127.0.0.1");
}

enum { CLIENTS = 24, POSTS = 100 };

static void *post_many(void *argument)
{
    struct door *door = argument;
    int fd = raw_http_open(door->port);
    for (int i = 0; i < POSTS; i++) {
        struct raw_answer answer;
        raw_http_send_text(fd, "POST /orders HTTP/1.1\r\n" HOST
                               "Content-Type: application/json\r\nContent-Length: 11\r\n\r\n{\"items\":[]");
        raw_http_read(fd, false, &answer);
        assert_int_equal(answer.status, 201);
        raw_answer_fini(&answer);
    }
    close(fd);
    return NULL;
}

static void test_many_clients(void **state)
{
    struct door *door = *state;
    pthread_t threads[CLIENTS];
    struct tern_text page = {0};
    for (int i = 0; i < CLIENTS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, door), 0);
    for (int i = 0; i < CLIENTS; i++)
        pthread_join(threads[i], NULL);
    tern_metrics_print(door->metrics, &page);
    assert_non_null(strstr(page.bytes, "{method=\"POST\",route=\"/orders\",code=\"201\"} 2400\n"));
    tern_text_fini(&page);
}

/* ---- the probe ------------------------------------------------------------------------------------------------ */

static void test_probe(void **state)
{
    struct door *door = *state;
    struct tern_error err;
    assert_int_equal(tern_http_probe("127.0.0.1", door->port, "/ids", TEST_WAIT_MS, &err), 200);
    assert_int_equal(tern_http_probe("0.0.0.0", door->port, "/full", TEST_WAIT_MS, &err), 503);
    assert_int_equal(tern_http_probe("localhost", door->port, "/nowhere", TEST_WAIT_MS, &err), 404);
    assert_int_equal(tern_http_probe("elsewhere", door->port, "/ids", TEST_WAIT_MS, &err), -1);
    assert_int_equal(tern_http_probe("127.0.0.1", door->port, "/busy", 50, &err), -1);
    assert_string_equal(err.text, "no answer in time");
    sem_post(&door->leave);
    uint16_t port = door->port;
    tern_http_stop(door->server, 5000);
    door->server = NULL;
    assert_int_equal(tern_http_probe("127.0.0.1", port, "/ids", TEST_WAIT_MS, &err), -1);
}

static void test_version(void **state)
{
    (void)state;
    assert_memory_equal(tern_http_version(), "libmicrohttpd ", 14);
    assert_true(strlen(tern_http_version()) > 18);
}

#define DOOR_TEST(title, function)                   \
    {                                                \
        title, function, open_door, close_door, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        DOOR_TEST("a handler reads path, parameter, query, header and body", test_what_a_handler_reads),
        DOOR_TEST("a body may be left out where the route says so", test_optional_body),
        DOOR_TEST("large answers that nobody reads take a bounded room", test_large_answers),
        DOOR_TEST("a body of exactly 64 KiB is taken", test_largest_body),
        DOOR_TEST("status, headers and body of a handler arrive, with the common headers", test_answers),
        DOOR_TEST("HEAD is answered like GET, without the body", test_head),
        DOOR_TEST("X-Request-Id is taken when it is sound, and made otherwise", test_request_ids),
        DOOR_TEST("a valid traceparent is continued, an invalid one replaced", test_traceparent),
        DOOR_TEST("HTTP/1.0 without Host is answered, and the connection ends", test_http_1_0),
        DOOR_TEST("a handler may use 120 KiB of stack", test_stack),
        DOOR_TEST("an unknown path is 404 with a problem", test_unknown_path),
        DOOR_TEST("a wrong method is 405 and Allow names the right ones", test_wrong_method),
        DOOR_TEST("OPTIONS tells the methods of a path without a token", test_options),
        DOOR_TEST("problems of handlers carry detail, errors, request and trace", test_problems_of_handlers),
        DOOR_TEST("with a token, admin routes need exactly that token", test_admin_with_token),
        DOOR_TEST("no address is trusted, with a token or without", test_admin_trusts_no_address),
        DOOR_TEST("without a token admin routes are closed, and a new one counts at once", test_admin_without_token),
        DOOR_TEST("requests are counted by method, pattern and code, never by path", test_metrics),
        DOOR_TEST("a port in use and a bad address are refused with a sentence", test_start_refusals),
        DOOR_TEST("it serves IPv6", test_ipv6),
        DOOR_TEST("stopping lets the request in flight finish, and nobody in", test_stop_waits),
        DOOR_TEST("stopping past its timeout still waits for a handler that runs", test_stop_without_patience),
        DOOR_TEST("at the limit of an address its longest idle connection makes room",
                  test_idle_of_one_address_makes_room),
        DOOR_TEST("at the limit of all the longest idle connection makes room", test_idle_of_all_makes_room),
        DOOR_TEST("many newcomers at once do not shut anybody out for good", test_many_newcomers),
        DOOR_TEST("a connection with a request on its way is kept, the newcomer refused, counted and told",
                  test_requests_are_not_cut_off),
        DOOR_TEST("two dozen clients at once all get their answers", test_many_clients),
        DOOR_TEST("the probe tells the status, or why there is none", test_probe),
        DOOR_TEST("the version of the library is known", test_version),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
