/* payment/payment_metrics.h - the metrics of payment-service: payments by outcome, late charges, unfinished jobs.
 *
 * Counting calls belong to a unit of work, after what they count has been written. */
#ifndef PAYMENT_METRICS_H
#define PAYMENT_METRICS_H

#include "payment_store.h"
#include "tern/service.h"

/* A payment has got a status in which it may stay. */
void payment_metrics_ended(struct tern_metrics *metrics, enum payment_status status);
/* A charge that was given up has turned up. */
void payment_metrics_late(struct tern_metrics *metrics);
/* Sets the gauges from the unfinished jobs in the store; before each scrape, on a thread of the HTTP server. */
void payment_gauges(struct tern_app *app);

#endif
