/* jobs_store.h - the library's half of jobs: the rows that the worker loads, and that the writer removes. */
#ifndef TERN_JOBS_JOBS_STORE_H
#define TERN_JOBS_JOBS_STORE_H

#include "tern/jobs.h"

/* For the worker and the runtime. */
int tern_job_load(struct tern_db *db, int64_t after_id, int limit, struct tern_job *ret_jobs, struct tern_error *err);
int tern_job_delete(struct tern_db *db, int64_t id, struct tern_error *err);
int tern_job_reschedule(struct tern_db *db, int64_t id, int64_t attempts, int64_t next_try_ms, struct tern_error *err);
int tern_job_exists(struct tern_db *db, int64_t id, struct tern_error *err);

#endif
