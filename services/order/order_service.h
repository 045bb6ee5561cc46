/* order_service.h - order-service as one value: what main.c runs and tests start in their own process; and its
 * state. */
#ifndef ORDER_ORDER_SERVICE_H
#define ORDER_ORDER_SERVICE_H

#include "tern/service.h"

extern const struct tern_service order_service;

/* The service's own state (ctx->self). Writer's thread only. */
struct order_service_state {
    int64_t waiting;     /* orders that wait for an answer */
    int64_t nudge_ms;    /* ORDER_NUDGE_S: pause before an answer that is awaited is asked for again */
    int64_t deadline_ms; /* ORDER_DEADLINE_S: time online after which an order stops waiting */
};

#endif
