/* test_app.c - a running service without a broker: commands, read connections, its door, its operations routes, its stop. */
#include <errno.h>
#include <pthread.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/amqp/amqp.h"
#include "common/base/config_read.h"
#include "common/event/topology.h"
#include "common/outbox/log_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "shop/catalogue.h"
#include "store.h"
#include "tern/version.h"
#include "tern_test.h"
#include "test_app.h"
#include "wait_for.h"

enum { MANY = 8, EACH = 25 };

static const struct tern_config_key config[] = {
    {"PORT",         TERN_CFG_PORT, "3002",                  "port",  NULL, NULL},
    {"DATABASE_URL", TERN_CFG_URL,  "sqlite:var/nothing.db", "store", NULL, NULL},
    {NULL,           TERN_CFG_TEXT, NULL,                    NULL,    NULL, NULL},
};
static const struct tern_migration migrations[] = {
    {1, "note", "CREATE TABLE note (text TEXT NOT NULL CHECK (text <> 'never')) STRICT;"},
    {0, NULL,   NULL                                                                    },
};
static const struct tern_conversation conversation = {.correlation_id = "0b5c1e7a-8f0e-4c53-9d7a-111111111111"};

static struct {
    struct test_app test;
    int opened, closed, prepared;
    bool prepare_fails;
    const char *neighbour_fault, *owner_fault; /* what is wrong in /readyz */
} world;

static int open_state(const struct tern_config *settings, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    (void)settings;
    (void)log;
    (void)err;
    world.opened++;
    *ret_self = &world;
    return 0;
}

static void close_state(void *self)
{
    world.closed += self != NULL;
}

static int say_voided(struct tern_context *ctx, struct tern_error *err)
{
    const struct shop_payment_voided voided = {.order_id = "ORD-1", .customer_id = "C", .voided_at_ms = 1};
    return shop_emit_payment_voided(ctx, &voided, NULL, err);
}

static int prepare(struct tern_context *ctx, struct tern_error *err)
{
    assert_ptr_equal(ctx->self, &world);
    if (world.prepare_fails) return tern_error_set(err, "there is nothing to begin with");
    world.prepared++;
    return say_voided(ctx, err);
}

static const struct tern_service service = {.name = SHOP_SERVICE_PAYMENT,
                                            .config = config,
                                            .migrations = migrations,
                                            .catalogue = &shop_catalogue,
                                            .open = open_state,
                                            .prepare = prepare,
                                            .close = close_state};

