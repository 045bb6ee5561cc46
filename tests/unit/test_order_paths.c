/* test_order_paths.c - the events of an order in every order of arrival, through the real handlers and a real store.
 *
 * Each path of the contract is a set of events; each of their permutations is played on an order of its own, with every
 * event delivered twice (same eventId) and published again later (another eventId). All end in the same status, the row
 * equals the replay of the stream after each event, and the stream tells a legal history. */
#include <string.h>

#include "tern/event_log.h"
#include "tern_test.h"
#include "test_order.h"

enum { EVENTS_MAX = 6 };

struct path {
    enum order_status end;
    size_t count;
    enum saga_input events[EVENTS_MAX];
};

/* ---- legal history ----------------------------------------------------------------------------------------- */

struct history {
    enum order_status status;
    int64_t version;
    int cancels;
};

static void read_own(const struct tern_log_row *row, enum shop_event which, void *ret_payload, struct tern_error *err)
{
    struct tern_event event;

    assert_int_equal(tern_event_decode(row->body, row->body_length, &event, err), 0);
    assert_int_equal(shop_decode(which, &event, ret_payload, err), 0);
    tern_event_fini(&event);
}

/* A change of status that some row of the timetable makes, with what that row emits. */
static bool is_legal(enum order_status from, enum order_status to)
{
    for (size_t i = 0; i < TERN_COUNT(saga_timetable); i++) {
        if (saga_timetable[i].while_in == from && saga_timetable[i].becomes == to) return from != to;
    }
    return false;
}

static int follow(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct history *history = self;

    assert_int_equal(row->subject_version, ++history->version);
    if (strcmp(row->type, "OrderUpdated") == 0) {
        struct shop_order_updated updated;
        enum order_status status;

        read_own(row, SHOP_ORDER_UPDATED, &updated, err);
        assert_string_equal(updated.previous_status, order_status_name(history->status));
        assert_int_equal(order_status_parse(updated.status, &status), 0);
        assert_true(is_legal(history->status, status));
        history->status = status;
    }
    if (strcmp(row->type, "OrderCancelled") == 0) {
        struct shop_order_cancelled cancelled;

        read_own(row, SHOP_ORDER_CANCELLED, &cancelled, err);
        assert_int_equal(cancelled.items.count, 2);
        assert_true(strlen(cancelled.reason) > 0);
        history->cancels++;
    }
    return 0;
}

static void assert_legal_history(struct test_order *shop, const char *order_id, const struct order_state *order)
{
    struct history history = {.status = ORDER_CREATED};
    struct tern_error err = {0};

    assert_true(tern_event_log_stream(shop->test.ctx.db, order_id, 0, 200, follow, &history, &err) > 0);
    assert_int_equal(history.version, order->version);
    assert_int_equal(history.status, order->saga.status);
    assert_int_equal(history.cancels > 0, order->saga.status != ORDER_READY_FOR_SHIPMENT);
}

/* ---- one permutation --------------------------------------------------------------------------------------- */

/* The row must equal the replay after each step: test_order_load looks. */
static void assert_row(struct test_order *shop, const char *order_id)
{
    struct order_state order = {0};

    test_order_load(shop, order_id, &order);
    order_fini(&order);
}

static void deliver(struct test_order *shop, const char *order_id, enum saga_input input)
{
    struct tern_event event;

    if (input == SAGA_CUSTOMER_CANCELS) {
        (void)test_order_cancel(shop, order_id);
        return;
    }
    shop->test.now_ms += 10;
    test_order_answer(shop, order_id, input, &event);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE);
    assert_int_equal(test_order_handle(shop, &event), TERN_DONE); /* delivered twice */
    tern_event_fini(&event);
}

static void play(struct test_order *shop, const struct path *path, const enum saga_input *events)
{
    struct order_state order = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    for (size_t i = 0; i < path->count; i++) {
        deliver(shop, order_id, events[i]);
        assert_row(shop, order_id);
        if (i % 2 == 1) deliver(shop, order_id, events[i / 2]); /* an earlier one, published again */
    }
    test_order_load(shop, order_id, &order);
    if (order.saga.status != path->end)
        fail_msg("%s: %s", order_status_name(order.saga.status), test_order_story(shop, order_id));
    assert_legal_history(shop, order_id, &order);
    order_fini(&order);
    for (size_t i = 0; i < path->count; i++)
        deliver(shop, order_id, events[i]); /* all of it, late */
    test_order_load(shop, order_id, &order);
    assert_int_equal(order.saga.status, path->end);
    assert_legal_history(shop, order_id, &order);
    order_fini(&order);
}

/* Every permutation (Heap's algorithm). */
static size_t play_all(struct test_order *shop, const struct path *path, enum saga_input *events, size_t count)
{
    size_t played = 0;

    if (count <= 1) {
        play(shop, path, events);
        return 1;
    }
    for (size_t i = 0; i < count; i++) {
        const size_t other = count % 2 == 0 ? i : 0;
        const enum saga_input last = events[count - 1];

        played += play_all(shop, path, events, count - 1);
        events[count - 1] = events[other];
        events[other] = last;
    }
    return played;
}

static void play_path(void **state, const struct path *path)
{
    enum saga_input events[EVENTS_MAX];
    size_t expected = 1;

    for (size_t i = 2; i <= path->count; i++)
        expected *= i;
    memcpy(events, path->events, sizeof events);
    assert_int_equal(play_all(*state, path, events, path->count), expected);
}

