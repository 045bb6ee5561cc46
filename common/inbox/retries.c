/* retries.c - kept messages: counted, tried again, parked.
 *
 * Invariants: a message is either kept in the store or handled; while a subject has a kept message, none of its later
 * ones runs; an attempt is on disk before its handler runs, so a message that crashes the process is counted. Never
 * ends a transaction. */
#include "retries.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/chaos.h"
#include "deferred.h"
#include "tern/backoff.h"

enum {
    DEFERRED_PER_BATCH = 16, /* attempts counted in one batch */
    ASK_AGAIN_MS = 1000,     /* when the store could not say what is due */
    FAILURES_A_MINUTE = 20   /* log lines */
};

/* A kept message whose attempt was counted; it runs in the next transaction. */
struct deferred_work {
    struct tern_work work;
    struct tern_retries *retries;
    struct tern_deferred deferred; /* owned; `attempts` includes the present one */
    const char *unreadable;        /* TERN_PARKED_*: its body could not be read; NULL: it could */
};

struct tern_retries {
    struct tern_retries_settings settings;
    atomic_bool draining;

    /* Writer thread only. */
    int64_t kept[3]; /* rows by enum tern_deferred_state, as the open transaction has them */
    bool stale;      /* a batch was lost: `kept` may be wrong */
    struct deferred_work *counted[DEFERRED_PER_BATCH]; /* owned; attempts counted in the open batch */
    size_t counted_count;
    bool alone;       /* the one that was counted must run without others */
    size_t in_flight; /* counted and committed, in the writer's queue: no more are counted meanwhile */
    struct tern_log_quota failures;
};

/* ---- counts ---- */

static void show_counts(const struct tern_retries *retries, struct tern_context *ctx)
{
    tern_metric_set(ctx->metrics, &TERN_METRIC_parked_messages, (double)retries->kept[TERN_DEFERRED_PARKED], NULL,
                    NULL);
    tern_metric_set(ctx->metrics, &TERN_METRIC_deferred_messages,
                    (double)(retries->kept[TERN_DEFERRED_RETRY] + retries->kept[TERN_DEFERRED_BEHIND]), NULL, NULL);
    ctx->timers_set++; /* the writer asks for the next due time again */
}

/* Walks the whole table: for the start, and after a lost batch. Otherwise each change is counted as it is made. */
static int recount(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err)
{
    if (tern_deferred_count(ctx->db, retries->kept, err) < 0) return -1;
    retries->stale = false;
    show_counts(retries, ctx);
    return 0;
}

int tern_retries_load(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err)
{
    /* The wall clock may have been set back since they were written. */
    if (tern_deferred_pull_in(ctx->db, tern_now(ctx->clock) + TERN_BACKOFF_MOST_MS, err) < 0) return -1;
    return recount(retries, ctx, err);
}

int tern_retries_refresh(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err)
{
    return retries->stale ? recount(retries, ctx, err) : 0;
}

int tern_retries_has_subject(const struct tern_retries *retries, struct tern_context *ctx, const char *subject,
                             struct tern_error *err)
{
    const int64_t *kept = retries->kept;
    bool any = kept[TERN_DEFERRED_RETRY] + kept[TERN_DEFERRED_BEHIND] + kept[TERN_DEFERRED_PARKED] > 0;
    return retries->stale || any ? tern_deferred_has_subject(ctx->db, subject, err) : 0;
}

/* ---- keeping an event ---- */

/* Adds a row. The caller has set state, attempts, next try, reason and error; the rest comes from the event. */
static int keep(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                struct tern_deferred *deferred, struct tern_error *err)
{
    deferred->first_at_ms = deferred->last_at_ms = ctx->now_ms;
    deferred->body = event->body;
    deferred->body_length = event->body_length;
    tern_copy_whole(deferred->event_id, sizeof deferred->event_id, event->event_id);
    tern_copy_whole(deferred->type, sizeof deferred->type, event->type);
    tern_copy_whole(deferred->subject, sizeof deferred->subject, event->subject);
    tern_copy_whole(deferred->traceparent, sizeof deferred->traceparent, event->traceparent);
    int added = tern_deferred_add(ctx->db, deferred, err);
    if (added < 0) return -1;
    retries->kept[deferred->state] += added;
    show_counts(retries, ctx);
    return 0;
}

