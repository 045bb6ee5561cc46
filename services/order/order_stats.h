/* order_stats.h - figures about orders and money, by day: a projection with a position of its own.
 *
 * It lags a fraction of a second behind the orders, so that no order pays for it; GET /stats says how far. */
#ifndef ORDER_ORDER_STATS_H
#define ORDER_ORDER_STATS_H

#include "saga.h"
#include "shop/events.h"
#include "tern/projection.h"

#define ORDER_STATS "order_stats" /* the projection's name */

enum { ORDER_DAY_SIZE = 11 }; /* "2026-11-23" */

/* Changes of the figures of one day, currency and, for orders, status. */
struct order_stats_change {
    char day[ORDER_DAY_SIZE]; /* UTC */
    char currency[TERN_WORD_SIZE];
    enum order_status status; /* ORDER_STATUS_COUNT: of money */
    int64_t orders;           /* of orders: how many; of money: captured, minor units */
    int64_t minor;            /* of orders: their value; of money: refunded */
};

/* What was folded and is not written: few rows, since many events are about the same day and status. */
enum { ORDER_STATS_MOST = 64 };
struct order_stats_fold {
    size_t count;
    struct order_stats_change changes[ORDER_STATS_MOST];
};
int order_stats_event(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err);
int order_stats_write(const struct tern_fold *fold, bool all, struct tern_error *err);

#endif
