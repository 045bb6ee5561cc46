/* test_order_handlers.c - answers that do not fit, cancels, news about products, and a store that fails anywhere. */
#include <stdlib.h>
#include <string.h>

#include "common/base/metrics_page.h"
#include "common/inbox/inbox_store.h"
#include "services/order/cancel_order.h"
#include "services/order/order_http.h"
#include "services/order/order_replay.h"
#include "services/order/order_store.h"
#include "store.h"
#include "tern/inbox.h"
#include "tern_test.h"
#include "test_order.h"

/* ---- answers ----------------------------------------------------------------------------------------------- */

static void every_event_the_catalogue_sends_here_has_a_handler(void **state)
{
    size_t consumed = 0;

    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        consumed += tern_catalogue_consumes(&shop_event_types[event], SHOP_SERVICE_ORDER);
    assert_int_equal(consumed, ORDER_HANDLER_COUNT);
    for (size_t i = 0; i < ORDER_HANDLER_COUNT; i++) {
        assert_true(tern_catalogue_consumes(order_handlers[i].type, SHOP_SERVICE_ORDER));
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(order_handlers[i].type, order_handlers[j].type);
    }
}

static void an_answer_about_an_unknown_order_is_parked_with_a_sentence(void **state)
{
    struct test_order *shop = *state;
    struct tern_event event;

    test_order_answer(shop, "ORD-UNKNOWN", SAGA_PAYMENT_PROCESSED, &event);
    assert_int_equal(test_order_handle(shop, &event), TERN_REJECT);
    assert_string_equal(shop->test.err.text, "PaymentProcessed about order ORD-UNKNOWN, which was never placed here");
    tern_event_fini(&event);
}

static void an_answer_whose_payload_speaks_of_another_order_is_parked(void **state)
{
    struct test_order *shop = *state;
    const struct shop_payment_voided voided = {.order_id = "ORD-2", .customer_id = "C", .voided_at_ms = 1};
    struct tern_event event;

    test_context_event(&shop->test, SHOP_PAYMENT_VOIDED, "ORD-1", &voided, NULL, &event);
    assert_int_equal(test_order_handle(shop, &event), TERN_REJECT);
    assert_string_equal(shop->test.err.text, "PaymentVoided about ORD-1 speaks of order ORD-2");
    tern_event_fini(&event);
}

static void an_answer_without_its_members_is_parked(void **state)
{
    struct test_order *shop = *state;
    const struct shop_payment_voided voided = {.order_id = "ORD-1", .customer_id = "C", .voided_at_ms = 1};
    struct tern_event event;

    test_context_event(&shop->test, SHOP_PAYMENT_VOIDED, "ORD-1", &voided, NULL, &event);
    strcpy(event.type, "PaymentProcessed"); /* whose payload has more */
    assert_int_equal(test_order_handle(shop, &event), TERN_REJECT);
    assert_non_null(strstr(shop->test.err.text, "PaymentProcessed"));
    tern_event_fini(&event);
}

static void what_follows_from_an_answer_names_its_cause(void **state)
{
    static const char caused[] = "SELECT count(*) FROM event_log WHERE origin = 1 AND causation_id = ?1 "
                                 "AND correlation_id = ?2";
    struct test_order *shop = *state;
    struct tern_event event;
    struct tern_error err = {0};
    char order_id[TERN_ID_SIZE];
    int64_t count = 0;

    test_order_place(shop, order_id);
    test_order_answer(shop, order_id, SAGA_PAYMENT_FAILED, &event);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE);
    assert_int_equal(tern_db_get_int(shop->test.ctx.db, caused,
                                     TERN_DB_ARGS(tern_db_text(event.event_id), tern_db_text(event.correlation_id)),
                                     &count, &err),
                     1);
    assert_int_equal(count, 2); /* OrderUpdated, OrderCancelled */
    tern_event_fini(&event);
}

