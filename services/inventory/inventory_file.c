/* inventory_file.c - reads and checks INVENTORY_FILE, and visits its products one by one.
 *
 * Memory is the text and, while it is checked, 65 bytes for each product: duplicates are found by sorting the ids. The
 * JSON is walked twice, once to check it and once to use it. Knows no store. */
#include "inventory_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 << 20, PIECE_BYTES = 1 << 16 /* of one fread */ };

static const struct tern_field product_fields[] = {
    TERN_FIELD(struct stock, "productId", product_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct stock, "name", name, TERN_KIND_TEXT, required, 0, SHOP_TEXT_CHARACTERS),
    TERN_FIELD(struct stock, "quantity", quantity, TERN_KIND_COUNT, required, 0, SHOP_STOCK_MAX),
    TERN_FIELD(struct stock, "reserved", reserved, TERN_KIND_COUNT, optional, 0, SHOP_STOCK_MAX),
    TERN_FIELD(struct stock, "updatedAt", updated_at_ms, TERN_KIND_TIME, optional, 0, 0),
    TERN_FIELD(struct stock, "price", price_minor, TERN_KIND_MONEY, optional, 1, SHOP_PRICE_MAX_MINOR),
    TERN_FIELD(struct stock, "currency", currency, TERN_KIND_WORD, optional, 3, 3),
};
static const struct tern_schema product_schema = TERN_SCHEMA_OF(struct stock, product_fields);

/* ---- the products ---- */

struct walk {
    inventory_file_visit *visit;
    void *self;
    size_t number; /* of the product being visited, from 1: for messages */
};

static int visit_product(void *self, const struct cJSON *item, struct tern_error *err)
{
    struct walk *walk = self;
    struct tern_schema_faults faults;
    struct stock stock;
    walk->number++;
    if (tern_schema_decode(&product_schema, item, TERN_STRICT, &stock, &faults) < 0)
        return tern_error_set(err, "product %zu: %s: %s", walk->number, faults.items[0].pointer,
                              faults.items[0].detail);
    const char *fault = stock_price_complete(stock.price_minor, stock.currency);
    if (fault) return tern_error_set(err, "product %zu: #/currency: %s", walk->number, fault);
    stock.reserved = 0; /* both belong to the store that the list was taken from */
    stock.updated_at_ms = 0;
    return walk->visit(walk->self, &stock, err);
}

int inventory_file_each(const struct inventory_file *file, inventory_file_visit *visit, void *self,
                        struct tern_error *err)
{
    struct walk walk = {visit, self, 0};
    return tern_json_each(file->text.bytes, file->text.length, "products", visit_product, &walk, err);
}

/* ---- checking ---- */

struct product_ids {
    char (*at)[TERN_ID_SIZE]; /* owned */
    size_t count, room;       /* used, allocated */
};

static int add_id(void *self, const struct stock *stock, struct tern_error *err)
{
    struct product_ids *ids = self;
    (void)err;
    if (ids->count == ids->room) {
        char(*larger)[TERN_ID_SIZE] = tern_alloc((2 * ids->room + 64) * sizeof *larger);
        if (ids->count > 0) memcpy(larger, ids->at, ids->count * sizeof *larger);
        free(ids->at);
        ids->at = larger;
        ids->room = 2 * ids->room + 64;
    }
    memcpy(ids->at[ids->count++], stock->product_id, TERN_ID_SIZE);
    return 0;
}

static int compare_ids(const void *one, const void *other)
{
    return strcmp(one, other);
}

static int check_products(struct inventory_file *file, struct tern_error *err)
{
    struct product_ids ids = {0};
    int status = inventory_file_each(file, add_id, &ids, err);
    if (status == 0 && ids.count == 0)
        status = tern_error_set(err, "there must be at least one {productId, name, quantity}");
    if (status == 0) qsort(ids.at, ids.count, sizeof ids.at[0], compare_ids);
    for (size_t i = 1; status == 0 && i < ids.count; i++)
        if (strcmp(ids.at[i - 1], ids.at[i]) == 0) status = tern_error_set(err, "%s stands there twice", ids.at[i]);
    file->count = ids.count;
    free(ids.at);
    return status;
}

/* ---- reading ---- */

static int read_text(const char *path, struct tern_text *text, struct tern_error *err)
{
    FILE *file = fopen(path, "re");
    size_t got;
    if (!file) return tern_error_set(err, "%s", strerror(errno));
    char *piece = tern_alloc(PIECE_BYTES);
    do {
        got = fread(piece, 1, PIECE_BYTES, file);
        tern_text_add_bytes(text, piece, got);
    } while (got == PIECE_BYTES && text->length <= FILE_MAX_BYTES);
    bool failed = ferror(file) != 0;
    (void)fclose(file);
    free(piece);
    if (failed) return tern_error_set(err, "it could not be read");
    if (text->length > FILE_MAX_BYTES) return tern_error_set(err, "larger than %d MiB", FILE_MAX_BYTES >> 20);
    return 0;
}

int inventory_file_read(const char *path, struct inventory_file *ret_file, struct tern_error *err)
{
    struct inventory_file file = {0};
    tern_text_add(&file.text, "");
    int status = read_text(path, &file.text, err);
    if (status < 0)
        tern_error_prefix(err, "INVENTORY_FILE %s", path);
    else if ((status = check_products(&file, err)) < 0)
        tern_error_prefix(err, "INVENTORY_FILE");
    if (status < 0)
        tern_text_fini(&file.text);
    else
        *ret_file = file;
    return status;
}
