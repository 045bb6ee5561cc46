/* test_nudge.c - n: messages that are lost on their way, and answers that never come: every order ends all the same. */
#include "suite.h"
#include "tern_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { STOCK_SUM = 50 + 100 + 150 + 30 + 25 };

static struct suite suite;
static int64_t placed;

static int open_with(const char *const *settings)
{
    placed = 0;
    suite_open(&suite, settings);
    suite_start_all(&suite);
    return 0;
}

static int open_impatient(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=1",
                                           "RETRY_BACKOFF_MS=20", NULL};
    (void)state;
    return open_with(settings);
}

static int open_with_a_deadline(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=1",
                                           "ORDER_DEADLINE_S=3", "RETRY_BACKOFF_MS=20",    NULL};
    (void)state;
    return open_with(settings);
}

static int open_slow(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=1000", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=1",
                                           "RETRY_BACKOFF_MS=20", NULL};
    (void)state;
    return open_with(settings);
}

static int open_patient(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0",   "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=1",
                                           "ORDER_DEADLINE_S=120", "RETRY_BACKOFF_MS=20",    NULL};
    (void)state;
    return open_with(settings);
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static void place(char id[64])
{
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":5}]", id);
    placed++;
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

static void purge(enum suite_daemon daemon)
{
    char words[64];
    (void)snprintf(words, sizeof words, "ctl -q purge_queue %s-service", suite_name(daemon));
    real_broker_do(&suite.broker, words, NULL, 0);
}

struct wanted {
    enum suite_daemon daemon;
    const char *sql;
    int64_t number;
};

static bool has_number(void *self)
{
    const struct wanted *wanted = self;
    return suite_store_number(&suite, wanted->daemon, wanted->sql) == wanted->number;
}

static void await_number(enum suite_daemon daemon, const char *sql, int64_t number)
{
    struct wanted wanted = {daemon, sql, number};
    if (!suite_wait(30, has_number, &wanted)) fail_msg("%s is not %lld", sql, (long long)number);
}

