/* upkeep.h - what the writer looks after between batches: room on the disk, the log's size, old inbox rows. */
#ifndef TERN_SERVICE_UPKEEP_H
#define TERN_SERVICE_UPKEEP_H

#include "common/work/work.h"

/* Writer thread only. */
struct tern_upkeep {
    struct tern_work purge; /* on its way through the writer while `purging` */
    struct tern_work_queue *queue;
    int64_t looked_ms, purged_ms; /* steady */
    bool purging, more;
};

void tern_upkeep_init(struct tern_upkeep *upkeep, struct tern_work_queue *queue);
/* After a batch, outside any transaction, but not while the service stops: a step of the purge, when it is time. */
void tern_upkeep_purge(struct tern_upkeep *upkeep, const struct tern_context *ctx);
/* After a batch, outside any transaction: looks when it is time. Returns whether the disk has no room left. */
bool tern_upkeep_check(struct tern_upkeep *upkeep, struct tern_context *ctx, bool disk_was_low);

#endif
