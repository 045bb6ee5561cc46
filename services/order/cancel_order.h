/* cancel_order.h - POST /orders/{orderId}/cancel from the inside: the command, for tests without a server. */
#ifndef ORDER_CANCEL_ORDER_H
#define ORDER_CANCEL_ORDER_H

#include "order.h"
#include "tern/service.h"

enum cancel_order_result {
    CANCEL_ORDER_ACCEPTED, /* it is being cancelled, or was already */
    CANCEL_ORDER_UNKNOWN,
    CANCEL_ORDER_OTHER_VERSION, /* If-Match names another one */
    CANCEL_ORDER_TOO_LATE       /* nothing is left to cancel */
};

struct cancel_request {
    char reason[SHOP_TEXT_SIZE]; /* the customer's own words, or "" */
};

struct cancel_order {
    const char *order_id; /* the request's */
    struct cancel_request asked;
    const char *if_match; /* the request's If-Match; NULL: any version */
    enum cancel_order_result result;
    enum order_status status; /* unless UNKNOWN: of the order now */
    int64_t version;          /* unless UNKNOWN: of the order now */
};

/* Reads the optional body {reason?}. Returns 0; or -1 with faults, or with none and `err` when it is no JSON. */
int cancel_order_read(const char *body, size_t length, struct cancel_request *ret_request,
                      struct tern_schema_faults *faults, struct tern_error *err);

/* The command, for the writer's thread. */
tern_command cancel_order_run;
void cancel_order_answer(const void *argument, struct tern_http_answer *answer);

#endif