int tern_retries_keep_behind(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                             const char *error, struct tern_error *err)
{
    struct tern_deferred deferred = {.state = TERN_DEFERRED_BEHIND, .next_try_ms = ctx->now_ms, .reason = "retry"};
    tern_copy_cut(deferred.error, sizeof deferred.error, error);
    return keep(retries, ctx, event, &deferred, err);
}

int tern_retries_keep_due(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                          struct tern_error *err)
{
    struct tern_deferred deferred = {.state = TERN_DEFERRED_RETRY, .next_try_ms = ctx->now_ms, .reason = "retry"};
    return keep(retries, ctx, event, &deferred, err);
}

int tern_retries_park(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                      const char *reason, const char *error, struct tern_error *err)
{
    struct tern_deferred deferred = {.state = TERN_DEFERRED_PARKED, .attempts = 1};
    tern_inbox_log(ctx, TERN_LOG_ERROR, "parked", event, error);
    tern_metric_add(ctx->metrics, &TERN_METRIC_parked_total, 1, reason, NULL, NULL);
    tern_copy_whole(deferred.reason, sizeof deferred.reason, reason);
    tern_copy_cut(deferred.error, sizeof deferred.error, error);
    return keep(retries, ctx, event, &deferred, err);
}

static int64_t next_try(const struct tern_retries *retries, struct tern_context *ctx, int64_t attempts)
{
    return ctx->now_ms + tern_backoff_ms(retries->settings.backoff_ms, attempts, tern_ids_random(ctx->ids, UINT32_MAX));
}

/* A bounded number of lines: a handler that fails for one event tends to fail for all of them. */
static void log_failure(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                        const char *reason)
{
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&retries->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "failed, will be tried again", TERN_STR("eventType", event->type),
                   TERN_STR("subject", event->subject), TERN_STR("eventId", event->event_id),
                   TERN_STR("correlationId", event->correlation_id), TERN_STR("err", reason),
                   tern_log_count("leftOut", left_out), TERN_LOG_END);
}

int tern_retries_keep_failed(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                             const char *error, bool *ret_parked, struct tern_error *err)
{
    *ret_parked = retries->settings.most_attempts <= 1;
    if (*ret_parked) return tern_retries_park(retries, ctx, event, TERN_PARKED_EXHAUSTED, error, err);
    log_failure(retries, ctx, event, error);
    struct tern_deferred deferred = {
        .state = TERN_DEFERRED_RETRY, .attempts = 1, .next_try_ms = next_try(retries, ctx, 1), .reason = "retry"};
    tern_copy_cut(deferred.error, sizeof deferred.error, error);
    return keep(retries, ctx, event, &deferred, err);
}

/* ---- a kept message that is tried again ---- */

/* Handled: the row goes, the next of its subject becomes due. Last in its unit, because `kept` is not undone with
 * it. */
static int let_go(struct tern_retries *retries, struct tern_context *ctx, const struct tern_deferred *deferred,
                  struct tern_error *err)
{
    int woke = tern_deferred_remove(ctx->db, deferred->position, deferred->subject, ctx->now_ms, err);
    if (woke < 0) return -1;
    retries->kept[TERN_DEFERRED_RETRY] += woke - 1;
    retries->kept[TERN_DEFERRED_BEHIND] -= woke;
    show_counts(retries, ctx);
    return 0;
}

/* 0: somebody has discarded it while it was in the writer's queue, and there is nothing left to do. */
static int is_kept(struct tern_retries *retries, struct tern_context *ctx, const struct tern_deferred *deferred,
                   struct tern_error *err)
{
    int kept = tern_deferred_is_kept(ctx->db, deferred->position, err);
    if (kept == 0) retries->stale = true; /* counted as kept until now */
    return kept;
}

