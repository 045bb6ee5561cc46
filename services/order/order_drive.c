/* order_drive.c - from the saga's rows to events and to the row of `orders`.
 *
 * The saga decides (saga_play), this file acts: for each row, OrderUpdated when the status changes and OrderCancelled
 * when the row emits it, each applied to the order as a replay would apply it. At the end the fold has the status that
 * the saga gave. */
#include "order_drive.h"

#include "order_metrics.h"
#include "order_store.h"
#include "order_wait.h"
#include "tern/outbox.h"

/* The product is named when it is the cause: a customer wants to know which one was out of stock. */
static int emit_updated(struct tern_context *ctx, struct order_state *order, const struct saga_row *row,
                        struct tern_error *err)
{
    struct shop_order_updated updated = {.updated_at_ms = ctx->now_ms};
    struct tern_emitted emitted;
    tern_copy_whole(updated.order_id, sizeof updated.order_id, order->order_id);
    tern_copy_whole(updated.customer_id, sizeof updated.customer_id, order->customer_id);
    tern_copy_whole(updated.status, sizeof updated.status, order_status_name(row->becomes));
    tern_copy_whole(updated.previous_status, sizeof updated.previous_status, order_status_name(row->while_in));
    if (row->input == SAGA_PRODUCT_OUT_OF_STOCK)
        tern_copy_whole(updated.product_id, sizeof updated.product_id, order->product_id);
    if (shop_emit_order_updated(ctx, &updated, &emitted, err) < 0) return -1;
    order_apply(order, &(struct order_change){.event = SHOP_ORDER_UPDATED,
                                              .payload = &updated,
                                              .status = row->becomes,
                                              .version = emitted.subject_version,
                                              .at_ms = ctx->now_ms});
    tern_log_info(ctx->log, "status changed", TERN_STR("orderId", order->order_id),
                  TERN_STR("from", updated.previous_status), TERN_STR("to", updated.status),
                  TERN_STR("correlationId", order->correlation_id));
    return 0;
}

/* Every OrderCancelled of an order has the reason and the note of the first. */
static int emit_cancelled(struct tern_context *ctx, struct order_state *order, const struct saga_row *row,
                          const char *note, struct tern_error *err)
{
    const char *reason = row->reason == SAGA_REASON_KEPT ? order->reason : order_reason_name(row->reason);
    struct shop_order_cancelled cancelled = {.cancelled_at_ms = ctx->now_ms};
    struct tern_emitted emitted;
    tern_copy_whole(cancelled.order_id, sizeof cancelled.order_id, order->order_id);
    tern_copy_whole(cancelled.customer_id, sizeof cancelled.customer_id, order->customer_id);
    tern_copy_whole(cancelled.reason, sizeof cancelled.reason, reason);
    tern_copy_whole(cancelled.note, sizeof cancelled.note, note[0] ? note : order->note);
    if (order_items(order, &cancelled.items, err) < 0) return -1;
    if (shop_emit_order_cancelled(ctx, &cancelled, &emitted, err) < 0) return -1;
    order_apply(order, &(struct order_change){.event = SHOP_ORDER_CANCELLED,
                                              .payload = &cancelled,
                                              .version = emitted.subject_version,
                                              .at_ms = ctx->now_ms});
    return 0;
}

/* Logs why an order that took an input has kept its status. `row` is the first that was played. */
static void log_stay(struct tern_context *ctx, const struct order_state *order, const struct saga_row *row)
{
    const char *what = "nothing to change";
    if (row->emits == SAGA_EMITS_ORDER_CANCELLED)
        what = row->input == SAGA_DEADLINE ? "asked again" : "came too late, asked to be undone";
    else if (saga_waits(order->saga.status))
        what = "remembered";
    tern_log_info(ctx->log, what, TERN_STR("orderId", order->order_id),
                  TERN_STR("status", order_status_name(order->saga.status)),
                  TERN_STR("money", order_money_name(order->saga.money)),
                  TERN_STR("stock", order->saga.released ? "RELEASED" : order_stock_name(order->saga.stock)),
                  TERN_STR("correlationId", order->correlation_id));
}

int order_drive(struct tern_context *ctx, struct order_state *order, enum saga_input input, const char *note,
                struct tern_error *err)
{
    const struct saga_row *steps[SAGA_STEPS_MAX];
    enum order_status from = order->saga.status;
    struct saga_view view = order->saga;
    size_t count = saga_play(&view, input, steps);

    for (size_t i = 0; i < count; i++) {
        const struct saga_row *row = steps[i];
        if (row->becomes != row->while_in && emit_updated(ctx, order, row, err) < 0) return -1;
        if (row->emits == SAGA_EMITS_ORDER_CANCELLED && emit_cancelled(ctx, order, row, note, err) < 0) return -1;
    }
    TERN_ASSERT(order->saga.status == view.status, "the fold has the status that the saga gave");
    if (order_store_update(ctx->db, TERN_LIVE, order, err) < 0) return -1;

    /* Only a waiting order has a timer. From one waiting status to the next it stays, and finds the new status when it
     * fires. */
    bool waited = saga_waits(from), waits = saga_waits(view.status);
    if (waits && !waited && order_wait_begin(ctx, order, err) < 0) return -1;
    if (waited && !waits && order_wait_end(ctx, order, err) < 0) return -1;
    if (view.status == from) log_stay(ctx, order, steps[0]);
    order_metrics_moved(ctx, from, order);
    return 0;
}
