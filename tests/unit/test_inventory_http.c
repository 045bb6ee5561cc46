/* test_inventory_http.c - the stock over HTTP: inventory-service in this process, without a broker. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "services/inventory/inventory.h"
#include "store.h"
#include "tern_test.h"
#include "test_app.h"
#include "test_context.h"

static struct test_app shop;

static int start_with(const char *const *settings)
{
    struct tern_error err = {0};
    if (test_app_start(&shop, &inventory_service, settings, &err) == 0) return 0;
    print_error("%s\n", err.text);
    return -1;
}

static int start(void **state)
{
    const char *const settings[] = {"ADMIN_TOKEN=open-sesame-open-sesame", NULL};
    (void)state;
    return start_with(settings);
}

static int stop(void **state)
{
    (void)state;
    test_app_stop(&shop);
    return 0;
}

static const char bearer[] = "Authorization: Bearer open-sesame-open-sesame\r\n";

#define GET(path, status, contains)        test_app_answers(&shop, "GET", path, "", NULL, status, contains)
#define PUT(path, body, status, contains)  test_app_answers(&shop, "PUT", path, bearer, body, status, contains)
#define POST(path, body, status, contains) test_app_answers(&shop, "POST", path, bearer, body, status, contains)

static int64_t emitted(const char *body_part)
{
    static const char count[] =
        "SELECT count(*) FROM event_log WHERE type = 'InventoryUpdated' AND instr(body, ?1) > 0";
    struct tern_error err = {0};
    struct tern_db *db = tern_app_reader(&shop.app, &err);
    int64_t found = -1;
    assert_int_equal(tern_db_get_int(db, count, TERN_DB_ARGS(tern_db_text(body_part)), &found, &err), 1);
    tern_app_reader_done(&shop.app, db);
    return found;
}

static void the_stock_is_listed_by_product(void **state)
{
    (void)state;
    GET("/inventory", 200,
        "{\"products\":[{\"productId\":\"PROD-101\",\"name\":\"Wireless Headphones\",\"quantity\":50,"
        "\"reserved\":0,\"updatedAt\":\"20");
    GET("/inventory", 200, "{\"productId\":\"PROD-105\",\"name\":\"Smart Watch\",\"quantity\":25,");
    GET("/inventory/PROD-102", 200, "\r\n{\"productId\":\"PROD-102\",\"name\":\"Smartphone Case\",\"quantity\":100,");
    GET("/inventory/PROD-999", 404, "Product not found");
}

static void a_product_is_set_or_made(void **state)
{
    (void)state;
    PUT("/inventory/PROD-101", "{\"quantity\":7}", 200,
        "{\"productId\":\"PROD-101\",\"name\":\"Wireless Headphones\",\"quantity\":7,");
    PUT("/inventory/PROD-101", "{\"name\":\"Head\\u0070hones\",\"quantity\":8}", 200, "\"name\":\"Headphones\"");
    PUT("/inventory/NEW-1", "{\"name\":\"New\",\"quantity\":3}", 201, "\"quantity\":3,\"reserved\":0");
    PUT("/inventory/NEW-2", "{\"quantity\":0}", 201, "\"name\":\"NEW-2\",\"quantity\":0");
    GET("/inventory/NEW-1", 200, "\"quantity\":3");
    assert_int_equal(emitted("\"productId\":\"NEW-1\",\"name\":\"New\",\"newQuantity\":3"), 1);
    assert_int_equal(emitted("\"newQuantity\":7"), 1);
}

static void a_price_is_set_kept_and_published(void **state)
{
    (void)state;
    PUT("/inventory/DEAR-1", "{\"quantity\":3,\"price\":79.9}", 201, "\"price\":79.90,\"currency\":\"USD\"}");
    PUT("/inventory/DEAR-1", "{\"quantity\":4}", 200, "\"price\":79.90,\"currency\":\"USD\"}");
    POST("/inventory/DEAR-1/restock", "{\"quantity\":1}", 200, "\"quantity\":5,");
    PUT("/inventory/DEAR-1", "{\"quantity\":5,\"price\":80,\"currency\":\"EUR\"}", 200,
        "\"price\":80.00,\"currency\":\"EUR\"}");
    GET("/inventory", 200, "\"price\":80.00,\"currency\":\"EUR\"}");
    assert_int_equal(emitted("\"productId\":\"DEAR-1\",\"name\":\"DEAR-1\",\"newQuantity\":5"), 2);
    assert_int_equal(emitted("\"price\":79.90,\"currency\":\"USD\""), 3);
    PUT("/inventory/DEAR-1", "{\"quantity\":5,\"price\":0}", 400, "#/price");
    PUT("/inventory/DEAR-1", "{\"quantity\":5,\"price\":1.999}", 400, "#/price");
    PUT("/inventory/DEAR-1", "{\"quantity\":5,\"currency\":\"EUR\"}", 400, "must come with a price");
    PUT("/inventory/DEAR-1", "{\"quantity\":5,\"price\":1,\"currency\":\"JPY\"}", 400,
        "must be a currency of ISO 4217");
    POST("/inventory/DEAR-1/restock", "{\"quantity\":1,\"price\":1}", 400, "#/price");
}

static void a_restock_is_added_to_what_is_there(void **state)
{
    (void)state;
    POST("/inventory/PROD-104/restock", "{\"quantity\":5}", 200, "\"quantity\":35");
    POST("/inventory/PROD-104/restock", "{\"quantity\":5}", 200, "\"quantity\":40");
    assert_int_equal(emitted("\"productId\":\"PROD-104\",\"name\":\"Bluetooth Speaker\",\"newQuantity\":40"), 1);
    POST("/inventory/PROD-999/restock", "{\"quantity\":5}", 404, "Product not found");
    GET("/inventory/PROD-999", 404, "Product not found");
}

/* With the token and this Idempotency-Key. */
static void keyed(const char *method, const char *path, const char *key, const char *body, int status,
                  const char *contains)
{
    char headers[256];
    (void)snprintf(headers, sizeof headers, "%sIdempotency-Key: %s\r\n", bearer, key);
    test_app_answers(&shop, method, path, headers, body, status, contains);
}

