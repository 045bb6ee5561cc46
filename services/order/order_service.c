/* order_service.c - the service's table of contents, and the life of its state.
 *
 * order-service takes orders over HTTP, consumes the answers of payment and inventory, and decides what becomes of
 * each order by the timetable of saga.c. */
#include "order_service.h"

#include <stdlib.h>

#include "order_config.h"
#include "order_handlers.h"
#include "order_http.h"
#include "order_metrics.h"
#include "order_watch.h"

extern const struct tern_migration order_migrations[];

static int open_state(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    (void)log;
    (void)err;
    struct order_service_state *state = tern_alloc(sizeof *state);
    state->nudge_ms = tern_config_number(config, "ORDER_NUDGE_S") * 1000;
    state->deadline_ms = tern_config_number(config, "ORDER_DEADLINE_S") * 1000;
    *ret_self = state;
    return 0;
}

static int prepare(struct tern_context *ctx, struct tern_error *err)
{
    if (order_watch_prepare(ctx, err) < 0) return -1;
    order_metrics_show(ctx);
    return 0;
}

const struct tern_service order_service = {
    .name = SHOP_SERVICE_ORDER,
    .purpose = "takes orders and leads each one to its end",
    .config = order_config,
    .migrations = order_migrations,
    .catalogue = &shop_catalogue,
    .handlers = order_handlers,
    .handler_count = ORDER_HANDLER_COUNT,
    .timers = order_timers,
    .timers_need_broker = true,
    .watches_dead_letters = true,
    .routes = order_routes,
    .metrics = order_metrics,
    .open = open_state,
    .prepare = prepare,
    .close = free,
};
