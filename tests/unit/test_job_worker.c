/* test_job_worker.c - durable jobs: thousands that wait at once, tried again, given up, and picked up after a restart.
 *
 * The worker runs on its own thread and a store in a file, as in a daemon. Each kind below does what its name says. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/jobs/jobs_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "shop/catalogue.h"
#include "store.h"
#include "tern_test.h"
#include "test_runtime.h"
#include "wait_for.h"

enum { BATCH_MAX = 64, THOUSAND = 1000, MOST_ATTEMPTS = 4, WAIT_MS = 200 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct {
    int runs, started, waiting, most_waiting, finished;
    int failures;        /* of "fails": how often it still does */
    int finish_failures; /* of every finish */
    char keys[256];      /* of the runs, in order */
    int64_t attempts;    /* of the job, at its last run */
    int64_t ran_at_ms;   /* steady, the last run */
    struct tern_job_run outcome;
    char causation_id[TERN_UUID_SIZE];
    int broken;
    struct tern_job_worker *called_worker; /* of "called": whom to hurry */
    int64_t called_id;
} play;

static void note_run(const struct tern_job *job, const struct tern_job_run *run)
{
    size_t length = strlen(play.keys);
    play.runs++;
    play.attempts = job->attempts;
    play.ran_at_ms = tern_steady(&tern_clock_system);
    if (run->step == 0) play.started++;
    (void)snprintf(play.keys + length, sizeof play.keys - length, "%s%s", length ? " " : "", job->key);
}

static enum tern_job_verdict run_at_once(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    (void)self;
    (void)pthread_mutex_lock(&lock);
    note_run(job, run);
    (void)pthread_mutex_unlock(&lock);
    strcpy(run->result, "done");
    return TERN_JOB_FINISHED;
}

/* Waits at least once, and until all thousand wait: a worker that could not hold them would never end. */
static enum tern_job_verdict run_together(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    (void)self;
    (void)pthread_mutex_lock(&lock);
    note_run(job, run);
    if (run->step == 0) play.waiting++;
    if (play.waiting > play.most_waiting) play.most_waiting = play.waiting;
    bool ends = run->step > 0 && play.started == THOUSAND;
    if (ends) play.waiting--;
    (void)pthread_mutex_unlock(&lock);
    run->wait_ms = WAIT_MS;
    strcpy(run->result, "done");
    return ends ? TERN_JOB_FINISHED : TERN_JOB_WAIT;
}

static enum tern_job_verdict run_failing(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    (void)self;
    (void)pthread_mutex_lock(&lock);
    note_run(job, run);
    bool fails = play.failures != 0;
    if (play.failures > 0) play.failures--;
    (void)pthread_mutex_unlock(&lock);
    strcpy(run->result, fails ? "" : "done");
    if (fails) (void)tern_error_set(&run->error, "nobody answered");
    return fails ? TERN_JOB_AGAIN : TERN_JOB_FINISHED;
}

static enum tern_job_verdict run_for_hours(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    (void)self;
    (void)pthread_mutex_lock(&lock);
    note_run(job, run);
    (void)pthread_mutex_unlock(&lock);
    run->wait_ms = INT64_C(3600) * 1000;
    return TERN_JOB_WAIT;
}

/* Waits for hours at step 0; from step 1 on it is done. */
static enum tern_job_verdict run_called(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    (void)self;
    (void)pthread_mutex_lock(&lock);
    note_run(job, run);
    play.called_worker = run->worker;
    play.called_id = job->id;
    (void)pthread_mutex_unlock(&lock);
    run->wait_ms = INT64_C(3600) * 1000;
    return run->step == 0 ? TERN_JOB_WAIT : TERN_JOB_FINISHED;
}

/* What it calls answers before the run has come back to the worker. */
static enum tern_job_verdict run_answered_at_once(void *self, const struct tern_job *job, struct tern_job_run *run)
{
    if (run->step == 0) tern_job_worker_wake_job(run->worker, job->id);
    return run_called(self, job, run);
}

static enum tern_outcome finish(struct tern_context *ctx, const struct tern_job *job, const struct tern_job_run *run,
                                struct tern_error *err)
{
    if (test_runtime_note(ctx, job->key, err) < 0) return TERN_RETRY;
    (void)pthread_mutex_lock(&lock);
    bool fails = play.finish_failures > 0;
    if (fails) play.finish_failures--;
    if (!fails) play.finished++;
    play.outcome = *run;
    strcpy(play.causation_id, ctx->conversation.causation_id);
    (void)pthread_mutex_unlock(&lock);
    if (fails) (void)tern_error_set(err, "the row was taken");
    return fails ? TERN_RETRY : TERN_DONE;
}

