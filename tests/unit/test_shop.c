/* test_shop.c - the shop's catalogue is the contract's, and its payloads come back from the event log as they went in. */
#include "tern_test.h"

#include "common/base/ids.h"
#include "common/store/store.h"
#include "shop/catalogue.h"
#include "store.h"
#include "tern/context.h"
#include "tern/event_log.h"
#include "tern/outbox.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The table of the contract, written a second time on purpose. */
static const struct {
    enum shop_event event;
    const char *type, *key, *says;
    const char *hears[4];
} contract[] = {
    {SHOP_ORDER_PLACED,
     "OrderPlaced",                                   "order.placed",
     "order-service",                                                                                 {"payment-service", "inventory-service", "notification-service"}},
    {SHOP_ORDER_UPDATED,        "OrderUpdated",       "order.updated",        "order-service",        {"notification-service"}                                        },
    {SHOP_ORDER_CANCELLED,
     "OrderCancelled",                                "order.cancelled",
     "order-service",                                                                                 {"payment-service", "inventory-service", "notification-service"}},
    {SHOP_PAYMENT_PROCESSED,
     "PaymentProcessed",                              "payment.processed",
     "payment-service",                                                                               {"order-service", "inventory-service", "notification-service"}  },
    {SHOP_PAYMENT_FAILED,
     "PaymentFailed",                                 "payment.failed",
     "payment-service",                                                                               {"order-service", "notification-service"}                       },
    {SHOP_PAYMENT_REFUNDED,
     "PaymentRefunded",                               "payment.refunded",
     "payment-service",                                                                               {"order-service", "notification-service"}                       },
    {SHOP_PAYMENT_VOIDED,       "PaymentVoided",      "payment.voided",       "payment-service",      {"order-service"}                                               },
    {SHOP_INVENTORY_UPDATED,    "InventoryUpdated",   "inventory.updated",    "inventory-service",    {"order-service"}                                               },
    {SHOP_INVENTORY_RESERVED,   "InventoryReserved",  "inventory.reserved",   "inventory-service",    {"order-service"}                                               },
    {SHOP_INVENTORY_RELEASED,   "InventoryReleased",  "inventory.released",   "inventory-service",    {"order-service"}                                               },
    {SHOP_PRODUCT_OUT_OF_STOCK,
     "ProductOutOfStock",                             "product.out.of.stock",
     "inventory-service",                                                                             {"order-service", "notification-service"}                       },
    {SHOP_NOTIFICATION_SENT,    "NotificationSent",   "notification.sent",    "notification-service", {NULL}                                                          },
    {SHOP_NOTIFICATION_FAILED,  "NotificationFailed", "notification.failed",  "notification-service", {NULL}                                                          },
};

static void the_catalogue_is_the_contracts(void **state)
{
    (void)state;
    assert_int_equal(TERN_COUNT(contract), SHOP_EVENT_COUNT);
    for (size_t i = 0; i < TERN_COUNT(contract); i++) {
        const struct tern_event_type *type = &shop_event_types[contract[i].event];
        char key[TERN_ROUTING_KEY_SIZE];
        size_t hearers = 0;
        tern_routing_key(type->name, key);
        assert_string_equal(type->name, contract[i].type);
        assert_string_equal(key, contract[i].key);
        assert_string_equal(type->producer, contract[i].says);
        assert_string_equal(type->version,
                            contract[i].event == SHOP_ORDER_CANCELLED || contract[i].event == SHOP_INVENTORY_UPDATED
                                ? "1.1"
                            : contract[i].event == SHOP_ORDER_PLACED ? "2.0"
                                                                     : "1.0");
        for (; contract[i].hears[hearers]; hearers++)
            assert_true(tern_catalogue_consumes(type, contract[i].hears[hearers]));
        assert_null(type->consumers[hearers]);
        assert_int_equal(shop_event_named(contract[i].type), contract[i].event);
    }
    assert_int_equal(shop_event_named("OrderShipped"), SHOP_EVENT_COUNT);
}

