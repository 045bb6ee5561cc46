/* test_writer.c - batches: order, one transaction, what fails alone, what is told when, and a store that fails. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/jobs/timers_store.h"
#include "common/store/sqlite/db_sqlite.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "shop/catalogue.h"
#include "store.h"
#include "tern/timers.h"
#include "tern_test.h"
#include "test_runtime.h"
#include "wait_for.h"

enum { BATCH_MAX = 4, MANY = 200 };

struct test_work {
    struct tern_work work;
    struct test_runtime *runtime;
    const char *name;
    enum tern_outcome answer;
    bool says;            /* emits an event and logs a line */
    int64_t timer_ms;     /* arms a timer that is due then, or only sets it when below 0; 0: neither */
    bool again;           /* queued again after LATER */
    struct tern_db *look; /* a second connection, asked when it is finished */

    int runs, finishes;
    enum tern_work_end how;
    int64_t seen; /* notes that `look` saw at the settlement */
};

static char story[512]; /* what happened, in order */
static pthread_mutex_t story_lock = PTHREAD_MUTEX_INITIALIZER;

static void tell(const char *what, const char *name)
{
    (void)pthread_mutex_lock(&story_lock);
    size_t length = strlen(story);
    (void)snprintf(story + length, sizeof story - length, "%s%s %s", length ? ", " : "", what, name);
    (void)pthread_mutex_unlock(&story_lock);
}

static enum tern_outcome run(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct test_work *item = (struct test_work *)work;
    item->runs++;
    tell("run", item->name);
    if (test_runtime_note(ctx, item->name, err) < 0) return TERN_RETRY;
    if (item->look) item->seen = test_runtime_notes(item->look);
    if (item->says) {
        tern_ids_uuid(ctx->ids, ctx->conversation.correlation_id);
        const struct shop_payment_voided voided = {.order_id = "ORD-1", .customer_id = "C", .voided_at_ms = 1};
        if (shop_emit_payment_voided(ctx, &voided, NULL, err) < 0) return TERN_RETRY;
        tern_log_info(ctx->log, "said", TERN_STR("by", item->name));
        ctx->jobs_added++;
    }
    if (item->timer_ms > 0 && tern_timer_arm(ctx, "due", item->name, item->timer_ms, NULL, err) < 0) return TERN_RETRY;
    if (item->timer_ms < 0 && tern_timer_set(ctx->db, "due", item->name, ctx->now_ms - item->timer_ms, NULL, err) < 0)
        return TERN_RETRY;
    if (item->answer != TERN_DONE) (void)tern_error_set(err, "%s does not want to", item->name);
    return item->answer;
}

static int keep(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    const struct test_work *item = (const struct test_work *)work;
    tell("keep", item->name);
    return test_runtime_note(ctx, "kept", err);
}

static void finish(struct tern_work *work, enum tern_work_end end)
{
    struct test_work *item = (struct test_work *)work;
    tell("finish", item->name);
    item->how = end;
    if (item->look) item->seen = test_runtime_notes(item->look);
    if (item->again && end == TERN_WORK_LATER)
        tern_work_requeue(&item->runtime->app.queue, work);
    else
        TEST_NOTE(&story_lock, item->finishes++);
}

static int deaths;

/* In place of the library's: the process goes on. */
void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    (void)fatal;
    assert_int_equal(err->fault, TERN_FAULT_BROKEN);
    deaths++;
}

static const struct tern_work_kind plain = {.name = "plain", .run = run, .finish = finish};
static const struct tern_work_kind keeping = {.name = "keeping", .run = run, .keep = keep, .finish = finish};
static const struct tern_work_kind lazy = {.name = "lazy", .run = run, .finish = finish, .lazy = true};

static void submit(struct test_runtime *runtime, struct test_work *item, const struct tern_work_kind *kind,
                   const char *name)
{
    item->runtime = runtime;
    item->name = name;
    item->work.kind = kind;
    tern_work_submit(&runtime->app.queue, &item->work);
}

static int open_in(void **state, enum test_runtime_store store, enum test_runtime_clock clock)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    story[0] = '\0';
    deaths = 0;
    test_runtime_open(runtime, store, clock, BATCH_MAX);
    *state = runtime;
    return 0;
}

