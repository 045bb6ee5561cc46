/* order_drive.c - from the saga's rows to events and to the row of `orders`.
 *
 * The saga decides (saga_play), this file only does: for each row gone through, OrderUpdated when the status changed
 * and OrderCancelled when the row says so, each folded into the order as a replay would fold it. At the end the fold
 * must stand where the saga said. */
#include "order_drive.h"

#include "order_metrics.h"
#include "order_store.h"
#include "order_watch.h"

static void order_drive_fold(struct order_state *order, enum shop_event event, const void *payload,
                             const struct tern_emitted *emitted, int64_t now_ms)
{
    order_apply(order, &(struct order_change){.event = event,
                                              .payload = payload,
                                              .correlation_id = emitted->event.correlation_id,
                                              .version = emitted->subject_version,
                                              .at_ms = now_ms});
}

static void order_drive_copy(char *target, size_t size, const char *text)
{
    const int fits = tern_copy(target, size, text);

    TERN_ASSERT(fits == 0, "what an order holds fits into its events");
}

static int order_drive_say_updated(struct tern_context *ctx, struct order_state *order, const struct saga_row *row,
                                   struct tern_error *err)
{
    struct shop_order_updated updated = {.updated_at_ms = ctx->now_ms};
    struct tern_emitted emitted;

    order_drive_copy(updated.order_id, sizeof(updated.order_id), order->order_id);
    order_drive_copy(updated.customer_id, sizeof(updated.customer_id), order->customer_id);
    order_drive_copy(updated.status, sizeof(updated.status), order_status_name(row->becomes));
    order_drive_copy(updated.previous_status, sizeof(updated.previous_status), order_status_name(row->while_in));
    if (row->hears == SAGA_PRODUCT_OUT_OF_STOCK)
        order_drive_copy(updated.product_id, sizeof(updated.product_id), order->product_id);
    if (shop_emit_order_updated(ctx, &updated, &emitted, err) < 0) return -1;
    order_drive_fold(order, SHOP_ORDER_UPDATED, &updated, &emitted, ctx->now_ms);
    tern_log_info(ctx->log, "status changed", TERN_STR("orderId", order->order_id),
                  TERN_STR("from", updated.previous_status), TERN_STR("to", updated.status),
                  TERN_STR("correlationId", order->correlation_id));
    return 0;
}

/* Every OrderCancelled of an order carries the words of the first, as it does its reason. */
static int order_drive_say_cancelled(struct tern_context *ctx, struct order_state *order, const struct saga_row *row,
                                     const char *note, struct tern_error *err)
{
    const char *reason = row->reason == SAGA_REASON_KEPT ? order->reason : order_reason_name(row->reason);
    struct shop_order_cancelled cancelled = {.cancelled_at_ms = ctx->now_ms};
    struct tern_emitted emitted;

    order_drive_copy(cancelled.order_id, sizeof(cancelled.order_id), order->order_id);
    order_drive_copy(cancelled.customer_id, sizeof(cancelled.customer_id), order->customer_id);
    order_drive_copy(cancelled.reason, sizeof(cancelled.reason), reason);
    order_drive_copy(cancelled.note, sizeof(cancelled.note), note[0] != '\0' ? note : order->note);
    if (order_items(order, &cancelled.items, err) < 0) return -1;
    if (shop_emit_order_cancelled(ctx, &cancelled, &emitted, err) < 0) return -1;
    order_drive_fold(order, SHOP_ORDER_CANCELLED, &cancelled, &emitted, ctx->now_ms);
    return 0;
}

static int order_drive_step(struct tern_context *ctx, struct order_state *order, const struct saga_row *row,
                            const char *note, struct tern_error *err)
{
    if (row->becomes != row->while_in && order_drive_say_updated(ctx, order, row, err) < 0) return -1;
    if (row->says == SAGA_ORDER_CANCELLED_EVENT && order_drive_say_cancelled(ctx, order, row, note, err) < 0) return -1;
    return 0;
}

/* For the reader of the story: why an order that heard something stayed as it was. */
static void order_drive_tell_stay(struct tern_context *ctx, const struct order_state *order, const struct saga_row *row)
{
    const char *what = "nothing to change";

    if (row->says == SAGA_ORDER_CANCELLED_EVENT)
        what = row->hears == SAGA_DEADLINE ? "asked again" : "came too late, asked to be undone";
    else if (!saga_is_final(order->saga.status))
        what = "remembered";
    tern_log_info(ctx->log, what, TERN_STR("orderId", order->order_id),
                  TERN_STR("status", order_status_name(order->saga.status)),
                  TERN_STR("money", order_money_name(order->saga.money)),
                  TERN_STR("stock", order->saga.released ? "RELEASED" : order_stock_name(order->saga.stock)),
                  TERN_STR("correlationId", order->correlation_id));
}

/* Only an order that waits is watched. */
static int order_drive_watch(struct tern_context *ctx, const struct order_state *order, enum order_status from,
                             struct tern_error *err)
{
    const bool final = saga_is_final(order->saga.status);

    if (final == saga_is_final(from)) return 0;
    return final ? order_watch_end(ctx, order, err) : order_watch_begin(ctx, order, err);
}

static int order_drive_play(struct tern_context *ctx, struct order_state *order, enum saga_input input,
                            const char *note, struct tern_error *err)
{
    const struct saga_row *steps[SAGA_STEPS_MAX];
    const enum order_status from = order->saga.status;
    struct saga_view view = order->saga;
    const size_t count = saga_play(&view, input, steps);

    for (size_t i = 0; i < count; i++) {
        if (order_drive_step(ctx, order, steps[i], note, err) < 0) return -1;
    }
    TERN_ASSERT(order->saga.status == view.status, "the fold stands where the saga said");
    if (order_store_update(ctx->db, order, err) < 0 || order_drive_watch(ctx, order, from, err) < 0) return -1;
    if (order->saga.status == from) order_drive_tell_stay(ctx, order, steps[0]);
    order_metrics_moved(ctx->metrics, ctx->self, from, order, ctx->now_ms);
    return 0;
}

int order_drive(struct tern_context *ctx, struct order_state *order, enum saga_input input, struct tern_error *err)
{
    return order_drive_play(ctx, order, input, "", err);
}

int order_drive_cancel(struct tern_context *ctx, struct order_state *order, const char *note, struct tern_error *err)
{
    return order_drive_play(ctx, order, SAGA_CUSTOMER_CANCELS, note, err);
}
