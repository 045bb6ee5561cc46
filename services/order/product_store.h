/* product_store.h - the products as inventory-service published them last: a read model.
 *
 * Writer's connection, inside its transaction. Logs nothing. */
#ifndef ORDER_PRODUCT_STORE_H
#define ORDER_PRODUCT_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

/* Keeps the product as `updated` says, unless something later is known (by updated_at_ms, then by the event id, which
 * ascends). Returns 1 when it was kept, 0 when it was old news, -1 with `err`. */
int product_store_keep(struct tern_db *db, const struct shop_inventory_updated *updated, const char *event_id,
                       struct tern_error *err);

#endif
