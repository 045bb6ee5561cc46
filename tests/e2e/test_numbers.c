/* test_numbers.c - n: what neighbours and operators do to queues and routes: a binding removed, a queue purged, messages that
 * expire. Each consumer knows by the numbers what it should have got, and gets it, without a nudge and before any deadline. */
#include "suite.h"
#include "tern_test.h"

#include "tern/base.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

enum { PATIENCE_S = 90, ROUNDS = 6 };

static struct suite suite;

/* A nudge comes after five minutes here: what heals before was healed by numbers. */
static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "PAYMENT_SUCCESS_RATE=1", "ORDER_NUDGE_S=300", NULL};
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

static void place(char ret_order[64])
{
    suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-103\",\"quantity\":1,\"price\":1.00}]", ret_order);
}

static void ctl(const char *words)
{
    char line[416];
    (void)snprintf(line, sizeof line, "ctl -q %s", words);
    real_broker_do(&suite.broker, line, NULL, 0);
}

static void unbind(enum suite_daemon daemon)
{
    char words[400];
    (void)snprintf(words, sizeof words,
                   "eval 'rabbit_binding:remove({binding, {resource, <<\"/\">>, exchange, <<\"events\">>},"
                   " <<\"order.placed\">>, {resource, <<\"/\">>, queue, <<\"%s-service\">>}, []}, <<\"test\">>).'",
                   suite_name(daemon));
    ctl(words);
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

static double missed(enum suite_daemon daemon)
{
    return suite_metric_sum(&suite, daemon, "tern_events_missed_total");
}

static int64_t orders_placed(void)
{
    return suite_store_number(&suite, SUITE_ORDER, "SELECT count(*) FROM event_log WHERE type = 'OrderPlaced'");
}

static bool all_letters_are_sent(void *self)
{
    static const char handled[] = "SELECT count(*) FROM notification WHERE type = 'ORDER_CONFIRMATION'";
    (void)self;
    return suite_store_number(&suite, SUITE_NOTIFICATION, handled) == orders_placed();
}

static void await_letters(void)
{
    if (!suite_wait(PATIENCE_S, all_letters_are_sent, NULL)) fail_msg("letters are missing");
}

static void nobody_was_nudged(void)
{
    assert_true(suite_metric_sum(&suite, SUITE_ORDER, "tern_order_nudges_total") <= 0);
}

static bool nothing_is_missing(void *self)
{
    enum suite_daemon daemon = *(const enum suite_daemon *)self;
    return suite_metric(&suite, daemon, "tern_events_missing") == 0;
}

static void await_whole(enum suite_daemon daemon)
{
    assert_true(suite_wait(PATIENCE_S, nothing_is_missing, &daemon));
    suite_await_answer(&suite, daemon, "/readyz", 200, "\"events\":{\"status\":\"pass\"}");
}

/* The route is back after some seconds: it is removed again until an event was lost. */
static void lose_an_order(enum suite_daemon daemon)
{
    char order[64];
    double before = missed(daemon);
    int64_t handled = orders_placed();
    for (int i = 0; i < ROUNDS && missed(daemon) <= before; i++) {
        unbind(daemon);
        place(order);
        suite_await_status(&suite, order, "READY_FOR_SHIPMENT");
        await_letters();
    }
    assert_true(orders_placed() > handled);
    assert_true(missed(daemon) > before);
}

static void a_letter_comes_although_its_route_was_removed(void **state)
{
    char order[64];
    (void)state;
    place(order);
    suite_await_status(&suite, order, "READY_FOR_SHIPMENT");
    lose_an_order(SUITE_NOTIFICATION);
    await_whole(SUITE_NOTIFICATION);
    assert_true(suite_metric(&suite, SUITE_NOTIFICATION, "tern_events_healed_total{type=\"OrderPlaced\"}") >= 1);
    assert_true(suite_log_lines(&suite, SUITE_NOTIFICATION, "events did not arrive, asking for them") >= 1);
    assert_true(suite_log_lines(&suite, SUITE_ORDER, "publishing them again") >= 1);
    nobody_was_nudged();
}

static void a_payment_comes_although_its_route_was_removed(void **state)
{
    (void)state;
    lose_an_order(SUITE_PAYMENT);
    await_whole(SUITE_PAYMENT);
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_events_healed_total{type=\"OrderPlaced\"}") >= 1);
    nobody_was_nudged();
}

static void a_purged_queue_costs_no_letter(void **state)
{
    char orders[3][64];
    (void)state;
    end(SUITE_NOTIFICATION);
    for (size_t i = 0; i < TERN_COUNT(orders); i++)
        place(orders[i]);
    for (size_t i = 0; i < TERN_COUNT(orders); i++)
        suite_await_status(&suite, orders[i], "READY_FOR_SHIPMENT");
    ctl("purge_queue notification-service");
    begin(SUITE_NOTIFICATION);
    await_letters();
    assert_true(missed(SUITE_NOTIFICATION) >= 3);
    assert_true(suite_metric(&suite, SUITE_NOTIFICATION, "tern_healed_total{layer=\"numbers\"}") >= 3);
    await_whole(SUITE_NOTIFICATION);
    nobody_was_nudged();
}

static void messages_that_expire_are_told_and_cost_no_letter(void **state)
{
    char orders[3][64];
    (void)state;
    end(SUITE_NOTIFICATION);
    ctl("set_policy --apply-to queues short '^notification-service$' '{\"message-ttl\":100}'");
    for (size_t i = 0; i < TERN_COUNT(orders); i++)
        place(orders[i]);
    for (size_t i = 0; i < TERN_COUNT(orders); i++)
        suite_await_status(&suite, orders[i], "READY_FOR_SHIPMENT");
    suite_await_metric(&suite, SUITE_ORDER, "tern_dead_letters", 3);
    suite_await_answer(&suite, SUITE_ORDER, "/readyz", 200, "messages lie in events.dead");
    assert_true(suite_log_lines(&suite, SUITE_ORDER, "messages were dead-lettered") >= 1);
    ctl("clear_policy short");
    begin(SUITE_NOTIFICATION);
    await_letters();
    await_whole(SUITE_NOTIFICATION);
    nobody_was_nudged();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_letter_comes_although_its_route_was_removed),
        cmocka_unit_test(a_payment_comes_although_its_route_was_removed),
        cmocka_unit_test(a_purged_queue_costs_no_letter),
        cmocka_unit_test(messages_that_expire_are_told_and_cost_no_letter),
    };
    return cmocka_run_group_tests_name("numbers", tests, open_suite, close_suite);
}
