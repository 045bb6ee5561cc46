/* worker.h - the job worker: runs durable jobs after the commit that wrote them, on a thread of its own.
 *
 * It finds new jobs in the store (a read-only connection of its own), keeps only their ids and due times in memory,
 * runs each when it is due, and hands the outcome to the writer as a unit of work: `finish` and the removal of the job
 * are one transaction. A job that waits costs no thread, so thousands can wait at once (docs/adr/0004). */
#ifndef TERN_JOBS_WORKER_H
#define TERN_JOBS_WORKER_H

#include "common/work/fatal.h"
#include "common/work/links.h"
#include "tern/jobs.h"

struct tern_job_worker;

struct tern_job_worker_settings {
    const struct tern_job_kind *kinds; /* ends with a NULL name */
    void *self;                        /* the service's own state, for `run` */
    struct tern_work_queue *queue;     /* takes the outcomes */
    struct tern_db *reader;            /* used on the worker's thread only; stays the caller's */
    const struct tern_clock *clock;
    struct tern_ids *ids;
    struct tern_metrics *metrics;
    int64_t backoff_ms;             /* RETRY_BACKOFF_MS: before the second attempt; doubles */
    int64_t most_attempts;          /* RETRY_MAX_ATTEMPTS, for kinds with TERN_JOB_CONFIGURED */
    struct tern_log *log;           /* may be NULL */
    struct tern_fatal *fatal;       /* ends the process when the reader finds damage or a failing disk */
    const struct tern_links *links; /* whether a run may begin; whoever changes that wakes the worker */
};

struct tern_job_worker *tern_job_worker_create(const struct tern_job_worker_settings *settings);
void tern_job_worker_destroy(struct tern_job_worker *worker);
int tern_job_worker_start(struct tern_job_worker *worker, struct tern_error *err);
/* One step of the thread, on the calling thread (tests, simulation): loads new jobs, or runs the one that is due. How
 * long the thread would wait then, in ms; 0: there is more to do. */
int64_t tern_job_worker_step(struct tern_job_worker *worker);
/* Any thread: jobs were committed, or runs may begin now. NULL is fine. */
void tern_job_worker_wake(struct tern_job_worker *worker);
/* Begins no more runs and ends the thread. Outcomes that the writer has still finish: stop the writer after this, and
 * before tern_job_worker_destroy. NULL and twice are fine. */
void tern_job_worker_stop(struct tern_job_worker *worker);

#endif
