/* test_payments.c - b: a gateway that takes seconds holds up nobody: a thousand payments are under way at the same time.
 *
 * The orders are placed first, while nobody charges; then payment-service finds all of them in its queue. */
#include "suite.h"
#include "tern_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { ORDERS = 1000, ENDS_WITHIN_S = 180, STOCK = 5000, STOCK_SUM = 50 + STOCK + 150 + 30 + 25 };

static struct suite suite;

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=1000-3000", "PAYMENT_SUCCESS_RATE=0.8", "LOG_LEVEL=warn",
                                           NULL};
    (void)state;
    suite_open(&suite, settings);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static int64_t number(enum suite_daemon daemon, const char *sql)
{
    return suite_store_number(&suite, daemon, sql);
}

struct progress {
    double most_pending;
};

/* Looks at how many charges are under way on the way to the last outcome. */
static bool all_have_ended(void *self)
{
    struct progress *progress = self;
    double pending = suite_metric(&suite, SUITE_PAYMENT, "tern_jobs_pending");
    if (pending > progress->most_pending) progress->most_pending = pending;
    return number(SUITE_ORDER,
                  "SELECT count(*) FROM orders WHERE status IN ('READY_FOR_SHIPMENT', 'PAYMENT_FAILED')") == ORDERS;
}

static void test_a_thousand_at_once(void **state)
{
    struct progress progress = {0};
    char id[64];
    (void)state;
    for (int i = 0; i < ORDERS; i++)
        suite_place(&suite, "", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":1}]", id);
    suite_start(&suite, SUITE_INVENTORY, NULL);
    suite_put_stock(&suite, "PROD-102", "{\"quantity\":5000}");
    suite_start(&suite, SUITE_NOTIFICATION, NULL);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    assert_true(suite_wait(ENDS_WITHIN_S, all_have_ended, &progress));
    print_message("at most %g charges were under way at the same time\n", progress.most_pending);
    assert_true(progress.most_pending > ORDERS / 10.0);
    assert_true(number(SUITE_PAYMENT, "SELECT min(updated_at - created_at) FROM payment") >= 1000);
    /* One after the other they would have taken two thousand seconds; the sum of all is still that. */
    assert_true(number(SUITE_PAYMENT, "SELECT sum(updated_at - created_at) FROM payment") > ORDERS * 1500);
    assert_true(number(SUITE_PAYMENT, "SELECT max(updated_at) - min(created_at) FROM payment") < ENDS_WITHIN_S * 1000);
}

static void test_success_rate(void **state)
{
    int64_t failed = number(SUITE_ORDER, "SELECT count(*) FROM orders WHERE status = 'PAYMENT_FAILED'");
    (void)state;
    assert_in_range(failed, 100, 300); /* 200 are expected, and 8 standard deviations allowed */
    assert_int_equal(number(SUITE_PAYMENT, "SELECT count(*) FROM payment WHERE status = 'FAILED'"), failed);
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_payments_total{result=\"FAILED\"}") == (double)failed);
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_payments_total{result=\"SUCCESS\"}") ==
                (double)(ORDERS - failed));
    suite_await_rest(&suite);
    suite_check_books(&suite, ORDERS, STOCK_SUM);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_a_thousand_at_once, "a thousand payments of one to three seconds run at the same time"),
        TEST(test_success_rate, "with a success rate of 0.8 some are declined, and the books balance"),
    };
    return cmocka_run_group_tests_name("payments that take their time", tests, open_suite, close_suite);
}
