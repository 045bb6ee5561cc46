/* writer.c - the writer thread and its batches: one transaction, what is due, then the other parts are told.
 *
 * Invariants: a work is finished exactly once, never before the transaction that holds it has ended; nothing is told
 * to another part before the commit; no lock is held while the store works. Knows nothing of deliveries, HTTP or jobs
 * but whom to tell what. */
#include "writer.h"

#include <stdlib.h>

#include "app.h"
#include "common/base/chaos.h"
#include "common/base/log_setup.h"
#include "common/inbox/deferred.h"
#include "common/jobs/timers_store.h"
#include "common/store/store.h"

enum {
    NO_ROOM_LOOK_MS = 1000,  /* between two checks for room while the store has none */
    PATIENCE_MOST_MS = 60000 /* longest sleep */
};

struct tern_writer {
    struct tern_app *app;
    struct tern_context *ctx;      /* the app's */
    struct tern_work_queue *queue; /* the app's */
    int batch_max;                 /* works in one transaction, and as many due pieces */
    bool running;                  /* the thread; of whoever starts and stops */
    pthread_t thread;

    /* Writer thread only. */
    int64_t next_due_ms;    /* UTC: the next timer or retry; INT64_MAX: none */
    bool ask_due;           /* next_due_ms may be wrong */
    int64_t pause_until_ms; /* steady: no batch before, the store was full */
    int64_t drift_ms;       /* wall less steady time; changes only when the wall clock is set */
    bool refused;           /* the last batch was lost, and that was logged */
};

struct tern_writer *tern_writer_create(struct tern_app *app, int batch_max)
{
    struct tern_writer *writer = tern_alloc(sizeof *writer);
    const struct tern_clock *clock = app->ctx.clock;
    *writer = (struct tern_writer){.app = app,
                                   .ctx = &app->ctx,
                                   .queue = &app->queue,
                                   .batch_max = batch_max,
                                   .next_due_ms = INT64_MAX,
                                   .ask_due = true,
                                   .drift_ms = tern_now(clock) - tern_steady(clock)};
    return writer;
}

void tern_writer_destroy(struct tern_writer *writer)
{
    free(writer);
}

/* ---- inside a batch ---- */

/* The wall clock was set: everything that is to happen later stays as far away as it was. */
static int move_along(struct tern_context *ctx, int64_t by_ms, struct tern_error *err)
{
    tern_log_warn(ctx->log, "the wall clock jumped", TERN_INT("seconds", by_ms / 1000));
    tern_metric_add(ctx->metrics, &TERN_METRIC_clock_jumps_total, 1, NULL, NULL, NULL);
    return tern_timer_shift(ctx->db, by_ms, err) < 0 ? -1 : tern_deferred_shift(ctx->db, by_ms, err);
}

/* Runs one work in its savepoint. 0: the batch goes on; -1 with `err`: the store failed, the whole batch is lost. */
static int run_one(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct tern_unit_start start;
    if (tern_unit_begin(ctx, &start, err) < 0) return -1;
    work->outcome = work->kind->run(ctx, work, &work->err);
    if (work->outcome == TERN_DONE) return tern_db_release(ctx->db, err);

    /* SQLite rolls the whole transaction back by itself on some errors (SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM). */
    enum tern_fault fault = work->err.fault;
    if (fault == TERN_FAULT_FULL || fault == TERN_FAULT_BROKEN || !tern_db_in_transaction(ctx->db)) {
        *err = work->err;
        return -1;
    }
    if (tern_unit_undo(ctx, &start, err) < 0) return -1;
    if (!work->kind->keep) return 0;
    return work->kind->keep(ctx, work, err);
}

/* What is due by the clock, one timer or kept message at a time, timers first, up to a batch of them. How many, or -1:
 * the store failed. */
static int run_due(struct tern_writer *writer, struct tern_error *err)
{
    struct tern_app *app = writer->app;
    struct tern_context *ctx = writer->ctx;
    if (ctx->now_ms < writer->next_due_ms && !writer->ask_due) return 0;
    int did = 0, got = 1;
    while (did < writer->batch_max && got > 0) {
        if (tern_retries_refresh(app->retries, ctx, err) < 0) return -1;
        got = tern_timers_due(&app->timers, ctx, err);
        if (got == 0) got = tern_retries_due(app->retries, ctx, err);
        if (got < 0) return -1;
        did += got;
    }
    writer->ask_due = true;
    return did;
}

/* By how much the wall clock was set since the last commit; 0 when it was at most TERN_JUMP_MS. */
static int64_t jump_of(const struct tern_writer *writer)
{
    const struct tern_clock *clock = writer->ctx->clock;
    int64_t by_ms = tern_now(clock) - tern_steady(clock) - writer->drift_ms;
    return by_ms > TERN_JUMP_MS || by_ms < -TERN_JUMP_MS ? by_ms : 0;
}

