/* queue_markers.h - what the store remembers of the broker's queues, to notice that one was lost.
 *
 * On each queue that consumes its events, a service makes a marker that lives as long as the queue, and then notes it
 * here. A noted queue whose marker is missing was lost, with everything that had been confirmed into it: the recent
 * part of the event log is published again, across restarts if need be. All calls run on the caller's connection; the
 * writing ones inside its transaction. Logs nothing. */
#ifndef TERN_OUTBOX_QUEUE_MARKERS_H
#define TERN_OUTBOX_QUEUE_MARKERS_H

#include "tern/db.h"

/* OWN rows with after_seq < seq <= through_seq are still to be republished. id 0: there are none. */
struct tern_republish_range {
    int64_t id, after_seq, through_seq;
};

/* What a set-up found out about the queues. */
enum { TERN_NEWS_QUEUES = 16 };
struct tern_queue_news {
    bool lost;           /* true: they were noted and their markers are missing; false: their markers were just made */
    int64_t through_seq; /* lost: OWN rows up to here were confirmed, or are returned */
    size_t count;
    const char *queues[TERN_NEWS_QUEUES];  /* the catalogue's own texts */
    struct tern_republish_range republish; /* lost: filled by the recording with the range that now stands */
};

/* 1 when the queue is noted, 0, or -1. */
int tern_queue_markers_has(struct tern_db *db, const char *queue, struct tern_error *err);
/* Made: notes the queues. Lost: forgets them and sets the range to republish: the last window_ms before the last
 * confirmed row, however long ago that was, but no row that an inbox may have forgotten. Times are online time
 * (tern_online_load); online_ms is now. */
int tern_queue_markers_record(struct tern_db *db, struct tern_queue_news *news, int64_t window_ms, int64_t online_ms,
                              struct tern_error *err);
int tern_republish_range_load(struct tern_db *db, struct tern_republish_range *ret_republish, struct tern_error *err);
/* OWN rows up to after_seq are republished and confirmed; the range ends with the last. An older id changes nothing. */
int tern_republish_range_advance(struct tern_db *db, int64_t id, int64_t after_seq, struct tern_error *err);

#endif