static int in_memory(void **state)
{
    return open_in(state, TEST_IN_MEMORY, TEST_CLOCK_BY_HAND);
}

static int in_a_file(void **state)
{
    return open_in(state, TEST_IN_A_FILE, TEST_CLOCK_BY_HAND);
}

static int by_the_clock(void **state)
{
    return open_in(state, TEST_IN_MEMORY, TEST_CLOCK_SYSTEM);
}

static int tear_down(void **state)
{
    test_runtime_close(*state);
    test_free(*state);
    return 0;
}

/* ---- one batch ---- */

static void works_run_in_the_order_of_submission_and_settle_after_all_of_them_ran(void **state)
{
    struct test_work a = {0}, b = {0}, c = {0};
    submit(*state, &a, &plain, "a");
    submit(*state, &b, &plain, "b");
    submit(*state, &c, &plain, "c");
    test_runtime_settle(*state);
    assert_string_equal(story, "run a, run b, run c, finish a, finish b, finish c");
}

static void a_batch_is_one_transaction_of_at_most_batch_max_works(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work items[BATCH_MAX + 1] = {0};
    for (size_t i = 0; i < TERN_COUNT(items); i++)
        submit(runtime, &items[i], &plain, "w");
    assert_int_equal(tern_work_waiting(&runtime->app.queue), BATCH_MAX + 1);
    assert_int_equal(test_runtime_step(runtime), BATCH_MAX);
    assert_int_equal(test_runtime_committed(runtime), 1);
    assert_int_equal(test_runtime_units_committed(runtime), BATCH_MAX);
    assert_int_equal(tern_work_waiting(&runtime->app.queue), 1);
    assert_int_equal(test_runtime_step(runtime), 1);
    assert_int_equal(test_runtime_committed(runtime), 2);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), BATCH_MAX + 1);
}

static void a_work_that_fails_undoes_itself_alone(void **state)
{
    static const enum tern_outcome answers[] = {TERN_RETRY, TERN_REJECT};
    struct test_runtime *runtime = *state;
    for (size_t i = 0; i < TERN_COUNT(answers); i++) {
        struct test_work before = {0}, bad = {.answer = answers[i]}, after = {0};
        submit(runtime, &before, &plain, "before");
        submit(runtime, &bad, &plain, "bad");
        submit(runtime, &after, &plain, "after");
        test_runtime_settle(runtime);
        assert_int_equal(before.how, TERN_WORK_DONE);
        assert_int_equal(bad.how, TERN_WORK_UNDONE);
        assert_int_equal(bad.work.outcome, answers[i]);
        assert_string_equal(bad.work.err.text, "bad does not want to");
        assert_int_equal(after.how, TERN_WORK_DONE);
    }
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 4);
    assert_int_equal(test_store_number(runtime->app.ctx.db, "SELECT count(*) FROM note WHERE text = 'bad'"), 0);
    assert_int_equal(test_runtime_committed(runtime), 2);
    assert_int_equal(runtime->failed, 0);
}

static void what_a_kind_keeps_of_a_failed_work_commits_with_the_batch(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work retry = {.answer = TERN_RETRY}, reject = {.answer = TERN_REJECT}, good = {0};
    submit(runtime, &retry, &keeping, "retry");
    submit(runtime, &reject, &keeping, "reject");
    submit(runtime, &good, &keeping, "good");
    test_runtime_settle(runtime);
    assert_string_equal(story, "run retry, keep retry, run reject, keep reject, run good, "
                               "finish retry, finish reject, finish good");
    assert_int_equal(retry.how, TERN_WORK_DONE);
    assert_int_equal(reject.how, TERN_WORK_DONE);
    assert_int_equal(test_store_number(runtime->app.ctx.db, "SELECT count(*) FROM note WHERE text = 'kept'"), 2);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 3);
    assert_int_equal(test_runtime_committed(runtime), 1);
}

