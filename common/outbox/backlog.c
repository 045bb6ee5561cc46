/* backlog.c - the size and age of the backlog, and the work that records the broker's confirms in the store.
 *
 * Reports are recorded in the order in which they were taken. Out of order, the position of a later
 * report would pass rows that an earlier one lists as returned, and those would never be sent again. */
#include "backlog.h"

#include <stdlib.h>

#include "log_store.h"
#include "publish_progress.h"

struct report_work {
    struct tern_work work;
    struct tern_backlog *backlog;
    struct publish_progress *progress;   /* the publisher's */
    bool taken;                          /* `report` was taken: a failed unit must not take another one */
    struct tern_publish_progress report; /* valid once taken */
};

/* Turns the wall time of a row into a steady time, so that a wall clock that is set makes no event look old. */
static void note_oldest(struct tern_backlog *backlog, int64_t logged_at_ms)
{
    int64_t age_ms = tern_now(backlog->clock) - logged_at_ms;
    atomic_store(&backlog->oldest_ms, tern_steady(backlog->clock) - (age_ms > 0 ? age_ms : 0));
}

void tern_backlog_init(struct tern_backlog *backlog, struct tern_work_queue *queue,
                       const struct tern_outbox_state *state)
{
    *backlog = (struct tern_backlog){.clock = queue->clock, .queue = queue};
    atomic_store(&backlog->pending, state->pending);
    note_oldest(backlog, state->oldest_at_ms);
}

/* An empty backlog gets its age from this batch; otherwise an older event has it. */
void tern_backlog_add(struct tern_backlog *backlog, const struct tern_context *ctx)
{
    if (atomic_load(&backlog->pending) == 0) note_oldest(backlog, ctx->now_ms);
    atomic_fetch_add(&backlog->pending, ctx->emitted);
}

int64_t tern_backlog_oldest_age_ms(const struct tern_backlog *backlog)
{
    if (atomic_load(&backlog->pending) <= 0) return 0;
    int64_t age_ms = tern_steady(backlog->clock) - atomic_load(&backlog->oldest_ms);
    return age_ms > 0 ? age_ms : 0;
}

const char *tern_backlog_fault(const struct tern_backlog *backlog)
{
    if (atomic_load(&backlog->pending) >= backlog->most) return "too many events wait for the broker";
    if (backlog->most_age_ms > 0 && tern_backlog_oldest_age_ms(backlog) >= backlog->most_age_ms)
        return "an event has waited too long for the broker";
    return NULL;
}

/* ---- a report ---- */

/* Takes the report when it runs, not when it is queued: by then it holds all that was confirmed meanwhile. */
static enum tern_outcome run_report(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct report_work *item = (struct report_work *)work;
    struct tern_backlog *backlog = item->backlog;
    int64_t oldest = 0;
    if (backlog->report_dropped) return TERN_DONE;
    if (backlog->report_open && backlog->report_open != item) return TERN_RETRY;
    if (!item->taken) item->taken = tern_publish_progress_take(item->progress, &item->report);
    if (!item->taken) return TERN_DONE;
    backlog->report_open = item;
    if (tern_publish_progress_record(ctx->db, &item->report, err) < 0) return TERN_RETRY;
    if (tern_outbox_oldest(ctx->db, &oldest, err) < 0) return TERN_RETRY;
    note_oldest(backlog, oldest > 0 ? oldest : ctx->now_ms); /* 0: nothing waits but what this batch may add */
    backlog->report_open = NULL;
    return TERN_DONE;
}

/* A report that failed runs again, except while draining: what it held is published again by the next run. */
static void finish_report(struct tern_work *work, enum tern_work_end end)
{
    struct report_work *item = (struct report_work *)work;
    struct tern_backlog *backlog = item->backlog;
    if (end != TERN_WORK_DONE && !tern_work_draining(backlog->queue)) {
        if (end == TERN_WORK_LATER)
            tern_work_requeue(backlog->queue, work);
        else
            tern_work_submit(backlog->queue, work);
        return;
    }
    if (end != TERN_WORK_DONE && item->taken) backlog->report_dropped = true;
    if (item->taken) atomic_fetch_sub(&backlog->pending, item->report.confirmed);
    free(item);
}

static const struct tern_work_kind report_kind = {
    .name = "progress", .run = run_report, .finish = finish_report, .lazy = true};

void tern_backlog_report(struct tern_backlog *backlog, struct publish_progress *progress)
{
    struct report_work *item = tern_alloc(sizeof *item);
    item->work.kind = &report_kind;
    item->backlog = backlog;
    item->progress = progress;
    tern_work_submit(backlog->queue, &item->work);
}
