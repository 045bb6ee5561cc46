/* inventory/inventory.h - inventory-service: the tables that make it a service, its state, and the calls between its
 * files.
 *
 * The state belongs to the runtime between open and close. Handlers, commands and inventory_prepare run on the writer's
 * thread inside a unit of work; inventory_gauges on a thread of the HTTP server. */
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
    struct inventory_file file; /* INVENTORY_FILE, owned; read at start, empty after inventory_prepare */
};
/* Reads INVENTORY_FILE, when there is one. 0, or -1 with `err`; give the state back with inventory_close. */
int inventory_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
void inventory_close(void *self);
/* Fills an empty store with the first stock: INVENTORY_FILE, or the samples. Leaves a store with products as it is, and
 * logs how it differs from the file. 0, or -1 with `err`. */
int inventory_prepare(struct tern_context *ctx, struct tern_error *err);
/* Sets the gauge of reserved units from the store; before each scrape of /metrics. */
void inventory_gauges(struct tern_app *app);

/* The body of PUT /inventory/{productId} and of POST .../restock. */
struct stock_body {
    char name[SHOP_TEXT_SIZE];     /* "": a known product keeps its name, a new one gets its id */
    int64_t quantity;              /* units, 0 or 1 to SHOP_STOCK_MAX */
    int64_t price_minor;           /* PUT: of one unit; 0: a known price stays */
    char currency[TERN_WORD_SIZE]; /* PUT: of the price */
};
/* The argument of inventory_change_stock, for both calls. Members marked out are set by the command. */
struct stock_command {
    const char *product_id; /* owned by the request */
    struct stock_body body;
    bool adds;          /* restock: add the quantity to the free units; else set the free units to it */
    bool created;       /* out: the product is new */
    bool unknown, full; /* out: refused: no such product to restock; more than SHOP_STOCK_MAX units */
    struct stock stock; /* out: the product as it is now */
};
/* Writes the product and emits InventoryUpdated; REJECT when it is refused. */
tern_command inventory_change_stock;
/* 201 or 200 with the product as it is now. */
void inventory_answer_change(const void *argument, struct tern_http_answer *answer);

extern const struct tern_metric inventory_reservations_total; /* by result: reserved, out_of_stock, released */
/* Emits InventoryUpdated with the product as it is now. 0, or -1 with `err`: the unit must be undone. */
int inventory_emit_updated(struct tern_context *ctx, const struct stock *stock, struct tern_error *err);

#endif
