/* test_order.c - orders and answers, through the real door and the real handlers. */
#include "test_order.h"

#include <stdlib.h>
#include <string.h>

#include "services/order/cancel_order.h"
#include "services/order/order_replay.h"
#include "services/order/order_store.h"
#include "tern/event_log.h"
#include "tern_test.h"

extern const struct tern_migration order_migrations[];

const char test_order_body[] =
    "{\"customerId\":\"CUST-1\",\"items\":[{\"productId\":\"PROD-101\",\"quantity\":2,\"price\":99.99},"
    "{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}],"
    "\"customer\":{\"email\":\"ann@example.com\",\"phone\":\"+4912345\"},"
    "\"shippingAddress\":{\"street\":\"1 Main St\",\"city\":\"Springfield\",\"state\":\"IL\",\"zipCode\":\"62701\"},"
    "\"currency\":\"EUR\",\"paymentToken\":\"tok_ok\"}";

void test_order_open(struct test_order *shop)
{
    memset(shop, 0, sizeof *shop);
    shop->state = (struct order_service_state){.nudge_ms = 10000, .deadline_ms = 900000};
    test_context_open(&shop->test, SHOP_SERVICE_ORDER, order_migrations, &shop->state);
}

void test_order_close(struct test_order *shop)
{
    test_context_close(&shop->test);
}

int test_order_set_up(void **state)
{
    struct test_order *shop = test_malloc(sizeof *shop);
    test_order_open(shop);
    *state = shop;
    return 0;
}

int test_order_tear_down(void **state)
{
    test_order_close(*state);
    test_free(*state);
    return 0;
}

struct test_order_work *test_order_work(struct test_order *shop, const char *body, const char *key)
{
    struct test_order_work *work = tern_alloc(sizeof *work);
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    char correlation_id[TERN_UUID_SIZE];

    if (place_order_read(body, strlen(body), &work->place.placed, &faults, &err) < 0) fail_msg("%s", err.text);
    tern_ids_uuid(shop->test.foreign, correlation_id);
    place_order_spell(&work->place);
    place_order_prepare(&work->place, shop->test.ctx.ids, &shop->test.clock, correlation_id, "1.0");
    work->once =
        (struct tern_once){place_order_run, &work->place, place_order_answer, &work->place.asked, order_metrics_placed};
    work->work.once = &work->once;
    tern_once_ask(&work->work, "POST /orders", key);
    return work;
}

enum tern_outcome test_order_run(struct test_order *shop, struct test_order_work *work)
{
    const enum tern_outcome outcome =
        test_context_run(&shop->test, tern_once_run, &work->work, work->place.order.correlation_id);
    struct tern_kept_answer *kept = &work->work.answer;

    if (outcome == TERN_DONE && !work->work.misused) {
        if (work->work.request.key[0] == '\0')
            place_order_answer(&work->place, &work->answer);
        else
            work->answer =
                (struct tern_http_answer){.status = kept->status, .headers = kept->headers, .body = kept->body};
        if (work->work.request.key[0] != '\0') *kept = (struct tern_kept_answer){0};
    }
    return outcome;
}

void test_order_work_free(struct test_order_work *work)
{
    tern_text_fini(&work->answer.headers);
    tern_text_fini(&work->answer.body);
    tern_once_fini(&work->work);
    place_order_fini(&work->place);
    free(work);
}

void test_order_place(struct test_order *shop, char ret_order_id[TERN_ID_SIZE])
{
    struct test_order_work *work = test_order_work(shop, test_order_body, "");

    assert_int_equal(test_order_run(shop, work), TERN_DONE);
    strcpy(ret_order_id, work->place.order.order_id);
    test_order_work_free(work);
}

/* Any payload that answers. */
union payload {
    char order_id[TERN_ID_SIZE]; /* the first member of each */
    struct shop_payment_processed processed;
    struct shop_payment_failed failed;
    struct shop_payment_refunded refunded;
    struct shop_payment_voided voided;
    struct shop_inventory_reserved reserved;
    struct shop_inventory_released released;
    struct shop_product_out_of_stock out;
};