static void an_answer_that_the_inbox_has_forgotten_is_taken_in_once(void **state)
{
    const int64_t month_ms = INT64_C(31) * 86400000;
    struct test_order *shop = *state;
    struct tern_event event, late;
    struct tern_error err = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_answer(shop, order_id, SAGA_PAYMENT_PROCESSED, &event);
    test_order_answer(shop, order_id, SAGA_INVENTORY_RESERVED, &late);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE);
    shop->test.now_ms += month_ms;
    assert_true(tern_inbox_purge(shop->test.ctx.db, month_ms, 100, &err) > 0);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log"), 3);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log"), 3);
    assert_int_equal(test_order_handle(shop, &late), TERN_DONE); /* as old, and new */
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log WHERE origin = 0"), 2);
    tern_event_fini(&event);
    tern_event_fini(&late);
}

static void out_of_stock_names_the_product(void **state)
{
    struct test_order *shop = *state;
    struct order_state order = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    test_order_consume(shop, order_id, SAGA_PRODUCT_OUT_OF_STOCK);
    test_order_load(shop, order_id, &order);
    assert_string_equal(order.product_id, "PROD-102");
    assert_string_equal(order.reason, SHOP_REASON_OUT_OF_STOCK);
    assert_string_equal(order.transaction_id, "TXN-1");
    assert_int_equal(test_store_number(shop->test.ctx.db,
                                       "SELECT count(*) FROM event_log WHERE type = 'OrderUpdated' AND "
                                       "body ->> '$.data.productId' = 'PROD-102' AND "
                                       "body ->> '$.data.status' = 'INVENTORY_ISSUE'"),
                     1);
    order_fini(&order);
}

static int count_one(void *self, const char *order_id, struct tern_error *err)
{
    (void)order_id;
    (void)err;
    ++*(int64_t *)self;
    return 0;
}

static void orders_under_way_are_counted(void **state)
{
    struct test_order *shop = *state;
    struct tern_error err = {0};
    char one[TERN_ID_SIZE], other[TERN_ID_SIZE];
    int64_t waiting = 0;

    test_order_place(shop, one);
    test_order_place(shop, other);
    test_order_consume(shop, one, SAGA_PAYMENT_PROCESSED);
    assert_int_equal(shop->state.waiting, 2);
    test_order_consume(shop, one, SAGA_INVENTORY_RESERVED);
    assert_int_equal(shop->state.waiting, 1);
    (void)test_order_cancel(shop, one);
    assert_int_equal(shop->state.waiting, 2);
    assert_int_equal(order_store_each_waiting(shop->test.ctx.db, count_one, &waiting, &err), 0);
    assert_int_equal(waiting, 2);
}

static size_t contradictions(struct test_order *shop)
{
    static const char name[] = "tern_order_contradictions_total{";
    struct tern_text page = {0};
    size_t sum = 0;

    tern_metrics_print(shop->test.ctx.metrics, &page);
    for (const char *at = strstr(page.bytes, name); at != NULL; at = strstr(at + 1, name))
        sum += strtoul(strchr(at, ' '), NULL, 10);
    tern_text_fini(&page);
    return sum;
}

static void what_contradicts_an_order_is_counted_and_changes_nothing(void **state)
{
    static const enum saga_input undone[] = {SAGA_PAYMENT_REFUNDED, SAGA_PAYMENT_VOIDED, SAGA_INVENTORY_RELEASED};
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    shop->test.ctx.metrics = tern_metrics_create(order_metrics);
    for (size_t i = 0; i < TERN_COUNT(undone); i++) { /* order-service was put back to before its cancel */
        struct order_state order = {0};
        test_order_place(shop, order_id);
        test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
        test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
        assert_int_equal(contradictions(shop), i);
        test_order_consume(shop, order_id, undone[i]);
        assert_int_equal(contradictions(shop), i + 1);
        test_order_load(shop, order_id, &order);
        assert_int_equal(order.saga.status, ORDER_READY_FOR_SHIPMENT);
        order_fini(&order);
    }
    test_order_place(shop, order_id); /* payment-service was put back to before its charge */
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    (void)test_order_cancel(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_VOIDED);
    assert_int_equal(contradictions(shop), TERN_COUNT(undone) + 1);
    tern_metrics_destroy(shop->test.ctx.metrics);
    shop->test.ctx.metrics = NULL;
}