/* What reached the queue of a service that was away is lost with the queue's content. */
static void what_a_service_never_got_is_asked_for_again(enum suite_daemon daemon, enum suite_daemon before,
                                                        const char *said)
{
    char id[4][64], sql[160];
    end(daemon);
    for (int i = 0; i < 4; i++)
        place(id[i]);
    (void)snprintf(sql, sizeof sql, "SELECT count(*) FROM event_log WHERE type = '%s'", said);
    await_number(before, sql, placed);
    suite_await_metric(&suite, before, "tern_outbox_pending", 0);
    await_number(before,
                 "SELECT max(e.seq) - m.confirmed_through FROM event_log e, outbox_position m WHERE e.origin = 1", 0);
    purge(daemon);
    begin(daemon);
    for (int i = 0; i < 4; i++)
        suite_await_status(&suite, id[i], "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void test_lost_before_payment(void **state)
{
    (void)state;
    what_a_service_never_got_is_asked_for_again(SUITE_PAYMENT, SUITE_ORDER, "OrderPlaced");
    assert_true(suite_metric_sum(&suite, SUITE_ORDER, "tern_order_nudges_total") >= 4);
    assert_true(suite_metric_sum(&suite, SUITE_PAYMENT, "tern_healed_total") >= 4);
}

static void test_lost_before_inventory(void **state)
{
    (void)state;
    what_a_service_never_got_is_asked_for_again(SUITE_INVENTORY, SUITE_PAYMENT, "PaymentProcessed");
}

/* All answers are lost: the nudge wakes the chain, and each service says its part again. */
static void test_lost_before_order(void **state)
{
    char id[4][64];
    (void)state;
    end(SUITE_PAYMENT);
    for (int i = 0; i < 4; i++)
        place(id[i]);
    end(SUITE_ORDER);
    begin(SUITE_PAYMENT);
    await_number(SUITE_INVENTORY, "SELECT count(*) FROM event_log WHERE type = 'InventoryReserved'", placed);
    await_number(SUITE_INVENTORY,
                 "SELECT max(e.seq) - m.confirmed_through FROM event_log e, outbox_position m WHERE e.origin = 1", 0);
    purge(SUITE_ORDER);
    begin(SUITE_ORDER);
    for (int i = 0; i < 4; i++)
        suite_await_status(&suite, id[i], "READY_FOR_SHIPMENT");
    assert_true(suite_metric_sum(&suite, SUITE_ORDER, "tern_healed_total") >= 8); /* paid and reserved */
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

/* The charge was begun by the order and ends after the cancel: its refund answers the cancel. */
static void test_lost_after_a_cancel(void **state)
{
    char id[64], path[96];
    struct raw_answer answer;
    (void)state;
    place(id);
    await_number(SUITE_PAYMENT, "SELECT count(*) FROM payment WHERE status = 'PENDING'", 1);
    (void)snprintf(path, sizeof path, "/orders/%s/cancel", id);
    suite_ask(&suite, SUITE_ORDER, "POST", path, "", "", &answer);
    assert_int_equal(answer.status, 202);
    raw_answer_fini(&answer);
    await_number(SUITE_PAYMENT, "SELECT count(*) FROM payment WHERE status = 'PENDING' AND cancel_wanted = 1", 1);
    end(SUITE_ORDER);
    await_number(SUITE_PAYMENT, "SELECT count(*) FROM event_log WHERE type = 'PaymentRefunded'", 1);
    await_number(SUITE_PAYMENT,
                 "SELECT max(e.seq) - m.confirmed_through FROM event_log e, outbox_position m WHERE e.origin = 1", 0);
    purge(SUITE_ORDER);
    begin(SUITE_ORDER);
    suite_await_status(&suite, id, "CANCELLED");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void test_deadline(void **state)
{
    char id[64];
    (void)state;
    end(SUITE_PAYMENT);
    place(id);
    suite_await_status(&suite, id, "CANCELLING");
    begin(SUITE_PAYMENT);
    suite_await_status(&suite, id, "CANCELLED");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
    assert_int_equal(suite_store_number(&suite, SUITE_ORDER, "SELECT reason = 'PAYMENT_TIMEOUT' FROM orders"), 1);
}

/* The clock of all patience stands still while the broker is away. */
static void test_no_deadline_without_a_broker(void **state)
{
    char id[64];
    (void)state;
    /* Stopped, not killed: RabbitMQ 3.10 can lose a young quorum queue's leader for good when it is killed. */
    place(id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    real_broker_do(&suite.broker, "stop", NULL, 0);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "warn");
    place(id);
    int64_t online = (int64_t)suite_metric(&suite, SUITE_ORDER, "tern_online_seconds");
    struct timespec longer = {3, 0};
    (void)nanosleep(&longer, NULL); /* nothing to wait for: that nothing happens is the point */
    assert_in_range(suite_metric(&suite, SUITE_ORDER, "tern_online_seconds"), online, online + 1);
    real_broker_start(&suite.broker);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

/* Patience, keys and the inbox count time with a broker: it must not be forgotten at a restart. */
static void test_online_time_is_kept(void **state)
{
    char id[64];
    (void)state;
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_metric(&suite, (enum suite_daemon)i, "tern_online_seconds", 6);
    place(id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        suite_signal(&suite, (enum suite_daemon)i, SIGKILL);
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 20), 128 + SIGKILL);
        assert_true(suite_store_number(&suite, (enum suite_daemon)i, "SELECT total_ms FROM online_time") >= 5000);
    }
}

int main(void)
{
    const struct CMUnitTest lost[] = {
        {"n1: what payment never got is asked for again",            test_lost_before_payment,   NULL, NULL, NULL},
        {"n2: what inventory never got is asked for again",          test_lost_before_inventory, NULL, NULL, NULL},
        {"n3: answers that order-service never got are given again", test_lost_before_order,     NULL, NULL, NULL},
    };
    const struct CMUnitTest crossed[] = {
        {"n3: the answer to a cancel during the charge is given again", test_lost_after_a_cancel, NULL, NULL, NULL},
    };
    const struct CMUnitTest late[] = {
        {"n4: an order whose payment does not come in time is cancelled", test_deadline, NULL, NULL, NULL},
    };
    const struct CMUnitTest away[] = {
        {"n5: time without the broker does not count",             test_no_deadline_without_a_broker, NULL, NULL, NULL},
        {"n6: how long a service was with its broker outlives it", test_online_time_is_kept,          NULL, NULL, NULL},
    };
    int failed = cmocka_run_group_tests_name("messages lost on the way", lost, open_impatient, close_suite);
    failed += cmocka_run_group_tests_name("a cancel that crosses a charge", crossed, open_slow, close_suite);
    failed += cmocka_run_group_tests_name("deadlines", late, open_with_a_deadline, close_suite);
    return failed + cmocka_run_group_tests_name("no broker", away, open_patient, close_suite);
}