static void nothing_is_settled_before_it_is_on_disk(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work a = {.look = test_runtime_reader(runtime)}, b = {0};
    submit(runtime, &a, &plain, "a");
    submit(runtime, &b, &plain, "b");
    a.seen = -1;
    test_runtime_settle(runtime);
    assert_int_equal(a.seen, 2); /* both, as another connection sees them */
    tern_db_close(a.look);
}

/* 1..n, without the numbers of what was undone. */
static void numbers_have_no_gap(struct tern_db *db, int64_t count)
{
    assert_int_equal(test_store_number(db, "SELECT count(number) FROM event_log"), count);
    assert_int_equal(test_store_number(db, "SELECT coalesce(max(number), 0) FROM event_log"), count);
}

static void what_was_undone_is_neither_told_nor_logged(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work good = {.says = true, .timer_ms = 1000}, bad = good;
    bad.answer = TERN_RETRY;
    submit(runtime, &good, &plain, "good");
    submit(runtime, &bad, &plain, "bad");
    assert_int_equal(test_runtime_step(runtime), 2);
    assert_int_equal(runtime->app.ctx.emitted, 1);
    assert_int_equal(runtime->app.ctx.jobs_added, 1);
    assert_int_equal(runtime->app.ctx.timers_set, 1);
    /* A publisher that was told of a row which is not there would think it had read the next one. */
    assert_int_equal(runtime->last_seq_told, test_store_number(runtime->app.ctx.db, "SELECT max(seq) FROM event_log"));
    assert_int_equal(runtime->app.ctx.last_seq, runtime->last_seq_told);
    assert_true(test_runtime_logged(runtime, "by=good"));
    assert_false(test_runtime_logged(runtime, "by=bad"));
    submit(runtime, &bad, &plain, "bad");
    submit(runtime, &good, &plain, "good");
    assert_int_equal(test_runtime_step(runtime), 2);
    numbers_have_no_gap(runtime->app.ctx.db, 2);
}

/* ---- a store that fails ---- */

static void a_store_without_room_changes_nothing_and_works_again_after(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_db *look = test_runtime_reader(runtime);
    int64_t lost = 0;
    for (int64_t call = 1; call < 100; call++) {
        struct test_work a = {.says = true}, b = {.answer = TERN_RETRY};
        int failed = runtime->failed;
        int64_t notes = test_runtime_notes(look), seq = runtime->app.ctx.last_seq;
        submit(runtime, &a, &keeping, "a");
        submit(runtime, &b, &keeping, "b");
        tern_db_fail_at(runtime->app.ctx.db, call, TERN_FAULT_FULL);
        (void)test_runtime_step(runtime);
        bool reached = !tern_db_fail_pending(runtime->app.ctx.db);
        tern_db_fail_at(runtime->app.ctx.db, 0, TERN_FAULT_OTHER);
        assert_int_equal(runtime->failed, failed + reached);
        assert_int_equal(a.how, reached ? TERN_WORK_LATER : TERN_WORK_DONE);
        assert_int_equal(b.how, reached ? TERN_WORK_LATER : TERN_WORK_DONE);
        assert_int_equal(test_runtime_notes(look), notes + (reached ? 0 : 2));
        if (!reached) break;
        assert_int_equal(a.work.err.fault, TERN_FAULT_FULL);
        assert_int_equal(runtime->app.ctx.last_seq, seq);
        lost++;
    }
    assert_true(lost > 5); /* begin, savepoint, insert, ..., commit: each was seen to fail */
    assert_int_equal(test_runtime_committed(runtime), 1);
    assert_int_equal(deaths, 0);
    numbers_have_no_gap(runtime->app.ctx.db, 1);
    tern_db_close(look);
}

static void that_the_store_takes_nothing_is_said_once_and_that_it_takes_again_too(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {.again = true};
    submit(runtime, &item, &plain, "item");
    for (int i = 0; i < 3; i++) {
        tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
        assert_int_equal(test_runtime_step(runtime), 1);
        assert_int_equal(test_runtime_logged(runtime, "the store took nothing"), true);
    }
    assert_int_equal(runtime->failed, 3);
    assert_false(test_runtime_logged(runtime, "takes what it is given again"));
    test_runtime_settle(runtime);
    assert_int_equal(item.how, TERN_WORK_DONE);
    assert_true(test_runtime_logged(runtime, "takes what it is given again"));
    assert_int_equal(test_runtime_times_logged(runtime, "the store took nothing"), 1);
}