static void exchanges_and_services_are_the_contracts(void **state)
{
    (void)state;
    static const char *const services[] = {"order-service", "payment-service", "inventory-service",
                                           "notification-service"};
    assert_string_equal(shop_catalogue.exchange, "events");
    assert_string_equal(shop_catalogue.dead_letter_exchange, "events.dead");
    assert_int_equal(shop_catalogue.type_count, SHOP_EVENT_COUNT);
    for (size_t i = 0; i < TERN_COUNT(services); i++)
        assert_string_equal(shop_catalogue.services[i], services[i]);
    assert_null(shop_catalogue.services[TERN_COUNT(services)]);
    assert_ptr_equal(SHOP_TYPE(PAYMENT_VOIDED), tern_catalogue_find(&shop_catalogue, "PaymentVoided"));
}

static void assert_table_is_whole(const struct tern_schema *schema)
{
    for (size_t i = 0; i < schema->count; i++) {
        const struct tern_field *field = &schema->fields[i];
        assert_non_null(field->name);
        assert_true(field->offset < schema->size);
        if (field->kind == TERN_KIND_LIST || field->kind == TERN_KIND_OBJECT) assert_table_is_whole(field->schema);
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(field->name, schema->fields[j].name);
    }
}

static void no_row_of_any_table_is_empty_or_double(void **state)
{
    (void)state;
    for (unsigned event = 0; event < SHOP_EVENT_COUNT; event++) {
        assert_non_null(shop_event_types[event].name);
        assert_true(shop_schema((enum shop_event)event)->count > 0);
        assert_table_is_whole(shop_schema((enum shop_event)event));
    }
}

/* ---- what is written out in shop/events.h ------------------------------------------------------------------- */

static char *read_header(void)
{
    struct tern_text header = {0};
    char line[512];
    FILE *file = fopen(TERN_SOURCE_DIR "/include/shop/events.h", "r");
    assert_non_null(file);
    tern_text_add(&header, "");
    while (fgets(line, sizeof line, file))
        tern_text_add(&header, line);
    (void)fclose(file);
    return tern_text_take(&header);
}

static void assert_written(const char *header, const char *before, const char *payload, const char *behind)
{
    char line[128];
    (void)snprintf(line, sizeof line, "\n%s%s%s", before, payload, behind);
    if (!strstr(header, line)) fail_msg("shop/events.h has no line: %s", line + 1);
}

static void every_name_of_a_row_stands_in_the_header(void **state)
{
#define AS_NAME(id, payload, type, version, producer, subject, consumers) #payload,
    static const char *const payloads[] = {SHOP_EVENTS(AS_NAME)};
    (void)state;
    char *header = read_header();
    for (size_t i = 0; i < TERN_COUNT(payloads); i++) {
        assert_written(header, "struct shop_", payloads[i], " {\n");
        assert_written(header, "int shop_", payloads[i], "_decode(const struct tern_event *event, ");
        assert_written(header, "int shop_emit_", payloads[i], "(struct tern_context *ctx, ");
    }
    free(header);
}

/* ---- emit and decode --------------------------------------------------------------------------------------- */

static int set_up(void **state)
{
    struct tern_context *ctx = test_calloc(1, sizeof *ctx);
    ctx->db = test_store_open();
    ctx->clock = &tern_clock_system;
    ctx->ids = tern_ids_create(ctx->clock, 7);
    ctx->catalogue = &shop_catalogue;
    ctx->service = SHOP_SERVICE_ORDER;
    ctx->now_ms = 1795530600123;
    strcpy(ctx->conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    *state = ctx;
    return 0;
}

static int tear_down(void **state)
{
    struct tern_context *ctx = *state;
    tern_db_close(ctx->db);
    tern_ids_destroy(ctx->ids);
    tern_text_fini(&ctx->scratch);
    test_free(ctx);
    return 0;
}

static int decode_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    return tern_event_decode(row->body, row->body_length, self, err);
}

/* The one event of a subject. */
static struct tern_event only_event(struct tern_context *ctx, const char *subject)
{
    struct tern_event event;
    struct tern_error err;
    assert_int_equal(tern_event_log_stream(ctx->db, subject, 0, 10, decode_row, &event, &err), 1);
    return event;
}

