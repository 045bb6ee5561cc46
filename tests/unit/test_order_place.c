/* test_order_place.c - POST /orders from the inside: what is taken, what is refused, and the key that makes it once. */
#include <stdio.h>
#include <string.h>

#include "common/service/idempotency.h"
#include "services/order/order_store.h"
#include "store.h"
#include "tern/event_log.h"
#include "tern_test.h"
#include "test_order.h"

/* ---- reading ----------------------------------------------------------------------------------------------- */

#define LINE           "{\"productId\":\"P\",\"quantity\":1,\"price\":1}"
#define ITEMS          "\"items\":[" LINE "]"
#define WHO            "\"customerId\":\"C\""
#define SECOND(member) "{" WHO ",\"items\":[" LINE "," member "]}"

/* Reads `body`, which must have exactly this fault, or none (pointer NULL). */
static void assert_fault(const char *body, const char *pointer, const char *code)
{
    struct shop_order_placed *placed = test_calloc(1, sizeof *placed);
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    const int read = place_order_read(body, strlen(body), placed, &faults, &err);

    if (read != (pointer ? -1 : 0) || faults.count != (pointer ? 1 : 0))
        fail_msg("%s: %d, %zu faults, %s", body, read, faults.count, faults.count ? faults.items[0].pointer : err.text);
    if (pointer) {
        assert_string_equal(faults.items[0].pointer, pointer);
        assert_string_equal(faults.items[0].code, code);
        assert_true(strlen(faults.items[0].detail) > 0);
    }
    test_free(placed);
}

static void every_member_at_fault_is_named_whatever_rule_it_breaks(void **state)
{
    static const char body[] = "{" WHO ",\"currency\":\"usd\",\"customer\":{\"email\":\"x\",\"phone\":1},"
                               "\"items\":[{\"productId\":\"P\",\"quantity\":0,\"price\":1e2}]}";
    static const char *const pointers[] = {"#/currency", "#/customer/phone", "#/items/0/quantity", "#/items/0/price",
                                           "#/customer/email"};
    struct shop_order_placed *placed = test_calloc(1, sizeof *placed);
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(place_order_read(body, strlen(body), placed, &faults, &err), -1);
    assert_int_equal(faults.count, TERN_COUNT(pointers));
    for (size_t i = 0; i < TERN_COUNT(pointers); i++)
        assert_string_equal(faults.items[i].pointer, pointers[i]);
    test_free(placed);
}

static void what_the_contract_allows_is_taken(void **state)
{
    (void)state;
    assert_fault("{" WHO "," ITEMS "}", NULL, NULL);
    assert_fault(test_order_body, NULL, NULL);
    assert_fault(SECOND("{\"productId\":\"A.b_c-1\",\"quantity\":10000,\"price\":1000000.00}"), NULL, NULL);
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":0.00}"), NULL, NULL);
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":0.5}"), NULL, NULL);
    assert_fault("{" WHO "," ITEMS ",\"customer\":{},\"shippingAddress\":{\"city\":\"\\u00c5re\"}}", NULL, NULL);
    assert_fault("{" WHO "," ITEMS ",\"customer\":null,\"currency\":\"SEK\"}", NULL, NULL);
}

static void each_wrong_member_is_named(void **state)
{
    (void)state;
    assert_fault("{" ITEMS "}", "#/customerId", "missing");
    assert_fault("{" WHO "}", "#/items", "missing");
    assert_fault("{\"customerId\":7," ITEMS "}", "#/customerId", "wrong_type");
    assert_fault("{\"customerId\":\"\"," ITEMS "}", "#/customerId", "bad_format");
    assert_fault("{\"customerId\":\"a b\"," ITEMS "}", "#/customerId", "bad_format");
    assert_fault("{" WHO ",\"items\":[]}", "#/items", "out_of_range");
    assert_fault("{" WHO ",\"items\":{}}", "#/items", "wrong_type");
    assert_fault("{" WHO ",\"item\":1," ITEMS "}", "#/item", "unknown_member");
    assert_fault("{" WHO "," ITEMS ",\"status\":\"PAID\"}", "#/status", "unknown_member");
    assert_fault("{" WHO "," ITEMS ",\"totalAmount\":0.01}", "#/totalAmount", "unknown_member");
    assert_fault("{" WHO "," ITEMS ",\"currency\":\"EURO\"}", "#/currency", "bad_format");
    assert_fault("{" WHO "," ITEMS ",\"currency\":\"E1R\"}", "#/currency", "bad_currency");
    assert_fault("{" WHO "," ITEMS ",\"currency\":\"eur\"}", "#/currency", "bad_format");
    assert_fault("{" WHO "," ITEMS ",\"customer\":{\"email\":\"ann\"}}", "#/customer/email", "bad_format");
    assert_fault("{" WHO "," ITEMS ",\"customer\":{\"email\":\"@x\"}}", "#/customer/email", "bad_format");
    assert_fault("{" WHO "," ITEMS ",\"customer\":{\"mail\":\"a@x\"}}", "#/customer/mail", "unknown_member");
    assert_fault("{" WHO "," ITEMS ",\"shippingAddress\":\"here\"}", "#/shippingAddress", "wrong_type");
    assert_fault("{" WHO "," ITEMS ",\"paymentToken\":\"a\\u0007b\"}", "#/paymentToken", "bad_format");
}

