/* payment/payment.h - payment-service: the tables that make it a service, its state, and the calls between its files.
 *
 * Handlers and the `finish` of a job run on the writer's thread inside a unit of work, runs of jobs on the worker's
 * thread, payment_checks on a thread of the HTTP server; they share the state without a lock. */
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

/* The idempotency key of the charge of an order: "charge-<orderId>". The gateway knows it, so it never changes. */
void payment_charge_key(const char *order_id, char key[TERN_JOB_KEY_SIZE]);

/* The service's own state (ctx->self). Constant between open and close, but for the gateway's key. */
struct payment_state {
    struct payment_gateway gateway;     /* owned; closed by payment_close */
    struct simulated_gateway simulated; /* behind `gateway` without PAYMENT_GATEWAY_URL, else unused */
    int64_t most_attempts;              /* RETRY_MAX_ATTEMPTS: after as many, "never seen" ends a charge */
    int64_t late_check_ms;              /* PAYMENT_LATE_CHECK_S: from giving a charge up to the first late check */
};
/* 0; or -1 with `err` when a setting is wrong. Configuration and log must outlive the state. */
int payment_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
/* The settings that SIGHUP reads again; main thread, while the gateway is used. *ret_kept names one that stayed. */
extern const char *const payment_reloads[];
int payment_reload(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err);
void payment_close(void *self);

/* Adds the line "gateway" to /readyz. */
void payment_checks(struct tern_app *app, struct tern_readiness *readiness);

struct payment;
/* Begins the refund of a charged payment: REFUNDING, and a job. That of a free order becomes VOIDED, and PaymentVoided
 * is emitted: there is nothing to refund. Inside a unit of work. 0, or -1 with `err`: the unit must be undone. */
int payment_give_back(struct tern_context *ctx, struct payment *payment, struct tern_error *err);

#endif
