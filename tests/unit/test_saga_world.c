/* test_saga_world.c - the saga in a small world of payment and inventory, through every order of arrival.
 *
 * Not samples: every state that the order, the two services and the messages between them can be in together is
 * walked, with any message delivered at any time and any number of times, a cancel or a deadline at any moment. From each
 * of them, once everything that is owed has been delivered, the order is at a right end: nobody has the money of an
 * order that is off, nobody holds its stock, and no circle of messages goes round for ever. */
#include <stdlib.h>
#include <string.h>

#include "services/order/saga.h"
#include "tern_test.h"

enum message {
    PLACED_TO_PAYMENT,
    PLACED_TO_INVENTORY,
    CANCELLED_TO_PAYMENT,
    CANCELLED_TO_INVENTORY,
    PROCESSED_TO_INVENTORY,
    TO_ORDER, /* + enum saga_input: an answer, on its way to the order */
    MESSAGE_COUNT = TO_ORDER + SAGA_INVENTORY_RELEASED + 1
};

enum pay { PAY_UNSEEN, PAY_CHARGING, PAY_CHARGED, PAY_FAILED, PAY_VOIDED, PAY_REFUNDED };
enum hold { HOLD_NONE, HOLD_HELD, HOLD_OUT, HOLD_RELEASED };

/* What the run is about. */
struct plan {
    bool declined;   /* the gateway says no */
    bool comes_late; /* money or stock comes in spite of everything, once each, when the order is off already */
    bool no_stock;
    bool may_cancel;
    bool may_time_out;
};

struct world {
    struct saga_view order;
    enum pay pay;
    enum hold hold;
    bool pay_cancelled;                     /* asked to cancel while charging */
    bool saw_placed, saw_processed;         /* inventory needs both */
    bool cancelled, late_money, late_stock; /* what could happen once, did */
    unsigned timeouts;
    bool undone;            /* the customer's or the deadline's cancel took effect */
    uint32_t sent, waiting; /* messages published at least once; those not delivered since they were last published */
};

static void publish(struct world *world, int message)
{
    world->sent |= 1u << message;
    world->waiting |= 1u << message;
}

static void order_consumes(struct world *world, enum saga_input input)
{
    const struct saga_row *steps[SAGA_STEPS_MAX];
    const enum order_status before = world->order.status;
    const size_t count = saga_play(&world->order, input, steps);

    for (size_t i = 0; i < count; i++) {
        if (steps[i]->emits != SAGA_EMITS_ORDER_CANCELLED) continue;
        publish(world, CANCELLED_TO_PAYMENT);
        publish(world, CANCELLED_TO_INVENTORY);
    }
    if (steps[0]->becomes == ORDER_CANCELLING && before != ORDER_CANCELLING) world->undone = true;
}

static void payment_answers_a_cancel(struct world *world)
{
    switch (world->pay) {
    case PAY_CHARGING: world->pay_cancelled = true; break;
    case PAY_CHARGED:
    case PAY_REFUNDED:
        world->pay = PAY_REFUNDED;
        publish(world, TO_ORDER + SAGA_PAYMENT_REFUNDED);
        break;
    default:
        world->pay = PAY_VOIDED;
        publish(world, TO_ORDER + SAGA_PAYMENT_VOIDED);
        break;
    }
}

static void payment_processed(struct world *world)
{
    world->pay = PAY_CHARGED;
    publish(world, TO_ORDER + SAGA_PAYMENT_PROCESSED);
    publish(world, PROCESSED_TO_INVENTORY);
}

static void gateway_answers(struct world *world, const struct plan *plan)
{
    if (plan->declined) {
        world->pay = PAY_FAILED;
        publish(world, TO_ORDER + SAGA_PAYMENT_FAILED);
    } else {
        payment_processed(world);
    }
    if (world->pay_cancelled) payment_answers_a_cancel(world);
}

static void inventory_reserves(struct world *world, const struct plan *plan)
{
    if (!world->saw_placed || !world->saw_processed || world->hold != HOLD_NONE) return;
    world->hold = plan->no_stock ? HOLD_OUT : HOLD_HELD;
    publish(world, TO_ORDER + (plan->no_stock ? SAGA_PRODUCT_OUT_OF_STOCK : SAGA_INVENTORY_RESERVED));
}

static void deliver(struct world *world, const struct plan *plan, int message)
{
    world->waiting &= ~(1u << message);
    switch (message) {
    case PLACED_TO_PAYMENT:
        if (world->pay == PAY_UNSEEN) world->pay = PAY_CHARGING;
        break;
    case CANCELLED_TO_PAYMENT: payment_answers_a_cancel(world); break;
    case PLACED_TO_INVENTORY:
        world->saw_placed = true;
        inventory_reserves(world, plan);
        break;
    case PROCESSED_TO_INVENTORY:
        world->saw_processed = true;
        inventory_reserves(world, plan);
        break;
    case CANCELLED_TO_INVENTORY:
        world->hold = HOLD_RELEASED;
        publish(world, TO_ORDER + SAGA_INVENTORY_RELEASED);
        break;
    default: order_consumes(world, (enum saga_input)(message - TO_ORDER)); break;
    }
}