static int set_up(void **state)
{
    struct tern_error err = {0};
    (void)state;
    memset(&world, 0, sizeof world);
    if (test_app_start(&world.test, &service, NULL, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int tear_down(void **state)
{
    (void)state;
    test_app_stop(&world.test);
    return 0;
}

/* ---- commands ---- */

struct noting {
    const char *text;
    enum tern_outcome answer;
    enum tern_fault fault; /* FULL: the store refuses this batch */
    bool says;
    char correlation_id[TERN_UUID_SIZE];
};

static enum tern_outcome note(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    static const char insert_note[] = "INSERT INTO note (text) VALUES (?1)";
    struct noting *noting = argument;
    strcpy(noting->correlation_id, ctx->conversation.correlation_id);
    if (noting->fault != TERN_FAULT_OTHER) tern_db_fail_at(ctx->db, 1, noting->fault);
    if (tern_db_run(ctx->db, insert_note, TERN_DB_ARGS(tern_db_text(noting->text)), err) < 0) return TERN_RETRY;
    if (noting->says && say_voided(ctx, err) < 0) return TERN_RETRY;
    if (noting->answer != TERN_DONE) (void)tern_error_set(err, "it is not allowed");
    return noting->answer;
}

static enum tern_command_result command(struct noting *noting, struct tern_error *err)
{
    return tern_app_command(&world.test.app, note, noting, &conversation, err);
}

static int64_t notes(void)
{
    struct tern_error err = {0};
    struct tern_db *db = tern_app_reader(&world.test.app, &err);
    assert_non_null(db);
    int64_t count = test_store_number(db, "SELECT count(*) FROM note");
    tern_app_reader_done(&world.test.app, db);
    return count;
}

static void a_command_is_on_disk_when_it_returns(void **state)
{
    struct noting noting = {.text = "a"};
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(command(&noting, &err), TERN_COMMITTED);
    assert_int_equal(notes(), 1);
    assert_string_equal(noting.correlation_id, conversation.correlation_id);
}

static void a_command_that_refuses_leaves_nothing_and_says_why(void **state)
{
    struct noting rejected = {.text = "a", .answer = TERN_REJECT}, unlawful = {.text = "never"};
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(command(&rejected, &err), TERN_REFUSED);
    assert_string_equal(err.text, "it is not allowed");
    assert_int_equal(command(&unlawful, &err), TERN_REFUSED);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
    assert_int_equal(notes(), 0);
    assert_true(tern_app_accepts(&world.test.app, &err));
}

static void a_store_without_room_shuts_the_door_which_opens_again_by_itself(void **state)
{
    struct noting refused = {.text = "a", .fault = TERN_FAULT_FULL}, noting = {.text = "b"};
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(command(&refused, &err), TERN_UNAVAILABLE);
    assert_int_equal(err.fault, TERN_FAULT_FULL);
    assert_false(tern_app_accepts(&world.test.app, &err));
    assert_string_equal(err.text, "the store has no room");
    test_app_answers(&world.test, "GET", "/readyz", "", NULL, 503, "the last transaction did not commit");
    pthread_mutex_t unused = PTHREAD_MUTEX_INITIALIZER;
    TEST_WAIT(&unused, tern_app_accepts(&world.test.app, NULL)); /* without any work that asks for it */
    assert_int_equal(command(&noting, &err), TERN_COMMITTED);
    assert_int_equal(notes(), 1);
}

static struct {
    pthread_mutex_t lock;
    bool begun, go;
} gate = {.lock = PTHREAD_MUTEX_INITIALIZER};

static enum tern_outcome wait_at_the_gate(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    (void)ctx;
    (void)argument;
    (void)err;
    TEST_NOTE(&gate.lock, gate.begun = true);
    TEST_WAIT(&gate.lock, gate.go);
    return TERN_DONE;
}

static void *hold_the_writer(void *argument)
{
    struct tern_error err = {0};
    *(enum tern_command_result *)argument =
        tern_app_command(&world.test.app, wait_at_the_gate, NULL, &conversation, &err);
    return NULL;
}

static void a_command_that_does_not_begin_in_time_is_taken_back(void **state)
{
    enum tern_command_result held = TERN_REFUSED;
    struct noting noting = {.text = "late"};
    struct tern_error err = {0};
    pthread_t thread;
    (void)state;
    gate.begun = gate.go = false;
    assert_int_equal(pthread_create(&thread, NULL, hold_the_writer, &held), 0);
    TEST_WAIT(&gate.lock, gate.begun);
    assert_int_equal(command(&noting, &err), TERN_UNAVAILABLE);
    assert_string_equal(err.text, "the store was busy for 5 seconds; nothing was changed");
    TEST_NOTE(&gate.lock, gate.go = true);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(held, TERN_COMMITTED); /* it had begun: however long it takes */
    noting.text = "now";
    assert_int_equal(command(&noting, &err), TERN_COMMITTED);
    assert_int_equal(notes(), 1);
}

static void *note_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < EACH; i++) {
        struct noting noting = {.text = "x", .answer = i % 5 == 4 ? TERN_REJECT : TERN_DONE};
        struct tern_error err = {0};
        enum tern_command_result wanted = i % 5 == 4 ? TERN_REFUSED : TERN_COMMITTED;
        if (command(&noting, &err) != wanted) return argument;
        if (notes() <= 0) return argument;
    }
    return NULL;
}

static void many_threads_command_and_read_at_the_same_time(void **state)
{
    pthread_t threads[MANY];
    (void)state;
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, note_often, &world), 0);
    for (size_t i = 0; i < MANY; i++) {
        void *failed = NULL;
        assert_int_equal(pthread_join(threads[i], &failed), 0);
        assert_null(failed);
    }
    assert_int_equal(notes(), MANY * EACH * 4 / 5);
    assert_true(world.test.app.readers.open_count <= TERN_READERS);
}

/* ---- what is pending ---- */

static void what_is_said_waits_for_the_broker_and_the_backlog_has_a_cap(void **state)
{
    struct noting noting = {.text = "a", .says = true}, refused = {.text = "b", .says = true, .answer = TERN_RETRY};
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(atomic_load(&world.test.app.backlog.pending), 1); /* what `prepare` said */
    assert_int_equal(command(&noting, &err), TERN_COMMITTED);
    assert_int_equal(command(&refused, &err), TERN_REFUSED);
    assert_int_equal(atomic_load(&world.test.app.backlog.pending), 2);
    test_app_answers(&world.test, "GET", "/metrics", "", NULL, 200, "\ntern_outbox_pending 2\n");
    world.test.app.backlog.most = 2;
    assert_false(tern_app_accepts(&world.test.app, &err));
    assert_string_equal(err.text, "too many events wait for the broker; no more can be taken in now");
    test_app_answers(&world.test, "GET", "/readyz", "", NULL, 503, "too many events wait for the broker");
}

