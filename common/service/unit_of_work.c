/* unit_of_work.c - inbox, order, handler, held: how one message takes effect once.
 *
 * Invariants: nothing is settled before its transaction has committed; a message is in exactly one place: handled
 * (inbox), held, or with the broker; while a subject has a held message none of its later ones runs. It never
 * calls AMQP and never ends a transaction. */
#include "unit_of_work.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "tern/backoff.h"
#include "tern/bug.h"
#include "tern/chaos.h"
#include "tern/event_log.h"
#include "tern/inbox.h"

enum { HELD_PER_BATCH = 16, ASK_AGAIN_MS = 1000, FAILURES_A_MINUTE = 20 /* lines */ };

struct delivery_work {
    struct tern_work work;
    struct tern_units *units;
    struct tern_delivery *delivery;
    const struct tern_context *ctx; /* of the writer, once it ran */
    const char *result;             /* for the metric */
    const char *layer;              /* what republished it, for the metric; NULL: it is the first publication */
    bool left;                      /* to the broker */
};

/* A held message whose attempt is counted; runs in the transaction after. */
struct held_work {
    struct tern_work work;
    struct tern_units *units;
    struct tern_held held;
    const char *unreadable; /* the parking reason of what cannot be read, or NULL */
};

struct tern_units {
    struct tern_units_settings settings;
    atomic_bool draining;
    int64_t held[3];                           /* by state; the writer's own view of the table */
    bool stale;                                /* a lost batch: the view may be of what was undone */
    struct held_work *counted[HELD_PER_BATCH]; /* attempts counted in the open batch */
    size_t counted_count;
    bool alone;               /* what was counted is not to run with others */
    uint64_t left_generation; /* what came up to this connection is the broker's; writer thread */
    struct tern_log_quota failures;
    size_t in_flight; /* counted and committed, on their way through the writer: no more are counted meanwhile */
};

/* ---- shared steps ---- */

static void converse(struct tern_context *ctx, const struct tern_event *event)
{
    (void)tern_copy(ctx->conversation.correlation_id, sizeof ctx->conversation.correlation_id, event->correlation_id);
    (void)tern_copy(ctx->conversation.causation_id, sizeof ctx->conversation.causation_id, event->event_id);
    (void)tern_copy(ctx->conversation.traceparent, sizeof ctx->conversation.traceparent, event->traceparent);
}

/* What nobody said before: a timer's unit begins a conversation, unless it goes on with one that it kept. */
static void converse_anew(struct tern_context *ctx)
{
    memset(&ctx->conversation, 0, sizeof ctx->conversation);
    tern_ids_uuid(ctx->ids, ctx->conversation.correlation_id);
    tern_ids_traceparent(ctx->ids, NULL, ctx->conversation.traceparent);
}

static const struct tern_handler *find_handler(const struct tern_service *service, const char *type)
{
    for (size_t i = 0; i < service->handler_count; i++)
        if (strcmp(service->handlers[i].type->name, type) == 0) return &service->handlers[i];
    return NULL;
}

static void log_story(struct tern_context *ctx, enum tern_log_level level, const char *message,
                      const struct tern_event *event, const char *reason)
{
    tern_log_write(ctx->log, level, message, TERN_STR("eventType", event->type), TERN_STR("subject", event->subject),
                   TERN_STR("eventId", event->event_id), TERN_STR("correlationId", event->correlation_id),
                   TERN_STR("err", reason), TERN_LOG_END);
}

/* A handler that fails for one event tends to fail for all of them. */
static void log_failure(struct tern_units *units, struct tern_context *ctx, const struct tern_event *event,
                        const char *reason)
{
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&units->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "failed, will be tried again", TERN_STR("eventType", event->type),
                   TERN_STR("subject", event->subject), TERN_STR("eventId", event->event_id),
                   TERN_STR("correlationId", event->correlation_id), TERN_STR("err", reason),
                   tern_log_count("leftOut", left_out), TERN_LOG_END);
}