/* What was parked as unreadable is read again: a newer program may know its type. One that was too large has no
 * bytes. */
static const char *read_deferred(const struct tern_context *ctx, const struct tern_deferred *deferred,
                                 struct tern_event *ret_event, struct tern_error *err)
{
    if (strcmp(deferred->reason, TERN_PARKED_OVERSIZED) == 0) {
        (void)tern_error_set(err, "%s", deferred->error);
        return TERN_PARKED_OVERSIZED;
    }
    return tern_inbox_read(ctx->catalogue, deferred->body, deferred->body_length, ret_event, err);
}

static enum tern_outcome run_deferred(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct deferred_work *item = (struct deferred_work *)work;
    struct tern_retries *retries = item->retries;
    struct tern_event event;
    bool duplicate;
    int kept = is_kept(retries, ctx, &item->deferred, err);
    if (kept <= 0) return kept < 0 ? TERN_RETRY : TERN_DONE;
    item->unreadable = read_deferred(ctx, &item->deferred, &event, err);
    if (item->unreadable) return TERN_REJECT;
    tern_copy_whole(event.traceparent, sizeof event.traceparent, item->deferred.traceparent);
    TERN_CHAOS_POINT("deferred.before_run");
    enum tern_outcome outcome = tern_inbox_handle(&retries->settings.handlers, ctx, &event, &duplicate, err);
    if (outcome == TERN_DONE && let_go(retries, ctx, &item->deferred, err) < 0) outcome = TERN_RETRY;
    tern_event_fini(&event);
    return outcome;
}

/* After a failed attempt was undone: due again after a back-off, or parked. */
static int keep_deferred(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct deferred_work *item = (struct deferred_work *)work;
    struct tern_retries *retries = item->retries;
    const char *reason = work->outcome == TERN_REJECT ? TERN_PARKED_REJECTED : TERN_PARKED_EXHAUSTED;
    if (work->outcome == TERN_REJECT && item->unreadable) reason = item->unreadable;
    struct tern_event event = {0};
    int status = is_kept(retries, ctx, &item->deferred, err);
    if (status <= 0) return status;
    tern_copy_whole(event.type, sizeof event.type, item->deferred.type);
    tern_copy_whole(event.subject, sizeof event.subject, item->deferred.subject);
    tern_copy_whole(event.event_id, sizeof event.event_id, item->deferred.event_id);
    if (work->outcome == TERN_RETRY && item->deferred.attempts < retries->settings.most_attempts) {
        log_failure(retries, ctx, &event, work->err.text);
        status = tern_deferred_retry(ctx->db, item->deferred.position, next_try(retries, ctx, item->deferred.attempts),
                                     work->err.text, err);
    } else {
        tern_inbox_log(ctx, TERN_LOG_ERROR, "parked", &event, work->err.text);
        tern_metric_add(ctx->metrics, &TERN_METRIC_parked_total, 1, reason, NULL, NULL);
        status = tern_deferred_park(ctx->db, item->deferred.position, reason, work->err.text, ctx->now_ms, err);
        retries->kept[TERN_DEFERRED_RETRY]--;
        retries->kept[TERN_DEFERRED_PARKED]++;
    }
    show_counts(retries, ctx);
    return status;
}

static void free_deferred_work(struct deferred_work *item)
{
    tern_deferred_fini(&item->deferred);
    free(item);
}

static void finish_deferred(struct tern_work *work, enum tern_work_end end)
{
    struct deferred_work *item = (struct deferred_work *)work;
    struct tern_retries *retries = item->retries;
    if (end == TERN_WORK_LATER && !atomic_load(&retries->draining)) {
        tern_work_requeue(retries->settings.queue, work); /* the same attempt, counted already */
        return;
    }
    retries->in_flight--;
    free_deferred_work(item);
}

static const struct tern_work_kind deferred_kind = {
    .name = "deferred", .run = run_deferred, .keep = keep_deferred, .finish = finish_deferred};