static void what_a_lost_batch_gives_back_keeps_its_place(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work items[BATCH_MAX] = {0}, later = {0};
    static const char *const names[BATCH_MAX] = {"a", "b", "c", "d"};
    for (size_t i = 0; i < BATCH_MAX; i++) {
        items[i].again = i != 1; /* "b" gives up */
        submit(runtime, &items[i], &plain, names[i]);
    }
    submit(runtime, &later, &plain, "later");
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
    assert_int_equal(test_runtime_step(runtime), BATCH_MAX);
    assert_int_equal(tern_work_waiting(&runtime->app.queue), BATCH_MAX);
    story[0] = '\0';
    test_runtime_settle(runtime);
    assert_string_equal(story, "run a, run c, run d, run later, finish a, finish c, finish d, finish later");
}

static void a_broken_store_is_fatal(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    submit(runtime, &item, &plain, "item");
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_BROKEN);
    (void)test_runtime_step(runtime);
    assert_int_equal(deaths, 1);
    assert_int_equal(item.how, TERN_WORK_LATER);
}

static int no_rollback(void *self, int action, const char *what, const char *b, const char *c, const char *d)
{
    (void)self;
    (void)b;
    (void)c;
    (void)d;
    return action == SQLITE_TRANSACTION && strcmp(what, "ROLLBACK") == 0 ? SQLITE_DENY : SQLITE_OK;
}

static void a_batch_that_cannot_be_rolled_back_is_fatal(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    submit(runtime, &item, &plain, "item");
    sqlite3_set_authorizer(runtime->app.ctx.db->handle, no_rollback, NULL);
    tern_db_fail_at(runtime->app.ctx.db, 2, TERN_FAULT_FULL);
    (void)test_runtime_step(runtime);
    assert_int_equal(deaths, 1);
    assert_int_equal(item.how, TERN_WORK_LATER);
}

/* ---- withdrawing ---- */

static void a_work_that_has_not_begun_can_be_taken_back(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work a = {0}, b = {0}, c = {0};
    submit(runtime, &a, &plain, "a");
    submit(runtime, &b, &plain, "b");
    submit(runtime, &c, &plain, "c");
    assert_true(tern_work_withdraw(&runtime->app.queue, &c.work)); /* the last, the first, then what is left */
    assert_true(tern_work_withdraw(&runtime->app.queue, &a.work));
    assert_false(tern_work_withdraw(&runtime->app.queue, &a.work));
    submit(runtime, &c, &plain, "c");
    test_runtime_settle(runtime);
    assert_string_equal(story, "run b, run c, finish b, finish c");
    assert_false(tern_work_withdraw(&runtime->app.queue, &b.work));
    assert_int_equal(tern_work_waiting(&runtime->app.queue), 0);
}

/* ---- by the clock ---- */

static void what_is_due_runs_in_the_batch_and_not_before_its_time(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    test_runtime_set_timers(runtime, 2, 1000);
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 0);

    atomic_fetch_add(&runtime->now_ms, 1000);
    int committed = test_runtime_committed(runtime);
    submit(runtime, &item, &plain, "item");
    assert_int_equal(test_runtime_step(runtime), 1);
    assert_int_equal(test_runtime_committed(runtime), committed + 1);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 3);
}

static void much_that_is_due_is_done_in_several_batches(void **state)
{
    struct test_runtime *runtime = *state;
    test_runtime_set_timers(runtime, 3 * BATCH_MAX, 0);
    (void)test_runtime_step(runtime);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), BATCH_MAX);
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 3 * BATCH_MAX);
}

static void a_timer_that_a_work_sets_is_asked_for(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work silent = {.timer_ms = -1000}, setting = {.timer_ms = 2000};
    test_runtime_settle(runtime);
    submit(runtime, &silent, &plain, "silent");
    test_runtime_settle(runtime);
    assert_int_equal(tern_writer_patience(runtime->app.writer), 60000); /* it was not asked */
    submit(runtime, &setting, &plain, "setting");
    test_runtime_settle(runtime);
    assert_int_equal(tern_writer_patience(runtime->app.writer), 1000);
}

