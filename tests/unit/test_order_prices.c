/* test_order_prices.c - PRICES=catalogue: an order has the prices that inventory-service publishes, or is refused. */
#include <string.h>

#include "services/order/order_service.h"
#include "services/order/order_store.h"
#include "shop/catalogue.h"
#include "tern_test.h"
#include "test_app.h"

static struct test_app shop;

static enum tern_outcome keep(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct shop_inventory_updated *updated = argument;
    return order_store_keep_product(ctx->db, updated, "01a20df6-ae40-7768-aa09-86e7f63ba302", err) < 0 ? TERN_RETRY
                                                                                                       : TERN_DONE;
}

/* As InventoryUpdated would set it. */
static void publish(const char *product_id, int64_t price_minor, const char *currency, int64_t at_ms)
{
    struct shop_inventory_updated updated = {
        .name = "Thing", .new_quantity = 5, .updated_at_ms = at_ms, .price_minor = price_minor};
    struct tern_error err = {0};
    const struct tern_conversation silent = {0};
    strcpy(updated.product_id, product_id);
    strcpy(updated.currency, currency);
    assert_int_equal(tern_app_command(&shop.app, keep, &updated, &silent, &err), TERN_COMMITTED);
}

static int start(const char *prices)
{
    const char *const settings[] = {prices, NULL};
    struct tern_error err = {0};
    if (test_app_start(&shop, &order_service, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int start_catalogue(void **state)
{
    (void)state;
    return start("PRICES=catalogue");
}

static int start_client(void **state)
{
    (void)state;
    return start("PRICES=client");
}

static int stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    return 0;
}

#define ORDER(lines)         "{\"customerId\":\"C\",\"items\":[" lines "]}"
#define LINE(product, price) "{\"productId\":\"" product "\",\"quantity\":1,\"price\":" price "}"
#define POST(headers, body, status, contains) \
    test_app_answers(&shop, "POST", "/orders", headers, body, status, contains)

static void an_order_with_another_price_than_the_known_one_is_refused_by_line(void **state)
{
    (void)state;
    publish("P-1", 7999, "USD", 1);
    publish("P-2", 500, "EUR", 1);
    POST("", ORDER(LINE("P-1", "79.99")), 201, "");
    POST(
        "", ORDER(LINE("P-1", "79.99") "," LINE("P-1", "79.98")), 400,
        "{\"pointer\":\"#/items/1/price\",\"detail\":\"must be the price of the product, 79.99 USD\",\"code\":\"wrong_price\"}");
    POST("", ORDER(LINE("P-2", "5.00")), 400, "must be the price of the product, 5.00 EUR"); /* the order is in USD */
    test_app_answers(&shop, "GET", "/products", "", NULL, 200,
                     "\"productId\":\"P-2\",\"name\":\"Thing\",\"quantity\":5,\"price\":5.00,\"currency\":\"EUR\"");
}

static void a_product_without_a_known_price_may_have_any(void **state)
{
    (void)state;
    publish("P-3", 0, "", 1);
    POST("", ORDER(LINE("P-3", "0.01")), 201, "");
    POST("", ORDER(LINE("P-never-heard-of", "3")), 201, "");
}

static void a_key_gets_its_first_answer_also_when_the_price_has_changed_since(void **state)
{
    (void)state;
    publish("P-4", 100, "USD", 1);
    POST("Idempotency-Key: prices-1\r\n", ORDER(LINE("P-4", "1.00")), 201, "");
    publish("P-4", 200, "USD", 2);
    POST("Idempotency-Key: prices-1\r\n", ORDER(LINE("P-4", "1.00")), 201, "Idempotency-Replayed: true");
    POST("Idempotency-Key: prices-2\r\n", ORDER(LINE("P-4", "1.00")), 400, "2.00 USD");
    POST("Idempotency-Key: prices-2\r\n", ORDER(LINE("P-4", "2.00")), 201, "");
}

/* More lines than a list of faults keeps. */
static void a_key_gets_its_first_answer_also_when_every_price_of_a_long_order_has_changed(void **state)
{
    (void)state;
#define LINES_4 LINE("P-5", "1.00") "," LINE("P-5", "1.00") "," LINE("P-5", "1.00") "," LINE("P-5", "1.00")
    static const char order[] = ORDER(LINES_4 "," LINES_4 "," LINES_4 "," LINES_4 "," LINES_4);
    publish("P-5", 100, "USD", 1);
    POST("Idempotency-Key: prices-3\r\n", order, 201, "");
    publish("P-5", 200, "USD", 2);
    POST("Idempotency-Key: prices-3\r\n", order, 201, "Idempotency-Replayed: true");
    POST("Idempotency-Key: prices-4\r\n", order, 400, "2.00 USD");
}

static void prices_are_the_clients_unless_said_otherwise(void **state)
{
    (void)state;
    publish("P-1", 7999, "USD", 1);
    POST("", ORDER(LINE("P-1", "0.01")), 201, "");
}

int main(void)
{
#define T(name, set_up) cmocka_unit_test_setup_teardown(name, set_up, stop)
    const struct CMUnitTest tests[] = {
        T(an_order_with_another_price_than_the_known_one_is_refused_by_line, start_catalogue),
        T(a_product_without_a_known_price_may_have_any, start_catalogue),
        T(a_key_gets_its_first_answer_also_when_the_price_has_changed_since, start_catalogue),
        T(a_key_gets_its_first_answer_also_when_every_price_of_a_long_order_has_changed, start_catalogue),
        T(prices_are_the_clients_unless_said_otherwise, start_client),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
