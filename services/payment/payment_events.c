/* payment_events.c - the events of payment-service, each from the row of a payment.
 *
 * An answer that is emitted once more has the same data: its times are those of the row, and only the eventId is new.
 * Reads and changes no store. */
#include "payment_events.h"

int payment_emit_processed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err)
{
    struct shop_payment_processed processed = {.amount_minor = payment->amount_minor,
                                               .status = SHOP_PAYMENT_STATUS_SUCCESS,
                                               .processed_at_ms = payment->updated_at_ms};
    tern_copy_whole(processed.order_id, sizeof processed.order_id, payment->order_id);
    tern_copy_whole(processed.customer_id, sizeof processed.customer_id, payment->customer_id);
    tern_copy_whole(processed.transaction_id, sizeof processed.transaction_id, payment->transaction_id);
    return shop_emit_payment_processed(ctx, &processed, NULL, err);
}

int payment_emit_failed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err)
{
    struct shop_payment_failed failed = {.amount_minor = payment->amount_minor,
                                         .processed_at_ms = payment->updated_at_ms};
    tern_copy_whole(failed.order_id, sizeof failed.order_id, payment->order_id);
    tern_copy_whole(failed.customer_id, sizeof failed.customer_id, payment->customer_id);
    tern_copy_whole(failed.status, sizeof failed.status, payment_status_name(payment->status));
    tern_copy_whole(failed.error, sizeof failed.error, payment->error);
    return shop_emit_payment_failed(ctx, &failed, NULL, err);
}

int payment_emit_refunded(struct tern_context *ctx, const struct payment *payment, struct tern_error *err)
{
    struct shop_payment_refunded refunded = {.amount_minor = payment->amount_minor,
                                             .refunded_at_ms = payment->updated_at_ms};
    tern_copy_whole(refunded.order_id, sizeof refunded.order_id, payment->order_id);
    tern_copy_whole(refunded.customer_id, sizeof refunded.customer_id, payment->customer_id);
    tern_copy_whole(refunded.transaction_id, sizeof refunded.transaction_id, payment->transaction_id);
    tern_copy_whole(refunded.refund_id, sizeof refunded.refund_id, payment->refund_id);
    return shop_emit_payment_refunded(ctx, &refunded, NULL, err);
}

int payment_emit_voided(struct tern_context *ctx, const struct payment *payment, struct tern_error *err)
{
    struct shop_payment_voided voided = {.voided_at_ms = payment->updated_at_ms};
    tern_copy_whole(voided.order_id, sizeof voided.order_id, payment->order_id);
    tern_copy_whole(voided.customer_id, sizeof voided.customer_id, payment->customer_id);
    return shop_emit_payment_voided(ctx, &voided, NULL, err);
}
