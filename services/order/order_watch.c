/* order_watch.c - one timer per waiting order, and what it does when it fires.
 *
 * A late answer is nudged: the event that it answers is republished. A service that has handled it republishes its
 * answers, one that never got it handles it now. An answer that arrives at the same time as the deadline is safe: the
 * order is loaded in the transaction of the timer, and a status that has changed begins a new wait. No deadline passes
 * by the wall clock alone. An order that is answered in time costs one insert and one delete. */
#include "order_watch.h"

#include <string.h>

#include "order_drive.h"
#include "order_metrics.h"
#include "order_service.h"
#include "order_store.h"
#include "tern/backoff.h"
#include "tern/event_log.h"

static const char kind[] = "watch";

/* The payload of a timer. Stored as JSON by the names of the fields below, which never change. */
struct watch {
    char status[TERN_WORD_SIZE]; /* the status in which the order waits; in another one a new wait begins */
    int64_t since_ms;            /* online time when the wait began */
    int64_t next_ms;             /* online time of the next nudge */
    int64_t nudges;              /* nudges so far */
};

static const struct tern_field watch_fields[] = {
    TERN_FIELD(struct watch, "status", status, TERN_KIND_WORD, required, 0, 0),
    TERN_FIELD(struct watch, "since", since_ms, TERN_KIND_COUNT, required, 0, INT64_MAX),
    TERN_FIELD(struct watch, "next", next_ms, TERN_KIND_COUNT, required, 0, INT64_MAX),
    TERN_FIELD(struct watch, "asked", nudges, TERN_KIND_COUNT, required, 0, INT64_MAX),
};
static const struct tern_schema watch_schema = TERN_SCHEMA_OF(struct watch, watch_fields);

/* ---- the timer --------------------------------------------------------------------------------------------- */

/* Patience is measured in online time: while the broker is away nobody can answer. */
static int64_t now_online(const struct tern_context *ctx)
{
    return ctx->online_ms;
}

static int64_t deadline_of(const struct tern_context *ctx, const struct watch *watch)
{
    const struct order_service_state *state = ctx->self;
    return watch->since_ms + state->deadline_ms;
}

/* The pause before a nudge, 1 for the first: doubling with jitter, so that orders do not nudge in step. */
static int64_t pause_before(struct tern_context *ctx, int64_t attempt)
{
    const struct order_service_state *state = ctx->self;
    return tern_backoff_ms(state->nudge_ms, attempt, tern_ids_random(ctx->ids, UINT32_MAX));
}

static struct watch new_watch(struct tern_context *ctx, const struct order_state *order)
{
    struct watch watch = {.since_ms = now_online(ctx), .next_ms = now_online(ctx) + pause_before(ctx, 1)};
    tern_copy_whole(watch.status, sizeof watch.status, order_status_name(order->saga.status));
    return watch;
}

/* Sets the timer to the next nudge or the deadline, whichever comes first. Timers have wall times, so one may fire
 * before its online time: fire() then does nothing and arms it anew. */
static int arm(struct tern_context *ctx, const char *order_id, const struct watch *watch, struct tern_error *err)
{
    struct tern_text payload = {0};
    int64_t wake_ms = deadline_of(ctx, watch);
    if (watch->next_ms < wake_ms) wake_ms = watch->next_ms;
    int64_t delay_ms = wake_ms > now_online(ctx) ? wake_ms - now_online(ctx) : 1;
    tern_schema_encode(&watch_schema, watch, &payload);
    int status = tern_timer_arm(ctx, kind, order_id, delay_ms, payload.bytes, err);
    tern_text_fini(&payload);
    return status;
}

int order_watch_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    struct watch watch = new_watch(ctx, order);
    return arm(ctx, order->order_id, &watch, err);
}

int order_watch_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    return tern_timer_clear(ctx->db, kind, order->order_id, err) < 0 ? -1 : 0;
}

/* ---- when it fires ----------------------------------------------------------------------------------------- */

/* Republishes the event whose answer the order waits for. */
static int nudge(struct tern_context *ctx, const struct order_state *order, struct watch *watch, struct tern_error *err)
{
    enum order_status status = order->saga.status;
    bool cancels = status == ORDER_INVENTORY_ISSUE || status == ORDER_CANCELLING;
    const char *question = cancels ? SHOP_TYPE(ORDER_CANCELLED)->name : SHOP_TYPE(ORDER_PLACED)->name;
    int64_t seq;
    int found = tern_event_log_newest(ctx->db, order->order_id, question, &seq, err);
    if (found < 0) return -1;
    TERN_ASSERT(found > 0, "an order that waits has emitted its question");
    if (tern_nudge(ctx, seq, err) < 0) return -1;
    watch->nudges++;
    watch->next_ms = now_online(ctx) + pause_before(ctx, watch->nudges + 1);
    tern_metric_add(ctx->metrics, &order_nudges_total, 1, watch->status, NULL, NULL);
    tern_log_info(ctx->log, "no answer yet, asked again", TERN_STR("orderId", order->order_id),
                  TERN_STR("status", watch->status), TERN_STR("eventType", question),
                  TERN_INT("attempt", watch->nudges), TERN_STR("correlationId", order->correlation_id));
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
    return saga_waits(order->saga.status) ? order_watch_begin(ctx, order, err) : 0;
}

/* An order that does not wait any more (its timer fired while it was answered) is done. */
static enum tern_outcome fire(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err)
{
    const char *payload = timer->payload;
    struct order_state order = {0};
    struct watch watch;
    int status = order_store_load(ctx->db, timer->key, &order, err);
    if (status <= 0 || !saga_waits(order.saga.status)) goto done;

    /* A new wait begins when the payload cannot be read (that of a timer set by order_watch_prepare is empty), is about
     * another status, or is of an online time that a crash has taken back. */
    bool usable = tern_schema_read(&watch_schema, payload, strlen(payload), sizeof timer->payload, &watch, NULL) == 0 &&
                  strcmp(watch.status, order_status_name(order.saga.status)) == 0 && watch.since_ms <= now_online(ctx);
    if (!usable) watch = new_watch(ctx, &order);
    if (now_online(ctx) >= deadline_of(ctx, &watch)) {
        status = give_up(ctx, &order, err);
        goto done;
    }
    if (now_online(ctx) >= watch.next_ms) status = nudge(ctx, &order, &watch, err);
    if (status >= 0) status = arm(ctx, order.order_id, &watch, err);
done:
    order_fini(&order);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

const struct tern_timer_kind order_timers[] = {
    {kind, fire},
    {NULL, NULL},
};

/* ---- at the start ------------------------------------------------------------------------------------------ */

/* A visit of order_store_each_waiting. */
static int watch_waiting(void *self, const char *order_id, struct tern_error *err)
{
    struct tern_context *ctx = self;
    struct order_service_state *state = ctx->self;
    state->waiting++;
    return tern_timer_set_missing(ctx->db, kind, order_id, ctx->now_ms, err);
}

int order_watch_prepare(struct tern_context *ctx, struct tern_error *err)
{
    struct order_service_state *state = ctx->self;
    state->waiting = 0;
    if (order_store_each_waiting(ctx->db, watch_waiting, ctx, err) < 0) return -1;
    order_metrics_show(ctx);
    return tern_timer_pull_in(ctx->db, kind, ctx->now_ms + TERN_BACKOFF_MOST_MS, err);
}
