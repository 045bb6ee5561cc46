/* payment_service.c - the service's table of contents: each row names the file that it comes from. */
#include "payment.h"
#include "payment_metrics.h"
#include "tern/http_client.h"

const struct tern_service payment_service = {
    .name = SHOP_SERVICE_PAYMENT,
    .purpose = "charges what was ordered, once, and gives it back when the order is cancelled",
    .config = payment_config,
    .migrations = payment_migrations,
    .catalogue = &shop_catalogue,
    .handlers = payment_handlers,
    .handler_count = PAYMENT_HANDLERS,
    .jobs = payment_jobs,
    .routes = payment_routes,
    .metrics = payment_metrics,
    .gauges = payment_gauges,
    .checks = payment_checks,
    .open = payment_open,
    .reload = payment_reload,
    .reloads = payment_reloads,
    .close = payment_close,
    .library = tern_http_client_version,
};
