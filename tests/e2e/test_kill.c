/* test_kill.c - k: a daemon killed with -9 on each side of every ordering that matters: nothing lost, nothing twice.
 *
 * For each kill point: the daemon runs with TERN_CHAOS_KILL, orders are placed, the point must fire, the daemon comes back without it, and every
 * order must end as it should. The books are checked at the end over all of them. Needs a build with TERN_CHAOS. */
#include "suite.h"
#include "tern_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { ORDERS_PER_POINT = 6, DIES_WITHIN_S = 30 };

#define ONE_LINE "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}]"
#define TOO_MUCH \
    "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":1},{\"productId\":\"PROD-105\",\"quantity\":9999,\"price\":1}]"
#define STOCK_SUM (50 + 100 + 150 + 30 + 25)

static struct suite suite;
static int64_t placed;

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0-20", "RETRY_BACKOFF_MS=20", NULL};
    (void)state;
    suite_open(&suite, settings);
    suite_start_all(&suite);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

struct death {
    enum suite_daemon daemon;
    pid_t pid; /* of the one that is to die */
};

static bool is_dead(void *self)
{
    const struct death *death = self;
    return suite.pid[death->daemon] != death->pid || suite_ended(&suite, death->daemon);
}

/* Half of the orders succeed, the others find no stock and get their money back: every handler has work. */
static void place_orders(char ids[ORDERS_PER_POINT][64])
{
    for (int i = 0; i < ORDERS_PER_POINT; i++, placed++)
        suite_place(&suite, "tok_ok", i % 3 == 0 ? ONE_LINE : TOO_MUCH, ids[i]);
}

static void kill_at(enum suite_daemon daemon, const char *point, int pass)
{
    char setting[96], ids[ORDERS_PER_POINT][64];
    suite_signal(&suite, daemon, SIGTERM);
    assert_int_equal(suite_await_end(&suite, daemon, 20), 0);
    (void)snprintf(setting, sizeof setting, "TERN_CHAOS_KILL=%s:%d", point, pass);
    suite_start(&suite, daemon, setting);
    struct death death = {daemon, suite.pid[daemon]};
    place_orders(ids);
    if (!suite_wait(DIES_WITHIN_S, is_dead, &death))
        fail_msg("%s was never reached in %s-service", point, suite_name(daemon));
    if (suite.pid[daemon] == death.pid) { /* else the placing client has seen it die, and started it again */
        assert_int_equal(suite_await_end(&suite, daemon, 1), 128 + SIGKILL);
        suite_start(&suite, daemon, NULL);
    }
    for (int i = 0; i < ORDERS_PER_POINT; i++)
        suite_await_status(&suite, ids[i], i % 3 == 0 ? "READY_FOR_SHIPMENT" : "CANCELLED");
}

/* Points that every daemon passes. */
static const char *const common_points[] = {
    "cons.after_recv",      "cons.before_handler",           "batch.mid",
    "writer.before_commit", "writer.after_commit",           "cons.after_commit_before_ack",
    "cons.after_ack",       "pub.after_send_before_confirm", "pub.after_confirm_before_mark"};

static void kill_at_all(enum suite_daemon daemon)
{
    for (size_t i = 0; i < sizeof common_points / sizeof common_points[0]; i++)
        kill_at(daemon, common_points[i], 1 + (int)i % 2);
}

static void test_order(void **state)
{
    (void)state;
    kill_at_all(SUITE_ORDER);
}

static void test_payment(void **state)
{
    (void)state;
    kill_at_all(SUITE_PAYMENT);
    kill_at(SUITE_PAYMENT, "job.before_run", 2);
    kill_at(SUITE_PAYMENT, "job.after_run_before_commit", 2);
}

static void test_inventory(void **state)
{
    (void)state;
    kill_at_all(SUITE_INVENTORY);
}

static void test_notification(void **state)
{
    (void)state;
    kill_at_all(SUITE_NOTIFICATION);
    kill_at(SUITE_NOTIFICATION, "job.after_run_before_commit", 3);
}

static void test_all_at_once(void **state)
{
    char ids[ORDERS_PER_POINT][64];
    (void)state;
    place_orders(ids);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_signal(&suite, (enum suite_daemon)i, SIGKILL);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 128 + SIGKILL);
    suite_start_all(&suite);
    for (int i = 0; i < ORDERS_PER_POINT; i++)
        suite_await_status(&suite, ids[i], i % 3 == 0 ? "READY_FOR_SHIPMENT" : "CANCELLED");
}

static void test_books(void **state)
{
    (void)state;
    suite_await_rest(&suite);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_signal(&suite, (enum suite_daemon)i, SIGTERM);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 0);
    suite_check_books(&suite, placed, STOCK_SUM);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_order, "order-service killed at each point loses no order and starts none twice"),
        TEST(test_payment, "payment-service killed at each point charges and refunds once"),
        TEST(test_inventory, "inventory-service killed at each point reserves and releases once"),
        TEST(test_notification, "notification-service killed at each point settles every message"),
        TEST(test_all_at_once, "all four killed at once come back and finish every order"),
        TEST(test_books, "after all of it the books balance"),
    };
    return cmocka_run_group_tests_name("killed at every ordering", tests, open_suite, close_suite);
}
