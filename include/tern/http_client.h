/* tern/http_client.h - asks others over HTTP: many slow calls at a time, on one thread, each with a deadline.
 *
 * A call is handed over and comes back through `done`, on the client's thread; whoever asked waits for nothing. Every
 * call ends: with an answer, or with a sentence that says why there is none (time-out, refused, reset, too large,
 * stopped). Only http and https, redirects are not followed, no proxy, no cookies, certificates and names are verified.
 * Connections are kept; a request whose kept connection turns out to be dead is sent once more on a new one, so what is
 * asked must bear being asked twice. The process must ignore SIGPIPE. */
#ifndef TERN_HTTP_CLIENT_H
#define TERN_HTTP_CLIENT_H

#include "tern/error.h"

struct tern_http_client;

struct tern_http_client_settings {
    int connect_timeout_ms, timeout_ms; /* of one call; the second holds for all of it */
    size_t most_bytes;                  /* of an answer's body; a longer one counts as none */
    unsigned most_calls;                /* under way or waiting to begin */
    const char *ca_file;                /* certificates to trust; NULL or "": the system's */
};

/* What is asked. Copied; nothing has to outlive tern_http_client_send. */
struct tern_http_call {
    const char *method; /* "GET" or "POST" */
    const char *url;
    const char *const *headers; /* "Name: value", NULL-terminated; no line breaks in them */
    const char *body;           /* of a POST */
};

struct tern_http_reply {
    int status;       /* 0: no usable answer, `error` says why */
    const char *body; /* `length` bytes and a NUL behind them; not NULL */
    size_t length;
    struct tern_error error;
};

/* On the client's thread (or the one that destroys it), once per call; it must be brief. `reply` lives as long as it
 * runs. */
typedef void tern_http_done(void *owner, const struct tern_http_reply *reply);

int tern_http_client_create(const struct tern_http_client_settings *settings, struct tern_http_client **ret_client,
                            struct tern_error *err);
/* Ends every call that is left, with status 0. NULL is fine. */
void tern_http_client_destroy(struct tern_http_client *client);
/* Any thread. 0, or -1 when as many calls as are allowed are under way; `done` is then never called. */
int tern_http_client_send(struct tern_http_client *client, const struct tern_http_call *call, tern_http_done *done,
                          void *owner, struct tern_error *err);

/* The file of certificates is read again for the next connection (otherwise once a day). Any thread. */
void tern_http_client_read_certificates(struct tern_http_client *client);

/* Whether it is a URL that can be asked: http or https, a host, no user, no query, no fragment. Sets *ret_exposed
 * when what is sent could be read on the way: plain http to another machine. */
int tern_http_client_check_url(const char *url, bool *ret_exposed, struct tern_error *err);
/* "libcurl 7.88.1". */
const char *tern_http_client_version(void);

#endif
