/* http_peer.h - somebody who is asked over HTTP, played by a test: notes each request and does what the play says.
 *
 * One thread, a free port on 127.0.0.1, connections that stay open; the n-th request gets the n-th step, and every one
 * after the last step the last step. */
#ifndef TERN_TEST_HTTP_PEER_H
#define TERN_TEST_HTTP_PEER_H

#include <stddef.h>
#include <stdint.h>

enum http_peer_act {
    PEER_ANSWERS, /* `status` with `text` as its body */
    PEER_SENDS,   /* `text` as it stands */
    PEER_RESETS,  /* the connection */
    PEER_KEEPS_SILENT
};

struct http_peer_step {
    enum http_peer_act act;
    int status;
    const char *text;
};

struct http_peer;

struct http_peer *http_peer_start(void);
void http_peer_stop(struct http_peer *peer);
uint16_t http_peer_port(const struct http_peer *peer);

/* Forgets the requests, and from now on plays these steps (they stay the caller's). */
void http_peer_play(struct http_peer *peer, const struct http_peer_step *steps, size_t count);
/* Nobody is answered before this many requests wait; then everybody is. */
void http_peer_gather(struct http_peer *peer, int requests);

/* Requests since the play began, and connections ever. */
int http_peer_requests(struct http_peer *peer);
int http_peer_connections(struct http_peer *peer);
/* The index-th request, head and body; "" when there was none, or when it was too far back (the first 64 are kept). */
void http_peer_request(struct http_peer *peer, int index, char *ret_text, size_t size);

#endif
