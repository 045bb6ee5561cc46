/* queue_loss.h - notices that the broker has lost a queue that consumes this service's events, and with it what was
 * in it.
 *
 * A marker of this service's own hangs on each such queue and goes with the queue (docs/adr/0007). Other services
 * that declare the queue anew do not bring it back, so each publisher finds out by itself, whoever connects first. A
 * marker is noted in the store once it is there (common/outbox/queue_markers.h): noted and gone means lost. On the
 * publisher's thread, inside the link's callbacks; the writer writes meanwhile. */
#ifndef TERN_OUTBOX_QUEUE_LOSS_H
#define TERN_OUTBOX_QUEUE_LOSS_H

#include "common/amqp/amqp.h"
#include "common/event/topology.h"
#include "common/work/work.h"
#include "queue_markers.h"
#include "tern/log.h"
#include "tern/metrics.h"

struct queue_marker {
    const char *queue; /* the catalogue's own text */
    char name[160];    /* <exchange>.known.<service>.<queue> */
    bool noted;        /* the store says that it was made */
};

struct queue_loss {
    struct tern_work_queue *queue; /* where the writer takes what is to be noted; the owner's, like the next two */
    struct tern_log *log;
    struct tern_metrics *metrics;
    struct queue_marker markers[TERN_NEWS_QUEUES];
    size_t count;
    int64_t checked_ms; /* steady: when they were last looked for */
};

/* At the start: the queues that consume the service's events, and which markers are noted. */
int tern_queue_loss_load(struct queue_loss *loss, const struct tern_catalogue *catalogue, const char *service,
                         struct tern_db *reader, struct tern_error *err);
/* During a set-up, when the topology stands: adds the queues whose markers are noted and gone. */
int tern_queue_loss_find(struct queue_loss *loss, struct tern_amqp *link, int64_t now_ms,
                         struct tern_queue_news *ret_lost, struct tern_error *err);
/* Makes the markers that are not noted; `ret_forbidden` has the queues that our user may not mark. */
int tern_queue_loss_mark(const struct queue_loss *loss, struct tern_amqp *link, struct tern_queue_news *ret_made,
                         char ret_forbidden[TERN_NAMES_SIZE], struct tern_error *err);
/* Has the writer put the news into the store, and waits for it; a loss is logged and counted. -1: not now. */
int tern_queue_loss_record(struct queue_loss *loss, struct tern_queue_news *news, struct tern_error *err);
/* While connected, every interval_ms: whether the noted markers are still there; the link starts over when one is
 * gone. */
int tern_queue_loss_probe(struct queue_loss *loss, struct tern_amqp *link, int interval_ms, int64_t now_ms,
                          struct tern_error *err);

#endif