static void a_cancel_and_its_answers_contradict_nothing(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    shop->test.ctx.metrics = tern_metrics_create(order_metrics);
    test_order_place(shop, order_id);
    (void)test_order_cancel(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_VOIDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    (void)test_order_cancel(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_REFUNDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    assert_int_equal(contradictions(shop), 0);
    tern_metrics_destroy(shop->test.ctx.metrics);
    shop->test.ctx.metrics = NULL;
}

static void the_newest_orders_and_a_key_are_found_by_an_index(void **state)
{
    struct test_order *shop = *state;

    test_store_uses(shop->test.ctx.db, "EXPLAIN QUERY PLAN SELECT details FROM orders ORDER BY order_id DESC LIMIT 5",
                    "sqlite_autoindex_orders_1");
    test_store_uses(shop->test.ctx.db,
                    "EXPLAIN QUERY PLAN DELETE FROM idempotent_answers WHERE operation = 'a' AND key = 'b'",
                    "sqlite_autoindex_idempotent_answers_1");
}

/* ---- a past version ---------------------------------------------------------------------------------------- */

static void a_stream_can_be_replayed_up_to_any_version(void **state)
{
    static const enum order_status then[] = {ORDER_CREATED, ORDER_CREATED, ORDER_PAID, ORDER_PAID,
                                             ORDER_READY_FOR_SHIPMENT};
    struct test_order *shop = *state;
    struct tern_error err = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
    for (size_t i = 0; i < TERN_COUNT(then); i++) {
        struct order_state order = {0};

        assert_int_equal(order_replay(shop->test.ctx.db, order_id,
                                      (struct order_bound){.version = (int64_t)i + 1, .at_ms = INT64_MAX}, NULL, NULL,
                                      &order, &err),
                         1);
        assert_int_equal(order.version, i + 1);
        assert_int_equal(order.saga.status, then[i]);
        order_fini(&order);
    }
    assert_int_equal(
        order_replay(shop->test.ctx.db, "ORD-NONE", ORDER_AS_IT_IS, NULL, NULL, &(struct order_state){0}, &err), 0);
}

/* ---- cancels ----------------------------------------------------------------------------------------------- */

static struct cancel_order cancel(struct test_order *shop, const char *order_id, const char *if_match)
{
    struct cancel_order work = {.order_id = order_id, .if_match = if_match};

    assert_int_equal(test_context_run(&shop->test, cancel_order_run, &work, NULL), TERN_DONE);
    return work;
}

static void a_cancel_is_accepted_once_and_repeated_for_nothing(void **state)
{
    struct test_order *shop = *state;
    struct cancel_order first, again;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    first = cancel(shop, order_id, NULL);
    again = cancel(shop, order_id, NULL);
    assert_int_equal(first.result, CANCEL_ORDER_ACCEPTED);
    assert_int_equal(first.status, ORDER_CANCELLING);
    assert_int_equal(first.version, 3);
    assert_int_equal(again.result, CANCEL_ORDER_ACCEPTED);
    assert_int_equal(again.version, 3);
    test_order_consume(shop, order_id, SAGA_PAYMENT_VOIDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    again = cancel(shop, order_id, NULL);
    assert_int_equal(again.result, CANCEL_ORDER_ACCEPTED);
    assert_int_equal(again.status, ORDER_CANCELLED);
    assert_int_equal(test_store_number(shop->test.ctx.db,
                                       "SELECT count(*) FROM event_log WHERE type = 'OrderCancelled' "
                                       "AND body ->> '$.data.reason' = 'CUSTOMER_REQUEST'"),
                     1);
}

static void a_cancel_goes_on_with_the_conversation_of_the_order(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    (void)cancel(shop, order_id, NULL);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(DISTINCT correlation_id) FROM event_log"), 1);
}

static void a_failed_order_cannot_be_cancelled(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_FAILED);
    assert_int_equal(cancel(shop, order_id, NULL).result, CANCEL_ORDER_TOO_LATE);
    assert_int_equal(cancel(shop, "ORD-NONE", NULL).result, CANCEL_ORDER_UNKNOWN);
}

static void a_cancel_of_another_version_changes_nothing(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    assert_int_equal(cancel(shop, order_id, "\"2\"").result, CANCEL_ORDER_OTHER_VERSION);
    assert_int_equal(cancel(shop, order_id, "W/\"1\"").result, CANCEL_ORDER_OTHER_VERSION);
    assert_string_equal(test_order_story(shop, order_id), "OrderPlaced");
    assert_int_equal(cancel(shop, order_id, "\"7\", \"1\"").result, CANCEL_ORDER_ACCEPTED);
}

static void cancel_with(struct test_order *shop, const char *order_id, const char *words)
{
    struct cancel_order work = {.order_id = order_id};

    strcpy(work.asked.reason, words);
    assert_int_equal(test_context_run(&shop->test, cancel_order_run, &work, NULL), TERN_DONE);
    assert_int_equal(work.result, CANCEL_ORDER_ACCEPTED);
}

/* The order's note, in its row, in a replay of its stream and where it is shown. */
static void assert_note(struct test_order *shop, const char *order_id, const char *note)
{
    struct order_state order = {0};
    struct tern_text shown = {0};

    test_order_load(shop, order_id, &order);
    assert_string_equal(order.note, note);
    order_print(&order, &shown);
    assert_int_equal(strstr(shown.bytes, "\"note\":") != NULL, note[0] != '\0');
    tern_text_fini(&shown);
    order_fini(&order);
}

static void the_customers_words_stay_with_the_order(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE], silent_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    assert_note(shop, order_id, "");
    cancel_with(shop, order_id, "wrong size, \"sorry\"");
    assert_note(shop, order_id, "wrong size, \"sorry\"");
    cancel_with(shop, order_id, "other words");
    test_order_consume(shop, order_id, SAGA_PAYMENT_VOIDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED); /* late: OrderCancelled is emitted once more */
    assert_note(shop, order_id, "wrong size, \"sorry\"");
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log WHERE type = 'OrderCancelled'"
                                                          " AND instr(body, '\"note\":\"wrong size, ') > 0"),
                     2);
    test_order_place(shop, silent_id);
    cancel_with(shop, silent_id, "");
    assert_note(shop, silent_id, "");
}

