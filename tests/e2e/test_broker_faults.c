/* test_broker_faults.c - f: what a broker can do to the services while orders are being placed all the time.
 *
 * After each fault every order has ended as it should, the queues are empty and the books balance. The faults run one
 * after the other on one broker, so each also shows that the one before left nothing broken. */
#include "suite.h"
#include "suite_bus.h"
#include "suite_load.h"
#include "tern_test.h"

#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tern/base.h"

enum { STOCK = 100000, STOCK_SUM = 50 + STOCK + 150 + 30 + 25, A_WHILE = 12 };

static struct suite suite;
static struct suite_load load;
static int64_t placed;

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0-30", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20",
                                           NULL};
    (void)state;
    suite_open(&suite, settings);
    real_broker_do(&suite.broker, "kill", NULL, 0);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static void begin_load(void)
{
    suite_load_start(&load, &suite);
    suite_load_pass(&load, A_WHILE);
}

/* After a test that failed on its way. */
static int stop_load(void **state)
{
    (void)state;
    if (load.running) placed += suite_load_stop(&load);
    return 0;
}

/* Orders were accepted whatever happened, and all is as if nothing had. */
static void end_load(void)
{
    suite_load_pass(&load, A_WHILE);
    placed += suite_load_stop(&load);
    assert_int_equal(atomic_load(&load.refused), 0);
    suite_load_await_ends(&load);
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void await_all_ready(void)
{
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_ready(&suite, (enum suite_daemon)i);
}

static void place(char id[64])
{
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":5}]", id);
    placed++;
}

/* ---- before the broker ---- */

static uint16_t broker_port(void)
{
    return (uint16_t)strtoul(strrchr(suite.broker.url, ':') + 1, NULL, 10);
}

/* Stands in the broker's place and hangs up on everybody, `calls` times. */
static void hang_up_on(int calls)
{
    const struct linger at_once = {.l_onoff = 1};
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(broker_port())};
    int yes = 1, listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    (void)setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    assert_int_equal(bind(listener, (struct sockaddr *)&address, sizeof address), 0);
    assert_int_equal(listen(listener, 16), 0);
    while (calls-- > 0) {
        struct pollfd call = {listener, POLLIN, 0};
        assert_int_equal(poll(&call, 1, 20000), 1);
        int fd = accept(listener, NULL, NULL);
        assert_true(fd >= 0);
        (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
        close(fd);
    }
    close(listener);
}

#define ORDER "{\"customerId\":\"early\",\"items\":[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":5}]}"

static void expect_answer(enum suite_daemon daemon, const char *method, const char *path, const char *body, int status,
                          const char *contains)
{
    struct raw_answer answer;
    suite_ask(&suite, daemon, method, path, "", body, &answer);
    if (answer.status != status || strstr(answer.body, contains) == NULL)
        fail_msg("%s %s: not %d with %s but %d, %s", method, path, status, contains, answer.status, answer.body);
    raw_answer_fini(&answer);
}

/* Which queue is whose is not known before the broker is: until then nothing is taken in. */
static void test_before_the_broker(void **state)
{
    static const char unreached[] = "the broker was not reached since the start; nothing is taken in before";
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_start(&suite, (enum suite_daemon)i, NULL);
    expect_answer(SUITE_ORDER, "POST", "/orders", ORDER, 503, unreached);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_answer(
            &suite, (enum suite_daemon)i, "/readyz", 503,
            "\"topology\":{\"status\":\"fail\",\"output\":\"not declared yet: the broker was not reached");
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "\"broker\":{\"status\":\"warn\"");
    hang_up_on(SUITE_DAEMONS * 2 * 2);
    for (int i = 0; i < SUITE_DAEMONS;
         i++) /* who called how often is chance: a link may have its first try still before it */
        suite_await_log(&suite, (enum suite_daemon)i, "the broker is not there, trying again", 2);
    real_broker_start(&suite.broker);
    await_all_ready();
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)i, "connected to the broker"), 2);
    suite_put_stock(&suite, SUITE_LOAD_PRODUCT, "{\"quantity\":100000}");
    begin_load();
    end_load();
}