static const struct tern_job_kind kinds[] = {
    {"at once",          run_at_once,          finish, TERN_JOB_CONFIGURED},
    {"together",         run_together,         finish, TERN_JOB_CONFIGURED},
    {"fails",            run_failing,          finish, TERN_JOB_CONFIGURED},
    {"twice",            run_failing,          finish, 2                  },
    {"for ever",         run_failing,          finish, TERN_JOB_FOR_EVER  },
    {"for hours",        run_for_hours,        finish, TERN_JOB_CONFIGURED},
    {"called",           run_called,           finish, TERN_JOB_CONFIGURED},
    {"answered at once", run_answered_at_once, finish, TERN_JOB_CONFIGURED},
    {NULL,               NULL,                 NULL,   0                  },
};

/* ---- the world ---- */

static struct tern_db *reader;

/* In place of the library's: the process goes on. */
void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    (void)fatal;
    assert_int_equal(err->fault, TERN_FAULT_BROKEN);
    TEST_NOTE(&lock, play.broken++);
}

static void build_worker(struct test_runtime *runtime, int64_t backoff_ms)
{
    struct tern_error err = {0};
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    tern_job_worker_destroy(runtime->app.worker);
    runtime->app.worker = tern_job_worker_create(&(struct tern_job_worker_settings){.kinds = kinds,
                                                                                    .queue = &runtime->app.queue,
                                                                                    .reader = reader,
                                                                                    .clock = &runtime->clock,
                                                                                    .ids = runtime->app.ctx.ids,
                                                                                    .metrics = runtime->app.ctx.metrics,
                                                                                    .backoff_ms = backoff_ms,
                                                                                    .most_attempts = MOST_ATTEMPTS,
                                                                                    .log = runtime->app.log,
                                                                                    .fatal = &runtime->app.fatal,
                                                                                    .links = &runtime->app.links});
    assert_int_equal(tern_job_worker_start(runtime->app.worker, &err), 0);
}

static int set_up(void **state)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    memset(&play, 0, sizeof play);
    test_runtime_open(runtime, TEST_IN_A_FILE, TEST_CLOCK_SYSTEM, BATCH_MAX);
    reader = test_runtime_reader(runtime);
    atomic_store(&runtime->app.links.owned_once, true);
    build_worker(runtime, 1);
    *state = runtime;
    return 0;
}

static int tear_down(void **state)
{
    struct test_runtime *runtime = *state;
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    tern_job_worker_destroy(runtime->app.worker);
    tern_db_close(reader);
    test_runtime_close(runtime);
    test_free(runtime);
    return 0;
}

static void start_writer(struct test_runtime *runtime)
{
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
}

/* A unit that adds jobs. */
struct adding {
    struct tern_work work;
    const char *kind, *key;
    int count; /* more than 1: key, key-1, key-2, ... */
    int64_t delay_ms;
    enum tern_outcome answer;
    bool settled;
};

static enum tern_outcome run_adding(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    const struct adding *adding = (const struct adding *)work;
    char key[TERN_JOB_KEY_SIZE];
    tern_ids_uuid(ctx->ids, ctx->conversation.correlation_id);
    strcpy(ctx->conversation.causation_id, "cause");
    for (int i = 0; i < adding->count; i++) {
        (void)snprintf(key, sizeof key, i ? "%s-%d" : "%s", adding->key, i);
        if (tern_job_add(ctx, adding->kind, key, "ORD-1", "{}", adding->delay_ms, err) < 0) return TERN_RETRY;
    }
    return adding->answer;
}

static void finish_adding(struct tern_work *work, enum tern_work_end end)
{
    (void)end;
    TEST_NOTE(&lock, ((struct adding *)work)->settled = true);
}

static const struct tern_work_kind adding_kind = {.name = "adding", .run = run_adding, .finish = finish_adding};

static void add_jobs(struct test_runtime *runtime, struct adding *adding)
{
    adding->work.kind = &adding_kind;
    if (adding->count == 0) adding->count = 1;
    tern_work_submit(&runtime->app.queue, &adding->work);
    TEST_WAIT(&lock, adding->settled);
}

