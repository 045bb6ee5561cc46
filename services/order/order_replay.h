/* order_replay.h - an order folded from its stream: what its row must be. Any connection; logs nothing.
 *
 * For tests, the simulation and whoever has to rebuild `orders`: the daemon itself reads rows. */
#ifndef ORDER_ORDER_REPLAY_H
#define ORDER_ORDER_REPLAY_H

#include "order.h"
#include "tern/db.h"

/* Folds the stream of `order_id` up to `through_version` (negative: all of it). 1 with the order, which the caller
 * gives back with order_fini; 0 when there is no stream; -1 with `err`. */
int order_replay(struct tern_db *db, const char *order_id, int64_t through_version, struct order_state *ret_order,
                 struct tern_error *err);

#endif
