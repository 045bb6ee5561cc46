/* test_stock.c - the first stock: the file that lists it, and what may be wrong in it, and that it is used once. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "common/base/log_setup.h"
#include "services/inventory/inventory.h"
#include "store.h"
#include "tern_test.h"
#include "test_app.h"
#include "test_context.h"
#include "test_emitted.h"

static char folder[64];

static int set_up(void **state)
{
    (void)state;
    strcpy(folder, "/tmp/test-stock-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

static int tear_down(void **state)
{
    (void)state;
    test_app_remove_folder(folder);
    return 0;
}

/* Opens the service's state as a start or --check-config does. */
static int open_path(const char *path, struct inventory_state **ret_state, struct tern_error *err)
{
    static const struct tern_service service = {.config = inventory_config};
    char setting[160];
    const char *const settings[] = {setting, NULL};
    void *self = NULL;
    (void)snprintf(setting, sizeof setting, "INVENTORY_FILE=%s", path);
    struct tern_config *config = test_app_settings(&service, settings);
    int status = inventory_open(config, NULL, &self, err);
    tern_config_destroy(config);
    *ret_state = self;
    return status;
}

static int open_text(const char *text, struct inventory_state **ret_state, struct tern_error *err)
{
    char path[96];
    (void)snprintf(path, sizeof path, "%s/stock.json", folder);
    FILE *file = fopen(path, "we");
    assert_non_null(file);
    assert_int_equal(fputs(text, file) >= 0 && fclose(file) == 0, 1);
    return open_path(path, ret_state, err);
}

/* ---- what is wrong with it ---- */

static void each_fault_of_the_file_is_a_sentence(void **state)
{
    static const struct {
        const char *text, *sentence; /* the end of it, where a path stands before */
    } cases[] = {
        {"",                                                                                                          ""                                                                      },
        {"[",                                                                                                         ""                                                                      },
        {"[]",                                                                                                        "INVENTORY_FILE: there must be at least one {productId, name, quantity}"},
        {"{}",                                                                                                        "INVENTORY_FILE: byte 2: another member than the list"                  },
        {"[1]",                                                                                                       "INVENTORY_FILE: product 1: "                                           },
        {"[{}]",                                                                                                      "INVENTORY_FILE: product 1: #/productId: "                              },
        {"[{\"productId\":\"P\",\"name\":\"N\"}]",                                                                    "INVENTORY_FILE: product 1: #/quantity: "                               },
        {"[{\"productId\":\"P\",\"quantity\":1}]",                                                                    "INVENTORY_FILE: product 1: #/name: "                                   },
        {"[{\"productId\":\"P\",\"name\":\"\",\"quantity\":1}]",                                                      "INVENTORY_FILE: product 1: #/name: "                                   },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":-1}]",                                                    "INVENTORY_FILE: product 1: #/quantity: "                               },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1.5}]",                                                   "INVENTORY_FILE: product 1: #/quantity: "                               },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1000000001}]",                                            "INVENTORY_FILE: product 1: #/quantity: "                               },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":\"1\"}]",                                                 "INVENTORY_FILE: product 1: #/quantity: "                               },
        {"[{\"productId\":\"a b\",\"name\":\"N\",\"quantity\":1}]",                                                   "INVENTORY_FILE: product 1: #/productId: "                              },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1,\"colour\":\"red\"}]",
         "INVENTORY_FILE: product 1: #/colour: "                                                                                                                                              },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1},{\"productId\":\"P\",\"name\":\"N\",\"quantity\":2}]",
         "INVENTORY_FILE: P stands there twice"                                                                                                                                               },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1,\"price\":0}]",                                         "INVENTORY_FILE: product 1: #/price: "                                  },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1,\"price\":1.001}]",
         "INVENTORY_FILE: product 1: #/price: "                                                                                                                                               },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1,\"currency\":\"USD\"}]",
         "INVENTORY_FILE: product 1: #/currency: must come with"                                                                                                                              },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1,\"price\":1,\"currency\":\"JPY\"}]",
         "INVENTORY_FILE: product 1: #/currency: must be a currency"                                                                                                                          },
        {"[{\"productId\":\"P\",\"name\":\"N\",\"quantity\":1},{\"productId\":\"Q\",\"name\":\"N\"}]",
         "INVENTORY_FILE: product 2: #/quantity: "                                                                                                                                            },
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct inventory_state *opened = NULL;
        struct tern_error err = {0};
        if (open_text(cases[i].text, &opened, &err) == 0) fail_msg("this was taken: %s", cases[i].text);
        assert_null(opened);
        assert_memory_equal(err.text, "INVENTORY_FILE", 14);
        if (strncmp(err.text, cases[i].sentence, strlen(cases[i].sentence)) != 0)
            fail_msg("%s: not %s but %s", cases[i].text, cases[i].sentence, err.text);
        assert_true(strlen(err.text) > strlen(cases[i].sentence) || i == 2 || i == 3 || i == 15);
    }
}