/* One transaction, from begin to commit. How many works and due pieces it was, or -1: the store took nothing. */
static int run_batch(struct tern_writer *writer, struct tern_work *batch, int count, struct tern_error *err)
{
    struct tern_app *app = writer->app;
    struct tern_context *ctx = writer->ctx;
    int64_t jump_ms = jump_of(writer);
    ctx->now_ms = tern_now(ctx->clock);
    ctx->emitted = ctx->jobs_added = ctx->timers_set = ctx->republished = 0;
    if (tern_db_begin(ctx->db, err) < 0) return -1;
    ctx->online_ms = tern_links_online_ms(&app->links);
    if (tern_receipts_refresh(&app->receipts, ctx, err) < 0 || tern_links_save_online(&app->links, ctx, err) < 0)
        return -1;
    if (jump_ms != 0) {
        writer->ask_due = true;
        if (move_along(ctx, jump_ms, err) < 0) return -1;
    }
    for (struct tern_work *work = batch; work; work = work->next) {
        if (run_one(ctx, work, err) < 0) return -1;
        TERN_CHAOS_POINT("batch.mid");
    }
    int due = run_due(writer, err);
    if (due < 0 || tern_receipts_save(&app->receipts, ctx, err) < 0) return -1;
    if (ctx->timers_set > 0) writer->ask_due = true;

    TERN_CHAOS_POINT("writer.before_commit");
    int64_t begun = tern_steady(ctx->clock);
    if (tern_db_commit(ctx->db, err) < 0) return -1;
    TERN_CHAOS_POINT("writer.after_commit");
    writer->drift_ms += jump_ms;
    tern_metric_observe(ctx->metrics, &TERN_METRIC_commit_duration_seconds,
                        (double)(tern_steady(ctx->clock) - begun) / 1000, NULL);
    if (count + due > 0) tern_metric_observe(ctx->metrics, &TERN_METRIC_batch_units, (double)(count + due), NULL);
    return count + due;
}

/* ---- after it ---- */

/* The batch is on disk. Before its works are finished, everybody is told who waits for its rows. */
static void tell_committed(struct tern_writer *writer)
{
    struct tern_app *app = writer->app;
    const struct tern_context *ctx = writer->ctx;
    if (writer->refused)
        tern_log_write(ctx->log, TERN_LOG_INFO, "the store takes what it is given again", TERN_LOG_END);
    writer->refused = false;
    tern_log_flush(ctx->log);
    atomic_store(&app->status.store_refused, false);
    if (ctx->emitted > 0) {
        tern_backlog_add(&app->backlog, ctx);
        tern_publisher_committed(app->publisher, ctx->last_seq);
    }
    tern_projector_committed(app->projector, ctx->last_seq);
    if (ctx->republished > 0) tern_publisher_asked(app->publisher);
    if (ctx->jobs_added > 0) tern_job_worker_wake(app->worker);
    tern_retries_committed(app->retries);
}

/* The store took nothing: everything that the batch had noted in memory is forgotten. Logged once, not at every
 * attempt. */
static void give_up(struct tern_writer *writer, const struct tern_error *err)
{
    struct tern_app *app = writer->app;
    struct tern_context *ctx = writer->ctx;
    struct tern_error why = *err;
    tern_db_rollback(ctx->db);
    if (tern_db_is_broken(ctx->db)) why.fault = TERN_FAULT_BROKEN; /* the rollback may have found it */
    tern_log_undo(ctx->log, 0);
    tern_context_forget_numbers(ctx);
    atomic_store(&app->status.store_refused, true);
    tern_retries_failed(app->retries);
    tern_receipts_failed(&app->receipts);
    if (why.fault == TERN_FAULT_BROKEN) tern_fatal(&app->fatal, &why);
    writer->pause_until_ms = tern_steady(ctx->clock) + TERN_FULL_PAUSE_MS;
    writer->ask_due = true; /* next_due_ms may have come from rows of this batch */
    if (!writer->refused)
        tern_log_write(ctx->log, TERN_LOG_ERROR, "the store took nothing, trying again", TERN_STR("err", err->text),
                       TERN_LOG_END);
    writer->refused = true;
    tern_log_flush(ctx->log);
}

/* The works belong to their kinds again, one after the other. */
static void finish_all(struct tern_work *batch, bool committed, const struct tern_error *err)
{
    for (struct tern_work *work = batch, *next; work; work = next) {
        next = work->next;
        enum tern_work_end end = TERN_WORK_LATER;
        if (!committed)
            work->err = *err;
        else
            end = work->outcome == TERN_DONE || work->kind->keep ? TERN_WORK_DONE : TERN_WORK_UNDONE;
        work->kind->finish(work, end);
    }
}

/* Outside any transaction, when all works are finished: the consumer acknowledges, the store checkpoints,
 * housekeeping. */
