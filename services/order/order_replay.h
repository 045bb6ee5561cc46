/* order_replay.h - an order folded from its stream: as it is, and as it was. Any connection; logs nothing.
 *
 * The daemon shows the past with it; tests and the simulation compare the present with the row of `orders`. */
#ifndef ORDER_ORDER_REPLAY_H
#define ORDER_ORDER_REPLAY_H

#include "order.h"
#include "tern/db.h"

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
