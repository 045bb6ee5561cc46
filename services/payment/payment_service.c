/* payment_service.c - payment-service as one table, with its settings and its state.
 *
 * A key or certificates of a gateway without PAYMENT_GATEWAY_URL are refused: with the simulated gateway no money
 * moves, and whoever set them expects that it does. */
#include <stdlib.h>

#include "payment.h"
#include "payment_metrics.h"
#include "tern/http_client.h"

/* clang-format off */
const struct tern_config_key payment_config[] = {
/*  name, kind, default,
        help,
        limits, aliases */
    {"PORT", TERN_CFG_PORT, "3002",
     "port of the HTTP API",
     NULL, NULL},
    {"DATABASE_URL", TERN_CFG_URL, "sqlite:var/payment-service.db",
     "the service's own store, sqlite:PATH; made when it is not there",
     NULL, NULL},
    {"PAYMENT_SUCCESS_RATE", TERN_CFG_RATIO, "0.8",
     "simulated gateway: chance that a charge is approved, 0 to 1",
     NULL, NULL},
    {"PAYMENT_DELAY_MS", TERN_CFG_MS_RANGE, "1000-3000",
     "simulated gateway: how long a charge or refund takes, a-b or one number; 0: no time",
     NULL, NULL},
    {"PAYMENT_GATEWAY_URL", TERN_CFG_URL, "",
     "a gateway over HTTP instead of the simulated one",
     NULL, NULL},
    {"PAYMENT_GATEWAY_KEY", TERN_CFG_SECRET, "",
     "bearer token that the gateway is asked with",
     NULL, NULL},
    {"PAYMENT_GATEWAY_CA_FILE", TERN_CFG_PATH, "",
     "certificates to trust when the gateway is asked over https; without it the system's",
     NULL, NULL},
    {"PAYMENT_GATEWAY_TIMEOUT_MS", TERN_CFG_MS, "10000",
     "how long one call to the gateway may take; then its outcome counts as unknown",
     "100-120000", NULL},
    {"PAYMENT_LATE_CHECK_S", TERN_CFG_SECONDS, "600",
     "pause before a charge that was given up is looked for at the gateway; the four looks after it come three times as late each",
     "1-86400", NULL},
    {NULL, TERN_CFG_TEXT, NULL, NULL, NULL, NULL},
};
/* clang-format on */

int payment_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    static const char *const of_gateway[] = {"PAYMENT_GATEWAY_KEY", "PAYMENT_GATEWAY_CA_FILE"};
    bool over_http = tern_config_text(config, "PAYMENT_GATEWAY_URL")[0] != '\0';
    for (size_t i = 0; i < TERN_COUNT(of_gateway); i++)
        if (!over_http && tern_config_text(config, of_gateway[i])[0])
            return tern_error_set(err, "%s: is set, but PAYMENT_GATEWAY_URL is not", of_gateway[i]);
    struct payment_state *state = tern_alloc(sizeof *state);
    state->most_attempts = tern_config_number(config, "RETRY_MAX_ATTEMPTS");
    state->late_check_ms = tern_config_number(config, "PAYMENT_LATE_CHECK_S") * 1000;
    if (!over_http) {
        simulated_gateway_init(&state->simulated, config, &state->gateway);
    } else if (http_gateway_open(config, log, &state->gateway, err) < 0) {
        free(state);
        return -1;
    }
    *ret_self = state;
    return 0;
}

/* A new key is used from the next call on. Everything else needs a restart. */
const char *const payment_reloads[] = {"PAYMENT_GATEWAY_KEY", NULL};

int payment_reload(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err)
{
    const struct payment_state *state = self;
    (void)err;
    if (state->gateway.reload && !state->gateway.reload(state->gateway.self, config)) *ret_kept = payment_reloads[0];
    return 0;
}

void payment_close(void *self)
{
    struct payment_state *state = self;
    if (state && state->gateway.close) state->gateway.close(state->gateway.self);
    free(state);
}

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
