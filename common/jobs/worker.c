/* worker.c - a heap of due times over the job table, and the way of an outcome back to the writer.
 *
 * Invariants: a job is in at most one place: the heap, being run, or on its way through the writer; its row is removed
 * only in the transaction of its `finish`. A crash forgets the heap; the table fills it again. The lock is never held
 * while a job runs or the store is read. */
#include "worker.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/chaos.h"
#include "common/base/sync.h"
#include "jobs_store.h"
#include "tern/backoff.h"

enum {
    PATIENCE_MOST_MS = 60000, /* longest sleep */
    LOAD_PAGE = 8,            /* rows read at a time */
    OUTCOMES_MAX = 128,       /* with the writer; beyond, no run begins: results would only pile up in memory */
    FAILURES_A_MINUTE = 20    /* log lines: a gateway that is away fails thousands */
};

/* An item of the heap. */
struct due_job {
    int64_t due_steady_ms;
    int64_t id;
    int step; /* 0: a run begins; else the run goes on with this step */
};

struct tern_job_worker {
    struct tern_job_worker_settings settings;
    pthread_t thread;
    bool running; /* the thread; of whoever starts and stops */

    struct tern_sync sync; /* guards what follows, up to `failures` */
    struct due_job *heap;  /* owned; a binary heap, the earliest first: `count` items, space for `room` */
    size_t count, room;
    int outcomes;   /* on their way through the writer */
    bool added;     /* the table may have new jobs */
    bool stopping;  /* no more runs */
    int64_t run_id; /* of the latest run */
    bool woken;     /* that job was woken while it ran: its WAIT is over before it began */

    struct tern_log_quota failures; /* writer thread */

    /* Worker thread. */
    struct tern_job page[LOAD_PAGE]; /* rows as read */
    int64_t cursor;                  /* highest id seen */
    bool unknown_said;               /* a job of an unknown kind was logged */
};

/* The outcome of a run, as a unit of work of the writer. */
struct outcome_work {
    struct tern_work work;
    struct tern_job_worker *worker;
    const struct tern_job_kind *kind;
    enum tern_job_verdict verdict; /* FINISHED or AGAIN */
    struct tern_job job;
    struct tern_job_run run;
    int64_t again_in_ms; /* the job goes back to the heap; -1: it does not */
    const char *result;  /* for the metric: done, again */
};

/* ---- the heap; the lock is held ---- */

