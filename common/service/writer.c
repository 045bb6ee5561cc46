/* writer.c - the writer thread and its batches: queue, one transaction, settle.
 *
 * Invariants: a work is settled exactly once, never before the transaction that holds it has ended; the order of
 * submission is the order of execution; no lock is held while the store works. It knows nothing of deliveries,
 * HTTP or jobs. */
#include "writer.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "tern/bug.h"
#include "tern/chaos.h"

struct tern_writer {
    struct tern_context *ctx;
    struct tern_writer_owner owner;
    int batch_max;

    pthread_mutex_t lock; /* guards the queue and `stopping` */
    pthread_cond_t arrived;
    struct tern_work *first, *last;
    struct tern_work *again_first, *again_last; /* of the batch that is being settled; writer thread only */
    size_t waiting;
    size_t urgent;         /* waiting works that are not lazy */
    int64_t lazy_until_ms; /* steady: when lazy works stop waiting */
    bool stopping, running;
    pthread_t thread;

    int64_t next_due_ms; /* wall; writer thread only */
    bool ask_due;
    int64_t pause_until_ms; /* steady: the store was full; no batch before */
    int64_t drift_ms;       /* wall less steady time: moves only when the wall clock is set */
    bool refused;           /* the last batch was lost, and that was said */
};

struct tern_writer *tern_writer_create(struct tern_context *ctx, const struct tern_writer_owner *owner, int batch_max)
{
    struct tern_writer *writer = tern_alloc(sizeof *writer);
    pthread_condattr_t attributes;
    writer->ctx = ctx;
    writer->owner = *owner;
    writer->batch_max = batch_max;
    writer->ask_due = true;
    writer->next_due_ms = INT64_MAX;
    writer->drift_ms = tern_now(ctx->clock) - tern_steady(ctx->clock);
    pthread_mutex_init(&writer->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&writer->arrived, &attributes);
    pthread_condattr_destroy(&attributes);
    return writer;
}

void tern_writer_destroy(struct tern_writer *writer)
{
    if (!writer) return;
    TERN_ASSERT(!writer->first, "a writer is destroyed only when everything queued was settled");
    pthread_cond_destroy(&writer->arrived);
    pthread_mutex_destroy(&writer->lock);
    free(writer);
}

/* ---- the queue ---- */

static void append(struct tern_work **first, struct tern_work **last, struct tern_work *work)
{
    work->next = NULL;
    work->outcome = TERN_DONE;
    work->err = (struct tern_error){0};
    if (*last)
        (*last)->next = work;
    else
        *first = work;
    *last = work;
}

static void count_in(struct tern_writer *writer, const struct tern_work *work)
{
    if (!work->kind->lazy) writer->urgent++;
    if (writer->waiting++ == 0) writer->lazy_until_ms = tern_steady(writer->ctx->clock) + TERN_LAZY_MS;
}

static void count_off(struct tern_writer *writer, const struct tern_work *work)
{
    writer->waiting--;
    if (!work->kind->lazy) writer->urgent--;
}

void tern_writer_submit(struct tern_writer *writer, struct tern_work *work)
{
    pthread_mutex_lock(&writer->lock);
    append(&writer->first, &writer->last, work);
    count_in(writer, work);
    if (writer->urgent == 1 || writer->waiting == 1) pthread_cond_signal(&writer->arrived);
    pthread_mutex_unlock(&writer->lock);
}

void tern_writer_again(struct tern_writer *writer, struct tern_work *work)
{
    append(&writer->again_first, &writer->again_last, work);
}

/* What a lost batch gave back goes in front: the order of submission stays the order of execution. */
static void requeue(struct tern_writer *writer)
{
    if (!writer->again_first) return;
    pthread_mutex_lock(&writer->lock);
    for (const struct tern_work *work = writer->again_first; work; work = work->next)
        count_in(writer, work);
    writer->again_last->next = writer->first;
    writer->first = writer->again_first;
    if (!writer->last) writer->last = writer->again_last;
    writer->again_first = writer->again_last = NULL;
    pthread_mutex_unlock(&writer->lock);
}

