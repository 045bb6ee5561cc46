/* receipts.h - what the service should have received, and has: gaps in the numbers of the events that it consumes.
 *
 * A producer's beacon says which numbers there are; what is missing is logged, shown in /readyz, and asked for after
 * the commit. Another service's request to resend becomes a unit of work here too. */
#ifndef TERN_INBOX_RECEIPTS_H
#define TERN_INBOX_RECEIPTS_H

#include "common/event/control.h"
#include "common/work/work.h"
#include "numbers.h"

struct tern_publisher;

enum { TERN_RECEIPTS_SIZE = 240 };

struct tern_receipts {
    const struct tern_catalogue *catalogue;
    struct tern_work_queue *queue;
    struct tern_publisher *publisher; /* asks for what is missing; set before the consumer starts */
    struct tern_metrics *metrics;
    struct tern_log *log;

    struct tern_numbers numbers;  /* writer thread */
    pthread_mutex_t lock;         /* guards `why` */
    char why[TERN_RECEIPTS_SIZE]; /* what is missing, as a sentence; "": nothing */
    atomic_bool deaf;             /* our user of the broker may not listen for beacons */
    atomic_int controls;          /* control messages in the writer's queue */
    atomic_llong dead;            /* messages in the dead-letter queue, at the last count */
};

/* Every pointer passed outlives it. */
void tern_receipts_init(struct tern_receipts *receipts, struct tern_work_queue *queue,
                        const struct tern_catalogue *catalogue, const char *service);
void tern_receipts_fini(struct tern_receipts *receipts);
/* Before the start, in a transaction of its own. `adopts`: the store takes over a queue that another one had worked
 * on. */
int tern_receipts_load(struct tern_receipts *receipts, struct tern_db *db, bool adopts, struct tern_error *err);

/* Writer thread, inside a batch: before its works (after a lost batch the rows are read again), and after them. */
int tern_receipts_refresh(struct tern_receipts *receipts, struct tern_context *ctx, struct tern_error *err);
int tern_receipts_save(struct tern_receipts *receipts, struct tern_context *ctx, struct tern_error *err);
/* Writer thread: the batch was lost. */
void tern_receipts_failed(struct tern_receipts *receipts);

/* Consumer's thread: a control message; none can be listened for; the dead-letter queue was counted. */
void tern_receipts_control(struct tern_receipts *receipts, const struct tern_control *control);
void tern_receipts_deaf(struct tern_receipts *receipts);
void tern_receipts_dead_letters(struct tern_receipts *receipts, uint32_t messages);

/* Any thread: what is missing, or that a gap would go unnoticed; "": nothing. */
void tern_receipts_why(struct tern_receipts *receipts, char ret_why[TERN_RECEIPTS_SIZE]);

#endif