static void add_job(struct test_runtime *runtime, const char *kind, const char *key)
{
    struct adding adding = {.kind = kind, .key = key};
    add_jobs(runtime, &adding);
}

/* As seen by a connection of the test's. */
static int64_t number(struct test_runtime *runtime, const char *sql)
{
    struct tern_db *look = test_runtime_reader(runtime);
    int64_t found = test_store_number(look, sql);
    tern_db_close(look);
    return found;
}

#define JOBS_LEFT(runtime) number(runtime, "SELECT count(*) FROM job")

static void wait_for_no_jobs(struct test_runtime *runtime)
{
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 0);
}

/* ---- running ---- */

static void a_job_runs_after_its_commit_and_finishes_in_a_transaction_of_its_own(void **state)
{
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    add_job(runtime, "at once", "k");
    wait_for_no_jobs(runtime);
    assert_int_equal(play.runs, 1);
    assert_int_equal(play.finished, 1);
    assert_string_equal(play.outcome.result, "done");
    assert_string_equal(play.causation_id, "cause"); /* its events go on with the conversation */
    assert_int_equal(number(runtime, "SELECT count(*) FROM note WHERE text = 'k'"), 1);
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    test_runtime_metric(runtime, "tern_jobs_total{kind=\"at once\",result=\"done\"} 1");
}

static void a_thousand_jobs_wait_at_the_same_time(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.kind = "together", .key = "k", .count = THOUSAND};
    start_writer(runtime);
    add_jobs(runtime, &adding);
    TEST_WAIT(&lock, play.finished == THOUSAND);
    assert_int_equal(play.most_waiting, THOUSAND);
    assert_int_equal(play.started, THOUSAND);
    wait_for_no_jobs(runtime);
    assert_int_equal(number(runtime, "SELECT count(DISTINCT text) FROM note"), THOUSAND);
}

static void what_a_job_waits_for_hurries_it(void **state)
{
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    add_job(runtime, "for hours", "first");
    add_job(runtime, "called", "k");
    TEST_WAIT(&lock, play.called_id != 0);
    tern_job_worker_wake_job(play.called_worker, play.called_id + 1);
    assert_int_equal(JOBS_LEFT(runtime), 2);
    tern_job_worker_wake_job(play.called_worker, play.called_id);
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 1);
    assert_int_equal(play.outcome.step, 1);
}

static void a_hurry_that_comes_before_the_wait_is_not_lost(void **state)
{
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    add_job(runtime, "answered at once", "k");
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "k k");
}

static void a_hurry_does_not_shorten_the_pause_before_the_next_attempt(void **state)
{
    struct test_runtime *runtime = *state;
    build_worker(runtime, 3600 * 1000);
    start_writer(runtime);
    play.failures = 1;
    add_job(runtime, "fails", "k");
    TEST_WAIT(&lock, number(runtime, "SELECT attempts FROM job") == 1);
    int64_t id = number(runtime, "SELECT id FROM job");
    add_job(runtime, "called", "second"); /* once it has run, the first one is back on the heap */
    TEST_WAIT(&lock, play.called_id != 0);
    tern_job_worker_wake_job(runtime->app.worker, id);
    tern_job_worker_wake_job(runtime->app.worker, play.called_id);
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 1);
    assert_string_equal(play.keys, "k second second");
}

static void a_job_with_a_delay_runs_when_it_is_over(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.kind = "at once", .key = "later", .delay_ms = 1000};
    int64_t begun = tern_steady(&tern_clock_system);
    start_writer(runtime);
    add_jobs(runtime, &adding);
    add_job(runtime, "at once", "now");
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "now later");
    assert_true(play.ran_at_ms - begun >= 999);
}

static void a_clock_set_back_before_the_start_makes_no_job_wait_longer_than_it_was_to(void **state)
{
    static const char an_hour_ago[] =
        "INSERT INTO job (kind, key, correlation_id, attempts, next_try_ms, added_at_ms, payload)"
        " VALUES ('at once', ?1, 'c', 0, ?2, ?2 - ?3, '{}')";
    struct test_runtime *runtime = *state;
    struct tern_error err = {0};
    int64_t ahead_ms = tern_now(&tern_clock_system) + INT64_C(3600000);
    assert_int_equal(tern_db_run(runtime->app.ctx.db, an_hour_ago,
                                 TERN_DB_ARGS(tern_db_text("now"), tern_db_int(ahead_ms), tern_db_int(0)), &err),
                     1);
    assert_int_equal(tern_db_run(runtime->app.ctx.db, an_hour_ago,
                                 TERN_DB_ARGS(tern_db_text("later"), tern_db_int(ahead_ms), tern_db_int(60)), &err),
                     1);
    build_worker(runtime, 1);
    start_writer(runtime);
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "now later");
}

