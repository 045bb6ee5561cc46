/* timers.c - takes a due timer from the store and fires it, in one savepoint of the open batch.
 *
 * A timer that fails is undone and set again for later. One of an unknown kind belongs to another version of the
 * service and is dropped. Never begins or ends a transaction. */
#include "timers.h"

#include <string.h>

#include "common/base/chaos.h"
#include "common/store/store.h"
#include "tern/backoff.h"
#include "timers_store.h"

enum {
    ASK_AGAIN_MS = 1000,    /* when the store could not say what is due */
    FAILURES_A_MINUTE = 20, /* log lines */
    FAILED_ATTEMPTS = 3     /* a timer counts no attempts: each failure waits as long as the third of a message */
};

/* Whether timers are held back: nobody could answer what they would ask. */
static bool wait_for_broker(const struct tern_timers *timers)
{
    return timers->links && !tern_links_online(timers->links);
}

/* After the unit was undone, and the taking of its row with it. */
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
    const struct tern_timer_kind *kind = timers->kinds;
    while (kind && kind->name && strcmp(kind->name, timer.kind) != 0)
        kind++;
    if (!kind || !kind->name) return 1; /* of another version of the service: its row is gone now */

    /* No event caused it, so it begins a conversation; its function may continue an older one. */
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
    /* A store that does not answer is asked again soon: otherwise nothing might ever wake the writer for what is
     * due. */
    if (got < 0) return tern_now(ctx->clock) + ASK_AGAIN_MS;
    return got > 0 ? due_ms : INT64_MAX;
}
