/* order_store.c - SQL of `orders` and `products`; see schema/ for the laws.
 *
 * Each statement stands beside its one function. A row of `orders` has all that the fold has, so that an order can be
 * loaded, take its next event and be written without reading its stream. Decides nothing. */
#include "order_store.h"

#define COLUMNS                                                                                                  \
    "order_id, customer_id, correlation_id, version, status, money, stock, reason, transaction_id, product_id, " \
    "total_minor, currency, created_at_ms, updated_at_ms, released, details, note"

#define INSERT_ORDER(side)                      \
    "INSERT INTO orders" side " (" COLUMNS ") " \
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)"
static const char *const insert_order[TERN_SIDES] = TERN_PROJECTION_SQL(INSERT_ORDER);

#define INSERT_PRODUCT(side)                                                                       \
    "INSERT INTO order_products" side " (ordered_id, placed_at_ms, order_id) VALUES (?1, ?2, ?3) " \
    "ON CONFLICT DO NOTHING"
static const char *const insert_product[TERN_SIDES] = TERN_PROJECTION_SQL(INSERT_PRODUCT);

int order_store_insert(struct tern_db *db, enum tern_side side, const struct order_state *order,
                       const struct shop_line *lines, size_t line_count, struct tern_error *err)
{
    if (tern_db_run(
            db, insert_order[side],
            TERN_DB_ARGS(
                tern_db_text(order->order_id), tern_db_text(order->customer_id), tern_db_text(order->correlation_id),
                tern_db_int(order->version), tern_db_text(order_status_name(order->saga.status)),
                tern_db_text(order_money_name(order->saga.money)), tern_db_text(order_stock_name(order->saga.stock)),
                tern_db_text(order->reason), tern_db_text(order->transaction_id), tern_db_text(order->product_id),
                tern_db_int(order->total_minor), tern_db_text(order->currency), tern_db_int(order->created_at_ms),
                tern_db_int(order->updated_at_ms), tern_db_int(order->saga.released),
                tern_db_text(order->details.bytes), tern_db_text(order->note)),
            err) < 0)
        return -1;
    for (size_t i = 0; i < line_count; i++)
        if (tern_db_run(db, insert_product[side],
                        TERN_DB_ARGS(tern_db_text(lines[i].product_id), tern_db_int(order->created_at_ms),
                                     tern_db_text(order->order_id)),
                        err) < 0)
            return -1;
    return 0;
}

#define UPDATE_ORDER(side)                                                                       \
    "UPDATE orders" side " SET version = ?2, status = ?3, money = ?4, stock = ?5, reason = ?6, " \
    "transaction_id = ?7, product_id = ?8, updated_at_ms = ?9, released = ?10, note = ?11 WHERE order_id = ?1"
static const char *const update_order[TERN_SIDES] = TERN_PROJECTION_SQL(UPDATE_ORDER);

int order_store_update(struct tern_db *db, enum tern_side side, const struct order_state *order, struct tern_error *err)
{
    int changed = tern_db_run(db, update_order[side],
                              TERN_DB_ARGS(tern_db_text(order->order_id), tern_db_int(order->version),
                                           tern_db_text(order_status_name(order->saga.status)),
                                           tern_db_text(order_money_name(order->saga.money)),
                                           tern_db_text(order_stock_name(order->saga.stock)),
                                           tern_db_text(order->reason), tern_db_text(order->transaction_id),
                                           tern_db_text(order->product_id), tern_db_int(order->updated_at_ms),
                                           tern_db_int(order->saga.released), tern_db_text(order->note)),
                              err);

    TERN_ASSERT(changed != 0, "an order that was loaded is still there");
    return changed < 0 ? -1 : 0;
}

/* A row of COLUMNS. The order owns memory only on success. */
static int read_row(const struct tern_db_rows *rows, struct order_state *ret_order, struct tern_error *err)
{
    struct order_state order = {.version = tern_db_column_int(rows, 3),
                                .total_minor = tern_db_column_int(rows, 10),
                                .created_at_ms = tern_db_column_int(rows, 12),
                                .updated_at_ms = tern_db_column_int(rows, 13),
                                .saga = {.released = tern_db_column_int(rows, 14) != 0}};

    if (tern_copy(order.order_id, sizeof order.order_id, tern_db_column_text(rows, 0)) < 0 ||
        tern_copy(order.customer_id, sizeof order.customer_id, tern_db_column_text(rows, 1)) < 0 ||
        tern_copy(order.correlation_id, sizeof order.correlation_id, tern_db_column_text(rows, 2)) < 0 ||
        order_status_parse(tern_db_column_text(rows, 4), &order.saga.status) < 0 ||
        order_money_parse(tern_db_column_text(rows, 5), &order.saga.money) < 0 ||
        order_stock_parse(tern_db_column_text(rows, 6), &order.saga.stock) < 0 ||
        tern_copy(order.reason, sizeof order.reason, tern_db_column_text(rows, 7)) < 0 ||
        tern_copy(order.transaction_id, sizeof order.transaction_id, tern_db_column_text(rows, 8)) < 0 ||
        tern_copy(order.product_id, sizeof order.product_id, tern_db_column_text(rows, 9)) < 0 ||
        tern_copy(order.currency, sizeof order.currency, tern_db_column_text(rows, 11)) < 0 ||
        tern_copy(order.note, sizeof order.note, tern_db_column_text(rows, 16)) < 0)
        return tern_error_set(err, "the row of order %s holds what no order can hold", tern_db_column_text(rows, 0));
    tern_text_add(&order.details, tern_db_column_text(rows, 15));
    *ret_order = order;
    return 0;
}

