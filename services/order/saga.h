/* saga.h - the life of an order as a total table: what it is, what it hears, what it becomes, what it says.
 *
 * Pure: no store, no clock, no broker, nothing allocated; any thread. An order is seen here as its status and the
 * facts that were told about it. Facts only ever grow, so an answer that comes early, late or twice changes nothing
 * that a timely one would not have changed: it is remembered, and used when the status waits for it (saga_due).
 *
 *     CREATED ── paid ──► PAID ── reserved ──► READY_FOR_SHIPMENT
 *        │                  └──── out of stock ──► INVENTORY_ISSUE ── refunded ──► CANCELLED
 *        └─ payment failed ──► PAYMENT_FAILED
 *     CREATED, PAID, READY_FOR_SHIPMENT ── cancel ──► CANCELLING ── money settled, stock released ──► CANCELLED
 */
#ifndef ORDER_SAGA_H
#define ORDER_SAGA_H

#include "tern/base.h"

enum order_status {
    ORDER_CREATED,            /* waits for the payment's outcome */
    ORDER_PAID,               /* waits for the stock's outcome */
    ORDER_READY_FOR_SHIPMENT, /* final, but a customer may still cancel */
    ORDER_PAYMENT_FAILED,     /* final */
    ORDER_INVENTORY_ISSUE,    /* waits for the refund */
    ORDER_CANCELLING,         /* waits for the money to be settled and the stock to be released */
    ORDER_CANCELLED,          /* final */
    ORDER_STATUS_COUNT
};

enum saga_input {
    SAGA_PAYMENT_PROCESSED,
    SAGA_PAYMENT_FAILED,
    SAGA_PAYMENT_REFUNDED,
    SAGA_PAYMENT_VOIDED,
    SAGA_INVENTORY_RESERVED,
    SAGA_PRODUCT_OUT_OF_STOCK,
    SAGA_INVENTORY_RELEASED,
    SAGA_CUSTOMER_CANCELS,
    SAGA_DEADLINE,       /* what the status waits for has not come in time */
    SAGA_ANSWERS_ARE_IN, /* said by saga_due only: a cancel has both of its answers */
    SAGA_INPUT_COUNT,
    SAGA_NOTHING = SAGA_INPUT_COUNT
};

/* What was told about the customer's money and the order's stock; each only moves to the right in its list. */
enum saga_money { SAGA_MONEY_NONE, SAGA_MONEY_TAKEN, SAGA_MONEY_SETTLED /* refunded, voided or failed */ };
enum saga_stock { SAGA_STOCK_NONE, SAGA_STOCK_HELD, SAGA_STOCK_OUT };

struct saga_view {
    enum order_status status;
    enum saga_money money;
    enum saga_stock stock;
    bool released; /* inventory holds nothing for it, and never will: its answer to a cancel */
};

/* What is said besides OrderUpdated, which every change of status says. */
enum saga_says { SAGA_NOTHING_MORE, SAGA_ORDER_CANCELLED_EVENT };

enum saga_reason {
    SAGA_REASON_KEPT, /* the one that the order has already */
    SAGA_CUSTOMER_REQUEST,
    SAGA_PAYMENT_HAS_FAILED,
    SAGA_OUT_OF_STOCK,
    SAGA_PAYMENT_TIMEOUT,
    SAGA_INVENTORY_TIMEOUT,
    SAGA_REASON_COUNT
};

struct saga_row {
    enum order_status while_in;
    enum saga_input hears;
    enum order_status becomes;
    enum saga_says says;
    enum saga_reason reason; /* of the OrderCancelled that is said */
};

/* The timetable itself, for those who walk it: one row for each status and input, in the order of the enums. */
extern const struct saga_row saga_timetable[ORDER_STATUS_COUNT * SAGA_INPUT_COUNT];

/* The one row of a status and an input. Never NULL. */
const struct saga_row *saga_row(enum order_status status, enum saga_input input);
/* The view with what `input` tells about money and stock; the status stays. */
struct saga_view saga_note(struct saga_view view, enum saga_input input);
/* The input that a fact known already stands for, because the status waits for it; SAGA_NOTHING when there is none. */
enum saga_input saga_due(struct saga_view view);
/* Nothing is awaited: the order may stay as it is for ever. */
bool saga_is_final(enum order_status status);

/* An input may be followed by what was due: paid, out of stock, refunded is the longest chain. */
enum { SAGA_STEPS_MAX = 4 };
/* Lets `view` hear `input` and whatever is due after it. Returns how many rows were gone through, in `ret_steps`. */
size_t saga_play(struct saga_view *view, enum saga_input input, const struct saga_row *ret_steps[SAGA_STEPS_MAX]);

#endif