static enum shop_event fill(union payload *payload, enum saga_input input, int64_t now_ms)
{
    switch (input) {
    case SAGA_PAYMENT_PROCESSED:
        payload->processed = (struct shop_payment_processed){.customer_id = "CUST-1",
                                                             .amount_minor = TEST_ORDER_TOTAL_MINOR,
                                                             .status = "SUCCESS",
                                                             .transaction_id = "TXN-1",
                                                             .processed_at_ms = now_ms};
        return SHOP_PAYMENT_PROCESSED;
    case SAGA_PAYMENT_FAILED:
        payload->failed = (struct shop_payment_failed){.customer_id = "CUST-1",
                                                       .amount_minor = TEST_ORDER_TOTAL_MINOR,
                                                       .status = "FAILED",
                                                       .error = "declined",
                                                       .processed_at_ms = now_ms};
        return SHOP_PAYMENT_FAILED;
    case SAGA_PAYMENT_REFUNDED:
        payload->refunded = (struct shop_payment_refunded){.customer_id = "CUST-1",
                                                           .amount_minor = TEST_ORDER_TOTAL_MINOR,
                                                           .transaction_id = "TXN-1",
                                                           .refund_id = "RFD-1",
                                                           .refunded_at_ms = now_ms};
        return SHOP_PAYMENT_REFUNDED;
    case SAGA_PAYMENT_VOIDED:
        payload->voided = (struct shop_payment_voided){.customer_id = "CUST-1", .voided_at_ms = now_ms};
        return SHOP_PAYMENT_VOIDED;
    case SAGA_INVENTORY_RESERVED: payload->reserved.reserved_at_ms = now_ms; return SHOP_INVENTORY_RESERVED;
    case SAGA_INVENTORY_RELEASED: payload->released.released_at_ms = now_ms; return SHOP_INVENTORY_RELEASED;
    case SAGA_PRODUCT_OUT_OF_STOCK:
        payload->out = (struct shop_product_out_of_stock){
            .product_id = "PROD-102", .requested = 1, .available = 0, .notified_at_ms = now_ms};
        return SHOP_PRODUCT_OUT_OF_STOCK;
    default: fail_msg("%s", "no service publishes that"); return SHOP_EVENT_COUNT;
    }
}

void test_order_answer(struct test_order *shop, const char *order_id, enum saga_input input,
                       struct tern_event *ret_event)
{
    union payload payload;
    enum shop_event event;

    memset(&payload, 0, sizeof payload);
    event = fill(&payload, input, shop->test.now_ms);
    strcpy(payload.order_id, order_id);
    test_context_event(&shop->test, event, order_id, &payload, NULL, ret_event);
}

enum tern_outcome test_order_handle(struct test_order *shop, const struct tern_event *event)
{
    return test_context_handle(&shop->test, order_handlers, ORDER_HANDLER_COUNT, event);
}

void test_order_consume(struct test_order *shop, const char *order_id, enum saga_input input)
{
    struct tern_event event;

    shop->test.now_ms += 10;
    test_order_answer(shop, order_id, input, &event);
    if (test_order_handle(shop, &event) != TERN_DONE) fail_msg("%s: %s", event.type, shop->test.err.text);
    tern_event_fini(&event);
}

enum order_status test_order_cancel(struct test_order *shop, const char *order_id)
{
    struct cancel_order work = {.order_id = order_id};

    shop->test.now_ms += 10;
    if (test_context_run(&shop->test, cancel_order_run, &work, NULL) != TERN_DONE) fail_msg("%s", shop->test.err.text);
    assert_int_not_equal(work.result, CANCEL_ORDER_UNKNOWN);
    return work.status;
}

static void assert_same_order(const struct order_state *row, const struct order_state *replayed)
{
    struct order_state one = *row, other = *replayed;

    assert_string_equal(one.details.bytes, other.details.bytes);
    memset(&one.details, 0, sizeof one.details);
    memset(&other.details, 0, sizeof other.details);
    assert_string_equal(one.order_id, other.order_id);
    assert_string_equal(one.customer_id, other.customer_id);
    assert_string_equal(one.correlation_id, other.correlation_id);
    assert_string_equal(one.reason, other.reason);
    assert_string_equal(one.note, other.note);
    assert_string_equal(one.transaction_id, other.transaction_id);
    assert_string_equal(one.product_id, other.product_id);
    assert_string_equal(one.currency, other.currency);
    assert_int_equal(one.version, other.version);
    assert_int_equal(one.saga.status, other.saga.status);
    assert_int_equal(one.saga.money, other.saga.money);
    assert_int_equal(one.saga.stock, other.saga.stock);
    assert_int_equal(one.saga.released, other.saga.released);
    assert_int_equal(one.total_minor, other.total_minor);
    assert_int_equal(one.created_at_ms, other.created_at_ms);
    assert_int_equal(one.updated_at_ms, other.updated_at_ms);
}

void test_order_load(struct test_order *shop, const char *order_id, struct order_state *ret_order)
{
    struct order_state replayed = {0};
    struct tern_error err = {0};

    if (order_store_load(shop->test.ctx.db, TERN_LIVE, order_id, ret_order, &err) != 1)
        fail_msg("no order: %s", err.text);
    if (order_replay(shop->test.ctx.db, order_id, ORDER_AS_IT_IS, NULL, NULL, &replayed, &err) != 1)
        fail_msg("no stream: %s", err.text);
    assert_same_order(ret_order, &replayed);
    order_fini(&replayed);
}

static int add_type(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    char *story = self;
    const size_t length = strlen(story);

    (void)err;
    assert_true(length + strlen(row->type) + 2 < 2048);
    if (length > 0) strcat(story, " ");
    strcat(story, row->type);
    return 0;
}

const char *test_order_story(struct test_order *shop, const char *order_id)
{
    static char story[2048];
    struct tern_error err = {0};

    story[0] = '\0';
    assert_true(tern_event_log_stream(shop->test.ctx.db, order_id, 0, 100, add_type, story, &err) > 0);
    return story;
}
