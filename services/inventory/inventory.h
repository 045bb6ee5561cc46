/* inventory/inventory.h - inventory-service as one value, the tables that it is made of (settings, handlers, routes,
 * metrics), its state, and what several of its files call. */
#ifndef INVENTORY_H
#define INVENTORY_H

#include "inventory_file.h"
#include "shop/catalogue.h"
#include "stock_store.h"
#include "tern/service.h"

enum { INVENTORY_HANDLERS = 3 };

extern const struct tern_service inventory_service;
extern const struct tern_config_key inventory_config[];
extern const struct tern_handler inventory_handlers[INVENTORY_HANDLERS];
extern const struct tern_http_route inventory_routes[];
extern const struct tern_metric *const inventory_metrics[];
extern const struct tern_migration inventory_migrations[];

/* The service's own state (ctx->self). */
struct inventory_state {
    struct inventory_file file; /* INVENTORY_FILE, read and checked at start; empty after inventory_prepare */
};
int inventory_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
void inventory_close(void *self);
/* Fills an empty store with the first stock. A store that has products stays as it is; that is logged. */
int inventory_prepare(struct tern_context *ctx, struct tern_error *err);
/* Sets the gauges that are read from the store. */
void inventory_gauges(struct tern_app *app);

/* The body of PUT /inventory/{productId} and of POST .../restock. */
struct stock_body {
    char name[SHOP_TEXT_SIZE]; /* ""; the name stays, or is the id of a new product */
    int64_t quantity;          /* units */
};
/* The command of both. */
struct stock_command {
    const char *product_id; /* the request's */
    struct stock_body body;
    bool adds;          /* restock: the quantity is added to the free one; else it is the free one */
    bool created;       /* out: the product is new */
    bool unknown, full; /* out: why it was refused */
    struct stock stock; /* out: the product as it is now */
};
tern_command inventory_change_stock;
/* 201 or 200 with the product as it is now. */
void inventory_answer_change(const void *argument, struct tern_http_answer *answer);

/* Counts a decision about the stock of an order: "reserved", "out_of_stock" or "released". */
void inventory_count(struct tern_context *ctx, const char *result);
/* Emits InventoryUpdated about a product as it is now. 0, or -1 with `err`. */
int inventory_emit_updated(struct tern_context *ctx, const struct stock *stock, struct tern_error *err);

#endif
