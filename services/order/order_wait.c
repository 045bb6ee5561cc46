/* order_wait.c - the timer of a waiting order: what it stores, when it fires, when the patience ends.
 *
 * Patience is measured in online time (ctx->online_ms), the time for which the service was connected to the broker:
 * while the broker is away nobody can answer. An order that is answered in time costs one insert and one delete. */
#include "order_wait.h"

#include <string.h>

#include "order_service.h"
#include "tern/backoff.h"

const char order_wait_kind[] = "watch";

/* Stored as JSON by these names, which never change. */
static const struct tern_field wait_fields[] = {
    TERN_FIELD(struct order_wait, "status", status, TERN_KIND_WORD, required, 0, 0),
    TERN_FIELD(struct order_wait, "since", since_ms, TERN_KIND_COUNT, required, 0, INT64_MAX),
    TERN_FIELD(struct order_wait, "next", next_ms, TERN_KIND_COUNT, required, 0, INT64_MAX),
    TERN_FIELD(struct order_wait, "asked", nudges, TERN_KIND_COUNT, required, 0, INT64_MAX),
};
static const struct tern_schema wait_schema = TERN_SCHEMA_OF(struct order_wait, wait_fields);

static int64_t now_online(const struct tern_context *ctx)
{
    return ctx->online_ms;
}

static int64_t deadline_of(const struct tern_context *ctx, const struct order_wait *wait)
{
    const struct order_service_state *state = ctx->self;
    return wait->since_ms + state->deadline_ms;
}

/* The pause before a nudge, 1 for the first: doubling with jitter, so that orders do not nudge in step. */
static int64_t pause_before(struct tern_context *ctx, int64_t attempt)
{
    const struct order_service_state *state = ctx->self;
    return tern_backoff_ms(state->nudge_ms, attempt, tern_ids_random(ctx->ids, UINT32_MAX));
}

static struct order_wait new_wait(struct tern_context *ctx, const struct order_state *order)
{
    struct order_wait wait = {.since_ms = now_online(ctx), .next_ms = now_online(ctx) + pause_before(ctx, 1)};
    tern_copy_whole(wait.status, sizeof wait.status, order_status_name(order->saga.status));
    return wait;
}

void order_wait_read(struct tern_context *ctx, const struct order_state *order, const char *payload,
                     struct order_wait *ret_wait)
{
    bool usable = tern_schema_read(&wait_schema, payload, strlen(payload), TERN_JSON_MAX_BYTES, ret_wait, NULL) == 0 &&
                  strcmp(ret_wait->status, order_status_name(order->saga.status)) == 0 &&
                  ret_wait->since_ms <= now_online(ctx);
    if (!usable) *ret_wait = new_wait(ctx, order);
}

bool order_wait_over(const struct tern_context *ctx, const struct order_wait *wait)
{
    return now_online(ctx) >= deadline_of(ctx, wait);
}

void order_wait_nudged(struct tern_context *ctx, struct order_wait *wait)
{
    wait->nudges++;
    wait->next_ms = now_online(ctx) + pause_before(ctx, wait->nudges + 1);
}

/* Timers have wall times, so one may fire before its online time: it is then armed anew. */
int order_wait_go_on(struct tern_context *ctx, const char *order_id, const struct order_wait *wait,
                     struct tern_error *err)
{
    struct tern_text payload = {0};
    int64_t wake_ms = deadline_of(ctx, wait);
    if (wait->next_ms < wake_ms) wake_ms = wait->next_ms;
    int64_t delay_ms = wake_ms > now_online(ctx) ? wake_ms - now_online(ctx) : 1;
    tern_schema_encode(&wait_schema, wait, &payload);
    int status = tern_timer_arm(ctx, order_wait_kind, order_id, delay_ms, payload.bytes, err);
    tern_text_fini(&payload);
    return status;
}

int order_wait_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    struct order_wait wait = new_wait(ctx, order);
    return order_wait_go_on(ctx, order->order_id, &wait, err);
}

int order_wait_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err)
{
    return tern_timer_clear(ctx->db, order_wait_kind, order->order_id, err) < 0 ? -1 : 0;
}