static bool any_held(const struct tern_units *units)
{
    return units->held[TERN_HELD_RETRY] + units->held[TERN_HELD_BEHIND] + units->held[TERN_HELD_PARKED] > 0;
}

static void show_counts(const struct tern_units *units, struct tern_context *ctx)
{
    tern_metric_set(ctx->metrics, &TERN_METRIC_parked_messages, (double)units->held[TERN_HELD_PARKED], NULL, NULL);
    tern_metric_set(ctx->metrics, &TERN_METRIC_retrying_messages,
                    (double)(units->held[TERN_HELD_RETRY] + units->held[TERN_HELD_BEHIND]), NULL, NULL);
    ctx->timers_set++; /* the next due time may have changed */
}

/* Walks the whole table: for the start, and after a lost batch. Otherwise each change is counted as it is made. */
static int recount(struct tern_units *units, struct tern_context *ctx, struct tern_error *err)
{
    if (tern_held_count(ctx->db, units->held, err) < 0) return -1;
    units->stale = false;
    show_counts(units, ctx);
    return 0;
}

/* Keeps an event in the store: to be tried again, behind another, or parked. */
static int hold_event(struct tern_units *units, struct tern_context *ctx, const struct tern_event *event,
                      enum tern_held_state state, int64_t attempts, int64_t next_try_ms, const char *reason,
                      const char *error, struct tern_error *err)
{
    struct tern_held held = {.state = state,
                             .attempts = attempts,
                             .next_try_ms = next_try_ms,
                             .first_at_ms = ctx->now_ms,
                             .last_at_ms = ctx->now_ms,
                             .body = event->body,
                             .body_length = event->body_length};
    (void)tern_copy(held.event_id, sizeof held.event_id, event->event_id);
    (void)tern_copy(held.type, sizeof held.type, event->type);
    (void)tern_copy(held.subject, sizeof held.subject, event->subject);
    (void)tern_copy(held.traceparent, sizeof held.traceparent, event->traceparent);
    (void)tern_copy(held.reason, sizeof held.reason, reason);
    (void)tern_copy(held.error, sizeof held.error, error);
    int added = tern_held_add(ctx->db, &held, err);
    if (added < 0) return -1;
    units->held[state] += added;
    show_counts(units, ctx);
    return 0;
}

static int64_t next_try(const struct tern_units *units, struct tern_context *ctx, int64_t attempts)
{
    return ctx->now_ms + tern_backoff_ms(units->settings.backoff_ms, attempts, tern_ids_random(ctx->ids, UINT32_MAX));
}

static int park_event(struct tern_units *units, struct tern_context *ctx, const struct tern_event *event,
                      const char *reason, const char *error, struct tern_error *err)
{
    log_story(ctx, TERN_LOG_ERROR, "parked", event, error);
    tern_metric_add(ctx->metrics, &TERN_METRIC_parked_total, 1, reason, NULL, NULL);
    return hold_event(units, ctx, event, TERN_HELD_PARKED, 1, 0, reason, error, err);
}

/* ---- a nudge ---- */

static int say_row_again(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    int said = tern_say_again(self, row->seq, err);
    return said == 0 && TERN_BUG(answer_first_only) ? 1 : said;
}

/* Somebody misses an answer: what this event caused here goes out once more. Those who have it do the same, so a chain
 * heals to its end wherever it was cut. Nothing caused yet: the answer is still to come, and nothing is said. */
static int answer_nudge(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    int said = tern_event_log_caused(ctx->db, event->event_id, say_row_again, ctx, err);
    if (said > 0) log_story(ctx, TERN_LOG_INFO, "asked again, answered again", event, NULL);
    return said < 0 ? -1 : 0;
}

