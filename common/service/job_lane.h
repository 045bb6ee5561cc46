/* job_lane.h - the job lane: runs durable jobs after the commit that wrote them, on a thread of its own.
 *
 * It finds new jobs in the store (its own read-only connection), keeps only their ids and due times in memory, runs each when it
 * is due, and hands the outcome to the writer as a unit of work: `finish` and the removal of the job are one
 * transaction. A job that waits costs no thread, so thousands wait at once. */
#ifndef TERN_SERVICE_JOB_LANE_H
#define TERN_SERVICE_JOB_LANE_H

#include "tern/service.h"
#include "writer.h"

struct tern_job_lane;

struct tern_job_lane_settings {
    const struct tern_job_kind *kinds; /* ends with a NULL name */
    void *self;                        /* the service's own state, for `run` */
    struct tern_writer *writer;
    struct tern_db *reader; /* used on the lane's thread only; stays the caller's */
    const struct tern_clock *clock;
    struct tern_ids *ids;
    struct tern_metrics *metrics;
    int64_t backoff_ms;
    int64_t most_attempts; /* of kinds with TERN_JOB_CONFIGURED */
    struct tern_log *log;  /* may be NULL */
    /* On the lane's thread: the reader saw damage or a failing disk; it will answer nothing any more. May be NULL. */
    void (*broken)(void *owner, const struct tern_error *err);
    /* Any thread: whether a run may begin now; woken (tern_job_lane_wake) when that has changed. NULL: always. */
    bool (*may_begin)(void *owner);
    void *owner;
};

struct tern_job_lane *tern_job_lane_create(const struct tern_job_lane_settings *settings);
void tern_job_lane_destroy(struct tern_job_lane *lane);
int tern_job_lane_start(struct tern_job_lane *lane, struct tern_error *err);
/* What the thread does in one go, on the calling thread: looks for new jobs, or runs the one that is due. Returns how
 * long it would wait after it, in ms; 0: there is more to do. */
int64_t tern_job_lane_step(struct tern_job_lane *lane);
/* Any thread: jobs were committed. */
void tern_job_lane_wake(struct tern_job_lane *lane);
/* Begins no more runs and ends the thread; outcomes already handed to the writer still settle, so the writer must
 * be stopped after this and before tern_job_lane_destroy. */
void tern_job_lane_stop(struct tern_job_lane *lane);

#endif
