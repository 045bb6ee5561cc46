/* order_watch.c - one timer per waiting order, and what it does when it fires.
 *
 * Asking again is saying again the event whose answer is awaited: who has handled it repeats its answers, who never got
 * it handles it now. The first answer that was committed wins: the order is looked at in the transaction that would
 * give it up, and a status that has changed meanwhile begins a new patience. Never fires a deadline by the wall
 * clock. On the way of an order that is answered in time it costs one insert and one delete. */
#include "order_watch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "order_drive.h"
#include "order_metrics.h"
#include "order_store.h"
#include "tern/backoff.h"
#include "tern/bug.h"
#include "tern/event_log.h"

static const char watch_kind[] = "watch";

enum { WATCH_LONGEST_MS = 5 * 60 * 1000 / 4 * 5 }; /* of tern_backoff_ms */

/* The timer's payload. */
struct watch {
    char status[TERN_WORD_SIZE]; /* that is waited in; another one: the patience begins anew */
    int64_t since_ms, next_ms;   /* online time: of its beginning, and when to ask again */
    int64_t asked;               /* how often it was asked again */
};

#define WATCH_COUNT(json, member)                                                                            \
    {                                                                                                        \
        .name = (json), .kind = TERN_KIND_COUNT, .offset = offsetof(struct watch, member), .high = INT64_MAX \
    }

static const struct tern_field watch_fields[] = {
    {.name = "status", .kind = TERN_KIND_WORD, .offset = offsetof(struct watch, status), .size = TERN_WORD_SIZE},
    WATCH_COUNT("since", since_ms),
    WATCH_COUNT("next", next_ms),
    WATCH_COUNT("asked", asked),
};
static const struct tern_shape watch_shape = {watch_fields, TERN_COUNT(watch_fields), sizeof(struct watch)};

static struct order_patience watch_patience(const struct tern_context *ctx)
{
    const struct order_progress *self = ctx->self;
    struct order_patience patience = {0};

    if (self != NULL) patience = self->patience;
    if (patience.nudge_ms == 0) patience.nudge_ms = (int64_t)ORDER_NUDGE_DEFAULT_S * 1000;
    if (patience.deadline_ms == 0) patience.deadline_ms = (int64_t)ORDER_DEADLINE_DEFAULT_S * 1000;
    if (TERN_BUG(deadline_never)) patience.deadline_ms = INT64_MAX / 2;
    return patience;
}

/* Patience is measured in time online. */
static int64_t watch_now(const struct tern_context *ctx)
{
    return TERN_BUG(deadline_by_wall_clock) ? ctx->now_ms : ctx->online_ms;
}

/* ---- the timer --------------------------------------------------------------------------------------------- */

static int64_t watch_pause(struct tern_context *ctx, int64_t asked)
{
    return tern_backoff_ms(watch_patience(ctx).nudge_ms, asked + 1, tern_ids_random(ctx->ids, UINT32_MAX));
}

static void watch_restart(struct tern_context *ctx, const struct order_state *order, struct watch *watch)
{
    *watch = (struct watch){.since_ms = watch_now(ctx), .next_ms = watch_now(ctx) + watch_pause(ctx, 0)};
    (void)tern_copy(watch->status, sizeof(watch->status), order_status_name(order->saga.status));
}

static int watch_arm(struct tern_context *ctx, const char *order_id, const struct watch *watch, struct tern_error *err)
{
    const int64_t deadline_ms = watch->since_ms + watch_patience(ctx).deadline_ms;
    const int64_t wake_ms = watch->next_ms < deadline_ms ? watch->next_ms : deadline_ms;
    const int64_t delay_ms = wake_ms > watch_now(ctx) ? wake_ms - watch_now(ctx) : 1;
    struct tern_timer fits;

    (void)snprintf(fits.payload, sizeof(fits.payload),
                   "{\"status\":\"%s\",\"since\":%" PRId64 ",\"next\":%" PRId64 ",\"asked\":%" PRId64 "}",
                   watch->status, watch->since_ms, watch->next_ms, watch->asked);
    if (TERN_BUG(timers_in_memory)) return 0;
    return tern_timer_arm(ctx, watch_kind, order_id, delay_ms, fits.payload, err);
}

int order_watch_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    struct watch watch;

    watch_restart(ctx, order, &watch);
    return watch_arm(ctx, order->order_id, &watch, err);
}

int order_watch_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    return tern_timer_clear(ctx->db, watch_kind, order->order_id, err) < 0 ? -1 : 0;
}

/* A payload that cannot be read (none, at first) begins a new patience; so does one of a time that a crash has taken back. */
static void watch_read(struct tern_context *ctx, const struct tern_timer *timer, const struct order_state *order,
                       struct watch *watch)
{
    const size_t length = strlen(timer->payload);
    struct cJSON *tree = length > 0 ? tern_json_parse(timer->payload, length, sizeof(timer->payload), NULL) : NULL;
    struct tern_shape_faults faults;

