/* test_jobs.c - the job worker's rules without its thread. */
#include "test_jobs.h"

#include <string.h>

#include "common/jobs/jobs_store.h"
#include "tern_test.h"

enum { STEPS_MAX = 1000 };

struct outcome {
    const struct tern_job_kind *kind;
    const struct tern_job *job;
    const struct tern_job_run *run;
};

static enum tern_outcome finish(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct outcome *outcome = argument;
    const struct tern_job *job = outcome->job;
    strcpy(ctx->conversation.correlation_id, job->correlation_id);
    strcpy(ctx->conversation.causation_id, job->causation_id);
    strcpy(ctx->conversation.traceparent, job->traceparent);
    enum tern_outcome answer = outcome->kind->finish(ctx, job, outcome->run, err);
    if (answer != TERN_DONE) return answer;
    return tern_job_delete(ctx->db, job->id, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static enum tern_outcome try_again(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_job *job = argument;
    return tern_job_reschedule(ctx->db, job->id, job->attempts + 1, ctx->now_ms, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static const struct tern_job_kind *find_kind(const struct tern_job_kind *kinds, const char *name)
{
    for (; kinds->name; kinds++)
        if (strcmp(kinds->name, name) == 0) return kinds;
    fail_msg("nobody runs the job %s", name);
    return NULL;
}

static enum tern_job_verdict run_to_its_end(struct test_context *test, struct test_jobs *jobs,
                                            const struct tern_job_kind *kind, const struct tern_job *job,
                                            struct tern_job_run *ret_run)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        *ret_run = (struct tern_job_run){.step = step};
        enum tern_job_verdict verdict = kind->run(jobs->self, job, ret_run);
        jobs->calls++;
        if (verdict != TERN_JOB_WAIT) return verdict;
        jobs->waited_ms += ret_run->wait_ms;
        test->now_ms += ret_run->wait_ms;
    }
    fail_msg("the job %s waits for ever", job->kind);
    return TERN_JOB_WAIT;
}

bool test_jobs_step(struct test_context *test, struct test_jobs *jobs)
{
    struct tern_job job;
    struct tern_job_run run;
    struct tern_error err = {0};
    int got = tern_job_load(test->ctx.db, 0, 1, &job, &err);
    if (got < 0) fail_msg("%s", err.text);
    if (got == 0) return false;
    const struct tern_job_kind *kind = find_kind(jobs->kinds, job.kind);
    int64_t most = kind->most_attempts == TERN_JOB_CONFIGURED ? TEST_MOST_ATTEMPTS : kind->most_attempts;
    enum tern_job_verdict verdict = run_to_its_end(test, jobs, kind, &job, &run);
    bool last = most != TERN_JOB_FOR_EVER && job.attempts + 1 >= most;
    struct outcome outcome = {kind, &job, &run};
    if (verdict == TERN_JOB_AGAIN && !last)
        assert_int_equal(test_context_run(test, try_again, &job, NULL), TERN_DONE);
    else
        assert_int_equal(test_context_run(test, finish, &outcome, NULL), TERN_DONE);
    return true;
}

void test_jobs_finish_all(struct test_context *test, struct test_jobs *jobs)
{
    for (int step = 0; step < STEPS_MAX; step++)
        if (!test_jobs_step(test, jobs)) return;
    fail_msg("%s", "the jobs never end");
}
