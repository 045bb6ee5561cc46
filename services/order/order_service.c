/* order_service.c - order-service as one table, with its settings and its state.
 *
 * order-service takes orders over HTTP, consumes the answers of payment and inventory, and decides what becomes of each
 * order by the timetable of saga.c. */
#include "order_service.h"

#include <stdlib.h>

#include "order_fold.h"
#include "order_http.h"
#include "order_metrics.h"
#include "order_watch.h"

extern const struct tern_migration order_migrations[]; /* generated from schema/ (cmake/TernMigrations.cmake) */

/* clang-format off */
const struct tern_config_key order_config[] = {
    /* name            kind           default                       help                               limits aliases */
    { "PORT",          TERN_CFG_PORT, "3001",                       "port of the HTTP API",             NULL,  NULL },
    { "DATABASE_URL",  TERN_CFG_URL,  "sqlite:var/order-service.db", "the service's own store, sqlite:PATH; made when it is not there",          NULL,  NULL },
    { "ORDER_NUDGE_S", TERN_CFG_SECONDS, "10",                      "after how long an awaited answer is asked for again; then twice as long, up to 5 minutes", "1-300", NULL },
    { "ORDER_DEADLINE_S", TERN_CFG_SECONDS, "900",                  "after how long an order that waits is cancelled; time without the broker does not count", "1-2592000", NULL },
    { "PRICES",        TERN_CFG_CHOICE, "client",                   "catalogue: an order with another price than the one inventory-service publishes is refused", "client|catalogue", NULL },
    { "ORDER_PLACED_VERSION", TERN_CFG_CHOICE, "1.0",               "version of OrderPlaced that is published; 2.0 once every consumer reads it", "1.0|2.0", NULL },
    { NULL,            TERN_CFG_TEXT, NULL,                         NULL,                               NULL,  NULL },
};
/* clang-format on */

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
    .projections = order_projections,
    .watches_dead_letters = true,
    .routes = order_routes,
    .metrics = order_metrics,
    .open = open_state,
    .prepare = order_watch_prepare,
    .close = free,
};