static bool is_shut(void)
{
    return !tern_app_accepts(&world.test.app, NULL);
}

static void an_event_that_waits_too_long_shuts_the_door(void **state)
{
    struct tern_error err = {0};
    pthread_mutex_t unused = PTHREAD_MUTEX_INITIALIZER;
    (void)state;
    assert_true(tern_app_accepts(&world.test.app, &err)); /* what `prepare` said waits, but not for an hour */
    world.test.app.backlog.most_age_ms = 50;
    TEST_WAIT(&unused, is_shut());
    assert_false(tern_app_accepts(&world.test.app, &err));
    assert_string_equal(err.text, "an event has waited too long for the broker; no more can be taken in now");
    test_app_answers(&world.test, "GET", "/readyz", "", NULL, 503, "an event has waited too long for the broker");
    atomic_store(&world.test.app.backlog.pending, 0);
    assert_true(tern_app_accepts(&world.test.app, &err));
    assert_int_equal(tern_backlog_oldest_age_ms(&world.test.app.backlog), 0);
}

static void what_was_pending_at_the_stop_is_pending_at_the_start(void **state)
{
    struct noting noting = {.text = "a", .says = true};
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(command(&noting, &err), TERN_COMMITTED);
    tern_app_stop(&world.test.app);
    tern_config_destroy(world.test.config);
    assert_int_equal(world.closed, 1);
    assert_int_equal(test_app_start(&world.test, &service, NULL, &err), 0);
    assert_int_equal(atomic_load(&world.test.app.backlog.pending), 3); /* and `prepare` ran at this start too */
    assert_int_equal(notes(), 1);
}

/* ---- read connections ---- */

static void read_connections_are_lent_and_the_next_waits_for_one(void **state)
{
    struct tern_app *app = &world.test.app;
    struct tern_db *lent[TERN_READERS];
    struct tern_error err = {0};
    (void)state;
    for (size_t i = 0; i < TERN_READERS; i++) {
        lent[i] = tern_app_reader(app, &err);
        assert_non_null(lent[i]);
        for (size_t k = 0; k < i; k++)
            assert_ptr_not_equal(lent[i], lent[k]);
    }
    tern_app_reader_done(app, lent[2]);
    assert_ptr_equal(tern_app_reader(app, &err), lent[2]);
    for (size_t i = 0; i < TERN_READERS; i++)
        tern_app_reader_done(app, lent[i]);
    tern_app_reader_done(app, NULL);
    assert_int_equal(app->readers.open_count, TERN_READERS);
}

/* On the test's thread only: the service's own reads are well. */
static _Thread_local bool sick;

static ssize_t sick_pread(int fd, void *bytes, size_t length, off_t at)
{
    if (sick) {
        errno = EIO;
        return -1;
    }
    return pread(fd, bytes, length, at);
}

static int deaths;

/* In place of the library's: the process goes on. */
void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    assert_ptr_equal(fatal, &world.test.app.fatal);
    assert_int_equal(err->fault, TERN_FAULT_BROKEN);
    deaths++;
}

static void a_read_connection_that_saw_a_failing_disk_is_never_lent_again_and_stops_the_service(void **state)
{
    static const char count_notes[] = "SELECT count(*) FROM note";
    struct tern_app *app = &world.test.app;
    sqlite3_vfs *vfs = sqlite3_vfs_find(NULL);
    struct tern_error err = {0};
    int64_t count;
    (void)state;
    vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)sick_pread);
    vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)sick_pread);
    struct tern_db *db = tern_app_reader(app, &err);
    sick = true;
    assert_int_equal(tern_db_get_int(db, count_notes, TERN_DB_NO_ARGS, &count, &err), -1);
    sick = false;
    assert_int_equal(err.fault, TERN_FAULT_BROKEN);
    int open = app->readers.open_count;
    tern_app_reader_done(app, db);
    vfs->xSetSystemCall(vfs, NULL, NULL);
    assert_int_equal(deaths, 1);
    assert_int_equal(app->readers.open_count, open - 1);
    assert_int_equal(notes(), 0); /* on another */
}