static void only_currencies_with_two_decimals_are_taken(void **state)
{
    static const char *const bad[] = {"XXX", "JPY", "KWD", "XTS", "XAU", "CLF", "ABC", "DEM", "A D", "   "};
    static const char *const good[] = {"AED", "USD", "EUR", "XCD", "ZWG"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(good); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",\"currency\":\"%s\"}", good[i]);
        assert_fault(body, NULL, NULL);
    }
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",\"currency\":\"%s\"}", bad[i]);
        assert_fault(body, "#/currency", bad[i][1] == ' ' ? "bad_format" : "bad_currency");
    }
}

static void a_card_number_is_refused_and_not_repeated(void **state)
{
    static const char *const bad[] = {"\"paymentToken\":\"4111111111111111\"",
                                      "\"paymentToken\":\"4111 1111 1111 1111\"",
                                      "\"paymentToken\":\"3782-822463-10005\"",
                                      "\"shippingAddress\":{\"street\":\"card 5555 5555 5555 4444, 12/27\"}",
                                      "\"shippingAddress\":{\"zipCode\":\"4222222222222\"}"};
    static const char *const good[] = {"\"paymentToken\":\"4111111111111112\"",
                                       "\"paymentToken\":\"tok_4111111111111111\"",
                                       "\"paymentToken\":\"411111111111\"",
                                       "\"paymentToken\":\"card-4111111111111111\"",
                                       "\"paymentToken\":\"41111111-1111-1111-a111-111111111111\"",
                                       "\"customer\":{\"phone\":\"+4111111111111111\"}"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",%s}", bad[i]);
        assert_fault(body,
                     i < 3    ? "#/paymentToken"
                     : i == 3 ? "#/shippingAddress/street"
                              : "#/shippingAddress/zipCode",
                     "card_number");
    }
    for (size_t i = 0; i < TERN_COUNT(good); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",%s}", good[i]);
        assert_fault(body, NULL, NULL);
    }
}

static void whatever_stands_between_the_digits_of_a_card_is_no_cloak(void **state)
{
    static const char *const bad[] = {"4111.1111.1111.1111",
                                      "4111/1111/1111/1111",
                                      "4111_1111_1111_1111",
                                      "4111 - 1111 - 1111 - 1111",
                                      "(4111)1111,1111;1111",
                                      "4111\xc2\xa0"
                                      "1111\xc2\xa0"
                                      "1111\xc2\xa0"
                                      "1111",
                                      "4111\xe2\x80\x89"
                                      "1111\xe2\x80\x89"
                                      "1111\xe2\x80\x89"
                                      "1111",
                                      "4111\xe3\x80\x80"
                                      "1111\xe2\x80\x93"
                                      "11111111",
                                      "2223 0031 2200 3222"};
    static const char *const good[] = {"2026-11-30 21:45:00.008",
                                       "4111.1111.1111.1112",
                                       "4111.1111.a111.1111",
                                       "tok.4111111111111112",
                                       "4111\xc3\xa4 1111 1111 1111",
                                       "\xc2\xa0",
                                       "-"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",\"paymentToken\":\"%s\"}", bad[i]);
        assert_fault(body, "#/paymentToken", "card_number");
    }
    for (size_t i = 0; i < TERN_COUNT(good); i++) {
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",\"paymentToken\":\"%s\"}", good[i]);
        assert_fault(body, NULL, NULL);
    }
    for (int hundredth = 0; hundredth < 100; hundredth++) { /* a tenth of them passes the Luhn check */
        (void)snprintf(body, sizeof body, "{" WHO "," ITEMS ",\"paymentToken\":\"2026-11-30 21:45:00.%02d\"}",
                       hundredth);
        assert_fault(body, NULL, NULL);
    }
}

