/* payment_metrics.c - the metrics of payment-service.
 *
 * Counters count since the start. Gauges are read from the jobs in the store, so they are right after a crash. */
#include "payment_metrics.h"

#include "payment.h"

static const struct tern_metric payments_total = {"payments_total", TERN_COUNTER, "result",
                                                  "Payments by what became of them."};
static const struct tern_metric payment_late_charges_total = {
    "payment_late_charges_total", TERN_COUNTER, "",
    "Charges that were given up and turned up later; their money is paid back."};
static const struct tern_metric payment_charges_unresolved = {
    "payment_charges_unresolved", TERN_GAUGE, "",
    "Charges that were asked for without a usable answer, so that money may have been taken."};
static const struct tern_metric payment_refunds_outstanding = {"payment_refunds_outstanding", TERN_GAUGE, "",
                                                               "Refunds that are owed and not done."};
static const struct tern_metric payment_refunds_failing = {
    "payment_refunds_failing", TERN_GAUGE, "", "Of these, the refunds that the gateway has not done when asked."};

const struct tern_metric *const payment_metrics[] = {&payments_total,
                                                     &payment_late_charges_total,
                                                     &payment_charges_unresolved,
                                                     &payment_refunds_outstanding,
                                                     &payment_refunds_failing,
                                                     NULL};

void payment_metrics_ended(struct tern_metrics *metrics, enum payment_status status)
{
    tern_metric_add(metrics, &payments_total, 1, payment_status_name(status), NULL, NULL);
}

void payment_metrics_late(struct tern_metrics *metrics)
{
    tern_metric_add(metrics, &payment_late_charges_total, 1, NULL, NULL, NULL);
}

/* A store that does not answer leaves the gauges as they were. */
void payment_gauges(struct tern_app *app)
{
    struct tern_metrics *metrics = tern_app_metrics(app);
    struct tern_db *db = tern_app_reader(app, NULL);
    struct tern_job_counts charges, refunds;
    if (db && tern_job_count(db, PAYMENT_JOB_CHARGE, &charges, NULL) == 0 &&
        tern_job_count(db, PAYMENT_JOB_REFUND, &refunds, NULL) == 0) {
        tern_metric_set(metrics, &payment_charges_unresolved, (double)charges.failing, NULL, NULL);
        tern_metric_set(metrics, &payment_refunds_outstanding, (double)refunds.pending, NULL, NULL);
        tern_metric_set(metrics, &payment_refunds_failing, (double)refunds.failing, NULL, NULL);
    }
    tern_app_reader_done(app, db);
}
