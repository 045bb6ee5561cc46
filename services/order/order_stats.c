/* order_stats.c - the fold behind GET /stats: which figures an event changes.
 *
 * An OrderUpdated carries neither value nor day: both are read from `orders`, where they never change. A row is written
 * for every day, currency and status that an event has touched, also when it changed nothing in the end, so that the
 * rows do not depend on how many events were folded together. */
#include "order_stats.h"

#include <string.h>

#include "order.h"
#include "order_replay.h"
#include "tern/clock.h"

/* What no event changes. */
struct placed {
    int64_t total_minor, created_at_ms;
    char currency[TERN_WORD_SIZE];
};

static const char select_placed[] = "SELECT total_minor, created_at_ms, currency FROM orders WHERE order_id = ?1";

static int load_placed(struct tern_db *db, const char *order_id, struct placed *ret_placed, struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_placed, TERN_DB_ARGS(tern_db_text(order_id)), err) < 0) return -1;
    int found = tern_db_next(&rows, err);
    if (found > 0) {
        ret_placed->total_minor = tern_db_column_int(&rows, 0);
        ret_placed->created_at_ms = tern_db_column_int(&rows, 1);
        tern_copy_whole(ret_placed->currency, sizeof ret_placed->currency, tern_db_column_text(&rows, 2));
    }
    tern_db_done(&rows);
    if (found == 0) (void)tern_error_set(err, "there is no order %s", order_id);
    return found > 0 ? 0 : -1;
}

/* ---- in memory ---- */

/* The change of that day, currency and status; a full list is written first. NULL with `err`. */
static struct order_stats_change *change_of(const struct tern_fold *fold, int64_t at_ms, const char *currency,
                                            enum order_status status, struct tern_error *err)
{
    struct order_stats_fold *stats = fold->state;
    char time[TERN_TIME_SIZE];
    tern_time_format(at_ms, time);
    time[ORDER_DAY_SIZE - 1] = '\0';
    for (size_t i = 0; i < stats->count; i++) {
        struct order_stats_change *change = &stats->changes[i];
        if (change->status == status && strcmp(change->day, time) == 0 && strcmp(change->currency, currency) == 0)
            return change;
    }
    if (stats->count == ORDER_STATS_MOST && order_stats_write(fold, true, err) < 0) return NULL;
    struct order_stats_change *change = &stats->changes[stats->count++];
    *change = (struct order_stats_change){.status = status};
    tern_copy_whole(change->day, sizeof change->day, time);
    tern_copy_whole(change->currency, sizeof change->currency, currency);
    return change;
}

static int count_order(const struct tern_fold *fold, const struct placed *placed, enum order_status status, int by,
                       struct tern_error *err)
{
    struct order_stats_change *change = change_of(fold, placed->created_at_ms, placed->currency, status, err);
    if (!change) return -1;
    change->orders += by;
    change->minor += by * placed->total_minor;
    return 0;
}

static int move_order(const struct tern_fold *fold, const struct shop_order_updated *updated, struct tern_error *err)
{
    enum order_status before, now;
    struct placed placed;
    if (order_status_parse(updated->previous_status, &before) < 0 || order_status_parse(updated->status, &now) < 0)
        return tern_error_set(err, "the unknown status %s or %s", updated->previous_status, updated->status);
    if (load_placed(fold->db, updated->order_id, &placed, err) < 0 || count_order(fold, &placed, before, -1, err) < 0)
        return -1;
    return count_order(fold, &placed, now, 1, err);
}

static int move_money(const struct tern_fold *fold, const char *order_id, int64_t at_ms, int64_t captured_minor,
                      int64_t refunded_minor, struct tern_error *err)
{
    struct placed placed;
    if (load_placed(fold->db, order_id, &placed, err) < 0) return -1;
    struct order_stats_change *change = change_of(fold, at_ms, placed.currency, ORDER_STATUS_COUNT, err);
    if (!change) return -1;
    change->orders += captured_minor;
    change->minor += refunded_minor;
    return 0;
}

