/* test_saga.c - the laws of the timetable and of the facts beside it, walked row by row. */
#include "services/order/saga.h"
#include "tern_test.h"

enum { VIEW_COUNT = ORDER_STATUS_COUNT * 3 * 3 * 2 };

static struct saga_view view_at(int index)
{
    return (struct saga_view){.status = (enum order_status)(index / 18),
                              .money = (enum saga_money)(index / 6 % 3),
                              .stock = (enum saga_stock)(index / 2 % 3),
                              .released = index % 2 == 1};
}

static bool same_view(struct saga_view one, struct saga_view other)
{
    return one.status == other.status && one.money == other.money && one.stock == other.stock &&
           one.released == other.released;
}

/* ---- the table --------------------------------------------------------------------------------------------- */

static void every_status_and_input_has_exactly_one_row(void **state)
{
    int rows[ORDER_STATUS_COUNT][SAGA_INPUT_COUNT] = {{0}};

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(saga_timetable); i++) {
        assert_in_range(saga_timetable[i].while_in, 0, ORDER_STATUS_COUNT - 1);
        assert_in_range(saga_timetable[i].input, 0, SAGA_INPUT_COUNT - 1);
        rows[saga_timetable[i].while_in][saga_timetable[i].input]++;
    }
    for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
        for (int input = 0; input < SAGA_INPUT_COUNT; input++) {
            assert_int_equal(rows[status][input], 1);
            assert_int_equal(saga_row((enum order_status)status, (enum saga_input)input)->input, input);
        }
    }
}

static void every_status_is_reached_from_created(void **state)
{
    bool reached[ORDER_STATUS_COUNT] = {[ORDER_CREATED] = true};

    (void)state;
    for (int round = 0; round < ORDER_STATUS_COUNT; round++) {
        for (size_t i = 0; i < TERN_COUNT(saga_timetable); i++) {
            if (reached[saga_timetable[i].while_in]) reached[saga_timetable[i].becomes] = true;
        }
    }
    for (int status = 0; status < ORDER_STATUS_COUNT; status++)
        assert_true(reached[status]);
}

static void finals_are_left_only_by_a_cancel_of_what_is_ready(void **state)
{
    int left = 0;

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(saga_timetable); i++) {
        const struct saga_row *row = &saga_timetable[i];

        if (saga_waits(row->while_in) || row->becomes == row->while_in) continue;
        assert_int_equal(row->while_in, ORDER_READY_FOR_SHIPMENT);
        assert_int_equal(row->input, SAGA_CUSTOMER_CANCELS);
        left++;
    }
    assert_int_equal(left, 1);
}

static void every_waiting_status_has_a_deadline_that_leaves_it_or_emits_its_question(void **state)
{
    (void)state;
    for (int status = 0; status < ORDER_STATUS_COUNT; status++) {
        const struct saga_row *row = saga_row((enum order_status)status, SAGA_DEADLINE);

        if (!saga_waits((enum order_status)status)) {
            assert_int_equal(row->becomes, status);
            assert_int_equal(row->emits, SAGA_EMITS_NOTHING);
        } else {
            assert_int_equal(row->emits, SAGA_EMITS_ORDER_CANCELLED);
        }
    }
}

static void an_order_cancelled_event_always_has_a_reason(void **state)
{
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(saga_timetable); i++) {
        const struct saga_row *row = &saga_timetable[i];
        const bool has_one = row->while_in >= ORDER_PAYMENT_FAILED; /* these are entered with an OrderCancelled */

        if (row->emits == SAGA_EMITS_NOTHING) assert_int_equal(row->reason, SAGA_REASON_KEPT);
        if (row->emits == SAGA_EMITS_ORDER_CANCELLED) assert_int_equal(row->reason == SAGA_REASON_KEPT, has_one);
        if (row->becomes >= ORDER_PAYMENT_FAILED && !has_one) assert_int_equal(row->emits, SAGA_EMITS_ORDER_CANCELLED);
    }
}

/* Section 3 of the contract, sentence by sentence. */
static void the_contract_stands_in_the_table(void **state)
{
    static const struct saga_row promised[] = {
        {ORDER_CREATED,            SAGA_PAYMENT_PROCESSED,    ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT       },
        {ORDER_CREATED,            SAGA_PAYMENT_FAILED,       ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED, SAGA_PAYMENT_HAS_FAILED},
        {ORDER_CREATED,            SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_CUSTOMER_REQUEST  },
        {ORDER_CREATED,            SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_PAYMENT_TIMEOUT   },
        {ORDER_PAID,               SAGA_INVENTORY_RESERVED,   ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT       },
        {ORDER_PAID,               SAGA_PRODUCT_OUT_OF_STOCK, ORDER_INVENTORY_ISSUE,    SAGA_EMITS_ORDER_CANCELLED, SAGA_OUT_OF_STOCK      },
        {ORDER_PAID,               SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_CUSTOMER_REQUEST  },
        {ORDER_PAID,               SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_INVENTORY_TIMEOUT },
        {ORDER_READY_FOR_SHIPMENT, SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED,
         SAGA_CUSTOMER_REQUEST                                                                                                             },
        {ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT       },
        {ORDER_CANCELLING,         SAGA_ANSWERS_ARE_IN,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT       },
        {ORDER_CANCELLED,          SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLED,          SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT       },
        {ORDER_CANCELLED,          SAGA_INVENTORY_RESERVED,   ORDER_CANCELLED,          SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT       },
        {ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_PROCESSED,    ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED,
         SAGA_REASON_KEPT                                                                                                                  },
        {ORDER_PAYMENT_FAILED,     SAGA_INVENTORY_RESERVED,   ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED,
         SAGA_REASON_KEPT                                                                                                                  },
    };

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(promised); i++)
        assert_memory_equal(saga_row(promised[i].while_in, promised[i].input), &promised[i], sizeof(promised[i]));
}

