/* order_store.h - orders as they are now, one row each; and the products as inventory-service published them last.
 *
 * Reading calls run on any connection; writing ones on the writer's, inside its transaction. An order that was read is
 * the caller's: order_fini. Only what order_apply has made is written. All return -1 with `err` when the store fails.
 * Logs nothing. */
#ifndef ORDER_ORDER_STORE_H
#define ORDER_ORDER_STORE_H

#include "order.h"
#include "tern/db.h"

/* A new order. 0, or -1. */
int order_store_insert(struct tern_db *db, const struct order_state *order, struct tern_error *err);
/* Writes what can change after an order was placed; the order was loaded in the same transaction. 0, or -1. */
int order_store_update(struct tern_db *db, const struct order_state *order, struct tern_error *err);
/* 1 with the order, 0 when there is none, -1; a row that no order can have is -1 as well. */
int order_store_load(struct tern_db *db, const char *order_id, struct order_state *ret_order, struct tern_error *err);
/* Visits the newest `limit` orders, newest first. `order` is valid during the visit only. A visit returns 0 to go on,
 * or -1 with `err`. 0, or -1. */
typedef int order_store_visitor(void *self, const struct order_state *order, struct tern_error *err);
int order_store_newest(struct tern_db *db, int64_t limit, order_store_visitor *visit, void *self,
                       struct tern_error *err);
/* Visits each order that waits for an answer, in any order. A visit returns 0 to go on, or -1 with `err`; it may write
 * to other tables. Reads every row of `orders`: for the start of the service only. 0, or -1. */
typedef int order_store_id_visitor(void *self, const char *order_id, struct tern_error *err);
int order_store_each_waiting(struct tern_db *db, order_store_id_visitor *visit, void *self, struct tern_error *err);

/* Stores a product as `updated` has it, unless the row is newer (by updated_at_ms, then by the event's id, which
 * ascends). The read model of products; placing an order does not ask it. 1 when it was stored, 0 when it was old,
 * -1. */
int order_store_keep_product(struct tern_db *db, const struct shop_inventory_updated *updated, const char *event_id,
                             struct tern_error *err);

#endif
