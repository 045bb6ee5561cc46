/* deliveries.c - inbox, order, handler, keep: how one message takes effect once.
 *
 * Invariants: a delivery is finished only after its transaction has ended; a message is in exactly one place: handled
 * (inbox), kept, or with the broker; while a subject has a kept message, none of its later messages runs. Never calls
 * AMQP, never ends a transaction. */
#include "deliveries.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/chaos.h"
#include "deferred.h"
#include "inbox_store.h"

struct tern_deliveries {
    struct tern_deliveries_settings settings;
    atomic_bool draining;                     /* what fails now is left to the broker */
    _Atomic uint64_t generation;              /* of the present connection; set on the consumer's thread */
    _Atomic(struct tern_delivery *) finished; /* a lock-free stack, by `next` */

    /* Writer thread only. */
    bool news;                /* some were finished, and the consumer was not woken yet */
    uint64_t left_generation; /* deliveries of connections up to this one are left to the broker */
};

/* ---- its unit of work ---- */

static enum tern_outcome run_unreadable(struct tern_delivery *delivery, struct tern_context *ctx,
                                        struct tern_error *err)
{
    struct tern_event raw = {.body = delivery->raw, .body_length = delivery->raw_length};
    /* A redelivered one may be parked already, if the process ended between that commit and its acknowledgement. It
     * has no event id; its bytes tell. One that was too large has no bytes either. */
    int parked = delivery->redelivered && delivery->raw_length > 0
                     ? tern_deferred_has_raw(ctx->db, delivery->raw, delivery->raw_length, err)
                     : 0;
    if (parked < 0) return TERN_RETRY;
    if (parked > 0) {
        delivery->result = "duplicate";
        return TERN_DONE;
    }
    tern_copy_whole(raw.type, sizeof raw.type, delivery->raw_type);
    parked =
        tern_retries_park(delivery->deliveries->settings.retries, ctx, &raw, delivery->reason, delivery->why.text, err);
    return parked < 0 ? TERN_RETRY : TERN_DONE;
}

/* What brought the event, for the metric: a nudge, the answer to one, missing numbers, a queue loss. The last two
 * carry the same header; only an event that is missing here was republished for its number. NULL: it came by itself. */
static const char *layer_of(const struct tern_context *ctx, const struct tern_delivery *delivery)
{
    const struct tern_event *event = &delivery->event;
    struct tern_numbers *numbers = delivery->deliveries->settings.numbers;
    if (event->nudge) return tern_catalogue_asks(ctx->catalogue, event->type) ? "nudge" : "answer";
    if (!event->republished) return NULL;
    bool missed = delivery->numbered && numbers && tern_numbers_misses(numbers, delivery->numbered, delivery->number);
    return missed ? "numbers" : "republish";
}

/* 1: kept behind an earlier one of its subject, or to be counted before it runs; 0: nothing stands in its way; -1. */
static int keep_waiting(struct tern_delivery *delivery, struct tern_context *ctx, struct tern_error *err)
{
    struct tern_retries *retries = delivery->deliveries->settings.retries;
    const struct tern_event *event = &delivery->event;
    int behind = tern_retries_has_subject(retries, ctx, event->subject, err);
    if (behind < 0) return -1;
    if (behind) return tern_retries_keep_behind(retries, ctx, event, "", err) < 0 ? -1 : 1;
    if (!delivery->redelivered) return 0;
    /* It may have crashed this process: kept as due, so that its attempts are counted before it runs again. */
    int seen = tern_inbox_has(ctx->db, event->event_id, err);
    if (seen != 0) return seen < 0 ? -1 : 0;
    return tern_retries_keep_due(retries, ctx, event, err) < 0 ? -1 : 1;
}

static enum tern_outcome run_delivery(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct tern_delivery *delivery = (struct tern_delivery *)work;
    struct tern_deliveries *deliveries = delivery->deliveries;
    const struct tern_deliveries_settings *settings = &deliveries->settings;
    bool duplicate = false;
    delivery->ctx = ctx;
    delivery->result = "parked";
    delivery->left = delivery->generation <= deliveries->left_generation;
    if (delivery->left) return TERN_DONE;
    delivery->layer = layer_of(ctx, delivery); /* before its number counts as received */
    /* Whatever becomes of it, it is in the store afterwards. A batch that is lost loses this note too. */
    if (delivery->numbered && settings->numbers)
        tern_numbers_take(settings->numbers, delivery->numbered, delivery->number);
    if (tern_retries_refresh(settings->retries, ctx, err) < 0) return TERN_RETRY;
    if (!delivery->readable) return run_unreadable(delivery, ctx, err);

    delivery->result = "deferred";
    int waits = keep_waiting(delivery, ctx, err);
    if (waits != 0) return waits < 0 ? TERN_RETRY : TERN_DONE;
    delivery->result = "done";
    TERN_CHAOS_POINT("cons.before_handler");
    enum tern_outcome outcome = tern_inbox_handle(&settings->handlers, ctx, &delivery->event, &duplicate, err);
    if (duplicate) delivery->result = "duplicate";
    return outcome;
}