/* ---- the facts --------------------------------------------------------------------------------------------- */

static void facts_only_grow_and_do_not_mind_order_or_repetition(void **state)
{
    (void)state;
    for (int i = 0; i < VIEW_COUNT; i++) {
        for (int a = 0; a < SAGA_INPUT_COUNT; a++) {
            const struct saga_view once = saga_note(view_at(i), (enum saga_input)a);

            assert_int_equal(once.status, view_at(i).status);
            assert_true(once.money >= view_at(i).money && once.stock >= view_at(i).stock &&
                        once.released >= view_at(i).released);
            assert_true(same_view(saga_note(once, (enum saga_input)a), once));
            for (int b = 0; b < SAGA_INPUT_COUNT; b++)
                assert_true(same_view(saga_note(once, (enum saga_input)b),
                                      saga_note(saga_note(view_at(i), (enum saga_input)b), (enum saga_input)a)));
        }
    }
}

static void what_is_due_always_moves_the_order_and_ends(void **state)
{
    (void)state;
    for (int i = 0; i < VIEW_COUNT; i++) {
        const enum saga_input due = saga_due(view_at(i));

        if (due != SAGA_NOTHING) assert_int_not_equal(saga_row(view_at(i).status, due)->becomes, view_at(i).status);
        for (int input = 0; input < SAGA_INPUT_COUNT; input++) {
            const struct saga_row *steps[SAGA_STEPS_MAX];
            struct saga_view view = view_at(i);
            const size_t count = saga_play(&view, (enum saga_input)input, steps);

            assert_in_range(count, 1, SAGA_STEPS_MAX);
            assert_int_equal(steps[count - 1]->becomes, view.status);
            assert_int_equal(saga_due(view), SAGA_NOTHING);
        }
    }
}

static void an_early_answer_is_used_when_it_is_awaited(void **state)
{
    static const struct {
        struct saga_view before;
        enum saga_input input;
        enum order_status after;
    } paths[] = {
        {{ORDER_CREATED, SAGA_MONEY_NONE, SAGA_STOCK_RESERVED, false},
         SAGA_PAYMENT_PROCESSED,                                                                      ORDER_READY_FOR_SHIPMENT},
        {{ORDER_CREATED, SAGA_MONEY_NONE, SAGA_STOCK_OUT, false},          SAGA_PAYMENT_PROCESSED,    ORDER_INVENTORY_ISSUE   },
        {{ORDER_CREATED, SAGA_MONEY_NONE, SAGA_STOCK_OUT, true},           SAGA_PAYMENT_PROCESSED,    ORDER_INVENTORY_ISSUE   },
        {{ORDER_CREATED, SAGA_MONEY_FINISHED, SAGA_STOCK_OUT, false},      SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLED         },
        {{ORDER_PAID, SAGA_MONEY_FINISHED, SAGA_STOCK_NONE, false},        SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CANCELLED         },
        {{ORDER_PAID, SAGA_MONEY_FINISHED, SAGA_STOCK_NONE, true},         SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLED         },
        {{ORDER_CREATED, SAGA_MONEY_NONE, SAGA_STOCK_NONE, true},          SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING        },
        {{ORDER_CREATED, SAGA_MONEY_FINISHED, SAGA_STOCK_RESERVED, false}, SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING        },
    };

    (void)state;
    for (size_t i = 0; i < TERN_COUNT(paths); i++) {
        const struct saga_row *steps[SAGA_STEPS_MAX];
        struct saga_view view = paths[i].before;

        (void)saga_play(&view, paths[i].input, steps);
        assert_int_equal(view.status, paths[i].after);
    }
}

static void a_cancel_ends_when_both_answers_are_in_and_not_before(void **state)
{
    (void)state;
    for (int i = 0; i < VIEW_COUNT; i++) {
        for (int input = 0; input < SAGA_ANSWERS_ARE_IN; input++) {
            const struct saga_row *steps[SAGA_STEPS_MAX];
            struct saga_view view = view_at(i);

            if (view.status != ORDER_CANCELLING) continue;
            (void)saga_play(&view, (enum saga_input)input, steps);
            assert_int_equal(view.status == ORDER_CANCELLED, view.money == SAGA_MONEY_FINISHED && view.released);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_and_input_has_exactly_one_row),
        cmocka_unit_test(every_status_is_reached_from_created),
        cmocka_unit_test(finals_are_left_only_by_a_cancel_of_what_is_ready),
        cmocka_unit_test(every_waiting_status_has_a_deadline_that_leaves_it_or_emits_its_question),
        cmocka_unit_test(an_order_cancelled_event_always_has_a_reason),
        cmocka_unit_test(the_contract_stands_in_the_table),
        cmocka_unit_test(facts_only_grow_and_do_not_mind_order_or_repetition),
        cmocka_unit_test(what_is_due_always_moves_the_order_and_ends),
        cmocka_unit_test(an_early_answer_is_used_when_it_is_awaited),
        cmocka_unit_test(a_cancel_ends_when_both_answers_are_in_and_not_before),
    };

    return cmocka_run_group_tests_name("saga", tests, NULL, NULL);
}