static void a_customer_is_not_called_by_a_card(void **state)
{
    static const char *const bad[] = {"4111111111111111", "4111-1111-1111-1111", "5555.5555.5555.4444",
                                      "378282246310005", "6011_1111_1111_1117"};
    static const char *const good[] = {"4111111111111112",    "C4111111111111111", "1764540000006",
                                       "49301234567890",      "20261130214500",    "-",
                                       "41111111111111110000"};
    char body[256];

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        (void)snprintf(body, sizeof body, "{\"customerId\":\"%s\"," ITEMS "}", bad[i]);
        assert_fault(body, "#/customerId", "card_number");
    }
    for (size_t i = 0; i < TERN_COUNT(good); i++) {
        (void)snprintf(body, sizeof body, "{\"customerId\":\"%s\"," ITEMS "}", good[i]);
        assert_fault(body, NULL, NULL);
    }
}

static void each_wrong_line_is_named(void **state)
{
    (void)state;
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":0,\"price\":1}"), "#/items/1/quantity", "out_of_range");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":-1,\"price\":1}"), "#/items/1/quantity", "out_of_range");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":10001,\"price\":1}"), "#/items/1/quantity", "out_of_range");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1.5,\"price\":1}"), "#/items/1/quantity", "wrong_type");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":\"1\",\"price\":1}"), "#/items/1/quantity", "wrong_type");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":-0.01}"), "#/items/1/price", "out_of_range");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":1000000.01}"), "#/items/1/price",
                 "out_of_range");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":1.001}"), "#/items/1/price",
                 "too_many_decimals");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1}"), "#/items/1/price", "missing");
    assert_fault(SECOND("{\"productId\":\"P\",\"quantity\":1,\"price\":1,\"name\":\"x\"}"), "#/items/1/name",
                 "unknown_member");
    assert_fault(SECOND("7"), "#/items/1", "wrong_type");
}

static void at_most_a_hundred_lines_are_taken(void **state)
{
    struct tern_text body = {0};

    (void)state;
    for (int lines = 100; lines <= 101; lines++) {
        tern_text_clear(&body);
        tern_text_add(&body, "{" WHO ",\"items\":[" LINE);
        for (int i = 1; i < lines; i++)
            tern_text_add(&body, "," LINE);
        tern_text_add(&body, "]}");
        assert_fault(body.bytes, lines > 100 ? "#/items" : NULL, "out_of_range");
    }
    tern_text_fini(&body);
}

static void what_is_no_json_has_no_pointer(void **state)
{
    static const char *const bodies[] = {"",           "{",  "{\"customerId\":}", "{} {}", "{\"a\":1,\"a\":2}",
                                         "{\"a\":01}", "nul"};
    struct shop_order_placed placed;
    struct tern_schema_faults faults;

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(bodies); i++) {
        struct tern_error err = {0};

        assert_int_equal(place_order_read(bodies[i], strlen(bodies[i]), &placed, &faults, &err), -1);
        assert_int_equal(faults.count, 0);
        assert_true(strlen(err.text) > 0);
    }
}

/* ---- placing ----------------------------------------------------------------------------------------------- */

static void an_order_is_its_event_its_row_and_its_answer(void **state)
{
    struct test_order *shop = *state;
    struct test_order_work *work = test_order_work(shop, test_order_body, "");
    struct order_state order = {0};
    char expected[512];

    assert_int_equal(test_order_run(shop, work), TERN_DONE);
    test_order_load(shop, work->place.order.order_id, &order);
    assert_int_equal(order.saga.status, ORDER_CREATED);
    assert_int_equal(order.total_minor, TEST_ORDER_TOTAL_MINOR);
    assert_int_equal(order.version, 1);
    assert_memory_equal(order.order_id, "ORD-", 4);
    assert_string_equal(order.currency, "EUR");
    assert_string_equal(test_order_story(shop, order.order_id), "OrderPlaced");
    (void)snprintf(expected, sizeof expected,
                   "{\"message\":\"Order created successfully\",\"orderId\":\"%s\",\"status\":\"CREATED\","
                   "\"totalAmount\":219.97,\"correlationId\":\"%s\"}",
                   order.order_id, order.correlation_id);
    assert_string_equal(work->answer.body.bytes, expected);
    (void)snprintf(expected, sizeof expected, "Location: /orders/%s\nETag: \"1\"\n", order.order_id);
    assert_string_equal(work->answer.headers.bytes, expected);
    assert_int_equal(work->answer.status, 201);
    assert_int_equal(shop->state.waiting, 1);
    order_fini(&order);
    test_order_work_free(work);
}