/* ---- the paths --------------------------------------------------------------------------------------------- */

static void a_paid_and_reserved_order_is_ready(void **state)
{
    play_path(state, &(struct path){
                         ORDER_READY_FOR_SHIPMENT, 2, {SAGA_PAYMENT_PROCESSED, SAGA_INVENTORY_RESERVED}
    });
}

static void a_declined_order_has_failed(void **state)
{
    play_path(state, &(struct path){
                         ORDER_PAYMENT_FAILED, 3, {SAGA_PAYMENT_FAILED, SAGA_PAYMENT_VOIDED, SAGA_INVENTORY_RELEASED}
    });
}

static void an_order_out_of_stock_is_refunded_and_cancelled(void **state)
{
    play_path(state,
              &(struct path){
                  ORDER_CANCELLED,
                  4,
                  {SAGA_PAYMENT_PROCESSED, SAGA_PRODUCT_OUT_OF_STOCK, SAGA_PAYMENT_REFUNDED, SAGA_INVENTORY_RELEASED}
    });
}

static void an_order_cancelled_before_it_was_charged_is_cancelled(void **state)
{
    play_path(state, &(struct path){
                         ORDER_CANCELLED, 3, {SAGA_CUSTOMER_CANCELS, SAGA_PAYMENT_VOIDED, SAGA_INVENTORY_RELEASED}
    });
}

static void an_order_cancelled_after_it_was_charged_is_cancelled(void **state)
{
    play_path(state,
              &(struct path){
                  ORDER_CANCELLED,
                  4,
                  {SAGA_CUSTOMER_CANCELS, SAGA_PAYMENT_PROCESSED, SAGA_PAYMENT_REFUNDED, SAGA_INVENTORY_RELEASED}
    });
}

static void an_order_cancelled_after_it_was_reserved_is_cancelled(void **state)
{
    play_path(state, &(struct path){
                         ORDER_CANCELLED,
                         5,
                         {SAGA_CUSTOMER_CANCELS, SAGA_PAYMENT_PROCESSED, SAGA_INVENTORY_RESERVED, SAGA_PAYMENT_REFUNDED,
                           SAGA_INVENTORY_RELEASED}
    });
}

static void an_order_cancelled_while_out_of_stock_is_cancelled(void **state)
{
    play_path(state, &(struct path){
                         ORDER_CANCELLED,
                         5,
                         {SAGA_CUSTOMER_CANCELS, SAGA_PAYMENT_PROCESSED, SAGA_PRODUCT_OUT_OF_STOCK,
                           SAGA_PAYMENT_REFUNDED, SAGA_INVENTORY_RELEASED}
    });
}

/* ---- what is emitted on the straight paths ------------------------------------------------------------------ */

static void the_straight_paths_have_these_streams(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced PaymentProcessed OrderUpdated InventoryReserved OrderUpdated");

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_FAILED);
    assert_string_equal(test_order_story(shop, order_id), "OrderPlaced PaymentFailed OrderUpdated OrderCancelled");

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    test_order_consume(shop, order_id, SAGA_PRODUCT_OUT_OF_STOCK);
    test_order_consume(shop, order_id, SAGA_PAYMENT_REFUNDED);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced PaymentProcessed OrderUpdated ProductOutOfStock OrderUpdated OrderCancelled "
                        "PaymentRefunded OrderUpdated");

    test_order_place(shop, order_id);
    assert_int_equal(test_order_cancel(shop, order_id), ORDER_CANCELLING);
    test_order_consume(shop, order_id, SAGA_PAYMENT_VOIDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced OrderUpdated OrderCancelled PaymentVoided InventoryReleased OrderUpdated");
}

static void an_early_answer_changes_the_status_when_it_is_used(void **state)
{
    struct test_order *shop = *state;
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced InventoryReserved PaymentProcessed OrderUpdated OrderUpdated");
}

static void late_money_is_asked_back_with_the_reason_of_the_cancel(void **state)
{
    struct test_order *shop = *state;
    struct order_state order = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_FAILED);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    assert_string_equal(test_order_story(shop, order_id),
                        "OrderPlaced PaymentFailed OrderUpdated OrderCancelled PaymentProcessed OrderCancelled");
    test_order_load(shop, order_id, &order);
    assert_string_equal(order.reason, SHOP_REASON_PAYMENT_FAILED);
    assert_int_equal(order.saga.status, ORDER_PAYMENT_FAILED);
    order_fini(&order);
}

int main(void)
{
#define WITH_SHOP(test) cmocka_unit_test_setup_teardown(test, test_order_set_up, test_order_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SHOP(a_paid_and_reserved_order_is_ready),
        WITH_SHOP(a_declined_order_has_failed),
        WITH_SHOP(an_order_out_of_stock_is_refunded_and_cancelled),
        WITH_SHOP(an_order_cancelled_before_it_was_charged_is_cancelled),
        WITH_SHOP(an_order_cancelled_after_it_was_charged_is_cancelled),
        WITH_SHOP(an_order_cancelled_after_it_was_reserved_is_cancelled),
        WITH_SHOP(an_order_cancelled_while_out_of_stock_is_cancelled),
        WITH_SHOP(the_straight_paths_have_these_streams),
        WITH_SHOP(an_early_answer_changes_the_status_when_it_is_used),
        WITH_SHOP(late_money_is_asked_back_with_the_reason_of_the_cancel),
    };

    return cmocka_run_group_tests_name("order_paths", tests, NULL, NULL);
}
