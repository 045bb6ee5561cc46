/* timers.c - a due timer is taken from the store and fires, in one savepoint of the open batch.
 *
 * One that fails is undone and set again for later; one of an unknown kind is of an older version of the service and is
 * forgotten. Never begins or ends a transaction. */
#include "timers.h"

#include <string.h>

#include "common/base/chaos.h"
#include "common/store/store.h"
#include "tern/backoff.h"
#include "timers_store.h"

enum { ASK_AGAIN_MS = 1000, FAILURES_A_MINUTE = 20 /* lines */, FAILED_ATTEMPTS = 3 /* the back-off of so many */ };

static const struct tern_timer_kind *find_kind(const struct tern_timers *timers, const char *name)
{
    for (const struct tern_timer_kind *kind = timers->kinds; kind && kind->name; kind++)
        if (strcmp(kind->name, name) == 0) return kind;
    return NULL;
}

static bool wait_for_broker(const struct tern_timers *timers)
{
    return timers->links && !tern_links_online(timers->links);
}

/* Undone: it comes again after a back-off. */
static int set_again(struct tern_timers *timers, struct tern_context *ctx, const struct tern_timer *timer,
                     const struct tern_error *why, struct tern_error *err)
{
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&timers->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "timer failed, will be tried again", TERN_STR("timer", timer->kind),
                   TERN_STR("subject", timer->key), TERN_STR("err", why->text), tern_log_count("leftOut", left_out),
                   TERN_LOG_END);
    int64_t wait_ms = tern_backoff_ms(timers->backoff_ms, FAILED_ATTEMPTS, tern_ids_random(ctx->ids, UINT32_MAX));
    return tern_timer_set(ctx->db, timer->kind, timer->key, ctx->now_ms + wait_ms, timer->payload, err) < 0 ? -1 : 1;
}

int tern_timers_due(struct tern_timers *timers, struct tern_context *ctx, struct tern_error *err)
{
    struct tern_timer timer;
    struct tern_unit_start start;
    struct tern_error why = {0};
    if (wait_for_broker(timers)) return 0;
    int got = tern_timer_take_due(ctx->db, ctx->now_ms, &timer, err);
    if (got <= 0) return got;
    const struct tern_timer_kind *kind = find_kind(timers, timer.kind);
    if (!kind) return 1; /* of an older version of the service: nobody waits for it any more */

    /* No event caused it: it begins a conversation, unless it goes on with one that it kept. */
    memset(&ctx->conversation, 0, sizeof ctx->conversation);
    tern_ids_uuid(ctx->ids, ctx->conversation.correlation_id);
    tern_ids_traceparent(ctx->ids, NULL, ctx->conversation.traceparent);
    if (tern_unit_begin(ctx, &start, err) < 0) return -1;
    TERN_CHAOS_POINT("timer.before_fire");
    if (kind->fire(ctx, &timer, &why) == TERN_DONE) return tern_db_release(ctx->db, err) < 0 ? -1 : 1;
    if (why.fault == TERN_FAULT_FULL || why.fault == TERN_FAULT_BROKEN) {
        *err = why;
        return -1;
    }
    return tern_unit_undo(ctx, &start, err) < 0 ? -1 : set_again(timers, ctx, &timer, &why, err);
}

int64_t tern_timers_next_due(const struct tern_timers *timers, struct tern_context *ctx)
{
    int64_t due_ms = 0;
    int got = wait_for_broker(timers) ? 0 : tern_timer_next_due(ctx->db, &due_ms, NULL);
    /* A store that does not answer is asked again: forgetting what is due would be for ever. */
    if (got < 0) return tern_now(ctx->clock) + ASK_AGAIN_MS;
    return got > 0 ? due_ms : INT64_MAX;
}
