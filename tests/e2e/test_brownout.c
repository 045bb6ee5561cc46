/* test_brownout.c - b: no broker, or one that takes nothing: the door stays open up to a stated backlog, in rows and in
 * age, and what has gathered drains without holding up what is new. */
#include "suite.h"
#include "suite_load.h"
#include "tern_test.h"

#include "tern/clock.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { STOCK = 100000, STOCK_SUM = 50 + STOCK + 150 + 30 + 25, BACKLOG = 1500, AGE_S = 3, CALM_MS = 500 };

static struct suite suite;
static int64_t placed;

static int open_with(const char *const *settings)
{
    placed = 0;
    suite_open(&suite, settings);
    suite_start_all(&suite);
    suite_put_stock(&suite, SUITE_LOAD_PRODUCT, "{\"quantity\":100000}");
    return 0;
}

static int open_with_a_cap(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20",
                                           "BACKLOG_MAX=1500", NULL};
    (void)state;
    return open_with(settings);
}

static int open_with_an_age(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "RETRY_BACKOFF_MS=20",
                                           "BACKLOG_MAX_AGE_S=3", NULL};
    (void)state;
    return open_with(settings);
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

/* One attempt: the status of the answer; a refusal says when to come back. */
static int attempt(char ret_id[64], const char *reason)
{
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "POST", "/orders", "",
              "{\"customerId\":\"C\",\"items\":[{\"productId\":\"" SUITE_LOAD_PRODUCT
              "\",\"quantity\":1,\"price\":5}],\"paymentToken\":\"tok_ok\"}",
              &answer);
    int status = answer.status;
    if (status == 201) {
        placed++;
        suite_member(answer.body, "orderId", ret_id, 64);
    } else if (!strstr(answer.text, "Retry-After: ") || !strstr(answer.body, reason)) {
        fail_msg("neither an order nor a refusal: %s", answer.text);
    }
    raw_answer_fini(&answer);
    return status;
}

/* Places so many, each taken in, and calmly on average, whatever the broker does. */
static void place(int count, char ret_id[64])
{
    int64_t begin_ms = tern_steady(&tern_clock_system);
    for (int i = 0; i < count; i++)
        assert_int_equal(attempt(ret_id, ""), 201);
    assert_in_range(tern_steady(&tern_clock_system) - begin_ms, 0, count * CALM_MS);
}

static void comes_to_rest(const char *id)
{
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_answer(&suite, (enum suite_daemon)i, "/readyz", 200, "\"status\":\"pass\",\"service\"");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

/* ---- the cases ---- */

static void test_cap(void **state)
{
    char id[64];
    struct raw_answer answer;
    int status = 201;
    (void)state;
    suite_await_rest(&suite);
    real_broker_do(&suite.broker, "stop", NULL, 0);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "not connected, trying again");
    while (status == 201 && placed < BACKLOG + 10)
        status = attempt(id, "too many events wait for the broker");
    assert_int_equal(status, 503);
    assert_int_equal(placed, BACKLOG);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "too many events wait for the broker");
    assert_int_equal(suite_metric(&suite, SUITE_ORDER, "tern_outbox_pending"), BACKLOG);
    suite_ask(&suite, SUITE_ORDER, "GET", "/orders?limit=1", "", "", &answer); /* reading goes on */
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);

    real_broker_start(&suite.broker);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "\"backlog\":{\"status\":\"pass\"}");
    place(50, id); /* while the backlog drains */
    comes_to_rest(id);
}

static void alarmed(const char *raise, const char *lower)
{
    char id[64];
    real_broker_do(&suite.broker, raise, NULL, 0);
    for (int i = 0; i < 500 && suite_metric(&suite, SUITE_ORDER, "tern_amqp_blocked{link=\"publisher\"}") < 1; i++)
        assert_int_equal(attempt(id, ""), 201); /* the broker says that it is blocked when it is published to */
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "the broker takes no messages now");
    place(100, id);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_outbox_pending") >= 100);
    real_broker_do(&suite.broker, lower, NULL, 0);
    comes_to_rest(id);
}

static void test_memory_alarm(void **state)
{
    (void)state;
    alarmed("ctl set_vm_memory_high_watermark 0", "ctl set_vm_memory_high_watermark 0.4");
}

static void test_disk_alarm(void **state)
{
    (void)state;
    alarmed("ctl set_disk_free_limit 10000000000000", "ctl set_disk_free_limit 10MB");
}

/* A full backlog of a daemon that was stopped is full after the start too. */
static void test_age(void **state)
{
    char id[64], ignored[64];
    (void)state;
    suite_await_rest(&suite);
    real_broker_do(&suite.broker, "stop", NULL, 0);
    assert_int_equal(attempt(id, ""), 201);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "an event has waited too long for the broker");
    assert_int_equal(attempt(ignored, "an event has waited too long for the broker"), 503);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_outbox_oldest_age_seconds") >= AGE_S);
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, 10), 0);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 503, "an event has waited too long for the broker");
    real_broker_start(&suite.broker);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "\"backlog\":{\"status\":\"pass\"}");
    place(10, id);
    comes_to_rest(id);
}

int main(void)
{
    const struct CMUnitTest capped[] = {
        {"b1: without a broker orders are taken in up to the cap, and drain calmly", test_cap,          NULL, NULL, NULL},
        {"b2: a memory alarm holds up nobody at the door",                           test_memory_alarm, NULL, NULL, NULL},
        {"b3: a disk alarm holds up nobody at the door",                             test_disk_alarm,   NULL, NULL, NULL},
    };
    const struct CMUnitTest aged[] = {
        {"b4: an event that has waited too long shuts the door until it has left", test_age, NULL, NULL, NULL},
    };
    int failed = cmocka_run_group_tests_name("a capped backlog", capped, open_with_a_cap, close_suite);
    return failed + cmocka_run_group_tests_name("an aged backlog", aged, open_with_an_age, close_suite);
}