#define SELECT_ORDER(side) "SELECT " COLUMNS " FROM orders" side " WHERE order_id = ?1"
static const char *const select_order[TERN_SIDES] = TERN_PROJECTION_SQL(SELECT_ORDER);

int order_store_load(struct tern_db *db, enum tern_side side, const char *order_id, struct order_state *ret_order,
                     struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_order[side], TERN_DB_ARGS(tern_db_text(order_id)), err) < 0) return -1;
    int found = tern_db_next(&rows, err);
    if (found > 0 && read_row(&rows, ret_order, err) < 0) found = -1;
    tern_db_done(&rows);
    return found;
}

/* ---- lists ---------------------------------------------------------------------------------------------------- */

/* Rows that a page reads at most: with two filters only one of them has an index. */
enum { ROWS_MAX = 5000 };

/* Each walks one index from a place down to a time, and sorts nothing. */
#define BEHIND(created) "(" created ", order_id) < (?1, ?2) AND " created " > ?3"
#define NEWEST_FIRST    "ORDER BY created_at_ms DESC, order_id DESC LIMIT ?4"

static const char list_all[] = "SELECT " COLUMNS " FROM orders WHERE " BEHIND("created_at_ms") " " NEWEST_FIRST;
static const char list_customer[] =
    "SELECT " COLUMNS " FROM orders WHERE customer_id = ?5 AND " BEHIND("created_at_ms") " " NEWEST_FIRST;
/* Two statuses are merged in their common order; the second may be the same as none. */
static const char list_status[] = "SELECT " COLUMNS " FROM orders WHERE status = ?5 AND " BEHIND(
    "created_at_ms") " UNION ALL "
                     "SELECT " COLUMNS " FROM orders WHERE status = ?6 AND " BEHIND("created_at_ms") " " NEWEST_FIRST;
static const char list_product[] =
    "SELECT " COLUMNS " FROM order_products CROSS JOIN orders USING (order_id) "
    "WHERE ordered_id = ?5 AND " BEHIND("placed_at_ms") " ORDER BY placed_at_ms DESC, order_id DESC LIMIT ?4";
static const char has_product[] =
    "SELECT 1 FROM order_products WHERE ordered_id = ?1 AND placed_at_ms = ?2 AND order_id = ?3";

/* Whether an order passes; -1 with `err`. */
static int passes(struct tern_db *db, const struct order_filter *filter, const struct order_state *order,
                  struct tern_error *err)
{
    int64_t one;
    if (filter->status != ORDER_STATUS_COUNT && order->saga.status != filter->status) return 0;
    if (filter->waits_for != SAGA_WAIT_COUNT && !saga_waits_for(order->saga, filter->waits_for)) return 0;
    if (!filter->product_id || !filter->customer_id) return 1; /* without a customer the product's list is walked */
    return tern_db_get_int(db, has_product,
                           TERN_DB_ARGS(tern_db_text(filter->product_id), tern_db_int(order->created_at_ms),
                                        tern_db_text(order->order_id)),
                           &one, err);
}

/* Walks the index that is expected to have the fewest rows of others. */
static int begin_list(struct tern_db *db, const struct order_filter *filter, const struct order_page *page,
                      struct tern_db_rows *rows, struct tern_error *err)
{
    struct tern_db_value values[6] = {tern_db_int(page->behind.created_at_ms), tern_db_text(page->behind.order_id),
                                      tern_db_int(filter->after_ms), tern_db_int(ROWS_MAX + 1)};
    const struct saga_waiting *waiting = &saga_waiting[filter->waits_for];
    if (filter->before_ms <= page->behind.created_at_ms) {
        values[0] = tern_db_int(filter->before_ms);
        values[1] = tern_db_null(); /* compares as unknown: an order of that very time is not listed */
    }
    if (filter->customer_id) {
        values[4] = tern_db_text(filter->customer_id);
        return tern_db_query(db, rows, list_customer, values, 5, err);
    }
    if (filter->product_id) {
        values[4] = tern_db_text(filter->product_id);
        return tern_db_query(db, rows, list_product, values, 5, err);
    }
    if (filter->status != ORDER_STATUS_COUNT) {
        values[4] = tern_db_text(order_status_name(filter->status));
        return tern_db_query(db, rows, list_status, values, 6, err);
    }
    if (filter->waits_for == SAGA_WAIT_COUNT) return tern_db_query(db, rows, list_all, values, 4, err);
    values[4] = tern_db_text(order_status_name(waiting->in[0]));
    if (waiting->in[1] != ORDER_STATUS_COUNT) values[5] = tern_db_text(order_status_name(waiting->in[1]));
    return tern_db_query(db, rows, list_status, values, 6, err);
}

