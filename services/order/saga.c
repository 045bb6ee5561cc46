/* saga.c - the timetable of an order, and the few rules that read it.
 *
 * One row for each status and input, in the order of the enums: the table is total, so nothing is dropped by
 * silence, and a row is found by its place. A test walks it: finals are left only by a cancel from
 * READY_FOR_SHIPMENT, every status that waits has a deadline that leaves it or asks again, and every order of
 * arrival ends in the same status. Knows no event by its payload, emits nothing, logs nothing. */
#include "saga.h"

/* An answer that comes before its status waits for it is remembered as a fact (saga_note) and heard again by
 * saga_due; so the rows marked "early" stay where they are. A success that comes after the end is owed back: the
 * order says OrderCancelled once more, which payment and inventory answer whatever they knew. */
/* clang-format off */
const struct saga_row saga_timetable[ORDER_STATUS_COUNT * SAGA_INPUT_COUNT] = {
/*    while the order is         and we hear                it becomes                 and says besides            because of              */
    { ORDER_CREATED,            SAGA_PAYMENT_PROCESSED,    ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        },
    { ORDER_CREATED,            SAGA_PAYMENT_FAILED,       ORDER_PAYMENT_FAILED,     SAGA_ORDER_CANCELLED_EVENT, SAGA_PAYMENT_HAS_FAILED },
    { ORDER_CREATED,            SAGA_PAYMENT_REFUNDED,     ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_CREATED,            SAGA_PAYMENT_VOIDED,       ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_CREATED,            SAGA_INVENTORY_RESERVED,   ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_CREATED,            SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_CREATED,            SAGA_INVENTORY_RELEASED,   ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_CREATED,            SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_CUSTOMER_REQUEST   },
    { ORDER_CREATED,            SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_PAYMENT_TIMEOUT    },
    { ORDER_CREATED,            SAGA_ANSWERS_ARE_IN,       ORDER_CREATED,            SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_PAID,               SAGA_PAYMENT_PROCESSED,    ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_PAID,               SAGA_PAYMENT_FAILED,       ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the money is here: the first word counts */
    { ORDER_PAID,               SAGA_PAYMENT_REFUNDED,     ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_PAID,               SAGA_PAYMENT_VOIDED,       ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_PAID,               SAGA_INVENTORY_RESERVED,   ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        },
    { ORDER_PAID,               SAGA_PRODUCT_OUT_OF_STOCK, ORDER_INVENTORY_ISSUE,    SAGA_ORDER_CANCELLED_EVENT, SAGA_OUT_OF_STOCK       },
    { ORDER_PAID,               SAGA_INVENTORY_RELEASED,   ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_PAID,               SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_CUSTOMER_REQUEST   },
    { ORDER_PAID,               SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_INVENTORY_TIMEOUT  },
    { ORDER_PAID,               SAGA_ANSWERS_ARE_IN,       ORDER_PAID,               SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_PROCESSED,    ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_FAILED,       ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the first word counts */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_REFUNDED,     ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_VOIDED,       ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_READY_FOR_SHIPMENT, SAGA_INVENTORY_RESERVED,   ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PRODUCT_OUT_OF_STOCK, ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the first word counts */
    { ORDER_READY_FOR_SHIPMENT, SAGA_INVENTORY_RELEASED,   ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* early: remembered */
    { ORDER_READY_FOR_SHIPMENT, SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_CUSTOMER_REQUEST   },
    { ORDER_READY_FOR_SHIPMENT, SAGA_DEADLINE,             ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_READY_FOR_SHIPMENT, SAGA_ANSWERS_ARE_IN,       ORDER_READY_FOR_SHIPMENT, SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_PROCESSED,    ORDER_PAYMENT_FAILED,     SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* late: pay back */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_FAILED,       ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_REFUNDED,     ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the late money is back */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_VOIDED,       ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel's answer */
    { ORDER_PAYMENT_FAILED,     SAGA_INVENTORY_RESERVED,   ORDER_PAYMENT_FAILED,     SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* late: put back */
    { ORDER_PAYMENT_FAILED,     SAGA_PRODUCT_OUT_OF_STOCK, ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* late: nothing is held */
    { ORDER_PAYMENT_FAILED,     SAGA_INVENTORY_RELEASED,   ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel's answer */
    { ORDER_PAYMENT_FAILED,     SAGA_CUSTOMER_CANCELS,     ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* refused at the door */
    { ORDER_PAYMENT_FAILED,     SAGA_DEADLINE,             ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_PAYMENT_FAILED,     SAGA_ANSWERS_ARE_IN,       ORDER_PAYMENT_FAILED,     SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_PROCESSED,    ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_FAILED,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* no money was taken after all */
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        },
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_VOIDED,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* no money was taken after all */
    { ORDER_INVENTORY_ISSUE,    SAGA_INVENTORY_RESERVED,   ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel releases it */
    { ORDER_INVENTORY_ISSUE,    SAGA_PRODUCT_OUT_OF_STOCK, ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_INVENTORY_ISSUE,    SAGA_INVENTORY_RELEASED,   ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel's other answer */
    { ORDER_INVENTORY_ISSUE,    SAGA_CUSTOMER_CANCELS,     ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* it is being cancelled */
    { ORDER_INVENTORY_ISSUE,    SAGA_DEADLINE,             ORDER_INVENTORY_ISSUE,    SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* ask again */
    { ORDER_INVENTORY_ISSUE,    SAGA_ANSWERS_ARE_IN,       ORDER_INVENTORY_ISSUE,    SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_CANCELLING,         SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel pays it back */
    { ORDER_CANCELLING,         SAGA_PAYMENT_FAILED,       ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* settled: remembered */
    { ORDER_CANCELLING,         SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* settled: remembered */
    { ORDER_CANCELLING,         SAGA_PAYMENT_VOIDED,       ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* settled: remembered */
    { ORDER_CANCELLING,         SAGA_INVENTORY_RESERVED,   ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel releases it */
    { ORDER_CANCELLING,         SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the release is still to come */
    { ORDER_CANCELLING,         SAGA_INVENTORY_RELEASED,   ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* released: remembered */
    { ORDER_CANCELLING,         SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* it is being cancelled */
    { ORDER_CANCELLING,         SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* ask again */
    { ORDER_CANCELLING,         SAGA_ANSWERS_ARE_IN,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        },

    { ORDER_CANCELLED,          SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLED,          SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* late: pay back */
    { ORDER_CANCELLED,          SAGA_PAYMENT_FAILED,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_CANCELLED,          SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again, or late money that is back */
    { ORDER_CANCELLED,          SAGA_PAYMENT_VOIDED,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* again */
    { ORDER_CANCELLED,          SAGA_INVENTORY_RESERVED,   ORDER_CANCELLED,          SAGA_ORDER_CANCELLED_EVENT, SAGA_REASON_KEPT        }, /* late: put back */
    { ORDER_CANCELLED,          SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* late: nothing is held */
    { ORDER_CANCELLED,          SAGA_INVENTORY_RELEASED,   ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* the cancel's other answer, or again */
    { ORDER_CANCELLED,          SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* it is cancelled */
    { ORDER_CANCELLED,          SAGA_DEADLINE,             ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_CANCELLED,          SAGA_ANSWERS_ARE_IN,       ORDER_CANCELLED,          SAGA_NOTHING_MORE,          SAGA_REASON_KEPT        }, /* never due here */
};
/* clang-format on */

const struct saga_row *saga_row(enum order_status status, enum saga_input input)
{
    TERN_ASSERT(status < ORDER_STATUS_COUNT && input < SAGA_INPUT_COUNT, "an order has a status and hears an input");
    const struct saga_row *row = &saga_timetable[(size_t)status * SAGA_INPUT_COUNT + (size_t)input];

    TERN_ASSERT(row->while_in == status && row->hears == input, "the timetable is in the order of its enums");
    return row;
}

static enum saga_money money_told(enum saga_input input)
{
    switch (input) {
    case SAGA_PAYMENT_PROCESSED: return SAGA_MONEY_TAKEN;
    case SAGA_PAYMENT_FAILED:
    case SAGA_PAYMENT_REFUNDED:
    case SAGA_PAYMENT_VOIDED: return SAGA_MONEY_SETTLED;
    default: return SAGA_MONEY_NONE;
    }
}

static enum saga_stock stock_told(enum saga_input input)
{
    switch (input) {
    case SAGA_INVENTORY_RESERVED: return SAGA_STOCK_HELD;
    case SAGA_PRODUCT_OUT_OF_STOCK: return SAGA_STOCK_OUT;
    default: return SAGA_STOCK_NONE;
    }
}

struct saga_view saga_note(struct saga_view view, enum saga_input input)
{
    const enum saga_money money = money_told(input);
    const enum saga_stock stock = stock_told(input);

    return (struct saga_view){
        .status = view.status,
        .money = money > view.money ? money : view.money,
        .stock = stock > view.stock ? stock : view.stock,
        .released = view.released || input == SAGA_INVENTORY_RELEASED,
    };
}

enum saga_input saga_due(struct saga_view view)
{
    const bool settled = view.money == SAGA_MONEY_SETTLED;

    switch (view.status) {
    case ORDER_PAID:
        if (view.stock == SAGA_STOCK_HELD) return SAGA_INVENTORY_RESERVED;
        return view.stock == SAGA_STOCK_OUT ? SAGA_PRODUCT_OUT_OF_STOCK : SAGA_NOTHING;
    case ORDER_INVENTORY_ISSUE: return settled ? SAGA_PAYMENT_REFUNDED : SAGA_NOTHING;
    case ORDER_CANCELLING: return settled && view.released ? SAGA_ANSWERS_ARE_IN : SAGA_NOTHING;
    default: return SAGA_NOTHING;
    }
}

bool saga_is_final(enum order_status status)
{
    return status == ORDER_READY_FOR_SHIPMENT || status == ORDER_PAYMENT_FAILED || status == ORDER_CANCELLED;
}

size_t saga_play(struct saga_view *view, enum saga_input input, const struct saga_row *ret_steps[SAGA_STEPS_MAX])
{
    size_t steps = 0;

    *view = saga_note(*view, input);
    for (enum saga_input hears = input; hears != SAGA_NOTHING; hears = saga_due(*view)) {
        TERN_ASSERT(steps < SAGA_STEPS_MAX, "what is due always leads to an end");
        ret_steps[steps] = saga_row(view->status, hears);
        view->status = ret_steps[steps]->becomes;
        steps++;
    }
    return steps;
}
