/* test_runtime.c - a writer and what stands around it, without a daemon. */
#include "test_runtime.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "common/base/log_setup.h"
#include "common/base/metrics_page.h"
#include "common/jobs/timers_store.h"
#include "common/store/store.h"
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

/* ---- what is due ---- */

static enum tern_outcome fire_due(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err)
{
    struct test_runtime *runtime = ctx->self;
    (void)timer;
    if (test_runtime_note(ctx, "due", err) < 0) return TERN_RETRY;
    atomic_fetch_add(&runtime->fired, 1);
    return TERN_DONE;
}

static const struct tern_timer_kind timers[] = {
    {"due", fire_due},
    {NULL,  NULL    }
};
static const struct tern_service service = {
    .name = SHOP_SERVICE_PAYMENT, .catalogue = &shop_catalogue, .timers = timers};

void test_runtime_set_timers(struct test_runtime *runtime, int count, int64_t in_ms)
{
    static int number;
    char key[16];
    for (int i = 0; i < count; i++) {
        (void)snprintf(key, sizeof key, "%d", number++);
        if (tern_timer_set(runtime->app.ctx.db, "due", key, tern_now(&runtime->clock) + in_ms, NULL, NULL) < 0)
            fail_msg("%s", "a timer cannot be set");
    }
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
    if (tern_db_open(runtime->url, &runtime->app.ctx.db, &err) < 0 ||
        tern_db_migrate(runtime->app.ctx.db, "core", tern_core_migrations, &err) < 0 ||
        tern_db_migrate(runtime->app.ctx.db, "service", note_migrations, &err) < 0)
        fail_msg("%s", err.text);
}

void test_runtime_build_inbox(struct test_runtime *runtime, const struct tern_handler *handlers, size_t count,
                              int64_t most_attempts, int64_t backoff_ms)
{
    struct tern_app *app = &runtime->app;
    const struct tern_handlers all = {handlers, count};
    tern_deliveries_destroy(app->deliveries);
    tern_retries_destroy(app->retries);
    app->retries = tern_retries_create(&(struct tern_retries_settings){
        .queue = &app->queue, .handlers = all, .most_attempts = most_attempts, .backoff_ms = backoff_ms});
    app->deliveries = tern_deliveries_create(&(struct tern_deliveries_settings){
        .queue = &app->queue, .retries = app->retries, .handlers = all, .numbers = &app->receipts.numbers});
    app->timers.backoff_ms = backoff_ms;
    if (tern_retries_load(app->retries, &app->ctx, NULL) < 0) fail_msg("%s", "kept messages cannot be counted");
}

static void build_parts(struct test_runtime *runtime, int batch_max)
{
    struct tern_app *app = &runtime->app;
    struct tern_error err = {0};
    const struct tern_publisher_settings publisher = {
        .link = {.url = "amqp://127.0.0.1:1/", .clock = &runtime->clock},
        .service = SHOP_SERVICE_PAYMENT,
        .queue_type = "quorum",
        .window = 1,
        .catalogue = &shop_catalogue,
        .reader = app->db,
        .backlog = &app->backlog,
        .links = &app->links,
        .beacon_ms = -1
    };
    tern_work_init(&app->queue, &runtime->clock);
    tern_links_init(&app->links, &app->queue, app->log, app->metrics);
    tern_backlog_init(&app->backlog, &app->queue, &(struct tern_outbox_state){0});
    tern_receipts_init(&app->receipts, &app->queue, &shop_catalogue, SHOP_SERVICE_PAYMENT);
    tern_upkeep_init(&app->upkeep, &app->queue);
    app->upkeep.purging = true;
    app->timers.kinds = timers;
    app->writer = tern_writer_create(app, batch_max);
    test_runtime_build_inbox(runtime, NULL, 0, 5, 200);
    if (tern_publisher_create(&publisher, &app->publisher, &err) < 0) fail_msg("%s", err.text);
}