/* After the unit was undone: behind an earlier one, in retry, or parked. */
static int keep_delivery(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct tern_delivery *delivery = (struct tern_delivery *)work;
    struct tern_retries *retries = delivery->deliveries->settings.retries;
    const struct tern_event *event = &delivery->event;
    bool parked = true;
    if (!delivery->readable) {
        *err = work->err;
        return -1; /* the store refused the parking itself: the whole batch waits */
    }
    /* The unit may have failed before it checked this. A store that does not answer now loses the whole batch. */
    int behind = tern_retries_has_subject(retries, ctx, event->subject, err);
    if (behind < 0) return -1;
    if (behind) {
        delivery->result = "deferred";
        return tern_retries_keep_behind(retries, ctx, event, work->err.text, err);
    }
    int status = work->outcome == TERN_REJECT
                     ? tern_retries_park(retries, ctx, event, TERN_PARKED_REJECTED, work->err.text, err)
                     : tern_retries_keep_failed(retries, ctx, event, work->err.text, &parked, err);
    delivery->result = parked ? "parked" : "retry";
    return status;
}

/* Only after the commit: a batch that is lost counts nothing. */
static void count(const struct tern_delivery *delivery)
{
    const struct tern_context *ctx = delivery->ctx;
    const char *type = delivery->readable ? delivery->event.type : "unreadable";
    tern_metric_add(ctx->metrics, &TERN_METRIC_messages_consumed_total, 1, type, delivery->result, NULL);
    if (strcmp(delivery->result, "duplicate") == 0)
        tern_metric_add(ctx->metrics, &TERN_METRIC_inbox_duplicates_total, 1, NULL, NULL, NULL);
    if (strcmp(delivery->result, "done") == 0 && delivery->layer)
        tern_metric_add(ctx->metrics, &TERN_METRIC_healed_total, 1, delivery->layer, NULL, NULL);
    if (delivery->redelivered)
        tern_metric_add(ctx->metrics, &TERN_METRIC_messages_redelivered_total, 1, type, NULL, NULL);
    tern_metric_observe(ctx->metrics, &TERN_METRIC_message_process_duration_seconds,
                        (double)(tern_steady(ctx->clock) - delivery->received_steady_ms) / 1000, NULL);
}

static void finish_delivery(struct tern_work *work, enum tern_work_end end)
{
    struct tern_delivery *delivery = (struct tern_delivery *)work;
    struct tern_deliveries *deliveries = delivery->deliveries;
    if (end == TERN_WORK_LATER) {
        bool draining = atomic_load(&deliveries->draining), current = tern_deliveries_is_current(deliveries, delivery);
        if (current && !draining) {
            tern_work_requeue(deliveries->settings.queue, work);
            return;
        }
        /* The broker redelivers what came on an earlier connection. Keeping our copy too would add up to PREFETCH
         * messages per reconnect while the store is full. What came after it on the same connection is left as well:
         * it must not be handled before it. */
        delivery->left = true;
        if (!draining && delivery->generation > deliveries->left_generation)
            deliveries->left_generation = delivery->generation;
    }
    if (delivery->left)
        delivery->generation = 0; /* of no connection: given back, never acknowledged */
    else
        count(delivery);
    tern_deliveries_finish(deliveries, delivery);
    deliveries->news = true;
}

static const struct tern_work_kind delivery_kind = {
    .name = "delivery", .run = run_delivery, .keep = keep_delivery, .finish = finish_delivery};

/* ---- from the consumer and back ---- */

void tern_deliveries_submit(struct tern_deliveries *deliveries, struct tern_delivery *delivery)
{
    delivery->work.kind = &delivery_kind;
    delivery->deliveries = deliveries;
    tern_work_submit(deliveries->settings.queue, &delivery->work);
}

void tern_deliveries_connected(struct tern_deliveries *deliveries, uint64_t generation)
{
    atomic_store(&deliveries->generation, generation);
}

bool tern_deliveries_is_current(const struct tern_deliveries *deliveries, const struct tern_delivery *delivery)
{
    return delivery->generation == atomic_load(&deliveries->generation);
}

void tern_deliveries_finish(struct tern_deliveries *deliveries, struct tern_delivery *delivery)
{
    struct tern_delivery *top = atomic_load_explicit(&deliveries->finished, memory_order_relaxed);
    do
        delivery->next = top;
    while (!atomic_compare_exchange_weak_explicit(&deliveries->finished, &top, delivery, memory_order_release,
                                                  memory_order_relaxed));
}

struct tern_delivery *tern_deliveries_take_finished(struct tern_deliveries *deliveries)
{
    return atomic_exchange_explicit(&deliveries->finished, NULL, memory_order_acquire);
}

bool tern_deliveries_take_news(struct tern_deliveries *deliveries)
{
    bool news = deliveries->news;
    deliveries->news = false;
    return news;
}

/* ---- life ---- */

struct tern_deliveries *tern_deliveries_create(const struct tern_deliveries_settings *settings)
{
    struct tern_deliveries *deliveries = tern_alloc(sizeof *deliveries);
    deliveries->settings = *settings;
    return deliveries;
}

void tern_deliveries_destroy(struct tern_deliveries *deliveries)
{
    if (!deliveries) return;
    TERN_ASSERT(!atomic_load(&deliveries->finished), "what was finished was taken back before the end");
    free(deliveries);
}

void tern_deliveries_drain(struct tern_deliveries *deliveries)
{
    if (deliveries) atomic_store(&deliveries->draining, true);
}
