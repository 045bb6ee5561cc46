/* order_metrics.h - what order-service counts besides what every service counts. */
#ifndef ORDER_ORDER_METRICS_H
#define ORDER_ORDER_METRICS_H

#include "order.h"
#include "order_watch.h"
#include "tern/metrics.h"

/* NULL-terminated, for struct tern_service. */
extern const struct tern_metric *const order_metrics[];

/* The service's own state, on the writer's thread only. */
struct order_progress {
    int64_t waiting; /* orders that wait for something */
    struct order_patience patience;
};

/* An order was placed, or went from `from` to its present status. Called last in a unit of work, so that what was
 * undone is not counted. `progress` (ctx->self) may be NULL. */
void order_metrics_placed(struct tern_metrics *metrics, struct order_progress *progress);
void order_metrics_moved(struct tern_metrics *metrics, struct order_progress *progress, enum order_status from,
                         const struct order_state *order, int64_t now_ms);
/* An order that waits in this status was asked about again; or was given up. */
void order_metrics_asked(struct tern_metrics *metrics, enum order_status status);
void order_metrics_gave_up(struct tern_metrics *metrics, enum order_status status);
/* An event of this type contradicts what is known of its order. */
void order_metrics_contradicted(struct tern_metrics *metrics, const char *type);
/* Shows the gauge as it is; for the start. */
void order_metrics_show(struct tern_metrics *metrics, const struct order_progress *progress);

#endif
