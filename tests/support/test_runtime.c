/* test_runtime.c - a writer and what stands around it, without a daemon. */
#include "test_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "shop/catalogue.h"
#include "store.h"
#include "tern/timers.h"
#include "tern_test.h"
#include "test_app.h"

enum { SEED = 11, LOG_MAX = 256 * 1024, STEPS_MAX = 1000 };

extern const struct tern_migration tern_core_migrations[];

static const struct tern_migration note_migrations[] = {
    {1, "note", "CREATE TABLE note (text TEXT NOT NULL) STRICT;"},
    {0, NULL,   NULL                                            },
};

static int64_t read_steady(void *self)
{
    struct test_runtime *runtime = self;
    return atomic_load(&runtime->now_ms);
}

static int64_t read_wall(void *self)
{
    struct test_runtime *runtime = self;
    return atomic_load(&runtime->now_ms) + atomic_load(&runtime->wall_ahead_ms);
}

/* ---- what the writer tells its owner ---- */

static int on_due(void *self, struct tern_context *ctx, struct tern_error *err)
{
    struct test_runtime *runtime = self;
    if (runtime->units) return tern_units_due(runtime->units, ctx, err);
    if (atomic_load(&runtime->due_left) == 0 || ctx->now_ms < runtime->due_ms) return 0;
    atomic_fetch_sub(&runtime->due_left, 1);
    return test_runtime_note(ctx, "due", err) < 0 ? -1 : 1;
}

static int64_t on_next_due(void *self, struct tern_context *ctx)
{
    struct test_runtime *runtime = self;
    runtime->asked++;
    if (runtime->units) return tern_units_next_due(runtime->units, ctx);
    return atomic_load(&runtime->due_left) > 0 ? runtime->due_ms : INT64_MAX;
}

static int on_jumped(void *self, struct tern_context *ctx, int64_t by_ms, struct tern_error *err)
{
    struct test_runtime *runtime = self;
    runtime->jumps++;
    runtime->jumped_ms = by_ms;
    return tern_timer_shift(ctx->db, by_ms, err);
}

static void on_committed(void *self, const struct tern_context *ctx, int units)
{
    struct test_runtime *runtime = self;
    runtime->committed++;
    runtime->units_committed += units;
    if (ctx->emitted > 0) runtime->last_seq_told = ctx->last_seq;
    if (ctx->said_again > 0) runtime->said_again++;
    if (ctx->jobs_added > 0) tern_job_lane_wake(runtime->lane);
    if (runtime->units) tern_units_committed(runtime->units);
}

static void on_failed(void *self)
{
    struct test_runtime *runtime = self;
    runtime->failed++;
    if (runtime->units) tern_units_failed(runtime->units);
}

static bool on_settled(void *self)
{
    struct test_runtime *runtime = self;
    atomic_fetch_add(&runtime->settled, 1);
    return false;
}

static void on_fatal(void *self, const struct tern_error *err)
{
    struct test_runtime *runtime = self;
    assert_int_equal(err->fault, TERN_FAULT_BROKEN);
    runtime->fatal++;
}

/* ---- life ---- */

static void open_store(struct test_runtime *runtime, enum test_runtime_store store)
{
    struct tern_error err = {0};
    strcpy(runtime->url, "sqlite::memory:");
    if (store == TEST_IN_A_FILE) {
        strcpy(runtime->folder, "/tmp/test-runtime-XXXXXX");
        assert_non_null(mkdtemp(runtime->folder));
        (void)snprintf(runtime->url, sizeof runtime->url, "sqlite:%s/store.db", runtime->folder);
    }
    if (tern_db_open(runtime->url, &runtime->ctx.db, &err) < 0 ||
        tern_db_migrate(runtime->ctx.db, "core", tern_core_migrations, &err) < 0 ||
        tern_db_migrate(runtime->ctx.db, "service", note_migrations, &err) < 0)
        fail_msg("%s", err.text);
}