/* Handles an event that nothing stands in the way of; records it in the inbox. */
static enum tern_outcome handle(struct tern_units *units, struct tern_context *ctx, const struct tern_event *event,
                                bool *ret_duplicate, struct tern_error *err)
{
    int added = tern_inbox_add(ctx->db, event->event_id, ctx->online_ms, err);
    if (added < 0) return TERN_RETRY;
    if (TERN_BUG(no_inbox) || TERN_BUG(dedup_expires)) added = 1;
    *ret_duplicate = added == 0;
    if (added == 0) {
        if (event->nudge && !TERN_BUG(nudge_unanswered))
            return answer_nudge(ctx, event, err) < 0 ? TERN_RETRY : TERN_DONE;
        log_story(ctx, TERN_LOG_DEBUG, "received again, nothing to do", event, NULL);
        return TERN_DONE;
    }
    log_story(ctx, TERN_LOG_INFO, "received", event, NULL);
    converse(ctx, event);
    TERN_CHAOS_HANDLES(event->subject);
    const struct tern_handler *handler = find_handler(units->settings.service, event->type);
    return handler ? handler->handle(ctx, event, err) : TERN_DONE;
}

/* ---- a delivery ---- */

static int park_unreadable(struct tern_units *units, struct tern_context *ctx, const struct tern_delivery *delivery,
                           struct tern_error *err)
{
    struct tern_event raw = {.body = delivery->raw, .body_length = delivery->raw_length};
    (void)tern_copy(raw.type, sizeof raw.type, delivery->raw_type);
    return park_event(units, ctx, &raw, delivery->reason, delivery->why.text, err);
}

/* One that comes a second time may have been parked already: the process ended between its commit and its
 * acknowledgement. One that was too large has no bytes to know it by. */
static int is_parked_already(struct tern_context *ctx, const struct tern_delivery *delivery, struct tern_error *err)
{
    if (!delivery->redelivered || delivery->raw_length == 0) return 0;
    return tern_held_has_raw(ctx->db, delivery->raw, delivery->raw_length, err);
}