/* Instead of notification-service as it is. */
static void expect_refusal(const char *setting, const char *readiness, const char *sentence, int links)
{
    const enum suite_daemon daemon = SUITE_NOTIFICATION;
    int said = suite_log_lines(&suite, daemon, sentence);
    suite_signal(&suite, daemon, SIGTERM);
    assert_int_equal(suite_await_end(&suite, daemon, 30), 0);
    suite_start(&suite, daemon, setting);
    suite_await_answer(&suite, daemon, "/readyz", 503, readiness);
    suite_await_log(&suite, daemon, sentence, said + links);
}

static void test_broker_refuses(void **state)
{
    char other[200];
    (void)state;
    expect_refusal("QUEUE_TYPE=classic",
                   "not declared yet: \\\"events.dead\\\" exists with other settings: its x-queue-type is not ours",
                   "\\\"events.dead\\\" exists with other settings", 1); /* the publisher waits for the consumer */
    (void)snprintf(other, sizeof other, "AMQP_URL=amqp://guest:not-the-password@127.0.0.1:%u/%%2f", broker_port());
    expect_refusal(other, "not declared yet: logging in at 127.0.0.1", "the broker refuses our user or password", 2);
    assert_int_equal(suite_log_lines(&suite, SUITE_NOTIFICATION, "not-the-password"), 0);
    (void)snprintf(other, sizeof other, "AMQP_URL=amqp://guest:guest@127.0.0.1:%u/nowhere", broker_port());
    expect_refusal(other, "does not let \\\"guest\\\" into the vhost \\\"nowhere\\\"", "the broker refuses the vhost",
                   2);
    real_broker_do(&suite.broker, "ctl -q add_user poor poor", NULL, 0);
    (void)snprintf(other, sizeof other, "AMQP_URL=amqp://poor:poor@127.0.0.1:%u/%%2f", broker_port());
    expect_refusal(other, "does not let \\\"poor\\\" into the vhost", "the broker refuses the vhost", 2);
    expect_refusal("AMQP_URL=amqp://127.0.0.1:1/",
                   "not connected, trying again: cannot connect to the broker at "
                   "127.0.0.1:1: Connection refused",
                   "the broker is not there, trying again", 2);
    suite_signal(&suite, SUITE_NOTIFICATION, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_NOTIFICATION, 30), 0);
    suite_start(&suite, SUITE_NOTIFICATION, NULL);
    suite_await_ready(&suite, SUITE_NOTIFICATION);
}

/* ---- the broker goes and comes ---- */

static void await_broker_missed(void)
{
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_answer(&suite, (enum suite_daemon)i, "/readyz", 200,
                           "\"broker\":{\"status\":\"warn\",\"output\":\"not connected, trying again: ");
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "{\"status\":\"warn\",\"service\":\"order-service\"");
}

static void test_broker_stopped(void **state)
{
    int said = suite_log_lines(&suite, SUITE_ORDER, "lost the broker, trying again");
    (void)state;
    begin_load();
    real_broker_do(&suite.broker, "ctl stop_app", NULL, 0);
    await_broker_missed();
    suite_load_pass(&load, A_WHILE);
    real_broker_do(&suite.broker, "ctl start_app", NULL, 0);
    await_all_ready();
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "lost the broker, trying again"), said + 2);
    end_load();
}

static void test_broker_killed(void **state)
{
    (void)state;
    begin_load();
    real_broker_do(&suite.broker, "kill", NULL, 0);
    await_broker_missed();
    suite_load_pass(&load, A_WHILE);
    real_broker_start(&suite.broker);
    await_all_ready();
    end_load();
}

/* The light goes out: the broker and everybody else at once. */
static void test_everything_killed(void **state)
{
    (void)state;
    suite_load_start(&load, &suite);
    suite_load_pass(&load, A_WHILE);
    real_broker_do(&suite.broker, "kill", NULL, 0);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_signal(&suite, (enum suite_daemon)i, SIGKILL);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 128 + SIGKILL);
    real_broker_start(&suite.broker);
    suite_start_all(&suite);
    atomic_store(&load.refused, 0); /* while there was nobody */
    end_load();
}

