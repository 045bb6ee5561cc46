/* test_inventory.c - what inventory-service does about every event in every state of a reservation, and that no stock is
 * lost or made on the way, whatever comes in whatever order. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/inventory/inventory.h"
#include "services/inventory/reservation_store.h"
#include "store.h"
#include "tern_test.h"
#include "test_context.h"
#include "test_emitted.h"

struct line {
    const char *product_id;
    int64_t quantity;
};

static void begin(struct test_context *test)
{
    static const struct stock stocks[] = {
        {.product_id = "P-1", .name = "One", .quantity = 10},
        {.product_id = "P-2", .name = "Two", .quantity = 5 },
        {.product_id = "P-3", .name = "Tri", .quantity = 1 },
    };
    test_context_open(test, SHOP_SERVICE_INVENTORY, inventory_migrations, NULL);
    for (size_t i = 0; i < TERN_COUNT(stocks); i++)
        assert_int_equal(stock_put(test->ctx.db, &stocks[i], &test->err), 0);
}

static int set_up(void **state)
{
    *state = test_malloc(sizeof(struct test_context));
    begin(*state);
    return 0;
}

static int tear_down(void **state)
{
    test_context_close(*state);
    test_free(*state);
    return 0;
}

/* ---- events, each with an id of its own ---- */

#define LINES(...) (const struct line[]){__VA_ARGS__}, TERN_COUNT(((const struct line[]){__VA_ARGS__}))
#define TWO_LINES  LINES({"P-1", 2}, {"P-2", 3})

static void fill_lines(struct shop_lines *ret_lines, const struct line *lines, size_t count)
{
    ret_lines->count = count;
    for (size_t i = 0; i < count; i++) {
        ret_lines->at[i] = (struct shop_line){.quantity = lines[i].quantity, .price_minor = 100};
        strcpy(ret_lines->at[i].product_id, lines[i].product_id);
    }
}

static void make_placed(struct test_context *test, const char *order_id, const struct line *lines, size_t count,
                        struct tern_event *ret_event)
{
    struct shop_order_placed placed = {
        .customer_id = "C", .currency = "USD", .status = "CREATED", .created_at_ms = test->now_ms};
    fill_lines(&placed.items, lines, count);
    strcpy(placed.order_id, order_id);
    test_context_event(test, SHOP_ORDER_PLACED, order_id, &placed, NULL, ret_event);
}

static void make_paid(struct test_context *test, const char *order_id, struct tern_event *ret_event)
{
    struct shop_payment_processed processed = {.customer_id = "C",
                                               .amount_minor = 100,
                                               .status = "SUCCESS",
                                               .transaction_id = "TXN-1",
                                               .processed_at_ms = test->now_ms};
    strcpy(processed.order_id, order_id);
    test_context_event(test, SHOP_PAYMENT_PROCESSED, order_id, &processed, NULL, ret_event);
}

static void make_cancelled(struct test_context *test, const char *order_id, struct tern_event *ret_event)
{
    struct shop_order_cancelled cancelled = {
        .customer_id = "C", .reason = SHOP_REASON_CUSTOMER_REQUEST, .cancelled_at_ms = test->now_ms};
    fill_lines(&cancelled.items, LINES({"P-1", 9})); /* what was reserved counts, not what is given here */
    strcpy(cancelled.order_id, order_id);
    test_context_event(test, SHOP_ORDER_CANCELLED, order_id, &cancelled, NULL, ret_event);
}

static void consume(struct test_context *test, struct tern_event *event)
{
    if (test_context_handle(test, inventory_handlers, INVENTORY_HANDLERS, event) != TERN_DONE)
        fail_msg("%s", test->err.text);
    tern_event_fini(event);
}

static void place(struct test_context *test, const char *order_id, const struct line *lines, size_t count)
{
    struct tern_event event;
    make_placed(test, order_id, lines, count, &event);
    consume(test, &event);
}

static void pay(struct test_context *test, const char *order_id)
{
    struct tern_event event;
    make_paid(test, order_id, &event);
    consume(test, &event);
}

static void cancel(struct test_context *test, const char *order_id)
{
    struct tern_event event;
    make_cancelled(test, order_id, &event);
    consume(test, &event);
}

/* ---- looking ---- */

static void is(struct test_context *test, const char *order_id, enum reservation_state state)
{
    struct reservation reservation = {0};
    assert_int_equal(reservation_load(test->ctx.db, order_id, &reservation, &test->err), 1);
    assert_string_equal(reservation_state_name(reservation.state), reservation_state_name(state));
}