static void what_was_due_in_a_lost_batch_is_due_again(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    test_runtime_settle(runtime);
    test_runtime_set_timers(runtime, 1, 0);
    submit(runtime, &item, &plain, "item");
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
    (void)test_runtime_step(runtime);
    assert_int_equal(tern_writer_patience(runtime->app.writer), TERN_FULL_PAUSE_MS);
    atomic_fetch_add(&runtime->now_ms, TERN_FULL_PAUSE_MS);
    assert_int_equal(tern_writer_patience(runtime->app.writer), 0); /* it was asked */
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
}

static void the_thread_wakes_for_what_is_due(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_error err = {0};
    test_runtime_set_timers(runtime, 1, 30);
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    TEST_WAIT(&story_lock, atomic_load(&runtime->fired) == 1);
    tern_writer_stop(runtime->app.writer);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
}

/* ---- lazy works ---- */

static void a_lazy_work_joins_the_next_batch(void **state)
{
    struct test_runtime *runtime = *state; /* its clock stands still: a lazy work alone would wait for ever */
    struct test_work late = {0}, now = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    TEST_WAIT(&story_lock, test_runtime_committed(runtime) == 1); /* the first look at what is due */
    submit(runtime, &late, &lazy, "late");
    submit(runtime, &now, &plain, "now");
    TEST_WAIT(&story_lock, now.finishes == 1);
    tern_writer_stop(runtime->app.writer);
    assert_string_equal(story, "run late, run now, finish late, finish now");
    assert_int_equal(test_runtime_committed(runtime), 2);
}

static void a_lazy_work_alone_waits_its_time_and_no_longer(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work late = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    TEST_WAIT(&story_lock, test_runtime_committed(runtime) == 1);
    int64_t begun = tern_steady(&tern_clock_system);
    submit(runtime, &late, &lazy, "late");
    TEST_WAIT(&story_lock, late.finishes == 1);
    int64_t took = tern_steady(&tern_clock_system) - begun;
    tern_writer_stop(runtime->app.writer);
    if (took < TERN_LAZY_MS - 1) fail_msg("it waited %d ms only", (int)took);
}

/* ---- the thread ---- */

struct submitter {
    struct test_runtime *runtime;
    struct test_work items[MANY];
};

static void *submit_many(void *argument)
{
    struct submitter *submitter = argument;
    for (size_t i = 0; i < MANY; i++)
        submit(submitter->runtime, &submitter->items[i], i % 3 ? &plain : &lazy, "w");
    return NULL;
}

