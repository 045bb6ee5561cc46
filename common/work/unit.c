/* unit.c - the begin of a unit of work, and the undoing of one that failed, without the rest of its batch.
 *
 * A unit is a savepoint of the open transaction, the log lines since then, and the context's counts: all three go back
 * together. Never begins or ends a transaction. */
#include <string.h>

#include "common/base/log_setup.h"
#include "common/store/store.h"
#include "work.h"

void tern_context_forget_numbers(struct tern_context *ctx)
{
    memset(ctx->numbers, 0, sizeof ctx->numbers);
}

int tern_unit_begin(struct tern_context *ctx, struct tern_unit_start *ret_start, struct tern_error *err)
{
    *ret_start = (struct tern_unit_start){
        tern_log_position(ctx->log), ctx->emitted, ctx->last_seq, ctx->jobs_added, ctx->timers_set, ctx->republished};
    return tern_db_savepoint(ctx->db, err);
}

int tern_unit_undo(struct tern_context *ctx, const struct tern_unit_start *start, struct tern_error *err)
{
    tern_log_undo(ctx->log, start->log);
    ctx->emitted = start->emitted;
    ctx->last_seq = start->last_seq;
    ctx->jobs_added = start->jobs_added;
    ctx->timers_set = start->timers_set;
    ctx->republished = start->republished;
    tern_context_forget_numbers(ctx);
    return tern_db_undo(ctx->db, err);
}
