/* test_paths.c - b: the basics, end to end: every path an order can take, and what people may ask about it after. */
#include "suite.h"
#include "tern_test.h"

#include "tern/base.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

static struct suite suite;
static int64_t placed;

#define TWO_LINES \
    "[{\"productId\":\"PROD-101\",\"quantity\":1,\"price\":59.90},{\"productId\":\"PROD-103\",\"quantity\":2,\"price\":9.95}]"

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=50-150", "RETRY_BACKOFF_MS=20", NULL};
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

static void place(const char *token, const char *items, char order_id[64])
{
    suite_place(&suite, token, items, order_id);
    placed++;
}

/* Whether the order's stream has these types in this order, with others between them. */
static void expect_events(const char *order_id, const char *const *types)
{
    struct raw_answer answer;
    char path[128], wanted[64];
    (void)snprintf(path, sizeof path, "/orders/%s/events", order_id);
    suite_ask(&suite, SUITE_ORDER, "GET", path, "", "", &answer);
    assert_int_equal(answer.status, 200);
    const char *at = answer.body;
    for (; *types; types++) {
        (void)snprintf(wanted, sizeof wanted, "\"eventType\":\"%s\"", *types);
        at = strstr(at, wanted);
        if (!at) fail_msg("%s does not come in its place in %s", *types, answer.body);
    }
    raw_answer_fini(&answer);
}
#define EXPECT_EVENTS(order_id, ...) expect_events(order_id, (const char *const[]){__VA_ARGS__, NULL})

static void cancel(const char *order_id, int expected)
{
    struct raw_answer answer;
    char path[128];
    (void)snprintf(path, sizeof path, "/orders/%s/cancel", order_id);
    suite_ask(&suite, SUITE_ORDER, "POST", path, "Content-Length: 0\r\n", "", &answer);
    assert_int_equal(answer.status, expected);
    raw_answer_fini(&answer);
}

/* What is refused is not kept with its key: each time it is looked at anew, and other words are no misuse of it. */
static void cancel_is_refused_anew(const char *id)
{
    static const char *const bodies[] = {"{}", "{}", "{\"reason\":\"other words\"}"};
    char path[128];
    (void)snprintf(path, sizeof path, "/orders/%s/cancel", id);
    for (size_t i = 0; i < TERN_COUNT(bodies); i++) {
        struct raw_answer answer;
        suite_ask(&suite, SUITE_ORDER, "POST", path, "Idempotency-Key: too-late\r\n", bodies[i], &answer);
        assert_int_equal(answer.status, 409);
        assert_non_null(strstr(answer.body, "is PAYMENT_FAILED: there is nothing left to cancel."));
        assert_string_equal(raw_answer_header(&answer, "Idempotency-Replayed"), "");
        raw_answer_fini(&answer);
    }
}

