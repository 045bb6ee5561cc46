/* projector.h - catches projections up with the event log, and rebuilds them while the service goes on.
 *
 * One thread, started by need: it reads and decodes a page of the log on a connection of its own, and hands it to the
 * writer as a command for each projection. Steps can be taken without the thread (simulation, tests). */
#ifndef TERN_PROJECTION_PROJECTOR_H
#define TERN_PROJECTION_PROJECTOR_H

#include "common/work/links.h"
#include "common/work/work.h"
#include "tern/projection.h"

struct tern_projector;

struct tern_projector_settings {
    const struct tern_projection *projections; /* ends with a NULL name */
    const struct tern_catalogue *catalogue;
    struct tern_work_queue *queue;
    struct tern_db *reader; /* of the projector's thread */
    struct tern_log *log;
    struct tern_metrics *metrics;
    const struct tern_clock *clock;
    int64_t last_seq; /* of the log at the start */
};

/* All pointers outlive it. NULL with `err`: the positions cannot be read. */
struct tern_projector *tern_projector_create(const struct tern_projector_settings *settings, struct tern_error *err);
void tern_projector_destroy(struct tern_projector *projector);
int tern_projector_start(struct tern_projector *projector, struct tern_error *err);
/* Ends the thread, after the page in hand; the writer still runs. A rebuild is given up. NULL is fine, as everywhere
 * below. */
void tern_projector_stop(struct tern_projector *projector);

/* Writer thread, after a commit: the log has grown. */
void tern_projector_committed(struct tern_projector *projector, int64_t last_seq);
/* For whoever has no thread: one page, or one step of a rebuild. False: there is nothing to do. */
bool tern_projector_step(struct tern_projector *projector);

/* ---- any thread ---- */

enum tern_rebuild_request { TERN_REBUILD_BEGUN, TERN_REBUILD_RUNS_ALREADY, TERN_REBUILD_UNKNOWN };
/* Begins to rebuild a projection, or all of them one after the other (`name` NULL). */
enum tern_rebuild_request tern_projector_rebuild(struct tern_projector *projector, const char *name);

/* The last rebuild of a projection since the start. */
enum tern_rebuild_state {
    TERN_REBUILD_NONE,
    TERN_REBUILD_WAITS,
    TERN_REBUILD_RUNS,
    TERN_REBUILD_DONE,
    TERN_REBUILD_FAILED
};
struct tern_projector_status {
    const struct tern_projection *projection;
    struct tern_projection_progress progress;
    char stalled[TERN_SENTENCE_SIZE]; /* why it does not catch up; "": it does */
    enum tern_rebuild_state rebuild;
    int64_t rebuilt_events;                 /* of the log, so far */
    int64_t rebuild_ms;                     /* how long it has taken so far, or took */
    char rebuild_fault[TERN_SENTENCE_SIZE]; /* FAILED: why */
};
/* Of the `at`-th projection; false: there are fewer. */
bool tern_projector_status(struct tern_projector *projector, size_t at, struct tern_projector_status *ret_status);
/* True while a rebuild waits or runs. */
bool tern_projector_rebuilding(struct tern_projector *projector);

#endif
