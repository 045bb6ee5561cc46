/* order_store.h - orders as they are now: one row each, read and written whole.
 *
 * Writing calls run on the writer's connection inside its transaction; reading ones on any connection. The caller gives
 * an order that was read back with order_fini. Only what order_apply has made is written. Logs nothing. */
#ifndef ORDER_ORDER_STORE_H
#define ORDER_ORDER_STORE_H

#include "order.h"
#include "tern/db.h"

int order_store_insert(struct tern_db *db, const struct order_state *order, struct tern_error *err);
/* Writes what can change after an order was placed. 0, or -1. */
int order_store_update(struct tern_db *db, const struct order_state *order, struct tern_error *err);
/* 1 with the order, 0 when there is none, -1. */
int order_store_load(struct tern_db *db, const char *order_id, struct order_state *ret_order, struct tern_error *err);
/* Calls `visit` for each of the newest `limit` orders, newest first. It returns 0 to go on, or -1 with `err`. */
typedef int order_store_visitor(void *self, const struct order_state *order, struct tern_error *err);
int order_store_newest(struct tern_db *db, int64_t limit, order_store_visitor *visit, void *self,
                       struct tern_error *err);
/* Calls `visit` for each order that waits for an answer, in any order. It returns 0 to go on, or -1 with `err`; it may
 * write to other tables. Reads every row of `orders`: for the start of the service. */
typedef int order_store_id_visitor(void *self, const char *order_id, struct tern_error *err);
int order_store_each_waiting(struct tern_db *db, order_store_id_visitor *visit, void *self, struct tern_error *err);

#endif
