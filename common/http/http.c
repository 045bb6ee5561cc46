/* http.c - the HTTP server on libmicrohttpd: one thread per connection, which reads, validates, calls the handler.
 *
 * The validator decides in the first callback, before a body is read or asked for. A refusal is sent at once with
 * Connection: close when the rest of the connection cannot be trusted or would be too much to read; otherwise after the
 * unwanted body, and the connection stays open. A handler runs only once the whole body has arrived. The sweeper knows
 * a connection exactly while its descriptor is open; `in_flight` counts the requests between the end of their head and
 * the end of their answer. Never suspends a connection, uses libmicrohttpd's timeout, decoding, cookies or forms, or
 * logs. */
#include "http_internal.h"
#include "http_server.h"

#include <errno.h>
#include <microhttpd.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    POOL_BYTES = 32768,       /* per connection: limits the size of a head */
    STACK_BYTES = 256 * 1024, /* per connection; only touched pages are resident */
    LINGER_MS = 1000,         /* how long a connection that was refused is read before it is closed */
    DEFAULT_CONNECTIONS = 512,
    DEFAULT_PER_ADDRESS = 64,
    DEFAULT_HEADER_MS = 10000,
    DEFAULT_REQUEST_MS = 30000
};

struct tern_http_server {
    struct http_rules rules;
    struct http_admin admin;
    struct http_sweeper sweeper;
    const struct tern_clock *clock; /* the program's */
    struct tern_metrics *metrics;   /* the program's, or NULL */
    struct http_limits limits;
    int header_ms, request_ms; /* deadlines of a head and of a request */
    uint16_t port;             /* that it listens on */
    int listener;              /* its socket; -1: none */
    struct MHD_Daemon *daemon;
    bool checks_layout; /* libmicrohttpd before 1.0 does not refuse bare LF, folded lines and NULs itself */

    atomic_int in_flight;      /* requests from the end of their head to the end of their answer */
    atomic_size_t large_bytes; /* of all large answers that are being sent */
    atomic_bool draining;      /* tern_http_stop was called */
    struct tern_sync drained;  /* signals that in_flight has reached 0 while draining */
};

/* ---- one request: head -------------------------------------------------------------------------------------- */

/* libmicrohttpd has read the request line; the other callbacks get the result as *state. */
static void *on_target(void *self, const char *raw, struct MHD_Connection *connection)
{
    (void)self;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_connection *own = info ? info->socket_context : NULL; /* set by on_connection */
    TERN_ASSERT(own, "a request comes on a connection that was announced");
    atomic_store(&own->in_request, true);
    free(own->request.raw_target);
    own->request.raw_target = tern_copy_text(raw ? raw : "");
    return own;
}

/* The state of a walk through the headers. */
struct head_walk {
    struct tern_http_request *request;
    const char *next; /* where the next header must begin, with nothing in between; NULL: not checked */
};

/* libmicrohttpd 0.9 cuts the head in place: it overwrites the colon and both bytes of each CRLF with a NUL. So each
 * name begins two bytes behind the previous value, unless there was a bare LF, a folded line or a NUL inside a
 * value. */
static enum MHD_Result on_header(void *self, enum MHD_ValueKind kind, const char *name, size_t name_length,
                                 const char *value, size_t value_length)
{
    (void)kind;
    (void)name_length;
    struct head_walk *walk = self;
    struct tern_http_request *request = walk->request;
    if (!value) value = "";
    if (walk->next && walk->next != name) request->sloppy_layout = true;
    if (walk->next) walk->next = value + value_length + 2;
    if (request->header_count == HTTP_HEADERS_MAX) {
        request->headers_cut = true;
        return MHD_NO;
    }
    request->headers[request->header_count++] = (struct http_pair){name, value};
    return MHD_YES;
}

/* Takes the headers, and notes whether bytes lie between the pieces of the head that libmicrohttpd passes on. */
static void read_head(const struct tern_http_server *server, struct MHD_Connection *connection,
                      struct tern_http_request *request)
{
    struct head_walk walk = {request, NULL};
    if (server->checks_layout) {
        /* "GET /path HTTP/1.1" and nothing in between: a NUL would hide a part from the validator. */
        const char *target = request->method + strlen(request->method) + 1;
        request->sloppy_layout = request->version != target + strlen(request->raw_target) + 1;
        walk.next = request->version + strlen(request->version) + 2;
    }
    (void)MHD_get_connection_values_n(connection, MHD_HEADER_KIND, on_header, &walk);
    if (!server->checks_layout || request->headers_cut) return;
    const union MHD_ConnectionInfo *info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
    if (!info || walk.next + 2 != request->method + info->header_size) request->sloppy_layout = true;
}

