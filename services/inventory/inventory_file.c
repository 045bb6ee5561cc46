/* inventory_file.c - reads and checks INVENTORY_FILE, and walks through its products one by one. Knows no store. */
#include "inventory_file.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FILE_MAX_BYTES = 64 << 20, PIECE_BYTES = 1 << 16 };

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
    {                                                                                            .name = "reserved",
     .kind = TERN_KIND_COUNT,
     .optional = true,
     .offset = offsetof(struct stock,                                                  reserved),
     .size = sizeof(int64_t),
     .high = SHOP_STOCK_MAX},
    {                                                                                              .name = "updatedAt",
     .kind = TERN_KIND_TIME,
     .optional = true,
     .offset = offsetof(struct stock,                                                             updated_at_ms),
     .size = sizeof(int64_t)},
};
static const struct tern_shape product_shape = {product_fields, TERN_COUNT(product_fields), sizeof(struct stock)};

/* ---- the products ---- */

struct walk {
    inventory_file_visit *visit;
    void *self;
    size_t number;
};

static int visit_product(void *self, const struct cJSON *item, struct tern_error *err)
{
    struct walk *walk = self;
    struct tern_shape_faults faults;
    struct stock stock;
    walk->number++;
    if (tern_shape_decode(&product_shape, item, TERN_STRICT, &stock, &faults) < 0)
        return tern_error_set(err, "product %zu: %s: %s", walk->number, faults.items[0].pointer,
                              faults.items[0].detail);
    stock.reserved = 0; /* promised by the store that the list was taken from */
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
    char (*at)[TERN_ID_SIZE];
    size_t count, room;
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

static int check_twice(const struct product_ids *ids, struct tern_error *err)
{
    if (ids->count == 0) return tern_error_set(err, "there must be at least one {productId, name, quantity}");
    qsort(ids->at, ids->count, sizeof ids->at[0], compare_ids);
    for (size_t i = 1; i < ids->count; i++)
        if (strcmp(ids->at[i - 1], ids->at[i]) == 0) return tern_error_set(err, "%s stands there twice", ids->at[i]);
    return 0;
}

static int check_products(struct inventory_file *file, struct tern_error *err)
{
    struct product_ids ids = {0};
    int status = inventory_file_each(file, add_id, &ids, err);
    if (status == 0) status = check_twice(&ids, err);
    file->count = ids.count;
    free(ids.at);
    return status;
}

/* ---- reading ---- */

static int read_text(const char *path, struct tern_text *text, struct tern_error *err)
{
    FILE *file = fopen(path, "re");
    char *piece;
    size_t got;
    bool failed;
    if (!file) return tern_error_set(err, "%s", strerror(errno));
    piece = tern_alloc(PIECE_BYTES);
    do {
        got = fread(piece, 1, PIECE_BYTES, file);
        tern_text_add_bytes(text, piece, got);
    } while (got == PIECE_BYTES && text->length <= FILE_MAX_BYTES);
    failed = ferror(file) != 0;
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