static void the_body_of_a_cancel_is_optional_and_strict(void **state)
{
    static const struct {
        const char *body, *pointer;
        int read;
    } cases[] = {
        {"",                                                      NULL,       0 },
        {"{}",                                                    NULL,       0 },
        {"{\"reason\":\"changed my mind\"}",                      NULL,       0 },
        {"{\"reason\":null}",                                     NULL,       0 },
        {"{\"reason\":1}",                                        "#/reason", -1},
        {"{\"why\":\"x\"}",                                       "#/why",    -1},
        {"{\"reason\":\"a\\nb\"}",                                "#/reason", -1},
        {"{\"reason\":\"paid with 4111 1111 1111 1111, sorry\"}", "#/reason", -1},
        {"[]",                                                    "#",        -1},
        {"{",                                                     NULL,       -1},
    };
    struct tern_schema_faults faults;
    struct cancel_request asked;

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_error err = {0};

        assert_int_equal(cancel_order_read(cases[i].body, strlen(cases[i].body), &asked, &faults, &err), cases[i].read);
        assert_int_equal(faults.count, cases[i].pointer ? 1 : 0);
        if (cases[i].pointer) assert_string_equal(faults.items[0].pointer, cases[i].pointer);
    }
}

static void entity_tags_are_compared_as_http_says(void **state)
{
    (void)state;
    assert_true(order_http_etag_listed("\"3\"", 3, false));
    assert_true(order_http_etag_listed("*", 3, false));
    assert_true(order_http_etag_listed(" \"1\" ,\t\"3\"", 3, false));
    assert_true(order_http_etag_listed("W/\"3\"", 3, true));
    assert_false(order_http_etag_listed("W/\"3\"", 3, false));
    assert_false(order_http_etag_listed("3", 3, true));
    assert_false(order_http_etag_listed("\"33\"", 3, true));
    assert_false(order_http_etag_listed("", 3, true));
    assert_false(order_http_etag_listed(" , ,", 3, true));
}

/* ---- products ---------------------------------------------------------------------------------------------- */

static void tell_product(struct test_order *shop, const char *name, int64_t quantity, int64_t at_ms)
{
    struct shop_inventory_updated updated = {
        .product_id = "PROD-101", .new_quantity = quantity, .updated_at_ms = at_ms};
    struct tern_event event;

    strcpy(updated.name, name);
    test_context_event(&shop->test, SHOP_INVENTORY_UPDATED, updated.product_id, &updated, NULL, &event);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE);
    tern_event_fini(&event);
}

