/* backlog.h - the committed events that the broker has not confirmed: how many, and the age of the oldest.
 *
 * The writer adds what a batch has emitted. The publisher's confirms come back as a work of the writer, which records
 * them in the store and subtracts them. Any thread reads the numbers; above the limits the API refuses new work. */
#ifndef TERN_OUTBOX_BACKLOG_H
#define TERN_OUTBOX_BACKLOG_H

#include "common/work/work.h"
#include "log_store.h"
#include "tern/event_log.h"

struct publish_progress;

struct tern_backlog {
    const struct tern_clock *clock;
    struct tern_work_queue *queue;
    int64_t most;           /* events: from this many on no new work is accepted */
    int64_t most_age_ms;    /* age of the oldest: likewise; 0: no limit */
    atomic_llong pending;   /* committed events without a confirm */
    atomic_llong oldest_ms; /* steady: when the oldest of them was written */

    /* Writer thread only. */
    const void *report_open; /* the report_work whose report was taken and is not recorded yet */
    bool report_dropped;     /* a report was dropped while draining: later ones must not be recorded */
};

/* `state` as read from the store before the start. */
void tern_backlog_init(struct tern_backlog *backlog, struct tern_work_queue *queue,
                       const struct tern_outbox_state *state);
/* After a commit: the events that it emitted wait for the broker now. */
void tern_backlog_add(struct tern_backlog *backlog, const struct tern_context *ctx);
/* Publisher's thread: there is progress to take. Called again only after a take. */
void tern_backlog_report(struct tern_backlog *backlog, struct publish_progress *progress);
/* Age of the oldest unconfirmed event in ms; 0 when there is none. */
int64_t tern_backlog_oldest_age_ms(const struct tern_backlog *backlog);
/* The limit that is exceeded, as a sentence; NULL: none is. */
const char *tern_backlog_fault(const struct tern_backlog *backlog);

#endif
