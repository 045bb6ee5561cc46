/* test_writer.c - batches: order, one transaction, what fails alone, what is told when, and a store that fails. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "common/store/sqlite/db_sqlite.h"
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
    bool again;           /* queued again after LATER */
    struct tern_db *look; /* a second connection, asked when it is settled */

    int runs, settles;
    enum tern_settled how;
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
        ctx->timers_set++;
    }
    if (item->answer != TERN_DONE) (void)tern_error_set(err, "%s does not want to", item->name);
    return item->answer;
}

static int keep(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    const struct test_work *item = (const struct test_work *)work;
    tell("keep", item->name);
    return test_runtime_note(ctx, "kept", err);
}

static void settle(struct tern_work *work, enum tern_settled settled)
{
    struct test_work *item = (struct test_work *)work;
    tell("settle", item->name);
    item->how = settled;
    if (item->look) item->seen = test_runtime_notes(item->look);
    if (item->again && settled == TERN_SETTLED_LATER)
        tern_writer_again(item->runtime->writer, work);
    else
        TEST_NOTE(&story_lock, item->settles++);
}

static const struct tern_work_kind plain = {.name = "plain", .run = run, .settle = settle};
static const struct tern_work_kind keeping = {.name = "keeping", .run = run, .keep = keep, .settle = settle};
static const struct tern_work_kind lazy = {.name = "lazy", .run = run, .settle = settle, .lazy = true};

static void submit(struct test_runtime *runtime, struct test_work *item, const struct tern_work_kind *kind,
                   const char *name)
{
    item->runtime = runtime;
    item->name = name;
    item->work.kind = kind;
    tern_writer_submit(runtime->writer, &item->work);
}

static int open_in(void **state, enum test_runtime_store store, enum test_runtime_clock clock)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    story[0] = '\0';
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
    assert_string_equal(story, "run a, run b, run c, settle a, settle b, settle c");
}

static void a_batch_is_one_transaction_of_at_most_batch_max_works(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work items[BATCH_MAX + 1] = {0};
    for (size_t i = 0; i < TERN_COUNT(items); i++)
        submit(runtime, &items[i], &plain, "w");
    assert_int_equal(tern_writer_waiting(runtime->writer), BATCH_MAX + 1);
    assert_int_equal(tern_writer_step(runtime->writer), BATCH_MAX);
    assert_int_equal(runtime->committed, 1);
    assert_int_equal(runtime->units_committed, BATCH_MAX);
    assert_int_equal(tern_writer_waiting(runtime->writer), 1);
    assert_int_equal(tern_writer_step(runtime->writer), 1);
    assert_int_equal(runtime->committed, 2);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), BATCH_MAX + 1);
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
        assert_int_equal(before.how, TERN_SETTLED_DONE);
        assert_int_equal(bad.how, TERN_SETTLED_UNDONE);
        assert_int_equal(bad.work.outcome, answers[i]);
        assert_string_equal(bad.work.err.text, "bad does not want to");
        assert_int_equal(after.how, TERN_SETTLED_DONE);
    }
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 4);
    assert_int_equal(test_store_number(runtime->ctx.db, "SELECT count(*) FROM note WHERE text = 'bad'"), 0);
    assert_int_equal(runtime->committed, 2);
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
                               "settle retry, settle reject, settle good");
    assert_int_equal(retry.how, TERN_SETTLED_DONE);
    assert_int_equal(reject.how, TERN_SETTLED_DONE);
    assert_int_equal(test_store_number(runtime->ctx.db, "SELECT count(*) FROM note WHERE text = 'kept'"), 2);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 3);
    assert_int_equal(runtime->committed, 1);
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
    struct test_work good = {.says = true}, bad = {.says = true, .answer = TERN_RETRY};
    submit(runtime, &good, &plain, "good");
    submit(runtime, &bad, &plain, "bad");
    assert_int_equal(tern_writer_step(runtime->writer), 2);
    assert_int_equal(runtime->ctx.emitted, 1);
    assert_int_equal(runtime->ctx.jobs_added, 1);
    assert_int_equal(runtime->ctx.timers_set, 1);
    /* A publisher that was told of a row which is not there would think it had read the next one. */
    assert_int_equal(runtime->last_seq_told, test_store_number(runtime->ctx.db, "SELECT max(seq) FROM event_log"));
    assert_int_equal(runtime->ctx.last_seq, runtime->last_seq_told);
    assert_true(test_runtime_logged(runtime, "by=good"));
    assert_false(test_runtime_logged(runtime, "by=bad"));
    submit(runtime, &bad, &plain, "bad");
    submit(runtime, &good, &plain, "good");
    assert_int_equal(tern_writer_step(runtime->writer), 2);
    numbers_have_no_gap(runtime->ctx.db, 2);
}

