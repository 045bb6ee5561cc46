/* http_internal.h - what the files of the HTTP server share: a request, its validation, its connection. Private to
 * common/http.
 *
 * Only http.c knows libmicrohttpd; everything declared here works on plain text and can be tested without a socket. A
 * request belongs to one connection and is reused for the next one, after tern_http_request_reset. */
#ifndef TERN_HTTP_HTTP_INTERNAL_H
#define TERN_HTTP_HTTP_INTERNAL_H

#include "common/base/sync.h"
#include "http_server.h"
#include "tern/http.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <sys/socket.h>

enum {
    HTTP_BODY_MAX = 65536,              /* bytes of a body */
    HTTP_SWALLOW_MAX = 1 << 20,         /* bytes of an unwanted body; more of it ends the connection */
    HTTP_LARGE_ANSWER = 65536,          /* bytes from which an answer to GET counts as large */
    HTTP_LARGE_ANSWERS_MOST = 32 << 20, /* bytes of them that are being sent */
    HTTP_TARGET_MAX = 4096,             /* bytes of a request target */
    HTTP_HEADERS_MAX = 100,             /* of a request */
    HTTP_QUERY_MAX = 32,                /* arguments of a query */
    HTTP_SEGMENTS_MAX = 12,             /* of a path */
    HTTP_ADDRESS_KEY = 16,              /* bytes of an IPv6 address */
    HTTP_LEAVING_MOST = 64,             /* connections that were told to end and are not closed yet */
    HTTP_REPORT_MS = 60000,             /* between two reports of refused connections */
    HTTP_REQUEST_ID_SIZE = 65
};

/* A header, or an argument of a query. */
struct http_pair {
    const char *name, *value;
};

/* A parsed request target: everything decoded, pointing into `memory`. */
struct http_target {
    char *memory;          /* owned */
    const char *path;      /* "/orders/ORD-1" */
    const char *authority; /* "shop.example:3001"; NULL: the target was a path alone */
    size_t segment_count;
    const char *segments[HTTP_SEGMENTS_MAX]; /* "orders", "ORD-1"; "" after a closing slash */
    size_t query_count;
    struct http_pair query[HTTP_QUERY_MAX];
};

/* A row of a route table, its path split. */
struct http_route {
    const struct tern_http_route *row; /* the program's */
    void *self;                        /* of its handler */
    char *memory;                      /* of the segments; owned */
    size_t segment_count;
    const char *segments[HTTP_SEGMENTS_MAX]; /* "orders", "{orderId}" */
};

/* The token of the admin routes, which may be replaced while the server runs. */
struct http_admin {
    pthread_mutex_t lock; /* guards the token */
    char *token;          /* "": there is none, and the routes are closed */
};

/* What the validator knows of its server; constant once it runs, except the token of `admin`. */
struct http_rules {
    struct http_route *routes; /* owned */
    size_t route_count;
    struct http_admin *admin; /* the server's */
    struct tern_ids *ids;     /* the program's */
};

/* How the head announces the body. */
enum http_body_kind { HTTP_BODY_NONE, HTTP_BODY_LENGTH, HTTP_BODY_CHUNKED };

struct tern_http_request {
    /* the address that the client has connected to; "" unless the target is in absolute-form */
    char own_address[TERN_HTTP_PEER_SIZE];
    uint16_t own_port; /* that the client has connected to */

    /* as received; headers live in libmicrohttpd's memory until the request is over */
    const char *method, *version;
    struct http_target target;
    size_t header_count;
    struct http_pair headers[HTTP_HEADERS_MAX];
    bool headers_cut;   /* there were more */
    bool sloppy_layout; /* the head holds bytes between its lines: bare LF, folded lines, NUL */
    enum http_body_kind body_kind;
    uint64_t body_announced;                 /* Content-Length */
    struct tern_text body;                   /* as far as it has arrived; owned */
    char key[TERN_HTTP_KEY_SIZE];            /* the Idempotency-Key of a route that honours one; "" */
    char request_id[HTTP_REQUEST_ID_SIZE];   /* the client's, or a new one */
    char traceparent[TERN_TRACEPARENT_SIZE]; /* a new span of the client's trace, or of a new one */

    /* its result */
    const struct http_route *route; /* the row of method and path; NULL: none */
    const char *pattern;            /* its path, for the metrics; "unmatched" */
    struct tern_http_answer answer; /* its texts are owned */
    bool refused;                   /* answered without a handler */
    bool closing;                   /* the connection ends with this answer: the rest cannot be trusted, or is unread */
    size_t swallowed;               /* bytes of an unwanted body, read and dropped */

    /* its progress */
    char *raw_target;            /* NULL: the request line was not read; owned */
    bool head_done;              /* the first call of libmicrohttpd is over: what follows is body */
    int64_t started_ns, ends_ms; /* monotonic begin; steady deadline */
};

/* ---- http_request.c ---- */

/* Frees what a request has taken, and zeroes it for the next one. */
void tern_http_request_reset(struct tern_http_request *request);
/* The value of the first pair with that name, or NULL. */
const char *tern_http_find(const struct http_pair *pairs, size_t count, const char *name, bool any_case);

/* ---- http_target.c ---- */

/* Parses the raw target. On an error `target` is empty. */
int tern_http_target_parse(const char *raw, struct http_target *target, struct tern_error *err);
void tern_http_target_fini(struct http_target *target);

/* ---- http_routes.c ---- */