static void the_same_restock_with_one_key_is_added_once(void **state)
{
    static const char path[] = "/inventory/PROD-102/restock";
    (void)state;
    keyed("POST", path, "\"delivery-7\"", "{\"quantity\":10}", 200, "\"quantity\":110");
    keyed("POST", path, "delivery-7", "{ \"quantity\" : 10 }", 200, "Idempotency-Replayed: true");
    keyed("POST", path, "delivery-7", "{\"quantity\":10}", 200, "\"quantity\":110");
    GET("/inventory/PROD-102", 200, "\"quantity\":110");
    assert_int_equal(emitted("\"productId\":\"PROD-102\",\"name\":\"Smartphone Case\",\"newQuantity\":110"), 1);
    keyed("POST", path, "delivery-7", "{\"quantity\":11}", 422, "Idempotency-Key reused");
    keyed("POST", path, "a b", "{\"quantity\":1}", 400, "Invalid Idempotency-Key");
    keyed("POST", "/inventory/PROD-999/restock", "delivery-7", "{\"quantity\":10}", 404, "Product not found");
    keyed("POST", "/inventory/PROD-999/restock", "delivery-8", "{\"quantity\":10}", 404, "application/problem+json");
    /* what is idempotent by itself may carry one */
    keyed("PUT", "/inventory/PROD-102", "delivery-7", "{\"quantity\":100}", 200, "\"quantity\":100");
    keyed("PUT", "/inventory/PROD-102", "delivery-7", "{\"quantity\":101}", 200, "\"quantity\":101");
    keyed("GET", "/inventory/PROD-102", "a b", NULL, 200, "\"quantity\":101");
}

