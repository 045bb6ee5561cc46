/* test_upkeep.c - the inbox forgets what is older than its window, in steps, and nothing younger. */
#include "tern_test.h"

#include "common/service/upkeep.h"
#include "tern/inbox.h"
#include "test_context.h"

static const struct tern_migration none[] = {
    {0, NULL, NULL}
};
static int64_t due_never(void *self, struct tern_context *ctx)
{
    (void)self;
    (void)ctx;
    return INT64_MAX;
}
static int nothing_due(void *self, struct tern_context *ctx, struct tern_error *err)
{
    (void)self;
    (void)ctx;
    (void)err;
    return 0;
}
static void committed(void *self, const struct tern_context *ctx, int units)
{
    (void)self;
    (void)ctx;
    (void)units;
}
static void failed(void *self)
{
    (void)self;
}
static bool settled(void *self)
{
    (void)self;
    return false;
}

static int64_t rows(struct test_context *test)
{
    int64_t count = -1;
    assert_int_equal(tern_db_get_int(test->ctx.db, "SELECT count(*) FROM inbox", TERN_DB_NO_ARGS, &count, NULL), 1);
    return count;
}

struct play {
    struct test_context test;
    struct tern_writer *writer;
    struct tern_upkeep upkeep;
};

static int set_up(void **state)
{
    const struct tern_writer_owner owner = {
        .due = nothing_due, .next_due = due_never, .committed = committed, .failed = failed, .settled = settled};
    struct play *play = test_calloc(1, sizeof *play);
    test_context_open(&play->test, "order-service", none, NULL);
    play->test.ctx.online_ms = INT64_C(86400000) * 100; /* the wall clock is not asked */
    play->writer = tern_writer_create(&play->test.ctx, &owner, 16);
    tern_upkeep_init(&play->upkeep, play->writer);
    *state = play;
    return 0;
}

static int tear_down(void **state)
{
    struct play *play = *state;
    tern_writer_destroy(play->writer);
    test_context_close(&play->test);
    test_free(play);
    return 0;
}

static void fill(struct play *play, int count, int64_t age_days)
{
    char id[TERN_UUID_SIZE];
    for (int i = 0; i < count; i++) {
        tern_ids_uuid(play->test.ctx.ids, id);
        assert_int_equal(tern_inbox_add(play->test.ctx.db, id, play->test.ctx.online_ms - age_days * 86400000, NULL),
                         1);
    }
}

/* How many works were done for it. */
static int purge(struct play *play)
{
    tern_upkeep_purge(&play->upkeep, &play->test.ctx);
    return tern_writer_step(play->writer);
}

static void test_window(void **state)
{
    enum { OLD = 1200, YOUNG = 7 };
    struct play *play = *state;
    int steps = 0;
    fill(play, OLD, TERN_INBOX_DAYS + 1);
    fill(play, YOUNG, TERN_INBOX_DAYS - 1);
    for (int64_t before = OLD + YOUNG; before > YOUNG && steps < 10; steps++) {
        assert_int_equal(purge(play), 1);
        assert_true(rows(&play->test) < before && rows(&play->test) >= before - 500);
        before = rows(&play->test);
    }
    assert_int_equal(rows(&play->test), YOUNG);
    assert_int_equal(steps, 3);
    assert_int_equal(purge(play), 0); /* not again before its time */
    play->test.now_ms += 10000;
    assert_int_equal(purge(play), 1);
    assert_int_equal(rows(&play->test), YOUNG);
}

static void test_full(void **state)
{
    struct play *play = *state;
    fill(play, 600, TERN_INBOX_DAYS + 1);
    tern_upkeep_purge(&play->upkeep, &play->test.ctx);
    tern_db_fail_at(play->test.ctx.db, 5, TERN_FAULT_FULL); /* begin, savepoint, the step, release, commit */
    assert_int_equal(tern_writer_step(play->writer), 1);
    assert_int_equal(rows(&play->test), 600);
    tern_upkeep_purge(&play->upkeep, &play->test.ctx);
    assert_int_equal(tern_writer_waiting(play->writer), 0);
    play->test.now_ms += 10000;
    assert_int_equal(purge(play), 1);
    assert_int_equal(rows(&play->test), 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the inbox forgets what is older than its window, a few hundred rows at a time, and keeps the rest",
         test_window,                                                                                                    set_up, tear_down, NULL},
        {"a step that the store did not take is tried again in its time, not at once",                        test_full, set_up, tear_down,
         NULL                                                                                                                                   },
    };
    return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}
