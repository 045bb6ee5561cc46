/* notification_service.c - notification-service as one table, with its settings and its state.
 *
 * A setting that could never be sent to is refused at the start, so --check-config finds it. */
#include <stdlib.h>
#include <string.h>

#include "notification.h"

const struct tern_config_key notification_config[] = {
    {"PORT",         TERN_CFG_PORT, "3004",                               "port of the HTTP API",                       NULL, NULL},
    {"DATABASE_URL", TERN_CFG_URL,  "sqlite:var/notification-service.db",
     "the service's own store, sqlite:PATH; made when it is not there",                                                 NULL, NULL},
    {"ADMIN_EMAIL",  TERN_CFG_TEXT, "admin@store.com",                    "who is told that a product is out of stock", NULL, NULL},
    {NULL,           TERN_CFG_TEXT, NULL,                                 NULL,                                         NULL, NULL},
};

int notification_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    const char *admin_email = tern_config_text(config, "ADMIN_EMAIL");
    char fits[SHOP_TEXT_SIZE]; /* NotificationSent carries the address, unchanged */
    shop_set_text(fits, admin_email);
    if (!shop_is_email(admin_email) || strcmp(fits, admin_email) != 0)
        return tern_error_set(err, "ADMIN_EMAIL must be an e-mail address, not \"%.60s\"", admin_email);
    struct notification_state *state = tern_alloc(sizeof *state);
    state->admin_email = admin_email;
    state->channels[0] = channel_to_log(SHOP_METHOD_EMAIL, log);
    state->channels[1] = channel_to_log(SHOP_METHOD_SMS, log);
    *ret_self = state;
    return 0;
}

void notification_close(void *self)
{
    free(self);
}

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