static void a_job_of_an_unknown_kind_is_left_alone_and_said_once(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.kind = "of tomorrow", .key = "k", .count = 3};
    start_writer(runtime);
    add_jobs(runtime, &adding);
    add_job(runtime, "at once", "known");
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 3);
    test_runtime_metric(runtime, "tern_jobs_total{kind=\"of tomorrow\",result=\"unknown\"} 3");
    assert_int_equal(test_runtime_times_logged(runtime, "of a kind that is not known here"), 1);
    assert_true(test_runtime_logged(runtime, "of tomorrow"));
    build_worker(runtime, 1); /* nor does it stop the next start */
    start_writer(runtime);
    add_job(runtime, "at once", "after");
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 3);
    assert_string_equal(play.keys, "known after");
}

static void a_reader_that_saw_a_failing_disk_is_told_of(void **state)
{
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    tern_job_worker_stop(runtime->app.worker);
    tern_db_fail_at(reader, 1, TERN_FAULT_BROKEN); /* while it looks for new ones */
    build_worker(runtime, 1);
    start_writer(runtime);
    TEST_WAIT(&lock, play.broken == 1);
    tern_job_worker_stop(runtime->app.worker);
    tern_db_fail_at(reader, 3, TERN_FAULT_BROKEN); /* while it reads the one that is due */
    build_worker(runtime, 1);
    start_writer(runtime);
    add_job(runtime, "at once", "k");
    wait_for_no_jobs(runtime);
    TEST_WAIT(&lock, play.broken == 2);
}

static void the_same_key_is_one_job_while_it_exists(void **state)
{
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    add_job(runtime, "for hours", "k");
    add_job(runtime, "for hours", "k");
    add_job(runtime, "at once", "k");
    TEST_WAIT(&lock, JOBS_LEFT(runtime) == 1 && play.runs >= 2);
    assert_int_equal(play.runs, 2);
}

static void a_job_of_an_undone_unit_never_runs(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding undone = {.kind = "at once", .key = "undone", .answer = TERN_REJECT};
    start_writer(runtime);
    add_jobs(runtime, &undone);
    add_job(runtime, "at once", "kept"); /* the worker has read the table after it */
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "kept");
}

/* ---- again ---- */

static void a_job_without_an_outcome_runs_again_with_the_same_key(void **state)
{
    struct test_runtime *runtime = *state;
    play.failures = 2;
    start_writer(runtime);
    add_job(runtime, "fails", "k");
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "k k k");
    assert_int_equal(play.attempts, 2);
    assert_string_equal(play.outcome.result, "done");
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    assert_int_equal(test_runtime_times_logged(runtime, "job failed, will be tried again"), 2);
    assert_true(test_runtime_logged(runtime, "nobody answered"));
    test_runtime_metric(runtime, "tern_jobs_total{kind=\"fails\",result=\"again\"} 2");
    test_runtime_metric(runtime, "tern_jobs_total{kind=\"fails\",result=\"done\"} 1");
}

static void it_runs_again_after_a_back_off_that_is_on_disk(void **state)
{
    struct test_runtime *runtime = *state;
    play.failures = -1;
    build_worker(runtime, 60000);
    start_writer(runtime);
    int64_t before_ms = tern_now(&tern_clock_system);
    add_job(runtime, "fails", "k");
    TEST_WAIT(&lock, number(runtime, "SELECT attempts FROM job") == 1);
    int64_t pause_ms = number(runtime, "SELECT next_try_ms FROM job") - before_ms;
    assert_in_range(pause_ms, 45000, 75000 + TEST_WAIT_MS);
    assert_int_equal(play.runs, 1);
}