/* ---- a store that fails ---- */

static void a_store_without_room_changes_nothing_and_works_again_after(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_db *look = test_runtime_reader(runtime);
    int64_t lost = 0;
    for (int64_t call = 1; call < 50; call++) {
        struct test_work a = {.says = true}, b = {.answer = TERN_RETRY};
        int failed = runtime->failed;
        int64_t notes = test_runtime_notes(look), seq = runtime->ctx.last_seq;
        submit(runtime, &a, &keeping, "a");
        submit(runtime, &b, &keeping, "b");
        tern_db_fail_at(runtime->ctx.db, call, TERN_FAULT_FULL);
        (void)tern_writer_step(runtime->writer);
        bool reached = !tern_db_fail_pending(runtime->ctx.db);
        tern_db_fail_at(runtime->ctx.db, 0, TERN_FAULT_OTHER);
        assert_int_equal(runtime->failed, failed + reached);
        assert_int_equal(a.how, reached ? TERN_SETTLED_LATER : TERN_SETTLED_DONE);
        assert_int_equal(b.how, reached ? TERN_SETTLED_LATER : TERN_SETTLED_DONE);
        assert_int_equal(test_runtime_notes(look), notes + (reached ? 0 : 2));
        if (!reached) break;
        assert_int_equal(a.work.err.fault, TERN_FAULT_FULL);
        assert_int_equal(runtime->ctx.last_seq, seq);
        lost++;
    }
    assert_true(lost > 5); /* begin, savepoint, insert, ..., commit: each was seen to fail */
    assert_int_equal(runtime->committed, 1);
    assert_int_equal(runtime->fatal, 0);
    numbers_have_no_gap(runtime->ctx.db, 1);
    tern_db_close(look);
}

static void that_the_store_takes_nothing_is_said_once_and_that_it_takes_again_too(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {.again = true};
    submit(runtime, &item, &plain, "item");
    for (int i = 0; i < 3; i++) {
        tern_db_fail_at(runtime->ctx.db, 1, TERN_FAULT_FULL);
        assert_int_equal(tern_writer_step(runtime->writer), 1);
        assert_int_equal(test_runtime_logged(runtime, "the store took nothing"), true);
    }
    assert_int_equal(runtime->failed, 3);
    assert_false(test_runtime_logged(runtime, "takes what it is given again"));
    test_runtime_settle(runtime);
    assert_int_equal(item.how, TERN_SETTLED_DONE);
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
    tern_db_fail_at(runtime->ctx.db, 1, TERN_FAULT_FULL);
    assert_int_equal(tern_writer_step(runtime->writer), BATCH_MAX);
    assert_int_equal(tern_writer_waiting(runtime->writer), BATCH_MAX);
    story[0] = '\0';
    test_runtime_settle(runtime);
    assert_string_equal(story, "run a, run c, run d, run later, settle a, settle c, settle d, settle later");
}

