/* payment/payment.h - the service, and the tables that it is made of: settings, handlers, jobs, routes, metrics; and the state. */
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

/* The gateway knows a charge by this key, for ever. */
void payment_charge_key(const char *order_id, char key[TERN_JOB_KEY_SIZE]);

/* The service's own state. */
struct payment_state {
    struct payment_gateway gateway;
    struct simulated_gateway simulated;
    int64_t most_attempts; /* of a charge, before the gateway's "never seen" counts as its end */
    int64_t late_check_ms; /* from an ERROR to the first look for a charge that came late */
};
int payment_open(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
extern const char *const payment_reloads[];
int payment_reload(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err);
void payment_close(void *self);

/* "gateway" in /readyz. */
void payment_checks(struct tern_app *app, struct tern_readiness *readiness);

struct payment;
/* Marks a charged payment REFUNDING and adds the job that gives the money back; a free order's becomes VOIDED, and that is
 * said. Inside a unit of work. */
int payment_give_back(struct tern_context *ctx, struct payment *payment, struct tern_error *err);

#endif
