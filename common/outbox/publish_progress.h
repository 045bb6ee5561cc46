/* publish_progress.h - what the broker confirmed, on its way from the publisher's thread to the writer's.
 *
 * One report, which grows until it is taken, behind a mutex. The publisher's thread adds to it after each round and
 * learns whether to announce it; the writer takes all of it; whoever drains waits until the publisher is idle. */
#ifndef TERN_OUTBOX_PUBLISH_PROGRESS_H
#define TERN_OUTBOX_PUBLISH_PROGRESS_H

#include "common/base/sync.h"
#include "publisher.h"

#include <stdatomic.h>

struct publish_progress {
    struct tern_sync sync; /* signals that the publisher became idle */
    /* Under the mutex. */
    struct tern_publish_progress report;
    bool waits;           /* there is something to take */
    bool announced;       /* and the writer was woken for it */
    bool idle;            /* nothing is under way, and everything up to idle_through was published */
    int64_t idle_through; /* a seq */
};

void tern_publish_progress_init(struct publish_progress *progress, int64_t mark);
void tern_publish_progress_fini(struct publish_progress *progress);
/* The publisher's thread: the report, to be added to; locked until publish_progress_close. */
struct tern_publish_progress *tern_publish_progress_open(struct publish_progress *progress);
/* Something was added or not; `open` publications are under way, everything committed up to `read_through` was read.
 * True when the writer is to be woken: once for each take. */
bool tern_publish_progress_close(struct publish_progress *progress, bool added, size_t open, int64_t read_through);
/* The writer's thread: 1 with the report, which is empty afterwards. */
bool tern_publish_progress_take(struct publish_progress *progress, struct tern_publish_progress *ret_report);
/* Any thread: waits until the publisher is idle and has read everything committed, while it is connected, and
 * timeout_ms at most. */
void tern_publish_progress_await_idle(struct publish_progress *progress, const atomic_int_fast64_t *committed,
                                      const atomic_bool *connected, int timeout_ms);

#endif