static void a_broken_store_is_fatal(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    submit(runtime, &item, &plain, "item");
    tern_db_fail_at(runtime->ctx.db, 1, TERN_FAULT_BROKEN);
    (void)tern_writer_step(runtime->writer);
    assert_int_equal(runtime->fatal, 1);
    assert_int_equal(item.how, TERN_SETTLED_LATER);
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
    sqlite3_set_authorizer(runtime->ctx.db->handle, no_rollback, NULL);
    tern_db_fail_at(runtime->ctx.db, 2, TERN_FAULT_FULL);
    (void)tern_writer_step(runtime->writer);
    assert_int_equal(runtime->fatal, 1);
    assert_int_equal(item.how, TERN_SETTLED_LATER);
}

/* ---- withdrawing ---- */

static void a_work_that_has_not_begun_can_be_taken_back(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work a = {0}, b = {0}, c = {0};
    submit(runtime, &a, &plain, "a");
    submit(runtime, &b, &plain, "b");
    submit(runtime, &c, &plain, "c");
    assert_true(tern_writer_withdraw(runtime->writer, &c.work)); /* the last, the first, then what is left */
    assert_true(tern_writer_withdraw(runtime->writer, &a.work));
    assert_false(tern_writer_withdraw(runtime->writer, &a.work));
    submit(runtime, &c, &plain, "c");
    test_runtime_settle(runtime);
    assert_string_equal(story, "run b, run c, settle b, settle c");
    assert_false(tern_writer_withdraw(runtime->writer, &b.work));
    assert_int_equal(tern_writer_waiting(runtime->writer), 0);
}

/* ---- by the clock ---- */

static void what_is_due_runs_in_the_batch_and_not_before_its_time(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    atomic_store(&runtime->due_left, 2);
    runtime->due_ms = atomic_load(&runtime->now_ms) + 1000;
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 0);

    atomic_fetch_add(&runtime->now_ms, 1000);
    int committed = runtime->committed;
    submit(runtime, &item, &plain, "item");
    assert_int_equal(tern_writer_step(runtime->writer), 1);
    assert_int_equal(runtime->committed, committed + 1);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 3);
}

static void much_that_is_due_is_done_in_several_batches(void **state)
{
    struct test_runtime *runtime = *state;
    atomic_store(&runtime->due_left, 3 * BATCH_MAX);
    runtime->due_ms = atomic_load(&runtime->now_ms);
    (void)tern_writer_step(runtime->writer);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), BATCH_MAX);
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 3 * BATCH_MAX);
}

static void a_timer_that_a_work_sets_is_asked_for(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work silent = {0}, setting = {.says = true};
    test_runtime_settle(runtime);
    int asked = runtime->asked;
    submit(runtime, &silent, &plain, "silent");
    test_runtime_settle(runtime);
    assert_int_equal(runtime->asked, asked);
    submit(runtime, &setting, &plain, "setting");
    test_runtime_settle(runtime);
    assert_int_equal(runtime->asked > asked, true);
}

static void what_was_due_in_a_lost_batch_is_due_again(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    test_runtime_settle(runtime);
    int asked = runtime->asked;
    atomic_store(&runtime->due_left, 1);
    submit(runtime, &item, &plain, "item");
    tern_db_fail_at(runtime->ctx.db, 1, TERN_FAULT_FULL);
    (void)tern_writer_step(runtime->writer);
    assert_int_equal(runtime->asked, asked + 1);
    test_runtime_settle(runtime);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 1);
}

static void the_thread_wakes_for_what_is_due(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_error err = {0};
    atomic_store(&runtime->due_left, 1);
    runtime->due_ms = tern_now(&tern_clock_system) + 30;
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    TEST_WAIT(&story_lock, atomic_load(&runtime->due_left) == 0);
    tern_writer_stop(runtime->writer);
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 1);
}

/* ---- lazy works ---- */

static void a_lazy_work_joins_the_next_batch(void **state)
{
    struct test_runtime *runtime = *state; /* its clock stands still: a lazy work alone would wait for ever */
    struct test_work late = {0}, now = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    TEST_WAIT(&story_lock, atomic_load(&runtime->settled) == 1); /* the first look at what is due */
    submit(runtime, &late, &lazy, "late");
    submit(runtime, &now, &plain, "now");
    TEST_WAIT(&story_lock, now.settles == 1);
    tern_writer_stop(runtime->writer);
    assert_string_equal(story, "run late, run now, settle late, settle now");
    assert_int_equal(runtime->committed, 2);
}