int order_stats_event(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err)
{
    enum shop_event type = shop_event_named(event->event->type);
    union order_payload payload;
    if (shop_decode(type, event->event, &payload, err) < 0) return -1;
    if (type == SHOP_ORDER_PLACED) {
        struct placed placed = {payload.order_placed.total_amount_minor, payload.order_placed.created_at_ms, ""};
        tern_copy_whole(placed.currency, sizeof placed.currency, payload.order_placed.currency);
        return count_order(fold, &placed, ORDER_CREATED, 1, err);
    }
    if (type == SHOP_ORDER_UPDATED) return move_order(fold, &payload.order_updated, err);
    if (type == SHOP_PAYMENT_PROCESSED)
        return move_money(fold, payload.order_id, payload.payment_processed.processed_at_ms,
                          payload.payment_processed.amount_minor, 0, err);
    TERN_ASSERT(type == SHOP_PAYMENT_REFUNDED, "a type of the projection's row");
    return move_money(fold, payload.order_id, payload.payment_refunded.refunded_at_ms, 0,
                      payload.payment_refunded.amount_minor, err);
}

/* ---- to the tables ---- */

#define SELECT_ORDERS(side)                                                                     \
    "SELECT orders, value_minor FROM order_stats" side " WHERE day = ?1 AND currency = ?2 AND " \
    "status = ?3"
#define KEEP_ORDERS(side)                                                                                   \
    "INSERT INTO order_stats" side " (day, currency, status, orders, value_minor) VALUES (?1, ?2, ?3, ?4, " \
    "?5) ON CONFLICT (day, currency, status) DO UPDATE SET orders = excluded.orders, value_minor = "        \
    "excluded.value_minor"
#define SELECT_MONEY(side) \
    "SELECT captured_minor, refunded_minor FROM money_stats" side " WHERE day = ?1 AND currency = ?2"
#define KEEP_MONEY(side)                                                                                   \
    "INSERT INTO money_stats" side " (day, currency, captured_minor, refunded_minor) VALUES (?1, ?2, ?3, " \
    "?4) ON CONFLICT (day, currency) DO UPDATE SET captured_minor = excluded.captured_minor, "             \
    "refunded_minor = excluded.refunded_minor"
static const char *const select_orders[TERN_SIDES] = TERN_PROJECTION_SQL(SELECT_ORDERS);
static const char *const keep_orders[TERN_SIDES] = TERN_PROJECTION_SQL(KEEP_ORDERS);
static const char *const select_money[TERN_SIDES] = TERN_PROJECTION_SQL(SELECT_MONEY);
static const char *const keep_money[TERN_SIDES] = TERN_PROJECTION_SQL(KEEP_MONEY);

/* Stays within what a row can hold: a hundred thousand orders of the highest price are more than 64 bits. */
static int64_t add(int64_t figure, int64_t change)
{
    int64_t sum;
    if (__builtin_add_overflow(figure, change, &sum)) return INT64_MAX;
    return sum > 0 ? sum : 0;
}

/* Changes both figures of a row, which is made when it is not there. `key` has `keys` values. */
static int add_to_row(struct tern_db *db, const char *select, const char *keep, const struct tern_db_value *key,
                      size_t keys, const struct order_stats_change *change, struct tern_error *err)
{
    struct tern_db_value values[5];
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select, key, keys, err) < 0) return -1;
    int found = tern_db_next(&rows, err);
    int64_t first = found > 0 ? tern_db_column_int(&rows, 0) : 0, second = found > 0 ? tern_db_column_int(&rows, 1) : 0;
    tern_db_done(&rows);
    if (found < 0) return -1;
    memcpy(values, key, keys * sizeof *key);
    values[keys] = tern_db_int(add(first, change->orders));
    values[keys + 1] = tern_db_int(add(second, change->minor));
    return tern_db_run(db, keep, values, keys + 2, err) < 0 ? -1 : 0;
}

int order_stats_write(const struct tern_fold *fold, bool all, struct tern_error *err)
{
    struct order_stats_fold *stats = fold->state;
    (void)all;
    for (size_t i = 0; i < stats->count; i++) {
        const struct order_stats_change *change = &stats->changes[i];
        bool money = change->status == ORDER_STATUS_COUNT;
        const struct tern_db_value key[] = {tern_db_text(change->day), tern_db_text(change->currency),
                                            tern_db_text(money ? "" : order_status_name(change->status))};
        if (add_to_row(fold->db, money ? select_money[fold->side] : select_orders[fold->side],
                       money ? keep_money[fold->side] : keep_orders[fold->side], key, money ? 2 : 3, change, err) < 0)
            return -1;
    }
    stats->count = 0;
    return 0;
}