static int keep_body(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    (void)err;
    assert_int_equal(row->origin, TERN_ORIGIN_OWN);
    tern_text_add(self, row->body);
    return 0;
}

static void the_event_carries_what_the_others_need(void **state)
{
    struct test_order *shop = *state;
    struct shop_order_placed *placed = test_calloc(1, sizeof *placed);
    struct tern_text body = {0};
    struct tern_event event;
    struct tern_error err = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    assert_int_equal(tern_event_log_stream(shop->test.ctx.db, order_id, 0, 10, keep_body, &body, &err), 1);
    assert_int_equal(tern_event_decode(body.bytes, body.length, &event, &err), 0);
    assert_string_equal(event.version, "1.0");
    assert_int_equal(tern_event_lift(&event, SHOP_TYPE(ORDER_PLACED), &err), 0);
    assert_int_equal(shop_order_placed_decode(&event, placed, &err), 0);
    assert_string_equal(placed->order_id, order_id);
    assert_string_equal(placed->payment_token, "tok_ok");
    assert_string_equal(placed->customer.email, "ann@example.com");
    assert_string_equal(placed->shipping_address.zip_code, "62701");
    assert_int_equal(placed->items.count, 2);
    assert_int_equal(placed->items.at[0].price_minor, 9999);
    assert_string_equal(event.subject, order_id);
    assert_string_equal(event.causation_id, "");
    tern_event_fini(&event);
    tern_text_fini(&body);
    test_free(placed);
}

static void the_dearest_order_has_an_exact_total(void **state)
{
    struct test_order *shop = *state;
    struct tern_text body = {0};
    struct test_order_work *work;

    tern_text_add(&body, "{" WHO ",\"items\":[");
    for (int i = 0; i < 100; i++)
        tern_text_printf(&body, "%s{\"productId\":\"P\",\"quantity\":10000,\"price\":999999.99}", i ? "," : "");
    tern_text_add(&body, "]}");
    work = test_order_work(shop, body.bytes, "");
    assert_int_equal(work->place.order.total_minor, INT64_C(99999999000000));
    assert_string_equal(work->place.order.currency, "USD");
    assert_int_equal(test_order_run(shop, work), TERN_DONE);
    assert_non_null(strstr(work->answer.body.bytes, "\"totalAmount\":999999990000.00,"));
    test_order_work_free(work);
    tern_text_fini(&body);
}

static void the_same_key_and_body_get_the_first_answer_again(void **state)
{
    struct test_order *shop = *state;
    struct test_order_work *first = test_order_work(shop, "{" WHO "," ITEMS "}", "key-1");
    struct test_order_work *again = test_order_work(
        shop, "{ \"items\": [{\"price\":1.00,\"quantity\":1,\"productId\":\"P\"}], \"customerId\":\"C\" }", "key-1");

    assert_string_not_equal(first->place.order.order_id, again->place.order.order_id);
    assert_int_equal(test_order_run(shop, first), TERN_DONE);
    shop->test.now_ms += 1000;
    assert_int_equal(test_order_run(shop, again), TERN_DONE);
    assert_true(again->work.replayed);
    assert_int_equal(again->answer.status, 201);
    assert_string_equal(again->answer.body.bytes, first->answer.body.bytes);
    assert_string_equal(again->answer.headers.bytes, first->answer.headers.bytes);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM orders"), 1);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log"), 1);
    assert_int_equal(shop->state.waiting, 1);
    test_order_work_free(first);
    test_order_work_free(again);
}

