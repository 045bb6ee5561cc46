/* jobs_store.h - the library's half of jobs: what the worker reads, and what the writer does with an outcome. */
#ifndef TERN_JOBS_JOBS_STORE_H
#define TERN_JOBS_JOBS_STORE_H

#include "tern/jobs.h"

/* Jobs with ids after this one, ascending, at most `limit`, on any connection. How many, or -1. */
int tern_job_load(struct tern_db *db, int64_t after_id, int limit, struct tern_job *ret_jobs, struct tern_error *err);
/* Writer thread, inside its transaction: 0 or -1. A job that is gone is fine. next_try_ms is UTC. */
int tern_job_delete(struct tern_db *db, int64_t id, struct tern_error *err);
int tern_job_reschedule(struct tern_db *db, int64_t id, int64_t attempts, int64_t next_try_ms, struct tern_error *err);
/* 1 when there is such a job, 0, or -1. */
int tern_job_exists(struct tern_db *db, int64_t id, struct tern_error *err);

#endif
