/* parked_request.h - what a request to the admin calls of deferred messages asks for. */
#ifndef TERN_SERVICE_PARKED_REQUEST_H
#define TERN_SERVICE_PARKED_REQUEST_H

#include "common/inbox/parked.h"
#include "tern/http.h"
#include "tern/text.h"

enum { TERN_PARKED_WORD_SIZE = 65 }; /* bytes of a word in the body, NUL included */

/* A page of the list, from the query; the filter's words are the request's. */
struct tern_parked_page {
    struct tern_parked_filter filter;
    int64_t behind; /* the cursor: rows after this position; 0: from the oldest on */
    int64_t limit;  /* rows */
};
/* The arguments of the list, NULL-terminated. */
extern const char *const tern_parked_query[];
/* Fills a zeroed page. False: answered with 400. */
bool tern_parked_read_page(const struct tern_http_request *request, int64_t now_ms, struct tern_parked_page *ret_page,
                           struct tern_http_answer *answer);

/* The body of POST /admin/parked/retry; every member is optional: "" and 0 when it is not given. */
struct tern_parked_body {
    char type[TERN_PARKED_WORD_SIZE], subject[TERN_PARKED_WORD_SIZE], reason[TERN_PARKED_WORD_SIZE];
    char older_than[TERN_PARKED_WORD_SIZE], newer_than[TERN_PARKED_WORD_SIZE]; /* times or ages */
    int64_t limit;
};
/* Which messages are to be tried again, from the body. */
struct tern_parked_many {
    struct tern_parked_body body;
    struct tern_parked_filter filter; /* its words lie in `body` */
    int limit;                        /* messages, at most */
    struct tern_text asked;           /* the body in one spelling, for the Idempotency-Key; the caller frees it */
};
/* Fills a zeroed struct; no body means an empty filter. False: answered with 400, and there is nothing to free. */
bool tern_parked_read_many(const struct tern_http_request *request, int64_t now_ms, struct tern_parked_many *many,
                           struct tern_http_answer *answer);

#endif
