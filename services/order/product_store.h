/* product_store.h - the products that inventory has told about, as it last told them.
 *
 * Writer's connection, inside its transaction. Logs nothing. */
#ifndef ORDER_PRODUCT_STORE_H
#define ORDER_PRODUCT_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

/* Keeps what is told, unless something later is known already (by its time, then by its event id, which ascends).
 * Returns 1 when it was kept, 0 when it was old news, -1. */
int product_store_keep(struct tern_db *db, const struct shop_inventory_updated *told, const char *event_id,
                       struct tern_error *err);

#endif
