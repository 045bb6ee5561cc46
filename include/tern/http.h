/* tern/http.h - a small strict HTTP/1.1 server: a table of routes, one thread per connection, RFC 9457 errors.
 *
 * On libmicrohttpd, with a validator of our own in front: in the first callback, before any body, it answers 400 and
 * Connection: close to what is not sound HTTP (two Content-Length or Host headers, Content-Length with
 * Transfer-Encoding, any Transfer-Encoding but "chunked", header names that are no tokens, bare LF, folded lines, NUL;
 * %00, other control characters, encoded slashes, non-ASCII, "//" and dot segments in the target). A target in
 * absolute-form (http://host:port/path) is accepted when its host is that of the header Host, or the address that the
 * client has connected to; else 421. Then it answers from the route table: 404, 405 with Allow, OPTIONS, 401/403 for
 * routes that need the admin token, 411 without a length, 413 over 64 KiB, 415 with Accept-Post, 400 for an empty or
 * unwanted body, and for an invalid Idempotency-Key where one is honoured. Deadlines are absolute: a head is complete
 * 10 s after the start of its connection or the last answer, the rest of a request takes 30 s at most, with no pause
 * over 10 s in its body. Limits: 512 connections, 64 per address; at a limit the longest idle connection makes room,
 * and without an idle one the new connection is refused and counted. Every answer carries X-Request-Id, traceparent,
 * X-Content-Type-Options: nosniff, Cache-Control: no-store. HEAD is answered like GET without a body. libmicrohttpd
 * itself answers some errors in HTML: a garbled request line, a broken Content-Length, no Host, a head over 32 KiB.
 *
 * Admin routes need Authorization: Bearer with the admin token, else 401 (without it and with a wrong one, RFC 6750).
 * The address of the client does not count. A server without a token answers 403.
 *
 * Handlers run on the connection's thread (stack 256 KiB) once the whole body has arrived, and may block for 5 s. The
 * process must ignore SIGPIPE. */
#ifndef TERN_HTTP_H
#define TERN_HTTP_H

#include "tern/error.h"
#include "tern/text.h"

enum { TERN_HTTP_PEER_SIZE = 64, TERN_HTTP_KEY_SIZE = 256 };

struct tern_schema_faults;

/* What a handler may read. Everything that is returned lives as long as the handler runs. */
struct tern_http_request;
const char *tern_http_method(const struct tern_http_request *request);
const char *tern_http_path(const struct tern_http_request *request);
/* The Idempotency-Key without quotes; "" without one, or on a route without TERN_HTTP_ONCE. */
const char *tern_http_idempotency_key(const struct tern_http_request *request);
/* The decoded value of {name} in the route's path. A name that the path does not have is a broken invariant. */
const char *tern_http_parameter(const struct tern_http_request *request, const char *name);
/* A query argument (decoded, ASCII, each name at most once; "+" is a plus) and a header (name in any case), or NULL. */
const char *tern_http_query(const struct tern_http_request *request, const char *name);
const char *tern_http_header(const struct tern_http_request *request, const char *name);
const char *tern_http_body(const struct tern_http_request *request, size_t *ret_length);
/* A new span of the client's trace when its traceparent is valid, else of a new trace. Never NULL. */
const char *tern_http_traceparent(const struct tern_http_request *request);
const char *tern_http_request_id(const struct tern_http_request *request);
/* Writes the address of the client ("127.0.0.1"), or "". */
void tern_http_peer(const struct tern_http_request *request, char peer[TERN_HTTP_PEER_SIZE]);
/* The first query argument that is not in `known` (NULL-terminated), or NULL. */
const char *tern_http_unknown_query(const struct tern_http_request *request, const char *const *known);

/* What a handler fills. Starts as 200 without a body. */
struct tern_http_answer {
    int status;               /* 200 to 599 */
    struct tern_text body;    /* the server frees it */
    const char *content_type; /* static text; default application/json */
    struct tern_text headers; /* "Name: value\n" lines, added by tern_http_set_header */
};
/* The value is program text, never a client's input, shorter than 2 KB; CR and LF are a broken invariant. */
void tern_http_set_header(struct tern_http_answer *answer, const char *name, const char *format, ...) TERN_PRINTF(3, 4);
/* Replaces the body by a problem (RFC 9457, application/problem+json): type about:blank, title, status, detail, error
 * (= title). The server adds instance (the path), requestId and traceId when it sends it. */