    if (tree == NULL || tern_shape_decode(&watch_shape, tree, TERN_TOLERANT, watch, &faults) < 0 ||
        strcmp(watch->status, order_status_name(order->saga.status)) != 0 || watch->since_ms > watch_now(ctx))
        watch_restart(ctx, order, watch);
    tern_json_destroy(tree);
}

/* ---- asking again ------------------------------------------------------------------------------------------ */

/* The event whose answer the status waits for. */
static const char *watch_question(enum order_status status)
{
    const bool cancels = status == ORDER_INVENTORY_ISSUE || status == ORDER_CANCELLING;

    return cancels && !TERN_BUG(nudge_old_question) ? SHOP_TYPE(ORDER_CANCELLED)->name : SHOP_TYPE(ORDER_PLACED)->name;
}

static int watch_ask(struct tern_context *ctx, const struct order_state *order, struct watch *watch,
                     struct tern_error *err)
{
    const char *question = watch_question(order->saga.status);
    int64_t seq;
    const int found = tern_event_log_newest(ctx->db, order->order_id, question, &seq, err);

    TERN_ASSERT(found != 0, "an order that waits has said what it waits for");
    const bool said = !TERN_BUG(nudge_unsent) && !(TERN_BUG(nudge_once) && watch->asked > 0);
    if (found < 0 || (said && tern_say_again(ctx, seq, err) < 0)) return -1;
    watch->asked++;
    watch->next_ms = watch_now(ctx) + watch_pause(ctx, watch->asked);
    order_metrics_asked(ctx->metrics, order->saga.status);
    tern_log_info(ctx->log, "no answer yet, asked again", TERN_STR("orderId", order->order_id),
                  TERN_STR("status", watch->status), TERN_STR("eventType", question), TERN_INT("attempt", watch->asked),
                  TERN_STR("correlationId", order->correlation_id));
    return 0;
}

/* ---- giving up --------------------------------------------------------------------------------------------- */

static int watch_give_up(struct tern_context *ctx, struct order_state *order, struct tern_error *err)
{
    tern_log_warn(ctx->log, "no answer in time", TERN_STR("orderId", order->order_id),
                  TERN_STR("status", order_status_name(order->saga.status)),
                  TERN_STR("correlationId", order->correlation_id));
    (void)tern_copy(ctx->conversation.correlation_id, sizeof(ctx->conversation.correlation_id), order->correlation_id);
    order_metrics_gave_up(ctx->metrics, order->saga.status);
    if (order_drive(ctx, order, SAGA_DEADLINE, err) < 0) return -1;
    return saga_is_final(order->saga.status) ? 0 : order_watch_begin(ctx, order, err);
}

static int watch_look(struct tern_context *ctx, const struct tern_timer *timer, struct order_state *order,
                      struct tern_error *err)
{
    struct watch watch;

    if (saga_is_final(order->saga.status)) return 0;
    watch_read(ctx, timer, order, &watch);
    if (watch_now(ctx) - watch.since_ms >= watch_patience(ctx).deadline_ms) return watch_give_up(ctx, order, err);
    if (watch_now(ctx) >= watch.next_ms && watch_ask(ctx, order, &watch, err) < 0) return -1;
    return watch_arm(ctx, order->order_id, &watch, err);
}

static enum tern_outcome watch_fire(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err)
{
    struct order_state order = {0};
    const int found = order_store_load(ctx->db, timer->key, &order, err);
    const int looked = found > 0 ? watch_look(ctx, timer, &order, err) : found;

    order_fini(&order);
    return looked < 0 ? TERN_RETRY : TERN_DONE;
}

const struct tern_timer_kind order_timers[] = {
    {watch_kind, watch_fire},
    {NULL,       NULL      },
};

/* ---- at the start ------------------------------------------------------------------------------------------ */

static const char watch_missing[] = "INSERT INTO timer (kind, key, due_ms) SELECT ?1, order_id, ?2 FROM orders"
                                    " WHERE status IN ('CREATED', 'PAID', 'INVENTORY_ISSUE', 'CANCELLING')"
                                    " AND order_id NOT IN (SELECT key FROM timer WHERE kind = ?1)";
static const char watch_clamp[] = "UPDATE timer SET due_ms = ?2 WHERE kind = ?1 AND due_ms > ?2";

int order_watch_prepare(struct tern_context *ctx, struct tern_error *err)
{
    const struct tern_db_value kind = tern_db_text(watch_kind);

    if (tern_db_run(ctx->db, watch_missing, TERN_DB_ARGS(kind, tern_db_int(ctx->now_ms)), err) < 0 ||
        tern_db_run(ctx->db, watch_clamp, TERN_DB_ARGS(kind, tern_db_int(ctx->now_ms + WATCH_LONGEST_MS)), err) < 0)
        return -1;
    return 0;
}