static enum tern_outcome run_unreadable(struct delivery_work *item, struct tern_context *ctx, struct tern_error *err)
{
    int parked = is_parked_already(ctx, item->delivery, err);
    if (parked < 0) return TERN_RETRY;
    if (parked > 0) {
        item->result = "duplicate";
        return TERN_DONE;
    }
    return park_unreadable(item->units, ctx, item->delivery, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static enum tern_outcome hold_delivery(struct delivery_work *item, struct tern_context *ctx, enum tern_held_state state,
                                       struct tern_error *err)
{
    item->result = "held";
    return hold_event(item->units, ctx, &item->delivery->event, state, 0, ctx->now_ms, "retry", "", err) < 0
               ? TERN_RETRY
               : TERN_DONE;
}

/* Events republished for their numbers and after a queue loss carry the same header: the former are missing here. */
static const char *layer_of(const struct tern_units *units, const struct tern_delivery *delivery)
{
    const struct tern_event *event = &delivery->event;
    struct tern_numbers *numbers = units->settings.numbers;
    if (event->nudge) return tern_catalogue_asks(units->settings.service->catalogue, event->type) ? "nudge" : "answer";
    if (!event->republished) return NULL;
    bool missed = delivery->numbered && numbers && tern_numbers_misses(numbers, delivery->numbered, delivery->number);
    return missed ? "numbers" : "republish";
}

static enum tern_outcome run_delivery(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct delivery_work *item = (struct delivery_work *)work;
    struct tern_units *units = item->units;
    const struct tern_delivery *delivery = item->delivery;
    bool duplicate = false;
    item->ctx = ctx;
    item->result = "parked";
    item->left = delivery->generation <= units->left_generation;
    if (item->left) return TERN_DONE;
    item->layer = layer_of(units, delivery); /* before it counts as taken in */
    /* Whatever becomes of it, it is kept; a batch that is lost takes the note along. */
    if (delivery->numbered && units->settings.numbers)
        tern_numbers_take(units->settings.numbers, delivery->numbered, delivery->number);
    if (units->stale && recount(units, ctx, err) < 0) return TERN_RETRY;
    if (!delivery->readable) return run_unreadable(item, ctx, err);

    if (any_held(units) && !TERN_BUG(parked_overtaken)) {
        int behind = tern_held_has_subject(ctx->db, delivery->event.subject, err);
        if (behind < 0) return TERN_RETRY;
        if (behind) return hold_delivery(item, ctx, TERN_HELD_BEHIND, err);
    }
    if (delivery->redelivered && !TERN_BUG(attempts_uncounted)) {
        /* It may have killed this process before: its attempts are counted before it runs again. */
        int seen = tern_inbox_has(ctx->db, delivery->event.event_id, err);
        if (seen < 0) return TERN_RETRY;
        if (!seen) return hold_delivery(item, ctx, TERN_HELD_RETRY, err);
    }
    item->result = "done";
    TERN_CHAOS_POINT("cons.before_handler");
    enum tern_outcome outcome = handle(units, ctx, &delivery->event, &duplicate, err);
    if (duplicate) item->result = "duplicate";
    return outcome;
}

/* The unit may have failed before it came to ask; a store that does not answer now loses the whole batch. */
static int stands_behind(const struct tern_units *units, struct tern_context *ctx, const struct tern_event *event,
                         struct tern_error *err)
{
    return units->stale || any_held(units) ? tern_held_has_subject(ctx->db, event->subject, err) : 0;
}

static int keep_delivery(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct delivery_work *item = (struct delivery_work *)work;
    struct tern_units *units = item->units;
    const struct tern_event *event = &item->delivery->event;
    if (!item->delivery->readable) {
        *err = work->err;
        return -1; /* the store refused the parking itself: the whole batch waits */
    }
    int behind = stands_behind(units, ctx, event, err);
    if (behind < 0) return -1;
    if (behind) {
        item->result = "held";
        return hold_event(units, ctx, event, TERN_HELD_BEHIND, 0, ctx->now_ms, "retry", work->err.text, err);
    }
    bool last = work->outcome == TERN_REJECT || units->settings.most_attempts <= 1;
    item->result = last ? "parked" : "retry";
    if (last)
        return park_event(units, ctx, event,
                          work->outcome == TERN_REJECT ? TERN_PARKED_REJECTED : TERN_PARKED_EXHAUSTED, work->err.text,
                          err);
    log_failure(units, ctx, event, work->err.text);
    return hold_event(units, ctx, event, TERN_HELD_RETRY, 1, next_try(units, ctx, 1), "retry", work->err.text, err);
}

/* Once, when it is true: a batch that is lost counts nothing. */
static void count(const struct delivery_work *item)
{
    const struct tern_context *ctx = item->ctx;
    const struct tern_delivery *delivery = item->delivery;
    const char *type = delivery->readable ? delivery->event.type : "unreadable";
    tern_metric_add(ctx->metrics, &TERN_METRIC_messages_consumed_total, 1, type, item->result, NULL);
    if (strcmp(item->result, "duplicate") == 0)
        tern_metric_add(ctx->metrics, &TERN_METRIC_inbox_duplicates_total, 1, NULL, NULL, NULL);
    if (strcmp(item->result, "done") == 0 && item->layer)
        tern_metric_add(ctx->metrics, &TERN_METRIC_healed_total, 1, item->layer, NULL, NULL);
    if (delivery->redelivered)
        tern_metric_add(ctx->metrics, &TERN_METRIC_messages_redelivered_total, 1, type, NULL, NULL);
    tern_metric_observe(ctx->metrics, &TERN_METRIC_message_process_duration_seconds,
                        (double)(tern_steady(ctx->clock) - delivery->received_steady_ms) / 1000, NULL);
}

static void drop(struct delivery_work *item)
{
    item->delivery->generation = 0; /* of no connection: given back, never acknowledged */
    item->units->settings.settle(item->units->settings.self, item->delivery);
    free(item);
}

/* Another connection gets it again: kept as well, each reconnect while the store takes nothing would add a prefetch. What
 * came behind it on its connection goes the same way, or it would be overtaken. */
static bool leave_to_the_broker(struct tern_units *units, const struct tern_delivery *delivery)
{
    const struct tern_units_settings *settings = &units->settings;
    if (!settings->current || settings->current(settings->self, delivery)) return false;
    if (delivery->generation > units->left_generation) units->left_generation = delivery->generation;
    return true;
}

static void settle_delivery(struct tern_work *work, enum tern_settled settled)
{
    struct delivery_work *item = (struct delivery_work *)work;
    if (settled == TERN_SETTLED_LATER) {
        if (atomic_load(&item->units->draining) || leave_to_the_broker(item->units, item->delivery))
            drop(item);
        else
            tern_writer_again(item->units->settings.writer, work);
        return;
    }
    if (item->left) {
        drop(item);
        return;
    }
    count(item);
    item->units->settings.settle(item->units->settings.self, item->delivery);
    free(item);
}

static const struct tern_work_kind delivery_kind = {
    .name = "delivery", .run = run_delivery, .keep = keep_delivery, .settle = settle_delivery};

void tern_units_deliver(struct tern_units *units, struct tern_delivery *delivery)
{
    struct delivery_work *item = tern_alloc(sizeof *item);
    item->work.kind = &delivery_kind;
    item->units = units;
    item->delivery = delivery;
    tern_writer_submit(units->settings.writer, &item->work);
}

/* ---- a held message that is tried again ---- */

/* Counts last: what follows in a unit could undo it. */
static int let_go(struct tern_units *units, struct tern_context *ctx, const struct tern_held *held,
                  struct tern_error *err)
{
    int woke = tern_held_remove(ctx->db, held->position, held->subject, ctx->now_ms, err);
    if (woke < 0) return -1;
    units->held[TERN_HELD_RETRY] += woke - 1;
    units->held[TERN_HELD_BEHIND] -= woke;
    show_counts(units, ctx);
    return 0;
}

/* 0: somebody has discarded it while it was on its way through the writer: there is nothing left to do. */
static int is_kept(struct tern_units *units, struct tern_context *ctx, const struct tern_held *held,
                   struct tern_error *err)
{
    int kept = tern_held_is_kept(ctx->db, held->position, err);
    if (kept == 0) units->stale = true; /* counted as held until now */
    return kept;
}

/* What was parked unread is judged anew: it may be readable to a newer program. One that was too large has no bytes. */
static const char *read_held(const struct tern_context *ctx, const struct tern_held *held, struct tern_event *ret_event,
                             struct tern_error *err)
{
    if (strcmp(held->reason, TERN_PARKED_OVERSIZED) == 0) {
        (void)tern_error_set(err, "%s", held->error);
        return TERN_PARKED_OVERSIZED;
    }
    return tern_consumer_read(ctx->catalogue, held->body, held->body_length, ret_event, err);
}

static enum tern_outcome run_held(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct held_work *item = (struct held_work *)work;
    struct tern_event event;
    bool duplicate;
    int kept = is_kept(item->units, ctx, &item->held, err);
    if (kept <= 0) return kept < 0 ? TERN_RETRY : TERN_DONE;
    item->unreadable = read_held(ctx, &item->held, &event, err);
    if (item->unreadable) return TERN_REJECT;
    (void)tern_copy(event.traceparent, sizeof event.traceparent, item->held.traceparent);
    TERN_CHAOS_POINT("held.before_run");
    enum tern_outcome outcome = handle(item->units, ctx, &event, &duplicate, err);
    if (outcome == TERN_DONE && let_go(item->units, ctx, &item->held, err) < 0) outcome = TERN_RETRY;
    tern_event_fini(&event);
    return outcome;
}

static int keep_held(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct held_work *item = (struct held_work *)work;
    struct tern_units *units = item->units;
    const char *reason = work->outcome == TERN_REJECT ? TERN_PARKED_REJECTED : TERN_PARKED_EXHAUSTED;
    if (work->outcome == TERN_REJECT && item->unreadable) reason = item->unreadable;
    struct tern_event event = {0};
    int status = is_kept(units, ctx, &item->held, err);
    if (status <= 0) return status;
    (void)tern_copy(event.type, sizeof event.type, item->held.type);
    (void)tern_copy(event.subject, sizeof event.subject, item->held.subject);
    (void)tern_copy(event.event_id, sizeof event.event_id, item->held.event_id);
    if (work->outcome == TERN_RETRY && item->held.attempts < units->settings.most_attempts) {
        log_failure(units, ctx, &event, work->err.text);
        status = tern_held_retry(ctx->db, item->held.position, next_try(units, ctx, item->held.attempts),
                                 work->err.text, err);
    } else {
        log_story(ctx, TERN_LOG_ERROR, "parked", &event, work->err.text);
        tern_metric_add(ctx->metrics, &TERN_METRIC_parked_total, 1, reason, NULL, NULL);
        status = tern_held_park(ctx->db, item->held.position, reason, work->err.text, ctx->now_ms, err);
        units->held[TERN_HELD_RETRY]--;
        units->held[TERN_HELD_PARKED]++;
    }
    show_counts(units, ctx);
    return status;
}

static void free_held_work(struct held_work *item)
{
    tern_held_fini(&item->held);
    free(item);
}

static void settle_held(struct tern_work *work, enum tern_settled settled)
{
    struct held_work *item = (struct held_work *)work;
    if (settled == TERN_SETTLED_LATER && !atomic_load(&item->units->draining)) {
        tern_writer_again(item->units->settings.writer, work); /* its attempt is counted already */
        return;
    }
    item->units->in_flight--;
    free_held_work(item);
}

static const struct tern_work_kind held_kind = {
    .name = "held", .run = run_held, .keep = keep_held, .settle = settle_held};

/* A message that was begun before and did not end well may have killed the process: it runs without others, so that
 * they are not counted with it again and again, and parked with it at last. */
static bool runs_alone(const struct tern_held *held)
{
    return held->attempts > 0;
}

/* Those that were begun together with a killer were counted with it: each gets a try of its own before it is parked. */
static int64_t most_begun(const struct tern_units *units)
{
    return units->settings.most_attempts > 2 ? units->settings.most_attempts : 2;
}

/* Counts the next attempt of a due message; it runs in the transaction after this one. */
static int count_attempt(struct tern_units *units, struct tern_context *ctx, struct tern_error *err)
{
    struct held_work *item = tern_alloc(sizeof *item);
    int got = tern_held_take_due(ctx->db, ctx->now_ms, &item->held, err);
    if (got <= 0) {
        free(item);
        return got;
    }
    if (runs_alone(&item->held) && units->counted_count > 0) {
        free_held_work(item); /* it stays due */
        return 0;
    }
    item->work.kind = &held_kind;
    item->units = units;
    units->alone = runs_alone(&item->held);
    int64_t attempts = item->held.attempts + 1;
    int64_t again = next_try(units, ctx, attempts) + units->settings.backoff_ms + 1; /* never in this batch again */
    int status;
    if (attempts > most_begun(units)) { /* it was begun often enough and never ended */
        item->work.outcome = TERN_RETRY;
        (void)tern_error_set(&item->work.err, "%lld attempts were begun and none ended", (long long)(attempts - 1));
        status = keep_held(ctx, &item->work, err);
        free_held_work(item);
        return status < 0 ? -1 : 1;
    }
    status = tern_held_attempt(ctx->db, item->held.position, ctx->now_ms, again, err);
    item->held.attempts = attempts;
    units->counted[units->counted_count++] = item;
    return status < 0 ? -1 : 1;
}

/* ---- by the clock ---- */

static const struct tern_timer_kind *find_timer(const struct tern_service *service, const char *name)
{
    for (const struct tern_timer_kind *kind = service->timers; kind && kind->name; kind++)
        if (strcmp(kind->name, name) == 0) return kind;
    return NULL;
}

static bool timers_wait(const struct tern_units *units)
{
    const struct tern_units_settings *settings = &units->settings;
    return !TERN_BUG(deadline_by_wall_clock) && settings->service->timers_need_broker && settings->online &&
           !settings->online(settings->self);
}

static int fire_timer(struct tern_units *units, struct tern_context *ctx, struct tern_error *err)
{
    struct tern_timer timer;
    if (timers_wait(units)) return 0;
    int got = tern_timer_take_due(ctx->db, ctx->now_ms, &timer, err);
    if (got <= 0) return got;
    const struct tern_timer_kind *kind = find_timer(units->settings.service, timer.kind);
    if (!kind) return 1; /* of an older version of the service: nobody waits for it any more */
    struct tern_unit_mark mark;
    struct tern_error why = {0};
    converse_anew(ctx);
    if (tern_unit_begin(ctx, &mark, err) < 0) return -1;
    TERN_CHAOS_POINT("timer.before_fire");
    if (kind->fire(ctx, &timer, &why) == TERN_DONE) return tern_db_release(ctx->db, err) < 0 ? -1 : 1;
    if (why.fault == TERN_FAULT_FULL || why.fault == TERN_FAULT_BROKEN) {
        *err = why;
        return -1;
    }
    if (tern_unit_undo(ctx, &mark, err) < 0) return -1;
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&units->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "timer failed, will be tried again", TERN_STR("timer", timer.kind),
                   TERN_STR("subject", timer.key), TERN_STR("err", why.text), tern_log_count("leftOut", left_out),
                   TERN_LOG_END);
    return tern_timer_set(ctx->db, timer.kind, timer.key, next_try(units, ctx, 3), timer.payload, err) < 0 ? -1 : 1;
}

/* Whether held messages may be tried now: not while draining, nor before those that were counted have run. */
static bool may_try_held(const struct tern_units *units)
{
    return !atomic_load(&units->draining) && units->in_flight == 0 &&
           (units->stale || units->held[TERN_HELD_RETRY] > 0);
}

int tern_units_due(struct tern_units *units, struct tern_context *ctx, struct tern_error *err)
{
    if (units->stale && recount(units, ctx, err) < 0) return -1;
    int did = fire_timer(units, ctx, err);
    if (did != 0 || !may_try_held(units)) return did;
    if (units->counted_count == HELD_PER_BATCH || (units->alone && units->counted_count > 0)) return 0;
    return count_attempt(units, ctx, err);
}

/* A store that does not answer is asked again: forgetting what is due would be for ever. */
static int64_t earliest(int got, int64_t due_ms, const struct tern_context *ctx)
{
    if (got < 0) return tern_now(ctx->clock) + ASK_AGAIN_MS;
    return got > 0 ? due_ms : INT64_MAX;
}

int64_t tern_units_next_due(struct tern_units *units, struct tern_context *ctx)
{
    int64_t timer_ms = 0, held_ms = 0;
    int got = timers_wait(units) ? 0 : tern_timer_next_due(ctx->db, &timer_ms, NULL);
    timer_ms = earliest(got, timer_ms, ctx);
    got = may_try_held(units) ? tern_held_next_due(ctx->db, &held_ms, NULL) : 0;
    held_ms = earliest(got, held_ms, ctx);
    return timer_ms < held_ms ? timer_ms : held_ms;
}

void tern_units_committed(struct tern_units *units)
{
    for (size_t i = 0; i < units->counted_count; i++)
        tern_writer_submit(units->settings.writer, &units->counted[i]->work);
    units->in_flight += units->counted_count;
    units->counted_count = 0;
}

void tern_units_failed(struct tern_units *units)
{
    for (size_t i = 0; i < units->counted_count; i++)
        free_held_work(units->counted[i]);
    units->counted_count = 0;
    units->stale = true;
}

/* ---- life ---- */

struct tern_units *tern_units_create(const struct tern_units_settings *settings)
{
    struct tern_units *units = tern_alloc(sizeof *units);
    units->settings = *settings;
    return units;
}

void tern_units_destroy(struct tern_units *units)
{
    if (units) tern_units_failed(units);
    free(units);
}

int tern_units_load(struct tern_units *units, struct tern_context *ctx, struct tern_error *err)
{
    /* The wall clock may have been set back since they were written. */
    if (tern_held_pull_in(ctx->db, tern_now(ctx->clock) + TERN_BACKOFF_MOST_MS, err) < 0) return -1;
    return recount(units, ctx, err);
}

void tern_units_drain(struct tern_units *units)
{
    atomic_store(&units->draining, true);
}
