/* inventory/stock_store.h - the products, and how many units of each are free and reserved.
 *
 * Stock moves only by guarded updates: a take that would go below zero takes nothing. Calls run on the caller's
 * connection, the writing ones inside its transaction. Logs nothing. */
#ifndef STOCK_STORE_H
#define STOCK_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

struct stock {
    char product_id[TERN_ID_SIZE];
    char name[SHOP_TEXT_SIZE];
    int64_t quantity;      /* free units */
    int64_t reserved;      /* units reserved for orders, not shipped */
    int64_t updated_at_ms; /* UTC milliseconds; only ever grows */
};

/* 1 with the product, 0 when it is unknown, -1. */
int stock_load(struct tern_db *db, const char *product_id, struct stock *ret_stock, struct tern_error *err);
/* Every product, by id. `visit` returns 0 to go on, -1 to stop. */
int stock_each(struct tern_db *db, int (*visit)(void *self, const struct stock *stock), void *self,
               struct tern_error *err);
/* How many products are known; how many units are reserved, over all of them. */
int stock_count(struct tern_db *db, int64_t *ret_products, int64_t *ret_reserved_units, struct tern_error *err);
/* Creates the product, or sets its name and free quantity; `reserved` is not touched. */
int stock_put(struct tern_db *db, const struct stock *stock, struct tern_error *err);
/* Moves `quantity` units from free to reserved (negative: back). 1 with the product as it is now; 0 when there are too
 * few, or no such product: then nothing moved; -1. */
int stock_move(struct tern_db *db, const char *product_id, int64_t quantity, int64_t now_ms, struct stock *ret_stock,
               struct tern_error *err);

#endif