static void test_success(void **state)
{
    char id[64];
    (void)state;
    place("tok_ok", TWO_LINES, id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    EXPECT_EVENTS(id, "OrderPlaced", "PaymentProcessed", "OrderUpdated", "InventoryReserved", "OrderUpdated");
}

static void test_declined(void **state)
{
    char id[64];
    (void)state;
    place("tok_declined", TWO_LINES, id);
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    EXPECT_EVENTS(id, "OrderPlaced", "PaymentFailed", "OrderUpdated", "OrderCancelled");
    cancel(id, 409);
    cancel_is_refused_anew(id);
}

static void test_gateway_error(void **state)
{
    char id[64], path[128], error[128];
    struct raw_answer answer;
    (void)state;
    place("tok_error", TWO_LINES, id);
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    (void)snprintf(path, sizeof path, "/payments/%s", id);
    suite_ask(&suite, SUITE_PAYMENT, "GET", path, "", "", &answer);
    suite_member(answer.body, "status", error, sizeof error);
    assert_string_equal(error, "ERROR");
    raw_answer_fini(&answer);
}

static void test_out_of_stock(void **state)
{
    char id[64];
    (void)state;
    place(
        "tok_ok",
        "[{\"productId\":\"PROD-101\",\"quantity\":1,\"price\":1},{\"productId\":\"PROD-105\",\"quantity\":9999,\"price\":1}]",
        id);
    suite_await_status(&suite, id, "CANCELLED");
    EXPECT_EVENTS(id, "OrderPlaced", "PaymentProcessed", "ProductOutOfStock", "OrderCancelled", "PaymentRefunded",
                  "OrderUpdated");
}

static void test_unknown_product(void **state)
{
    char id[64];
    (void)state;
    place("tok_ok", "[{\"productId\":\"NO-SUCH-THING\",\"quantity\":1,\"price\":5}]", id);
    suite_await_status(&suite, id, "CANCELLED");
    EXPECT_EVENTS(id, "OrderPlaced", "ProductOutOfStock", "PaymentRefunded");
}

static void test_lines_are_added_up(void **state)
{
    char id[64];
    (void)state;
    place(
        "tok_ok",
        "[{\"productId\":\"PROD-104\",\"quantity\":20,\"price\":1},{\"productId\":\"PROD-104\",\"quantity\":20,\"price\":1}]",
        id);
    suite_await_status(&suite, id, "CANCELLED"); /* 40 of 30 */
    EXPECT_EVENTS(id, "ProductOutOfStock");
}

static void test_cancel_when_ready(void **state)
{
    char id[64];
    (void)state;
    place("tok_ok", TWO_LINES, id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    cancel(id, 202);
    suite_await_status(&suite, id, "CANCELLED");
    cancel(id, 202);
    EXPECT_EVENTS(id, "OrderPlaced", "InventoryReserved", "OrderCancelled");
}

static void test_cancel_at_once(void **state)
{
    char id[64];
    (void)state;
    place("tok_ok", TWO_LINES, id);
    cancel(id, 202);
    suite_await_status(&suite, id, "CANCELLED");
}

static void test_notifications(void **state)
{
    static const char *const wanted[] = {"ORDER_CONFIRMATION",  "PAYMENT_FAILURE",    "\"EMAIL\",\"SMS\"",
                                         "ORDER_STATUS_UPDATE", "ORDER_CANCELLATION", "customer-customer-"};
    struct raw_answer answer;
    char id[64], path[128];
    (void)state;
    place("tok_declined", TWO_LINES, id);
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    suite_await_rest(&suite);
    (void)snprintf(path, sizeof path, "/notifications?orderId=%s", id);
    suite_ask(&suite, SUITE_NOTIFICATION, "GET", path, "", "", &answer);
    for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!strstr(answer.body, wanted[i])) fail_msg("%s is missing in %s", wanted[i], answer.body);
    assert_null(strstr(answer.body, "\"PENDING\""));
    raw_answer_fini(&answer);
}

static void test_restock_and_order(void **state)
{
    struct raw_answer answer;
    char id[64];
    (void)state;
    suite_put_stock(&suite, "PROD-900", "{\"name\":\"Lamp\",\"quantity\":0}");
    suite_ask(&suite, SUITE_INVENTORY, "POST", "/inventory/PROD-900/restock", suite_bearer(&suite, SUITE_INVENTORY),
              "{\"quantity\":3}", &answer);
    assert_int_equal(answer.status, 200);
    raw_answer_fini(&answer);
    place("tok_ok", "[{\"productId\":\"PROD-900\",\"quantity\":3,\"price\":5}]", id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_ask(&suite, SUITE_INVENTORY, "GET", "/inventory/PROD-900", "", "", &answer);
    assert_non_null(strstr(answer.body, "\"quantity\":0,\"reserved\":3"));
    raw_answer_fini(&answer);
}

static void put_stock(const char *quantity, int expected)
{
    struct raw_answer answer;
    char body[64];
    (void)snprintf(body, sizeof body, "{\"quantity\":%s}", quantity);
    suite_ask(&suite, SUITE_INVENTORY, "PUT", "/inventory/PROD-901", suite_bearer(&suite, SUITE_INVENTORY), body,
              &answer);
    assert_int_equal(answer.status, expected);
    raw_answer_fini(&answer);
}

static void test_room_for_what_comes_back(void **state)
{
    char id[64];
    (void)state;
    put_stock("3", 201);
    place("tok_ok", "[{\"productId\":\"PROD-901\",\"quantity\":3,\"price\":5}]", id);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    put_stock("1000000000", 409);
    put_stock("999999998", 409);
    put_stock("999999997", 200);
    cancel(id, 202);
    suite_await_status(&suite, id, "CANCELLED");
    put_stock("0", 200);
}

static void test_books_after_drain(void **state)
{
    (void)state;
    suite_await_rest(&suite);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_signal(&suite, (enum suite_daemon)i, SIGTERM);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        assert_int_equal(suite_await_end(&suite, (enum suite_daemon)i, 30), 0);
    suite_check_books(&suite, placed, 50 + 100 + 150 + 30 + 25 + 3);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_success, "an order that is paid and in stock becomes ready for shipment"),
        TEST(test_declined, "an order whose payment is declined fails, and can no longer be cancelled"),
        TEST(test_gateway_error, "a gateway that only fails ends in PAYMENT_FAILED with ERROR after its retries"),
        TEST(test_out_of_stock, "an order without enough stock gives the money back and ends cancelled"),
        TEST(test_unknown_product, "a product that inventory does not know takes the out-of-stock path"),
        TEST(test_lines_are_added_up, "lines of the same product are added up before stock is looked at"),
        TEST(test_cancel_when_ready, "a customer may cancel what is ready, and asking twice changes nothing"),
        TEST(test_cancel_at_once, "a customer may cancel before the payment is through"),
        TEST(test_notifications,
             "a failed payment is told by mail and SMS, besides confirmation, update and cancellation"),
        TEST(test_restock_and_order, "what was restocked can be ordered, to the last piece"),
        TEST(test_room_for_what_comes_back,
             "stock cannot be set so high that a cancelled order could not give it back"),
        TEST(test_books_after_drain, "after a drain every daemon ends with 0 and the books balance"),
    };
    return cmocka_run_group_tests_name("every path, end to end", tests, open_suite, close_suite);
}
