/* test_order_lists.c - the past of an order and the lists of orders, against a plain reading of everything there is. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "services/order/order_replay.h"
#include "services/order/order_store.h"
#include "store.h"
#include "tern_test.h"
#include "test_order.h"

/* ---- time travel ----------------------------------------------------------------------------------------------- */

struct step {
    int64_t at_ms;
    enum order_status status;
};

static int note_step(void *self, const struct tern_event *event, const struct order_state *after,
                     struct tern_error *err)
{
    struct step *steps = self;
    (void)err;
    assert_int_equal(strlen(event->event_id), TERN_UUID_SIZE - 1);
    steps[after->version] = (struct step){after->updated_at_ms, after->saga.status};
    return 0;
}

static void an_order_is_shown_as_it_was_at_any_time(void **state)
{
    struct test_order *shop = *state;
    struct order_state order = {0};
    struct step steps[8] = {0};
    struct tern_error err = {0};
    char order_id[TERN_ID_SIZE];

    test_order_place(shop, order_id);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    shop->test.now_ms -= 3600000; /* a clock that is set back moves no event before an earlier one */
    test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
    assert_int_equal(order_replay(shop->test.ctx.db, order_id, ORDER_AS_IT_IS, note_step, steps, &order, &err), 1);
    const int64_t last = order.version;
    assert_int_equal(last, 5);
    assert_int_equal(steps[5].status, ORDER_READY_FOR_SHIPMENT);
    order_fini(&order);
    for (int64_t version = 1; version <= last; version++) {
        const struct order_bound bound = {.version = INT64_MAX, .at_ms = steps[version].at_ms};
        assert_int_equal(order_replay(shop->test.ctx.db, order_id, bound, NULL, NULL, &order, &err), 1);
        assert_true(order.version >= version && order.updated_at_ms == bound.at_ms);
        assert_true(order.version == last || steps[order.version + 1].at_ms > bound.at_ms);
        assert_int_equal(order.saga.status, steps[order.version].status);
        order_fini(&order);
    }
    const struct order_bound before = {.version = INT64_MAX, .at_ms = steps[1].at_ms - 1};
    assert_int_equal(order_replay(shop->test.ctx.db, order_id, before, NULL, NULL, &order, &err), 0);
}

/* ---- lists ----------------------------------------------------------------------------------------------------- */

enum { ORDERS = 400, CUSTOMERS = 3, PRODUCTS = 4 };

/* What is known about each order that was placed. */
static struct placed {
    struct order_place place;
    int customer;
    bool products[PRODUCTS];
} placed[ORDERS];
static size_t placed_count;
static uint32_t seed;

static unsigned roll(unsigned bound)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % bound;
}

/* An order of a random customer for one or two random products, at a time that moves by -3 to +6 ms. */
static void place_any(struct test_order *shop)
{
    struct placed *next = &placed[placed_count];
    const unsigned first = roll(PRODUCTS), second = roll(PRODUCTS);
    char body[256];

    shop->test.now_ms += (int64_t)roll(10) - 3;
    *next = (struct placed){.customer = (int)roll(CUSTOMERS)};
    next->products[first] = next->products[second] = true;
    (void)snprintf(body, sizeof body,
                   "{\"customerId\":\"C%d\",\"items\":[{\"productId\":\"P%u\",\"quantity\":1,\"price\":1},"
                   "{\"productId\":\"P%u\",\"quantity\":1,\"price\":1}]}",
                   next->customer, first, second);
    struct test_order_work *work = test_order_work(shop, body, "");
    assert_int_equal(test_order_run(shop, work), TERN_DONE);
    strcpy(next->place.order_id, work->place.order.order_id);
    next->place.created_at_ms = work->place.order.created_at_ms;
    test_order_work_free(work);
    placed_count++;
}

/* Some are paid, some cancelled and released, some wait for both answers to a cancel. */
static void go_on(struct test_order *shop, const char *order_id)
{
    const unsigned fate = roll(5);
    if (fate == 0) return;
    if (fate > 3) {
        (void)test_order_cancel(shop, order_id);
        if (roll(2)) test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
        return;
    }
    test_order_consume(shop, order_id, fate == 1 ? SAGA_PAYMENT_FAILED : SAGA_PAYMENT_PROCESSED);
    if (fate == 3) test_order_consume(shop, order_id, roll(2) ? SAGA_INVENTORY_RESERVED : SAGA_PRODUCT_OUT_OF_STOCK);
}

static int newest_first(const void *left, const void *right)
{
    const struct placed *a = left, *b = right;
    if (a->place.created_at_ms != b->place.created_at_ms)
        return a->place.created_at_ms < b->place.created_at_ms ? 1 : -1;
    return -strcmp(a->place.order_id, b->place.order_id);
}

