/* order_store.h - orders as they are now, one row each; and the products as inventory-service published them last.
 *
 * The service works on the live side; a rebuild of the projection "orders" (order_fold.h) fills the other one.
 * Reading calls run on any connection; writing ones on the writer's, inside its transaction. An order that was read is
 * the caller's: order_fini. Only what order_apply has made is written. All return -1 with `err` when the store fails.
 * Logs nothing. */
#ifndef ORDER_ORDER_STORE_H
#define ORDER_ORDER_STORE_H

#include "order.h"
#include "tern/db.h"
#include "tern/projection.h"

/* A new order, and for the lists by product the products of its lines. 0, or -1. */
int order_store_insert(struct tern_db *db, enum tern_side side, const struct order_state *order,
                       const struct shop_line *lines, size_t line_count, struct tern_error *err);
/* Writes what can change after an order was placed; the order was loaded in the same transaction. 0, or -1. */
int order_store_update(struct tern_db *db, enum tern_side side, const struct order_state *order,
                       struct tern_error *err);
/* 1 with the order, 0 when there is none, -1; a row that no order can have is -1 as well. */
int order_store_load(struct tern_db *db, enum tern_side side, const char *order_id, struct order_state *ret_order,
                     struct tern_error *err);

/* ---- lists ---- */

/* Which orders: those that pass all that is given. */
struct order_filter {
    const char *customer_id, *product_id; /* NULL: any */
    enum order_status status;             /* ORDER_STATUS_COUNT: any */
    enum saga_wait waits_for;             /* SAGA_WAIT_COUNT: any */
    int64_t after_ms, before_ms;          /* placed later and earlier than these, UTC milliseconds; 0, INT64_MAX: any */
};
/* The place of an order in a list, which never changes: orders that arrive move no page. */
struct order_place {
    int64_t created_at_ms; /* UTC milliseconds */
    char order_id[TERN_ID_SIZE];
};
/* A page. */
struct order_page {
    struct order_place behind; /* the page begins behind it; INT64_MAX: with the newest */
    int64_t limit;             /* orders, at most */
    bool more;                 /* filled: the list goes on behind `behind`, which is the last order that was read */
};
/* `order` is valid during the visit only. 0 to go on, or -1 with `err`. */
typedef int order_store_visitor(void *self, const struct order_state *order, struct tern_error *err);
/* Visits the orders of a page, newest first, and moves page->behind. It reads so many rows at most that a page takes
 * a few milliseconds whatever is filtered: then it may have fewer orders than its limit, and `more`. 0, or -1. */
int order_store_list(struct tern_db *db, const struct order_filter *filter, struct order_page *page,
                     order_store_visitor *visit, void *self, struct tern_error *err);
/* Visits each order that waits for an answer, in any order. A visit returns 0 to go on, or -1 with `err`; it may write
 * to other tables. Reads every row of `orders`: for the start of the service only. 0, or -1. */
typedef int order_store_id_visitor(void *self, const char *order_id, struct tern_error *err);
int order_store_each_waiting(struct tern_db *db, order_store_id_visitor *visit, void *self, struct tern_error *err);

/* ---- products ---- */

struct order_product {
    const char *product_id, *name;
    int64_t quantity;      /* free to promise */
    int64_t updated_at_ms; /* UTC milliseconds, of inventory's clock */
    int64_t price_minor;   /* of one unit; 0: not known */
    const char *currency;  /* of the price; "" when it is not known */
};
/* Visits every product, by id. 0, or -1. */
typedef void order_product_visitor(void *self, const struct order_product *product);
int order_store_each_product(struct tern_db *db, order_product_visitor *visit, void *self, struct tern_error *err);
/* The price of a product: 1 with it, 0 when the product or its price is not known, -1. */
int order_store_price(struct tern_db *db, const char *product_id, int64_t *ret_price_minor,
                      char ret_currency[TERN_WORD_SIZE], struct tern_error *err);
/* Stores a product as `updated` has it, unless the row is newer (by updated_at_ms, then by the event's id, which
 * ascends). The read model of products; placing an order does not ask it. 1 when it was stored, 0 when it was old,
 * -1. */
int order_store_keep_product(struct tern_db *db, const struct shop_inventory_updated *updated, const char *event_id,
                             struct tern_error *err);

#endif
