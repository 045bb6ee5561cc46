/* publish_progress.c - the report under its mutex, and how it is written into the store.
 *
 * Nothing is lost between two takes: counts add up, positions only grow, and the list of returned rows is never
 * overwritten (who finds it full waits for the next report). */
#include "publish_progress.h"

#include "common/amqp/amqp.h"
#include "queue_markers.h"

void tern_publish_progress_init(struct publish_progress *progress, int64_t confirmed_through)
{
    progress->report.confirmed_through = confirmed_through;
    tern_sync_init(&progress->sync);
}

void tern_publish_progress_fini(struct publish_progress *progress)
{
    tern_sync_fini(&progress->sync);
}

struct tern_publish_progress *tern_publish_progress_open(struct publish_progress *progress)
{
    tern_sync_lock(&progress->sync);
    return &progress->report;
}

/* The writer is woken once; whatever is added until it takes the report goes along. */
bool tern_publish_progress_close(struct publish_progress *progress, bool added, bool more, size_t open,
                                 int64_t read_through)
{
    progress->more = more;
    progress->waits = progress->waits || added;
    progress->idle = open == 0;
    progress->idle_through = read_through;
    if (progress->idle) tern_sync_broadcast(&progress->sync);
    bool announce = progress->waits && !progress->announced;
    progress->announced = progress->announced || announce;
    tern_sync_unlock(&progress->sync);
    return announce;
}

bool tern_publish_progress_take(struct publish_progress *progress, struct tern_publish_progress *ret_report)
{
    struct tern_publish_progress *report = tern_publish_progress_open(progress);
    bool waits = progress->waits;
    if (waits) {
        *ret_report = *report;
        report->confirmed = 0;
        report->return_count = 0;
        report->again_done = 0;
        report->republish_id = 0; /* confirmed_through stays: it is a position, not a difference */
    }
    progress->waits = progress->announced = false;
    if (progress->more) tern_amqp_wake(progress->link);
    tern_sync_unlock(&progress->sync);
    return waits;
}

/* `committed` may grow while this waits, so it is read anew each time. */
void tern_publish_progress_await_idle(struct publish_progress *progress, const atomic_int_fast64_t *committed,
                                      const atomic_bool *connected, int timeout_ms)
{
    struct timespec deadline = tern_deadline(timeout_ms);
    bool in_time = true;
    tern_sync_lock(&progress->sync);
    while (in_time && (!progress->idle || progress->idle_through < atomic_load(committed)) && atomic_load(connected))
        in_time = tern_sync_wait_until(&progress->sync, deadline);
    tern_sync_unlock(&progress->sync);
}

/* Returned rows first: the position may pass a row only once the store has it as returned. One transaction holds
 * both. */
int tern_publish_progress_record(struct tern_db *db, const struct tern_publish_progress *report, struct tern_error *err)
{
    for (size_t i = 0; i < report->return_count; i++) {
        const struct tern_publish_return *row = &report->returns[i];
        int result = row->next_try_ms == 0
                         ? tern_outbox_end_return(db, row->seq, err)
                         : tern_outbox_return(db, row->seq, row->subject, row->reason, row->next_try_ms, err);
        if (result < 0) return -1;
    }
    if (report->republish_id > 0 &&
        tern_republish_range_advance(db, report->republish_id, report->republished, err) < 0)
        return -1;
    if (report->again_done > 0 && tern_outbox_request_done(db, report->again_done, err) < 0) return -1;
    return tern_outbox_advance(db, report->confirmed_through, err);
}