static void set_deadline(struct http_connection *own, int64_t when_ms)
{
    atomic_store_explicit(&own->deadline_ms, when_ms, memory_order_relaxed);
}

/* Each pause in a body is limited like a head, and all of them by the deadline of the request. */
static void extend_body_deadline(const struct tern_http_server *server, struct http_connection *own, int64_t now)
{
    int64_t pause_ends = now + server->header_ms;
    set_deadline(own, pause_ends < own->request.ends_ms ? pause_ends : own->request.ends_ms);
}

/* From here to the next request line the connection may be ended in favour of another one. */
static void begin_idle(const struct tern_http_server *server, struct http_connection *own)
{
    int64_t now = tern_steady(server->clock);
    set_deadline(own, now + server->header_ms);
    atomic_store(&own->idle_since_ms, now);
    atomic_store(&own->in_request, false);
}

/* The head is complete: the request is in flight, and its deadline runs. */
static void begin_request(struct tern_http_server *server, struct http_connection *own)
{
    int64_t now = tern_steady(server->clock);
    own->request.head_done = true;
    own->request.pattern = "unmatched";
    own->request.answer.status = 200;
    own->request.answer.content_type = "application/json";
    own->request.started_ns = tern_monotonic_ns();
    own->request.ends_ms = now + server->request_ms;
    extend_body_deadline(server, own, now);
    atomic_store(&own->busy, true);
    atomic_fetch_add(&server->in_flight, 1);
}

/* ---- one request: answer ------------------------------------------------------------------------------------ */

/* Unknown methods count as one, because a client could make up any number. */
static void count_answer(const struct tern_http_server *server, const struct tern_http_request *request)
{
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"};
    const char *method = "other";
    for (size_t i = 0; i < TERN_COUNT(methods); i++)
        if (strcmp(request->method, methods[i]) == 0) method = methods[i];
    char code[12];
    (void)snprintf(code, sizeof code, "%d", request->answer.status);
    tern_metric_add(server->metrics, &TERN_METRIC_http_requests_total, 1, method, request->pattern, code);
    tern_metric_observe(server->metrics, &TERN_METRIC_http_request_duration_seconds,
                        (double)(tern_monotonic_ns() - request->started_ns) / 1e9, request->pattern);
}

/* The headers of every answer, then those of the handler: "Name: value\n" lines, cut in place. */
static void add_headers(const struct tern_http_server *server, struct MHD_Response *response,
                        struct tern_http_request *request, bool has_body)
{
    if (has_body && request->answer.status != 304)
        (void)MHD_add_response_header(response, "Content-Type", request->answer.content_type);
    (void)MHD_add_response_header(response, "X-Request-Id", request->request_id);
    (void)MHD_add_response_header(response, "traceparent", request->traceparent);
    (void)MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    for (char *line = request->answer.headers.bytes; line && *line != '\0';) {
        char *colon = strchr(line, ':');
        char *end = strchr(line, '\n');
        TERN_ASSERT(colon && end && colon < end, "an added header is a name, a colon and a value");
        *colon = '\0';
        *end = '\0';
        (void)MHD_add_response_header(response, line, colon + 2);
        line = end + 1;
    }
    if (request->closing || atomic_load(&server->draining))
        (void)MHD_add_response_header(response, "Connection", "close");
}

/* Hands the answer over to libmicrohttpd, which takes the body and sends it. */
static enum MHD_Result send_answer(struct tern_http_server *server, struct MHD_Connection *connection,
                                   struct tern_http_request *request)
{
    struct tern_http_answer *answer = &request->answer;
    TERN_ASSERT(answer->status >= 200 && answer->status <= 599, "a handler answers with a final status");
    tern_http_answer_complete(request, answer);
    size_t length = answer->body.length;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, length > 0 ? tern_text_take(&answer->body) : NULL,
                                        length > 0 ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
    TERN_ASSERT(response, "there is memory for an answer");
    add_headers(server, response, request, length > 0);
    count_answer(server, request);
    enum MHD_Result result = MHD_queue_response(connection, (unsigned)answer->status, response);
    MHD_destroy_response(response);
    return result;
}

/* ---- libmicrohttpd's callbacks ------------------------------------------------------------------------------ */

