/* test_order_watch.c - the patience with orders that wait: nudges, giving up, and clocks that jump. */
#include <string.h>

#include "common/jobs/timers_store.h"
#include "common/outbox/log_store.h"
#include "services/order/order_watch.h"
#include "store.h"
#include "tern/event_log.h"
#include "tern_test.h"
#include "test_order.h"

enum { NUDGE_MS = 1000, DEADLINE_MS = 10000, HOUR_MS = 3600 * 1000 };

static char order_id[TERN_ID_SIZE];

static int set_up(void **state)
{
    (void)test_order_set_up(state);
    struct test_order *shop = *state;

    shop->state = (struct order_service_state){.nudge_ms = NUDGE_MS, .deadline_ms = DEADLINE_MS};
    shop->test.ctx.online_ms = 500;
    test_order_place(shop, order_id);
    return 0;
}

#define NUMBER(sql) test_store_number(shop->test.ctx.db, sql)

static enum tern_outcome fire_due(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_timer timer;
    int *fired = argument;
    int got;

    while ((got = tern_timer_take_due(ctx->db, ctx->now_ms, &timer, err)) > 0) {
        assert_string_equal(timer.kind, order_timers[0].name);
        if (order_timers[0].fire(ctx, &timer, err) != TERN_DONE) return TERN_RETRY;
        ++*fired;
    }
    return got < 0 ? TERN_RETRY : TERN_DONE;
}

/* Fires what is due now. Returns how many were. */
static int wake(struct test_order *shop)
{
    int fired = 0;

    assert_int_equal(test_context_run(&shop->test, fire_due, &fired, NULL), TERN_DONE);
    return fired;
}

/* Both clocks and the time online go on. */
static int pass(struct test_order *shop, int64_t ms)
{
    shop->test.now_ms += ms;
    shop->test.ctx.online_ms += ms;
    return wake(shop);
}

/* What was to be republished, taken off the list; "" for nothing. */
static const char *republished(struct test_order *shop)
{
    static char type[TERN_TYPE_SIZE];
    static const char first[] =
        "SELECT e.type FROM republish_request a JOIN event_log e ON e.seq = a.seq ORDER BY a.id LIMIT 1";
    struct tern_db_rows rows;

    type[0] = '\0';
    assert_int_equal(tern_db_query(shop->test.ctx.db, &rows, first, TERN_DB_NO_ARGS, NULL), 0);
    if (tern_db_next(&rows, NULL) > 0) assert_int_equal(tern_copy(type, sizeof type, tern_db_column_text(&rows, 0)), 0);
    tern_db_done(&rows);
    assert_int_equal(tern_outbox_request_done(shop->test.ctx.db, INT64_MAX, NULL), 0);
    return type;
}

static enum order_status status_of(struct test_order *shop)
{
    struct order_state order = {0};

    test_order_load(shop, order_id, &order);
    const enum order_status status = order.saga.status;
    order_fini(&order);
    return status;
}

static void one_timer_from_the_placing_to_the_end(void **state)
{
    struct test_order *shop = *state;

    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 1);
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 1);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RESERVED);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 0);
    assert_int_equal(test_order_cancel(shop, order_id), ORDER_CANCELLING); /* it waits once more */
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 1);
    test_order_consume(shop, order_id, SAGA_PAYMENT_REFUNDED);
    test_order_consume(shop, order_id, SAGA_INVENTORY_RELEASED);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 0);
}

static void what_is_nudged_is_the_event_whose_answer_is_late(void **state)
{
    struct test_order *shop = *state;

    assert_int_equal(pass(shop, NUDGE_MS / 2), 0);
    assert_int_equal(pass(shop, NUDGE_MS), 1);
    assert_string_equal(republished(shop), "OrderPlaced");
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    (void)pass(shop, 3 * NUDGE_MS); /* finds another status: a new patience */
    assert_string_equal(republished(shop), "");
    (void)pass(shop, 3 * NUDGE_MS / 2);
    assert_string_equal(republished(shop), "OrderPlaced"); /* its chain reaches inventory */
    assert_int_equal(test_order_cancel(shop, order_id), ORDER_CANCELLING);
    (void)pass(shop, 3 * NUDGE_MS);
    (void)pass(shop, 3 * NUDGE_MS / 2);
    assert_string_equal(republished(shop), "OrderCancelled");
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log WHERE type = 'OrderCancelled'"), 1);
}