bool tern_writer_withdraw(struct tern_writer *writer, struct tern_work *work)
{
    bool found = false;
    struct tern_work *before = NULL;
    pthread_mutex_lock(&writer->lock);
    for (struct tern_work *item = writer->first; item && !found; before = item, item = item->next) {
        if (item != work) continue;
        if (before)
            before->next = item->next;
        else
            writer->first = item->next;
        if (writer->last == item) writer->last = before;
        count_off(writer, item);
        found = true;
    }
    pthread_mutex_unlock(&writer->lock);
    return found;
}

size_t tern_writer_waiting(struct tern_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    size_t waiting = writer->waiting;
    pthread_mutex_unlock(&writer->lock);
    return waiting;
}

/* Takes up to batch_max works off the front; the lock is held. */
static struct tern_work *detach(struct tern_writer *writer, int *ret_count)
{
    struct tern_work *batch = writer->first, *last = NULL;
    int count = 0;
    for (struct tern_work *item = batch; item && count < writer->batch_max; item = item->next, count++) {
        count_off(writer, item);
        last = item;
    }
    if (last) {
        writer->first = last->next;
        if (!writer->first) writer->last = NULL;
        last->next = NULL;
    }
    *ret_count = count;
    return last ? batch : NULL;
}

/* ---- one batch ---- */

int tern_unit_begin(struct tern_context *ctx, struct tern_unit_mark *ret_mark, struct tern_error *err)
{
    *ret_mark = (struct tern_unit_mark){tern_log_mark(ctx->log), ctx->emitted,    ctx->last_seq,
                                        ctx->jobs_added,         ctx->timers_set, ctx->said_again};
    return tern_db_savepoint(ctx->db, err);
}

int tern_unit_undo(struct tern_context *ctx, const struct tern_unit_mark *mark, struct tern_error *err)
{
    tern_log_undo(ctx->log, mark->log);
    ctx->emitted = mark->emitted;
    ctx->last_seq = mark->last_seq;
    ctx->jobs_added = mark->jobs_added;
    ctx->timers_set = mark->timers_set;
    ctx->said_again = mark->said_again;
    tern_context_forget_numbers(ctx);
    return tern_db_undo(ctx->db, err);
}

static bool store_failed(const struct tern_context *ctx, const struct tern_error *err)
{
    return err->fault == TERN_FAULT_FULL || err->fault == TERN_FAULT_BROKEN || !tern_db_in_transaction(ctx->db);
}

/* Runs one work in its savepoint. 0: the batch goes on; -1 with `err`: the store failed, the whole batch is lost. */
static int run_one(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct tern_unit_mark mark;
    if (tern_unit_begin(ctx, &mark, err) < 0) return -1;
    work->outcome = work->kind->run(ctx, work, &work->err);
    if (work->outcome == TERN_DONE) return tern_db_release(ctx->db, err);

    if (store_failed(ctx, &work->err)) {
        *err = work->err;
        return -1;
    }
    int undone = TERN_BUG(undo_forgotten) ? tern_db_release(ctx->db, err) : tern_unit_undo(ctx, &mark, err);
    if (undone < 0) return -1;
    if (!work->kind->keep) return 0;
    return work->kind->keep(ctx, work, err);
}

static int run_due(struct tern_writer *writer, int room, struct tern_error *err)
{
    struct tern_context *ctx = writer->ctx;
    if (ctx->now_ms < writer->next_due_ms && !writer->ask_due) return 0;
    int did = 0, got = 1;
    while (did < room && got > 0) {
        got = writer->owner.due(writer->owner.self, ctx, err);
        if (got < 0) return -1;
        did += got;
    }
    writer->ask_due = true;
    return did;
}