/* Notes the address that the client has connected to; only a target in absolute-form needs it. */
static void note_own_address(const struct tern_http_server *server, struct http_connection *own)
{
    unsigned char key[HTTP_ADDRESS_KEY];
    struct sockaddr_storage address = {0};
    socklen_t length = sizeof address;
    if (own->request.raw_target[0] == '/') return;
    if (getsockname(own->fd, (struct sockaddr *)&address, &length) < 0) return;
    tern_http_address_key((const struct sockaddr *)&address, key);
    tern_http_address_print(key, own->request.own_address);
    own->request.own_port = server->port;
}

/* The first call for a request. A refusal that closes the connection is answered now, without reading the body; any
 * other refusal waits for on_complete. */
static enum MHD_Result on_head(struct tern_http_server *server, struct MHD_Connection *connection,
                               struct http_connection *own)
{
    begin_request(server, own);
    read_head(server, connection, &own->request);
    note_own_address(server, own);
    if (!tern_http_validate(&server->rules, &own->request) && own->request.closing)
        return send_answer(server, connection, &own->request);
    return MHD_YES;
}

/* A body that is too long is read to its end, within limits, so that the client can read its 413. */
static enum MHD_Result on_body(struct tern_http_server *server, struct http_connection *own, const char *bytes,
                               size_t *length)
{
    struct tern_http_request *request = &own->request;
    if (!request->refused && request->body.length + *length > HTTP_BODY_MAX) {
        request->closing = true;
        (void)tern_http_refuse(request, 413, "Content Too Large", "The body is longer than %d bytes.", HTTP_BODY_MAX);
        tern_text_fini(&request->body);
    }
    if (!request->refused)
        tern_text_add_bytes(&request->body, bytes, *length);
    else
        request->swallowed += *length;
    *length = 0;
    extend_body_deadline(server, own, tern_steady(server->clock));
    return request->swallowed <= HTTP_SWALLOW_MAX ? MHD_YES : MHD_NO;
}

/* Clients that ask for large pages and read them slowly must not fill the memory. The answer to a command is never
 * dropped. */
static void bound_large(struct tern_http_server *server, struct http_connection *own)
{
    struct tern_http_answer *answer = &own->request.answer;
    size_t length = answer->body.length;
    if (length < HTTP_LARGE_ANSWER || strcmp(own->request.method, "GET") != 0) return;
    own->large_bytes = length;
    size_t before = atomic_fetch_add(&server->large_bytes, length);
    if (before == 0 || before + length <= HTTP_LARGE_ANSWERS_MOST) return; /* a single one is sent, however large */
    tern_text_fini(&answer->body);
    tern_text_fini(&answer->headers);
    (void)tern_http_refuse(&own->request, 503, "Service Unavailable", "Too many large answers are still being read.");
    tern_http_set_header(answer, "Retry-After", "%d", 1);
}

/* The body has arrived: runs the handler, unless the request was refused, and sends the answer. */
static enum MHD_Result on_complete(struct tern_http_server *server, struct MHD_Connection *connection,
                                   struct http_connection *own)
{
    struct tern_http_request *request = &own->request;
    set_deadline(own, request->ends_ms);
    if (!request->refused && request->body.length == 0 && (request->route->row->flags & TERN_HTTP_JSON) != 0)
        (void)tern_http_refuse(request, 400, "Bad Request", "The body is empty; this call needs a JSON object.");
    bool slow = !request->refused && (request->route->row->flags & TERN_HTTP_SLOW) != 0;
    if (slow) set_deadline(own, INT64_MAX);
    if (!request->refused) request->route->row->handler(request->route->self, request, &request->answer);
    if (slow) set_deadline(own, tern_steady(server->clock) + server->header_ms);
    bound_large(server, own);
    return send_answer(server, connection, request);
}

/* libmicrohttpd calls it once with the head, then with each piece of the body, then once more without bytes. */
static enum MHD_Result on_request(void *self, struct MHD_Connection *connection, const char *path, const char *method,
                                  const char *version, const char *bytes, size_t *length, void **state)
{
    (void)path; /* http_target.c decodes the raw target */
    struct tern_http_server *server = self;
    struct http_connection *own = *state;
    TERN_ASSERT(own, "a request has a request line");
    own->request.method = method;
    own->request.version = version;
    if (!own->request.head_done) return on_head(server, connection, own);
    if (*length > 0) return on_body(server, own, bytes, length);
    return on_complete(server, connection, own);
}

/* Leaves escapes as they are: http_target.c decodes them, once. */
static size_t leave_escaped(void *self, struct MHD_Connection *connection, char *text)
{
    (void)self;
    (void)connection;
    return strlen(text);
}