static void stock_is(struct test_context *test, const char *product_id, int64_t quantity, int64_t reserved)
{
    struct stock stock;
    assert_int_equal(stock_load(test->ctx.db, product_id, &stock, &test->err), 1);
    assert_int_equal(stock.quantity, quantity);
    assert_int_equal(stock.reserved, reserved);
}

static void stock_is_untouched(struct test_context *test)
{
    stock_is(test, "P-1", 10, 0);
    stock_is(test, "P-2", 5, 0);
    stock_is(test, "P-3", 1, 0);
}

/* ---- reserving ---- */

static void two_lines_are_reserved(struct test_context *test)
{
    struct shop_inventory_reserved reserved;
    struct shop_inventory_updated updated;
    is(test, "ORD-1", RESERVATION_RESERVED);
    stock_is(test, "P-1", 8, 2);
    stock_is(test, "P-2", 2, 3);
    test_emitted(test, "InventoryReserved InventoryUpdated InventoryUpdated");
    test_emitted_last(test, SHOP_INVENTORY_RESERVED, &reserved);
    assert_string_equal(reserved.order_id, "ORD-1");
    assert_int_equal(reserved.items.count, 2);
    assert_string_equal(reserved.items.at[0].product_id, "P-1");
    assert_int_equal(reserved.items.at[0].quantity, 2);
    assert_string_equal(reserved.items.at[1].product_id, "P-2");
    assert_int_equal(reserved.items.at[1].quantity, 3);
    assert_int_equal(reserved.reserved_at_ms, test->now_ms);
    test_emitted_last(test, SHOP_INVENTORY_UPDATED, &updated);
    assert_string_equal(updated.product_id, "P-2");
    assert_string_equal(updated.name, "Two");
    assert_int_equal(updated.new_quantity, 2);
}

static void an_order_gets_its_stock_when_it_is_paid(void **state)
{
    struct test_context *test = *state;
    place(test, "ORD-1", TWO_LINES);
    is(test, "ORD-1", RESERVATION_PLACED);
    stock_is_untouched(test);
    test_emitted(test, "");
    pay(test, "ORD-1");
    two_lines_are_reserved(test);
}

static void the_payment_may_come_before_the_order(void **state)
{
    struct test_context *test = *state;
    pay(test, "ORD-1");
    is(test, "ORD-1", RESERVATION_PAID);
    stock_is_untouched(test);
    test_emitted(test, "");
    place(test, "ORD-1", TWO_LINES);
    two_lines_are_reserved(test);
}

static void where_one_line_is_missing_nothing_is_taken(void **state)
{
    struct test_context *test = *state;
    struct shop_product_out_of_stock out;
    place(test, "ORD-1", LINES({"P-1", 10}, {"P-2", 5}, {"P-3", 2}));
    pay(test, "ORD-1");
    is(test, "ORD-1", RESERVATION_OUT_OF_STOCK);
    stock_is_untouched(test);
    test_emitted(test, "ProductOutOfStock"); /* and no InventoryUpdated: nothing has changed */
    test_emitted_last(test, SHOP_PRODUCT_OUT_OF_STOCK, &out);
    assert_string_equal(out.order_id, "ORD-1");
    assert_string_equal(out.product_id, "P-3");
    assert_int_equal(out.requested, 2);
    assert_int_equal(out.available, 1);
    assert_int_equal(out.notified_at_ms, test->now_ms);
}

static void the_last_piece_can_be_had_once(void **state)
{
    struct test_context *test = *state;
    place(test, "ORD-1", LINES({"P-3", 1}));
    place(test, "ORD-2", LINES({"P-3", 1}));
    pay(test, "ORD-2");
    pay(test, "ORD-1");
    is(test, "ORD-2", RESERVATION_RESERVED);
    is(test, "ORD-1", RESERVATION_OUT_OF_STOCK);
    stock_is(test, "P-3", 0, 1);
}