/* By how much the wall clock was set since it was last looked at; 0 when that is not worth a word. */
static int64_t jump_of(const struct tern_writer *writer)
{
    const struct tern_clock *clock = writer->ctx->clock;
    int64_t by_ms = tern_now(clock) - tern_steady(clock) - writer->drift_ms;
    return by_ms > TERN_JUMP_MS || by_ms < -TERN_JUMP_MS ? by_ms : 0;
}

static int tell_jump(struct tern_writer *writer, int64_t by_ms, struct tern_error *err)
{
    if (by_ms == 0) return 0;
    writer->ask_due = true;
    return writer->owner.jumped ? writer->owner.jumped(writer->owner.self, writer->ctx, by_ms, err) : 0;
}

static int run_batch(struct tern_writer *writer, struct tern_work *batch, int count, struct tern_error *err)
{
    struct tern_context *ctx = writer->ctx;
    int64_t jump_ms = jump_of(writer);
    ctx->now_ms = tern_now(ctx->clock);
    ctx->emitted = ctx->jobs_added = ctx->timers_set = ctx->said_again = 0;
    if (tern_db_begin(ctx->db, err) < 0) return -1;
    if (writer->owner.begun && writer->owner.begun(writer->owner.self, ctx, err) < 0) return -1;
    if (tell_jump(writer, jump_ms, err) < 0) return -1;
    for (struct tern_work *work = batch; work; work = work->next) {
        if (run_one(ctx, work, err) < 0) return -1;
        TERN_CHAOS_POINT("batch.mid");
    }
    int due = run_due(writer, writer->batch_max, err);
    if (due < 0) return -1;
    if (writer->owner.ending && writer->owner.ending(writer->owner.self, ctx, err) < 0) return -1;
    if (ctx->timers_set > 0) writer->ask_due = true;

    TERN_CHAOS_POINT("writer.before_commit");
    int64_t begun = tern_steady(ctx->clock);
    if (tern_db_commit(ctx->db, err) < 0 && !TERN_BUG(commit_error_ignored)) return -1;
    TERN_CHAOS_POINT("writer.after_commit");
    writer->drift_ms += jump_ms;
    tern_metric_observe(ctx->metrics, &TERN_METRIC_commit_duration_seconds,
                        (double)(tern_steady(ctx->clock) - begun) / 1000, NULL);
    if (count + due > 0) tern_metric_observe(ctx->metrics, &TERN_METRIC_batch_units, (double)(count + due), NULL);
    return count + due;
}

static void settle_all(struct tern_work *batch, bool committed, const struct tern_error *err)
{
    for (struct tern_work *work = batch, *next; work; work = next) {
        next = work->next;
        enum tern_settled settled = TERN_SETTLED_LATER;
        if (!committed)
            work->err = *err;
        else
            settled = work->outcome == TERN_DONE || work->kind->keep ? TERN_SETTLED_DONE : TERN_SETTLED_UNDONE;
        work->kind->settle(work, settled);
    }
}

static void commit_worked(struct tern_writer *writer, int units)
{
    if (writer->refused)
        tern_log_write(writer->ctx->log, TERN_LOG_INFO, "the store takes what it is given again", TERN_LOG_END);
    writer->refused = false;
    tern_log_flush(writer->ctx->log);
    writer->owner.committed(writer->owner.self, writer->ctx, units);
}

/* Says it once, not at every try. */
static void give_up(struct tern_writer *writer, const struct tern_error *err)
{
    struct tern_error why = *err;
    tern_db_rollback(writer->ctx->db);
    if (tern_db_is_broken(writer->ctx->db)) why.fault = TERN_FAULT_BROKEN; /* now, if not before */
    tern_log_undo(writer->ctx->log, 0);
    tern_context_forget_numbers(writer->ctx);
    writer->owner.failed(writer->owner.self);
    if (why.fault == TERN_FAULT_BROKEN) writer->owner.fatal(writer->owner.self, &why);
    writer->pause_until_ms = tern_steady(writer->ctx->clock) + TERN_FULL_PAUSE_MS;
    writer->ask_due = true; /* what was known of it may have been part of the batch */
    if (!writer->refused)
        tern_log_write(writer->ctx->log, TERN_LOG_ERROR, "the store took nothing, trying again",
                       TERN_STR("err", err->text), TERN_LOG_END);
    writer->refused = true;
    tern_log_flush(writer->ctx->log);
}

