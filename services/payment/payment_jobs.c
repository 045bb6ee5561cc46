/* payment_jobs.c - charge, refund and late check: the gateway is called outside any transaction, its answer is recorded
 * inside one.
 *
 * The idempotency key of a charge is charge-<orderId>, of a refund refund-<orderId>, at every attempt: no order is
 * charged or refunded twice. A refund is tried until it succeeds. A charge is tried until the gateway says what became
 * of it: while money may have been taken the payment stays PENDING (docs/adr/0008). */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "payment.h"
#include "payment_events.h"
#include "payment_metrics.h"

/* Each pause is three times the one before. With the default PAYMENT_LATE_CHECK_S they are 10, 30 and 90 minutes, 4.5
 * and 13.5 hours: 20 hours in all. */
enum { LATE_CHECKS = 5, LATE_PAUSE_GROWS = 3 };

/* ---- payloads of jobs: members are never renamed, jobs of an older version may be in the store ---- */

static const struct tern_field request_fields[] = {
    TERN_FIELD(struct gateway_request, "customerId", customer_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct gateway_request, "amount", amount_minor, TERN_KIND_MONEY, required, 0, 0),
    TERN_FIELD(struct gateway_request, "currency", currency, TERN_KIND_WORD, optional, 0, 0),
    TERN_FIELD(struct gateway_request, "token", token, TERN_KIND_TEXT, optional, 0, 0),
    TERN_FIELD(struct gateway_request, "reference", reference, TERN_KIND_TEXT, optional, 0, 0),
    TERN_FIELD(struct gateway_request, "cancelled", cancelled, TERN_KIND_COUNT, optional, 0, 0),
};
const struct tern_schema gateway_request_schema = TERN_SCHEMA_OF(struct gateway_request, request_fields);

struct late_check {
    int64_t number; /* which check of this charge: 1 to LATE_CHECKS */
};
static const struct tern_field late_fields[] = {
    TERN_FIELD(struct late_check, "number", number, TERN_KIND_COUNT, required, 1, LATE_CHECKS),
};
static const struct tern_schema late_schema = TERN_SCHEMA_OF(struct late_check, late_fields);

static int read_payload(const struct tern_job *job, const struct tern_schema *schema, void *target,
                        struct tern_error *err)
{
    return tern_schema_read(schema, job->payload, strlen(job->payload), sizeof job->payload, target, err);
}

/* ---- outside: the call ---- */

/* `finish` gets the gateway's answer as the code, and its reference or its reason as the text. */
static enum tern_job_verdict finished(struct tern_job_run *run, enum gateway_answer answer, const char *text)
{
    run->code = (int)answer;
    tern_schema_fit_text(run->result, sizeof run->result, SHOP_TEXT_CHARACTERS, text);
    return TERN_JOB_FINISHED;
}

/* UNKNOWN is the only answer that is counted as an attempt; WAIT records nothing. */
static enum tern_job_verdict verdict_of(enum gateway_answer answer, const struct gateway_reply *reply,
                                        struct tern_job_run *run)
{
    switch (answer) {
    case GATEWAY_WAIT: run->wait_ms = reply->wait_ms; return TERN_JOB_WAIT;
    case GATEWAY_UNKNOWN: (void)tern_error_set(&run->error, "%s", reply->reason); return TERN_JOB_AGAIN;
    case GATEWAY_DONE: return finished(run, answer, reply->reference);
    default: return finished(run, answer, reply->reason);
    }
}

/* Without a request: a query needs the key only. */
static struct gateway_call call_of(const struct payment_state *state, const struct tern_job *job, const char *key,
                                   const struct tern_job_run *run)
{
    return (struct gateway_call){
        .key = key, .job = job, .most_attempts = state->most_attempts, .step = run->step, .worker = run->worker};
}

/* A free order: the gateway is not called, since many refuse an amount of 0. */
static enum tern_job_verdict pay_nothing(const struct tern_job *job, const char *prefix, struct tern_job_run *run)
{
    char reference[SHOP_REF_SIZE];
    (void)snprintf(reference, sizeof reference, "%s%s", prefix, job->subject);
    return finished(run, GATEWAY_DONE, reference);
}

static enum tern_job_verdict run_charge(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    struct payment_state *state = self;
    struct gateway_request request;
    struct gateway_reply reply = {0};
    struct gateway_call call = call_of(state, job, job->key, run);
    if (read_payload(job, &gateway_request_schema, &request, &run->error) < 0) return TERN_JOB_AGAIN;
    if (request.amount_minor == 0) return pay_nothing(job, "TXN-free-", run);
    call.request = &request;
    return verdict_of(state->gateway.charge(state->gateway.self, &call, &reply), &reply, run);
}

