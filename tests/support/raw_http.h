/* raw_http.h - an HTTP client that sends exactly the bytes a test wants, sound or not, and reads whole answers. */
#ifndef TERN_TEST_RAW_HTTP_H
#define TERN_TEST_RAW_HTTP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct raw_answer {
    int status;    /* 0: the connection ended, or nothing came within ten seconds */
    char *text;    /* head and body, NUL-terminated; raw_answer_fini frees it */
    char *body;    /* inside text */
    size_t length; /* of the body */
};

/* A connection to 127.0.0.1 (raw_http_open_at: to any address); a failure ends the test. */
int raw_http_open(uint16_t port);
int raw_http_open_at(const char *address, uint16_t port);
/* False when the other side has closed. */
bool raw_http_send(int fd, const void *bytes, size_t length);
bool raw_http_send_text(int fd, const char *text);
/* One answer, by its Content-Length; `bodiless` for answers to HEAD. 100 Continue is an answer of its own. */
void raw_http_read(int fd, bool bodiless, struct raw_answer *answer);
/* Whether the other side ends the connection within `timeout_ms`; what it still sends is read and forgotten. */
bool raw_http_ends(int fd, int timeout_ms);
/* The header's value up to the end of its line ("" when there is none); valid until the next call on this thread. */
const char *raw_answer_header(const struct raw_answer *answer, const char *name);
void raw_answer_fini(struct raw_answer *answer);

/* Connection, text sent, answer read, connection closed. */
void raw_http_ask(uint16_t port, const char *text, struct raw_answer *answer);

#endif