void tern_http_problem(struct tern_http_answer *answer, int status, const char *title, const char *detail_format, ...)
    TERN_PRINTF(4, 5);
/* The same, 400, with `errors: [{pointer, detail, code}]`. */
void tern_http_problem_faults(struct tern_http_answer *answer, const char *title,
                              const struct tern_schema_faults *faults);
/* The problem of a body that could not be read (tern_schema_read_body): 400 with its faults, or without any the
 * sentence that says why it is no JSON text. */
void tern_http_problem_body(struct tern_http_answer *answer, const char *title, const struct tern_schema_faults *faults,
                            const struct tern_error *err);
/* ---- the arguments of a query ----
 *
 * Each call is true when the argument is absent, which changes nothing, or was read; false when the answer has become a
 * 400 that names it and says what it must be. */

/* That every argument is in `known` (NULL-terminated). */
bool tern_http_query_known(const struct tern_http_request *request, struct tern_http_answer *answer,
                           const char *const *known);
/* An id or another word: 1 to 64 characters of A-Z a-z 0-9 . _ - */
bool tern_http_query_word(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                          const char **ret_word);
/* A whole number within [low, high], in at most 18 digits; `low` is not negative. */
bool tern_http_query_number(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                            int64_t low, int64_t high, int64_t *ret_number);
/* A time with its zone (RFC 3339), or an age; not later than `latest_ms`. UTC milliseconds. */
#define TERN_HTTP_TIME "a time like 2026-11-23T14:30:00Z, or an age like 90s, 15m, 2h, 7d"
bool tern_http_query_time(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                          int64_t now_ms, int64_t latest_ms, int64_t *ret_ms);
/* The same from a text: 0 or -1. */
int tern_http_read_time(const char *text, int64_t now_ms, int64_t *ret_ms);
/* A place in a list: a number and, where numbers repeat, an id ("" if not). */
enum { TERN_HTTP_PLACE_ID_SIZE = 65, TERN_HTTP_CURSOR_SIZE = 24 + TERN_HTTP_PLACE_ID_SIZE };
struct tern_http_place {
    int64_t number; /* not negative */
    char id[TERN_HTTP_PLACE_ID_SIZE];
};
/* The place as a text that clients take as opaque. It belongs to the arguments in `known` as the request has them, but
 * for limit: a page may have another size. */
void tern_http_cursor(const struct tern_http_request *request, const char *const *known,
                      const struct tern_http_place *place, char cursor[TERN_HTTP_CURSOR_SIZE]);
/* The argument "cursor": one that tern_http_cursor has made for the same arguments. */
bool tern_http_query_cursor(const struct tern_http_request *request, struct tern_http_answer *answer,
                            const char *const *known, struct tern_http_place *ret_place);
/* Answers 400: "<name> must be <must>." Always false. */
bool tern_http_query_refuse(struct tern_http_answer *answer, const char *name, const char *must);
/* Adds the link to the next page of a list (RFC 8288): the arguments in `known` as the request has them, but `place`,
 * the one that says where a page begins, with the value `next`. */
void tern_http_link_next(const struct tern_http_request *request, struct tern_http_answer *answer,
                         const char *const *known, const char *place, const char *next);

/* ---- routes ---- */

typedef void tern_http_handler(void *self, const struct tern_http_request *request, struct tern_http_answer *answer);

enum tern_http_flags {
    TERN_HTTP_OPEN = 0,
    TERN_HTTP_ADMIN = 1,         /* needs the admin token */
    TERN_HTTP_JSON = 2,          /* takes a JSON body: another content type is 415, none is 411 or 400 */
    TERN_HTTP_JSON_OPTIONAL = 4, /* takes a JSON body, or none at all */
    TERN_HTTP_SLOW = 8,          /* its handler may exceed the deadline of a request */
    TERN_HTTP_ONCE = 16          /* not idempotent by itself: honours an Idempotency-Key; an invalid one is 400 */
};

struct tern_http_route {
    const char *method; /* GET, POST, PUT, DELETE; NULL ends a table */
    const char *path;   /* "/orders/{orderId}/events" */
    tern_http_handler *handler;
    unsigned flags;   /* of enum tern_http_flags */
    const char *help; /* one line, for documentation */
};

#endif
