/* worker.h - the job worker: runs durable jobs after the commit that wrote them, on a thread of its own.
 *
 * It finds new jobs in the store (its own read-only connection), keeps only their ids and due times in memory, runs each when it
 * is due, and hands the outcome to the writer as a unit of work: `finish` and the removal of the job are one
 * transaction. A job that waits costs no thread, so thousands wait at once. */
#ifndef TERN_JOBS_WORKER_H
#define TERN_JOBS_WORKER_H

#include "common/work/fatal.h"
#include "common/work/links.h"
#include "tern/jobs.h"

struct tern_job_worker;

struct tern_job_worker_settings {
    const struct tern_job_kind *kinds; /* ends with a NULL name */
    void *self;                        /* the service's own state, for `run` */
    struct tern_work_queue *queue;
    struct tern_db *reader; /* used on the worker's thread only; stays the caller's */
    const struct tern_clock *clock;
    struct tern_ids *ids;
    struct tern_metrics *metrics;
    int64_t backoff_ms;
    int64_t most_attempts;          /* of kinds with TERN_JOB_CONFIGURED */
    struct tern_log *log;           /* may be NULL */
    struct tern_fatal *fatal;       /* called when the reader saw damage or a failing disk; does not return */
    const struct tern_links *links; /* whether a run may begin; the worker is woken when that has changed */
};

struct tern_job_worker *tern_job_worker_create(const struct tern_job_worker_settings *settings);
void tern_job_worker_destroy(struct tern_job_worker *worker);
int tern_job_worker_start(struct tern_job_worker *worker, struct tern_error *err);
/* What the thread does in one go, on the calling thread: looks for new jobs, or runs the one that is due. Returns how
 * long it would wait after it, in ms; 0: there is more to do. */
int64_t tern_job_worker_step(struct tern_job_worker *worker);
/* Any thread: jobs were committed. */
void tern_job_worker_wake(struct tern_job_worker *worker);
/* Begins no more runs and ends the thread; outcomes already handed to the writer still finish, so the writer must
 * be stopped after this and before tern_job_worker_destroy. */
void tern_job_worker_stop(struct tern_job_worker *worker);

#endif
