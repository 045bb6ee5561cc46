/* inventory/inventory_file.h - INVENTORY_FILE: the first stock of an empty store.
 *
 * A JSON list of {productId, name, quantity}, or {"products": [...]} as GET /inventory answers it. `reserved` and
 * `updatedAt` of such an answer are ignored: reservations belong to the orders of the store that it came from. The file
 * may have up to 64 MiB: its text stays in memory, and one product at a time is decoded. No store, no log. */
#ifndef INVENTORY_FILE_H
#define INVENTORY_FILE_H

#include "stock_store.h"
#include "tern/text.h"

struct inventory_file {
    struct tern_text text; /* the file's bytes, owned; empty: there is no file */
    size_t count;          /* products in it, at least 1; 0: there is no file */
};

/* Reads the file and checks every product of it, and that no id is there twice. 0; give it back with
 * tern_text_fini(&file->text). -1 with `err`, which names the setting. */
int inventory_file_read(const char *path, struct inventory_file *ret_file, struct tern_error *err);
/* Visits the products in the order of the file. 0; or -1 with `err`, as soon as a visit returns -1. */
typedef int inventory_file_visit(void *self, const struct stock *stock, struct tern_error *err);
int inventory_file_each(const struct inventory_file *file, inventory_file_visit *visit, void *self,
                        struct tern_error *err);

#endif