/* ---- operations ---- */

static void a_living_process_says_so_whatever_else_is_wrong(void **state)
{
    (void)state;
    test_app_answers(&world.test, "GET", "/livez", "", NULL, 200, "{\"status\":\"pass\"}");
    test_app_answers(&world.test, "GET", "/readyz", "", NULL, 503, "\"status\":\"fail\"");
    test_app_answers(&world.test, "GET", "/healthz", "", NULL, 503, "not declared yet");
}

/* An app of which nothing runs, for the routes themselves. */
static void init_app(struct tern_app *app, const struct tern_clock *clock)
{
    memset(app, 0, sizeof *app);
    app->service = &service;
    app->ctx.clock = clock;
    tern_work_init(&app->queue, clock);
    tern_links_init(&app->links, &app->queue, world.test.app.log, world.test.app.metrics);
    tern_backlog_init(&app->backlog, &app->queue, &(struct tern_outbox_state){0});
    app->backlog.most = 10;
}

/* The route itself. */
static void is_ready(struct tern_app *app, int status, const char *overall, const char *contains)
{
    struct tern_http_answer answer = {.status = 200};
    for (const struct tern_http_route *route = tern_operations_routes; route->method; route++)
        if (strcmp(route->path, "/readyz") == 0) route->handler(app, NULL, &answer);
    char start[64];
    (void)snprintf(start, sizeof start, "{\"status\":\"%s\",\"service\":\"payment-service\"", overall);
    if (answer.status != status || strncmp(answer.body.bytes, start, strlen(start)) != 0 ||
        !strstr(answer.body.bytes, contains))
        fail_msg("not %d, %s, %s but %d, %s", status, overall, contains, answer.status, answer.body.bytes);
    assert_string_equal(answer.content_type, "application/health+json");
    tern_text_fini(&answer.body);
}

static void readiness_names_what_is_wrong_and_how_bad_that_is(void **state)
{
    static struct tern_app app;
    struct tern_status *status = &app.status;
    (void)state;
    init_app(&app, &tern_clock_system);
    app.service = &service;
    is_ready(&app, 503, "fail", "not declared yet: the broker was not reached since the start");
    atomic_store(&app.links.declared, true); /* it was reached once, and is away: orders are still taken */
    is_ready(&app, 200, "warn", "not connected, trying again");
    atomic_store(&app.links.up[TERN_LINK_CONSUMER], true);
    is_ready(&app, 200, "warn", "not connected, trying again");
    atomic_store(&app.links.up[TERN_LINK_PUBLISHER], true);
    is_ready(&app, 200, "pass", "\"broker\":{\"status\":\"pass\"}");
    tern_copy_whole(app.links.standby.why, sizeof app.links.standby.why, "somebody owns the queue");
    is_ready(&app, 503, "fail", "\"owner\":{\"status\":\"fail\",\"output\":\"somebody owns the queue\"}");
    atomic_store(&app.links.owned_once, true); /* it may be the connection that was lost just now */
    app.links.standby.since_ms = tern_steady(&tern_clock_system);
    is_ready(&app, 200, "warn", "somebody owns the queue");
    atomic_store(&app.links.refused, true);
    is_ready(&app, 503, "fail", "somebody owns the queue");
    app.links.standby.why[0] = '\0';
    atomic_store(&app.links.blocked, true);
    is_ready(&app, 200, "warn", "the broker takes no messages now");
    atomic_store(&app.backlog.pending, 10);
    is_ready(&app, 503, "fail", "too many events wait for the broker");
    atomic_store(&app.backlog.pending, 9);
    atomic_store(&status->store_refused, true);
    is_ready(&app, 503, "fail", "the last transaction did not commit");
    atomic_store(&status->store_refused, false);
    atomic_store(&status->disk_low, true);
    is_ready(&app, 503, "fail", "the disk is nearly full");
    atomic_store(&status->disk_low, false);
    tern_work_drain(&app.queue);
    is_ready(&app, 503, "fail", "stopping");
}

static int64_t by_hand(void *self)
{
    return *(const int64_t *)self;
}

