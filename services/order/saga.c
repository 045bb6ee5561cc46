/* saga.c - the timetable of an order, and the few rules that read it.
 *
 * One row for each status and input, in the order of the enums: the table is total, so no input is ignored by omission,
 * and a row is found by its place. Tests walk it: final statuses are left only by a cancel from READY_FOR_SHIPMENT, the
 * deadline of a waiting status leaves it or emits its question again, and whatever the order in which answers arrive,
 * the order ends in the same status. Reads no payload, emits nothing, logs nothing. */
#include "saga.h"

#include "shop/catalogue.h"

/* clang-format off */
const struct saga_status saga_statuses[ORDER_STATUS_COUNT] = {
    [ORDER_CREATED]            = { SHOP_STATUS_CREATED,            .waits = true  }, /* for the outcome of the payment */
    [ORDER_PAID]               = { SHOP_STATUS_PAID,               .waits = true  }, /* for the outcome of the reservation */
    [ORDER_READY_FOR_SHIPMENT] = { SHOP_STATUS_READY_FOR_SHIPMENT, .waits = false },
    [ORDER_PAYMENT_FAILED]     = { SHOP_STATUS_PAYMENT_FAILED,     .waits = false },
    [ORDER_INVENTORY_ISSUE]    = { SHOP_STATUS_INVENTORY_ISSUE,    .waits = true  }, /* for the refund */
    [ORDER_CANCELLING]         = { SHOP_STATUS_CANCELLING,         .waits = true  }, /* for the refund, void or failure, and the release */
    [ORDER_CANCELLED]          = { SHOP_STATUS_CANCELLED,          .waits = false },
};

const struct saga_waiting saga_waiting[SAGA_WAIT_COUNT] = {
    [SAGA_WAIT_PAYMENT] = { "payment", { ORDER_CREATED,         ORDER_STATUS_COUNT } },
    [SAGA_WAIT_STOCK]   = { "stock",   { ORDER_PAID,            ORDER_STATUS_COUNT } },
    [SAGA_WAIT_REFUND]  = { "refund",  { ORDER_INVENTORY_ISSUE, ORDER_CANCELLING   } },
    [SAGA_WAIT_RELEASE] = { "release", { ORDER_CANCELLING,      ORDER_STATUS_COUNT } },
};
/* clang-format on */

/* Early: the status does not wait for this answer yet. It is kept as a fact (saga_note) and played when the status does
 * (saga_due), so the row changes nothing. Late: a charge or a reservation after the order has ended. It must be undone,
 * so OrderCancelled is emitted once more; payment and inventory answer every one of them. */
