/* inventory/stock_store.h - the products, and how many units of each are free and reserved.
 *
 * Stock moves by stock_move only: a guarded update that moves nothing when too few units are free. Reading calls run on
 * any connection; writing ones on the writer's, inside its transaction. All return -1 with `err` when the store fails.
 * Logs nothing. */
#ifndef STOCK_STORE_H
#define STOCK_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

struct stock {
    char product_id[TERN_ID_SIZE];
    char name[SHOP_TEXT_SIZE];
    int64_t quantity;              /* free units */
    int64_t reserved;              /* units reserved for orders, not shipped */
    int64_t updated_at_ms;         /* UTC milliseconds; only ever grows */
    int64_t price_minor;           /* of one unit; 0: not known */
    char currency[TERN_WORD_SIZE]; /* of the price, ISO 4217; "" when it is not known */
};

/* Completes a price as somebody gave it: one without a currency is in SHOP_CURRENCY_DEFAULT. NULL, or what the currency
 * must be. Pure. */
const char *stock_price_complete(int64_t price_minor, char currency[TERN_WORD_SIZE]);

/* 1 with the product, 0 when it is unknown (then *ret_stock is as it was), -1. */
int stock_load(struct tern_db *db, const char *product_id, struct stock *ret_stock, struct tern_error *err);
/* Visits every product, by id. `visit` returns 0 to go on, -1 to stop. 0, or -1. */
int stock_each(struct tern_db *db, int (*visit)(void *self, const struct stock *stock), void *self,
               struct tern_error *err);
/* The number of products, and of units reserved over all of them. 0, or -1. */
int stock_count(struct tern_db *db, int64_t *ret_products, int64_t *ret_reserved_units, struct tern_error *err);
/* Creates the product, or sets its name, free quantity and price; `reserved` stays. 0, or -1. */
int stock_put(struct tern_db *db, const struct stock *stock, struct tern_error *err);
/* Moves `quantity` units from free to reserved (negative: back). 1 with the product as it is now; 0 when too few units
 * are there, or the product is unknown, and nothing moved; -1. */
int stock_move(struct tern_db *db, const char *product_id, int64_t quantity, int64_t now_ms, struct stock *ret_stock,
               struct tern_error *err);

#endif
