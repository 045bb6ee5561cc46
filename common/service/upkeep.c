/* upkeep.c - housekeeping on the writer thread: room on the disk, and old inbox rows.
 *
 * The inbox is purged in steps of a few hundred rows, which join other batches. A full step is followed by the next
 * one at once, so the purge keeps up with any rate at which events come. */
#include "upkeep.h"

#include "common/event/event_message.h"
#include "common/inbox/inbox_store.h"
#include "common/store/store.h"
#include "tern/inbox.h"

enum {
    LOOK_MS = 1000, /* between two checks of the disk */
    DISK_RESERVE_BYTES = 16 * 1024 * 1024,
    PURGE_MS = 10000, /* between two steps, unless the last one was full */
    PURGE_ROWS = 500,
    DAY_MS = 86400000
};

/* `purge` is embedded: there is never more than one. */
static struct tern_upkeep *upkeep_of(struct tern_work *work)
{
    return (struct tern_upkeep *)(void *)((char *)work - offsetof(struct tern_upkeep, purge));
}

static enum tern_outcome run_purge(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    int64_t before_ms = ctx->online_ms - (int64_t)TERN_INBOX_DAYS * DAY_MS;
    int forgotten = tern_inbox_purge(ctx->db, before_ms, PURGE_ROWS, err);
    if (forgotten < 0) return TERN_RETRY;
    upkeep_of(work)->more = forgotten == PURGE_ROWS;
    return TERN_DONE;
}

static void finish_purge(struct tern_work *work, enum tern_work_end end)
{
    struct tern_upkeep *upkeep = upkeep_of(work);
    upkeep->purging = false;
    /* A step that failed is tried again after PURGE_MS. */
    if (end == TERN_WORK_DONE && upkeep->more) upkeep->purged_ms = 0;
}

static const struct tern_work_kind purge_kind = {
    .name = "purge", .run = run_purge, .finish = finish_purge, .lazy = true};

void tern_upkeep_init(struct tern_upkeep *upkeep, struct tern_work_queue *queue)
{
    *upkeep = (struct tern_upkeep){.purge.kind = &purge_kind, .queue = queue};
}

void tern_upkeep_purge(struct tern_upkeep *upkeep, const struct tern_context *ctx)
{
    int64_t now_ms = tern_steady(ctx->clock);
    if (upkeep->purging || (upkeep->purged_ms > 0 && now_ms - upkeep->purged_ms < PURGE_MS)) return;
    upkeep->purging = true;
    upkeep->purged_ms = now_ms;
    tern_work_submit(upkeep->queue, &upkeep->purge);
}

bool tern_upkeep_check(struct tern_upkeep *upkeep, struct tern_context *ctx, bool disk_was_low)
{
    int64_t now_ms = tern_steady(ctx->clock);
    if (now_ms - upkeep->looked_ms < LOOK_MS) return disk_was_low;
    upkeep->looked_ms = now_ms;
    struct tern_db_room room;
    tern_db_room(ctx->db, &room);
    tern_metric_set(ctx->metrics, &TERN_METRIC_store_wal_bytes, (double)room.log_bytes, NULL, NULL);
    /* The store keeps a reserve file, without which it could not even be opened again on a full disk. */
    return room.free_bytes < DISK_RESERVE_BYTES || !room.has_reserve;
}
