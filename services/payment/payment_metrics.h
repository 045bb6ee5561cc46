/* payment/payment_metrics.h - what payment-service counts: payments by outcome, late money, what the gateway still
 * owes. */
#ifndef PAYMENT_METRICS_H
#define PAYMENT_METRICS_H

#include "payment_store.h"
#include "tern/service.h"

void payment_metrics_ended(struct tern_metrics *metrics, enum payment_status status);
void payment_metrics_late(struct tern_metrics *metrics);
/* Sets the gauges from the jobs that are left; HTTP thread. */
void payment_gauges(struct tern_app *app);

#endif
