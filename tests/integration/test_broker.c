/* test_broker.c - both lanes on a real RabbitMQ that is stopped, cut off, emptied and killed under load.
 *
 * One world for all tests: a store with an event log, a publisher (order-service) and a consumer (payment-service). Events
 * are counted by their id: none may be lost; twice is allowed here, since no inbox stands behind this consumer. */
#include "common/base/metrics_page.h"
#include "common/inbox/consumer.h"
#include "common/outbox/backlog.h"
#include "common/outbox/publish_progress.h"
#include "common/outbox/publisher.h"
#include "common/store/store.h"
#include "folder.h"
#include "real_broker.h"
#include "tern_test.h"
#include "test_links.h"
#include "wait_for.h"

#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct tern_migration tern_core_migrations[];

static const char *const payment_hears[] = {"payment-service", NULL};
static const struct tern_event_type types[] = {
    {"OrderPlaced", "1.0", "order-service", payment_hears, NULL}
};
static const char *const services[] = {"payment-service", NULL};
static const struct tern_catalogue catalogue = {"events", "events.dead", types, TERN_COUNT(types), services, NULL};

enum { EVENTS_MAX = 200000, BATCH = 50, LOAD_WAIT_MS = 60000 };

struct world {
    struct real_broker broker;
    char folder[TEST_FOLDER_SIZE], url[128];
    struct tern_db *db, *reader;
    struct tern_metrics *metrics;
    struct tern_publisher *publisher;
    struct tern_consumer *consumer;
    struct tern_deliveries *inbox;
    struct test_links links;
    uint64_t consumer_connects; /* of consumers that were stopped */
    pthread_mutex_t mutex;
    struct publish_progress *progress; /* with the last news */
    bool news;                         /* under the mutex */
    int64_t mark, confirmed, holds;
    int64_t appended;
    atomic_uchar seen[EVENTS_MAX]; /* by number */
    atomic_int_fast64_t received, out_of_order;
    int64_t newest;
};

