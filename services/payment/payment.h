/* payment/payment.h - payment-service as one value, the tables that it is made of (settings, handlers, jobs, routes,
 * metrics), and its state. */
#ifndef PAYMENT_H
#define PAYMENT_H

#include "gateway.h"
#include "tern/service.h"

enum { PAYMENT_HANDLERS = 2 };

extern const struct tern_service payment_service;
extern const struct tern_config_key payment_config[];
extern const struct tern_handler payment_handlers[PAYMENT_HANDLERS];
extern const struct tern_job_kind payment_jobs[];
extern const struct tern_http_route payment_routes[];
extern const struct tern_metric *const payment_metrics[];
extern const struct tern_migration payment_migrations[];

#define PAYMENT_JOB_CHARGE     "charge"
#define PAYMENT_JOB_REFUND     "refund"
#define PAYMENT_JOB_LATE_CHECK "late-check"

/* The idempotency key by which the gateway knows the charge of an order, for ever. */
void payment_charge_key(const char *order_id, char key[TERN_JOB_KEY_SIZE]);

/* The service's own state (ctx->self). Constant once it was opened, but for the gateway's key. */
struct payment_state {
    struct payment_gateway gateway;
    struct simulated_gateway simulated; /* what `gateway` calls without PAYMENT_GATEWAY_URL */
    int64_t most_attempts;              /* of a charge: from then on "never seen" of the gateway ends it */
    int64_t late_check_ms;              /* from an ERROR to the first check for a charge that came late */
};
int payment_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
extern const char *const payment_reloads[];
int payment_reload(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err);
void payment_close(void *self);

/* The line "gateway" in /readyz. */
void payment_checks(struct tern_app *app, struct tern_readiness *readiness);

struct payment;
/* Marks a charged payment REFUNDING and adds the job that refunds it; the payment of a free order becomes VOIDED, and
 * PaymentVoided is emitted. Inside a unit of work; 0, or -1 with `err`. */
int payment_give_back(struct tern_context *ctx, struct payment *payment, struct tern_error *err);

#endif
