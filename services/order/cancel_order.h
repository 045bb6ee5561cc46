/* cancel_order.h - the parts of POST /orders/{orderId}/cancel: read the body, run the command, write the answer.
 *
 * Split so that tests reach each part without a server. */
#ifndef ORDER_CANCEL_ORDER_H
#define ORDER_CANCEL_ORDER_H

#include "order.h"
#include "tern/service.h"

enum cancel_order_result {
    CANCEL_ORDER_ACCEPTED,      /* 202: it is being cancelled, or was before */
    CANCEL_ORDER_UNKNOWN,       /* 404 */
    CANCEL_ORDER_OTHER_VERSION, /* 412: If-Match names another version */
    CANCEL_ORDER_TOO_LATE       /* 409: the payment has failed, so nothing is left to cancel */
};

/* The body. */
struct cancel_request {
    char reason[SHOP_TEXT_SIZE]; /* the customer's own words, or "" */
};

/* The argument of cancel_order_run; members marked out are set by it. */
struct cancel_order {
    const char *order_id; /* owned by the request */
    struct cancel_request asked;
    const char *if_match;            /* the header If-Match, owned by the request; NULL: any version */
    enum cancel_order_result result; /* out */
    enum order_status status;        /* out: of the order now; unless UNKNOWN */
    int64_t version;                 /* out: of the order now; unless UNKNOWN */
};

/* Reads the optional body {reason?}. 0; or -1: with faults by JSON pointer, or without any when it is no JSON, and then
 * `err` says why. */
int cancel_order_read(const char *body, size_t length, struct cancel_request *ret_request,
                      struct tern_schema_faults *faults, struct tern_error *err);

/* The command, for the writer's thread. RETRY when the store failed. */
tern_command cancel_order_run;
/* The answer to what the command found. */
void cancel_order_answer(const void *argument, struct tern_http_answer *answer);

#endif
