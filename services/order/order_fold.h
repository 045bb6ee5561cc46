/* order_fold.h - the projections of order-service: which read models are folded from its event log. */
#ifndef ORDER_ORDER_FOLD_H
#define ORDER_ORDER_FOLD_H

#include "tern/projection.h"

/* For struct tern_service: one row for each, in the order in which they are rebuilt. */
extern const struct tern_projection order_projections[];

/* The rows: `orders` with `order_products` (order_fold.c), the figures of GET /stats (order_stats.c). */
int order_fold_event(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err);
int order_fold_write(const struct tern_fold *fold, bool all, struct tern_error *err);
void order_fold_fini(void *state);

#endif