static void a_lazy_work_alone_waits_its_time_and_no_longer(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work late = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    TEST_WAIT(&story_lock, atomic_load(&runtime->settled) == 1);
    int64_t begun = tern_steady(&tern_clock_system);
    submit(runtime, &late, &lazy, "late");
    TEST_WAIT(&story_lock, late.settles == 1);
    int64_t took = tern_steady(&tern_clock_system) - begun;
    tern_writer_stop(runtime->writer);
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
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    for (size_t i = 0; i < TERN_COUNT(threads); i++) {
        submitters[i].runtime = runtime;
        assert_int_equal(pthread_create(&threads[i], NULL, submit_many, &submitters[i]), 0);
    }
    for (size_t i = 0; i < TERN_COUNT(threads); i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    tern_writer_stop(runtime->writer);
    for (size_t i = 0; i < TERN_COUNT(threads); i++) {
        for (size_t k = 0; k < MANY; k++) {
            assert_int_equal(submitters[i].items[k].settles, 1);
            assert_int_equal(submitters[i].items[k].how, TERN_SETTLED_DONE);
        }
    }
    assert_int_equal(test_runtime_notes(runtime->ctx.db), 3 * MANY);
    test_free(submitters);
}

static void a_second_stop_runs_what_came_after_the_first(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    tern_writer_stop(runtime->writer);
    submit(runtime, &item, &plain, "item");
    tern_writer_stop(runtime->writer);
    assert_int_equal(item.how, TERN_SETTLED_DONE);
    assert_int_equal(item.settles, 1);
    tern_writer_stop(NULL);
}

/* ---- a clock that is set ---- */

static void a_jump_of_the_wall_clock_is_told_once_and_what_is_due_keeps_its_distance(void **state)
{
    struct test_runtime *runtime = *state;
    const int64_t hour_ms = 3600000, due_ms = atomic_load(&runtime->now_ms) + 5000;
    int64_t next_ms = 0;
    assert_int_equal(tern_timer_set(runtime->ctx.db, "remind", "k", due_ms, NULL, NULL), 0);
    test_runtime_settle(runtime);
    atomic_store(&runtime->wall_ahead_ms, 30000); /* that happens */
    test_runtime_settle(runtime);
    assert_int_equal(runtime->jumps, 0);
    atomic_store(&runtime->wall_ahead_ms, -hour_ms);
    test_runtime_settle(runtime);
    test_runtime_settle(runtime);
    assert_int_equal(runtime->jumps, 1);
    assert_int_equal(runtime->jumped_ms, -hour_ms);
    assert_int_equal(tern_timer_next_due(runtime->ctx.db, &next_ms, NULL), 1);
    assert_int_equal(next_ms, due_ms - hour_ms);
    atomic_store(&runtime->wall_ahead_ms, 0);
    test_runtime_settle(runtime);
    assert_int_equal(runtime->jumps, 2);
    assert_int_equal(tern_timer_next_due(runtime->ctx.db, &next_ms, NULL), 1);
    assert_int_equal(next_ms, due_ms);
}

static void a_writer_that_was_stopped_can_be_started_again(void **state)
{
    struct test_runtime *runtime = *state;
    struct test_work item = {0};
    struct tern_error err = {0};
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    tern_writer_stop(runtime->writer);
    int settled = atomic_load(&runtime->settled);
    assert_int_equal(tern_writer_start(runtime->writer, &err), 0);
    for (int i = 1; i <= 3; i++) { /* one batch after the other: its thread stays */
        submit(runtime, &item, &plain, "item");
        TEST_WAIT(&story_lock, item.settles == i && atomic_load(&runtime->settled) >= settled + i);
    }
    tern_writer_stop(runtime->writer);
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