static void what_is_wrong_is_named_and_changes_nothing(void **state)
{
    (void)state;
    GET("/inventory?colour=red", 400, "argument colour is not known here");
    GET("/inventory/PROD-103?colour=red", 400, "argument colour is not known here");
    PUT("/inventory/PROD-103?force=1", "{\"quantity\":1}", 400, "argument force is not known here");
    PUT("/inventory/PROD-103", "{\"quantity\":-1}", 400, "\"pointer\":\"#/quantity\"");
    PUT("/inventory/PROD-103", "{\"quantity\":1.5}", 400, "\"pointer\":\"#/quantity\"");
    PUT("/inventory/PROD-103", "{\"quantity\":1000000001}", 400, "\"pointer\":\"#/quantity\"");
    PUT("/inventory/PROD-103", "{\"quantity\":1,\"colour\":1}", 400, "\"pointer\":\"#/colour\"");
    PUT("/inventory/PROD-103", "{}", 400, "\"pointer\":\"#/quantity\"");
    PUT("/inventory/PROD-103", "{", 400, "Malformed JSON");
    PUT("/inventory/a%20b", "{\"quantity\":1}", 400, "Invalid product id");
    POST("/inventory/PROD-103/restock", "{\"quantity\":0}", 400, "\"pointer\":\"#/quantity\"");
    POST("/inventory/PROD-103/restock", "{\"quantity\":1,\"name\":\"N\"}", 400, "\"pointer\":\"#/name\"");
    test_app_answers(&shop, "DELETE", "/inventory/PROD-103", "", NULL, 405, "Allow:");
    GET("/inventory/PROD-103", 200, "\"quantity\":150");
    assert_int_equal(emitted("\"productId\":\"PROD-103\""), 1); /* the first stock */
}

/* An order that holds stock, as a delivery's handlers would make it. */
static enum tern_outcome consume(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_event *event = argument;
    for (size_t i = 0; i < INVENTORY_HANDLERS; i++)
        if (strcmp(inventory_handlers[i].type->name, event->type) == 0)
            return inventory_handlers[i].handle(ctx, event, err);
    return TERN_REJECT;
}

static void tell(enum shop_event event, const void *payload)
{
    struct test_context maker = {.now_ms = 1, .foreign = shop.app.ids};
    struct tern_conversation conversation = {0};
    struct tern_event made;
    struct tern_error err = {0};
    test_context_event(&maker, event, "ORD-1", payload, NULL, &made);
    strcpy(conversation.correlation_id, made.correlation_id);
    assert_int_equal(tern_app_command(&shop.app, consume, &made, &conversation, &err), TERN_COMMITTED);
    tern_event_fini(&made);
}

static void hold(int64_t quantity)
{
    struct shop_order_placed placed = {
        .order_id = "ORD-1", .customer_id = "C", .currency = "USD", .status = "CREATED", .created_at_ms = 1};
    const struct shop_payment_processed processed = {.order_id = "ORD-1",
                                                     .customer_id = "C",
                                                     .amount_minor = 1,
                                                     .status = "SUCCESS",
                                                     .transaction_id = "T",
                                                     .processed_at_ms = 1};
    placed.items.count = 1;
    placed.items.at[0] = (struct shop_line){.product_id = "HELD-1", .quantity = quantity, .price_minor = 1};
    tell(SHOP_ORDER_PLACED, &placed);
    tell(SHOP_PAYMENT_PROCESSED, &processed);
}

