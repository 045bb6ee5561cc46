/* saga.h - the life of an order as a total table: status and input give the next status and what to emit.
 *
 * Pure: no store, no clock, no broker, nothing allocated; any thread. The saga sees an order as its status and the
 * facts that payment and inventory have published about it. Facts only grow, so an answer that comes early, late or
 * twice changes nothing that a timely one would not have changed: it is kept, and used when the status waits for it
 * (saga_due).
 *
 *     CREATED ── paid ──► PAID ── reserved ──► READY_FOR_SHIPMENT
 *        │                  └──── out of stock ──► INVENTORY_ISSUE ── refunded ──► CANCELLED
 *        └─ payment failed ──► PAYMENT_FAILED
 *     CREATED, PAID, READY_FOR_SHIPMENT ── cancel ──► CANCELLING ── refunded or not charged, and released ──► CANCELLED
 */
#ifndef ORDER_SAGA_H
#define ORDER_SAGA_H

#include "tern/base.h"

enum order_status {
    ORDER_CREATED,            /* waits for the payment's outcome */
    ORDER_PAID,               /* waits for the stock's outcome */
    ORDER_READY_FOR_SHIPMENT, /* final, unless the customer cancels */
    ORDER_PAYMENT_FAILED,     /* final */
    ORDER_INVENTORY_ISSUE,    /* waits for the refund */
    ORDER_CANCELLING,         /* waits until nothing is charged and nothing reserved any more */
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
    SAGA_ANSWERS_ARE_IN, /* only from saga_due: a cancel has both of its answers */
    SAGA_INPUT_COUNT,
    SAGA_NOTHING = SAGA_INPUT_COUNT
};

/* What is known of the order's money and stock. Each only moves to the right in its list. */
enum saga_money { SAGA_MONEY_NONE, SAGA_MONEY_TAKEN, SAGA_MONEY_FINISHED /* refunded, voided or failed */ };
enum saga_stock { SAGA_STOCK_NONE, SAGA_STOCK_RESERVED, SAGA_STOCK_OUT };

/* An order as the saga sees it. */
struct saga_view {
    enum order_status status;
    enum saga_money money;
    enum saga_stock stock;
    bool released; /* inventory has answered a cancel: nothing is reserved, and nothing will be */
};

/* One row for each status. */
struct saga_status {
    const char *name; /* SHOP_STATUS_..., as the contract, the store and the API spell it */
    bool waits;       /* for an answer: the order has a timer (order_watch.h) and counts as in progress. False: final */
};
extern const struct saga_status saga_statuses[ORDER_STATUS_COUNT];

/* What is emitted besides OrderUpdated, which every change of status emits. */
enum saga_emits { SAGA_EMITS_NOTHING, SAGA_EMITS_ORDER_CANCELLED };

enum saga_reason {
    SAGA_REASON_KEPT, /* the one that the order has */
    SAGA_CUSTOMER_REQUEST,
    SAGA_PAYMENT_HAS_FAILED,
    SAGA_OUT_OF_STOCK,
    SAGA_PAYMENT_TIMEOUT,
    SAGA_INVENTORY_TIMEOUT,
    SAGA_REASON_COUNT
};

/* While the order is in this status, this input makes it become that one. */
struct saga_row {
    enum order_status while_in;
    enum saga_input input;
    enum order_status becomes; /* may be the same */
    enum saga_emits emits;
    enum saga_reason reason; /* of the OrderCancelled that is emitted */
};

/* The timetable itself, for those who walk it: one row for each status and input, in the order of the enums. */
extern const struct saga_row saga_timetable[ORDER_STATUS_COUNT * SAGA_INPUT_COUNT];

/* The one row of a status and an input. Never NULL. */
const struct saga_row *saga_row(enum order_status status, enum saga_input input);
/* The view with what `input` says about money and stock; the status stays. */
struct saga_view saga_note(struct saga_view view, enum saga_input input);
/* The input that a known fact stands for, because the status waits for it; SAGA_NOTHING when there is none. */
enum saga_input saga_due(struct saga_view view);
/* Whether an order in this status waits for an answer. If not it may stay as it is for ever. */
bool saga_waits(enum order_status status);

/* An input may be followed by what was due: paid, out of stock, refunded is the longest chain. */
enum { SAGA_STEPS_MAX = 4 };
/* Plays `input` and whatever is due after it. Returns how many rows were gone through, in `ret_steps`. */
size_t saga_play(struct saga_view *view, enum saga_input input, const struct saga_row *ret_steps[SAGA_STEPS_MAX]);

#endif
