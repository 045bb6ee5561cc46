/* upkeep.h - the writer's housekeeping between batches: room on the disk, the size of the WAL, old inbox rows. */
#ifndef TERN_SERVICE_UPKEEP_H
#define TERN_SERVICE_UPKEEP_H

#include "common/work/work.h"

/* Writer thread only. */
struct tern_upkeep {
    struct tern_work purge; /* in the queue or with the writer while `purging` */
    struct tern_work_queue *queue;
    int64_t looked_ms; /* steady: the last check of the disk */
    int64_t purged_ms; /* steady: when the last step was queued; 0: the next one is due */
    bool purging;
    bool more; /* the last step was full */
};

void tern_upkeep_init(struct tern_upkeep *upkeep, struct tern_work_queue *queue);
/* After a batch, outside any transaction, not while the service stops: queues a step of the purge when one is due. */
void tern_upkeep_purge(struct tern_upkeep *upkeep, const struct tern_context *ctx);
/* After a batch, outside any transaction: checks the disk when it is time. Whether it is nearly full; between two
 * checks, `disk_was_low`. */
bool tern_upkeep_check(struct tern_upkeep *upkeep, struct tern_context *ctx, bool disk_was_low);

#endif
