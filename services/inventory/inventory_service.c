/* inventory_service.c - the service's table of contents: each row names the file that it comes from. */
#include "inventory.h"

const struct tern_service inventory_service = {
    .name = SHOP_SERVICE_INVENTORY,
    .purpose = "gives an order all of its lines or none, and takes them back when it is cancelled",
    .config = inventory_config,
    .migrations = inventory_migrations,
    .catalogue = &shop_catalogue,
    .handlers = inventory_handlers,
    .handler_count = INVENTORY_HANDLERS,
    .routes = inventory_routes,
    .metrics = inventory_metrics,
    .open = inventory_open,
    .prepare = inventory_prepare,
    .gauges = inventory_gauges,
    .close = inventory_close,
};
