/* rebuild.h - one rebuild of one projection, in steps: empty tables beside those in use, all pages of the log folded
 * into them, then the swap.
 *
 * Begin, then step until it is no longer RUNS. A rebuild that failed has changed nothing; neither has one that a crash
 * cut off, of which tern_rebuild_clean removes what is left. One thread. */
#ifndef TERN_PROJECTION_REBUILD_H
#define TERN_PROJECTION_REBUILD_H

#include "log_page.h"
#include "projector.h"

struct tern_rebuild;

/* What the settings point to outlives it. */
struct tern_rebuild *tern_rebuild_begin(const struct tern_projection *projection,
                                        const struct tern_projector_settings *settings);
/* The next step: RUNS, DONE, or FAILED with `err`. While the writer folds a page, the caller reads the next one. */
enum tern_rebuild_state tern_rebuild_step(struct tern_rebuild *rebuild, struct tern_error *err);
/* Seq of the last event that was folded; once DONE: the position of the new tables. */
int64_t tern_rebuild_position(const struct tern_rebuild *rebuild);
/* Waits for the page in hand. NULL is fine. */
void tern_rebuild_destroy(struct tern_rebuild *rebuild);

/* A part of the tables that rebuilds of the projection have left. 1: none is left, 0: call again, -1 with `err`. */
int tern_rebuild_clean(const struct tern_projection *projection, struct tern_work_queue *queue, struct tern_error *err);

#endif