void test_runtime_open(struct test_runtime *runtime, enum test_runtime_store store, enum test_runtime_clock clock,
                       int batch_max)
{
    memset(runtime, 0, sizeof *runtime);
    atomic_store(&runtime->now_ms, INT64_C(1795530600123));
    runtime->clock = (struct tern_clock){.wall_ms = read_wall, .steady_ms = read_steady, .self = runtime};
    if (clock == TEST_CLOCK_SYSTEM) runtime->clock = tern_clock_system;
    runtime->log_fd = memfd_create("log", MFD_CLOEXEC);
    runtime->log =
        tern_log_create("payment-service", TERN_LOG_DEBUG, TERN_LOG_LOGFMT, runtime->log_fd, &runtime->clock);
    open_store(runtime, store);
    runtime->ctx.clock = &runtime->clock;
    runtime->ctx.ids = tern_ids_create(&runtime->clock, SEED);
    runtime->ctx.log = tern_log_create_buffered(runtime->log);
    runtime->ctx.metrics = tern_metrics_create(NULL);
    runtime->ctx.catalogue = &shop_catalogue;
    runtime->ctx.service = SHOP_SERVICE_PAYMENT;
    const struct tern_writer_owner owner = {.due = on_due,
                                            .next_due = on_next_due,
                                            .jumped = on_jumped,
                                            .committed = on_committed,
                                            .failed = on_failed,
                                            .settled = on_settled,
                                            .fatal = on_fatal,
                                            .self = runtime};
    runtime->writer = tern_writer_create(&runtime->ctx, &owner, batch_max);
}

void test_runtime_close(struct test_runtime *runtime)
{
    tern_writer_destroy(runtime->writer);
    tern_db_close(runtime->ctx.db);
    tern_text_fini(&runtime->ctx.scratch);
    tern_metrics_destroy(runtime->ctx.metrics);
    tern_ids_destroy(runtime->ctx.ids);
    tern_log_destroy(runtime->ctx.log);
    tern_log_destroy(runtime->log);
    (void)close(runtime->log_fd);
    if (runtime->folder[0]) test_app_remove_folder(runtime->folder);
}

/* ---- looking ---- */

struct tern_db *test_runtime_reader(const struct test_runtime *runtime)
{
    struct tern_db *db = NULL;
    struct tern_error err = {0};
    if (tern_db_open_reader(runtime->url, &db, &err) < 0) fail_msg("%s", err.text);
    return db;
}

void test_runtime_settle(struct test_runtime *runtime)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        int before = atomic_load(&runtime->settled);
        int taken = tern_writer_step(runtime->writer);
        if (taken == 0 && atomic_load(&runtime->settled) == before) return;
    }
    fail_msg("the writer is still busy after %d steps", STEPS_MAX);
}

int test_runtime_times_logged(const struct test_runtime *runtime, const char *text)
{
    char *lines = test_calloc(1, LOG_MAX + 1);
    int times = 0;
    assert_true(pread(runtime->log_fd, lines, LOG_MAX, 0) >= 0);
    for (const char *at = lines; (at = strstr(at, text)); at++)
        times++;
    test_free(lines);
    return times;
}

bool test_runtime_logged(const struct test_runtime *runtime, const char *text)
{
    return test_runtime_times_logged(runtime, text) > 0;
}

void test_runtime_metric(const struct test_runtime *runtime, const char *line)
{
    struct tern_text page = {0}, wanted = {0};
    tern_metrics_print(runtime->ctx.metrics, &page);
    tern_text_printf(&wanted, "\n%s\n", line);
    bool found = strstr(page.bytes, wanted.bytes) != NULL;
    if (!found) print_error("%s", page.bytes);
    tern_text_fini(&page);
    tern_text_fini(&wanted);
    if (!found) fail_msg("the metrics page has no line %s", line);
}

int test_runtime_note(struct tern_context *ctx, const char *text, struct tern_error *err)
{
    static const char insert_note[] = "INSERT INTO note (text) VALUES (?1)";
    return tern_db_run(ctx->db, insert_note, TERN_DB_ARGS(tern_db_text(text)), err) < 0 ? -1 : 0;
}

int64_t test_runtime_notes(struct tern_db *db)
{
    return test_store_number(db, "SELECT count(*) FROM note");
}
