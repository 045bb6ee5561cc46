/* test_projection.c - a read model of a service of the test's own: it catches up, comes to a stand, and is rebuilt. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

#include "common/store/store.h"
#include "shop/catalogue.h"
#include "tern_test.h"
#include "test_app.h"
#include "wait_for.h"

#define ADMIN "Authorization: Bearer test-token\r\n"

/* ---- the service: a table, a fold and a row ---------------------------------------------------------------- */

static const struct tern_migration migrations[] = {
    {1, "001_totals",
     "CREATE TABLE totals (customer_id TEXT NOT NULL PRIMARY KEY, updates INTEGER NOT NULL) STRICT;"
     "CREATE INDEX totals_by_updates ON totals (updates, customer_id);"
     "CREATE TABLE last_one (key TEXT NOT NULL PRIMARY KEY, order_id TEXT NOT NULL) STRICT, WITHOUT ROWID"},
    {0, NULL,         NULL                                                                                }
};

static atomic_bool fold_fails;

#define COUNT_ONE(side)                                                                                              \
    "INSERT INTO totals" side " AS t (customer_id, updates) VALUES (?1, 1) ON CONFLICT (customer_id) DO UPDATE SET " \
    "updates = t.updates + 1"
#define KEEP_LAST(side) \
    "INSERT INTO last_one" side " (key, order_id) VALUES ('last', ?1) ON CONFLICT (key) DO UPDATE SET order_id = ?1"
static const char *const count_one[TERN_SIDES] = TERN_PROJECTION_SQL(COUNT_ONE);
static const char *const keep_last[TERN_SIDES] = TERN_PROJECTION_SQL(KEEP_LAST);

static int fold_update(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err)
{
    struct shop_order_updated updated;
    if (atomic_load(&fold_fails)) return tern_error_set(err, "the fold is broken");
    if (shop_order_updated_decode(event->event, &updated, err) < 0) return -1;
    if (tern_db_run(fold->db, count_one[fold->side], TERN_DB_ARGS(tern_db_text(updated.customer_id)), err) < 0 ||
        tern_db_run(fold->db, keep_last[fold->side], TERN_DB_ARGS(tern_db_text(updated.order_id)), err) < 0)
        return -1;
    return 0;
}

static int fold_nothing(const struct tern_fold *fold, const struct tern_fold_event *event, struct tern_error *err)
{
    (void)fold;
    (void)event;
    (void)err;
    return 0;
}

static const char *const tables[] = {"totals", "last_one", NULL}, *const none[] = {NULL};
static const char *const types[] = {"OrderUpdated", NULL};
static const struct tern_projection projections[] = {
    {.name = "totals", .tables = tables, .types = types, .fold = fold_update},
    {.name = "nothing",  .tables = none, .types = types, .fold = fold_nothing},
    {.name = NULL               },
};
static const struct tern_config_key config[] = {
    {"PORT",         TERN_CFG_PORT, "3001",            "port",  NULL, NULL},
    {"DATABASE_URL", TERN_CFG_URL,  "sqlite:var/x.db", "store", NULL, NULL},
    {NULL,           TERN_CFG_TEXT, NULL,              NULL,    NULL, NULL},
};
static const struct tern_service service = {.name = SHOP_SERVICE_ORDER,
                                            .purpose = "is tested",
                                            .config = config,
                                            .migrations = migrations,
                                            .catalogue = &shop_catalogue,
                                            .projections = projections};
static const char *const settings[] = {"ADMIN_TOKEN=test-token", NULL};

static struct test_app test;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the service has its own: this one keeps TEST_WAIT content */