static void test_connections_closed(void **state)
{
    static const char row[] = "tern_amqp_reconnects_total{link=\"publisher\"}";
    (void)state;
    begin_load();
    for (int i = 0; i < 3; i++) {
        double before = suite_metric(&suite, SUITE_PAYMENT, row);
        real_broker_do(&suite.broker, "ctl close_all_connections enough", NULL, 0);
        if (i % 2)
            await_all_ready(); /* every second time they were cut off on their way back */
        else
            suite_await_metric(&suite, SUITE_PAYMENT, row, before + 1);
        suite_load_pass(&load, A_WHILE / 2);
    }
    await_all_ready();
    end_load();
}

/* ---- things of the broker vanish ---- */

static void test_queue_deleted(void **state)
{
    static const char row[] = "tern_amqp_reconnects_total{link=\"consumer\"}";
    char id[64], command[64];
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        double before = suite_metric(&suite, (enum suite_daemon)i, row);
        (void)snprintf(command, sizeof command, "ctl delete_queue %s-service", suite_name((enum suite_daemon)i));
        real_broker_do(&suite.broker, command, NULL, 0);
        suite_await_metric(&suite, (enum suite_daemon)i, row, before < 0 ? 1 : before + 1);
        suite_await_ready(&suite, (enum suite_daemon)i);
        place(id);
        suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    }
    begin_load();
    end_load();
}

static void test_exchange_deleted(void **state)
{
    char id[64];
    (void)state;
    real_broker_do(&suite.broker,
                   "ctl eval 'rabbit_exchange:delete(rabbit_misc:r(<<\"/\">>, exchange, <<\"events\">>), false, "
                   "<<\"test\">>).'",
                   NULL, 0);
    place(id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    begin_load();
    end_load();
}

static void test_memory_alarm(void **state)
{
    (void)state;
    begin_load();
    real_broker_do(&suite.broker, "ctl set_vm_memory_high_watermark 0", NULL, 0);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200,
                       "\"broker\":{\"status\":\"warn\",\"output\":\"the broker takes no messages now\"}");
    suite_await_metric(&suite, SUITE_ORDER, "tern_amqp_blocked{link=\"publisher\"}", 1);
    suite_load_pass(&load, 2 * A_WHILE);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_outbox_pending") >= 2 * A_WHILE);
    real_broker_do(&suite.broker, "ctl set_vm_memory_high_watermark 0.4", NULL, 0);
    await_all_ready();
    end_load();
}

/* ---- messages that cannot be handled ---- */

#define UNKNOWN_ORDER "ORD-0000000000000000000000000"

static int write_event(char *body, size_t size, const char *event_id, const char *type, const char *version)
{
    return snprintf(body, size,
                    "{\"eventId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"2026-11-23T14:30:00.123Z\","
                    "\"producer\":\"inventory-service\",\"version\":\"%s\","
                    "\"correlationId\":\"6b3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0001\",\"subject\":\"" UNKNOWN_ORDER "\","
                    "\"data\":{\"orderId\":\"" UNKNOWN_ORDER
                    "\",\"items\":[{\"productId\":\"PROD-101\",\"quantity\":1,\"price\":1.00}],"
                    "\"reservedAt\":\"2026-11-23T14:30:00.123Z\"}}",
                    event_id, type, version);
}

/* A number that the store of order-service is to show; metrics are a moment ahead of the commit. */
struct store_wait {
    const char *sql;
    int64_t wanted;
};

static bool store_shows(void *self)
{
    const struct store_wait *wait = self;
    return suite_store_number(&suite, SUITE_ORDER, wait->sql) == wait->wanted;
}