static void lines_of_the_same_product_are_added_up_first(void **state)
{
    struct test_context *test = *state;
    struct shop_inventory_reserved reserved;
    struct shop_product_out_of_stock out;
    place(test, "ORD-1", LINES({"P-2", 2}, {"P-1", 1}, {"P-2", 3}));
    pay(test, "ORD-1");
    test_emitted_last(test, SHOP_INVENTORY_RESERVED, &reserved);
    assert_int_equal(reserved.items.count, 2);
    assert_string_equal(reserved.items.at[0].product_id, "P-2");
    assert_int_equal(reserved.items.at[0].quantity, 5);
    stock_is(test, "P-2", 0, 5);
    place(test, "ORD-2", LINES({"P-1", 5}, {"P-1", 5}));
    pay(test, "ORD-2");
    test_emitted_last(test, SHOP_PRODUCT_OUT_OF_STOCK, &out);
    assert_int_equal(out.requested, 10);
    assert_int_equal(out.available, 9);
    stock_is(test, "P-1", 9, 1);
}

static void a_hundred_full_lines_of_one_product_fit(void **state)
{
    struct test_context *test = *state;
    struct stock stock = {.product_id = "P-1", .name = "One", .quantity = SHOP_LINES_MAX * SHOP_QUANTITY_MAX};
    struct line lines[SHOP_LINES_MAX];
    for (size_t i = 0; i < SHOP_LINES_MAX; i++)
        lines[i] = (struct line){"P-1", SHOP_QUANTITY_MAX};
    assert_int_equal(stock_put(test->ctx.db, &stock, &test->err), 0);
    place(test, "ORD-1", lines, SHOP_LINES_MAX);
    pay(test, "ORD-1");
    stock_is(test, "P-1", 0, stock.quantity);
    cancel(test, "ORD-1");
    stock_is(test, "P-1", stock.quantity, 0);
}

static void a_product_that_nobody_knows_is_out_of_stock(void **state)
{
    struct test_context *test = *state;
    struct shop_product_out_of_stock out;
    place(test, "ORD-1", LINES({"P-1", 1}, {"P-UNKNOWN", 1}));
    pay(test, "ORD-1");
    is(test, "ORD-1", RESERVATION_OUT_OF_STOCK);
    test_emitted_last(test, SHOP_PRODUCT_OUT_OF_STOCK, &out);
    assert_string_equal(out.product_id, "P-UNKNOWN");
    assert_int_equal(out.available, 0);
    stock_is_untouched(test);
}

/* ---- every state ---- */

enum where { UNKNOWN, PLACED, PAID, RESERVED, OUT_OF_STOCK, TOMBSTONE, RELEASED, PLACES };

static void reach(struct test_context *test, enum where where)
{
    if (where == PLACED || where == RESERVED || where == RELEASED) place(test, "ORD-1", TWO_LINES);
    if (where == OUT_OF_STOCK) place(test, "ORD-1", LINES({"P-3", 2}));
    if (where == PAID || where == RESERVED || where == RELEASED || where == OUT_OF_STOCK) pay(test, "ORD-1");
    if (where == RELEASED || where == TOMBSTONE) cancel(test, "ORD-1");
    test_emitted_clear(test);
}

enum what { PLACE, PAY, CANCEL };

