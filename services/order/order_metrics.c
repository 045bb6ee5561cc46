/* order_metrics.c - how many orders reached each status, are under way, how long they took, how often answers were late.
 *
 * The gauge is counted once at the start and then follows what happens. A commit that fails as a whole is not taken
 * back here: the gauge is right again after the next start. */
#include "order_metrics.h"

static const struct tern_metric orders_total = {"orders_total", TERN_COUNTER, "status",
                                                "Orders that have reached a status."};
static const struct tern_metric saga_in_progress = {"saga_in_progress", TERN_GAUGE, "",
                                                    "Orders that wait for an answer of another service."};
static const struct tern_metric order_completion_seconds = {
    "order_completion_seconds", TERN_HISTOGRAM, "", "Time from placing an order to each final status it reached."};

static const struct tern_metric order_nudges_total = {
    "order_nudges_total", TERN_COUNTER, "status", "How often a late answer was asked for again, by what the order is."};
static const struct tern_metric order_deadlines_total = {"order_deadlines_total", TERN_COUNTER, "status",
                                                         "Answers that did not come in time, by what the order was."};

static const struct tern_metric order_contradictions_total = {"order_contradictions_total", TERN_COUNTER, "type",
                                                              "Events that contradict what is known of their order."};

const struct tern_metric *const order_metrics[] = {&orders_total,
                                                   &order_nudges_total,
                                                   &order_deadlines_total,
                                                   &saga_in_progress,
                                                   &order_completion_seconds,
                                                   &order_contradictions_total,
                                                   NULL};

void order_metrics_show(struct tern_metrics *metrics, const struct order_progress *progress)
{
    tern_metric_set(metrics, &saga_in_progress, (double)progress->waiting, NULL, NULL);
}

static void follow(struct tern_metrics *metrics, struct order_progress *progress, int change)
{
    if (progress == NULL || change == 0) return;
    progress->waiting += change;
    order_metrics_show(metrics, progress);
}

void order_metrics_placed(struct tern_metrics *metrics, struct order_progress *progress)
{
    tern_metric_add(metrics, &orders_total, 1, order_status_name(ORDER_CREATED), NULL, NULL);
    follow(metrics, progress, 1);
}

void order_metrics_moved(struct tern_metrics *metrics, struct order_progress *progress, enum order_status from,
                         const struct order_state *order, int64_t now_ms)
{
    const bool final = saga_is_final(order->saga.status);

    if (from == order->saga.status) return;
    tern_metric_add(metrics, &orders_total, 1, order_status_name(order->saga.status), NULL, NULL);
    if (final)
        tern_metric_observe(metrics, &order_completion_seconds, (double)(now_ms - order->created_at_ms) / 1000, NULL);
    follow(metrics, progress, (final ? 0 : 1) - (saga_is_final(from) ? 0 : 1));
}

void order_metrics_asked(struct tern_metrics *metrics, enum order_status status)
{
    tern_metric_add(metrics, &order_nudges_total, 1, order_status_name(status), NULL, NULL);
}

void order_metrics_gave_up(struct tern_metrics *metrics, enum order_status status)
{
    tern_metric_add(metrics, &order_deadlines_total, 1, order_status_name(status), NULL, NULL);
}

void order_metrics_contradicted(struct tern_metrics *metrics, const char *type)
{
    tern_metric_add(metrics, &order_contradictions_total, 1, type, NULL, NULL);
}
