/* order_watch.h - the timer of an order that waits: asks again for the answer, and at last stops waiting.
 *
 * One durable timer per waiting order, set when it begins to wait and removed when it stops waiting. Time is measured
 * as the time that the service was connected to the broker (ctx->online_ms): the due time, which is wall time, only
 * fires the timer, and a timer that has fired too early is set again. Inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_WATCH_H
#define ORDER_ORDER_WATCH_H

#include "order.h"
#include "tern/context.h"
#include "tern/service.h"

extern const struct tern_timer_kind order_timers[];

/* The order begins to wait, in its present status. 0, or -1 with `err`. */
int order_watch_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* The order has stopped waiting. 0, or -1 with `err`. */
int order_watch_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* At the start: counts the orders that wait into the service's state, gives a timer to each that has none (an older
 * version had none), and sets no timer later than the longest pause (the wall clock may have been set back). */
int order_watch_prepare(struct tern_context *ctx, struct tern_error *err);

#endif
