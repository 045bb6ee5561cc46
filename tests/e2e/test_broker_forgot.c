/* test_broker_forgot.c - f: brokers that lose their disk or single queues, with what was in them: every order still
 * ends, and every event still reaches all who hear it, those that nobody answers too. */
#include "suite.h"
#include "suite_load.h"
#include "tern_test.h"

#include "tern/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { STOCK = 100000, STOCK_SUM = 50 + STOCK + 150 + 30 + 25, PATIENCE_S = 60 };

static struct suite suite;
static struct suite_load load;
static int64_t placed;

static void set_stock(void)
{
    char body[64];
    (void)snprintf(body, sizeof body, "{\"quantity\":%d}", STOCK);
    suite_put_stock(&suite, SUITE_LOAD_PRODUCT, body);
}

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=1",
                                           "RETRY_BACKOFF_MS=20", NULL};
    (void)state;
    placed = 0;
    suite_open(&suite, settings);
    suite_start_all(&suite);
    set_stock();
    return 0;
}

/* After a test that failed on its way. */
static int stop_load(void **state)
{
    (void)state;
    if (load.running) placed += suite_load_stop(&load);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

/* ---- what a broker may do ---- */

static void wipe_broker(const char *how)
{
    char command[128];
    real_broker_do(&suite.broker, how, NULL, 0);
    (void)snprintf(command, sizeof command, "rm -rf %s/data", suite.broker.folder);
    assert_int_equal(system(command), 0);
    real_broker_start(&suite.broker);
}

static void delete_queue(enum suite_daemon daemon)
{
    char words[64];
    (void)snprintf(words, sizeof words, "ctl -q delete_queue %s-service", suite_name(daemon));
    real_broker_do(&suite.broker, words, NULL, 0);
}

static void end(enum suite_daemon daemon)
{
    suite_signal(&suite, daemon, SIGTERM);
    assert_int_equal(suite_await_end(&suite, daemon, 20), 0);
}

static void begin(enum suite_daemon daemon)
{
    suite_start(&suite, daemon, NULL);
    suite_await_ready(&suite, daemon);
}

/* ---- what must hold ---- */

/* Who says what each of them hears. An inbox has one row for each event that was handled. */
static const struct hearing {
    enum suite_daemon hearer, producer;
    const char *said;
} hearings[] = {
    {SUITE_PAYMENT,      SUITE_ORDER,     "'OrderPlaced', 'OrderCancelled'"                                                  },
    {SUITE_INVENTORY,    SUITE_ORDER,     "'OrderPlaced', 'OrderCancelled'"                                                  },
    {SUITE_INVENTORY,    SUITE_PAYMENT,   "'PaymentProcessed'"                                                               },
    {SUITE_NOTIFICATION, SUITE_ORDER,     "'OrderPlaced', 'OrderUpdated', 'OrderCancelled'"                                  },
    {SUITE_NOTIFICATION, SUITE_PAYMENT,   "'PaymentProcessed', 'PaymentFailed', 'PaymentRefunded'"                           },
    {SUITE_NOTIFICATION, SUITE_INVENTORY, "'ProductOutOfStock'"                                                              },
    {SUITE_ORDER,        SUITE_PAYMENT,   "'PaymentProcessed', 'PaymentFailed', 'PaymentRefunded', 'PaymentVoided'"          },
    {SUITE_ORDER,        SUITE_INVENTORY, "'InventoryUpdated', 'InventoryReserved', 'InventoryReleased', 'ProductOutOfStock'"},
};

static int64_t unheard(enum suite_daemon hearer)
{
    char sql[256];
    int64_t said = 0;
    for (size_t i = 0; i < TERN_COUNT(hearings); i++) {
        if (hearings[i].hearer != hearer) continue;
        (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM event_log WHERE origin = 1 AND type IN (%s)",
                       hearings[i].said);
        said += suite_store_number(&suite, hearings[i].producer, sql);
    }
    return said - suite_store_number(&suite, hearer, "SELECT count(*) FROM inbox");
}

static bool all_is_heard(void *self)
{
    (void)self;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        if (unheard((enum suite_daemon)i) != 0) return false;
    return true;
}

static bool nothing_is_said_again(void *self)
{
    static const char sql[] =
        "SELECT (SELECT count(*) FROM republish_range) + (SELECT count(*) FROM republish_request)";
    (void)self;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        if (suite_store_number(&suite, (enum suite_daemon)i, sql) != 0) return false;
    return true;
}

static void everything_arrives(void)
{
    if (!suite_wait(PATIENCE_S, all_is_heard, NULL))
        for (int i = 0; i < SUITE_DAEMONS; i++)
            if (unheard((enum suite_daemon)i) != 0)
                fail_msg("%s has not heard %lld events", suite_name((enum suite_daemon)i),
                         (long long)unheard((enum suite_daemon)i));
    if (!suite_wait(PATIENCE_S, nothing_is_said_again, NULL)) fail_msg("the logs are said again for ever");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void place_some(int count)
{
    char id[64];
    for (int i = 0; i < count; i++) {
        suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":5}]", id);
        placed++;
        suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    }
}

static double forgotten(enum suite_daemon daemon)
{
    return suite_metric(&suite, daemon, "tern_queues_lost_total");
}

/* ---- the cases ---- */

static void test_restart_says_nothing_again(void **state)
{
    (void)state;
    place_some(2);
    suite_await_rest(&suite);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        end((enum suite_daemon)i);
    real_broker_do(&suite.broker, "stop", NULL, 0);
    real_broker_start(&suite.broker);
    suite_start_all(&suite);
    place_some(1);
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        assert_int_equal(forgotten((enum suite_daemon)i), 0);
        assert_true(suite_metric_sum(&suite, (enum suite_daemon)i, "tern_messages_republished_total") <= 0);
    }
    everything_arrives();
}