static void a_displaced_owner_takes_no_work_until_the_queue_is_its_own_again(void **state)
{
    static struct tern_app app;
    int64_t now_ms = 1000000;
    const struct tern_clock clock = {by_hand, by_hand, &now_ms};
    struct tern_error err = {0};
    (void)state;
    init_app(&app, &clock);
    tern_links_owned(&app.links, true, false);
    tern_links_owned(&app.links, false, false);
    tern_links_stands_by(&app.links, false, "another one owns it");
    now_ms += 29999; /* it may be the connection that was lost */
    tern_links_stands_by(&app.links, false, "another one owns it");
    assert_true(tern_links_may_act(&app.links));
    assert_true(tern_app_accepts(&app, &err));
    is_ready(&app, 200, "warn", "another one owns it");
    now_ms += 100000; /* the broker is away: it says nothing of another owner */
    assert_true(tern_app_accepts(&app, &err));
    tern_links_stands_by(&app.links, false, "another one owns it");
    assert_false(tern_links_may_act(&app.links));
    assert_false(tern_app_accepts(&app, &err));
    assert_string_equal(err.text, "another one owns it");
    is_ready(&app, 503, "fail", "another one owns it");
    tern_links_owned(&app.links, true, false);
    assert_true(tern_links_may_act(&app.links));
    assert_true(tern_app_accepts(&app, &err));
}

static void a_queue_that_is_not_guarded_or_shared_is_a_warning(void **state)
{
    static struct tern_app app;
    (void)state;
    init_app(&app, &tern_clock_system);
    app.service = &service;
    atomic_store(&app.links.declared, true);
    atomic_store(&app.links.up[TERN_LINK_CONSUMER], true);
    atomic_store(&app.links.up[TERN_LINK_PUBLISHER], true);
    tern_links_lacks(&app.links, TERN_LACKS_CLAIM, SHOP_SERVICE_PAYMENT);
    is_ready(&app, 200, "pass", "\"owner\":{\"status\":\"pass\"}");
    tern_links_lacks(&app.links, TERN_LACKS_OWNER, SHOP_SERVICE_PAYMENT);
    is_ready(&app, 200, "warn", "\"owner\":{\"status\":\"warn\",\"output\":\"a second store on this queue will not be");
    tern_links_shared(&app.links, true);
    is_ready(&app, 200, "warn", "somebody else consumes from our queue, what it takes is missing here");
    tern_links_shared(&app.links, false);
    tern_links_lost(&app.links, TERN_LINK_CONSUMER, TERN_AMQP_OTHER, "the next connection may have the rights");
    tern_links_connected(&app.links, TERN_LINK_CONSUMER);
    is_ready(&app, 200, "pass", "\"owner\":{\"status\":\"pass\"}");
}

static void add_own_checks(struct tern_app *app, struct tern_readiness *readiness)
{
    (void)app;
    tern_readiness_add(readiness, "neighbour", TERN_CHECK_WARN, world.neighbour_fault);
    tern_readiness_add(readiness, "owner", TERN_CHECK_FAIL, world.owner_fault);
}

static void a_service_adds_its_own_checks_to_readiness(void **state)
{
    static struct tern_app app;
    struct tern_service with_checks = service;
    (void)state;
    init_app(&app, &tern_clock_system);
    with_checks.checks = add_own_checks;
    app.service = &with_checks;
    atomic_store(&app.links.declared, true);
    atomic_store(&app.links.up[TERN_LINK_CONSUMER], true);
    atomic_store(&app.links.up[TERN_LINK_PUBLISHER], true);
    is_ready(&app, 200, "pass", "\"neighbour\":{\"status\":\"pass\"},\"owner\":{\"status\":\"pass\"}}");
    world.neighbour_fault = "says \"no\"";
    is_ready(&app, 200, "warn", "\"neighbour\":{\"status\":\"warn\",\"output\":\"says \\\"no\\\"\"}");
    world.owner_fault = "somebody else owns the queue";
    is_ready(&app, 503, "fail", "\"owner\":{\"status\":\"fail\",\"output\":\"somebody else owns the queue\"}");
    world.neighbour_fault = world.owner_fault = NULL;
}

static void the_door_is_shut_while_the_disk_is_low_and_while_stopping(void **state)
{
    static struct tern_app app;
    struct tern_error err = {0};
    (void)state;
    init_app(&app, &tern_clock_system);
    assert_false(tern_app_accepts(&app, &err));
    assert_string_equal(err.text, "the broker was not reached since the start; nothing is taken in before");
    atomic_store(&app.links.owned_once, true);
    assert_true(tern_app_accepts(&app, &err));
    atomic_store(&app.status.disk_low, true);
    assert_false(tern_app_accepts(&app, &err));
    assert_string_equal(err.text, "the store has no room");
    tern_work_drain(&app.queue);
    assert_false(tern_app_accepts(&app, &err));
    assert_string_equal(err.text, "the service is stopping");
}

