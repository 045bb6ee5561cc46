/* order_replay.h - an order folded from its stream: as it is, and as it was. Any connection; logs nothing.
 *
 * The daemon shows the past with it; tests and the simulation compare the present with the row of `orders`. */
#ifndef ORDER_ORDER_REPLAY_H
#define ORDER_ORDER_REPLAY_H

#include "order.h"
#include "tern/projection.h"

/* Room for the payload of any event of a stream. */
union order_payload {
    char order_id[TERN_ID_SIZE]; /* each of them begins with it */
    struct shop_order_placed order_placed;
    struct shop_order_updated order_updated;
    struct shop_order_cancelled order_cancelled;
    struct shop_payment_processed payment_processed;
    struct shop_payment_failed payment_failed;
    struct shop_payment_refunded payment_refunded;
    struct shop_payment_voided payment_voided;
    struct shop_inventory_reserved inventory_reserved;
    struct shop_inventory_released inventory_released;
    struct shop_product_out_of_stock product_out_of_stock;
};

/* Reads an event of the log as the change that order_apply takes. The change points into `event` and `ret_payload`. 0,
 * or -1 with `err`. */
int order_read_change(const struct tern_fold_event *event, union order_payload *ret_payload,
                      struct order_change *ret_change, struct tern_error *err);

/* Where the fold ends: before the first event that is beyond either. */
struct order_bound {
    int64_t version; /* of the last event */
    int64_t at_ms;   /* UTC milliseconds, inclusive; compared with updatedAt as the event leaves it */
};
#define ORDER_AS_IT_IS ((struct order_bound){.version = INT64_MAX, .at_ms = INT64_MAX})

/* One step of the fold: an event, and the order after it. Both are valid during the call. 0, or -1 with `err`. */
typedef int order_step(void *self, const struct tern_event *event, const struct order_state *after,
                       struct tern_error *err);

/* Folds the stream of `order_id` up to `bound`, and calls `step` (may be NULL) after each event. 1 with the order,
 * which the caller gives back with order_fini; 0 when no event is within the bound; -1 with `err`. */
int order_replay(struct tern_db *db, const char *order_id, struct order_bound bound, order_step *step, void *self,
                 struct order_state *ret_order, struct tern_error *err);

#endif