static void test_wiped_under_load(void **state)
{
    (void)state;
    suite_load_start(&load, &suite);
    suite_load_pass(&load, 15);
    wipe_broker("kill");
    suite_await_metric(&suite, SUITE_ORDER, "tern_queues_lost_total", 3); /* three queues hear it */
    suite_load_pass(&load, 15);
    wipe_broker("stop");
    suite_load_pass(&load, 5);
    suite_await_metric(&suite, SUITE_ORDER, "tern_queues_lost_total", 6);
    placed += suite_load_stop(&load);
    suite_load_await_ends(&load);
    everything_arrives();
}

/* Only in the queue of a service that is away, and nobody misses an answer. */
static void test_wiped_while_one_is_away(void **state)
{
    (void)state;
    end(SUITE_NOTIFICATION);
    place_some(4);
    wipe_broker("stop");
    begin(SUITE_NOTIFICATION);
    everything_arrives();
    assert_true(suite_metric_sum(&suite, SUITE_NOTIFICATION, "tern_healed_total") >= 4);
}

static void test_wiped_while_all_are_away(void **state)
{
    (void)state;
    end(SUITE_NOTIFICATION);
    place_some(3);
    for (int i = 0; i < SUITE_NOTIFICATION; i++)
        end((enum suite_daemon)i);
    wipe_broker("stop");
    suite_start_all(&suite);
    everything_arrives();
}

/* Order-service is killed on its way to saying all of it again, and begins once more. */
static void test_killed_meanwhile(void **state)
{
    static const char *const points[] = {"TERN_CHAOS_KILL=forgot.before_record:1",
                                         "TERN_CHAOS_KILL=forgot.before_marker:1", "TERN_CHAOS_KILL=forgot.mid:3",
                                         "TERN_CHAOS_KILL=forgot.before_noted:1"};
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(points); i++) {
        end(SUITE_NOTIFICATION);
        place_some(2);
        end(SUITE_ORDER);
        delete_queue(SUITE_NOTIFICATION);
        suite_start(&suite, SUITE_ORDER, points[i]);
        assert_int_equal(suite_await_end(&suite, SUITE_ORDER, PATIENCE_S), 128 + SIGKILL);
        begin(SUITE_ORDER);
        begin(SUITE_NOTIFICATION);
        everything_arrives();
    }
}

static void test_queue_deleted_while_all_are_away(void **state)
{
    (void)state;
    end(SUITE_NOTIFICATION);
    place_some(3);
    int answers = suite_log_lines(&suite, SUITE_PAYMENT, "asked again");
    for (int i = 0; i < SUITE_NOTIFICATION; i++)
        end((enum suite_daemon)i);
    delete_queue(SUITE_NOTIFICATION);
    suite_start_all(&suite);
    everything_arrives();
    assert_int_equal(suite_log_lines(&suite, SUITE_PAYMENT, "asked again"),
                     answers); /* payment hears it once more too */
    for (int i = 0; i < SUITE_NOTIFICATION; i++)
        assert_int_equal(forgotten((enum suite_daemon)i), 1);
}

/* Events go on being confirmed, since others take them; only the markers tell. */
static void test_queue_deleted_under_the_publishers(void **state)
{
    (void)state;
    double before = forgotten(SUITE_ORDER);
    end(SUITE_NOTIFICATION);
    place_some(2);
    delete_queue(SUITE_NOTIFICATION);
    place_some(2);
    suite_await_metric(&suite, SUITE_ORDER, "tern_queues_lost_total", before + 1);
    begin(SUITE_NOTIFICATION);
    everything_arrives();
}

static void test_queue_deleted_under_its_consumer(void **state)
{
    (void)state;
    suite_load_start(&load, &suite);
    suite_load_pass(&load, 5);
    delete_queue(SUITE_NOTIFICATION);
    suite_load_pass(&load, 5);
    delete_queue(SUITE_ORDER);
    suite_load_pass(&load, 5);
    placed += suite_load_stop(&load);
    suite_load_await_ends(&load);
    everything_arrives();
}

#define CASE(title, name)                  \
    {                                      \
        title, name, NULL, stop_load, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        CASE("f1: a broker that has everything hears nothing again", test_restart_says_nothing_again),
        CASE("f2: a broker wiped under load gets everything again", test_wiped_under_load),
        CASE("f3: what only one hears survives a wipe while it is away", test_wiped_while_one_is_away),
        CASE("f4: a wipe while all are away is noticed by all", test_wiped_while_all_are_away),
        CASE("f5: a queue deleted while all are away is filled again", test_queue_deleted_while_all_are_away),
        CASE("f6: a queue deleted under its publishers is filled again", test_queue_deleted_under_the_publishers),
        CASE("f7: a service killed while it says its log again says all of it", test_killed_meanwhile),
        CASE("f8: a queue deleted under its consumer is filled again", test_queue_deleted_under_its_consumer),
    };
    return cmocka_run_group_tests_name("a broker that forgot", tests, open_suite, close_suite);
}
