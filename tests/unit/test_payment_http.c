/* test_payment_http.c - payment-service in this process, without a broker: its jobs run, and its API tells what became
 * of the money. Events come in as a delivery's handler would bring them. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "raw_http.h"
#include "services/payment/payment.h"
#include "services/payment/payment_metrics.h"
#include "services/payment/payment_store.h"
#include "tern_test.h"
#include "test_app.h"
#include "test_context.h"
#include "wait_for.h"

static struct test_app shop;
static pthread_mutex_t unused = PTHREAD_MUTEX_INITIALIZER;

static int start(void **state)
{
    const char *const settings[] = {"PAYMENT_DELAY_MS=0-20", "RETRY_BACKOFF_MS=1", NULL};
    struct tern_error err = {0};
    (void)state;
    if (test_app_start(&shop, &payment_service, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    return 0;
}

static enum tern_outcome consume(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_event *event = argument;
    return payment_handlers[strcmp(event->type, "OrderPlaced") == 0 ? 0 : 1].handle(ctx, event, err);
}

static void tell(enum shop_event event, const char *order_id, const void *payload)
{
    struct test_context maker = {.now_ms = tern_now(&tern_clock_system), .foreign = shop.app.ids};
    struct tern_conversation conversation = {0};
    struct tern_event made;
    struct tern_error err = {0};
    test_context_event(&maker, event, order_id, payload, NULL, &made);
    strcpy(conversation.correlation_id, made.correlation_id);
    strcpy(conversation.causation_id, made.event_id);
    assert_int_equal(tern_app_command(&shop.app, consume, &made, &conversation, &err), TERN_COMMITTED);
    tern_event_fini(&made);
}

static void place(const char *order_id, const char *token)
{
    struct shop_order_placed placed = {.customer_id = "CUST-1",
                                       .total_amount_minor = 21997,
                                       .currency = "EUR",
                                       .status = "CREATED",
                                       .created_at_ms = 1};
    placed.items.count = 1;
    placed.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = 21997};
    strcpy(placed.order_id, order_id);
    strcpy(placed.payment_token, token);
    tell(SHOP_ORDER_PLACED, order_id, &placed);
}

static void cancel(const char *order_id)
{
    struct shop_order_cancelled cancelled = {
        .customer_id = "CUST-1", .reason = SHOP_REASON_CUSTOMER_REQUEST, .cancelled_at_ms = 1};
    cancelled.items.count = 1;
    cancelled.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = 100};
    strcpy(cancelled.order_id, order_id);
    tell(SHOP_ORDER_CANCELLED, order_id, &cancelled);
}

static bool has_status(const char *order_id, const char *status)
{
    char path[128], wanted[64];
    struct raw_answer answer;
    (void)snprintf(path, sizeof path, "GET /payments/%s HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n", order_id);
    (void)snprintf(wanted, sizeof wanted, "\"status\":\"%s\"", status);
    raw_http_ask(shop.port, path, &answer);
    bool has = answer.status == 200 && strstr(answer.text, wanted);
    raw_answer_fini(&answer);
    return has;
}

static void an_approved_payment_is_shown_whole(void **state)
{
    (void)state;
    place("ORD-OK", "tok_ok");
    TEST_WAIT(&unused, has_status("ORD-OK", "SUCCESS"));
    test_app_answers(&shop, "GET", "/payments/ORD-OK", "", NULL, 200,
                     "{\"orderId\":\"ORD-OK\",\"customerId\":\"CUST-1\",\"amount\":219.97,\"currency\":\"EUR\","
                     "\"status\":\"SUCCESS\",\"transactionId\":\"TXN-");
    cancel("ORD-OK");
    TEST_WAIT(&unused, has_status("ORD-OK", "REFUNDED"));
    test_app_answers(&shop, "GET", "/payments/ORD-OK", "", NULL, 200, "\"refundId\":\"REF-");
}

static void what_failed_is_shown_with_its_reason(void **state)
{
    (void)state;
    place("ORD-NO", "tok_declined");
    place("ORD-ERR", "tok_error");
    TEST_WAIT(&unused, has_status("ORD-NO", "FAILED"));
    test_app_answers(&shop, "GET", "/payments/ORD-NO", "", NULL, 200, "\"error\":\"card declined\"");
    TEST_WAIT(&unused, has_status("ORD-ERR", "ERROR"));
    test_app_answers(&shop, "GET", "/payments/ORD-ERR", "", NULL, 200, "\"error\":\"the gateway reported");
}

static void a_tombstone_is_shown_as_voided(void **state)
{
    (void)state;
    cancel("ORD-GONE");
    test_app_answers(&shop, "GET", "/payments/ORD-GONE", "", NULL, 200, "\"amount\":1.00,");
    assert_true(has_status("ORD-GONE", "VOIDED"));
}

static void an_order_that_nobody_placed_is_not_found(void **state)
{
    (void)state;
    test_app_answers(&shop, "GET", "/payments/ORD-NOBODY", "", NULL, 404, "No payment is known for this order.");
    test_app_answers(&shop, "GET", "/payments/ORD-NOBODY?full=1", "", NULL, 400, "argument full is not known here");
    test_app_answers(&shop, "GET", "/payments/%00", "", NULL, 400, "application/problem+json");
    test_app_answers(&shop, "POST", "/payments/ORD-OK", "", "{}", 405, "Allow:");
    test_app_answers(&shop, "GET", "/payments", "", NULL, 404, "application/problem+json");
}

static void payments_are_counted_by_what_became_of_them(void **state)
{
    (void)state;
    test_app_answers(&shop, "GET", "/metrics", "", NULL, 200, "tern_payments_total{result=\"FAILED\"} 1");
    test_app_answers(&shop, "GET", "/metrics", "", NULL, 200, "tern_payments_total{result=\"REFUNDED\"} 1");
    test_app_answers(&shop, "GET", "/metrics", "", NULL, 200, "tern_jobs_total{kind=\"charge\",result=\"again\"} 4");
    test_app_answers(&shop, "GET", "/metrics", "", NULL, 200, "tern_payment_refunds_outstanding 0\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_approved_payment_is_shown_whole),
        cmocka_unit_test(what_failed_is_shown_with_its_reason),
        cmocka_unit_test(a_tombstone_is_shown_as_voided),
        cmocka_unit_test(an_order_that_nobody_placed_is_not_found),
        cmocka_unit_test(payments_are_counted_by_what_became_of_them),
    };
    return cmocka_run_group_tests_name("payment http", tests, start, stop);
}
