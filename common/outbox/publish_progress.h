/* publish_progress.h - carries the broker's confirms from the publisher's thread to the writer's.
 *
 * One report behind a mutex, which grows until it is taken. The publisher adds to it after each round and learns
 * whether to announce it; the writer takes all of it; a draining service waits here until the publisher is idle. */
#ifndef TERN_OUTBOX_PUBLISH_PROGRESS_H
#define TERN_OUTBOX_PUBLISH_PROGRESS_H

#include "common/base/sync.h"
#include "publisher.h"

#include <stdatomic.h>

struct publish_progress {
    struct tern_sync sync; /* guards the rest; signals that the publisher became idle */
    struct tern_publish_progress report;
    bool waits;           /* there is something to take */
    bool announced;       /* the writer was woken for it */
    bool idle;            /* no publication is without an answer */
    int64_t idle_through; /* a seq: every committed row up to here was read */
};

/* Begins with `confirmed_through` of the store. */
void tern_publish_progress_init(struct publish_progress *progress, int64_t confirmed_through);
void tern_publish_progress_fini(struct publish_progress *progress);
/* Publisher's thread: the report, to be added to; locked until tern_publish_progress_close. */
struct tern_publish_progress *tern_publish_progress_open(struct publish_progress *progress);
/* Whether something was `added`, how many publications are `open`, and the seq up to which the log was read. True when
 * the writer has to be woken: once for each take. */
bool tern_publish_progress_close(struct publish_progress *progress, bool added, size_t open, int64_t read_through);
/* Writer thread: true with the report, whose differences start at 0 again. */
bool tern_publish_progress_take(struct publish_progress *progress, struct tern_publish_progress *ret_report);
/* Any thread: waits until everything committed was read and answered; at most timeout_ms, and only while connected. */
void tern_publish_progress_await_idle(struct publish_progress *progress, const atomic_int_fast64_t *committed,
                                      const atomic_bool *connected, int timeout_ms);

#endif