static void the_pauses_grow(void **state)
{
    struct test_order *shop = *state;
    int asked = 0;

    shop->state.deadline_ms = HOUR_MS;
    for (int second = 0; second < 60; second++) {
        (void)pass(shop, 1000);
        asked += republished(shop)[0] != '\0';
    }
    assert_in_range(asked, 5, 6); /* after about 1, 3, 7, 15, 31 and 63 s */
}

static void an_order_without_an_answer_is_given_up_at_its_deadline(void **state)
{
    struct test_order *shop = *state;
    struct order_state order = {0};

    while (shop->test.ctx.online_ms < 500 + DEADLINE_MS - 1)
        (void)pass(shop, 1);
    assert_int_equal(status_of(shop), ORDER_CREATED);
    (void)pass(shop, 1);
    test_order_load(shop, order_id, &order);
    assert_int_equal(order.saga.status, ORDER_CANCELLING);
    assert_string_equal(order.reason, SHOP_REASON_PAYMENT_TIMEOUT);
    order_fini(&order);
    (void)republished(shop);
    (void)pass(shop, 3 * NUDGE_MS / 2); /* and what settles it is asked for too */
    assert_string_equal(republished(shop), "OrderCancelled");
    (void)pass(shop, DEADLINE_MS); /* in vain: it is emitted anew */
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log WHERE type = 'OrderCancelled'"), 2);
    assert_int_equal(status_of(shop), ORDER_CANCELLING);
}

static void an_answer_that_was_committed_first_wins(void **state)
{
    struct test_order *shop = *state;

    shop->test.now_ms += DEADLINE_MS;
    shop->test.ctx.online_ms += DEADLINE_MS;
    test_order_consume(shop, order_id, SAGA_PAYMENT_PROCESSED);
    assert_int_equal(wake(shop), 1);
    assert_int_equal(status_of(shop), ORDER_PAID);
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log WHERE type = 'OrderCancelled'"), 0);
}

static void a_jump_of_the_wall_clock_alone_asks_nothing_and_gives_up_nothing(void **state)
{
    struct test_order *shop = *state;

    for (int i = 0; i < 3; i++) {
        shop->test.now_ms += INT64_C(10) * 365 * 24 * HOUR_MS; /* ten years */
        assert_int_equal(wake(shop), 1);                       /* woken too early: it sets itself again */
        assert_int_equal(wake(shop), 0);
    }
    assert_string_equal(republished(shop), "");
    assert_int_equal(status_of(shop), ORDER_CREATED);
    assert_int_equal(pass(shop, 5 * NUDGE_MS / 4), 1);
    assert_string_equal(republished(shop), "OrderPlaced");
}

static enum tern_outcome prepare(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    (void)argument;
    return order_watch_prepare(ctx, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static void after_a_clock_that_was_put_back_meanwhile_the_start_sets_it_right(void **state)
{
    struct test_order *shop = *state;

    shop->test.now_ms -= HOUR_MS;
    assert_int_equal(test_context_run(&shop->test, prepare, NULL, NULL), TERN_DONE);
    assert_int_equal(pass(shop, 400 * 1000), 1);
}

static void an_order_of_an_older_version_is_watched_from_the_start_on(void **state)
{
    struct test_order *shop = *state;
    static const char forget[] = "DELETE FROM timer";

    assert_int_equal(tern_db_run(shop->test.ctx.db, forget, TERN_DB_NO_ARGS, NULL), 1);
    assert_int_equal(test_context_run(&shop->test, prepare, NULL, NULL), TERN_DONE);
    assert_int_equal(test_context_run(&shop->test, prepare, NULL, NULL), TERN_DONE);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 1);
    assert_int_equal(wake(shop), 1);
    assert_string_equal(republished(shop), ""); /* a new patience */
    assert_int_equal(pass(shop, 5 * NUDGE_MS / 4), 1);
    assert_string_equal(republished(shop), "OrderPlaced");
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, test_order_tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(one_timer_from_the_placing_to_the_end),
        WITH(what_is_nudged_is_the_event_whose_answer_is_late),
        WITH(the_pauses_grow),
        WITH(an_order_without_an_answer_is_given_up_at_its_deadline),
        WITH(an_answer_that_was_committed_first_wins),
        WITH(a_jump_of_the_wall_clock_alone_asks_nothing_and_gives_up_nothing),
        WITH(after_a_clock_that_was_put_back_meanwhile_the_start_sets_it_right),
        WITH(an_order_of_an_older_version_is_watched_from_the_start_on),
    };
    return cmocka_run_group_tests_name("order_watch", tests, NULL, NULL);
}
