/* test_upkeep.c - the inbox forgets what is older than its window, in steps, and nothing younger. */
#include "tern_test.h"

#include "common/runtime/upkeep.h"
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

static void test_window(void **state)
{
    enum { OLD = 1200, YOUNG = 7 };
    const struct tern_writer_owner owner = {
        .due = nothing_due, .next_due = due_never, .committed = committed, .failed = failed, .settled = settled};
    struct test_context test;
    struct tern_upkeep upkeep;
    char id[TERN_UUID_SIZE];
    (void)state;
    test_context_open(&test, "order-service", none, NULL);
    test.ctx.online_ms = INT64_C(86400000) * 100; /* the wall clock is not asked */
    for (int i = 0; i < OLD + YOUNG; i++) {
        int64_t age_days = i < OLD ? TERN_INBOX_DAYS + 1 : TERN_INBOX_DAYS - 1;
        tern_ids_uuid(test.ctx.ids, id);
        assert_int_equal(tern_inbox_add(test.ctx.db, id, test.ctx.online_ms - age_days * 86400000, NULL), 1);
    }
    struct tern_writer *writer = tern_writer_create(&test.ctx, &owner, 16);
    tern_upkeep_init(&upkeep, writer);
    int64_t before = rows(&test);
    int steps = 0;
    for (; rows(&test) > YOUNG && steps < 10; steps++) {
        tern_upkeep_purge(&upkeep, &test.ctx);
        assert_int_equal(tern_writer_step(writer), 1);
        assert_true(rows(&test) < before && rows(&test) >= before - 500);
        before = rows(&test);
    }
    assert_int_equal(rows(&test), YOUNG);
    assert_int_equal(steps, 3);
    tern_upkeep_purge(&upkeep, &test.ctx);
    assert_int_equal(tern_writer_step(writer), 0); /* not again before its time */
    test.now_ms += 10000;
    tern_upkeep_purge(&upkeep, &test.ctx);
    assert_int_equal(tern_writer_step(writer), 1);
    assert_int_equal(rows(&test), YOUNG);
    tern_writer_destroy(writer);
    test_context_close(&test);
}

static void test_full(void **state)
{
    const struct tern_writer_owner owner = {
        .due = nothing_due, .next_due = due_never, .committed = committed, .failed = failed, .settled = settled};
    struct test_context test;
    struct tern_upkeep upkeep;
    char id[TERN_UUID_SIZE];
    (void)state;
    test_context_open(&test, "order-service", none, NULL);
    test.ctx.online_ms = INT64_C(86400000) * 100;
    for (int i = 0; i < 600; i++) {
        tern_ids_uuid(test.ctx.ids, id);
        assert_int_equal(tern_inbox_add(test.ctx.db, id, 1, NULL), 1);
    }
    struct tern_writer *writer = tern_writer_create(&test.ctx, &owner, 16);
    tern_upkeep_init(&upkeep, writer);
    tern_upkeep_purge(&upkeep, &test.ctx);
    tern_db_fail_at(test.ctx.db, 3, TERN_FAULT_FULL); /* begin, the step, commit */
    assert_int_equal(tern_writer_step(writer), 1);
    assert_int_equal(rows(&test), 600);
    tern_upkeep_purge(&upkeep, &test.ctx);
    assert_int_equal(tern_writer_waiting(writer), 0);
    test.now_ms += 10000;
    tern_upkeep_purge(&upkeep, &test.ctx);
    assert_int_equal(tern_writer_step(writer), 1);
    assert_int_equal(rows(&test), 100);
    tern_writer_destroy(writer);
    test_context_close(&test);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"the inbox forgets what is older than its window, a few hundred rows at a time, and keeps the rest",
         test_window,                                                                                                    NULL, NULL, NULL},
        {"a step that the store did not take is tried again in its time, not at once",                        test_full, NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("upkeep", tests, NULL, NULL);
}
