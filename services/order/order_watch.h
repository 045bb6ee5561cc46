/* order_watch.h - the patience with an order that waits: asks again for the answer, and at last gives up.
 *
 * One durable timer per waiting order, set when it begins to wait and removed when it does not any more. It measures
 * with the time that the service was connected to the broker (ctx->online_ms): its own due time on the wall only wakes
 * it, and when it was woken too early it sets itself again. Inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_WATCH_H
#define ORDER_ORDER_WATCH_H

#include "order.h"
#include "tern/context.h"
#include "tern/service.h"

enum { ORDER_NUDGE_DEFAULT_S = 10, ORDER_DEADLINE_DEFAULT_S = 900 };

/* From the settings; part of the service's own state. 0 means the default. */
struct order_patience {
    int64_t nudge_ms, deadline_ms;
};

extern const struct tern_timer_kind order_timers[];

/* The order begins to wait, now in its present status. */
int order_watch_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* It waits no longer. */
int order_watch_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* At the start: every order that waits has its timer, and none is set further ahead than any patience is long (the wall
 * clock may have been put back meanwhile). */
int order_watch_prepare(struct tern_context *ctx, struct tern_error *err);

#endif