/* Reads one row and shows it if it passes. 1: shown, 0: passed over, -1. */
static int take_row(struct tern_db *db, const struct order_filter *filter, struct order_page *page,
                    const struct tern_db_rows *rows, order_store_visitor *visit, void *self, struct tern_error *err)
{
    struct order_state order = {0};
    if (read_row(rows, &order, err) < 0) return -1;
    int passed = passes(db, filter, &order, err);
    if (passed > 0 && visit(self, &order, err) < 0) passed = -1;
    page->behind.created_at_ms = order.created_at_ms;
    tern_copy_whole(page->behind.order_id, sizeof page->behind.order_id, order.order_id);
    order_fini(&order);
    return passed;
}

int order_store_list(struct tern_db *db, const struct order_filter *filter, struct order_page *page,
                     order_store_visitor *visit, void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    int64_t shown = 0, read = 0;
    int got;
    page->more = false;
    if (begin_list(db, filter, page, &rows, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        page->more = shown == page->limit || read == ROWS_MAX;
        if (page->more) break;
        got = take_row(db, filter, page, &rows, visit, self, err);
        if (got < 0) break;
        shown += got;
        read++;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

/* ---- at the start ---------------------------------------------------------------------------------------------- */

static const char select_statuses[] = "SELECT order_id, status FROM orders";

int order_store_each_waiting(struct tern_db *db, order_store_id_visitor *visit, void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    enum order_status status;
    int got;
    if (tern_db_query(db, &rows, select_statuses, TERN_DB_NO_ARGS, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0) {
        const char *order_id = tern_db_column_text(&rows, 0);
        if (order_status_parse(tern_db_column_text(&rows, 1), &status) < 0)
            got = tern_error_set(err, "the row of order %s holds what no order can hold", order_id);
        else if (saga_waits(status))
            got = visit(self, order_id, err);
        if (got < 0) break;
    }
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

/* ---- products ---------------------------------------------------------------------------------------------- */

/* Events about a product arrive in any order, and repeatedly: the row is that of the newest, whatever came last. */
static const char keep_product[] =
    "INSERT INTO products (product_id, name, quantity, updated_at_ms, event_id, price_minor, currency) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) "
    "ON CONFLICT (product_id) DO UPDATE SET name = excluded.name, quantity = excluded.quantity, "
    "updated_at_ms = excluded.updated_at_ms, event_id = excluded.event_id, price_minor = excluded.price_minor, "
    "currency = excluded.currency "
    "WHERE (excluded.updated_at_ms, excluded.event_id) > (products.updated_at_ms, products.event_id)";

int order_store_keep_product(struct tern_db *db, const struct shop_inventory_updated *updated, const char *event_id,
                             struct tern_error *err)
{
    bool priced = updated->price_minor > 0 && updated->currency[0];
    return tern_db_run(db, keep_product,
                       TERN_DB_ARGS(tern_db_text(updated->product_id), tern_db_text(updated->name),
                                    tern_db_int(updated->new_quantity), tern_db_int(updated->updated_at_ms),
                                    tern_db_text(event_id), priced ? tern_db_int(updated->price_minor) : tern_db_null(),
                                    tern_db_text(priced ? updated->currency : "")),
                       err);
}

static const char select_products[] =
    "SELECT product_id, name, quantity, updated_at_ms, price_minor, currency FROM products ORDER BY product_id";

int order_store_each_product(struct tern_db *db, order_product_visitor *visit, void *self, struct tern_error *err)
{
    struct tern_db_rows rows;
    int got;
    if (tern_db_query(db, &rows, select_products, TERN_DB_NO_ARGS, err) < 0) return -1;
    while ((got = tern_db_next(&rows, err)) > 0)
        visit(self, &(struct order_product){.product_id = tern_db_column_text(&rows, 0),
                                            .name = tern_db_column_text(&rows, 1),
                                            .quantity = tern_db_column_int(&rows, 2),
                                            .updated_at_ms = tern_db_column_int(&rows, 3),
                                            .price_minor = tern_db_column_int(&rows, 4),
                                            .currency = tern_db_column_text(&rows, 5)});
    tern_db_done(&rows);
    return got < 0 ? -1 : 0;
}

static const char select_price[] =
    "SELECT price_minor, currency FROM products WHERE product_id = ?1 AND price_minor IS NOT NULL";

int order_store_price(struct tern_db *db, const char *product_id, int64_t *ret_price_minor,
                      char ret_currency[TERN_WORD_SIZE], struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_price, TERN_DB_ARGS(tern_db_text(product_id)), err) < 0) return -1;
    int found = tern_db_next(&rows, err);
    if (found > 0) {
        *ret_price_minor = tern_db_column_int(&rows, 0);
        tern_copy_whole(ret_currency, TERN_WORD_SIZE, tern_db_column_text(&rows, 1));
    }
    tern_db_done(&rows);
    return found;
}
