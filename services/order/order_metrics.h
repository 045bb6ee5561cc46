/* order_metrics.h - the metrics of order-service, besides those of every service.
 *
 * Counting belongs to a unit of work, on the writer's thread, after what is counted has been written: what is undone
 * should not be counted. */
#ifndef ORDER_ORDER_METRICS_H
#define ORDER_ORDER_METRICS_H

#include "order.h"
#include "tern/context.h"

/* NULL-terminated, for struct tern_service. */
extern const struct tern_metric *const order_metrics[];

/* Counted where it happens, with the label in brackets. */
extern const struct tern_metric order_nudges_total;         /* [status] the question of a waiting order was nudged */
extern const struct tern_metric order_deadlines_total;      /* [status] a waiting order has reached its deadline */
extern const struct tern_metric order_contradictions_total; /* [type] an event contradicts what is known of its order */

/* An order was placed. */
void order_metrics_placed(struct tern_context *ctx);
/* An order in the status `from` took an input; its status may be another one now. */
void order_metrics_moved(struct tern_context *ctx, enum order_status from, const struct order_state *order);
/* Sets the gauge of orders in progress from the service's state; for the start. */
void order_metrics_show(struct tern_context *ctx);

#endif
