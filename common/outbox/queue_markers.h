/* queue_markers.h - what a service remembers of its broker, to notice that the broker has lost queues.
 *
 * For each queue that consumes its events a service keeps a marker on the broker that lives as long as the queue, and
 * notes that here once it is there. A queue that is noted and whose marker is gone was lost, and with it whatever had
 * been confirmed into it: from then on the recent part of the event log (`republish`) is published again, also across
 * restarts. All calls run on the caller's connection; the writing ones inside its transaction. Logs nothing. */
#ifndef TERN_OUTBOX_QUEUE_MARKERS_H
#define TERN_OUTBOX_QUEUE_MARKERS_H

#include "tern/db.h"

/* Own rows with after_seq < seq <= through_seq are still to be republished. id 0: none are. */
struct tern_republish_range {
    int64_t id, after_seq, through_seq;
};

/* What was found out about the queues of the broker, to be written down. */
enum { TERN_NEWS_QUEUES = 16 };
struct tern_queue_news {
    bool lost;           /* they were noted, and their markers are gone; else: their markers are there now */
    int64_t through_seq; /* lost: own rows up to here were confirmed, or are returned */
    size_t count;
    const char *queues[TERN_NEWS_QUEUES];
    struct tern_republish_range republish; /* lost: filled with what is to be republished */
};

/* 1 when the queue is noted, 0, or -1. */
int tern_queue_markers_has(struct tern_db *db, const char *queue, struct tern_error *err);
/* Notes the queues; or, when they are lost, forgets them and begins to republish: the rows of the last window_ms
 * before the row that was confirmed last, however long ago that was, but none that inboxes may have forgotten. Times
 * are online time (tern_online_load); online_ms is now. */
int tern_queue_markers_record(struct tern_db *db, struct tern_queue_news *news, int64_t window_ms, int64_t online_ms,
                              struct tern_error *err);
int tern_republish_range_load(struct tern_db *db, struct tern_republish_range *ret_republish, struct tern_error *err);
/* Own rows up to after_seq are confirmed. Of an earlier loss: changes nothing. */
int tern_republish_range_advance(struct tern_db *db, int64_t id, int64_t after_seq, struct tern_error *err);

#endif
