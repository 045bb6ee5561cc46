/* test_jobs.h - for unit tests of services: durable jobs run by hand, as the job worker runs them. */
#ifndef TERN_TEST_JOBS_H
#define TERN_TEST_JOBS_H

#include "tern/jobs.h"
#include "test_context.h"

enum { TEST_MOST_ATTEMPTS = 5 };

struct test_jobs {
    const struct tern_job_kind *kinds;
    void *self;
    int calls;         /* of `run` */
    int64_t waited_ms; /* what the runs asked for, added up; the clock is moved by it */
};

/* One run of the oldest job, and what follows from it: its finish, or its next try. False when there is no job. */
bool test_jobs_step(struct test_context *test, struct test_jobs *jobs);
/* Until no job is left. */
void test_jobs_finish_all(struct test_context *test, struct test_jobs *jobs);

#endif