/* Moves: deliver a message; then what happens by itself. */
enum {
    GATEWAY_ANSWERS = MESSAGE_COUNT,
    MONEY_COMES_LATE,
    STOCK_COMES_LATE,
    CUSTOMER_CANCELS,
    DEADLINE_PASSES,
    MOVE_COUNT
};

static bool is_off(const struct world *world)
{
    return world->order.status == ORDER_CANCELLED || world->order.status == ORDER_PAYMENT_FAILED;
}

static bool can_move(const struct world *world, const struct plan *plan, int move)
{
    switch (move) {
    case GATEWAY_ANSWERS: return world->pay == PAY_CHARGING;
    case MONEY_COMES_LATE:
        return plan->comes_late && !world->late_money &&
               (world->pay == PAY_FAILED || (world->pay == PAY_VOIDED && is_off(world)));
    case STOCK_COMES_LATE:
        return plan->comes_late && !world->late_stock && world->hold == HOLD_RELEASED && is_off(world);
    case CUSTOMER_CANCELS: return plan->may_cancel && !world->cancelled;
    case DEADLINE_PASSES: return plan->may_time_out && world->timeouts < 2 && saga_waits(world->order.status);
    default: return (world->sent >> move & 1) != 0;
    }
}

static struct world moved(struct world world, const struct plan *plan, int move)
{
    switch (move) {
    case GATEWAY_ANSWERS: gateway_answers(&world, plan); break;
    case MONEY_COMES_LATE:
        world.late_money = true;
        payment_processed(&world);
        break;
    case STOCK_COMES_LATE:
        world.late_stock = true;
        world.hold = HOLD_HELD;
        publish(&world, TO_ORDER + SAGA_INVENTORY_RESERVED);
        break;
    case CUSTOMER_CANCELS:
        world.cancelled = true;
        order_consumes(&world, SAGA_CUSTOMER_CANCELS);
        break;
    case DEADLINE_PASSES:
        world.timeouts++;
        order_consumes(&world, SAGA_DEADLINE);
        break;
    default: deliver(&world, plan, move); break;
    }
    return world;
}

/* A move that must happen sooner or later: a message that is on its way, a gateway that will answer. */
static bool is_owed(const struct world *world, int move)
{
    return move < MESSAGE_COUNT ? (world->waiting >> move & 1) != 0 : move == GATEWAY_ANSWERS;
}

static void assert_good_end(const struct world *world, const struct plan *plan)
{
    const enum order_status status = world->order.status;

    assert_true(!saga_waits(status));
    if (status == ORDER_READY_FOR_SHIPMENT) {
        assert_int_equal(world->pay, PAY_CHARGED);
        assert_int_equal(world->hold, HOLD_HELD);
    } else {
        assert_int_not_equal(world->pay, PAY_CHARGED);
        assert_int_not_equal(world->hold, HOLD_HELD);
    }
    if (world->undone)
        assert_int_equal(status, ORDER_CANCELLED);
    else if (!plan->comes_late)
        assert_int_equal(status, plan->declined   ? ORDER_PAYMENT_FAILED
                                 : plan->no_stock ? ORDER_CANCELLED
                                                  : ORDER_READY_FOR_SHIPMENT);
}

/* ---- the walk ---------------------------------------------------------------------------------------------- */

enum { SEEN_ROOM = 1 << 17 };
enum colour { NEW, ON_PATH, WALKED };

/* Every world that was met: an open-addressed set of packed keys, and the worlds in the order of meeting. */
struct walk {
    const struct plan *plan;
    uint64_t *keys; /* 0: free */
    uint8_t *colours;
    struct world *worlds;
    size_t count;
    size_t ends;
};

static uint64_t pack(const struct world *world)
{
    const unsigned flags = (unsigned)world->pay_cancelled | (unsigned)world->saw_placed << 1 |
                           (unsigned)world->saw_processed << 2 | (unsigned)world->cancelled << 3 |
                           (unsigned)world->late_money << 4 | (unsigned)world->late_stock << 5 |
                           (unsigned)world->undone << 6;
    uint64_t key = 1;

    key = key * ORDER_STATUS_COUNT + world->order.status;
    key = key * 3 + world->order.money;
    key = key * 3 + world->order.stock;
    key = key * 2 + world->order.released;
    key = key * 6 + world->pay;
    key = key * 4 + world->hold;
    key = key * 3 + world->timeouts;
    key = key * 128 + flags;
    return (key << MESSAGE_COUNT | world->sent) << MESSAGE_COUNT | world->waiting;
}

