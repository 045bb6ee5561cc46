/* backlog.h - what waits for the broker: how many committed events are not confirmed, since when the oldest of them waits.
 *
 * The writer adds what a batch has emitted; what the publisher reports as confirmed comes back as a work, which records it in
 * the store and takes it off. Any thread reads the numbers. */
#ifndef TERN_OUTBOX_BACKLOG_H
#define TERN_OUTBOX_BACKLOG_H

#include "common/work/work.h"
#include "log_store.h"
#include "tern/event_log.h"

struct tern_publisher;

struct tern_backlog {
    const struct tern_clock *clock;
    struct tern_work_queue *queue;
    int64_t most;           /* events, from which on no new work is taken in */
    int64_t most_age_ms;    /* of the oldest, likewise; 0: any */
    atomic_llong pending;   /* committed events that are not confirmed */
    atomic_llong oldest_ms; /* since when the oldest of them waits, of the steady clock: no set clock closes the API */

    /* Writer thread only. */
    const void *report_open; /* the report that was taken and is not recorded yet */
    bool report_dropped;     /* one was lost while stopping; what comes after it is for the next start */
};

/* `state` as it was read from the store before the start. */
void tern_backlog_init(struct tern_backlog *backlog, struct tern_work_queue *queue,
                       const struct tern_outbox_state *state);
/* After a commit: the events that it emitted wait for the broker now. */
void tern_backlog_add(struct tern_backlog *backlog, const struct tern_context *ctx);
/* Publisher's thread: there is progress to take (tern_publisher_take). Called again only after a take. */
void tern_backlog_report(struct tern_backlog *backlog, struct tern_publisher *publisher);
/* 0 when none waits. */
int64_t tern_backlog_oldest_age_ms(const struct tern_backlog *backlog);
/* NULL, or in what way more waits for the broker than may. */
const char *tern_backlog_fault(const struct tern_backlog *backlog);

#endif