static void when_the_attempts_are_used_up_finish_is_told_why(void **state)
{
    static const struct {
        const char *kind;
        int runs;
    } cases[] = {
        {"fails", MOST_ATTEMPTS},
        {"twice", 2            },
    };
    struct test_runtime *runtime = *state;
    start_writer(runtime);
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        memset(&play, 0, sizeof play);
        play.failures = -1;
        add_job(runtime, cases[i].kind, "k");
        wait_for_no_jobs(runtime);
        assert_int_equal(play.runs, cases[i].runs);
        assert_int_equal(play.finished, 1);
        assert_string_equal(play.outcome.result, "");
        assert_string_equal(play.outcome.error.text, "nobody answered");
    }
}

static void a_job_for_ever_is_never_given_up(void **state)
{
    struct test_runtime *runtime = *state;
    play.failures = MOST_ATTEMPTS + 4;
    start_writer(runtime);
    add_job(runtime, "for ever", "k");
    wait_for_no_jobs(runtime);
    assert_int_equal(play.runs, MOST_ATTEMPTS + 5);
    assert_string_equal(play.outcome.result, "done");
}

static void an_outcome_that_could_not_be_kept_is_found_again(void **state)
{
    struct test_runtime *runtime = *state;
    play.finish_failures = 2;
    start_writer(runtime);
    add_job(runtime, "at once", "k");
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "k k k");
    assert_int_equal(play.finished, 1);
    assert_int_equal(number(runtime, "SELECT count(*) FROM note"), 1); /* what failed left nothing */
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    assert_int_equal(test_runtime_times_logged(runtime, "the outcome of a job could not be kept"), 2);
    assert_true(test_runtime_logged(runtime, "the row was taken"));
}

/* ---- a store without room; the writer is stepped by hand ---- */

static void an_outcome_waits_for_room_and_the_job_is_not_run_twice(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.work.kind = &adding_kind, .kind = "at once", .key = "k", .count = 1};
    tern_work_submit(&runtime->app.queue, &adding.work);
    assert_int_equal(test_runtime_step(runtime), 1);
    TEST_WAIT(&lock, tern_work_waiting(&runtime->app.queue) == 1);
    for (int64_t call = 1; call < 8; call++) {
        tern_db_fail_at(runtime->app.ctx.db, call, TERN_FAULT_FULL);
        assert_int_equal(test_runtime_step(runtime), 1);
        if (tern_db_fail_pending(runtime->app.ctx.db)) break;
        assert_int_equal(tern_work_waiting(&runtime->app.queue), 1);
    }
    tern_db_fail_at(runtime->app.ctx.db, 0, TERN_FAULT_OTHER);
    test_runtime_settle(runtime);
    assert_int_equal(play.runs, 1);
    assert_int_equal(JOBS_LEFT(runtime), 0);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
    assert_true(runtime->failed >= 4);
}

static void outcomes_do_not_pile_up_before_a_slow_writer(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.work.kind = &adding_kind, .kind = "at once", .key = "k", .count = THOUSAND};
    tern_work_submit(&runtime->app.queue, &adding.work);
    assert_int_equal(test_runtime_step(runtime), 1);
    TEST_WAIT(&lock, tern_work_waiting(&runtime->app.queue) == 128);
    TEST_NOTE(&lock, assert_int_equal(play.runs, 128));
    start_writer(runtime);
    wait_for_no_jobs(runtime);
    assert_int_equal(play.runs, THOUSAND);
}

/* ---- stop and start ---- */

static void a_restart_picks_up_what_was_under_way(void **state)
{
    struct test_runtime *runtime = *state;
    play.failures = 1;
    start_writer(runtime);
    add_job(runtime, "for hours", "waiting");
    add_job(runtime, "for ever", "failing");
    TEST_WAIT(&lock, play.runs == 3);
    build_worker(runtime, 1);
    start_writer(runtime);
    TEST_WAIT(&lock, play.runs == 4);
    assert_non_null(strstr(play.keys, "waiting"));
    assert_string_equal(play.keys + strlen(play.keys) - strlen("waiting"), "waiting");
    assert_int_equal(JOBS_LEFT(runtime), 1);
}

static void the_attempts_outlive_a_restart(void **state)
{
    struct test_runtime *runtime = *state;
    play.failures = -1;
    build_worker(runtime, 60000);
    start_writer(runtime);
    add_job(runtime, "fails", "k");
    TEST_WAIT(&lock, number(runtime, "SELECT attempts FROM job") == 1);
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    struct tern_error err = {0};
    int rescheduled = tern_job_reschedule(
        runtime->app.ctx.db, test_store_number(runtime->app.ctx.db, "SELECT id FROM job"), MOST_ATTEMPTS - 1, 0, &err);
    assert_int_equal(rescheduled, 0);
    build_worker(runtime, 60000);
    start_writer(runtime);
    wait_for_no_jobs(runtime);
    assert_int_equal(play.runs, 2);
    assert_string_equal(play.outcome.error.text, "nobody answered");
}

