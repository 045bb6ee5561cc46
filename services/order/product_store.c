/* product_store.c - SQL of `products`.
 *
 * Events about a product may arrive in any order and twice: the row is that of the latest event, in whatever order
 * they came. */
#include "product_store.h"

static const char keep_product[] =
    "INSERT INTO products (product_id, name, quantity, updated_at_ms, event_id) VALUES (?1, ?2, ?3, ?4, ?5) "
    "ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, quantity = excluded.quantity, "
    "updated_at_ms = excluded.updated_at_ms, event_id = excluded.event_id "
    "WHERE (excluded.updated_at_ms, excluded.event_id) > (products.updated_at_ms, products.event_id)";

int product_store_keep(struct tern_db *db, const struct shop_inventory_updated *updated, const char *event_id,
                       struct tern_error *err)
{
    return tern_db_run(db, keep_product,
                       TERN_DB_ARGS(tern_db_text(updated->product_id), tern_db_text(updated->name),
                                    tern_db_int(updated->new_quantity), tern_db_int(updated->updated_at_ms),
                                    tern_db_text(event_id)),
                       err);
}
