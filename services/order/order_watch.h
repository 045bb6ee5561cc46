/* order_watch.h - watches the orders that wait: nudges late answers, and ends the wait at the deadline.
 *
 * Runs inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_WATCH_H
#define ORDER_ORDER_WATCH_H

#include "tern/service.h"

extern const struct tern_timer_kind order_timers[]; /* for struct tern_service */

/* At the start: counts the waiting orders into the service's state and their gauge, gives a timer to each that has none
 * (orders of an older version), and pulls timers in that are due later than the longest pause (the wall clock may have
 * been set back). 0, or -1 with `err`. */
int order_watch_prepare(struct tern_context *ctx, struct tern_error *err);

#endif
