/* inventory_config.c - inventory-service's settings, its first stock, its metrics.
 *
 * The file is read and checked at every start, so that --check-config finds its faults; it is used only while the
 * store has no product at all. */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "inventory.h"

enum { FILE_MAX_BYTES = 1024 * 1024 };

const struct tern_config_key inventory_config[] = {
    {"PORT",           TERN_CFG_PORT, "3003",                            "port of the HTTP API",           NULL, NULL},
    {"DATABASE_URL",   TERN_CFG_URL,  "sqlite:var/inventory-service.db",
     "the service's own store, sqlite:PATH; made when it is not there",                                    NULL, NULL},
    {"INVENTORY_FILE", TERN_CFG_PATH, "",
     "first stock of an empty store, a JSON list of {productId, name, quantity}; without it five samples", NULL, NULL},
    {NULL,             TERN_CFG_TEXT, NULL,                              NULL,                             NULL, NULL},
};

static const struct stock samples[] = {
    {.product_id = "PROD-101", .name = "Wireless Headphones", .quantity = 50 },
    {.product_id = "PROD-102", .name = "Smartphone Case",     .quantity = 100},
    {.product_id = "PROD-103", .name = "USB-C Cable",         .quantity = 150},
    {.product_id = "PROD-104", .name = "Bluetooth Speaker",   .quantity = 30 },
    {.product_id = "PROD-105", .name = "Smart Watch",         .quantity = 25 },
};

/* ---- the file ---- */

static const struct tern_field product_fields[] = {
    {.name = "productId",     .kind = TERN_KIND_ID, .offset = offsetof(struct stock, product_id), .size = TERN_ID_SIZE},
    { .name = "name",
     .kind = TERN_KIND_TEXT,
     .offset = offsetof(struct stock,                                         name),
     .size = SHOP_TEXT_SIZE,
     .high = SHOP_TEXT_CHARACTERS},
    {                                                                                      .name = "quantity",
     .kind = TERN_KIND_COUNT,
     .offset = offsetof(struct stock,                                     quantity),
     .size = sizeof(int64_t),
     .high = SHOP_STOCK_MAX},
};
static const struct tern_shape product_shape = {product_fields, TERN_COUNT(product_fields), sizeof(struct stock)};

static int read_file(const char *path, char **ret_text, size_t *ret_length, struct tern_error *err)
{
    FILE *file = fopen(path, "re");
    if (!file) return tern_error_set(err, "INVENTORY_FILE %s: %s", path, strerror(errno));
    char *text = tern_alloc(FILE_MAX_BYTES + 1);
    size_t length = fread(text, 1, FILE_MAX_BYTES + 1, file);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed || length > FILE_MAX_BYTES) {
        free(text);
        return tern_error_set(err, "INVENTORY_FILE %s: %s", path,
                              failed ? "it could not be read" : "larger than 1 MiB");
    }
    *ret_text = text;
    *ret_length = length;
    return 0;
}

static int read_products(const struct cJSON *list, struct inventory_state *state, struct tern_error *err)
{
    if (!tern_json_is_array(list) || tern_json_size(list) == 0)
        return tern_error_set(err, "INVENTORY_FILE must hold a JSON list of at least one {productId, name, quantity}");
    state->first_stock = tern_alloc(tern_json_size(list) * sizeof *state->first_stock);
    for (const struct cJSON *item = tern_json_first(list); item; item = tern_json_next(item)) {
        struct tern_shape_faults faults;
        if (tern_shape_decode(&product_shape, item, TERN_STRICT, &state->first_stock[state->count], &faults) < 0)
            return tern_error_set(err, "INVENTORY_FILE, product %zu: %s: %s", state->count + 1, faults.items[0].pointer,
                                  faults.items[0].detail);
        for (size_t i = 0; i < state->count; i++)
            if (strcmp(state->first_stock[i].product_id, state->first_stock[state->count].product_id) == 0)
                return tern_error_set(err, "INVENTORY_FILE: %s stands there twice", state->first_stock[i].product_id);
        state->count++;
    }
    return 0;
}

static int load_file(const char *path, struct inventory_state *state, struct tern_error *err)
{
    char *text = NULL;
    size_t length = 0;
    if (read_file(path, &text, &length, err) < 0) return -1;
    struct cJSON *tree = tern_json_parse(text, length, FILE_MAX_BYTES, err);
    int status = tree ? read_products(tree, state, err) : tern_error_prefix(err, "INVENTORY_FILE %s", path);
    tern_json_destroy(tree);
    free(text);
    return status;
}

int inventory_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    (void)log;
    const char *path = tern_config_text(config, "INVENTORY_FILE");
    struct inventory_state *state = tern_alloc(sizeof *state);
    if (path[0] && load_file(path, state, err) < 0) {
        inventory_close(state);
        return -1;
    }
    *ret_self = state;
    return 0;
}

void inventory_close(void *self)
{
    struct inventory_state *state = self;
    if (state) free(state->first_stock);
    free(state);
}

int inventory_prepare(struct tern_context *ctx, struct tern_error *err)
{
    const struct inventory_state *state = ctx->self;
    const struct stock *first = state->first_stock ? state->first_stock : samples;
    size_t count = state->first_stock ? state->count : TERN_COUNT(samples);
    int64_t products, units;
    if (stock_count(ctx->db, &products, &units, err) < 0) return -1;
    if (products > 0) return 0;
    for (size_t i = 0; i < count; i++) {
        struct stock stock = first[i];
        stock.updated_at_ms = ctx->now_ms;
        if (stock_put(ctx->db, &stock, err) < 0 || inventory_say_updated(ctx, &stock, err) < 0) return -1;
    }
    tern_log_info(ctx->log, "first stock taken in", TERN_INT("products", (int64_t)count));
    return 0;
}

/* ---- metrics ---- */

static const struct tern_metric reservations_total = {"inventory_reservations_total", TERN_COUNTER, "result",
                                                      "Decisions about the stock of an order."};
static const struct tern_metric reserved_units = {"inventory_reserved_units", TERN_GAUGE, "",
                                                  "Units that are promised to orders and not shipped."};
const struct tern_metric *const inventory_metrics[] = {&reservations_total, &reserved_units, NULL};

void inventory_count(struct tern_context *ctx, const char *result)
{
    tern_metric_add(ctx->metrics, &reservations_total, 1, result, NULL, NULL);
}

void inventory_gauges(struct tern_app *app)
{
    struct tern_db *db = tern_app_reader(app, NULL);
    int64_t products, units;
    if (db && stock_count(db, &products, &units, NULL) == 0)
        tern_metric_set(tern_app_metrics(app), &reserved_units, (double)units, NULL, NULL);
    tern_app_reader_done(app, db);
}