static size_t place_of(const struct walk *walk, uint64_t key)
{
    size_t at = (size_t)(key * UINT64_C(0x9E3779B97F4A7C15) >> 40) % SEEN_ROOM;

    while (walk->keys[at] != 0 && walk->keys[at] != key)
        at = (at + 1) % SEEN_ROOM;
    return at;
}

static void meet(struct walk *walk, const struct world *world)
{
    const uint64_t key = pack(world);
    const size_t at = place_of(walk, key);

    if (walk->keys[at] != 0) return;
    walk->keys[at] = key;
    walk->worlds[walk->count++] = *world;
    assert_true(walk->count < SEEN_ROOM / 2);
}

/* Follows what is owed from here. Short: a saga has few messages, and an owed one is delivered once. */
static void follow_owed(struct walk *walk, const struct world *world)
{
    const size_t at = place_of(walk, pack(world));
    bool at_rest = true;

    if (walk->colours[at] == ON_PATH) fail_msg("%s", "messages go round in a circle");
    if (walk->colours[at] == WALKED) return;
    walk->colours[at] = ON_PATH;
    for (int move = 0; move < MOVE_COUNT; move++) {
        if (!can_move(world, walk->plan, move) || !is_owed(world, move)) continue;
        const struct world next = moved(*world, walk->plan, move);

        at_rest = false;
        follow_owed(walk, &next);
    }
    if (at_rest) {
        assert_good_end(world, walk->plan);
        walk->ends++;
    }
    walk->colours[at] = WALKED;
}

static void walk_all(const struct plan *plan)
{
    struct walk walk = {.plan = plan,
                        .keys = calloc(SEEN_ROOM, sizeof(uint64_t)),
                        .colours = calloc(SEEN_ROOM, 1),
                        .worlds = calloc(SEEN_ROOM / 2, sizeof(struct world))};
    struct world start = {.order = {.status = ORDER_CREATED}};

    assert_non_null(walk.keys);
    assert_non_null(walk.colours);
    assert_non_null(walk.worlds);
    publish(&start, PLACED_TO_PAYMENT);
    publish(&start, PLACED_TO_INVENTORY);
    meet(&walk, &start);
    for (size_t i = 0; i < walk.count; i++) {
        for (int move = 0; move < MOVE_COUNT; move++) {
            if (!can_move(&walk.worlds[i], plan, move)) continue;
            const struct world next = moved(walk.worlds[i], plan, move);

            meet(&walk, &next);
        }
    }
    for (size_t i = 0; i < walk.count; i++)
        follow_owed(&walk, &walk.worlds[i]);
    assert_true(walk.ends > 0);
    print_message("%zu worlds, %zu ends\n", walk.count, walk.ends);
    free(walk.keys);
    free(walk.colours);
    free(walk.worlds);
}

static void whatever_is_late_or_doubled_a_paid_order_becomes_ready(void **state)
{
    (void)state;
    walk_all(&(struct plan){0});
}

static void an_order_that_cannot_be_paid_ends_without_stock(void **state)
{
    (void)state;
    walk_all(&(struct plan){.declined = true});
}

static void an_order_out_of_stock_ends_without_money(void **state)
{
    (void)state;
    walk_all(&(struct plan){.no_stock = true});
}

static void what_comes_after_the_end_goes_back(void **state)
{
    (void)state;
    walk_all(&(struct plan){.comes_late = true, .no_stock = true});
    walk_all(&(struct plan){.comes_late = true, .may_cancel = true});
    walk_all(&(struct plan){.declined = true, .comes_late = true});
    walk_all(&(struct plan){.declined = true, .comes_late = true, .may_cancel = true});
}

static void a_cancel_at_any_moment_undoes_everything(void **state)
{
    (void)state;
    walk_all(&(struct plan){.may_cancel = true});
    walk_all(&(struct plan){.may_cancel = true, .declined = true});
    walk_all(&(struct plan){.may_cancel = true, .no_stock = true});
}

static void a_deadline_at_any_moment_undoes_everything(void **state)
{
    (void)state;
    walk_all(&(struct plan){.may_time_out = true});
    walk_all(&(struct plan){.may_time_out = true, .declined = true});
    walk_all(&(struct plan){.may_time_out = true, .no_stock = true});
}

static void a_cancel_and_a_deadline_do_not_disturb_each_other(void **state)
{
    (void)state;
    walk_all(&(struct plan){.may_time_out = true, .may_cancel = true});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whatever_is_late_or_doubled_a_paid_order_becomes_ready),
        cmocka_unit_test(an_order_that_cannot_be_paid_ends_without_stock),
        cmocka_unit_test(an_order_out_of_stock_ends_without_money),
        cmocka_unit_test(what_comes_after_the_end_goes_back),
        cmocka_unit_test(a_cancel_at_any_moment_undoes_everything),
        cmocka_unit_test(a_deadline_at_any_moment_undoes_everything),
        cmocka_unit_test(a_cancel_and_a_deadline_do_not_disturb_each_other),
    };

    return cmocka_run_group_tests_name("saga_world", tests, NULL, NULL);
}
