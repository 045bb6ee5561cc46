/* order_metrics.h - what order-service counts besides what every service counts.
 *
 * Each call belongs to a unit of work, on the writer's thread, and is the last thing that the unit does: what is undone
 * must not be counted. */
#ifndef ORDER_ORDER_METRICS_H
#define ORDER_ORDER_METRICS_H

#include "order.h"
#include "tern/context.h"

/* NULL-terminated, for struct tern_service. */
extern const struct tern_metric *const order_metrics[];

/* An order was placed. */
void order_metrics_placed(struct tern_context *ctx);
/* An order took an input in the status `from`; its status may be another one now. */
void order_metrics_moved(struct tern_context *ctx, enum order_status from, const struct order_state *order);
/* The question of an order that waits in this status was republished. */
void order_metrics_nudged(struct tern_context *ctx, enum order_status status);
/* An order that waited in this status has reached its deadline. */
void order_metrics_gave_up(struct tern_context *ctx, enum order_status status);
/* An event of this type contradicts what is known of its order. */
void order_metrics_contradicted(struct tern_context *ctx, const char *type);
/* Shows the gauge of orders in progress; for the start. */
void order_metrics_show(struct tern_context *ctx);

#endif
