/* http_server.h - the server behind the routes of tern/http.h, and the probe of --healthcheck. */
#ifndef TERN_HTTP_HTTP_SERVER_H
#define TERN_HTTP_HTTP_SERVER_H

#include "tern/clock.h"
#include "tern/http.h"
#include "tern/id.h"
#include "tern/metrics.h"

struct tern_http_server;

/* Reports the number of connections refused since the last call, and the address of the last one: the first at once,
 * then once a minute at most. Called on a thread of the server, and may block. */
typedef void tern_http_refused(void *self, uint64_t connections, const char *peer);

struct tern_http_settings {
    const char *address;                          /* "127.0.0.1", "0.0.0.0", "::" */
    uint16_t port;                                /* 0 = any free one (tests) */
    const char *admin_token;                      /* "" = none: the admin routes are closed */
    unsigned connection_limit, per_address_limit; /* 0 = 512, 64 */
    int header_deadline_ms, request_deadline_ms;  /* 0 = 10 s, 30 s */
    const struct tern_clock *clock;               /* for deadlines */
    struct tern_ids *ids;                         /* for request ids and traces */
    struct tern_metrics *metrics;                 /* may be NULL */
    tern_http_refused *refused;                   /* may be NULL */
    void *self;                                   /* of `refused` */
};

/* One table, and the `self` of its handlers. The first row that matches method and path wins, table by table. */
struct tern_http_routes {
    const struct tern_http_route *table; /* ends with a NULL method */
    void *self;                          /* for every handler of the table */
};

/* Whether a server can bind to the address: numeric IPv4 or IPv6, or "localhost". */
int tern_http_check_address(const char *address, struct tern_error *err);
/* Starts serving; copies the settings, but `clock`, `ids`, `metrics` and the tables must outlive the server. 0 or
 * -1. */
int tern_http_start(const struct tern_http_settings *settings, const struct tern_http_routes *routes,
                    size_t route_tables, struct tern_http_server **ret_server, struct tern_error *err);
uint16_t tern_http_port(const struct tern_http_server *server);
/* Replaces the token, from the next request on. Returns whether it differs from the old one. Any thread. */
bool tern_http_replace_admin_token(struct tern_http_server *server, const char *token);
/* Stops accepting, waits `timeout_ms` at most for requests in flight, and for running handlers in any case, then
 * closes. NULL is fine. */
void tern_http_stop(struct tern_http_server *server, int timeout_ms);
/* One GET, for --healthcheck. Returns the status code, or -1. An address that means every interface is asked on
 * loopback. */
int tern_http_probe(const char *address, uint16_t port, const char *path, int timeout_ms, struct tern_error *err);
/* "libmicrohttpd 0.9.75". */
const char *tern_http_version(void);

#endif
