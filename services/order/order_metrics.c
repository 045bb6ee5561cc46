/* order_metrics.c - how many orders reached each status, how many wait, how long they took, how often answers were
 * late.
 *
 * The number of waiting orders is counted once at the start (order_watch_prepare) and then kept, since counting rows
 * for each scrape would read the whole table. When a whole batch fails to commit, its changes stay counted: the gauge
 * is off until the next start. */
#include "order_metrics.h"

#include "order_service.h"

static const struct tern_metric orders_total = {"orders_total", TERN_COUNTER, "status",
                                                "Orders that have reached a status."};
static const struct tern_metric saga_in_progress = {"saga_in_progress", TERN_GAUGE, "",
                                                    "Orders that wait for an answer of another service."};
static const struct tern_metric order_completion_seconds = {
    "order_completion_seconds", TERN_HISTOGRAM, "", "Time from placing an order to each final status it reached."};

const struct tern_metric order_nudges_total = {"order_nudges_total", TERN_COUNTER, "status",
                                               "How often a late answer was asked for again, by what the order is."};
const struct tern_metric order_deadlines_total = {"order_deadlines_total", TERN_COUNTER, "status",
                                                  "Answers that did not come in time, by what the order was."};

const struct tern_metric order_contradictions_total = {"order_contradictions_total", TERN_COUNTER, "type",
                                                       "Events that contradict what is known of their order."};

const struct tern_metric *const order_metrics[] = {&orders_total,
                                                   &order_nudges_total,
                                                   &order_deadlines_total,
                                                   &saga_in_progress,
                                                   &order_completion_seconds,
                                                   &order_contradictions_total,
                                                   NULL};

void order_metrics_show(struct tern_context *ctx)
{
    const struct order_service_state *state = ctx->self;
    tern_metric_set(ctx->metrics, &saga_in_progress, (double)state->waiting, NULL, NULL);
}

/* Keeps the number of waiting orders, and its gauge. */
static void follow(struct tern_context *ctx, int change)
{
    struct order_service_state *state = ctx->self;
    if (change == 0) return;
    state->waiting += change;
    order_metrics_show(ctx);
}

void order_metrics_placed(struct tern_context *ctx)
{
    tern_metric_add(ctx->metrics, &orders_total, 1, order_status_name(ORDER_CREATED), NULL, NULL);
    follow(ctx, 1);
}

void order_metrics_moved(struct tern_context *ctx, enum order_status from, const struct order_state *order)
{
    enum order_status to = order->saga.status;
    if (from == to) return;
    tern_metric_add(ctx->metrics, &orders_total, 1, order_status_name(to), NULL, NULL);
    if (!saga_waits(to))
        tern_metric_observe(ctx->metrics, &order_completion_seconds,
                            (double)(ctx->now_ms - order->created_at_ms) / 1000, NULL);
    follow(ctx, saga_waits(to) - saga_waits(from));
}
