/* order_watch.h - the timer of an order that waits: nudges late answers, and ends the wait at the deadline.
 *
 * One durable timer per waiting order, set when it begins to wait and removed when it stops. Patience is measured in
 * online time (ctx->online_ms), the time for which the service was connected to the broker. The due time of a timer is
 * wall time and only fires it; a timer that has fired early is set anew. All calls run inside a unit of work, on the
 * writer's thread. */
#ifndef ORDER_ORDER_WATCH_H
#define ORDER_ORDER_WATCH_H

#include "order.h"
#include "tern/context.h"
#include "tern/service.h"

extern const struct tern_timer_kind order_timers[]; /* for struct tern_service */

/* The order begins to wait, in its present status. 0, or -1 with `err`. */
int order_watch_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* The order has stopped waiting. 0, or -1 with `err`. */
int order_watch_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* At the start: counts the waiting orders into the service's state and their gauge, gives a timer to each that has none
 * (orders of an older version), and pulls timers in that are due later than the longest pause (the wall clock may have
 * been set back). 0, or -1 with `err`. */
int order_watch_prepare(struct tern_context *ctx, struct tern_error *err);

#endif