/* clang-format off */
const struct saga_row saga_timetable[ORDER_STATUS_COUNT * SAGA_INPUT_COUNT] = {
/*    while the order is        this input                 it becomes                and emits besides           because of */
    { ORDER_CREATED,            SAGA_PAYMENT_PROCESSED,    ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        },
    { ORDER_CREATED,            SAGA_PAYMENT_FAILED,       ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED, SAGA_PAYMENT_HAS_FAILED },
    { ORDER_CREATED,            SAGA_PAYMENT_REFUNDED,     ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_CREATED,            SAGA_PAYMENT_VOIDED,       ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_CREATED,            SAGA_INVENTORY_RESERVED,   ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_CREATED,            SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_CREATED,            SAGA_INVENTORY_RELEASED,   ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_CREATED,            SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_CUSTOMER_REQUEST   },
    { ORDER_CREATED,            SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_PAYMENT_TIMEOUT    },
    { ORDER_CREATED,            SAGA_ANSWERS_ARE_IN,       ORDER_CREATED,            SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_PAID,               SAGA_PAYMENT_PROCESSED,    ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_PAID,               SAGA_PAYMENT_FAILED,       ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* it was charged: the first answer counts */
    { ORDER_PAID,               SAGA_PAYMENT_REFUNDED,     ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_PAID,               SAGA_PAYMENT_VOIDED,       ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_PAID,               SAGA_INVENTORY_RESERVED,   ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        },
    { ORDER_PAID,               SAGA_PRODUCT_OUT_OF_STOCK, ORDER_INVENTORY_ISSUE,    SAGA_EMITS_ORDER_CANCELLED, SAGA_OUT_OF_STOCK       },
    { ORDER_PAID,               SAGA_INVENTORY_RELEASED,   ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_PAID,               SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_CUSTOMER_REQUEST   },
    { ORDER_PAID,               SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_INVENTORY_TIMEOUT  },
    { ORDER_PAID,               SAGA_ANSWERS_ARE_IN,       ORDER_PAID,               SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_PROCESSED,    ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_FAILED,       ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the first answer counts */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_REFUNDED,     ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PAYMENT_VOIDED,       ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_READY_FOR_SHIPMENT, SAGA_INVENTORY_RESERVED,   ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_READY_FOR_SHIPMENT, SAGA_PRODUCT_OUT_OF_STOCK, ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the first answer counts */
    { ORDER_READY_FOR_SHIPMENT, SAGA_INVENTORY_RELEASED,   ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* early: kept as a fact */
    { ORDER_READY_FOR_SHIPMENT, SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_CUSTOMER_REQUEST   },
    { ORDER_READY_FOR_SHIPMENT, SAGA_DEADLINE,             ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_READY_FOR_SHIPMENT, SAGA_ANSWERS_ARE_IN,       ORDER_READY_FOR_SHIPMENT, SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_PROCESSED,    ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* late: refund */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_FAILED,       ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_REFUNDED,     ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the late charge is refunded */
    { ORDER_PAYMENT_FAILED,     SAGA_PAYMENT_VOIDED,       ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel's answer */
    { ORDER_PAYMENT_FAILED,     SAGA_INVENTORY_RESERVED,   ORDER_PAYMENT_FAILED,     SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* late: release */
    { ORDER_PAYMENT_FAILED,     SAGA_PRODUCT_OUT_OF_STOCK, ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* late: nothing is reserved */
    { ORDER_PAYMENT_FAILED,     SAGA_INVENTORY_RELEASED,   ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel's answer */
    { ORDER_PAYMENT_FAILED,     SAGA_CUSTOMER_CANCELS,     ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* refused by the HTTP API */
    { ORDER_PAYMENT_FAILED,     SAGA_DEADLINE,             ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_PAYMENT_FAILED,     SAGA_ANSWERS_ARE_IN,       ORDER_PAYMENT_FAILED,     SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_PROCESSED,    ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_FAILED,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* no money was taken after all */
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        },
    { ORDER_INVENTORY_ISSUE,    SAGA_PAYMENT_VOIDED,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* no money was taken after all */
    { ORDER_INVENTORY_ISSUE,    SAGA_INVENTORY_RESERVED,   ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel releases it */
    { ORDER_INVENTORY_ISSUE,    SAGA_PRODUCT_OUT_OF_STOCK, ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_INVENTORY_ISSUE,    SAGA_INVENTORY_RELEASED,   ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel's other answer */
    { ORDER_INVENTORY_ISSUE,    SAGA_CUSTOMER_CANCELS,     ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* it is being cancelled */
    { ORDER_INVENTORY_ISSUE,    SAGA_DEADLINE,             ORDER_INVENTORY_ISSUE,    SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* emit the question again */
    { ORDER_INVENTORY_ISSUE,    SAGA_ANSWERS_ARE_IN,       ORDER_INVENTORY_ISSUE,    SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */

    { ORDER_CANCELLING,         SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel refunds it */
    { ORDER_CANCELLING,         SAGA_PAYMENT_FAILED,       ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* kept as a fact */
    { ORDER_CANCELLING,         SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* kept as a fact */
    { ORDER_CANCELLING,         SAGA_PAYMENT_VOIDED,       ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* kept as a fact */
    { ORDER_CANCELLING,         SAGA_INVENTORY_RESERVED,   ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel releases it */
    { ORDER_CANCELLING,         SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the release is still to come */
    { ORDER_CANCELLING,         SAGA_INVENTORY_RELEASED,   ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* kept as a fact */
    { ORDER_CANCELLING,         SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLING,         SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* it is being cancelled */
    { ORDER_CANCELLING,         SAGA_DEADLINE,             ORDER_CANCELLING,         SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* emit the question again */
    { ORDER_CANCELLING,         SAGA_ANSWERS_ARE_IN,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        },

    { ORDER_CANCELLED,          SAGA_PAYMENT_PROCESSED,    ORDER_CANCELLED,          SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* late: refund */
    { ORDER_CANCELLED,          SAGA_PAYMENT_FAILED,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_CANCELLED,          SAGA_PAYMENT_REFUNDED,     ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated, or of a late charge */
    { ORDER_CANCELLED,          SAGA_PAYMENT_VOIDED,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* repeated */
    { ORDER_CANCELLED,          SAGA_INVENTORY_RESERVED,   ORDER_CANCELLED,          SAGA_EMITS_ORDER_CANCELLED, SAGA_REASON_KEPT        }, /* late: release */
    { ORDER_CANCELLED,          SAGA_PRODUCT_OUT_OF_STOCK, ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* late: nothing is reserved */
    { ORDER_CANCELLED,          SAGA_INVENTORY_RELEASED,   ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* the cancel's other answer, or repeated */
    { ORDER_CANCELLED,          SAGA_CUSTOMER_CANCELS,     ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* it is cancelled */
    { ORDER_CANCELLED,          SAGA_DEADLINE,             ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* not awaited */
    { ORDER_CANCELLED,          SAGA_ANSWERS_ARE_IN,       ORDER_CANCELLED,          SAGA_EMITS_NOTHING,         SAGA_REASON_KEPT        }, /* never due here */
};
/* clang-format on */

const struct saga_row *saga_row(enum order_status status, enum saga_input input)
{
    TERN_ASSERT(status < ORDER_STATUS_COUNT && input < SAGA_INPUT_COUNT, "only what the enums name has a row");
    const struct saga_row *row = &saga_timetable[(size_t)status * SAGA_INPUT_COUNT + (size_t)input];
    TERN_ASSERT(row->while_in == status && row->input == input, "the timetable is in the order of its enums");
    return row;
}

struct saga_view saga_note(struct saga_view view, enum saga_input input)
{
    enum saga_money money = SAGA_MONEY_NONE;
    enum saga_stock stock = SAGA_STOCK_NONE;
    switch (input) {
    case SAGA_PAYMENT_PROCESSED: money = SAGA_MONEY_TAKEN; break;
    case SAGA_PAYMENT_FAILED:
    case SAGA_PAYMENT_REFUNDED:
    case SAGA_PAYMENT_VOIDED: money = SAGA_MONEY_FINISHED; break;
    case SAGA_INVENTORY_RESERVED: stock = SAGA_STOCK_RESERVED; break;
    case SAGA_PRODUCT_OUT_OF_STOCK: stock = SAGA_STOCK_OUT; break;
    case SAGA_INVENTORY_RELEASED: view.released = true; break;
    default: break;
    }
    if (money > view.money) view.money = money;
    if (stock > view.stock) view.stock = stock;
    return view;
}

enum saga_input saga_due(struct saga_view view)
{
    bool finished = view.money == SAGA_MONEY_FINISHED;
    switch (view.status) {
    case ORDER_PAID:
        if (view.stock == SAGA_STOCK_RESERVED) return SAGA_INVENTORY_RESERVED;
        return view.stock == SAGA_STOCK_OUT ? SAGA_PRODUCT_OUT_OF_STOCK : SAGA_NOTHING;
    case ORDER_INVENTORY_ISSUE: return finished ? SAGA_PAYMENT_REFUNDED : SAGA_NOTHING;
    case ORDER_CANCELLING: return finished && view.released ? SAGA_ANSWERS_ARE_IN : SAGA_NOTHING;
    default: return SAGA_NOTHING;
    }
}

bool saga_waits(enum order_status status)
{
    TERN_ASSERT(status < ORDER_STATUS_COUNT, "an order has a status");
    return saga_statuses[status].waits;
}

bool saga_waits_for(struct saga_view view, enum saga_wait what)
{
    const struct saga_waiting *waiting = &saga_waiting[what];
    if (view.status != waiting->in[0] && view.status != waiting->in[1]) return false;
    if (what == SAGA_WAIT_REFUND) return view.money != SAGA_MONEY_FINISHED;
    return what != SAGA_WAIT_RELEASE || !view.released;
}

size_t saga_play(struct saga_view *view, enum saga_input input, const struct saga_row *ret_steps[SAGA_STEPS_MAX])
{
    size_t steps = 0;
    *view = saga_note(*view, input);
    for (; input != SAGA_NOTHING; input = saga_due(*view)) {
        TERN_ASSERT(steps < SAGA_STEPS_MAX, "what is due always leads to an end");
        ret_steps[steps] = saga_row(view->status, input);
        view->status = ret_steps[steps]->becomes;
        steps++;
    }
    return steps;
}
