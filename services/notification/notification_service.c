/* notification_service.c - the service's table of contents: each row names the file that it comes from. */
#include "notification.h"

const struct tern_service notification_service = {
    .name = SHOP_SERVICE_NOTIFICATION,
    .purpose = "writes to customers and the administrator about what happened, once each",
    .config = notification_config,
    .migrations = notification_migrations,
    .catalogue = &shop_catalogue,
    .handlers = notification_handlers,
    .handler_count = NOTIFICATION_HANDLERS,
    .jobs = notification_jobs,
    .routes = notification_routes,
    .metrics = notification_metrics,
    .open = notification_open,
    .close = notification_close,
};
