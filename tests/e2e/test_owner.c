/* test_owner.c - o: several stores on one broker. Only one works on a service's queue; the others do nothing at all, and
 * say why. */
#include "suite.h"
#include "tern_test.h"

#include "tern/base.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ORDERS = 15, STOCK_SUM = 50 + 100 + 150 + 30 + 25 };

#define FOREIGN   "the broker's queue payment-service belongs to another store"
#define CONNECTED "another payment-service is connected to this broker and owns its queue; standing by"
#define ITEM      "[{\"productId\":\"PROD-103\",\"quantity\":1,\"price\":10}]"

/* Charges that were promised and are not begun. */
#define PROMISES "SELECT count(*) FROM payment JOIN job ON subject = order_id WHERE status = 'PENDING' AND attempts = 0"

static struct suite suite, second; /* the second has other stores and the same broker */
static char second_broker[160];
static int64_t placed;

static int open_suites(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=2", NULL};
    static const char *const same_broker[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", second_broker, NULL};
    (void)state;
    placed = 0;
    suite_open(&suite, settings);
    (void)snprintf(second_broker, sizeof second_broker, "AMQP_URL=%s", suite.broker.url);
    suite_open_alone(&second, same_broker);
    suite_start_all(&suite);
    return 0;
}

static int close_suites(void **state)
{
    (void)state;
    suite_close(&second);
    suite_close(&suite);
    return 0;
}

/* ---- what is done ---- */

static void place_all(char ids[ORDERS][64])
{
    for (int i = 0; i < ORDERS; i++)
        suite_place(&suite, "tok_ok", ITEM, ids[i]);
    placed += ORDERS;
    for (int i = 0; i < ORDERS; i++)
        suite_await_status(&suite, ids[i], "READY_FOR_SHIPMENT");
}

static void cancel_all(char ids[ORDERS][64])
{
    for (int i = 0; i < ORDERS; i++) {
        char path[128];
        struct raw_answer answer;
        (void)snprintf(path, sizeof path, "/orders/%.63s/cancel", ids[i]);
        suite_ask(&suite, SUITE_ORDER, "POST", path, "", "{}", &answer);
        assert_int_equal(answer.status, 202);
        raw_answer_fini(&answer);
    }
    for (int i = 0; i < ORDERS; i++)
        suite_await_status(&suite, ids[i], "CANCELLED");
}

static void end(struct suite *of, enum suite_daemon daemon, int signal)
{
    suite_signal(of, daemon, signal);
    assert_int_equal(suite_await_end(of, daemon, 30), signal == SIGKILL ? 128 + SIGKILL : 0);
}

static void does_nothing(enum suite_daemon daemon, const char *why)
{
    suite_await_answer(&second, daemon, "/readyz", 503, why);
    assert_true(suite_metric(&second, daemon, "tern_queue_owned") <= 0);
    assert_true(suite_metric_sum(&second, daemon, "tern_messages_published_total") <= 0);
    assert_true(suite_metric_sum(&second, daemon, "tern_messages_consumed_total") <= 0);
}

/* ---- the cases ---- */

static void test_two_payments(void **state)
{
    char ids[ORDERS][64];
    (void)state;
    suite_start(&second, SUITE_PAYMENT, NULL);
    suite_await_answer(&second, SUITE_PAYMENT, "/readyz", 503, "\"owner\":{\"status\":\"fail\",\"output\":\"" FOREIGN);
    place_all(ids);
    cancel_all(ids);
    suite_await_rest(&suite);
    does_nothing(SUITE_PAYMENT, "--adopt-queue");
    suite_await_log(&second, SUITE_PAYMENT, FOREIGN, 1);
    assert_int_equal(suite_store_number(&second, SUITE_PAYMENT, "SELECT count(*) FROM inbox"), 0);
    assert_int_equal(
        suite_store_number(&suite, SUITE_PAYMENT, "SELECT count(*) FROM payment WHERE status <> 'REFUNDED'"), 0);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_ready(&suite, (enum suite_daemon)i);
    suite_check_books(&suite, placed, STOCK_SUM);
}

/* Whoever means it waits for the end of the first, and then is the one. What the first had not begun it begins no more. */
static void test_adoption(void **state)
{
    char ids[ORDERS][64], promised[64];
    (void)state;
    end(&second, SUITE_PAYMENT, SIGTERM);
    end(&suite, SUITE_PAYMENT, SIGTERM);
    suite_start(&suite, SUITE_PAYMENT, "TERN_CHAOS_KILL=job.before_run:1");
    suite_await_ready(&suite, SUITE_PAYMENT);
    suite_start(&second, SUITE_PAYMENT, "--adopt-queue");
    does_nothing(SUITE_PAYMENT, CONNECTED);
    suite_await_log(&second, SUITE_PAYMENT, CONNECTED, 1);
    suite_place(&suite, "tok_ok", ITEM, promised);
    placed++;
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 30), 128 + SIGKILL);
    suite_await_ready(&second, SUITE_PAYMENT);
    suite_await_log(&second, SUITE_PAYMENT, "took its queue over from another store", 1);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_answer(&suite, SUITE_PAYMENT, "/readyz", 503, FOREIGN);
    suite_await_status(&suite, promised, "READY_FOR_SHIPMENT"); /* it was asked for again, and the second heard it */
    place_all(ids);
    assert_int_equal(suite_store_number(&suite, SUITE_PAYMENT, "SELECT count(*) FROM payment"), placed - ORDERS);
    assert_int_equal(suite_store_number(&suite, SUITE_PAYMENT, PROMISES), 1);
    assert_int_equal(suite_store_number(&second, SUITE_PAYMENT, "SELECT count(*) FROM payment"), ORDERS + 1);
    end(&second, SUITE_PAYMENT, SIGTERM); /* the flag was for one start: it stays the one without */
    suite_start(&second, SUITE_PAYMENT, NULL);
    suite_await_ready(&second, SUITE_PAYMENT);
}