/* Publishes it where only order-service hears it, and waits until it is parked there for this reason. */
static void park(struct suite_bus *bus, const char *event_id, const void *body, size_t length, const char *reason,
                 const char *why)
{
    char row[96], sql[256];
    (void)snprintf(row, sizeof row, "tern_parked_total{reason=\"%s\"}", reason);
    double before = suite_metric(&suite, SUITE_ORDER, row);
    suite_bus_publish(bus, "inventory.reserved", "InventoryReserved", event_id, body, length);
    suite_await_metric(&suite, SUITE_ORDER, row, before < 0 ? 1 : before + 1);
    suite.parked[SUITE_ORDER]++;
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_parked_messages") == (double)suite.parked[SUITE_ORDER]);
    (void)snprintf(sql, sizeof sql,
                   "SELECT count(*) FROM deferred WHERE state = 2 AND reason = '%s' AND error LIKE '%%%s%%'", reason,
                   why);
    struct store_wait wait = {sql, before < 0 ? 1 : (int64_t)before + 1};
    if (!suite_wait(30, store_shows, &wait)) fail_msg("not parked in the store as %s: %s", reason, why);
}

static bool is_dead_lettered(void *self)
{
    char output[1024];
    (void)self;
    real_broker_do(&suite.broker, "ctl -q list_queues name messages", output, sizeof output);
    return strstr(output, "events.dead\t1") != NULL;
}

/* Too large to be kept by the service: its row says so, and the safety net has its bytes. */
static void park_giant(struct suite_bus *bus)
{
    enum { GIANT = 15 * 1024 * 1024 };
    char *giant = tern_alloc(GIANT);
    memset(giant, 'x', GIANT);
    park(bus, "bad-5", giant, GIANT, "oversized", " bytes, and an event");
    free(giant);
    assert_int_equal(suite_store_number(&suite, SUITE_ORDER,
                                        "SELECT count(*) FROM deferred WHERE length(body) = 0"
                                        " AND reason = 'oversized'"),
                     1);
    if (!suite_wait(20, is_dead_lettered, NULL)) fail_msg("events.dead has not got it");
    real_broker_do(&suite.broker, "ctl -q purge_queue events.dead", NULL, 0);
}