/* Puts `item` into the free place `at`, or moves its later parents down and puts it above. */
static void heap_raise(struct tern_job_worker *worker, size_t at, struct due_job item)
{
    while (at > 0 && worker->heap[(at - 1) / 2].due_steady_ms > item.due_steady_ms) {
        worker->heap[at] = worker->heap[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    worker->heap[at] = item;
}

static void heap_push(struct tern_job_worker *worker, struct due_job item)
{
    if (worker->count == worker->room) {
        size_t room = worker->room ? worker->room * 2 : 64;
        struct due_job *grown = realloc(worker->heap, room * sizeof *grown);
        TERN_ASSERT(grown, "memory for the heap of jobs");
        worker->heap = grown;
        worker->room = room;
    }
    heap_raise(worker, worker->count++, item);
}

static struct due_job heap_pop(struct tern_job_worker *worker)
{
    struct due_job top = worker->heap[0], last = worker->heap[--worker->count];
    size_t at = 0;
    for (;;) {
        size_t child = 2 * at + 1;
        if (child >= worker->count) break;
        if (child + 1 < worker->count && worker->heap[child + 1].due_steady_ms < worker->heap[child].due_steady_ms)
            child++;
        if (worker->heap[child].due_steady_ms >= last.due_steady_ms) break;
        worker->heap[at] = worker->heap[child];
        at = child;
    }
    if (worker->count > 0) worker->heap[at] = last;
    return top;
}

/* Takes the lock itself, unlike the heap's functions. */
static void push_later(struct tern_job_worker *worker, int64_t id, int step, int64_t in_ms)
{
    struct due_job item = {tern_steady(worker->settings.clock) + (in_ms > 0 ? in_ms : 0), id, step};
    tern_sync_lock(&worker->sync);
    heap_push(worker, item);
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
}

/* The run answered WAIT: the next step comes after it, or at once when the job was woken before it answered. */
static void push_next_step(struct tern_job_worker *worker, const struct due_job *due, int64_t wait_ms)
{
    int64_t now = tern_steady(worker->settings.clock);
    struct due_job item = {now + (wait_ms > 0 ? wait_ms : 0), due->id, due->step + 1};
    tern_sync_lock(&worker->sync);
    if (worker->woken) item.due_steady_ms = now;
    heap_push(worker, item);
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
}

/* ---- the outcome, on the writer thread ---- */

/* Counts the attempt and sets the next one. */
static enum tern_outcome try_again(struct tern_context *ctx, struct outcome_work *item, struct tern_error *err)
{
    int64_t attempts = item->job.attempts + 1;
    item->again_in_ms =
        tern_backoff_ms(item->worker->settings.backoff_ms, attempts, tern_ids_random(ctx->ids, UINT32_MAX));
    item->result = "again";
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&item->worker->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "job failed, will be tried again", TERN_STR("job", item->job.kind),
                   TERN_STR("subject", item->job.subject), TERN_INT("attempt", attempts),
                   TERN_STR("correlationId", item->job.correlation_id), TERN_STR("err", item->run.error.text),
                   tern_log_count("leftOut", left_out), TERN_LOG_END);
    return tern_job_reschedule(ctx->db, item->job.id, attempts, ctx->now_ms + item->again_in_ms, err) < 0 ? TERN_RETRY
                                                                                                          : TERN_DONE;
}

static bool is_last_attempt(const struct outcome_work *item)
{
    int64_t most = item->kind->most_attempts;
    if (most == TERN_JOB_CONFIGURED) most = item->worker->settings.most_attempts;
    return most != TERN_JOB_FOR_EVER && item->job.attempts + 1 >= most;
}

static enum tern_outcome run_outcome(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct outcome_work *item = (struct outcome_work *)work;
    const struct tern_job *job = &item->job;
    item->again_in_ms = -1;
    item->result = "done";
    if (item->verdict == TERN_JOB_AGAIN && !is_last_attempt(item)) return try_again(ctx, item, err);

    memcpy(ctx->conversation.correlation_id, job->correlation_id, sizeof job->correlation_id);
    memcpy(ctx->conversation.causation_id, job->causation_id, sizeof job->causation_id);
    memcpy(ctx->conversation.traceparent, job->traceparent, sizeof job->traceparent);
    enum tern_outcome outcome = item->kind->finish(ctx, job, &item->run, err);
    if (outcome != TERN_DONE) return outcome;
    return tern_job_delete(ctx->db, job->id, err) < 0 ? TERN_RETRY : TERN_DONE;
}

/* `finish` undid itself: the job runs again with the same key, so the other side repeats its answer. Counts no
 * attempt. */
static int keep_outcome(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct outcome_work *item = (struct outcome_work *)work;
    (void)err;
    item->again_in_ms = item->worker->settings.backoff_ms;
    item->result = "again";
    int64_t left_out;
    enum tern_log_level level =
        tern_log_quota_take(&item->worker->failures, FAILURES_A_MINUTE, tern_steady(ctx->clock), &left_out);
    tern_log_write(ctx->log, level, "the outcome of a job could not be kept, it runs again",
                   TERN_STR("job", item->job.kind), TERN_STR("subject", item->job.subject),
                   TERN_STR("correlationId", item->job.correlation_id), TERN_STR("err", work->err.text),
                   tern_log_count("leftOut", left_out), TERN_LOG_END);
    return 0;
}

/* An outcome that the store did not take waits, except at a stop: then it is dropped, and the job, still in its table,
 * runs again after the next start. */
static void finish_outcome(struct tern_work *work, enum tern_work_end end)
{
    struct outcome_work *item = (struct outcome_work *)work;
    struct tern_job_worker *worker = item->worker;
    tern_sync_lock(&worker->sync);
    bool stopping = worker->stopping;
    tern_sync_unlock(&worker->sync);
    if (end == TERN_WORK_LATER && !stopping) {
        tern_work_requeue(worker->settings.queue, work);
        return;
    }
    if (end == TERN_WORK_DONE)
        tern_metric_add(worker->settings.metrics, &TERN_METRIC_jobs_total, 1, item->job.kind, item->result, NULL);
    if (item->again_in_ms >= 0) push_later(worker, item->job.id, 0, item->again_in_ms);
    tern_sync_lock(&worker->sync);
    worker->outcomes--;
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
    free(item);
}

static const struct tern_work_kind outcome_kind = {
    .name = "job", .run = run_outcome, .keep = keep_outcome, .finish = finish_outcome};

/* ---- running, on the worker's thread ---- */

static void hand_over(struct tern_job_worker *worker, const struct tern_job_kind *kind, enum tern_job_verdict verdict,
                      const struct tern_job *job, const struct tern_job_run *run)
{
    struct outcome_work *item = tern_alloc(sizeof *item);
    item->work.kind = &outcome_kind;
    item->worker = worker;
    item->kind = kind;
    item->verdict = verdict;
    item->job = *job;
    item->run = *run;
    item->again_in_ms = -1;
    tern_sync_lock(&worker->sync);
    worker->outcomes++;
    tern_sync_unlock(&worker->sync);
    tern_work_submit(worker->settings.queue, &item->work);
}

/* Reads rows into `page`. A damaged store ends the process; another failure is -1. */
static int load(struct tern_job_worker *worker, int64_t after_id, int limit)
{
    struct tern_error err = {0};
    int got = tern_job_load(worker->settings.reader, after_id, limit, worker->page, &err);
    if (got < 0 && err.fault == TERN_FAULT_BROKEN) tern_fatal(worker->settings.fatal, &err);
    return got;
}

/* A job of another version of the service: its row waits for one that knows the kind. */
static void leave_alone(struct tern_job_worker *worker, const struct tern_job *job)
{
    tern_metric_add(worker->settings.metrics, &TERN_METRIC_jobs_total, 1, job->kind, "unknown", NULL);
    if (worker->unknown_said) return;
    worker->unknown_said = true;
    tern_log_error(worker->settings.log, "a job of a kind that is not known here is left alone, and so is every other",
                   TERN_STR("job", job->kind), TERN_STR("key", job->key), TERN_STR("subject", job->subject),
                   TERN_STR("correlationId", job->correlation_id));
}

/* One step of a run. The row is read for each step, so that tern_job_amend and tern_job_remove take effect between
 * two. */
static void run_job(struct tern_job_worker *worker, const struct due_job *due)
{
    struct tern_job_run run = {.step = due->step, .worker = worker};
    struct tern_job *job = &worker->page[0];
    int got = load(worker, due->id - 1, 1);
    if (got < 0) push_later(worker, due->id, due->step, TERN_FULL_PAUSE_MS);
    if (got <= 0 || job->id != due->id) return;
    const struct tern_job_kind *kind = worker->settings.kinds;
    while (kind->name && strcmp(kind->name, job->kind) != 0)
        kind++;
    if (!kind->name) {
        leave_alone(worker, job);
        return;
    }
    TERN_CHAOS_POINT("job.before_run");
    enum tern_job_verdict verdict = kind->run(worker->settings.self, job, &run);
    TERN_CHAOS_POINT("job.after_run_before_commit");
    if (verdict == TERN_JOB_WAIT)
        push_next_step(worker, due, run.wait_ms);
    else
        hand_over(worker, kind, verdict, job, &run);
}

/* Due times are wall time, and that clock may have been set back since: no job waits longer than it would have when
 * its row was written. */
static int64_t delay_of(const struct tern_job *job, int64_t now_ms)
{
    int64_t most_ms = job->attempts > 0 ? TERN_BACKOFF_MOST_MS : job->next_try_ms - job->added_at_ms;
    int64_t delay_ms = job->next_try_ms - now_ms;
    return delay_ms < most_ms ? delay_ms : most_ms;
}

/* Puts new rows on the heap. False: the store did not answer. */
static bool load_new(struct tern_job_worker *worker)
{
    int got;
    do {
        got = load(worker, worker->cursor, LOAD_PAGE);
        int64_t now = tern_now(worker->settings.clock);
        for (int i = 0; i < got; i++) {
            push_later(worker, worker->page[i].id, 0, delay_of(&worker->page[i], now));
            worker->cursor = worker->page[i].id;
        }
    } while (got == LOAD_PAGE);
    return got >= 0;
}

/* For how long there is nothing to do, in ms; 0: there is something. The lock is held. */
static int64_t patience(const struct tern_job_worker *worker)
{
    if (worker->stopping || worker->added) return 0;
    if (worker->count == 0 || worker->outcomes >= OUTCOMES_MAX) return PATIENCE_MOST_MS;
    /* No run begins while the queue is not ours; one that has begun goes on. */
    if (worker->heap[0].step == 0 && !tern_links_may_act(worker->settings.links)) return PATIENCE_MOST_MS;
    int64_t wait_ms = worker->heap[0].due_steady_ms - tern_steady(worker->settings.clock);
    return wait_ms > 0 ? wait_ms : 0;
}

/* Loads new jobs, or runs the one that is due. How long to wait then, in ms. The lock is held, except while the store
 * is read or the job runs. */
static int64_t step(struct tern_job_worker *worker)
{
    if (worker->added) {
        worker->added = false;
        tern_sync_unlock(&worker->sync);
        bool loaded = load_new(worker);
        tern_sync_lock(&worker->sync);
        if (loaded) return patience(worker);
        worker->added = true; /* the store did not answer: asked again later */
        return TERN_FULL_PAUSE_MS;
    }
    tern_metric_set(worker->settings.metrics, &TERN_METRIC_jobs_pending, (double)worker->count + worker->outcomes, NULL,
                    NULL);
    int64_t wait_ms = patience(worker);
    if (wait_ms > 0) return wait_ms;
    struct due_job due = heap_pop(worker);
    worker->run_id = due.id;
    worker->woken = false;
    tern_sync_unlock(&worker->sync);
    run_job(worker, &due);
    tern_sync_lock(&worker->sync);
    return patience(worker);
}

int64_t tern_job_worker_step(struct tern_job_worker *worker)
{
    tern_sync_lock(&worker->sync);
    int64_t wait_ms = worker->stopping ? PATIENCE_MOST_MS : step(worker);
    tern_sync_unlock(&worker->sync);
    return wait_ms;
}

static void *worker_thread(void *argument)
{
    struct tern_job_worker *worker = argument;
    tern_sync_lock(&worker->sync);
    while (!worker->stopping) {
        int64_t wait_ms = step(worker);
        if (wait_ms > PATIENCE_MOST_MS) wait_ms = PATIENCE_MOST_MS;
        if (wait_ms > 0 && !worker->stopping) (void)tern_sync_wait_until(&worker->sync, tern_deadline(wait_ms));
    }
    tern_sync_unlock(&worker->sync);
    return NULL;
}

/* ---- life ---- */

struct tern_job_worker *tern_job_worker_create(const struct tern_job_worker_settings *settings)
{
    struct tern_job_worker *worker = tern_alloc(sizeof *worker);
    worker->settings = *settings;
    worker->added = true;
    tern_sync_init(&worker->sync);
    return worker;
}

void tern_job_worker_destroy(struct tern_job_worker *worker)
{
    if (!worker) return;
    TERN_ASSERT(!worker->running && worker->outcomes == 0,
                "a job worker is destroyed after its writer has finished everything");
    tern_sync_fini(&worker->sync);
    free(worker->heap);
    free(worker);
}

int tern_job_worker_start(struct tern_job_worker *worker, struct tern_error *err)
{
    if (!worker) return 0;
    int error = tern_thread_start(&worker->thread, "jobs", 0, worker_thread, worker);
    if (error) return tern_error_set(err, "the job worker's thread could not be started (error %d)", error);
    worker->running = true;
    return 0;
}

void tern_job_worker_wake(struct tern_job_worker *worker)
{
    if (!worker) return;
    tern_sync_lock(&worker->sync);
    worker->added = true;
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
}

void tern_job_worker_wake_job(struct tern_job_worker *worker, int64_t job_id)
{
    size_t at = 0;
    tern_sync_lock(&worker->sync);
    if (worker->run_id == job_id) worker->woken = true;
    while (at < worker->count && worker->heap[at].id != job_id) /* 24 bytes each, in a row: cheap for thousands */
        at++;
    if (at < worker->count && worker->heap[at].step > 0) { /* step 0 waits for its next try, not for a wake */
        struct due_job item = worker->heap[at];
        item.due_steady_ms = tern_steady(worker->settings.clock);
        heap_raise(worker, at, item);
    }
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
}

void tern_job_worker_stop(struct tern_job_worker *worker)
{
    if (!worker) return;
    tern_sync_lock(&worker->sync);
    worker->stopping = true;
    tern_sync_signal(&worker->sync);
    tern_sync_unlock(&worker->sync);
    if (!worker->running) return;
    pthread_join(worker->thread, NULL);
    worker->running = false;
}