void test_runtime_open(struct test_runtime *runtime, enum test_runtime_store store, enum test_runtime_clock clock,
                       int batch_max)
{
    struct tern_app *app = &runtime->app;
    memset(runtime, 0, sizeof *runtime);
    atomic_store(&runtime->now_ms, INT64_C(1795530600123));
    runtime->clock = (struct tern_clock){.wall_ms = read_wall, .steady_ms = read_steady, .self = runtime};
    if (clock == TEST_CLOCK_SYSTEM) runtime->clock = tern_clock_system;
    runtime->log_fd = memfd_create("log", MFD_CLOEXEC);
    app->log = tern_log_create("payment-service", TERN_LOG_DEBUG, TERN_LOG_LOGFMT, runtime->log_fd, &runtime->clock);
    open_store(runtime, store);
    app->db = app->ctx.db;
    app->ids = app->ctx.ids = tern_ids_create(&runtime->clock, SEED);
    app->writer_log = app->ctx.log = tern_log_create_buffered(app->log);
    app->metrics = app->ctx.metrics = tern_metrics_create(NULL);
    app->service = &service;
    app->ctx.clock = &runtime->clock;
    app->ctx.catalogue = &shop_catalogue;
    app->ctx.service = SHOP_SERVICE_PAYMENT;
    app->ctx.self = runtime;
    build_parts(runtime, batch_max);
}

void test_runtime_close(struct test_runtime *runtime)
{
    struct tern_app *app = &runtime->app;
    tern_publisher_destroy(app->publisher);
    tern_deliveries_destroy(app->deliveries);
    tern_retries_destroy(app->retries);
    tern_writer_destroy(app->writer);
    tern_receipts_fini(&app->receipts);
    tern_links_fini(&app->links);
    tern_work_fini(&app->queue);
    tern_db_close(app->ctx.db); /* the test may have opened it anew */
    tern_text_fini(&app->ctx.scratch);
    tern_metrics_destroy(app->metrics);
    tern_ids_destroy(app->ids);
    tern_log_destroy(app->writer_log);
    tern_log_destroy(app->log);
    (void)close(runtime->log_fd);
    if (runtime->folder[0]) test_app_remove_folder(runtime->folder);
}

/* ---- stepping ---- */

int test_runtime_step(struct test_runtime *runtime)
{
    struct tern_app *app = &runtime->app;
    bool refused = atomic_exchange(&app->status.store_refused, false);
    int committed = test_runtime_committed(runtime);
    int taken = tern_writer_step(app->writer);
    bool failed = atomic_load(&app->status.store_refused);
    if (failed) runtime->failed++;
    if (!failed && test_runtime_committed(runtime) == committed) {
        atomic_store(&app->status.store_refused, refused); /* there was no batch */
        return taken;
    }
    if (!failed && app->ctx.emitted > 0) runtime->last_seq_told = app->ctx.last_seq;
    if (!failed && app->ctx.republished > 0) runtime->republished++;
    return taken;
}

void test_runtime_settle(struct test_runtime *runtime)
{
    for (int step = 0; step < STEPS_MAX; step++) {
        int before = test_runtime_committed(runtime) + runtime->failed;
        int taken = test_runtime_step(runtime);
        if (taken == 0 && test_runtime_committed(runtime) + runtime->failed == before) return;
    }
    fail_msg("the writer is still busy after %d steps", STEPS_MAX);
}

/* ---- looking ---- */

struct tern_db *test_runtime_reader(const struct test_runtime *runtime)
{
    struct tern_db *db = NULL;
    struct tern_error err = {0};
    if (tern_db_open_reader(runtime->url, &db, &err) < 0) fail_msg("%s", err.text);
    return db;
}

/* The number behind this name on the metrics page; 0 when it is not there. */
static double number_of(const struct test_runtime *runtime, const char *name)
{
    struct tern_text page = {0}, start = {0};
    tern_metrics_print(runtime->app.metrics, &page);
    tern_text_printf(&start, "\n%s ", name);
    const char *found = strstr(page.bytes, start.bytes);
    double number = found ? strtod(found + start.length, NULL) : 0;
    tern_text_fini(&page);
    tern_text_fini(&start);
    return number;
}

int test_runtime_committed(const struct test_runtime *runtime)
{
    return (int)number_of(runtime, "tern_commit_duration_seconds_count");
}

int64_t test_runtime_units_committed(const struct test_runtime *runtime)
{
    return (int64_t)number_of(runtime, "tern_batch_units_sum");
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
    tern_metrics_print(runtime->app.ctx.metrics, &page);
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