static void the_latest_news_about_a_product_counts_whatever_comes_last(void **state)
{
    struct test_order *shop = *state;
    static const char quantity[] = "SELECT quantity FROM products WHERE product_id = 'PROD-101'";

    tell_product(shop, "Headphones", 50, 1000);
    assert_int_equal(test_store_number(shop->test.ctx.db, quantity), 50);
    tell_product(shop, "Headphones", 48, 3000);
    tell_product(shop, "Headphones", 49, 2000);
    assert_int_equal(test_store_number(shop->test.ctx.db, quantity), 48);
    tell_product(shop, "Headphones", 47, 3000); /* the same moment, a later event */
    assert_int_equal(test_store_number(shop->test.ctx.db, quantity), 47);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM products"), 1);
    assert_int_equal(test_store_number(shop->test.ctx.db, "SELECT count(*) FROM event_log"), 0);
}

/* ---- faults ------------------------------------------------------------------------------------------------ */

struct consuming {
    struct test_order *shop;
    const struct tern_event *event;
};

static int consume_call(struct tern_db *db, void *self, struct tern_error *err)
{
    struct consuming *consuming = self;
    enum tern_outcome outcome = TERN_REJECT;

    (void)db;
    for (size_t i = 0; i < ORDER_HANDLER_COUNT; i++) {
        if (strcmp(order_handlers[i].type->name, consuming->event->type) == 0)
            outcome = order_handlers[i].handle(&consuming->shop->test.ctx, consuming->event, err);
    }
    if (outcome != TERN_DONE) assert_int_equal(outcome, TERN_RETRY);
    return outcome == TERN_DONE ? 0 : -1;
}

static void a_store_that_fails_anywhere_leaves_the_order_as_it_was(void **state)
{
    struct test_order *shop = *state;
    struct order_state order = {0};
    struct tern_event event;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    test_order_answer(shop, order_id, SAGA_PRODUCT_OUT_OF_STOCK, &event);
    test_store_fail_each(shop->test.ctx.db, consume_call, &(struct consuming){shop, &event});
    test_order_load(shop, order_id, &order);
    assert_int_equal(order.saga.status, ORDER_INVENTORY_ISSUE);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced PaymentProcessed OrderUpdated ProductOutOfStock OrderUpdated OrderCancelled");
    order_fini(&order);
    tern_event_fini(&event);
}

int main(void)
{
#define WITH_SHOP(test) cmocka_unit_test_setup_teardown(test, test_order_set_up, test_order_tear_down)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_event_the_catalogue_sends_here_has_a_handler),
        WITH_SHOP(an_answer_about_an_unknown_order_is_parked_with_a_sentence),
        WITH_SHOP(an_answer_whose_payload_speaks_of_another_order_is_parked),
        WITH_SHOP(an_answer_without_its_members_is_parked),
        WITH_SHOP(what_follows_from_an_answer_names_its_cause),
        WITH_SHOP(an_answer_that_the_inbox_has_forgotten_is_taken_in_once),
        WITH_SHOP(out_of_stock_names_the_product),
        WITH_SHOP(orders_under_way_are_counted),
        WITH_SHOP(what_contradicts_an_order_is_counted_and_changes_nothing),
        WITH_SHOP(a_cancel_and_its_answers_contradict_nothing),
        WITH_SHOP(the_newest_orders_and_a_key_are_found_by_an_index),
        WITH_SHOP(a_stream_can_be_replayed_up_to_any_version),
        WITH_SHOP(a_cancel_is_accepted_once_and_repeated_for_nothing),
        WITH_SHOP(a_cancel_goes_on_with_the_conversation_of_the_order),
        WITH_SHOP(a_failed_order_cannot_be_cancelled),
        WITH_SHOP(a_cancel_of_another_version_changes_nothing),
        WITH_SHOP(the_customers_words_stay_with_the_order),
        cmocka_unit_test(the_body_of_a_cancel_is_optional_and_strict),
        cmocka_unit_test(entity_tags_are_compared_as_http_says),
        WITH_SHOP(the_latest_news_about_a_product_counts_whatever_comes_last),
        WITH_SHOP(a_store_that_fails_anywhere_leaves_the_order_as_it_was),
    };

    return cmocka_run_group_tests_name("order_handlers", tests, NULL, NULL);
}
