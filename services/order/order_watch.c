/* order_watch.c - what is done when an order has waited for long: a nudge, or the deadline.
 *
 * A late answer is nudged: the event that it answers is republished. A service that has handled it republishes its
 * answers, one that never got it handles it now. An answer that arrives at the same time as the deadline is safe: the
 * order is loaded in the transaction of the timer, and a status that has changed begins a new wait. No deadline passes
 * by the wall clock alone. */
#include "order_watch.h"

#include <string.h>

#include "order_drive.h"
#include "order_metrics.h"
#include "order_service.h"
#include "order_store.h"
#include "order_wait.h"
#include "tern/backoff.h"
#include "tern/event_log.h"

/* ---- when it fires ----------------------------------------------------------------------------------------- */

/* Republishes the event whose answer the order waits for. */
static int nudge(struct tern_context *ctx, const struct order_state *order, struct order_wait *wait,
                 struct tern_error *err)
{
    enum order_status status = order->saga.status;
    bool cancels = status == ORDER_INVENTORY_ISSUE || status == ORDER_CANCELLING;
    const char *question = cancels ? SHOP_TYPE(ORDER_CANCELLED)->name : SHOP_TYPE(ORDER_PLACED)->name;
    int64_t seq;
    int found = tern_event_log_newest(ctx->db, order->order_id, question, &seq, err);
    if (found < 0) return -1;
    TERN_ASSERT(found > 0, "an order that waits has emitted its question");
    if (tern_nudge(ctx, seq, err) < 0) return -1;
    order_wait_nudged(ctx, wait);
    tern_metric_add(ctx->metrics, &order_nudges_total, 1, wait->status, NULL, NULL);
    tern_log_info(ctx->log, "no answer yet, asked again", TERN_STR("orderId", order->order_id),
                  TERN_STR("status", wait->status), TERN_STR("eventType", question), TERN_INT("attempt", wait->nudges),
                  TERN_STR("correlationId", order->correlation_id));
    return 0;
}

/* The deadline as an input of the saga. A cancel that is not answered keeps the order waiting, so it gets a new
 * timer. */
static int give_up(struct tern_context *ctx, struct order_state *order, struct tern_error *err)
{
    const char *status = order_status_name(order->saga.status);
    tern_log_warn(ctx->log, "no answer in time", TERN_STR("orderId", order->order_id), TERN_STR("status", status),
                  TERN_STR("correlationId", order->correlation_id));
    tern_metric_add(ctx->metrics, &order_deadlines_total, 1, status, NULL, NULL);
    /* The events that follow belong to the order's conversation; a timer has none. */
    tern_copy_whole(ctx->conversation.correlation_id, sizeof ctx->conversation.correlation_id, order->correlation_id);
    if (order_drive(ctx, order, SAGA_DEADLINE, "", err) < 0) return -1;
    return saga_waits(order->saga.status) ? order_wait_begin(ctx, order, err) : 0;
}

/* An order that does not wait any more (its timer fired while it was answered) is done. */
static enum tern_outcome fire(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err)
{
    struct order_state order = {0};
    struct order_wait wait;
    int status = order_store_load(ctx->db, TERN_LIVE, timer->key, &order, err);
    if (status <= 0 || !saga_waits(order.saga.status)) goto done;

    order_wait_read(ctx, &order, timer->payload, &wait);
    if (order_wait_over(ctx, &wait)) {
        status = give_up(ctx, &order, err);
        goto done;
    }
    if (ctx->online_ms >= wait.next_ms) status = nudge(ctx, &order, &wait, err);
    if (status >= 0) status = order_wait_go_on(ctx, order.order_id, &wait, err);
done:
    order_fini(&order);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

const struct tern_timer_kind order_timers[] = {
    {order_wait_kind, fire},
    {NULL,            NULL},
};

/* ---- at the start ------------------------------------------------------------------------------------------ */

/* A visit of order_store_each_waiting. */
static int watch_waiting(void *self, const char *order_id, struct tern_error *err)
{
    struct tern_context *ctx = self;
    struct order_service_state *state = ctx->self;
    state->waiting++;
    return tern_timer_set_missing(ctx->db, order_wait_kind, order_id, ctx->now_ms, err);
}

int order_watch_prepare(struct tern_context *ctx, struct tern_error *err)
{
    struct order_service_state *state = ctx->self;
    state->waiting = 0;
    if (order_store_each_waiting(ctx->db, watch_waiting, ctx, err) < 0) return -1;
    order_metrics_show(ctx);
    return tern_timer_pull_in(ctx->db, order_wait_kind, ctx->now_ms + TERN_BACKOFF_MOST_MS, err);
}