static void metrics_and_version_tell_what_runs(void **state)
{
    (void)state;
    test_app_answers(&world.test, "GET", "/version", "", NULL, 200,
                     "\"service\":\"payment-service\",\"version\":\"" TERN_VERSION "\",\"revision\":\"" TERN_REVISION);
    test_app_answers(&world.test, "GET", "/version", "", NULL, 200, tern_db_version());
    test_app_answers(&world.test, "GET", "/metrics", "", NULL, 200, "text/plain; version=0.0.4");
    test_app_answers(&world.test, "GET", "/metrics", "", NULL, 200, "tern_build_info{version=\"" TERN_VERSION "\"");
    test_app_answers(&world.test, "GET", "/metrics", "", NULL, 200, "\ntern_outbox_oldest_age_seconds ");
    test_app_answers(&world.test, "POST", "/metrics", "", "{}", 405, "Allow:");
    test_app_answers(&world.test, "GET", "/nowhere", "", NULL, 404, "application/problem+json");
}

/* ---- starts that fail ---- */

static void a_second_service_on_the_same_store_is_refused(void **state)
{
    static struct test_app second;
    struct tern_error err = {0};
    (void)state;
    strcpy(second.folder, world.test.folder);
    assert_int_equal(test_app_start(&second, &service, NULL, &err), 74);
    assert_non_null(strstr(err.text, "store.db"));
    tern_app_stop(&second.app);
    tern_config_destroy(second.config);
    assert_int_equal(notes(), 0); /* the first goes on */
}

static void a_service_that_cannot_prepare_itself_does_not_start_and_keeps_nothing(void **state)
{
    static struct test_app failing;
    struct tern_error err = {0};
    (void)state;
    memset(&world, 0, sizeof world);
    memset(&failing, 0, sizeof failing);
    world.prepare_fails = true;
    assert_int_equal(test_app_start(&failing, &service, NULL, &err), 78);
    assert_string_equal(err.text, "there is nothing to begin with");
    test_app_stop(&failing);
    assert_int_equal(world.opened, 1);
    assert_int_equal(world.closed, 1);
}

static void a_port_that_is_taken_is_a_failure_of_the_start(void **state)
{
    static struct test_app second;
    char port[32];
    const char *const settings[] = {port, NULL};
    struct tern_error err = {0};
    (void)state;
    memset(&second, 0, sizeof second);
    (void)snprintf(port, sizeof port, "PORT=%u", world.test.port);
    assert_int_equal(test_app_start(&second, &service, settings, &err), 1);
    assert_true(err.text[0] != '\0');
    test_app_stop(&second);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(a_command_is_on_disk_when_it_returns),
        WITH(a_command_that_refuses_leaves_nothing_and_says_why),
        WITH(a_store_without_room_shuts_the_door_which_opens_again_by_itself),
        WITH(a_command_that_does_not_begin_in_time_is_taken_back),
        WITH(many_threads_command_and_read_at_the_same_time),
        WITH(what_is_said_waits_for_the_broker_and_the_backlog_has_a_cap),
        WITH(an_event_that_waits_too_long_shuts_the_door),
        WITH(what_was_pending_at_the_stop_is_pending_at_the_start),
        WITH(read_connections_are_lent_and_the_next_waits_for_one),
        WITH(a_read_connection_that_saw_a_failing_disk_is_never_lent_again_and_stops_the_service),
        WITH(a_living_process_says_so_whatever_else_is_wrong),
        cmocka_unit_test(readiness_names_what_is_wrong_and_how_bad_that_is),
        WITH(a_displaced_owner_takes_no_work_until_the_queue_is_its_own_again),
        WITH(a_queue_that_is_not_guarded_or_shared_is_a_warning),
        cmocka_unit_test(a_service_adds_its_own_checks_to_readiness),
        cmocka_unit_test(the_door_is_shut_while_the_disk_is_low_and_while_stopping),
        WITH(metrics_and_version_tell_what_runs),
        WITH(a_second_service_on_the_same_store_is_refused),
        cmocka_unit_test(a_service_that_cannot_prepare_itself_does_not_start_and_keeps_nothing),
        WITH(a_port_that_is_taken_is_a_failure_of_the_start),
    };
    return cmocka_run_group_tests_name("app", tests, NULL, NULL);
}