static void a_key_of_another_request_is_refused(void **state)
{
    struct test_order *shop = *state;
    struct test_order_work *first = test_order_work(shop, "{" WHO "," ITEMS "}", "key-1");
    struct test_order_work *other = test_order_work(shop, SECOND(LINE), "key-1");

    assert_int_equal(test_order_run(shop, first), TERN_DONE);
    assert_int_equal(test_order_run(shop, other), TERN_DONE);
    assert_true(other->work.misused);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM orders"), 1);
    test_order_work_free(first);
    test_order_work_free(other);
}

static void keys_are_forgotten_after_their_time_with_the_broker_and_not_before(void **state)
{
    struct test_order *shop = *state;
    const int64_t keep_ms = (int64_t)TERN_IDEMPOTENCY_DAYS * 86400000;
    char key[24];

    for (int i = 0; i < 5; i++) {
        (void)snprintf(key, sizeof key, "key-%d", i);
        struct test_order_work *work = test_order_work(shop, test_order_body, key);

        assert_int_equal(test_order_run(shop, work), TERN_DONE);
        test_order_work_free(work);
    }
    shop->test.now_ms += 100 * keep_ms; /* no clock that is set ends it */
    shop->test.ctx.online_ms += keep_ms - 1;
    struct test_order_work *replayed = test_order_work(shop, test_order_body, "key-0");
    assert_int_equal(test_order_run(shop, replayed), TERN_DONE);
    assert_true(replayed->work.replayed);
    test_order_work_free(replayed);

    shop->test.ctx.online_ms += 1;
    struct test_order_work *anew = test_order_work(shop, test_order_body, "key-4");
    assert_int_equal(test_order_run(shop, anew), TERN_DONE);
    assert_false(anew->work.replayed);
    test_order_work_free(anew);
    /* key-4 was replaced, two of the four old ones were cleared away on the way */
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM idempotent_answers"), 3);
}

static int place_call(struct tern_db *db, void *self, struct tern_error *err)
{
    struct test_order *shop = self;
    struct test_order_work *work = test_order_work(shop, test_order_body, "key-9");
    enum tern_outcome outcome;

    assert_ptr_equal(db, shop->test.ctx.db);
    shop->test.ctx.now_ms = shop->test.now_ms;
    strcpy(shop->test.ctx.conversation.correlation_id, work->place.order.correlation_id);
    outcome = tern_once_run(&shop->test.ctx, &work->work, err);
    test_order_work_free(work);
    if (outcome != TERN_DONE) assert_int_equal(outcome, TERN_RETRY);
    return outcome == TERN_DONE ? 0 : -1;
}

static void a_store_that_fails_anywhere_leaves_nothing_behind(void **state)
{
    struct test_order *shop = *state;

    test_store_fail_each(shop->test.ctx.db, place_call, shop);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM orders"), 1);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log"), 1);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM idempotent_answers"), 1);
    assert_int_equal(shop->state.waiting, 1);
}

int main(void)
{
#define WITH_SHOP(test) cmocka_unit_test_setup_teardown(test, test_order_set_up, test_order_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_the_contract_allows_is_taken),
        cmocka_unit_test(every_member_at_fault_is_named_whatever_rule_it_breaks),
        cmocka_unit_test(each_wrong_member_is_named),
        cmocka_unit_test(only_currencies_with_two_decimals_are_taken),
        cmocka_unit_test(a_card_number_is_refused_and_not_repeated),
        cmocka_unit_test(whatever_stands_between_the_digits_of_a_card_is_no_cloak),
        cmocka_unit_test(a_customer_is_not_called_by_a_card),
        cmocka_unit_test(each_wrong_line_is_named),
        cmocka_unit_test(at_most_a_hundred_lines_are_taken),
        cmocka_unit_test(what_is_no_json_has_no_pointer),
        WITH_SHOP(an_order_is_its_event_its_row_and_its_answer),
        WITH_SHOP(the_event_carries_what_the_others_need),
        WITH_SHOP(the_dearest_order_has_an_exact_total),
        WITH_SHOP(the_same_key_and_body_get_the_first_answer_again),
        WITH_SHOP(a_key_of_another_request_is_refused),
        WITH_SHOP(keys_are_forgotten_after_their_time_with_the_broker_and_not_before),
        WITH_SHOP(a_store_that_fails_anywhere_leaves_nothing_behind),
    };

    return cmocka_run_group_tests_name("order_place", tests, NULL, NULL);
}
