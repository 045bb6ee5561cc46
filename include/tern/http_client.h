/* tern/http_client.h - an HTTP client: many slow calls at a time, on one thread, each with a deadline.
 *
 * A call returns at once, and its result comes through `done`, on the client's thread. Every call ends: with an answer,
 * or with a sentence that says why there is none (time-out, refused, reset, too large, stopped). Only http and https;
 * no redirects, proxy or cookies; certificates and names are verified (libcurl). Connections are reused; a request
 * whose reused connection turns out to be closed is sent again on a new one, so requests must be idempotent. The
 * process must ignore SIGPIPE. */
#ifndef TERN_HTTP_CLIENT_H
#define TERN_HTTP_CLIENT_H

#include "tern/error.h"

struct tern_http_client;

struct tern_http_client_settings {
    int connect_timeout_ms, timeout_ms; /* of one call: until connected; altogether */
    size_t most_bytes;                  /* of a body; a longer answer counts as none */
    unsigned most_calls;                /* under way or waiting */
    const char *ca_file;                /* trusted certificates (PEM); NULL or "": the system's */
};

/* A request. tern_http_client_send copies everything. */
struct tern_http_call {
    const char *method;         /* "GET" or "POST" */
    const char *url;            /* http or https */
    const char *const *headers; /* "Name: value", NULL-terminated; no line breaks in them */
    const char *body;           /* of a POST */
};

struct tern_http_reply {
    int status;       /* 0: no usable answer, and `error` says why */
    const char *body; /* `length` bytes and a NUL behind them; not NULL */
    size_t length;
    struct tern_error error;
};

/* Called once per call, on the client's thread or the one that destroys the client; it must not block. `reply` lives as
 * long as it runs. */
typedef void tern_http_done(void *owner, const struct tern_http_reply *reply);

int tern_http_client_create(const struct tern_http_client_settings *settings, struct tern_http_client **ret_client,
                            struct tern_error *err);
/* Ends every open call with status 0. NULL is fine. */
void tern_http_client_destroy(struct tern_http_client *client);
/* Any thread. Returns 0, or -1 when `most_calls` are open; `done` is then never called. */
int tern_http_client_send(struct tern_http_client *client, const struct tern_http_call *call, tern_http_done *done,
                          void *owner, struct tern_error *err);

/* Reads the file of certificates again for the next connection (otherwise once a day). Any thread. */
void tern_http_client_read_certificates(struct tern_http_client *client);

/* Whether the client can use the URL: http or https, a host, no user, no query, no fragment. *ret_exposed: it is plain
 * http to another machine, which the network can read. */
int tern_http_client_check_url(const char *url, bool *ret_exposed, struct tern_error *err);
/* "libcurl 7.88.1". */
const char *tern_http_client_version(void);

#endif