static enum tern_job_verdict run_refund(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    struct payment_state *state = self;
    struct gateway_request request;
    struct gateway_reply reply = {0};
    struct gateway_call call = call_of(state, job, job->key, run);
    if (read_payload(job, &gateway_request_schema, &request, &run->error) < 0) return TERN_JOB_AGAIN;
    if (request.amount_minor == 0) return pay_nothing(job, "REF-free-", run); /* begun by an older version */
    call.request = &request;
    enum gateway_answer answer = state->gateway.refund(state->gateway.self, &call, &reply);
    if (answer == GATEWAY_DECLINED || answer == GATEWAY_REFUSED)
        answer = GATEWAY_UNKNOWN; /* the money is the customer's: retry until the refund is done */
    return verdict_of(answer, &reply, run);
}

static enum tern_job_verdict run_late_check(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    struct payment_state *state = self;
    struct gateway_reply reply = {0};
    char key[TERN_JOB_KEY_SIZE];
    payment_charge_key(job->subject, key);
    struct gateway_call call = call_of(state, job, key, run);
    if (!state->gateway.find) return finished(run, GATEWAY_NOTHING, "this gateway takes nothing late");
    return verdict_of(state->gateway.find(state->gateway.self, &call, &reply), &reply, run);
}

/* ---- inside: the outcome ---- */

/* Events of a job are caused by the event that added the job. After a cancel they are caused by the cancel: a nudge of
 * that OrderCancelled republishes the events with its id as causation id. */
static void cause_by_cancel(struct tern_context *ctx, const struct payment *payment)
{
    if (!payment->cancel_id[0]) return;
    tern_copy_whole(ctx->conversation.causation_id, sizeof ctx->conversation.causation_id, payment->cancel_id);
}

/* Also of a late charge. PaymentProcessed has the cause of the job; the refund that may follow, the cancel as its
 * cause. */
static int record_charge(struct tern_context *ctx, struct payment *payment, const char *reference,
                         struct tern_error *err)
{
    payment->status = PAYMENT_SUCCESS;
    payment->error[0] = '\0';
    tern_copy_whole(payment->transaction_id, sizeof payment->transaction_id, reference);
    tern_log_info(ctx->log, "charged", TERN_STR("orderId", payment->order_id),
                  TERN_STR("transactionId", payment->transaction_id), TERN_INT("amountMinor", payment->amount_minor));
    if (payment_update(ctx->db, payment, err) < 0 || payment_emit_processed(ctx, payment, err) < 0) return -1;
    payment_metrics_ended(ctx->metrics, payment->status);
    cause_by_cancel(ctx, payment);
    return payment->cancel_wanted ? payment_give_back(ctx, payment, err) : 0;
}

static int record_failure(struct tern_context *ctx, struct payment *payment, enum payment_status status,
                          const char *reason, struct tern_error *err)
{
    payment->status = status;
    shop_set_text(payment->error, reason[0] ? reason : "no reason was given");
    tern_log_info(ctx->log, "not charged", TERN_STR("orderId", payment->order_id),
                  TERN_STR("status", payment_status_name(status)), TERN_STR("err", payment->error));
    cause_by_cancel(ctx, payment);
    if (payment_update(ctx->db, payment, err) < 0 || payment_emit_failed(ctx, payment, err) < 0) return -1;
    payment_metrics_ended(ctx->metrics, payment->status);
    return 0;
}

/* A request that is slow on its way may reach the gateway after it has answered that it never saw the charge. So the
 * charge is queried again, with growing pauses. */
static int add_late_check(struct tern_context *ctx, const char *order_id, int64_t number, struct tern_error *err)
{
    const struct payment_state *state = ctx->self;
    const struct late_check check = {number};
    char key[TERN_JOB_KEY_SIZE];
    struct tern_text payload = {0};
    int64_t delay_ms = state->late_check_ms;
    for (int64_t i = 1; i < number; i++)
        delay_ms *= LATE_PAUSE_GROWS;
    (void)snprintf(key, sizeof key, "%s-%lld", order_id, (long long)number); /* unique among its kind */
    tern_schema_encode(&late_schema, &check, &payload);
    int status = tern_job_add(ctx, PAYMENT_JOB_LATE_CHECK, key, order_id, payload.bytes, delay_ms, err);
    tern_text_fini(&payload);
    return status;
}

/* The payment ends as `status`, but an earlier request may still reach the gateway: late checks follow. A gateway
 * without a query never charges late. */
static int give_up(struct tern_context *ctx, struct payment *payment, enum payment_status status, const char *reason,
                   struct tern_error *err)
{
    const struct payment_state *state = ctx->self;
    if (record_failure(ctx, payment, status, reason, err) < 0) return -1;
    return state->gateway.find ? add_late_check(ctx, payment->order_id, 1, err) : 0;
}

static int record_void(struct tern_context *ctx, struct payment *payment, struct tern_error *err)
{
    payment->status = PAYMENT_VOIDED;
    tern_log_info(ctx->log, "voided: cancelled, and the gateway says that nothing was charged",
                  TERN_STR("orderId", payment->order_id));
    cause_by_cancel(ctx, payment);
    if (payment_update(ctx->db, payment, err) < 0) return -1;
    return payment_emit_voided(ctx, payment, err);
}