static void a_file_that_cannot_be_read_is_named(void **state)
{
    struct inventory_state *opened = NULL;
    struct tern_error err = {0};
    char wanted[160];
    (void)state;
    assert_int_equal(open_path("/nowhere/stock.json", &opened, &err), -1);
    assert_string_equal(err.text, "INVENTORY_FILE /nowhere/stock.json: No such file or directory");
    assert_int_equal(open_path(folder, &opened, &err), -1);
    (void)snprintf(wanted, sizeof wanted, "INVENTORY_FILE %s: it could not be read", folder);
    assert_string_equal(err.text, wanted);
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    struct inventory_state *opened = NULL;
    struct tern_error err = {0};
    char path[96];
    (void)state;
    assert_int_equal(open_text("", &opened, &err), -1);
    (void)snprintf(path, sizeof path, "%s/stock.json", folder);
    assert_int_equal(truncate(path, (64 << 20) + 1), 0);
    assert_int_equal(open_path(path, &opened, &err), -1);
    assert_non_null(strstr(err.text, "larger than 64 MiB"));
}

static void a_hundred_thousand_products_are_taken(void **state)
{
    enum { MANY = 100000 };
    struct tern_text text = {0};
    struct inventory_state *opened = NULL;
    struct tern_error err = {0};
    (void)state;
    tern_text_add(&text, "{\"products\":[");
    for (int i = 0; i < MANY; i++)
        tern_text_printf(&text,
                         "%s{\"productId\":\"SKU-%06d\",\"name\":\"A thing of the kind %d\",\"quantity\":%d,"
                         "\"reserved\":2,\"updatedAt\":\"2026-11-23T22:24:31.804Z\"}",
                         i > 0 ? "," : "", (i * 7919) % MANY, i, i);
    tern_text_add(&text, "]}\n");
    if (open_text(text.bytes, &opened, &err) < 0) fail_msg("%s", err.text);
    assert_int_equal(opened->file.count, MANY);
    inventory_close(opened);
    tern_text_fini(&text);
}

/* ---- taking it in ---- */

