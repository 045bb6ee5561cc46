/* order_service.h - order-service as one value: what main.c runs and tests start in their own process; and its
 * state. */
#ifndef ORDER_ORDER_SERVICE_H
#define ORDER_ORDER_SERVICE_H

#include "tern/service.h"

enum { ORDER_HANDLER_COUNT = 8 };

extern const struct tern_service order_service;
extern const struct tern_config_key order_config[];
extern const struct tern_handler order_handlers[ORDER_HANDLER_COUNT]; /* order_handlers.c */

/* The service's own state (ctx->self). Writer's thread only. */
struct order_service_state {
    int64_t waiting;     /* orders that wait for an answer; counted at the start, then kept (order_metrics.c) */
    int64_t nudge_ms;    /* ORDER_NUDGE_S: pause before the first nudge of a late answer */
    int64_t deadline_ms; /* ORDER_DEADLINE_S: online time after which an order stops waiting */
};

#endif