static void a_stop_runs_everything_that_is_queued(void **state)
{
    struct test_runtime *runtime = *state;
    struct submitter *submitters = test_calloc(3, sizeof *submitters);
    pthread_t threads[3];
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    for (size_t i = 0; i < TERN_COUNT(threads); i++) {
        submitters[i].runtime = runtime;
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (size_t i = 0; i < TERN_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tern_writer_stop(runtime->app.writer);
    for (size_t i = 0; i < TERN_COUNT(threads); i++) {
        for (size_t k = 0; k < MANY; k++) {
            assert_int_equal(submitters[i].items[k].finishes, 1);
            assert_int_equal(submitters[i].items[k].how, TERN_WORK_DONE);
        }
    }
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 3 * MANY);
    test_free(submitters);
}

static void a_second_stop_runs_what_came_after_the_first(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    tern_writer_stop(runtime->app.writer);
    submit(runtime, &item, &plain, "item");
    tern_writer_stop(runtime->app.writer);
    assert_int_equal(item.how, TERN_WORK_DONE);
    assert_int_equal(item.finishes, 1);
    tern_writer_stop(NULL);
}

/* ---- a clock that is set ---- */

static void a_jump_of_the_wall_clock_is_told_once_and_what_is_due_keeps_its_distance(void **state)
{
    struct test_runtime *runtime = *state;
    const int64_t hour_ms = 3600000, due_ms = atomic_load(&runtime->now_ms) + 100000;
    int64_t next_ms = 0;
    assert_int_equal(tern_timer_set(runtime->app.ctx.db, "remind", "k", due_ms, NULL, NULL), 0);
    test_runtime_settle(runtime);
    atomic_store(&runtime->wall_ahead_ms, 30000); /* that happens */
    test_runtime_settle(runtime);
    assert_false(test_runtime_logged(runtime, "the wall clock jumped"));
    atomic_store(&runtime->wall_ahead_ms, -hour_ms);
    test_runtime_settle(runtime);
    test_runtime_settle(runtime);
    test_runtime_metric(runtime, "tern_clock_jumps_total 1");
    assert_true(test_runtime_logged(runtime, "seconds=-3600"));
    assert_int_equal(tern_timer_next_due(runtime->app.ctx.db, &next_ms, NULL), 1);
    assert_int_equal(next_ms, due_ms - hour_ms);
    atomic_store(&runtime->wall_ahead_ms, 0);
    test_runtime_settle(runtime);
    test_runtime_metric(runtime, "tern_clock_jumps_total 2");
    assert_int_equal(test_runtime_times_logged(runtime, "the wall clock jumped"), 2);
    assert_int_equal(tern_timer_next_due(runtime->app.ctx.db, &next_ms, NULL), 1);
    assert_int_equal(next_ms, due_ms);
}

static void a_writer_that_was_stopped_can_be_started_again(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    tern_writer_stop(runtime->app.writer);
    int finished = test_runtime_committed(runtime);
    assert_int_equal(tern_writer_start(runtime->app.writer, &err), 0);
    for (int i = 1; i <= 3; i++) { /* one batch after the other: its thread stays */
        submit(runtime, &item, &plain, "item");
        TEST_WAIT(&story_lock, item.finishes == i && test_runtime_committed(runtime) >= finished + i);
    }
    tern_writer_stop(runtime->app.writer);
}

#define WITH(test, set_up) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(works_run_in_the_order_of_submission_and_settle_after_all_of_them_ran, in_memory),
        WITH(a_batch_is_one_transaction_of_at_most_batch_max_works, in_memory),
        WITH(a_work_that_fails_undoes_itself_alone, in_memory),
        WITH(what_a_kind_keeps_of_a_failed_work_commits_with_the_batch, in_memory),
        WITH(nothing_is_settled_before_it_is_on_disk, in_a_file),
        WITH(what_was_undone_is_neither_told_nor_logged, in_memory),
        WITH(a_store_without_room_changes_nothing_and_works_again_after, in_a_file),
        WITH(that_the_store_takes_nothing_is_said_once_and_that_it_takes_again_too, in_memory),
        WITH(what_a_lost_batch_gives_back_keeps_its_place, in_memory),
        WITH(a_broken_store_is_fatal, in_memory),
        WITH(a_batch_that_cannot_be_rolled_back_is_fatal, in_memory),
        WITH(a_work_that_has_not_begun_can_be_taken_back, in_memory),
        WITH(what_is_due_runs_in_the_batch_and_not_before_its_time, in_memory),
        WITH(much_that_is_due_is_done_in_several_batches, in_memory),
        WITH(a_timer_that_a_work_sets_is_asked_for, in_memory),
        WITH(what_was_due_in_a_lost_batch_is_due_again, in_memory),
        WITH(the_thread_wakes_for_what_is_due, by_the_clock),
        WITH(a_jump_of_the_wall_clock_is_told_once_and_what_is_due_keeps_its_distance, in_memory),
        WITH(a_lazy_work_joins_the_next_batch, in_memory),
        WITH(a_lazy_work_alone_waits_its_time_and_no_longer, by_the_clock),
        WITH(a_stop_runs_everything_that_is_queued, by_the_clock),
        WITH(a_second_stop_runs_what_came_after_the_first, in_memory),
        WITH(a_writer_that_was_stopped_can_be_started_again, by_the_clock),
    };
    return cmocka_run_group_tests_name("writer", tests, NULL, NULL);
}