static void a_stop_lets_handed_over_outcomes_settle_and_begins_no_more(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.work.kind = &adding_kind, .kind = "at once", .key = "k", .count = THOUSAND};
    tern_work_submit(&runtime->app.queue, &adding.work);
    assert_int_equal(test_runtime_step(runtime), 1);
    TEST_WAIT(&lock, tern_work_waiting(&runtime->app.queue) == 128);
    tern_job_worker_stop(runtime->app.worker);
    tern_writer_stop(runtime->app.writer);
    assert_int_equal(play.runs, 128);
    assert_int_equal(play.finished, 128);
    assert_int_equal(JOBS_LEFT(runtime), THOUSAND - 128);
}

static void at_a_stop_an_outcome_that_a_full_store_refuses_is_left_to_the_next_start(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.work.kind = &adding_kind, .kind = "at once", .key = "k", .count = 1};
    tern_work_submit(&runtime->app.queue, &adding.work);
    assert_int_equal(test_runtime_step(runtime), 1);
    TEST_WAIT(&lock, tern_work_waiting(&runtime->app.queue) == 1);
    tern_job_worker_stop(runtime->app.worker);
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
    assert_int_equal(test_runtime_step(runtime), 1);
    assert_int_equal(tern_work_waiting(&runtime->app.queue), 0);
    assert_int_equal(JOBS_LEFT(runtime), 1);
    build_worker(runtime, 1);
    start_writer(runtime);
    wait_for_no_jobs(runtime);
    assert_string_equal(play.keys, "k k");
}

static void a_job_that_is_removed_while_it_runs_still_finishes(void **state)
{
    struct test_runtime *runtime = *state;
    struct adding adding = {.work.kind = &adding_kind, .kind = "at once", .key = "k", .count = 1};
    struct tern_error err = {0};
    tern_work_submit(&runtime->app.queue, &adding.work);
    assert_int_equal(test_runtime_step(runtime), 1);
    TEST_WAIT(&lock, tern_work_waiting(&runtime->app.queue) == 1);
    assert_int_equal(tern_job_remove(&runtime->app.ctx, "at once", "k", &err), 1);
    test_runtime_settle(runtime);
    assert_int_equal(play.finished, 1);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_job_runs_after_its_commit_and_finishes_in_a_transaction_of_its_own),
        WITH(a_thousand_jobs_wait_at_the_same_time),
        WITH(what_a_job_waits_for_hurries_it),
        WITH(a_hurry_that_comes_before_the_wait_is_not_lost),
        WITH(a_hurry_does_not_shorten_the_pause_before_the_next_attempt),
        WITH(a_job_with_a_delay_runs_when_it_is_over),
        WITH(a_clock_set_back_before_the_start_makes_no_job_wait_longer_than_it_was_to),
        WITH(a_job_of_an_unknown_kind_is_left_alone_and_said_once),
        WITH(a_reader_that_saw_a_failing_disk_is_told_of),
        WITH(the_same_key_is_one_job_while_it_exists),
        WITH(a_job_of_an_undone_unit_never_runs),
        WITH(a_job_without_an_outcome_runs_again_with_the_same_key),
        WITH(it_runs_again_after_a_back_off_that_is_on_disk),
        WITH(when_the_attempts_are_used_up_finish_is_told_why),
        WITH(a_job_for_ever_is_never_given_up),
        WITH(an_outcome_that_could_not_be_kept_is_found_again),
        WITH(an_outcome_waits_for_room_and_the_job_is_not_run_twice),
        WITH(outcomes_do_not_pile_up_before_a_slow_writer),
        WITH(a_restart_picks_up_what_was_under_way),
        WITH(the_attempts_outlive_a_restart),
        WITH(a_stop_lets_handed_over_outcomes_settle_and_begins_no_more),
        WITH(at_a_stop_an_outcome_that_a_full_store_refuses_is_left_to_the_next_start),
        WITH(a_job_that_is_removed_while_it_runs_still_finishes),
    };
    return cmocka_run_group_tests_name("job worker", tests, NULL, NULL);
}
