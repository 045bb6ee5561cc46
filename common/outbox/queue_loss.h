/* queue_loss.h - notices that the broker has lost a queue with this service's events in it.
 *
 * Each such queue carries a marker of this service, which disappears with the queue (docs/adr/0007). Another service
 * that declares the queue anew does not restore the marker, so every publisher notices by itself, whoever connects
 * first. A marker is noted in the store once it is made (common/outbox/queue_markers.h): noted and missing means lost.
 * Runs on the publisher's thread, inside the link's callbacks; recording waits for a command of the writer. */
#ifndef TERN_OUTBOX_QUEUE_LOSS_H
#define TERN_OUTBOX_QUEUE_LOSS_H

#include "common/amqp/amqp.h"
#include "common/event/topology.h"
#include "common/work/work.h"
#include "queue_markers.h"
#include "tern/log.h"
#include "tern/metrics.h"

struct tern_links;

struct queue_marker {
    const char *queue; /* the catalogue's own text */
    char name[160];    /* <exchange>.known.<service>.<queue> */
    bool noted;        /* as the store has it */
};

struct queue_loss {
    struct tern_work_queue *queue; /* of the writer that records; the publisher's, like the next three */
    struct tern_links *links;
    struct tern_log *log;
    struct tern_metrics *metrics;
    struct queue_marker markers[TERN_NEWS_QUEUES]; /* one for each queue that consumes this service's events */
    size_t count;
    int64_t checked_ms; /* steady: when the broker was last asked for them */
};

/* At the start: fills the markers from the catalogue and the store. */
int tern_queue_loss_load(struct queue_loss *loss, const struct tern_catalogue *catalogue, const char *service,
                         struct tern_db *reader, struct tern_error *err);
/* During a set-up, after the topology was declared: finds lost queues, then makes the missing markers. A loss is in the
 * store before its marker is made again, so a crash repeats the loss and never skips it. A loss fills
 * `ret_range`, also when the call fails after that: what has to be republished of the rows up to `sent_through`. */
int tern_queue_loss_set_up(struct queue_loss *loss, struct tern_amqp *link, int64_t now_ms, int64_t sent_through,
                           struct tern_republish_range *ret_range, struct tern_error *err);
/* While connected, every interval_ms: asks whether the noted markers are still there, without waiting. A missing one
 * makes the link start over, and the next set-up finds the loss. */
int tern_queue_loss_probe(struct queue_loss *loss, struct tern_amqp *link, int interval_ms, int64_t now_ms,
                          struct tern_error *err);

#endif
