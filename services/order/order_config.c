/* order_config.c - the settings of order-service, as --help shows them. */
#include "order_config.h"

/* clang-format off */
const struct tern_config_key order_config[] = {
    /* name            kind           default                       help                               limits aliases */
    { "PORT",          TERN_CFG_PORT, "3001",                       "port of the HTTP API",             NULL,  NULL },
    { "DATABASE_URL",  TERN_CFG_URL,  "sqlite:var/order-service.db", "the service's own store, sqlite:PATH; made when it is not there",          NULL,  NULL },
    { "ORDER_NUDGE_S", TERN_CFG_SECONDS, "10",                      "after how long an awaited answer is asked for again; then twice as long, up to 5 minutes", "1-300", NULL },
    { "ORDER_DEADLINE_S", TERN_CFG_SECONDS, "900",                  "after how long an order that waits is cancelled; time without the broker does not count", "1-2592000", NULL },
    { NULL,            TERN_CFG_TEXT, NULL,                         NULL,                               NULL,  NULL },
};
/* clang-format on */
