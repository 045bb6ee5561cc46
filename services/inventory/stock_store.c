/* stock_store.c - SQL of the products; see schema/001_inventory.sql for the laws.
 *
 * Each statement stands beside its one function. updated_at of a product only ever grows, also when the clock is set
 * back: order-service keeps the newest InventoryUpdated by it. Decides nothing. */
#include "stock_store.h"

#include "shop/rules.h"

#define COLUMNS "product_id, name, quantity, reserved, updated_at, price_minor, currency"

static void read_row(const struct tern_db_rows *rows, struct stock *stock)
{
    tern_copy_whole(stock->product_id, sizeof stock->product_id, tern_db_column_text(rows, 0));
    tern_copy_whole(stock->name, sizeof stock->name, tern_db_column_text(rows, 1));
    stock->quantity = tern_db_column_int(rows, 2);
    stock->reserved = tern_db_column_int(rows, 3);
    stock->updated_at_ms = tern_db_column_int(rows, 4);
    stock->price_minor = tern_db_column_int(rows, 5);
    tern_copy_whole(stock->currency, sizeof stock->currency, tern_db_column_text(rows, 6));
}

const char *stock_price_complete(int64_t price_minor, char currency[TERN_WORD_SIZE])
{
    if (price_minor == 0) return currency[0] ? "must come with a price" : NULL;
    if (!currency[0]) tern_copy_whole(currency, TERN_WORD_SIZE, SHOP_CURRENCY_DEFAULT);
    return shop_currency_has_cents(currency)
               ? NULL
               : "must be a currency of ISO 4217 that has two decimals, such as USD or EUR";
}

/* Runs a statement with at most one row. 1 with the product, 0, or -1. */
static int one_row(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                   struct stock *ret_stock, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, sql, values, count, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) read_row(&rows, ret_stock);
    tern_db_done(&rows);
    return got;
}

static const char select_stock[] = "SELECT " COLUMNS " FROM product WHERE product_id = ?1";

int stock_load(struct tern_db *db, const char *product_id, struct stock *ret_stock, struct tern_error *err)
{
    return one_row(db, select_stock, TERN_DB_ARGS(tern_db_text(product_id)), ret_stock, err);
}

static const char select_all[] = "SELECT " COLUMNS " FROM product ORDER BY product_id";

int stock_each(struct tern_db *db, int (*visit)(void *self, const struct stock *stock), void *self,
               struct tern_error *err)
{
    struct tern_db_rows rows;
    struct stock stock;
    int got;
    if (tern_db_query(db, &rows, select_all, TERN_DB_NO_ARGS, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        read_row(&rows, &stock);
        if (visit(self, &stock) < 0) break;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

static const char select_counts[] = "SELECT count(*), coalesce(sum(reserved), 0) FROM product";

int stock_count(struct tern_db *db, int64_t *ret_products, int64_t *ret_reserved_units, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_counts, TERN_DB_NO_ARGS, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        *ret_products = tern_db_column_int(&rows, 0);
        *ret_reserved_units = tern_db_column_int(&rows, 1);
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

static const char upsert_stock[] =
    "INSERT INTO product (product_id, name, quantity, reserved, updated_at, price_minor, currency)"
    " VALUES (?1, ?2, ?3, 0, ?4, ?5, ?6) ON CONFLICT (product_id) DO UPDATE SET"
    " name = ?2, quantity = ?3, updated_at = ?4, price_minor = ?5, currency = ?6";

int stock_put(struct tern_db *db, const struct stock *stock, struct tern_error *err)
{
    return tern_db_run(db, upsert_stock,
                       TERN_DB_ARGS(tern_db_text(stock->product_id), tern_db_text(stock->name),
                                    tern_db_int(stock->quantity), tern_db_int(stock->updated_at_ms),
                                    stock->price_minor > 0 ? tern_db_int(stock->price_minor) : tern_db_null(),
                                    tern_db_text(stock->currency)),
                       err) < 0
               ? -1
               : 0;
}

/* Checks and moves in one statement, so there is no moment between the two. */
static const char move_stock[] =
    "UPDATE product SET quantity = quantity - ?2, reserved = reserved + ?2, updated_at = max(?3, updated_at + 1)"
    " WHERE product_id = ?1 AND quantity >= ?2 AND reserved + ?2 >= 0"
    " RETURNING " COLUMNS;

int stock_move(struct tern_db *db, const char *product_id, int64_t quantity, int64_t now_ms, struct stock *ret_stock,
               struct tern_error *err)
{
    return one_row(db, move_stock, TERN_DB_ARGS(tern_db_text(product_id), tern_db_int(quantity), tern_db_int(now_ms)),
                   ret_stock, err);
}
