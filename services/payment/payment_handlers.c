/* payment_handlers.c - the events that payment-service consumes, and what it does about each.
 *
 *     OrderPlaced     stores the intent to charge, and adds the job that charges
 *     OrderCancelled  always answered, now or by a job: PaymentVoided when nothing was charged and nothing will be,
 *                     PaymentRefunded when the money is back, PaymentFailed when a charge under way fails. About an
 *                     order that was never seen the gateway is asked first: it may know a charge of a store that was
 *                     lost
 *
 * Nothing here calls the gateway: jobs do (payment_jobs.c). */
#include <stdio.h>

#include "payment.h"
#include "payment_events.h"

/* "<kind>-<orderId>": one job of a kind for each order, and the idempotency key at the gateway. */
static void make_key(const char *kind, const char *order_id, char key[TERN_JOB_KEY_SIZE])
{
    (void)snprintf(key, TERN_JOB_KEY_SIZE, "%s-%s", kind, order_id);
}

void payment_charge_key(const char *order_id, char key[TERN_JOB_KEY_SIZE])
{
    make_key(PAYMENT_JOB_CHARGE, order_id, key);
}

static int add_job(struct tern_context *ctx, const char *kind, const struct payment *payment,
                   const struct gateway_request *request, struct tern_error *err)
{
    char key[TERN_JOB_KEY_SIZE];
    struct tern_text payload = {0};
    make_key(kind, payment->order_id, key);
    tern_schema_encode(&gateway_request_schema, request, &payload);
    int status = tern_job_add(ctx, kind, key, payment->order_id, payload.bytes, 0, err);
    tern_text_fini(&payload);
    return status;
}

/* The intent is stored before any charge: a crash after the charge finds it, and the job asks again with its key. */
static enum tern_outcome on_order_placed(struct tern_context *ctx, const struct tern_event *event,
                                         struct tern_error *err)
{
    struct shop_order_placed order;
    struct payment payment;
    if (shop_order_placed_decode(event, &order, err) < 0) return TERN_REJECT;
    int known = payment_load(ctx->db, order.order_id, &payment, err);
    if (known < 0) return TERN_RETRY;
    if (known) {
        tern_log_info(ctx->log, "not charged: the order is known already", TERN_STR("orderId", order.order_id),
                      TERN_STR("status", payment_status_name(payment.status)));
        return TERN_DONE; /* a tombstone, or an event that the inbox has forgotten */
    }

    payment = (struct payment){.status = PAYMENT_PENDING,
                               .amount_minor = order.total_amount_minor,
                               .created_at_ms = ctx->now_ms,
                               .updated_at_ms = ctx->now_ms};
    struct gateway_request request = {.amount_minor = order.total_amount_minor};
    tern_copy_whole(payment.order_id, sizeof payment.order_id, order.order_id);
    tern_copy_whole(payment.customer_id, sizeof payment.customer_id, order.customer_id);
    tern_copy_whole(payment.currency, sizeof payment.currency, order.currency);
    tern_copy_whole(request.customer_id, sizeof request.customer_id, order.customer_id);
    tern_copy_whole(request.currency, sizeof request.currency, order.currency);
    tern_copy_whole(request.token, sizeof request.token, order.payment_token);
    if (payment_insert(ctx->db, &payment, err) < 0) return TERN_RETRY;
    return add_job(ctx, PAYMENT_JOB_CHARGE, &payment, &request, err) < 0 ? TERN_RETRY : TERN_DONE;
}

int payment_give_back(struct tern_context *ctx, struct payment *payment, struct tern_error *err)
{
    payment->updated_at_ms = ctx->now_ms;
    if (payment->amount_minor == 0) {
        payment->status = PAYMENT_VOIDED;
        tern_log_info(ctx->log, "voided: the order was free", TERN_STR("orderId", payment->order_id));
        if (payment_update(ctx->db, payment, err) < 0) return -1;
        return payment_emit_voided(ctx, payment, err);
    }
    struct gateway_request request = {.amount_minor = payment->amount_minor};
    tern_copy_whole(request.customer_id, sizeof request.customer_id, payment->customer_id);
    tern_copy_whole(request.currency, sizeof request.currency, payment->currency);
    tern_copy_whole(request.reference, sizeof request.reference, payment->transaction_id);
    payment->status = PAYMENT_REFUNDING;
    if (payment_update(ctx->db, payment, err) < 0) return -1;
    return add_job(ctx, PAYMENT_JOB_REFUND, payment, &request, err);
}

/* The request of a charge that must not be made any more: the job only finds out what became of it, so it has no
 * token. */
static struct gateway_request cancelled_charge(const struct payment *payment)
{
    struct gateway_request request = {.amount_minor = payment->amount_minor, .cancelled = 1};
    tern_copy_whole(request.customer_id, sizeof request.customer_id, payment->customer_id);
    tern_copy_whole(request.currency, sizeof request.currency, payment->currency);
    return request;
}

