/* test_upkeep.c - the inbox forgets what is older than its window, in steps, and nothing younger. */
#include "tern_test.h"

#include "common/event/event_message.h"
#include "common/inbox/inbox_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "store.h"
#include "tern/inbox.h"
#include "test_runtime.h"

enum { BATCH_MAX = 16, DAYS = 100 };
static const int64_t day_ms = 86400000;

static int64_t rows(struct test_runtime *runtime)
{
    return test_store_number(runtime->app.db, "SELECT count(*) FROM inbox");
}

static int set_up(void **state)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    test_runtime_open(runtime, TEST_IN_MEMORY, TEST_CLOCK_BY_HAND, BATCH_MAX);
    runtime->app.links.online.total_ms = runtime->app.links.online.saved_ms =
        DAYS * day_ms; /* the wall clock is not asked */
    runtime->app.upkeep.purging = false;
    *state = runtime;
    return 0;
}

static int tear_down(void **state)
{
    struct test_runtime *runtime = *state;
    tern_work_drain(&runtime->app.queue);
    tern_writer_stop(runtime->app.writer); /* the next step of the purge may wait */
    test_runtime_close(runtime);
    test_free(runtime);
    return 0;
}

static void fill(struct test_runtime *runtime, int count, int64_t age_days)
{
    char id[TERN_UUID_SIZE];
    for (int i = 0; i < count; i++) {
        tern_ids_uuid(runtime->app.ids, id);
        assert_int_equal(tern_inbox_add(runtime->app.db, id, (DAYS - age_days) * day_ms, NULL), 1);
    }
}

/* How many works were done for it: of those that an earlier batch left. */
static int purge(struct test_runtime *runtime)
{
    tern_upkeep_purge(&runtime->app.upkeep, &runtime->app.ctx);
    return test_runtime_step(runtime);
}

static void test_window(void **state)
{
    enum { OLD = 1200, YOUNG = 7 };
    struct test_runtime *runtime = *state;
    int steps = 0;
    fill(runtime, OLD, TERN_INBOX_DAYS + 1);
    fill(runtime, YOUNG, TERN_INBOX_DAYS - 1);
    for (int64_t before = OLD + YOUNG; before > YOUNG && steps < 10; steps++) {
        assert_int_equal(purge(runtime), 1);
        assert_true(rows(runtime) < before && rows(runtime) >= before - 500);
        before = rows(runtime);
    }
    assert_int_equal(rows(runtime), YOUNG);
    assert_int_equal(steps, 3);
    assert_int_equal(purge(runtime), 0); /* not again before its time */
    atomic_fetch_add(&runtime->now_ms, 10000);
    assert_int_equal(purge(runtime), 1);
    assert_int_equal(rows(runtime), YOUNG);
}

static void test_full(void **state)
{
    struct test_runtime *runtime = *state;
    fill(runtime, 600, TERN_INBOX_DAYS + 1);
    tern_upkeep_purge(&runtime->app.upkeep, &runtime->app.ctx);
    tern_db_fail_at(runtime->app.db, TERN_DB_NEXT_COMMIT, TERN_FAULT_FULL);
    assert_int_equal(test_runtime_step(runtime), 1);
    assert_int_equal(rows(runtime), 600);
    tern_upkeep_purge(&runtime->app.upkeep, &runtime->app.ctx);
    assert_int_equal(tern_work_waiting(&runtime->app.queue), 0);
    atomic_fetch_add(&runtime->now_ms, 10000);
    assert_int_equal(purge(runtime), 1);
    assert_int_equal(rows(runtime), 100);
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