/* A close(2) with unread bytes resets the connection, and the client may lose its answer (RFC 9112, section 9.6). So
 * shut our side first, and read for a moment. */
static void linger(int fd)
{
    char bytes[4096];
    size_t total = 0;
    int64_t ends_ns = tern_monotonic_ns() + (int64_t)LINGER_MS * 1000000;
    (void)shutdown(fd, SHUT_WR);
    while (total < HTTP_SWALLOW_MAX) {
        int64_t left_ms = (ends_ns - tern_monotonic_ns()) / 1000000;
        struct pollfd wait = {fd, POLLIN, 0};
        if (left_ms <= 0 || poll(&wait, 1, (int)left_ms) <= 0) return;
        ssize_t got = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
        if (got <= 0) return;
        total += (size_t)got;
    }
}

/* A request has ended, answered or broken off; the last one in flight wakes tern_http_stop. */
static void on_completed(void *self, struct MHD_Connection *connection, void **state,
                         enum MHD_RequestTerminationCode reason)
{
    (void)connection;
    struct tern_http_server *server = self;
    struct http_connection *own = *state;
    *state = NULL;
    if (!own) return;
    bool was_busy = own->request.head_done;
    bool lingers = own->request.closing && reason == MHD_REQUEST_TERMINATED_COMPLETED_OK;
    tern_http_request_reset(&own->request);
    atomic_fetch_sub(&server->large_bytes, own->large_bytes);
    own->large_bytes = 0;
    begin_idle(server, own);
    atomic_store(&own->busy, false);
    if (was_busy && atomic_fetch_sub(&server->in_flight, 1) == 1 && atomic_load(&server->draining)) {
        tern_sync_lock(&server->drained);
        tern_sync_broadcast(&server->drained);
        tern_sync_unlock(&server->drained);
    }
    if (lingers) linger(own->fd);
}

/* On the accepting thread, before anything else happens on the connection. */
static enum MHD_Result on_accept(void *self, const struct sockaddr *address, socklen_t length)
{
    (void)length;
    struct tern_http_server *server = self;
    enum http_admission admission = tern_http_admit(&server->sweeper, &server->limits, address);
    if (admission == HTTP_REPLACES)
        tern_metric_add(server->metrics, &TERN_METRIC_http_connections_replaced_total, 1, NULL, NULL, NULL);
    if (admission <= HTTP_REPLACES) return MHD_YES;
    tern_metric_add(server->metrics, &TERN_METRIC_http_connections_refused_total, 1,
                    admission == HTTP_REFUSED_ADDRESS ? "address" : "all", NULL, NULL);
    return MHD_NO;
}

/* A connection was opened, or is about to be closed. */
static void on_connection(void *self, struct MHD_Connection *connection, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    struct tern_http_server *server = self;
    struct http_connection *own = *context;
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        own = tern_alloc(sizeof *own);
        own->fd = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
        tern_http_address_key(MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS)->client_addr,
                              own->address);
        begin_idle(server, own);
        tern_http_sweeper_add(&server->sweeper, own);
        *context = own;
    } else if (own) {
        tern_http_sweeper_remove(&server->sweeper, own);
        tern_http_request_reset(&own->request);
        free(own);
        *context = NULL;
    }
}

/* ---- start and stop ----------------------------------------------------------------------------------------- */

static unsigned or_default(unsigned value, unsigned otherwise)
{
    return value != 0 ? value : otherwise;
}

/* libmicrohttpd's own limit and timeout are out of the way: http_admission.c and http_sweeper.c do better. */
static int start_daemon(struct tern_http_server *server, struct tern_error *err)
{
    /* Strictness 1 makes 0.9 drop some requests silently that the validator refuses with a sentence; 1.0 needs it to
     * refuse a bare LF and folded lines. */
    unsigned flags = MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_THREAD_PER_CONNECTION | MHD_USE_POLL | MHD_USE_ITC;
    server->daemon = MHD_start_daemon(
        flags, 0, on_accept, server, on_request, server, MHD_OPTION_LISTEN_SOCKET, server->listener,
        MHD_OPTION_CONNECTION_LIMIT, server->limits.all + HTTP_LEAVING_MOST + 1, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)POOL_BYTES, MHD_OPTION_THREAD_STACK_SIZE, (size_t)STACK_BYTES,
        MHD_OPTION_STRICT_FOR_CLIENT, server->checks_layout ? 0 : 1, MHD_OPTION_SIGPIPE_HANDLED_BY_APP, 1,
        MHD_OPTION_URI_LOG_CALLBACK, on_target, server, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped, server,
        MHD_OPTION_NOTIFY_COMPLETED, on_completed, server, MHD_OPTION_NOTIFY_CONNECTION, on_connection, server,
        MHD_OPTION_END);
    if (!server->daemon) return tern_error_set(err, "libmicrohttpd did not start: %s", strerror(errno));
    return 0;
}