static void test_unreadable_messages(void **state)
{
    static char huge[70 * 1024];
    char body[1024];
    struct suite_bus *bus = suite_bus_open(suite.broker.url, false);
    (void)state;
    begin_load();
    park(bus, "bad-1", "{\"eventId\":", 11, "malformed", "");
    park(bus, "bad-2", "\xff\xfe\0\1", 4, "malformed", "");
    park(bus, "bad-3", "", 0, "malformed", "");
    memset(huge, 'x', sizeof huge);
    park(bus, "bad-4", huge, sizeof huge, "oversized", "71680 bytes");
    int length = write_event(body, sizeof body, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0001", "OrderExploded", "1.0");
    park(bus, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0001", body, (size_t)length, "unknown_type", "OrderExploded");
    length = write_event(body, sizeof body, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0002", "InventoryReserved", "2.0");
    park(bus, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0002", body, (size_t)length, "unknown_version", "2.0");
    length = write_event(body, sizeof body, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0003", "InventoryReserved", "1.0");
    park(bus, "0a3a0d2e-5f43-4c0e-8f0b-3f6f1b1f0003", body, (size_t)length, "rejected", UNKNOWN_ORDER);
    assert_int_equal(suite_store_number(&suite, SUITE_ORDER,
                                        "SELECT count(*) FROM deferred WHERE body = CAST('{\"eventId\":' AS BLOB)"),
                     1);
    assert_int_equal(
        suite_store_number(&suite, SUITE_ORDER, "SELECT length(body) FROM deferred WHERE reason = 'oversized'"),
        sizeof huge);
    park_giant(bus);
    suite_bus_close(bus);
    end_load();
}

/* A queue of three hears it, and each keeps its own copy; a restart forgets none of it. */
static void test_parked_is_kept(void **state)
{
    struct suite_bus *bus = suite_bus_open(suite.broker.url, false);
    char row[] = "tern_parked_messages";
    (void)state;
    suite_bus_publish(bus, "order.placed", "OrderPlaced", "bad-5", "[]", 2);
    suite_bus_close(bus);
    for (int i = SUITE_PAYMENT; i < SUITE_DAEMONS; i++) {
        suite_await_metric(&suite, (enum suite_daemon)i, row, (double)++suite.parked[i]);
        suite_signal(&suite, (enum suite_daemon)i, SIGTERM);
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 0);
        suite_start(&suite, (enum suite_daemon)i, NULL);
        assert_true(suite_metric(&suite, (enum suite_daemon)i, row) == (double)suite.parked[i]);
    }
    begin_load();
    end_load();
}

/* ---- everything twice ---- */

static double duplicates(void)
{
    double sum = 0;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        sum += suite_metric(&suite, (enum suite_daemon)i, "tern_inbox_duplicates_total");
    return sum;
}

struct duplicate_wait {
    double wanted;
};

static bool all_came_twice(void *self)
{
    return duplicates() >= ((struct duplicate_wait *)self)->wanted;
}

static int64_t events_said(void)
{
    int64_t count = 0;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        count += suite_store_number(&suite, (enum suite_daemon)i, "SELECT count(*) FROM event_log");
    return count;
}

static void test_each_event_twice_at_once(void **state)
{
    double before = duplicates();
    struct suite_bus *bus = suite_bus_open(suite.broker.url, true);
    (void)state;
    begin_load();
    end_load();
    struct duplicate_wait wait = {before + (double)suite_bus_hearers(bus, suite_bus_count(bus))};
    assert_true(wait.wanted > before);
    assert_true(suite_wait(30, all_came_twice, &wait));
    suite_bus_close(bus);
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

/* The last ones first: a decision long made must not be reopened. */
static void test_each_event_again_backwards(void **state)
{
    struct suite_bus *bus = suite_bus_open(suite.broker.url, false);
    (void)state;
    begin_load();
    end_load();
    size_t count = suite_bus_count(bus);
    int64_t said = events_said();
    struct duplicate_wait wait = {duplicates() + (double)suite_bus_hearers(bus, count)};
    for (size_t i = count; i-- > 0;) {
        const struct suite_heard *heard = suite_bus_heard(bus, i);
        if (strncmp(heard->type, "Notification", strlen("Notification")) == 0) continue; /* nobody hears these */
        suite_bus_publish(bus, heard->key, heard->type, heard->message_id, heard->body, heard->length);
    }
    assert_true(suite_wait(60, all_came_twice, &wait));
    suite_bus_close(bus);
    suite_await_rest(&suite);
    assert_int_equal(events_said(), said);
    suite_load_await_ends(&load);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void test_books(void **state)
{
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_signal(&suite, (enum suite_daemon)i, SIGTERM);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 0);
    suite_check_books(&suite, placed, STOCK_SUM);
}

#define TEST(function, sentence)                  \
    {                                             \
        sentence, function, NULL, stop_load, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_before_the_broker,
             "daemons that start before the broker say so once, take orders and then finish them"),
        TEST(test_broker_refuses, "a broker that refuses is tried again, and the reason said once per link"),
        TEST(test_broker_stopped, "a broker that is stopped and started is missed once per link, and loses no order"),
        TEST(test_broker_killed, "a broker killed with -9 comes back, and every order ends as it should"),
        TEST(test_everything_killed, "broker and daemons killed at the same moment come back and finish every order"),
        TEST(test_connections_closed, "connections closed by force, again and again, change nothing"),
        TEST(test_queue_deleted, "a queue deleted under its consumer is declared again, and orders go on"),
        TEST(test_exchange_deleted,
             "an exchange that was deleted is declared again before anything counts as published"),
        TEST(test_memory_alarm, "while the broker is out of memory orders are taken, and published afterwards"),
        TEST(test_unreadable_messages, "what cannot be handled is parked with its reason, and blocks nobody"),
        TEST(test_parked_is_kept, "each service that hears a bad message keeps it, over restarts"),
        TEST(test_each_event_twice_at_once, "when each event is delivered twice at once nothing happens twice"),
        TEST(test_each_event_again_backwards, "when old events come again, last ones first, nothing happens at all"),
        TEST(test_books, "after all of it the books balance"),
    };
    return cmocka_run_group_tests_name("faults of the broker", tests, open_suite, close_suite);
}
