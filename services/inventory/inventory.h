/* inventory/inventory.h - the service, and the tables that it is made of: settings, handlers, routes, metrics, first stock. */
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

/* The service's own state: what INVENTORY_FILE says, read and checked at start. */
struct inventory_state {
    struct inventory_file file; /* until the store was looked at */
};
int inventory_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
void inventory_close(void *self);
/* Fills an empty store with the first stock; to one that has products it does nothing, and says so. */
int inventory_prepare(struct tern_context *ctx, struct tern_error *err);
/* Sets the gauges that are read from the store. */
void inventory_gauges(struct tern_app *app);

/* Setting the stock of a product, or adding to it: what the writing calls read, and their command. */
struct stock_body {
    char name[SHOP_TEXT_SIZE];
    int64_t quantity;
};
struct stock_command {
    const char *product_id;
    struct stock_body body;
    bool adds;          /* restock: added to what is there; else set */
    bool created;       /* out */
    bool unknown, full; /* out: why it was refused */
    struct stock stock; /* out */
};
tern_command inventory_change_stock;
/* The answer to a change that was made: the product as it is now. */
void inventory_answer_change(const void *argument, struct tern_http_answer *answer);

/* Counts a reservation that was decided: reserved, out_of_stock, released. */
void inventory_count(struct tern_context *ctx, const char *result);
/* Says InventoryUpdated about a product as it is now. */
int inventory_say_updated(struct tern_context *ctx, const struct stock *stock, struct tern_error *err);

#endif