/* Everything but the listener and the threads. */
static struct tern_http_server *create_server(const struct tern_http_settings *settings,
                                              const struct tern_http_routes *routes, size_t route_tables)
{
    struct tern_http_server *server = tern_alloc(sizeof *server);
    TERN_ASSERT(settings->clock && settings->ids, "the HTTP server is given a clock and ids");
    server->clock = settings->clock;
    server->metrics = settings->metrics;
    server->header_ms = (int)or_default((unsigned)settings->header_deadline_ms, DEFAULT_HEADER_MS);
    server->request_ms = (int)or_default((unsigned)settings->request_deadline_ms, DEFAULT_REQUEST_MS);
    server->limits.all = or_default(settings->connection_limit, DEFAULT_CONNECTIONS);
    server->limits.per_address = or_default(settings->per_address_limit, DEFAULT_PER_ADDRESS);
    server->listener = -1;
    server->checks_layout = MHD_get_version()[0] == '0';
    server->rules.ids = settings->ids;
    tern_http_admin_init(&server->admin, settings->admin_token);
    server->rules.admin = &server->admin;
    tern_http_routes_compile(&server->rules, routes, route_tables);
    tern_sync_init(&server->drained);
    return server;
}

static void destroy_server(struct tern_http_server *server)
{
    if (server->listener >= 0) (void)close(server->listener);
    tern_http_routes_fini(&server->rules);
    tern_http_admin_fini(&server->admin);
    tern_sync_fini(&server->drained);
    free(server);
}

/* The listener is made here, not by libmicrohttpd, which would not say why it cannot have the port. */
int tern_http_start(const struct tern_http_settings *settings, const struct tern_http_routes *routes,
                    size_t route_tables, struct tern_http_server **ret_server, struct tern_error *err)
{
    struct tern_http_server *server = create_server(settings, routes, route_tables);
    server->listener = tern_http_address_listen(settings->address, settings->port, &server->port, err);
    if (server->listener < 0) goto failed;
    /* Ten checks within the shortest deadline, every 10 ms at most and once a second at least. */
    int tick_ms = (server->header_ms < server->request_ms ? server->header_ms : server->request_ms) / 10;
    tick_ms = tick_ms < 10 ? 10 : tick_ms > 1000 ? 1000 : tick_ms;
    if (tern_http_sweeper_start(&server->sweeper, server->clock, tick_ms, settings->refused, settings->self, err) < 0)
        goto failed;
    if (start_daemon(server, err) < 0) {
        tern_http_sweeper_stop(&server->sweeper);
        goto failed;
    }
    *ret_server = server;
    return 0;
failed:
    destroy_server(server);
    return -1;
}

uint16_t tern_http_port(const struct tern_http_server *server)
{
    return server->port;
}

bool tern_http_replace_admin_token(struct tern_http_server *server, const char *token)
{
    return tern_http_admin_replace(&server->admin, token);
}

/* In this order: no new connections, idle ones end, requests in flight are answered, threads are joined. */
void tern_http_stop(struct tern_http_server *server, int timeout_ms)
{
    if (!server) return;
    atomic_store(&server->draining, true);
    (void)MHD_quiesce_daemon(server->daemon);    /* the listener is ours again */
    (void)shutdown(server->listener, SHUT_RDWR); /* clients are refused instead of waiting in the backlog */
    tern_http_sweeper_release_idle(&server->sweeper);

    struct timespec deadline = tern_deadline(timeout_ms);
    bool in_time = true;
    tern_sync_lock(&server->drained);
    while (in_time && atomic_load(&server->in_flight) > 0)
        in_time = tern_sync_wait_until(&server->drained, deadline);
    tern_sync_unlock(&server->drained);

    MHD_stop_daemon(server->daemon); /* waits for the threads of all connections, and so for running handlers */
    tern_http_sweeper_stop(&server->sweeper);
    destroy_server(server);
}

const char *tern_http_version(void)
{
    static _Thread_local char text[48];
    (void)snprintf(text, sizeof text, "libmicrohttpd %s", MHD_get_version());
    return text;
}
