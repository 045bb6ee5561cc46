/* inventory_service.c - inventory-service as one table, with its settings, its first stock and its metrics.
 *
 * INVENTORY_FILE is read and checked at every start, so that --check-config finds its faults; it is used only while
 * the store has no product at all. The stock is then in the store, and only there: no start overwrites it. */
#include <stdlib.h>
#include <string.h>

#include "inventory.h"

const struct tern_config_key inventory_config[] = {
    {"PORT",           TERN_CFG_PORT, "3003",                            "port of the HTTP API",                                                             NULL, NULL},
    {"DATABASE_URL",   TERN_CFG_URL,  "sqlite:var/inventory-service.db",
     "the service's own store, sqlite:PATH; made when it is not there",                                                                                      NULL, NULL},
    {"INVENTORY_FILE", TERN_CFG_PATH, "",
     "first stock of an empty store, a JSON list of {productId, name, quantity, price?, currency?} or what GET /inventory answers; without it five samples",
     NULL,                                                                                                                                                         NULL},
    {NULL,             TERN_CFG_TEXT, NULL,                              NULL,                                                                               NULL, NULL},
};

static const struct stock samples[] = {
    {.product_id = "PROD-101", .name = "Wireless Headphones", .quantity = 50 },
    {.product_id = "PROD-102", .name = "Smartphone Case",     .quantity = 100},
    {.product_id = "PROD-103", .name = "USB-C Cable",         .quantity = 150},
    {.product_id = "PROD-104", .name = "Bluetooth Speaker",   .quantity = 30 },
    {.product_id = "PROD-105", .name = "Smart Watch",         .quantity = 25 },
};

int inventory_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    (void)log;
    const char *path = tern_config_text(config, "INVENTORY_FILE");
    struct inventory_state *state = tern_alloc(sizeof *state);
    if (path[0] && inventory_file_read(path, &state->file, err) < 0) {
        inventory_close(state);
        return -1;
    }
    *ret_self = state;
    return 0;
}

void inventory_close(void *self)
{
    struct inventory_state *state = self;
    if (state) tern_text_fini(&state->file.text);
    free(state);
}

/* ---- first stock ---- */

/* A visit of the file's products, and a step for the samples. */
static int add_product(void *self, const struct stock *first, struct tern_error *err)
{
    struct tern_context *ctx = self;
    struct stock stock = *first;
    stock.updated_at_ms = ctx->now_ms;
    return stock_put(ctx->db, &stock, err) < 0 || inventory_emit_updated(ctx, &stock, err) < 0 ? -1 : 0;
}

/* The file compared with the store. */
struct comparison {
    struct tern_context *ctx; /* not owned */
    int64_t missing;          /* products that the store does not have */
    int64_t different;        /* products that it has with another name, quantity or price */
};

static int compare(void *self, const struct stock *wanted, struct tern_error *err)
{
    struct comparison *comparison = self;
    struct stock stock;
    int known = stock_load(comparison->ctx->db, wanted->product_id, &stock, err);
    if (known < 0) return -1;
    if (known == 0)
        comparison->missing++;
    else if (stock.quantity != wanted->quantity || stock.price_minor != wanted->price_minor ||
             strcmp(stock.name, wanted->name) != 0)
        comparison->different++;
    return 0;
}

int inventory_prepare(struct tern_context *ctx, struct tern_error *err)
{
    struct inventory_state *state = ctx->self;
    struct inventory_file *file = &state->file;
    struct comparison comparison = {.ctx = ctx};
    int64_t products, units;
    if (stock_count(ctx->db, &products, &units, err) < 0) return -1;
    if (products > 0 && file->count > 0) { /* tell the operator that an edited file has no effect */
        if (inventory_file_each(file, compare, &comparison, err) < 0) return -1;
        tern_log_info(ctx->log, "the store has stock already: INVENTORY_FILE is not applied",
                      TERN_INT("inStore", products), TERN_INT("inFile", (int64_t)file->count),
                      TERN_INT("onlyInFile", comparison.missing), TERN_INT("different", comparison.different));
    } else if (products == 0) {
        size_t count = file->count > 0 ? file->count : TERN_COUNT(samples);
        if (file->count > 0 && inventory_file_each(file, add_product, ctx, err) < 0) return -1;
        for (size_t i = 0; file->count == 0 && i < TERN_COUNT(samples); i++)
            if (add_product(ctx, &samples[i], err) < 0) return -1;
        tern_log_info(ctx->log, "first stock taken in", TERN_INT("products", (int64_t)count));
    }
    tern_text_fini(&file->text); /* up to 64 MiB, not needed any more */
    file->count = 0;
    return 0;
}

/* ---- metrics ---- */

static const struct tern_metric reserved_units = {"inventory_reserved_units", TERN_GAUGE, "",
                                                  "Units that are promised to orders and not shipped."};
const struct tern_metric *const inventory_metrics[] = {&inventory_reservations_total, &reserved_units, NULL};

/* Read from the store, which has no count of its own to keep in step. A store that does not answer leaves the gauge. */
void inventory_gauges(struct tern_app *app)
{
    struct tern_db *db = tern_app_reader(app, NULL);
    int64_t products, units;
    if (db && stock_count(db, &products, &units, NULL) == 0)
        tern_metric_set(tern_app_metrics(app), &reserved_units, (double)units, NULL, NULL);
    tern_app_reader_done(app, db);
}

/* ---- the service ---- */

const struct tern_service inventory_service = {
    .name = SHOP_SERVICE_INVENTORY,
    .purpose = "gives an order all of its lines or none, and takes them back when it is cancelled",
    .config = inventory_config,
    .migrations = inventory_migrations,
    .catalogue = &shop_catalogue,
    .handlers = inventory_handlers,
    .handler_count = INVENTORY_HANDLERS,
    .routes = inventory_routes,
    .metrics = inventory_metrics,
    .open = inventory_open,
    .prepare = inventory_prepare,
    .gauges = inventory_gauges,
    .close = inventory_close,
};