/* The charge is under way, and its outcome decides the answer. A gateway with a query is not asked to charge any more:
 * the job's payload is changed under it. One without is, and a success is then refunded. */
static int remember_cancel(struct tern_context *ctx, struct payment *payment, struct tern_error *err)
{
    const struct payment_state *state = ctx->self;
    const struct gateway_request request = cancelled_charge(payment);
    char key[TERN_JOB_KEY_SIZE];
    struct tern_text payload = {0};
    tern_log_info(ctx->log, "cancelled while the charge is under way: its outcome decides",
                  TERN_STR("orderId", payment->order_id));
    payment->cancel_wanted = true;
    payment->updated_at_ms = ctx->now_ms;
    if (payment_update(ctx->db, payment, err) < 0) return -1;
    if (!state->gateway.find) return 0;
    payment_charge_key(payment->order_id, key);
    tern_schema_encode(&gateway_request_schema, &request, &payload);
    int amended = tern_job_amend(ctx, PAYMENT_JOB_CHARGE, key, payload.bytes, err); /* the job's next step reads it */
    tern_text_fini(&payload);
    return amended < 0 ? -1 : 0;
}

/* Cancelled before the order was seen: the row keeps it from being charged later. A gateway with a query decides the
 * answer, since it knows every charge by its key; without one nothing was charged, as far as anybody knows. */
static int leave_tombstone(struct tern_context *ctx, const struct shop_order_cancelled *cancelled,
                           struct tern_error *err)
{
    const struct payment_state *state = ctx->self;
    struct payment payment = {.status = PAYMENT_PENDING, .amount_minor = shop_total(&cancelled->items)};
    payment.created_at_ms = payment.updated_at_ms = ctx->now_ms;
    tern_copy_whole(payment.order_id, sizeof payment.order_id, cancelled->order_id);
    tern_copy_whole(payment.customer_id, sizeof payment.customer_id, cancelled->customer_id);
    tern_copy_whole(payment.cancel_id, sizeof payment.cancel_id, ctx->conversation.causation_id);
    if (state->gateway.find && payment.amount_minor > 0) {
        const struct gateway_request request = cancelled_charge(&payment);
        payment.cancel_wanted = true;
        tern_log_info(ctx->log, "cancelled, and never seen before: the gateway is asked whether anything was charged",
                      TERN_STR("orderId", payment.order_id));
        if (payment_insert(ctx->db, &payment, err) < 0) return -1;
        return add_job(ctx, PAYMENT_JOB_CHARGE, &payment, &request, err);
    }
    payment.status = PAYMENT_VOIDED;
    if (payment_insert(ctx->db, &payment, err) < 0) return -1;
    tern_log_info(ctx->log, "voided: nothing was charged and nothing will be", TERN_STR("orderId", payment.order_id));
    return payment_emit_voided(ctx, &payment, err);
}

/* One answer for each status. A repeated cancel gets the same answer; the newest one is its cause, since a nudge looks
 * for events that its own OrderCancelled has caused. */
static int answer_cancel(struct tern_context *ctx, struct payment *payment, struct tern_error *err)
{
    tern_copy_whole(payment->cancel_id, sizeof payment->cancel_id, ctx->conversation.causation_id);
    switch (payment->status) {
    case PAYMENT_PENDING: return remember_cancel(ctx, payment, err);
    case PAYMENT_SUCCESS: return payment_give_back(ctx, payment, err);
    case PAYMENT_REFUNDING: return payment_update(ctx->db, payment, err); /* finish_refund answers */
    case PAYMENT_REFUNDED: return payment_emit_refunded(ctx, payment, err);
    case PAYMENT_FAILED:
    case PAYMENT_ERROR: /* a late charge must then be refunded at once: no other cancel will come */
        payment->cancel_wanted = true;
        return payment_update(ctx->db, payment, err) < 0 ? -1 : payment_emit_voided(ctx, payment, err);
    case PAYMENT_VOIDED: return payment_emit_voided(ctx, payment, err);
    case PAYMENT_STATUS_COUNT: break;
    }
    tern_broken(__FILE__, __LINE__, "every status of a payment has an answer to a cancel");
}

static enum tern_outcome on_order_cancelled(struct tern_context *ctx, const struct tern_event *event,
                                            struct tern_error *err)
{
    struct shop_order_cancelled cancelled;
    struct payment payment;
    if (shop_order_cancelled_decode(event, &cancelled, err) < 0) return TERN_REJECT;
    int known = payment_load(ctx->db, cancelled.order_id, &payment, err);
    if (known < 0) return TERN_RETRY;
    int status = known ? answer_cancel(ctx, &payment, err) : leave_tombstone(ctx, &cancelled, err);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

const struct tern_handler payment_handlers[PAYMENT_HANDLERS] = {
    {SHOP_TYPE(ORDER_PLACED),    on_order_placed   },
    {SHOP_TYPE(ORDER_CANCELLED), on_order_cancelled},
};
