/* inventory/inventory_file.h - INVENTORY_FILE: the first stock of an empty store.
 *
 * A JSON list of {productId, name, quantity}, or {"products": [...]} as GET /inventory answers it; what is reserved
 * there (`reserved`) and when it changed is not taken over. The file may be large: its text is kept, its products
 * never all at once. */
#ifndef INVENTORY_FILE_H
#define INVENTORY_FILE_H

#include "stock_store.h"
#include "tern/text.h"

struct inventory_file {
    struct tern_text text; /* empty: there is no file */
    size_t count;          /* products */
};

/* Reads the file and checks all of it. Give it back with tern_text_fini(&file->text). */
int inventory_file_read(const char *path, struct inventory_file *ret_file, struct tern_error *err);
/* Visits the products in the order of the file; -1 of a visit ends it. */
typedef int inventory_file_visit(void *self, const struct stock *stock, struct tern_error *err);
int inventory_file_each(const struct inventory_file *file, inventory_file_visit *visit, void *self,
                        struct tern_error *err);

#endif