/* ---- what is due ---- */

/* A message that was begun before may have crashed the process. It runs without others, so that they are not counted
 * with it again and again, and parked with it at last. */
static bool runs_alone(const struct tern_deferred *deferred)
{
    return deferred->attempts > 0;
}

/* Counts the next attempt of a due message, which runs in the transaction after this one; or parks a message that was
 * begun too often without an end. */
static int count_attempt(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err)
{
    struct deferred_work *item = tern_alloc(sizeof *item);
    int got = tern_deferred_take_due(ctx->db, ctx->now_ms, &item->deferred, err);
    if (got <= 0) {
        free(item);
        return got;
    }
    if (runs_alone(&item->deferred) && retries->counted_count > 0) {
        free_deferred_work(item); /* it stays due */
        return 0;
    }
    item->work.kind = &deferred_kind;
    item->retries = retries;
    retries->alone = runs_alone(&item->deferred);
    int64_t attempts = item->deferred.attempts + 1;
    /* Messages started in the same batch as a crashing one were counted with it: each gets a try of its own before it
     * is parked, whatever RETRY_MAX_ATTEMPTS says. */
    int64_t most_begun = retries->settings.most_attempts > 2 ? retries->settings.most_attempts : 2;
    int64_t again = next_try(retries, ctx, attempts) + retries->settings.backoff_ms + 1; /* not again in this batch */
    int status;
    if (attempts > most_begun) {
        item->work.outcome = TERN_RETRY;
        (void)tern_error_set(&item->work.err, "%lld attempts were begun and none ended", (long long)(attempts - 1));
        status = keep_deferred(ctx, &item->work, err);
        free_deferred_work(item);
        return status < 0 ? -1 : 1;
    }
    status = tern_deferred_attempt(ctx->db, item->deferred.position, ctx->now_ms, again, err);
    item->deferred.attempts = attempts;
    retries->counted[retries->counted_count++] = item;
    return status < 0 ? -1 : 1;
}

/* Not while draining, nor before those that were counted have run. */
static bool may_try(const struct tern_retries *retries)
{
    return !atomic_load(&retries->draining) && retries->in_flight == 0 &&
           (retries->stale || retries->kept[TERN_DEFERRED_RETRY] > 0);
}

int tern_retries_due(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err)
{
    if (!may_try(retries) || retries->counted_count == DEFERRED_PER_BATCH) return 0;
    if (retries->alone && retries->counted_count > 0) return 0;
    return count_attempt(retries, ctx, err);
}

int64_t tern_retries_next_due(const struct tern_retries *retries, struct tern_context *ctx)
{
    int64_t due_ms = 0;
    int got = may_try(retries) ? tern_deferred_next_due(ctx->db, &due_ms, NULL) : 0;
    /* A store that does not answer is asked again soon: otherwise nothing might ever wake the writer for what is
     * due. */
    if (got < 0) return tern_now(ctx->clock) + ASK_AGAIN_MS;
    return got > 0 ? due_ms : INT64_MAX;
}

void tern_retries_committed(struct tern_retries *retries)
{
    for (size_t i = 0; i < retries->counted_count; i++)
        tern_work_submit(retries->settings.queue, &retries->counted[i]->work);
    retries->in_flight += retries->counted_count;
    retries->counted_count = 0;
}

void tern_retries_failed(struct tern_retries *retries)
{
    for (size_t i = 0; i < retries->counted_count; i++)
        free_deferred_work(retries->counted[i]);
    retries->counted_count = 0;
    retries->stale = true;
}

/* ---- life ---- */

struct tern_retries *tern_retries_create(const struct tern_retries_settings *settings)
{
    struct tern_retries *retries = tern_alloc(sizeof *retries);
    retries->settings = *settings;
    return retries;
}

void tern_retries_destroy(struct tern_retries *retries)
{
    if (retries) tern_retries_failed(retries);
    free(retries);
}

void tern_retries_drain(struct tern_retries *retries)
{
    if (retries) atomic_store(&retries->draining, true);
}