static enum tern_outcome finish_charge(struct tern_context *ctx, const struct tern_job *job,
                                       const struct tern_job_run *run, struct tern_error *err)
{
    struct payment payment;
    int status = 0;
    int known = payment_load(ctx->db, job->subject, &payment, err);
    if (known < 0) return TERN_RETRY;
    TERN_ASSERT(known, "a charge is never without the intent that was written with it");
    if (payment.status != PAYMENT_PENDING) return TERN_DONE;
    payment.updated_at_ms = ctx->now_ms;
    switch ((enum gateway_answer)run->code) {
    case GATEWAY_DONE: status = record_charge(ctx, &payment, run->result, err); break;
    case GATEWAY_DECLINED: /* without a currency the order was never seen: its cancel waits for PaymentVoided */
        status = payment.currency[0] ? record_failure(ctx, &payment, PAYMENT_FAILED, run->result, err)
                                     : record_void(ctx, &payment, err);
        break;
    case GATEWAY_REFUSED: status = give_up(ctx, &payment, PAYMENT_FAILED, run->result, err); break;
    case GATEWAY_NOTHING: status = give_up(ctx, &payment, PAYMENT_ERROR, run->result, err); break;
    case GATEWAY_STOPPED:
        status = record_void(ctx, &payment, err);
        if (status == 0) status = add_late_check(ctx, payment.order_id, 1, err);
        break;
    case GATEWAY_UNKNOWN:
    case GATEWAY_WAIT: tern_broken(__FILE__, __LINE__, "a charge ends with the gateway's word only");
    }
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

static enum tern_outcome finish_refund(struct tern_context *ctx, const struct tern_job *job,
                                       const struct tern_job_run *run, struct tern_error *err)
{
    struct payment payment;
    int known = payment_load(ctx->db, job->subject, &payment, err);
    if (known < 0) return TERN_RETRY;
    TERN_ASSERT(known, "a refund is never without its payment");
    if (payment.status != PAYMENT_REFUNDING) return TERN_DONE;
    payment.status = PAYMENT_REFUNDED;
    payment.updated_at_ms = ctx->now_ms;
    tern_copy_whole(payment.refund_id, sizeof payment.refund_id, run->result);
    tern_log_info(ctx->log, "refunded", TERN_STR("orderId", payment.order_id), TERN_STR("refundId", payment.refund_id),
                  TERN_INT("amountMinor", payment.amount_minor));
    cause_by_cancel(ctx, &payment);
    if (payment_update(ctx->db, &payment, err) < 0 || payment_emit_refunded(ctx, &payment, err) < 0) return TERN_RETRY;
    payment_metrics_ended(ctx->metrics, payment.status);
    return TERN_DONE;
}

/* A charge that turned up is recorded as any other, and refunded: at once when a cancel was answered before, else when
 * order-service answers PaymentProcessed with OrderCancelled, as its timetable does after the end of an order. */
static enum tern_outcome finish_late_check(struct tern_context *ctx, const struct tern_job *job,
                                           const struct tern_job_run *run, struct tern_error *err)
{
    struct payment payment;
    struct late_check check;
    int known = payment_load(ctx->db, job->subject, &payment, err);
    if (known < 0) return TERN_RETRY;
    TERN_ASSERT(known, "a charge is never looked up without its payment");
    bool given_up = payment.status == PAYMENT_ERROR || payment.status == PAYMENT_FAILED;
    if (!given_up && payment.status != PAYMENT_VOIDED) return TERN_DONE;
    if (run->code == GATEWAY_DONE) {
        tern_log_warn(ctx->log, "a charge that was given up has turned up: late money",
                      TERN_STR("orderId", payment.order_id), TERN_STR("transactionId", run->result));
        payment.updated_at_ms = ctx->now_ms;
        if (record_charge(ctx, &payment, run->result, err) < 0) return TERN_RETRY;
        payment_metrics_late(ctx->metrics);
    } else if (run->code == GATEWAY_NOTHING) {
        if (read_payload(job, &late_schema, &check, err) < 0) return TERN_RETRY;
        if (check.number < LATE_CHECKS)
            return add_late_check(ctx, job->subject, check.number + 1, err) < 0 ? TERN_RETRY : TERN_DONE;
        tern_log_info(ctx->log, "looked for the charge for the last time: nothing was taken",
                      TERN_STR("orderId", job->subject));
    }
    return TERN_DONE; /* declined: final for this key, so no other check follows */
}

/* No number of attempts ends a job, only an answer of the gateway (gateway.h). */
const struct tern_job_kind payment_jobs[] = {
    {PAYMENT_JOB_CHARGE,     run_charge,     finish_charge,     TERN_JOB_FOR_EVER},
    {PAYMENT_JOB_REFUND,     run_refund,     finish_refund,     TERN_JOB_FOR_EVER},
    {PAYMENT_JOB_LATE_CHECK, run_late_check, finish_late_check, TERN_JOB_FOR_EVER},
    {NULL,                   NULL,           NULL,              0                },
};