/* Splits the paths of the tables, which must outlive the rules. */
void tern_http_routes_compile(struct http_rules *rules, const struct tern_http_routes *tables, size_t table_count);
void tern_http_routes_fini(struct http_rules *rules);
/* Finds the row for the request's method and path. False: refused with 404 or 405, or answered as OPTIONS. */
bool tern_http_routes_choose(const struct http_rules *rules, struct tern_http_request *request);

/* ---- http_admin.c ---- */

/* NULL counts as "". */
void tern_http_admin_init(struct http_admin *admin, const char *token);
void tern_http_admin_fini(struct http_admin *admin);
/* Returns whether the new token differs from the old one. */
bool tern_http_admin_replace(struct http_admin *admin, const char *token);
/* The rule for TERN_HTTP_ADMIN. False: refused with 401 or 403. */
bool tern_http_admin_allowed(struct http_admin *admin, struct tern_http_request *request);

/* ---- http_address.c ---- */

/* Whether an authority ("host" or "host:port"; default 80) names this address and port. */
bool tern_http_authority_is_own(const char *authority, const char *address, uint16_t port);
/* Whether two authorities name the same host and port. */
bool tern_http_authority_same(const char *one, const char *other);
/* The socket address of numbers or "localhost". Returns 0, or -1 with a sentence. */
int tern_http_address_read(const char *address, uint16_t port, struct sockaddr_storage *ret_storage,
                           socklen_t *ret_length, struct tern_error *err);
/* Returns a listening socket and its port (0 asks for any free one), or -1. */
int tern_http_address_listen(const char *address, uint16_t port, uint16_t *ret_port, struct tern_error *err);

/* ---- http_validator.c ---- */

/* Checks everything that the head alone decides. False: refused (or OPTIONS answered); with `closing` the answer must
 * be sent at once. */
bool tern_http_validate(const struct http_rules *rules, struct tern_http_request *request);
/* The value of an Idempotency-Key header: an RFC 8941 string or the bare characters, 1 to 255 visible ASCII ones.
 * Returns 0, or -1 when it is not one. */
int tern_http_key_read(const char *header, char ret_key[TERN_HTTP_KEY_SIZE]);

/* ---- http_answer.c ---- */

/* Sets the problem and marks the request as refused. Always returns false. */
bool tern_http_refuse(struct tern_http_request *request, int status, const char *title, const char *detail_format, ...)
    TERN_PRINTF(4, 5);
/* Adds requestId, traceId and instance to a problem. */
void tern_http_answer_complete(const struct tern_http_request *request, struct tern_http_answer *answer);

/* ---- http_sweeper.c: ends connections that are over their deadline ---- */

/* One per connection of a client; made and freed by http.c, on the list while its descriptor is open. */
struct http_connection {
    struct http_connection *before, *after;     /* in the list of the sweeper */
    int fd;                                     /* libmicrohttpd's */
    unsigned char address[HTTP_ADDRESS_KEY];    /* of the client: tern_http_address_key */
    bool leaving;                               /* under the mutex: it was ended to make room for another */
    atomic_bool in_request;                     /* between request line and end of answer */
    _Atomic int64_t idle_since_ms, deadline_ms; /* steady time */
    atomic_bool busy;                           /* between head and end of answer */
    size_t large_bytes;                         /* of its answer, while a large one is being sent */
    struct tern_http_request request;
};

struct http_sweeper {
    struct tern_sync sync; /* guards the list, `stopping` and what was refused */
    pthread_t thread;
    struct http_connection *first; /* the newest */
    const struct tern_clock *clock;
    int tick_ms;   /* between two checks */
    bool stopping; /* the thread is to end */

    /* refused connections that are not reported yet, and the address of the last one */
    uint64_t refused;
    unsigned char refused_last[HTTP_ADDRESS_KEY];
    int64_t reported_ms;       /* steady time; 0: never */
    tern_http_refused *report; /* the program's, with `self`; may be NULL */
    void *self;
};

/* `report` may be NULL. */
int tern_http_sweeper_start(struct http_sweeper *sweeper, const struct tern_clock *clock, int tick_ms,
                            tern_http_refused *report, void *self, struct tern_error *err);
void tern_http_sweeper_stop(struct http_sweeper *sweeper);
/* Around the life of a connection's descriptor. */
void tern_http_sweeper_add(struct http_sweeper *sweeper, struct http_connection *connection);
void tern_http_sweeper_remove(struct http_sweeper *sweeper, struct http_connection *connection);
/* Ends the connections that wait for a next request. */
void tern_http_sweeper_release_idle(struct http_sweeper *sweeper);

/* ---- http_admission.c: the limits of connections ---- */

/* Of open connections. */
struct http_limits {
    unsigned all, per_address;
};

enum http_admission { HTTP_ADMITTED, HTTP_REPLACES, HTTP_REFUSED_ADDRESS, HTTP_REFUSED_TOTAL };

/* Whether a connection from that address is admitted; at a limit, an idle one is ended in its favour. */
enum http_admission tern_http_admit(struct http_sweeper *sweeper, const struct http_limits *limits,
                                    const struct sockaddr *address);
/* The address without the port; IPv4 as IPv4-mapped IPv6 (RFC 4291, section 2.5.5.2). */
void tern_http_address_key(const struct sockaddr *address, unsigned char key[HTTP_ADDRESS_KEY]);
void tern_http_address_print(const unsigned char key[HTTP_ADDRESS_KEY], char text[TERN_HTTP_PEER_SIZE]);

#endif