/* The largest order there can be. */
static struct shop_order_placed largest_order(void)
{
    struct shop_order_placed order = {
        .order_id = "ORD-1",
        .customer_id = "CUST-1",
        .total_amount_minor = SHOP_TOTAL_MAX_MINOR,
        .currency = SHOP_CURRENCY_DEFAULT,
        .status = SHOP_STATUS_CREATED,
        .created_at_ms = 1795530600123,
        .customer = {.given = true, .email = "a@example.com", .phone = "+1234567890"},
        .shipping_address = { .given = true,
                     .street = "Stra\xC3\x9F"
                                       "e \"1\"",                            .city = "C",
                     .state = "S",
                     .zip_code = "0"},
        .payment_token = "tok_ok",
    };
    order.items.count = SHOP_LINES_MAX;
    for (size_t i = 0; i < SHOP_LINES_MAX; i++) {
        (void)snprintf(order.items.at[i].product_id, TERN_ID_SIZE, "%064zu", i);
        order.items.at[i].quantity = SHOP_QUANTITY_MAX;
        order.items.at[i].price_minor = SHOP_PRICE_MAX_MINOR;
        strcpy(order.items.at[i].currency, SHOP_CURRENCY_DEFAULT);
    }
    return order;
}

static void the_largest_order_comes_back_as_it_was_emitted(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct tern_emitted emitted;
    static struct shop_order_placed order, again;
    order = largest_order();
    assert_int_equal(shop_emit_order_placed(ctx, &order, &emitted, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-1");
    assert_string_equal(event.event_id, emitted.event.event_id);
    assert_int_equal(shop_order_placed_decode(&event, &again, &err), 0);
    assert_memory_equal(order.items.at, again.items.at, sizeof order.items.at);
    assert_int_equal(again.items.count, SHOP_LINES_MAX);
    assert_true(again.total_amount_minor == SHOP_TOTAL_MAX_MINOR);
    assert_string_equal(tern_json_digits(tern_json_member(event.data, "totalAmount")), "1000000000000.00");
    assert_true(again.created_at_ms == order.created_at_ms);
    assert_true(again.customer.given);
    assert_string_equal(again.customer.phone, order.customer.phone);
    assert_string_equal(again.shipping_address.street, order.shipping_address.street);
    assert_string_equal(again.payment_token, "tok_ok");
    tern_event_fini(&event);
}

/* ---- versions ---------------------------------------------------------------------------------------------- */

#define PLACED(version, items)                                                                                          \
    "{\"eventId\":\"01a20df6-ae40-7768-aa09-86e7f63ba302\",\"eventType\":\"OrderPlaced\","                              \
    "\"timestamp\":\"2026-11-23T14:30:00.123Z\",\"producer\":\"order-service\",\"version\":\"" version "\","            \
    "\"correlationId\":\"01a20df6-ae40-7768-aa09-86e7f63ba302\",\"subject\":\"ORD-1\",\"data\":{\"orderId\":\"ORD-1\"," \
    "\"customerId\":\"C\",\"items\":" items ",\"totalAmount\":19.98,\"currency\":\"EUR\",\"status\":\"CREATED\","       \
    "\"createdAt\":\"2026-11-23T14:30:00.123Z\",\"giftWrap\":true}}"

/* As every reader does it. */
static int read_placed(const char *body, struct tern_event *ret_event, struct shop_order_placed *ret_placed,
                       struct tern_error *err)
{
    if (tern_event_decode(body, strlen(body), ret_event, err) < 0) fail_msg("%s", err->text);
    if (tern_event_lift(ret_event, SHOP_TYPE(ORDER_PLACED), err) < 0) return -1;
    return shop_order_placed_decode(ret_event, ret_placed, err);
}

static void an_older_order_placed_is_lifted_and_keeps_what_is_not_known(void **state)
{
    static const char body[] =
        PLACED("1.3", "[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99,\"unitPrice\":7,\"size\":\"L\"}]");
    static struct shop_order_placed placed;
    struct tern_event event;
    struct tern_error err = {0};
    struct tern_text data = {0};
    (void)state;
    assert_int_equal(read_placed(body, &event, &placed, &err), 0);
    assert_string_equal(event.version, "2.0");
    assert_int_equal(placed.items.at[0].price_minor, 999);
    assert_string_equal(placed.items.at[0].currency, "EUR");
    tern_json_print(event.data, &data);
    assert_non_null(strstr(data.bytes, "\"giftWrap\":true"));
    assert_non_null(strstr(data.bytes,
                           "{\"productId\":\"P\",\"quantity\":2,\"size\":\"L\",\"unitPrice\":{\"amount\":9.99,"
                           "\"currency\":\"EUR\"}}"));
    assert_string_equal(event.body, body);
    tern_text_fini(&data);
    tern_event_fini(&event);
}

static void both_versions_of_an_order_placed_are_the_same_payload(void **state)
{
    static struct shop_order_placed older, newer;
    struct tern_event first, second;
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(
        read_placed(PLACED("1.0", "[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99}]"), &first, &older, &err), 0);
    assert_int_equal(read_placed(PLACED("2.0", "[{\"productId\":\"P\",\"quantity\":2,\"unitPrice\":{\"amount\":9.99,"
                                               "\"currency\":\"EUR\"}}]"),
                                 &second, &newer, &err),
                     0);
    assert_memory_equal(&older, &newer, sizeof older);
    tern_event_fini(&first);
    tern_event_fini(&second);
}

static void an_order_placed_that_no_version_has_is_refused_with_its_place(void **state)
{
    static const struct {
        const char *body, *sentence;
    } wrong[] = {
        {PLACED("1.0", "[{\"productId\":\"P\",\"quantity\":2}]"),
         "OrderPlaced 1.0: #/items: each line must have a price"                                                                                                                     },
        {PLACED("1.0", "[7]"),                                                                                         "OrderPlaced 1.0: #/items: each line must have a price"       },
        {PLACED("1.0", "{}"),                                                                                          "OrderPlaced: #/items: must be"                               },
        {PLACED("1.0", "[{\"productId\":\"P\",\"quantity\":2,\"price\":\"9\"}]"),
         "#/items/0/unitPrice/amount: must be"                                                                                                                                       },
        {PLACED("2.0", "[{\"productId\":\"P\",\"quantity\":2,\"price\":9.99}]"),                                       "#/items/0/unitPrice: is required"                            },
        {PLACED("2.0", "[{\"productId\":\"P\",\"quantity\":2,\"unitPrice\":{\"amount\":9.99,\"currency\":\"USD\"}}]"),
         "#/items/0/unitPrice/currency: must be that of the order, EUR"                                                                                                              },
        {PLACED("3.0", "[]"),                                                                                          "OrderPlaced of version 3.0 cannot be read by a reader of 2.0"},
        {PLACED("0.9", "[]"),                                                                                          "OrderPlaced of version 0.9 cannot be read by a reader of 2.0"},
    };
    static struct shop_order_placed placed;
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(wrong); i++) {
        struct tern_event event;
        struct tern_error err = {0};
        assert_int_equal(read_placed(wrong[i].body, &event, &placed, &err), -1);
        if (!strstr(err.text, wrong[i].sentence)) fail_msg("not \"%s\" but \"%s\"", wrong[i].sentence, err.text);
        tern_event_fini(&event);
    }
}

static void only_versions_that_can_be_read_can_be_emitted(void **state)
{
    (void)state;
    assert_ptr_equal(shop_schema_of(SHOP_ORDER_PLACED, NULL), shop_schema(SHOP_ORDER_PLACED));
    assert_ptr_equal(shop_schema_of(SHOP_ORDER_PLACED, "2.0"), shop_schema(SHOP_ORDER_PLACED));
    assert_non_null(shop_schema_of(SHOP_ORDER_PLACED, "1.0"));
    assert_null(shop_schema_of(SHOP_ORDER_PLACED, "3.0"));
    assert_null(shop_schema_of(SHOP_ORDER_UPDATED, "0.9"));
}

static void what_was_not_given_does_not_travel(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    static struct shop_order_placed order, again;
    order = largest_order();
    order.customer.given = order.shipping_address.given = false;
    order.payment_token[0] = '\0';
    assert_int_equal(shop_emit_order_placed(ctx, &order, NULL, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-1");
    assert_null(tern_json_member(event.data, "customer"));
    assert_null(tern_json_member(event.data, "shippingAddress"));
    assert_null(tern_json_member(event.data, "paymentToken"));
    assert_int_equal(shop_order_placed_decode(&event, &again, &err), 0);
    assert_false(again.customer.given);
    tern_event_fini(&event);
}

static void inventory_updated_is_about_its_product(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct shop_inventory_updated update = {.product_id = "PROD-101", .name = "Headphones", .updated_at_ms = 1};
    struct shop_inventory_updated again;
    ctx->service = SHOP_SERVICE_INVENTORY;
    assert_int_equal(shop_emit_inventory_updated(ctx, &update, NULL, &err), 0);
    struct tern_event event = only_event(ctx, "PROD-101");
    assert_int_equal(shop_inventory_updated_decode(&event, &again, &err), 0);
    assert_true(again.new_quantity == 0);
    tern_event_fini(&event);
}

static void nothing_released_is_an_empty_list(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct shop_inventory_released released = {.order_id = "ORD-9", .released_at_ms = 1};
    ctx->service = SHOP_SERVICE_INVENTORY;
    assert_int_equal(shop_emit_inventory_released(ctx, &released, NULL, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-9");
    assert_true(tern_json_is_array(tern_json_member(event.data, "items")));
    assert_int_equal(tern_json_size(tern_json_member(event.data, "items")), 0);
    tern_event_fini(&event);
}

static void a_payload_that_breaks_its_rules_is_not_emitted(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct shop_order_updated update = {.order_id = "ORD-1", .customer_id = "C", .status = "PAID", .updated_at_ms = 1};
    assert_int_equal(shop_emit_order_updated(ctx, &update, NULL, &err), -1);
    assert_string_equal(err.text, "OrderUpdated: #/previousStatus: must be 1 to 23 characters of A-Z 0-9 _");
    assert_int_equal(test_store_number(ctx->db, "SELECT count(*) FROM event_log"), 0);
}

static void what_was_encoded_before_is_emitted_as_it_is(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct tern_text data = {0};
    struct tern_emitted emitted;
    struct shop_order_updated again, update = {.order_id = "ORD-1", .customer_id = "C", .updated_at_ms = 1};
    strcpy(update.status, "PAID");
    assert_int_equal(shop_encode(SHOP_ORDER_UPDATED, NULL, &update, &data, &err), -1);
    assert_string_equal(err.text, "OrderUpdated: #/previousStatus: must be 1 to 23 characters of A-Z 0-9 _");
    assert_int_equal(data.length, 0);
    strcpy(update.previous_status, "CREATED");
    assert_int_equal(shop_encode(SHOP_ORDER_UPDATED, NULL, &update, &data, &err), 0);
    assert_int_equal(shop_emit_encoded(ctx, SHOP_ORDER_UPDATED, NULL, "ORD-1", data.bytes, &emitted, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-1");
    assert_string_equal(event.event_id, emitted.event.event_id);
    assert_int_equal(shop_order_updated_decode(&event, &again, &err), 0);
    assert_string_equal(again.previous_status, "CREATED");
    tern_event_fini(&event);
    tern_text_fini(&data);
}

static void an_event_of_another_type_or_major_version_is_not_decoded(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct shop_order_updated update = {
        .order_id = "ORD-1", .customer_id = "C", .status = "PAID", .previous_status = "CREATED", .updated_at_ms = 1};
    struct shop_order_updated again;
    struct shop_payment_voided voided;
    assert_int_equal(shop_emit_order_updated(ctx, &update, NULL, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-1");
    assert_int_equal(shop_payment_voided_decode(&event, &voided, &err), -1);
    assert_string_equal(err.text, "the event is of type OrderUpdated, not PaymentVoided");
    strcpy(event.version, "1.7");
    assert_int_equal(shop_order_updated_decode(&event, &again, &err), 0);
    strcpy(event.version, "2.0");
    assert_int_equal(shop_order_updated_decode(&event, &again, &err), -1);
    assert_string_equal(err.text, "OrderUpdated of version 2.0 cannot be read by a reader of 1.0");
    tern_event_fini(&event);
}

static void a_payload_with_a_fault_is_refused_by_its_place(void **state)
{
    (void)state;
    struct tern_error err = {0};
    struct tern_event event;
    struct shop_inventory_reserved reserved;
    static const char text[] =
        "{\"eventId\":\"0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e5f\",\"eventType\":\"InventoryReserved\","
        "\"timestamp\":\"2026-11-23T14:30:00.123Z\",\"producer\":\"inventory-service\",\"version\":\"1.0\","
        "\"correlationId\":\"0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e60\",\"subject\":\"ORD-1\",\"data\":{\"orderId\":\"ORD-1\","
        "\"items\":[{\"productId\":\"A\",\"quantity\":1000000},{\"productId\":\"B\",\"quantity\":0}],"
        "\"reservedAt\":\"2026-11-23T14:30:00.123Z\"}}";
    assert_int_equal(tern_event_decode(text, strlen(text), &event, &err), 0);
    assert_int_equal(shop_inventory_reserved_decode(&event, &reserved, &err), -1);
    assert_string_equal(err.text, "InventoryReserved: #/items/1/quantity: must be 1 to 1000000");
    tern_event_fini(&event);
}

static void one_plain_address_is_an_email(void **state)
{
    static const char *const good[] = {"a@b", "ann.o'neil+shop@mail.example.com", "\xc3\xa4@b.example"};
    static const char *const bad[] = {"",        "a",     "@b",      "a@",    "a@b@c",   "a@b,c@d",    "a@b, c",
                                      "a@b;c@d", "<a@b>", "A <a@b>", "a b@c", "\"a\"@b", "a@[1.2.3.4]"};
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(good); i++)
        if (!shop_is_email(good[i])) fail_msg("%s is none", good[i]);
    for (size_t i = 0; i < TERN_COUNT(bad); i++)
        if (shop_is_email(bad[i])) fail_msg("%s is one", bad[i]);
}

static void any_sentence_can_be_set_as_text(void **state)
{
    struct tern_context *ctx = *state;
    struct tern_error err = {0};
    struct shop_payment_failed failed = {
        .order_id = "ORD-1", .customer_id = "C", .status = SHOP_PAYMENT_STATUS_ERROR, .processed_at_ms = 1};
    char sentence[2000];
    memset(sentence, 'x', sizeof sentence - 1);
    memcpy(sentence, "a\r\nb\xFF", 5);
    sentence[sizeof sentence - 1] = '\0';
    shop_set_text(failed.error, sentence);
    ctx->service = SHOP_SERVICE_PAYMENT;
    assert_int_equal(shop_emit_payment_failed(ctx, &failed, NULL, &err), 0);
    struct tern_event event = only_event(ctx, "ORD-1");
    struct shop_payment_failed again;
    assert_int_equal(shop_payment_failed_decode(&event, &again, &err), 0);
    assert_memory_equal(again.error, "a  b\xEF\xBF\xBDx", 8);
    tern_event_fini(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_catalogue_is_the_contracts),
        cmocka_unit_test(exchanges_and_services_are_the_contracts),
        cmocka_unit_test(every_name_of_a_row_stands_in_the_header),
        cmocka_unit_test(no_row_of_any_table_is_empty_or_double),
        cmocka_unit_test_setup_teardown(the_largest_order_comes_back_as_it_was_emitted, set_up, tear_down),
        cmocka_unit_test(an_older_order_placed_is_lifted_and_keeps_what_is_not_known),
        cmocka_unit_test(both_versions_of_an_order_placed_are_the_same_payload),
        cmocka_unit_test(an_order_placed_that_no_version_has_is_refused_with_its_place),
        cmocka_unit_test(only_versions_that_can_be_read_can_be_emitted),
        cmocka_unit_test_setup_teardown(what_was_not_given_does_not_travel, set_up, tear_down),
        cmocka_unit_test_setup_teardown(inventory_updated_is_about_its_product, set_up, tear_down),
        cmocka_unit_test_setup_teardown(nothing_released_is_an_empty_list, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_payload_that_breaks_its_rules_is_not_emitted, set_up, tear_down),
        cmocka_unit_test_setup_teardown(what_was_encoded_before_is_emitted_as_it_is, set_up, tear_down),
        cmocka_unit_test_setup_teardown(an_event_of_another_type_or_major_version_is_not_decoded, set_up, tear_down),
        cmocka_unit_test(a_payload_with_a_fault_is_refused_by_its_place),
        cmocka_unit_test(one_plain_address_is_an_email),
        cmocka_unit_test_setup_teardown(any_sentence_can_be_set_as_text, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