static int set_up(void **state)
{
    struct tern_error err = {0};
    (void)state;
    atomic_store(&fold_fails, false);
    if (test_app_start(&test, &service, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    test_app_stop(&test);
    return 0;
}

/* ---- what happens to it ------------------------------------------------------------------------------------- */

static enum tern_outcome emit_update(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const int *number = argument;
    struct shop_order_updated updated = {.status = SHOP_STATUS_PAID, .previous_status = SHOP_STATUS_CREATED};
    (void)snprintf(updated.order_id, sizeof updated.order_id, "ORD-%d", *number);
    (void)snprintf(updated.customer_id, sizeof updated.customer_id, "C-%d", *number % 7);
    return shop_emit_order_updated(ctx, &updated, NULL, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static void command(tern_command *run, void *argument)
{
    struct tern_error err = {0};
    struct tern_conversation conversation = {.correlation_id = "01a20df6-ae40-7768-aa09-86e7f63ba302"};
    if (tern_app_command(&test.app, run, argument, &conversation, &err) != TERN_COMMITTED) fail_msg("%s", err.text);
}

static void emit(int from, int to)
{
    for (int number = from; number < to; number++)
        command(emit_update, &number);
}

static int64_t number_of(const char *sql)
{
    struct tern_error err = {0};
    int64_t number = -1;
    struct tern_db *db = tern_app_reader(&test.app, &err);
    if (!db || tern_db_get_int(db, sql, TERN_DB_NO_ARGS, &number, &err) < 0) fail_msg("%s: %s", sql, err.text);
    tern_app_reader_done(&test.app, db);
    return number;
}

static const char sum_updates[] = "SELECT coalesce(sum(updates), 0) FROM totals";
static const char customers[] = "SELECT count(*) FROM totals";
static const char last_is_199[] = "SELECT count(*) FROM last_one WHERE order_id = 'ORD-199'";
static const char positions[] = "SELECT position FROM projection WHERE name = 'totals'";
static const char others[] = "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%rebuilt%' OR name LIKE '%replaced%'";
static const char indexes[] = "SELECT count(*) FROM sqlite_schema WHERE type = 'index' AND tbl_name = 'totals' AND sql "
                              "LIKE '%(updates, customer_id)'";

static bool caught_up(void)
{
    struct tern_projection_progress progress;
    assert_true(tern_app_projection(&test.app, "totals", &progress));
    return progress.behind == 0;
}

/* Of the rebuild of "totals", once none waits or runs. */
static bool rebuilt(struct tern_projector_status *ret_status)
{
    if (tern_projector_rebuilding(test.app.projector)) return false;
    assert_true(tern_projector_status(test.app.projector, 0, ret_status));
    return true;
}

/* ---- tests -------------------------------------------------------------------------------------------------- */

static void a_projection_catches_up_with_what_units_emit_and_says_how_far_it_is(void **state)
{
    struct tern_projection_progress progress;
    (void)state;
    emit(0, 30);
    TEST_WAIT(&lock, caught_up());
    assert_int_equal(number_of(sum_updates), 30);
    assert_int_equal(number_of(customers), 7);
    assert_true(tern_app_projection(&test.app, "totals", &progress));
    assert_int_equal(progress.position, 30);
    assert_int_equal(number_of(positions), 30);
    assert_false(tern_app_projection(&test.app, "other", &progress));
    test_app_answers(
        &test, "GET", "/admin/projections", ADMIN, NULL, 200,
        "{\"name\":\"totals\",\"inUnit\":false,\"position\":30,\"behind\":0,\"rebuild\":{\"state\":\"none\"}}");
    test_app_answers(&test, "GET", "/metrics", "", NULL, 200, "tern_projection_behind_events{projection=\"totals\"} 0");
}

static void a_fold_that_fails_stops_its_own_projection_and_goes_on_when_it_works(void **state)
{
    struct tern_projector_status status;
    (void)state;
    atomic_store(&fold_fails, true);
    emit(0, 3);
    TEST_WAIT(&lock, tern_projector_status(test.app.projector, 0, &status) && status.stalled[0] != '\0');
    TEST_WAIT(&lock, tern_projector_status(test.app.projector, 1, &status) && status.progress.behind == 0);
    test_app_answers(&test, "GET", "/readyz", "", NULL, 503,
                     "totals stands at event 0: event 1 of the log, OrderUpdated");
    test_app_answers(&test, "GET", "/admin/projections", ADMIN, NULL, 200, "the fold is broken");
    assert_int_equal(number_of(sum_updates), 0);
    emit(3, 5);
    atomic_store(&fold_fails, false);
    TEST_WAIT(&lock, caught_up());
    assert_int_equal(number_of(sum_updates), 5);
}

static void a_rebuild_gives_the_same_rows_and_indexes_while_events_arrive(void **state)
{
    struct tern_projector_status status;
    (void)state;
    emit(0, 100);
    for (int round = 0; round < 2; round++) {
        test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN "Content-Length: 0\r\n", NULL, 202,
                         "\"rebuild\":{\"state\":\"");
        emit(100 + 50 * round, 150 + 50 * round);
        TEST_WAIT(&lock, rebuilt(&status));
        assert_int_equal(status.rebuild, TERN_REBUILD_DONE);
        TEST_WAIT(&lock, caught_up());
        assert_int_equal(number_of(sum_updates), 150 + 50 * round);
        assert_int_equal(number_of(indexes), 1);
    }
    assert_int_equal(number_of(last_is_199), 1);
    TEST_WAIT(&lock, number_of(others) == 0);
}

static void a_rebuild_whose_fold_fails_changes_nothing(void **state)
{
    struct tern_projector_status status;
    (void)state;
    emit(0, 10);
    TEST_WAIT(&lock, caught_up());
    atomic_store(&fold_fails, true);
    test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN, "{\"projection\":\"totals\"}", 202, "totals");
    TEST_WAIT(&lock, rebuilt(&status));
    assert_int_equal(status.rebuild, TERN_REBUILD_FAILED);
    assert_non_null(strstr(status.rebuild_fault, "the fold is broken"));
    assert_int_equal(number_of(sum_updates), 10);
    TEST_WAIT(&lock, number_of(others) == 0);
    test_app_answers(&test, "GET", "/metrics", "", NULL, 200,
                     "tern_projection_rebuilds_total{projection=\"totals\",outcome=\"failed\"} 1");
}

static enum tern_outcome leave_tables(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    (void)argument;
    return tern_db_table_like(ctx->db, "totals", "totals_rebuilt", err) < 0 ||
                   tern_db_table_like(ctx->db, "last_one", "last_one_replaced", err) < 0
               ? TERN_RETRY
               : TERN_DONE;
}

static void what_a_rebuild_left_when_it_was_cut_off_is_in_nobodys_way(void **state)
{
    struct tern_projector_status status;
    (void)state;
    emit(0, 10);
    TEST_WAIT(&lock, caught_up());
    command(leave_tables, NULL);
    assert_int_equal(tern_projector_rebuild(test.app.projector, "totals"), TERN_REBUILD_BEGUN);
    TEST_WAIT(&lock, rebuilt(&status));
    assert_int_equal(status.rebuild, TERN_REBUILD_DONE);
    assert_int_equal(number_of(sum_updates), 10);
    TEST_WAIT(&lock, number_of(others) == 0);
}

/* A clean-up that fails is tried again by itself: what is left on a full disk goes when there is room. */
static void what_could_not_be_cleaned_up_goes_when_the_store_takes_it(void **state)
{
    struct tern_projector_status status;
    (void)state;
    emit(0, 10);
    TEST_WAIT(&lock, caught_up());
    command(leave_tables, NULL);
    atomic_store(&fold_fails, true);
    tern_db_fail_at(test.app.db, TERN_DB_EVERY_CALL, TERN_FAULT_FULL);
    assert_int_equal(tern_projector_rebuild(test.app.projector, "totals"), TERN_REBUILD_BEGUN);
    TEST_WAIT(&lock, rebuilt(&status));
    assert_int_equal(status.rebuild, TERN_REBUILD_FAILED);
    /* The thread has tried to clean up before it turns to the next one. */
    assert_int_equal(tern_projector_rebuild(test.app.projector, "nothing"), TERN_REBUILD_BEGUN);
    TEST_WAIT(&lock, tern_projector_status(test.app.projector, 1, &status) && status.rebuild == TERN_REBUILD_FAILED);
    tern_db_fail_at(test.app.db, 0, TERN_FAULT_OTHER);
    TEST_WAIT(&lock, number_of(others) == 0);
    assert_int_equal(number_of(sum_updates), 10);
}

static void a_request_to_rebuild_that_means_nothing_is_refused_by_name(void **state)
{
    (void)state;
    test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN, "{\"projection\":\"sums\"}", 404,
                     "order-service has no projection sums: see GET /admin/projections.");
    test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN, "{\"projection\":7}", 400, "#/projection");
    test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN, "{\"name\":\"totals\"}", 400, "#/name");
    test_app_answers(&test, "POST", "/admin/projections/rebuild", ADMIN, "{", 400, "Malformed JSON");
    test_app_answers(&test, "POST", "/admin/projections/rebuild", "Content-Length: 0\r\n", NULL, 401, "");
    test_app_answers(&test, "GET", "/admin/projections", "", NULL, 401, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(a_projection_catches_up_with_what_units_emit_and_says_how_far_it_is, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_fold_that_fails_stops_its_own_projection_and_goes_on_when_it_works, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_rebuild_gives_the_same_rows_and_indexes_while_events_arrive, set_up,
                                        tear_down),
        cmocka_unit_test_setup_teardown(a_rebuild_whose_fold_fails_changes_nothing, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_a_rebuild_left_when_it_was_cut_off_is_in_nobodys_way, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_could_not_be_cleaned_up_goes_when_the_store_takes_it, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_request_to_rebuild_that_means_nothing_is_refused_by_name, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