static const struct {
    enum where where;
    enum what what;
    enum reservation_state then;
    const char *emitted;
} rows[] = {
    {UNKNOWN,      PLACE,  RESERVATION_PLACED,       ""                                                   },
    {UNKNOWN,      PAY,    RESERVATION_PAID,         ""                                                   },
    {UNKNOWN,      CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
    {PLACED,       PLACE,  RESERVATION_PLACED,       ""                                                   },
    {PLACED,       PAY,    RESERVATION_RESERVED,     "InventoryReserved InventoryUpdated InventoryUpdated"},
    {PLACED,       CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
    {PAID,         PLACE,  RESERVATION_RESERVED,     "InventoryReserved InventoryUpdated InventoryUpdated"},
    {PAID,         PAY,    RESERVATION_PAID,         ""                                                   },
    {PAID,         CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
    {RESERVED,     PLACE,  RESERVATION_RESERVED,     ""                                                   },
    {RESERVED,     PAY,    RESERVATION_RESERVED,     ""                                                   },
    {RESERVED,     CANCEL, RESERVATION_RELEASED,     "InventoryReleased InventoryUpdated InventoryUpdated"},
    {OUT_OF_STOCK, PLACE,  RESERVATION_OUT_OF_STOCK, ""                                                   },
    {OUT_OF_STOCK, PAY,    RESERVATION_OUT_OF_STOCK, ""                                                   },
    {OUT_OF_STOCK, CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
    {TOMBSTONE,    PLACE,  RESERVATION_RELEASED,     ""                                                   },
    {TOMBSTONE,    PAY,    RESERVATION_RELEASED,     ""                                                   },
    {TOMBSTONE,    CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
    {RELEASED,     PLACE,  RESERVATION_RELEASED,     ""                                                   },
    {RELEASED,     PAY,    RESERVATION_RELEASED,     ""                                                   },
    {RELEASED,     CANCEL, RESERVATION_RELEASED,     "InventoryReleased"                                  },
};

static void every_event_has_its_answer_in_every_state(void **state)
{
    struct test_context *test = *state;
    assert_int_equal(TERN_COUNT(rows), PLACES * 3);
    for (size_t i = 0; i < TERN_COUNT(rows); i++) {
        test_context_close(test);
        begin(test);
        reach(test, rows[i].where);
        struct reservation before = {0}, after = {0};
        assert_true(reservation_load(test->ctx.db, "ORD-1", &before, &test->err) >= 0);
        if (rows[i].what == PLACE) place(test, "ORD-1", TWO_LINES);
        if (rows[i].what == PAY) pay(test, "ORD-1");
        if (rows[i].what == CANCEL) cancel(test, "ORD-1");
        is(test, "ORD-1", rows[i].then);
        test_emitted(test, rows[i].emitted);
        assert_int_equal(reservation_load(test->ctx.db, "ORD-1", &after, &test->err), 1);
        if (rows[i].where != UNKNOWN && rows[i].emitted[0] == '\0') assert_memory_equal(&before, &after, sizeof before);
        if (rows[i].then == RESERVATION_RESERVED)
            stock_is(test, "P-1", 8, 2);
        else
            stock_is_untouched(test);
    }
}

/* ---- releasing ---- */

static void what_was_reserved_is_put_back_once_and_answered_the_same_each_time(void **state)
{
    struct test_context *test = *state;
    struct shop_inventory_released first, second;
    struct shop_inventory_updated updated;
    reach(test, RESERVED);
    cancel(test, "ORD-1");
    stock_is_untouched(test);
    test_emitted_last(test, SHOP_INVENTORY_RELEASED, &first);
    assert_string_equal(first.order_id, "ORD-1");
    assert_int_equal(first.items.count, 2);
    assert_int_equal(first.items.at[1].quantity, 3);
    test_emitted_last(test, SHOP_INVENTORY_UPDATED, &updated);
    assert_int_equal(updated.new_quantity, 5);
    test_emitted_clear(test);
    test->now_ms += 60000;
    cancel(test, "ORD-1");
    stock_is_untouched(test);
    test_emitted(test, "InventoryReleased");
    test_emitted_last(test, SHOP_INVENTORY_RELEASED, &second);
    assert_memory_equal(&first, &second, sizeof first);
}

static void where_nothing_was_held_nothing_is_named(void **state)
{
    static const enum where nothing_reserved[] = {UNKNOWN, PLACED, PAID, OUT_OF_STOCK, TOMBSTONE};
    struct test_context *test = *state;
    for (size_t i = 0; i < TERN_COUNT(nothing_reserved); i++) {
        struct shop_inventory_released released;
        test_context_close(test);
        begin(test);
        reach(test, nothing_reserved[i]);
        cancel(test, "ORD-1");
        test_emitted_last(test, SHOP_INVENTORY_RELEASED, &released);
        assert_int_equal(released.items.count, 0);
    }
}

static void released_stock_serves_the_next_order(void **state)
{
    struct test_context *test = *state;
    place(test, "ORD-1", LINES({"P-3", 1}));
    pay(test, "ORD-1");
    cancel(test, "ORD-1");
    place(test, "ORD-2", LINES({"P-3", 1}));
    pay(test, "ORD-2");
    is(test, "ORD-2", RESERVATION_RESERVED);
}

/* ---- laws ---- */

enum { ORDERS = 40, PRODUCTS = 4, STEPS = 600, SEEDS = 12, FIRST_QUANTITY = 25 };

struct dice {
    uint32_t state;
};

static size_t roll(struct dice *dice, size_t sides)
{
    dice->state = dice->state * 1664525u + 1013904223u;
    return (dice->state >> 8) % sides;
}

static void put_scarce_stock(struct test_context *test)
{
    for (int i = 0; i < PRODUCTS; i++) {
        struct stock stock = {.name = "scarce", .quantity = FIRST_QUANTITY};
        (void)snprintf(stock.product_id, sizeof stock.product_id, "S-%d", i);
        assert_int_equal(stock_put(test->ctx.db, &stock, &test->err), 0);
    }
}

/* The same lines each time the same order is placed. */
static void place_random(struct test_context *test, size_t order, const char *order_id)
{
    static const char *const products[PRODUCTS] = {"S-0", "S-1", "S-2", "S-3"};
    struct dice dice = {(uint32_t)order * 7919u + 13u};
    struct line lines[6];
    size_t count = 1 + roll(&dice, TERN_COUNT(lines));
    for (size_t i = 0; i < count; i++)
        lines[i] = (struct line){products[roll(&dice, PRODUCTS)], (int64_t)(1 + roll(&dice, 6))};
    place(test, order_id, lines, count);
}

static void the_laws_hold(struct test_context *test)
{
    struct tern_db *db = test->ctx.db;
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM product WHERE quantity < 0 OR reserved < 0"), 0);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM product WHERE product_id LIKE 'S-%' AND"
                                           " quantity + reserved <> 25"),
                     0);
    assert_int_equal(test_store_number(db, "SELECT (SELECT sum(reserved) FROM product) -"
                                           " (SELECT coalesce(sum(item.value ->> '$.quantity'), 0) FROM reservation,"
                                           " json_each(reservation.items, '$.items') AS item"
                                           " WHERE reservation.state = 'RESERVED')"),
                     0);
}

static void no_stock_is_lost_or_made_whatever_comes_in_whatever_order(void **state)
{
    struct test_context *test = *state;
    int64_t reserved = 0, refused = 0;
    for (uint32_t seed = 1; seed <= SEEDS; seed++) {
        struct dice dice = {seed};
        test_context_close(test);
        begin(test);
        put_scarce_stock(test);
        for (int step = 0; step < STEPS; step++) {
            char order_id[32];
            size_t order = roll(&dice, ORDERS), what = roll(&dice, 9);
            (void)snprintf(order_id, sizeof order_id, "ORD-%zu", order);
            if (what < 4)
                place_random(test, order, order_id);
            else if (what < 8)
                pay(test, order_id);
            else
                cancel(test, order_id);
            if (step % 20 == 0) the_laws_hold(test);
        }
        the_laws_hold(test);
        reserved += test_store_number(test->ctx.db, "SELECT count(*) FROM event_log WHERE type = 'InventoryReserved'");
        refused += test_store_number(test->ctx.db, "SELECT count(*) FROM event_log WHERE type = 'ProductOutOfStock'");
    }
    assert_true(reserved > SEEDS * 5); /* the dice went everywhere */
    assert_true(refused > SEEDS * 5);
}

static void when_all_orders_are_cancelled_everything_is_back(void **state)
{
    struct test_context *test = *state;
    put_scarce_stock(test);
    for (size_t order = 0; order < ORDERS; order++) {
        char order_id[32];
        (void)snprintf(order_id, sizeof order_id, "ORD-%zu", order);
        place_random(test, order, order_id);
        pay(test, order_id);
    }
    the_laws_hold(test);
    assert_true(test_store_number(test->ctx.db, "SELECT sum(reserved) FROM product") > 0);
    for (size_t order = 0; order < ORDERS; order++) {
        char order_id[32];
        (void)snprintf(order_id, sizeof order_id, "ORD-%zu", order);
        cancel(test, order_id);
    }
    assert_int_equal(test_store_number(test->ctx.db, "SELECT sum(reserved) FROM product"), 0);
    assert_int_equal(test_store_number(test->ctx.db, "SELECT min(quantity) FROM product WHERE product_id LIKE 'S-%'"),
                     FIRST_QUANTITY);
}

static void the_store_itself_refuses_stock_below_zero(void **state)
{
    static const char below[] = "UPDATE product SET quantity = -1 WHERE product_id = 'P-1'";
    static const char unreserved[] = "UPDATE product SET reserved = -1 WHERE product_id = 'P-1'";
    struct test_context *test = *state;
    struct stock stock;
    assert_int_equal(tern_db_run(test->ctx.db, below, TERN_DB_NO_ARGS, &test->err), -1);
    assert_int_equal(test->err.fault, TERN_FAULT_CONSTRAINT);
    assert_int_equal(tern_db_run(test->ctx.db, unreserved, TERN_DB_NO_ARGS, &test->err), -1);
    assert_int_equal(test->err.fault, TERN_FAULT_CONSTRAINT);
    assert_int_equal(stock_move(test->ctx.db, "P-1", 11, 1, &stock, &test->err), 0);
    assert_int_equal(stock_move(test->ctx.db, "P-1", -1, 1, &stock, &test->err), 0); /* nothing is promised */
    stock_is_untouched(test);
}

/* ---- a store that fails anywhere, events that make no sense ---- */

struct unit {
    struct test_context *test;
    struct tern_event event;
};

static int run_unit(struct tern_db *db, void *self, struct tern_error *err)
{
    struct unit *unit = self;
    (void)db;
    strcpy(unit->test->ctx.conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    for (size_t i = 0; i < INVENTORY_HANDLERS; i++) {
        if (strcmp(inventory_handlers[i].type->name, unit->event.type) != 0) continue;
        enum tern_outcome outcome = inventory_handlers[i].handle(&unit->test->ctx, &unit->event, err);
        assert_int_not_equal(outcome, TERN_REJECT);
        return outcome == TERN_DONE ? 0 : -1;
    }
    return -1;
}

static void each_failing_call_to_the_store_is_a_retry(void **state)
{
    struct unit unit = {.test = *state};
    struct tern_db *db = unit.test->ctx.db;
    make_placed(unit.test, "ORD-1", TWO_LINES, &unit.event);
    test_store_fail_each(db, run_unit, &unit);
    tern_event_fini(&unit.event);
    make_paid(unit.test, "ORD-1", &unit.event);
    test_store_fail_each(db, run_unit, &unit);
    tern_event_fini(&unit.event);
    stock_is(unit.test, "P-1", 8, 2);
    make_cancelled(unit.test, "ORD-1", &unit.event);
    test_store_fail_each(db, run_unit, &unit);
    test_store_fail_each(db, run_unit, &unit);
    tern_event_fini(&unit.event);
    stock_is_untouched(unit.test);
    place(unit.test, "ORD-2", LINES({"P-1", 1}, {"P-3", 2}));
    make_paid(unit.test, "ORD-2", &unit.event);
    test_store_fail_each(db, run_unit, &unit);
    tern_event_fini(&unit.event);
    stock_is_untouched(unit.test);
}

static void what_cannot_be_understood_is_parked(void **state)
{
    struct test_context *test = *state;
    for (size_t i = 0; i < INVENTORY_HANDLERS; i++) {
        const struct shop_inventory_released other = {.order_id = "ORD-1", .released_at_ms = 1};
        struct tern_event event;
        test_context_event(test, SHOP_INVENTORY_RELEASED, "ORD-1", &other, NULL, &event);
        strcpy(event.type, inventory_handlers[i].type->name);
        assert_int_equal(test_context_handle(test, inventory_handlers, INVENTORY_HANDLERS, &event), TERN_REJECT);
        assert_true(test->err.text[0] != '\0');
        tern_event_fini(&event);
    }
    assert_int_equal(test_store_number(test->ctx.db, "SELECT count(*) FROM reservation"), 0);
}

static void every_event_that_the_catalogue_sends_here_has_a_handler(void **state)
{
    size_t consumed = 0;
    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        consumed += tern_catalogue_consumes(&shop_event_types[event], SHOP_SERVICE_INVENTORY);
    assert_int_equal(consumed, INVENTORY_HANDLERS);
    for (size_t i = 0; i < INVENTORY_HANDLERS; i++)
        assert_true(tern_catalogue_consumes(inventory_handlers[i].type, SHOP_SERVICE_INVENTORY));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(an_order_gets_its_stock_when_it_is_paid),
        WITH(the_payment_may_come_before_the_order),
        WITH(where_one_line_is_missing_nothing_is_taken),
        WITH(the_last_piece_can_be_had_once),
        WITH(lines_of_the_same_product_are_added_up_first),
        WITH(a_hundred_full_lines_of_one_product_fit),
        WITH(a_product_that_nobody_knows_is_out_of_stock),
        WITH(every_event_has_its_answer_in_every_state),
        WITH(what_was_reserved_is_put_back_once_and_answered_the_same_each_time),
        WITH(where_nothing_was_held_nothing_is_named),
        WITH(released_stock_serves_the_next_order),
        WITH(no_stock_is_lost_or_made_whatever_comes_in_whatever_order),
        WITH(when_all_orders_are_cancelled_everything_is_back),
        WITH(the_store_itself_refuses_stock_below_zero),
        WITH(each_failing_call_to_the_store_is_a_retry),
        WITH(what_cannot_be_understood_is_parked),
        cmocka_unit_test(every_event_that_the_catalogue_sends_here_has_a_handler),
    };
    return cmocka_run_group_tests_name("inventory", tests, NULL, NULL);
}