static void what_is_promised_is_shown_kept_and_finds_room_when_it_comes_back(void **state)
{
    struct shop_order_cancelled cancelled = {
        .order_id = "ORD-1", .customer_id = "C", .reason = SHOP_REASON_CUSTOMER_REQUEST, .cancelled_at_ms = 1};
    (void)state;
    PUT("/inventory/HELD-1", "{\"quantity\":10}", 201, "\"reserved\":0");
    hold(4);
    GET("/inventory/HELD-1", 200, "\"quantity\":6,\"reserved\":4");
    GET("/metrics", 200, "\ntern_inventory_reserved_units 4\n");
    GET("/metrics", 200, "tern_inventory_reservations_total{result=\"reserved\"} 1\n");
    PUT("/inventory/HELD-1", "{\"quantity\":1}", 200, "\"quantity\":1,\"reserved\":4");
    PUT("/inventory/HELD-1", "{\"quantity\":999999997}", 409, "Too much stock");
    PUT("/inventory/HELD-1", "{\"quantity\":999999996}", 200, "\"reserved\":4");
    POST("/inventory/HELD-1/restock", "{\"quantity\":1}", 409, "Too much stock");
    cancelled.items.count = 1;
    cancelled.items.at[0] = (struct shop_line){.product_id = "HELD-1", .quantity = 4, .price_minor = 1};
    tell(SHOP_ORDER_CANCELLED, &cancelled);
    GET("/inventory/HELD-1", 200, "\"quantity\":1000000000,\"reserved\":0");
    GET("/metrics", 200, "\ntern_inventory_reserved_units 0\n");
}

static void a_shut_door_changes_no_stock(void **state)
{
    (void)state;
    atomic_store(&shop.app.status.disk_low, true);
    PUT("/inventory/PROD-105", "{\"quantity\":1}", 503, "Retry-After:");
    GET("/inventory/PROD-105", 200, "\"quantity\":25"); /* reading goes on */
    atomic_store(&shop.app.status.disk_low, false);
}

enum { MANY = 6, EACH = 20 };

static void *restock_often(void *argument)
{
    (void)argument;
    for (int i = 0; i < EACH; i++)
        POST("/inventory/BUSY-1/restock", "{\"quantity\":1}", 200, "\"productId\":\"BUSY-1\"");
    return NULL;
}

static void restocks_at_the_same_time_are_all_counted(void **state)
{
    pthread_t threads[MANY];
    char wanted[32];
    (void)state;
    PUT("/inventory/BUSY-1", "{\"quantity\":0}", 201, "\"quantity\":0");
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, restock_often, NULL), 0);
    for (size_t i = 0; i < MANY; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    (void)snprintf(wanted, sizeof wanted, "\"quantity\":%d,", MANY * EACH);
    GET("/inventory/BUSY-1", 200, wanted);
}

static void without_its_token_nobody_writes(void **state)
{
    static const char body[] = "{\"quantity\":1}", restock[] = "/inventory/PROD-101/restock";
    static const char other[] = "Authorization: Bearer open-sesame-open-sesamf\r\n";
    (void)state;
    test_app_answers(&shop, "PUT", "/inventory/PROD-101", "", body, 401, "WWW-Authenticate:");
    test_app_answers(&shop, "PUT", "/inventory/PROD-101", other, body, 401, "application/problem+json");
    test_app_answers(&shop, "POST", restock, "", body, 401, "application/problem+json");
    GET("/inventory/PROD-101", 200, "\"quantity\":50"); /* reading is open */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_its_token_nobody_writes),
        cmocka_unit_test(the_stock_is_listed_by_product),
        cmocka_unit_test(a_product_is_set_or_made),
        cmocka_unit_test(a_price_is_set_kept_and_published),
        cmocka_unit_test(a_restock_is_added_to_what_is_there),
        cmocka_unit_test(the_same_restock_with_one_key_is_added_once),
        cmocka_unit_test(what_is_wrong_is_named_and_changes_nothing),
        cmocka_unit_test(what_is_promised_is_shown_kept_and_finds_room_when_it_comes_back),
        cmocka_unit_test(a_shut_door_changes_no_stock),
        cmocka_unit_test(restocks_at_the_same_time_are_all_counted),
    };
    return cmocka_run_group_tests_name("inventory http", tests, start, stop);
}