static void process(struct tern_writer *writer, struct tern_work *batch, int count)
{
    struct tern_error err = {0};
    int64_t last_seq = writer->ctx->last_seq;
    int units = run_batch(writer, batch, count, &err);
    if (units >= 0) {
        commit_worked(writer, units);
    } else {
        writer->ctx->last_seq = last_seq;
        give_up(writer, &err);
    }
    settle_all(batch, units >= 0, &err);
    requeue(writer);
    bool changed = writer->owner.settled(writer->owner.self);
    if (!writer->ask_due && !changed) return;
    writer->ask_due = false;
    writer->next_due_ms = writer->owner.next_due(writer->owner.self, writer->ctx);
}

int tern_writer_step(struct tern_writer *writer)
{
    int count;
    pthread_mutex_lock(&writer->lock);
    struct tern_work *batch = detach(writer, &count);
    pthread_mutex_unlock(&writer->lock);
    if (batch || writer->ask_due || jump_of(writer) != 0 || tern_now(writer->ctx->clock) >= writer->next_due_ms)
        process(writer, batch, count);
    return count;
}

/* ---- the thread ---- */

/* How long to wait for work, in ms; 0: there is some. The lock is held. */
static int64_t patience(const struct tern_writer *writer)
{
    const struct tern_clock *clock = writer->ctx->clock;
    int64_t steady = tern_steady(clock), wait = 60000;
    if (writer->pause_until_ms > steady && !writer->stopping) return writer->pause_until_ms - steady;
    if (writer->urgent > 0 || writer->ask_due || writer->stopping) return 0;
    if (jump_of(writer) != 0) return 0; /* what is due may be due at another time now */
    int64_t until_due = writer->next_due_ms == INT64_MAX ? wait : writer->next_due_ms - tern_now(clock);
    if (until_due < wait) wait = until_due;
    if (writer->waiting > 0 && writer->lazy_until_ms - steady < wait) wait = writer->lazy_until_ms - steady;
    return wait > 0 ? wait : 0;
}

int64_t tern_writer_patience(struct tern_writer *writer)
{
    pthread_mutex_lock(&writer->lock);
    int64_t ms = patience(writer);
    pthread_mutex_unlock(&writer->lock);
    return ms;
}

static void wait_ms(struct tern_writer *writer, int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    (void)pthread_cond_timedwait(&writer->arrived, &writer->lock, &until);
}

static void *writer_thread(void *argument)
{
    struct tern_writer *writer = argument;
    for (;;) {
        int64_t ms;
        pthread_mutex_lock(&writer->lock);
        while ((ms = patience(writer)) > 0)
            wait_ms(writer, ms);
        bool end = writer->stopping && !writer->first;
        pthread_mutex_unlock(&writer->lock);
        if (end) return NULL;
        (void)tern_writer_step(writer);
    }
}

int tern_writer_start(struct tern_writer *writer, struct tern_error *err)
{
    writer->stopping = false;
    int error = pthread_create(&writer->thread, NULL, writer_thread, writer);
    if (error) return tern_error_set(err, "the writer thread could not be started (error %d)", error);
    writer->running = true;
    return 0;
}

void tern_writer_stop(struct tern_writer *writer)
{
    if (!writer) return;
    while (!writer->running && tern_writer_waiting(writer) > 0)
        (void)tern_writer_step(writer);
    if (!writer->running) return;
    pthread_mutex_lock(&writer->lock);
    writer->stopping = true;
    pthread_cond_signal(&writer->arrived);
    pthread_mutex_unlock(&writer->lock);
    pthread_join(writer->thread, NULL);
    writer->running = false;
}