#define MUST(call)                                           \
    do {                                                     \
        struct tern_error err;                               \
        if ((call) < 0) fail_msg("%s: %s", #call, err.text); \
    } while (0)

/* ---- what the lanes tell -------------------------------------------------------------------------------------- */

static struct world *told_world;

/* In place of the library's: this store is written by the test. */
void tern_backlog_report(struct tern_backlog *backlog, struct publish_progress *progress)
{
    (void)backlog;
    TEST_NOTE(&told_world->mutex, told_world->news = true; told_world->progress = progress);
}

/* As the writer does, but that nothing is handled: what was submitted is counted, and settled at once. */
static void take_deliveries(struct world *world)
{
    int count;
    struct tern_work *work = tern_work_take(&world->links.queue, 1000, &count);
    for (struct tern_work *next; work; work = next) {
        struct tern_delivery *delivery = (struct tern_delivery *)work;
        next = work->next;
        TERN_ASSERT(delivery->readable, "what we wrote can be read");
        int64_t number = strtoll(delivery->event.event_id + 24, NULL, 10);
        if (number != world->newest + 1) atomic_fetch_add(&world->out_of_order, 1);
        world->newest = number;
        if (atomic_fetch_add(&world->seen[number], 1) == 0) atomic_fetch_add(&world->received, 1);
        tern_deliveries_finish(world->inbox, delivery);
    }
    if (count > 0 && world->consumer) tern_consumer_flush(world->consumer);
}

/* How often each link was connected so far: publisher, consumer. */
static int connects(const struct world *world, int lane)
{
    if (lane == 0) return (int)tern_publisher_state(world->publisher).connects;
    uint64_t now = world->consumer ? tern_consumer_state(world->consumer).connects : 0;
    return (int)(world->consumer_connects + now);
}

static bool is_up(const struct world *world, int lane)
{
    return atomic_load(&world->links.links.up[lane == 0 ? TERN_LINK_PUBLISHER : TERN_LINK_CONSUMER]);
}

/* Why a link is not up, "" when both are. */
static const char *why(struct world *world)
{
    static char text[TERN_SENTENCE_SIZE];
    (void)tern_links_lost_because(&world->links.links, text);
    return text;
}

static void take_progress(struct world *world)
{
    struct tern_publish_progress progress;
    bool news;
    take_deliveries(world);
    TEST_NOTE(&world->mutex, news = world->news; world->news = false);
    if (!news || !tern_publish_progress_take(world->progress, &progress)) return;
    MUST(tern_db_begin(world->db, &err));
    MUST(tern_publish_progress_record(world->db, &progress, &err));
    MUST(tern_db_commit(world->db, &err));
    world->mark = progress.confirmed_through;
    world->confirmed += progress.confirmed;
    world->holds += (int64_t)progress.return_count;
}

/* ---- the world ----------------------------------------------------------------------------------------------- */

static void start_publisher(struct world *world)
{
    struct tern_publisher_settings settings = {
        .link = {.url = world->broker.url, .limits = {.backoff_max_ms = 1000}},
        .service = "order-service",
        .queue_type = "quorum",
        .window = 512,
        .catalogue = &catalogue,
        .reader = world->reader,
        .retry_base_ms = 200,
        .links = &world->links.links,
        .metrics = world->metrics,
    };
    told_world = world;
    MUST(tern_outbox_state(world->db, &settings.start, &err));
    MUST(tern_publisher_create(&settings, &world->publisher, &err));
    MUST(tern_publisher_start(world->publisher, &err));
}

static void start_consumer(struct world *world)
{
    const struct tern_consumer_settings settings = {
        .link = {.url = world->broker.url, .limits = {.backoff_max_ms = 1000}},
        .queue = "payment-service",
        .queue_type = "quorum",
        .prefetch = 200,
        .catalogue = &catalogue,
        .deliveries = world->inbox,
        .links = &world->links.links,
        .metrics = world->metrics,
    };
    MUST(tern_consumer_create(&settings, &world->consumer, &err));
    MUST(tern_consumer_start(world->consumer, &err));
}

static void stop_consumer(struct world *world)
{
    tern_consumer_stop(world->consumer);
    take_deliveries(world); /* what came meanwhile */
    world->consumer_connects = (uint64_t)connects(world, 1);
    tern_consumer_destroy(world->consumer);
    world->consumer = NULL;
}

static int open_world(void **state)
{
    struct world *world = tern_alloc(sizeof *world);
    *state = world;
    (void)signal(SIGPIPE, SIG_IGN);
    real_broker_start(&world->broker);
    test_folder_make("lanes", world->folder);
    (void)snprintf(world->url, sizeof world->url, "sqlite:%s/p.db", world->folder);
    MUST(tern_db_open(world->url, &world->db, &err));
    MUST(tern_db_migrate(world->db, "core", tern_core_migrations, &err));
    MUST(tern_db_open_reader(world->url, &world->reader, &err));
    (void)pthread_mutex_init(&world->mutex, NULL);
    world->metrics = tern_metrics_create(NULL);
    test_links_open(&world->links, NULL);
    world->inbox = tern_deliveries_create(&(struct tern_deliveries_settings){.queue = &world->links.queue});
    start_publisher(world);
    start_consumer(world);
    return 0;
}

static int close_world(void **state)
{
    struct world *world = *state;
    stop_consumer(world);
    tern_publisher_destroy(world->publisher);
    tern_deliveries_destroy(world->inbox);
    test_links_close(&world->links);
    tern_metrics_destroy(world->metrics);
    tern_db_close(world->reader);
    tern_db_close(world->db);
    real_broker_end(&world->broker);
    test_folder_remove(world->folder);
    (void)pthread_mutex_destroy(&world->mutex);
    free(world);
    return 0;
}

static void append_one(struct world *world, struct tern_text *body)
{
    struct tern_event event = {.timestamp_ms = tern_now(&tern_clock_system)};
    int64_t seq = 0, version = 0;
    (void)snprintf(event.event_id, sizeof event.event_id, "0190b1a2-0000-7000-8000-%012u",
                   (unsigned)world->appended + 1);
    tern_copy_whole(event.type, sizeof event.type, "OrderPlaced");
    tern_copy_whole(event.producer, sizeof event.producer, "order-service");
    tern_copy_whole(event.version, sizeof event.version, "1.0");
    tern_copy_whole(event.correlation_id, sizeof event.correlation_id, event.event_id);
    (void)snprintf(event.subject, sizeof event.subject, "ORD-%lld", (long long)world->appended % 100);
    tern_text_clear(body);
    tern_event_encode(&event, "{\"orderId\":\"ORD-1\",\"totalAmount\":10.00}", body);
    MUST(tern_event_log_append(world->db, &event, TERN_ORIGIN_OWN, body->bytes, body->length,
                               (struct tern_log_time){.wall_ms = event.timestamp_ms}, &seq, &version, &err));
    world->appended++;
    assert_int_equal(seq, world->appended);
}

static void commit_batch(struct world *world)
{
    struct tern_text body = {0};
    TERN_ASSERT(world->appended + BATCH < EVENTS_MAX, "there is room for what is counted");
    MUST(tern_db_begin(world->db, &err));
    for (int i = 0; i < BATCH; i++)
        append_one(world, &body);
    MUST(tern_db_commit(world->db, &err));
    tern_publisher_committed(world->publisher, world->appended);
    tern_text_fini(&body);
}

static void commit_batches(struct world *world, int batches)
{
    for (int i = 0; i < batches; i++) {
        commit_batch(world);
        take_progress(world);
    }
}

/* Goes on committing, one batch each few milliseconds, until the condition holds. */
#define LOAD_UNTIL(world, condition)                                       \
    do {                                                                   \
        int64_t until_ = tern_steady(&tern_clock_system) + LOAD_WAIT_MS;   \
        while (!(condition) && tern_steady(&tern_clock_system) < until_) { \
            commit_batches((world), 1);                                    \
            for (int pause_ = 0; pause_ < 20; pause_++)                    \
                test_pause();                                              \
        }                                                                  \
        if (!(condition)) fail_msg("not in time: %s", #condition);         \
    } while (0)

#define TAKE_UNTIL(world, condition)                                                                              \
    do {                                                                                                          \
        int64_t until_ = tern_steady(&tern_clock_system) + LOAD_WAIT_MS;                                          \
        while (!(condition) && tern_steady(&tern_clock_system) < until_) {                                        \
            take_progress(world);                                                                                 \
            test_pause();                                                                                         \
        }                                                                                                         \
        if (!(condition))                                                                                         \
            fail_msg("not in time: %s (appended %lld, mark %lld, confirmed %lld, received %lld; %s)", #condition, \
                     (long long)(world)->appended, (long long)(world)->mark, (long long)(world)->confirmed,       \
                     (long long)atomic_load(&(world)->received), why(world));                                     \
    } while (0)

static void nothing_is_lost(struct world *world)
{
    struct tern_outbox_state outbox = {0};
    TAKE_UNTIL(world, world->mark == world->appended && world->confirmed == world->appended);
    TAKE_UNTIL(world, atomic_load(&world->received) == world->appended);
    for (int64_t number = 1; number <= world->appended; number++)
        assert_true(atomic_load(&world->seen[number]) > 0);
    MUST(tern_outbox_state(world->db, &outbox, &err));
    assert_int_equal(outbox.pending, 0);
}

static bool both_connected_again(struct world *world, const int before[2])
{
    return connects(world, 0) > before[0] && connects(world, 1) > before[1] && is_up(world, 0) && is_up(world, 1);
}

static void remember_connections(struct world *world, int before[2])
{
    before[0] = connects(world, 0);
    before[1] = connects(world, 1);
}

/* ---- tests --------------------------------------------------------------------------------------------------- */

static void every_event_is_confirmed_and_arrives_once_and_in_order(void **state)
{
    struct world *world = *state;
    commit_batches(world, 100);
    nothing_is_lost(world);
    assert_int_equal(atomic_load(&world->out_of_order), 0);
    for (int64_t number = 1; number <= world->appended; number++)
        assert_int_equal(atomic_load(&world->seen[number]), 1);
    assert_int_equal(test_links_times_logged(&world->links, "err="), 0);
}

static void connections_closed_by_the_broker_lose_nothing(void **state)
{
    struct world *world = *state;
    int before[2];
    for (int round = 0; round < 3; round++) {
        remember_connections(world, before);
        commit_batches(world, 20);
        real_broker_do(&world->broker, "ctl -q close_all_connections maintenance", NULL, 0);
        LOAD_UNTIL(world, both_connected_again(world, before));
    }
    assert_true(test_links_times_logged(&world->links, "320 CONNECTION_FORCED") > 0);
    nothing_is_lost(world);
}

static void a_broker_that_stops_and_starts_under_load_loses_nothing(void **state)
{
    struct world *world = *state;
    int before[2];
    remember_connections(world, before);
    commit_batches(world, 40);
    real_broker_do(&world->broker, "ctl -q stop_app", NULL, 0);
    commit_batches(world, 40);
    real_broker_do(&world->broker, "ctl -q start_app", NULL, 0);
    LOAD_UNTIL(world, both_connected_again(world, before));
    nothing_is_lost(world);
}

static void a_deleted_queue_is_declared_and_consumed_again(void **state)
{
    struct world *world = *state;
    int before[2];
    nothing_is_lost(world); /* the queue is empty: what is deleted with it would be gone */
    remember_connections(world, before);
    real_broker_do(&world->broker, "ctl -q delete_queue payment-service", NULL, 0);
    TAKE_UNTIL(world, connects(world, 1) > before[1] && is_up(world, 1));
    commit_batches(world, 20);
    nothing_is_lost(world);
}

static void an_event_without_a_queue_comes_back_and_is_sent_again(void **state)
{
    struct world *world = *state;
    nothing_is_lost(world);
    stop_consumer(world);
    real_broker_do(&world->broker, "ctl -q delete_queue payment-service", NULL, 0);
    int64_t holds = world->holds;
    int connected = connects(world, 0);
    commit_batches(world, 4);
    TAKE_UNTIL(world, world->holds > holds); /* returned */
    assert_true(world->confirmed < world->appended);
    TAKE_UNTIL(world, connects(world, 0) > connected && is_up(world, 0)); /* the topology is declared again */
    TAKE_UNTIL(world, world->confirmed == world->appended);
    start_consumer(world);
    nothing_is_lost(world);
}

static void a_memory_alarm_holds_up_the_publisher_only(void **state)
{
    struct world *world = *state;
    int before[2];
    remember_connections(world, before);
    nothing_is_lost(world);
    real_broker_do(&world->broker, "ctl -q set_vm_memory_high_watermark 0", NULL, 0);
    LOAD_UNTIL(world, atomic_load(&world->links.links.blocked));
    assert_true(tern_publisher_state(world->publisher).blocked);
    real_broker_do(&world->broker, "ctl -q set_vm_memory_high_watermark 0.4", NULL, 0);
    TAKE_UNTIL(world, !atomic_load(&world->links.links.blocked));
    nothing_is_lost(world);
    assert_true(is_up(world, 0) && is_up(world, 1)); /* on the same connections */
    assert_int_equal(connects(world, 0), before[0]);
    assert_int_equal(connects(world, 1), before[1]);
}

static void a_broker_killed_under_load_loses_nothing(void **state)
{
    struct world *world = *state;
    int before[2];
    remember_connections(world, before);
    commit_batches(world, 60);
    real_broker_do(&world->broker, "kill", NULL, 0);
    commit_batches(world, 60);
    real_broker_start(&world->broker);
    LOAD_UNTIL(world, both_connected_again(world, before));
    nothing_is_lost(world);
}

static void a_queue_with_other_settings_is_explained_and_waited_for(void **state)
{
    struct world *world = *state;
    nothing_is_lost(world);
    stop_consumer(world);
    int connected = connects(world, 0);
    real_broker_do(&world->broker, "ctl -q delete_queue payment-service", NULL, 0);
    real_broker_do(
        &world->broker,
        "ctl -q eval 'rabbit_amqqueue:declare(rabbit_misc:r(<<\"/\">>, queue, <<\"payment-service\">>), true, "
        "false, [], none, <<\"test\">>).'",
        NULL, 0);
    real_broker_do(&world->broker, "ctl -q close_all_connections other", NULL, 0);
    TAKE_UNTIL(world, connects(world, 0) > connected + 1); /* more than one set-up in vain */
    TAKE_UNTIL(world, strstr(why(world), "\"payment-service\" exists with other settings") != NULL);
    real_broker_do(&world->broker, "ctl -q delete_queue payment-service", NULL, 0);
    start_consumer(world);
    commit_batches(world, 2);
    nothing_is_lost(world);
}

static void a_stop_sends_the_acks_that_are_due(void **state)
{
    struct world *world = *state;
    nothing_is_lost(world);
    int64_t seen_before = atomic_load(&world->seen[world->appended]);
    stop_consumer(world);
    start_consumer(world);
    commit_batches(world, 1);
    nothing_is_lost(world);
    assert_int_equal(atomic_load(&world->seen[world->appended - BATCH]), seen_before); /* not delivered again */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_is_confirmed_and_arrives_once_and_in_order),
        cmocka_unit_test(a_stop_sends_the_acks_that_are_due),
        cmocka_unit_test(connections_closed_by_the_broker_lose_nothing),
        cmocka_unit_test(a_deleted_queue_is_declared_and_consumed_again),
        cmocka_unit_test(an_event_without_a_queue_comes_back_and_is_sent_again),
        cmocka_unit_test(a_queue_with_other_settings_is_explained_and_waited_for),
        cmocka_unit_test(a_broker_that_stops_and_starts_under_load_loses_nothing),
        cmocka_unit_test(a_memory_alarm_holds_up_the_publisher_only),
        cmocka_unit_test(a_broker_killed_under_load_loses_nothing),
    };
    return cmocka_run_group_tests(tests, open_world, close_world);
}