/* The plain reading: whether an order passes a filter. */
static bool passes(struct test_order *shop, const struct placed *one, const struct order_filter *filter)
{
    struct order_state order = {0};
    bool pass = one->place.created_at_ms > filter->after_ms && one->place.created_at_ms < filter->before_ms;
    test_order_load(shop, one->place.order_id, &order);
    if (filter->customer_id) pass = pass && filter->customer_id[1] - '0' == one->customer;
    if (filter->product_id) pass = pass && one->products[filter->product_id[1] - '0'];
    if (filter->status != ORDER_STATUS_COUNT) pass = pass && order.saga.status == filter->status;
    if (filter->waits_for != SAGA_WAIT_COUNT) pass = pass && saga_waits_for(order.saga, filter->waits_for);
    order_fini(&order);
    return pass;
}

struct seen {
    size_t count;
    char ids[ORDERS][TERN_ID_SIZE];
};

static int note_order(void *self, const struct order_state *order, struct tern_error *err)
{
    struct seen *seen = self;
    (void)err;
    strcpy(seen->ids[seen->count++], order->order_id);
    return 0;
}

static struct order_filter any_filter(const struct placed *somewhere)
{
    static const char *const customers[] = {"C0", "C1", "C2"}, *const products[] = {"P0", "P1", "P2", "P3"};
    return (struct order_filter){
        .customer_id = roll(2) ? customers[roll(CUSTOMERS)] : NULL,
        .product_id = roll(2) ? products[roll(PRODUCTS)] : NULL,
        .status = roll(2) ? ORDER_STATUS_COUNT : (enum order_status)roll(ORDER_STATUS_COUNT),
        .waits_for = roll(3) ? SAGA_WAIT_COUNT : (enum saga_wait)roll(SAGA_WAIT_COUNT),
        .after_ms = roll(3) ? 0 : somewhere->place.created_at_ms - 300,
        .before_ms = roll(3) ? INT64_MAX : somewhere->place.created_at_ms,
    };
}

static void pages_under_any_filter_are_the_whole_list_once_while_orders_arrive(void **state)
{
    struct test_order *shop = *state;
    struct seen *seen = test_malloc(sizeof *seen);
    struct tern_error err = {0};

    seed = 7;
    placed_count = 0;
    while (placed_count < ORDERS / 2) {
        place_any(shop);
        go_on(shop, placed[placed_count - 1].place.order_id);
    }
    for (size_t walk = 0; walk < 60; walk++) {
        const size_t before = placed_count;
        const struct order_filter filter = any_filter(&placed[roll((unsigned)before)]);
        struct order_page page = {.behind = {.created_at_ms = INT64_MAX}, .limit = 1 + roll(9)};
        static struct placed sorted[ORDERS];
        size_t expected = 0;

        seen->count = 0;
        do {
            const size_t already = seen->count;
            assert_int_equal(order_store_list(shop->test.ctx.db, &filter, &page, note_order, seen, &err), 0);
            assert_true(seen->count - already <= (size_t)page.limit);
            if (walk % 20 == 0 && placed_count < ORDERS) {
                shop->test.now_ms += 100; /* newer than the page that was read */
                place_any(shop);
            }
        } while (page.more);
        memcpy(sorted, placed, before * sizeof sorted[0]);
        qsort(sorted, before, sizeof sorted[0], newest_first);
        for (size_t i = 0; i < before; i++) {
            if (!passes(shop, &sorted[i], &filter)) continue;
            assert_true(expected < seen->count);
            assert_string_equal(seen->ids[expected++], sorted[i].place.order_id);
        }
        assert_int_equal(expected, seen->count);
    }
    test_free(seen);
}

/* The statements of order_store_list in short: each walks an index in its order, and none sorts. */
static void each_list_is_an_index(void **state)
{
    struct test_order *shop = *state;
#define PLAN   "EXPLAIN QUERY PLAN SELECT status, created_at_ms, order_id FROM orders WHERE "
#define BEHIND "(created_at_ms, order_id) < (7, 'x') AND created_at_ms > 3"
#define NEWEST " ORDER BY created_at_ms DESC, order_id DESC LIMIT 5"
    static const char *const lists[][2] = {
        {PLAN BEHIND NEWEST,                          "orders_by_time"    },
        {PLAN "customer_id = 'c' AND " BEHIND NEWEST, "orders_by_customer"},
        {PLAN "status = 'a' AND " BEHIND NEWEST,      "orders_by_status"  },
    };
    for (size_t i = 0; i < TERN_COUNT(lists); i++)
        test_store_uses(shop->test.ctx.db, lists[i][0], lists[i][1]);
}

int main(void)
{
#define WITH_SHOP(test) cmocka_unit_test_setup_teardown(test, test_order_set_up, test_order_tear_down)
    const struct CMUnitTest tests[] = {
        WITH_SHOP(an_order_is_shown_as_it_was_at_any_time),
        WITH_SHOP(pages_under_any_filter_are_the_whole_list_once_while_orders_arrive),
        WITH_SHOP(each_list_is_an_index),
    };
    return cmocka_run_group_tests_name("order_lists", tests, NULL, NULL);
}
