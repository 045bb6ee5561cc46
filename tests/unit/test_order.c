/* test_order.c - the fold of a stream, the words, and how an order is shown. */
#include "services/order/order.h"

#include <string.h>

#include "tern_test.h"

static void every_word_is_spelled_and_read_back(void **state)
{
    enum order_status status;
    enum saga_money money;
    enum saga_stock stock;

    (void)state;
    for (int i = 0; i < ORDER_STATUS_COUNT; i++) {
        assert_int_equal(order_status_parse(order_status_name((enum order_status)i), &status), 0);
        assert_int_equal(status, i);
    }
    for (int i = 0; i <= SAGA_MONEY_FINISHED; i++) {
        assert_int_equal(order_money_parse(order_money_name((enum saga_money)i), &money), 0);
        assert_int_equal(money, i);
    }
    for (int i = 0; i <= SAGA_STOCK_OUT; i++) {
        assert_int_equal(order_stock_parse(order_stock_name((enum saga_stock)i), &stock), 0);
        assert_int_equal(stock, i);
    }
    for (int i = 1; i < SAGA_REASON_COUNT; i++)
        assert_true(strlen(order_reason_name((enum saga_reason)i)) > 0);
    assert_string_equal(order_reason_name(SAGA_REASON_KEPT), "");
    assert_int_equal(order_status_parse("created", &status), -1);
    assert_int_equal(order_money_parse("", &money), -1);
    assert_int_equal(order_stock_parse("GONE", &stock), -1);
}

static void each_answer_of_the_catalogue_is_an_input(void **state)
{
    int inputs = 0;

    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const bool about_orders = event != SHOP_INVENTORY_UPDATED;
        const bool consumed = tern_catalogue_consumes(&shop_event_types[event], SHOP_SERVICE_ORDER);
        const enum saga_input input = order_input((enum shop_event)event);

        assert_int_equal(input != SAGA_NOTHING, consumed && about_orders);
        inputs += input != SAGA_NOTHING;
    }
    assert_int_equal(inputs, SAGA_INVENTORY_RELEASED + 1);
}

static struct shop_order_placed placed_order(void)
{
    struct shop_order_placed placed = {
        .order_id = "ORD-1",
        .customer_id = "CUST-1",
        .items = {.count = 2,
                  .at = {{.product_id = "A", .quantity = 2, .price_minor = 150},
                         {.product_id = "B", .quantity = 1, .price_minor = 1}}},
        .total_amount_minor = 301,
        .currency = "USD",
        .status = "CREATED",
        .created_at_ms = 1795530600123,
        .payment_token = "tok_secret"
    };

    placed.customer = (struct shop_customer){.given = true, .email = "ann@example.com"};
    return placed;
}

static void apply(struct order_state *order, enum shop_event event, const void *payload, int64_t at_ms)
{
    const struct shop_order_updated *updated = payload;
    enum order_status status = ORDER_CREATED;

    if (event == SHOP_ORDER_UPDATED) assert_int_equal(order_status_parse(updated->status, &status), 0);
    order_apply(order, &(struct order_change){.event = event,
                                              .payload = payload,
                                              .status = status,
                                              .correlation_id = "0b5c1e7a-8f0e-4c53-9d7a-111111111111",
                                              .version = order->version + 1,
                                              .at_ms = at_ms});
}

static void an_order_is_what_its_events_say(void **state)
{
    const struct shop_order_placed placed = placed_order();
    const struct shop_payment_processed processed = {.order_id = "ORD-1", .transaction_id = "TXN-9"};
    const struct shop_order_updated updated = {.order_id = "ORD-1", .status = "PAID"};
    const struct shop_product_out_of_stock out = {.order_id = "ORD-1", .product_id = "B"};
    const struct shop_order_cancelled cancelled = {.order_id = "ORD-1", .reason = "OUT_OF_STOCK"};
    struct order_state order = {0};

    (void)state;
    apply(&order, SHOP_ORDER_PLACED, &placed, 1795530600999);
    assert_int_equal(order.saga.status, ORDER_CREATED);
    assert_int_equal(order.updated_at_ms, order.created_at_ms);
    apply(&order, SHOP_PAYMENT_PROCESSED, &processed, 1795530601000);
    assert_int_equal(order.saga.status, ORDER_CREATED); /* only own events move it */
    assert_int_equal(order.saga.money, SAGA_MONEY_TAKEN);
    assert_string_equal(order.transaction_id, "TXN-9");
    apply(&order, SHOP_ORDER_UPDATED, &updated, 1795530600000); /* a clock that went back */
    assert_int_equal(order.saga.status, ORDER_PAID);
    assert_int_equal(order.updated_at_ms, 1795530601000);
    apply(&order, SHOP_PRODUCT_OUT_OF_STOCK, &out, 1795530602000);
    assert_int_equal(order.saga.stock, SAGA_STOCK_OUT);
    assert_string_equal(order.product_id, "B");
    apply(&order, SHOP_ORDER_CANCELLED, &cancelled, 1795530602000);
    assert_string_equal(order.reason, "OUT_OF_STOCK");
    assert_int_equal(order.version, 5);
    order_fini(&order);
}

static void what_was_ordered_can_be_read_back(void **state)
{
    const struct shop_order_placed placed = placed_order();
    struct order_state order = {0};
    struct shop_lines items;
    struct tern_error err = {0};

    (void)state;
    apply(&order, SHOP_ORDER_PLACED, &placed, placed.created_at_ms);
    assert_int_equal(order_items(&order, &items, &err), 0);
    assert_int_equal(items.count, placed.items.count);
    for (size_t i = 0; i < items.count; i++) {
        assert_string_equal(items.at[i].product_id, placed.items.at[i].product_id);
        assert_int_equal(items.at[i].quantity, placed.items.at[i].quantity);
        assert_int_equal(items.at[i].price_minor, placed.items.at[i].price_minor);
    }
    order.details.length--;
    assert_int_equal(order_items(&order, &items, &err), -1);
    assert_non_null(strstr(err.text, "ORD-1"));
    order_fini(&order);
}

static void an_order_is_shown_without_its_payment_token(void **state)
{
    const struct shop_order_placed placed = placed_order();
    struct order_state order = {0};
    struct tern_text text = {0};

    (void)state;
    apply(&order, SHOP_ORDER_PLACED, &placed, placed.created_at_ms);
    order_print(&order, &text);
    assert_string_equal(text.bytes, "{\"orderId\":\"ORD-1\",\"customerId\":\"CUST-1\",\"items\":[{\"productId\":\"A\","
                                    "\"quantity\":2,\"price\":1.50},{\"productId\":\"B\",\"quantity\":1,\"price\":"
                                    "0.01}],\"customer\":{\"email\":\"ann@example.com\"},\"totalAmount\":3.01,"
                                    "\"currency\":\"USD\",\"status\":\"CREATED\",\"createdAt\":"
                                    "\"2026-11-24T14:30:00.123Z\",\"updatedAt\":\"2026-11-24T14:30:00.123Z\","
                                    "\"version\":1,\"correlationId\":\"0b5c1e7a-8f0e-4c53-9d7a-111111111111\"}");
    tern_text_fini(&text);
    order_fini(&order);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_word_is_spelled_and_read_back),
        cmocka_unit_test(each_answer_of_the_catalogue_is_an_input),
        cmocka_unit_test(an_order_is_what_its_events_say),
        cmocka_unit_test(what_was_ordered_can_be_read_back),
        cmocka_unit_test(an_order_is_shown_without_its_payment_token),
    };

    return cmocka_run_group_tests_name("order", tests, NULL, NULL);
}