/* Between the two steps of an adoption there is no claim: whoever comes first has the queue, and only that one. */
static void test_killed_on_its_way(void **state)
{
    (void)state;
    end(&second, SUITE_PAYMENT, SIGTERM);
    end(&suite, SUITE_PAYMENT, SIGTERM);
    suite.settings = (const char *const[]){"PAYMENT_DELAY_MS=0", "TERN_CHAOS_KILL=adopt.before_claim:1", NULL};
    suite_start(&suite, SUITE_PAYMENT, "--adopt-queue");
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 30), 128 + SIGKILL);
    suite.settings = second.settings;
    suite_start(&second, SUITE_PAYMENT, NULL);
    suite_await_ready(&second, SUITE_PAYMENT);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_answer(&suite, SUITE_PAYMENT, "/readyz", 503, FOREIGN);
}

/* A process that stands still loses its queue after some heartbeats, and knows it before it says anything more. */
static void test_owner_stands_still(void **state)
{
    (void)state;
    end(&suite, SUITE_PAYMENT, SIGTERM);
    suite_start(&suite, SUITE_PAYMENT, "--adopt-queue");
    suite_await_answer(&suite, SUITE_PAYMENT, "/readyz", 503, CONNECTED);
    suite_signal(&second, SUITE_PAYMENT, SIGSTOP);
    suite_await_ready(&suite, SUITE_PAYMENT);
    suite_signal(&second, SUITE_PAYMENT, SIGCONT);
    suite_await_answer(&second, SUITE_PAYMENT, "/readyz", 503, FOREIGN);
    end(&second, SUITE_PAYMENT, SIGTERM);
}

/* The queue is deleted under its owner while another store waits for it: it does not become the one by that. */
static void test_queue_deleted(void **state)
{
    (void)state;
    suite_start(&second, SUITE_PAYMENT, NULL);
    suite_await_answer(&second, SUITE_PAYMENT, "/readyz", 503, FOREIGN);
    end(&suite, SUITE_PAYMENT, SIGTERM);
    real_broker_do(&suite.broker, "ctl -q delete_queue payment-service", NULL, 0);
    suite_await_answer(&second, SUITE_PAYMENT, "/readyz", 503, "belonged to another store and is now nobody's");
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_ready(&suite, SUITE_PAYMENT);
    suite_await_answer(&second, SUITE_PAYMENT, "/readyz", 503, FOREIGN);
    end(&second, SUITE_PAYMENT, SIGTERM);
}

static void test_two_orders(void **state)
{
    char ids[ORDERS][64];
    struct raw_answer answer;
    (void)state;
    suite_start(&second, SUITE_ORDER, NULL);
    does_nothing(SUITE_ORDER, "the broker's queue order-service belongs to another store");
    suite_ask(&second, SUITE_ORDER, "POST", "/orders", "", "{\"customerId\":\"c\",\"items\":" ITEM "}", &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "--adopt-queue"));
    raw_answer_fini(&answer);
    place_all(ids);
    suite_await_rest(&suite);
    assert_int_equal(suite_metric(&suite, SUITE_ORDER, "tern_parked_messages"), 0);
    end(&second, SUITE_ORDER, SIGTERM);
}

/* The fence itself: no second process comes near the store, so nobody stands by for the same one. */
static void test_same_store(void **state)
{
    char folder[TEST_FOLDER_SIZE];
    (void)state;
    memcpy(folder, second.folder, sizeof folder);
    memcpy(second.folder, suite.folder, sizeof folder);
    suite_start(&second, SUITE_INVENTORY, NULL);
    assert_int_equal(suite_await_end(&second, SUITE_INVENTORY, 30), 74);
    memcpy(second.folder, folder, sizeof folder);
    suite_await_log(&suite, SUITE_INVENTORY, "another process is using it", 1);
    suite_await_ready(&suite, SUITE_INVENTORY);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"o1: a second payment-service with another store does nothing and says why", test_two_payments,       NULL, NULL,
         NULL                                                                                                                  },
        {"o2: with --adopt-queue it takes over when the first has ended",             test_adoption,           NULL, NULL, NULL},
        {"o3: a daemon killed while it adopts leaves one owner",                      test_killed_on_its_way,  NULL, NULL, NULL},
        {"o4: a process that stood still is not the owner any more",                  test_owner_stands_still, NULL, NULL, NULL},
        {"o5: a deleted queue is not taken by a store that was refused",              test_queue_deleted,      NULL, NULL, NULL},
        {"o6: a second order-service takes no orders",                                test_two_orders,         NULL, NULL, NULL},
        {"o7: a second process on the same store ends with 74",                       test_same_store,         NULL, NULL, NULL},
    };
    return cmocka_run_group_tests_name("one owner", tests, open_suites, close_suites);
}