static void open_store(struct test_context *test, struct inventory_state *self)
{
    test_context_open(test, SHOP_SERVICE_INVENTORY, inventory_migrations, self);
    strcpy(test->ctx.conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    test->ctx.now_ms = test->now_ms;
}

static void without_a_file_it_is_the_five_samples(void **state)
{
    static const char samples[] =
        "SELECT group_concat(product_id || '=' || name || '=' || quantity, ',') = "
        "'PROD-101=Wireless Headphones=50,PROD-102=Smartphone Case=100,PROD-103=USB-C Cable=150,"
        "PROD-104=Bluetooth Speaker=30,PROD-105=Smart Watch=25' FROM (SELECT * FROM product ORDER BY product_id)";
    struct inventory_state *opened = NULL;
    struct test_context test;
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(open_path("", &opened, &err), 0);
    open_store(&test, opened);
    assert_int_equal(inventory_prepare(&test.ctx, &err), 0);
    assert_int_equal(test_store_number(test.ctx.db, samples), 1);
    test_emitted(&test, "InventoryUpdated InventoryUpdated InventoryUpdated InventoryUpdated InventoryUpdated");
    test_context_close(&test);
    inventory_close(opened);
}

static void the_first_stock_is_taken_in_once(void **state)
{
    static const char sell[] = "UPDATE product SET quantity = 0";
    struct inventory_state *opened = NULL;
    struct test_context test;
    struct shop_inventory_updated updated;
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(open_text("[{\"productId\":\"P-1\",\"name\":\"Gr\xc3\xbc\x6e\",\"quantity\":0},"
                               "{\"productId\":\"P-2\",\"name\":\"Two\",\"quantity\":1000000000}]",
                               &opened, &err),
                     0);
    open_store(&test, opened);
    assert_int_equal(inventory_prepare(&test.ctx, &err), 0);
    test_emitted(&test, "InventoryUpdated InventoryUpdated");
    test_emitted_last(&test, SHOP_INVENTORY_UPDATED, &updated);
    assert_string_equal(updated.product_id, "P-2");
    assert_int_equal(updated.new_quantity, 1000000000);
    assert_int_equal(updated.updated_at_ms, test.now_ms);
    assert_int_equal(tern_db_run(test.ctx.db, sell, TERN_DB_NO_ARGS, &err), 2);
    test_emitted_clear(&test);
    assert_int_equal(inventory_prepare(&test.ctx, &err), 0); /* at the next start */
    test_emitted(&test, "");
    assert_int_equal(test_store_number(test.ctx.db, "SELECT sum(quantity) FROM product"), 0);
    test_context_close(&test);
    inventory_close(opened);
}

/* Prepares the store with this file, as a start does; what was logged goes to `line`. */
static void start_with(struct test_context *test, const char *text, char *line, size_t size)
{
    struct inventory_state *opened = NULL;
    struct tern_error err = {0};
    char path[96];
    FILE *log;
    size_t got;
    (void)snprintf(path, sizeof path, "%s/log", folder);
    log = fopen(path, "w+e");
    assert_non_null(log);
    if (open_text(text, &opened, &err) < 0) fail_msg("%s", err.text);
    test->ctx.self = opened;
    test->ctx.log = tern_log_create("inventory-service", TERN_LOG_INFO, TERN_LOG_LOGFMT, fileno(log), &test->clock);
    if (inventory_prepare(&test->ctx, &err) < 0) fail_msg("%s", err.text);
    tern_log_destroy(test->ctx.log);
    test->ctx.log = NULL;
    rewind(log);
    got = fread(line, 1, size - 1, log);
    line[got] = '\0';
    (void)fclose(log);
    (void)unlink(path);
    assert_null(opened->file.text.bytes); /* not kept for the life of the service */
    inventory_close(opened);
}

static void a_file_that_is_not_applied_any_more_is_logged(void **state)
{
    static const char list[] =
        "{ \"products\" : [{\"productId\":\"P-1\",\"name\":\"One\",\"quantity\":3,\"reserved\":9,"
        "\"updatedAt\":\"2026-11-23T22:24:31.804Z\"},{\"productId\":\"P-2\",\"name\":\"Two\","
        "\"quantity\":4}] }";
    struct test_context test;
    char line[1024];
    (void)state;
    open_store(&test, NULL);
    start_with(&test, list, line, sizeof line);
    assert_non_null(strstr(line, "first stock taken in"));
    assert_non_null(strstr(line, "products=2"));
    assert_int_equal(test_store_number(test.ctx.db, "SELECT sum(quantity * 100 + reserved) FROM product"), 700);
    start_with(&test, list, line, sizeof line);
    assert_non_null(strstr(line, "INVENTORY_FILE is not applied"));
    assert_non_null(strstr(line, "inStore=2 inFile=2 onlyInFile=0 different=0"));
    start_with(&test,
               "[{\"productId\":\"P-1\",\"name\":\"One\",\"quantity\":5},{\"productId\":\"P-3\",\"name\":\"N\","
               "\"quantity\":1},{\"productId\":\"P-2\",\"name\":\"2\",\"quantity\":4}]",
               line, sizeof line);
    assert_non_null(strstr(line, "inStore=2 inFile=3 onlyInFile=1 different=2"));
    assert_int_equal(test_store_number(test.ctx.db, "SELECT sum(quantity) FROM product"), 7);
    test_context_close(&test);
}

static void move(struct test_context *test, int64_t quantity, struct stock *ret_stock)
{
    struct tern_error err = {0};
    assert_int_equal(stock_move(test->ctx.db, "PROD-101", quantity, test->now_ms, ret_stock, &err), 1);
}

static void news_of_a_product_are_newer_whatever_the_clock_says(void **state)
{
    struct inventory_state *opened = NULL;
    struct test_context test;
    struct stock first, second, third;
    struct tern_error err = {0};
    struct stock_command restock = {.product_id = "PROD-101", .adds = true, .body.quantity = 5};
    (void)state;
    assert_int_equal(open_path("", &opened, &err), 0);
    open_store(&test, opened);
    assert_int_equal(inventory_prepare(&test.ctx, &err), 0);
    move(&test, 1, &first);
    move(&test, 1, &second); /* in the same millisecond */
    test.now_ms -= 3600000;
    move(&test, -1, &third);
    assert_int_equal(test_context_run(&test, inventory_change_stock, &restock, NULL), TERN_DONE);
    assert_true(first.updated_at_ms < second.updated_at_ms);
    assert_true(second.updated_at_ms < third.updated_at_ms);
    assert_true(third.updated_at_ms < restock.stock.updated_at_ms);
    test_context_close(&test);
    inventory_close(opened);
}

static int prepare(struct tern_db *db, void *self, struct tern_error *err)
{
    (void)db;
    return inventory_prepare(&((struct test_context *)self)->ctx, err);
}

static void each_failing_call_to_the_store_stops_the_start(void **state)
{
    struct inventory_state *opened = NULL;
    struct test_context test;
    struct tern_error err = {0};
    (void)state;
    assert_int_equal(open_path("", &opened, &err), 0);
    open_store(&test, opened);
    test_store_fail_each(test.ctx.db, prepare, &test);
    assert_int_equal(test_store_number(test.ctx.db, "SELECT count(*) FROM product"), 5);
    test_context_close(&test);
    inventory_close(opened);
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(each_fault_of_the_file_is_a_sentence),
        WITH(a_file_that_cannot_be_read_is_named),
        WITH(a_file_that_is_too_large_is_refused),
        WITH(a_hundred_thousand_products_are_taken),
        WITH(a_file_that_is_not_applied_any_more_is_logged),
        WITH(without_a_file_it_is_the_five_samples),
        WITH(news_of_a_product_are_newer_whatever_the_clock_says),
        WITH(the_first_stock_is_taken_in_once),
        WITH(each_failing_call_to_the_store_stops_the_start),
    };
    return cmocka_run_group_tests_name("stock", tests, NULL, NULL);
}