static void look_after(struct tern_writer *writer)
{
    struct tern_app *app = writer->app;
    struct tern_error err = {0};
    if (tern_deliveries_take_news(app->deliveries)) tern_consumer_flush(app->consumer);
    if (tern_db_maintain(writer->ctx->db, false, &err) < 0 && err.fault == TERN_FAULT_BROKEN)
        tern_fatal(&app->fatal, &err);
    if (!tern_work_draining(writer->queue)) tern_upkeep_purge(&app->upkeep, writer->ctx);
    bool low = atomic_load(&app->status.disk_low);
    if (atomic_exchange(&app->status.disk_low, tern_upkeep_check(&app->upkeep, writer->ctx, low)) != low)
        writer->ask_due = true; /* next_due answers differently now */
}

static int64_t next_due(struct tern_writer *writer)
{
    struct tern_app *app = writer->app;
    int64_t due_ms = tern_timers_next_due(&app->timers, writer->ctx);
    int64_t retry_ms = tern_retries_next_due(app->retries, writer->ctx);
    if (retry_ms < due_ms) due_ms = retry_ms;
    int64_t look_ms = tern_now(writer->ctx->clock) + NO_ROOM_LOOK_MS;
    bool shut = atomic_load(&app->status.store_refused) || atomic_load(&app->status.disk_low);
    /* While the API is closed no work comes: only a check of its own shows the writer that there is room again. */
    return shut && look_ms < due_ms ? look_ms : due_ms;
}

/* A batch from its begin to its end. */
static void process(struct tern_writer *writer, struct tern_work *batch, int count)
{
    struct tern_error err = {0};
    int64_t last_seq = writer->ctx->last_seq;
    bool committed = run_batch(writer, batch, count, &err) >= 0;
    if (committed) {
        tell_committed(writer);
    } else {
        writer->ctx->last_seq = last_seq;
        give_up(writer, &err);
    }
    finish_all(batch, committed, &err);
    tern_work_rejoin(writer->queue);
    look_after(writer);
    if (!writer->ask_due) return;
    writer->ask_due = false;
    writer->next_due_ms = next_due(writer);
}

int tern_writer_step(struct tern_writer *writer)
{
    int count;
    if (tern_work_take_wake(writer->queue)) {
        writer->ask_due = true; /* the service may have come online, for which timers wait */
        if (tern_links_take_owned(&writer->app->links)) tern_job_worker_wake(writer->app->worker);
    }
    struct tern_work *batch = tern_work_take(writer->queue, writer->batch_max, &count);
    if (batch || writer->ask_due || jump_of(writer) != 0 || tern_now(writer->ctx->clock) >= writer->next_due_ms)
        process(writer, batch, count);
    return count;
}

/* ---- the thread ---- */

/* How long to wait for what is not in the queue, in ms; 0: it is there. `ret_paused`: the queue must not end the
 * wait. */
static int64_t own_patience(const struct tern_writer *writer, bool *ret_paused)
{
    const struct tern_clock *clock = writer->ctx->clock;
    int64_t pause_ms = writer->pause_until_ms - tern_steady(clock);
    *ret_paused = pause_ms > 0 && !tern_work_is_stopping(writer->queue);
    if (*ret_paused) return pause_ms;
    if (writer->ask_due || jump_of(writer) != 0) return 0; /* next_due_ms is not valid */
    if (writer->next_due_ms == INT64_MAX) return PATIENCE_MOST_MS;
    int64_t until_due_ms = writer->next_due_ms - tern_now(clock);
    if (until_due_ms > PATIENCE_MOST_MS) return PATIENCE_MOST_MS;
    return until_due_ms > 0 ? until_due_ms : 0;
}

int64_t tern_writer_patience(const struct tern_writer *writer)
{
    bool paused;
    int64_t ms = own_patience(writer, &paused), queue_ms = tern_work_patience(writer->queue);
    if (paused) return ms;
    if (tern_work_is_stopping(writer->queue)) return 0;
    return queue_ms < ms ? queue_ms : ms;
}

static void *writer_thread(void *argument)
{
    struct tern_writer *writer = argument;
    for (;;) {
        bool paused;
        int64_t ms = own_patience(writer, &paused);
        if (tern_work_wait(writer->queue, ms, paused)) continue;
        if (tern_work_is_stopping(writer->queue) && tern_work_waiting(writer->queue) == 0) return NULL;
        (void)tern_writer_step(writer);
    }
}

int tern_writer_start(struct tern_writer *writer, struct tern_error *err)
{
    tern_work_set_stopping(writer->queue, false);
    int error = tern_thread_start(&writer->thread, "writer", 0, writer_thread, writer);
    if (error) return tern_error_set(err, "the writer thread could not be started (error %d)", error);
    writer->running = true;
    return 0;
}

void tern_writer_stop(struct tern_writer *writer)
{
    if (!writer) return;
    while (!writer->running && tern_work_waiting(writer->queue) > 0)
        (void)tern_writer_step(writer);
    if (!writer->running) return;
    tern_work_set_stopping(writer->queue, true);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}
