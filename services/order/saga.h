/* saga.h - the life of an order as a total table: status and input give the next status and what to emit.
 *
 * Pure: no store, no clock, no broker, nothing allocated; any thread. The saga sees an order as its status and the
 * facts that payment and inventory have published about it. Facts only grow, so the outcome does not depend on whether
 * an answer comes early, late or twice: it is kept as a fact, and used when the status waits for it (saga_due).
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
    ORDER_CREATED,            /* waits for the outcome of the payment */
    ORDER_PAID,               /* waits for the outcome of the reservation */
    ORDER_READY_FOR_SHIPMENT, /* final, unless the customer cancels */
    ORDER_PAYMENT_FAILED,     /* final */
    ORDER_INVENTORY_ISSUE,    /* waits for the refund */
    ORDER_CANCELLING,         /* waits for the refund, void or failure, and for the release */
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
    SAGA_DEADLINE,       /* the answer that the status waits for has not come in time */
    SAGA_ANSWERS_ARE_IN, /* only from saga_due: a cancel has both of its answers */
    SAGA_INPUT_COUNT,
    SAGA_NOTHING = SAGA_INPUT_COUNT
};

/* The facts about an order's money and stock. A fact only ever moves to the right in its list. */
enum saga_money { SAGA_MONEY_NONE, SAGA_MONEY_TAKEN, SAGA_MONEY_FINISHED /* refunded, voided or failed */ };
enum saga_stock { SAGA_STOCK_NONE, SAGA_STOCK_RESERVED, SAGA_STOCK_OUT };

/* An order as the saga sees it. */
struct saga_view {
    enum order_status status;
    enum saga_money money;
    enum saga_stock stock;
    bool released; /* inventory has answered a cancel: nothing is reserved any more, and nothing will be */
};

/* A row for each status, by enum order_status. */
struct saga_status {
    const char *name; /* SHOP_STATUS_..., as events, store and API spell it */
    bool waits;       /* waits for an answer, with a timer (order_watch.h), and counts as in progress; false: final */
};
extern const struct saga_status saga_statuses[ORDER_STATUS_COUNT];

/* What an order can wait for; it may be two of them at once. */
enum saga_wait { SAGA_WAIT_PAYMENT, SAGA_WAIT_STOCK, SAGA_WAIT_REFUND, SAGA_WAIT_RELEASE, SAGA_WAIT_COUNT };
/* A row for each, by enum saga_wait. */
struct saga_waiting {
    const char *name;        /* as the API spells it */
    enum order_status in[2]; /* the statuses that wait for it; with one only, the other is ORDER_STATUS_COUNT */
};
extern const struct saga_waiting saga_waiting[SAGA_WAIT_COUNT];

/* What is emitted besides OrderUpdated, which every change of status emits. */
enum saga_emits { SAGA_EMITS_NOTHING, SAGA_EMITS_ORDER_CANCELLED };

enum saga_reason {
    SAGA_REASON_KEPT, /* the reason that the order has */
    SAGA_CUSTOMER_REQUEST,
    SAGA_PAYMENT_HAS_FAILED,
    SAGA_OUT_OF_STOCK,
    SAGA_PAYMENT_TIMEOUT,
    SAGA_INVENTORY_TIMEOUT,
    SAGA_REASON_COUNT
};

/* A row of the timetable: in this status, this input gives that status. */
struct saga_row {
    enum order_status while_in;
    enum saga_input input;
    enum order_status becomes; /* may be the same as while_in */
    enum saga_emits emits;
    enum saga_reason reason; /* of the OrderCancelled that is emitted */
};

/* The timetable: one row for each status and input, in the order of the enums. Public for tests, which walk it. */
extern const struct saga_row saga_timetable[ORDER_STATUS_COUNT * SAGA_INPUT_COUNT];

/* The one row of a status and an input. Never NULL. */
const struct saga_row *saga_row(enum order_status status, enum saga_input input);
/* The view with the fact that `input` is about money or stock, if any; the status stays. */
struct saga_view saga_note(struct saga_view view, enum saga_input input);
/* The input of a fact that is known and for which the status waits; SAGA_NOTHING when there is none. */
enum saga_input saga_due(struct saga_view view);
/* Whether an order in this status waits for an answer. If not, it may stay as it is for ever. */
bool saga_waits(enum order_status status);

/* Whether the order still waits for this. */
bool saga_waits_for(struct saga_view view, enum saga_wait what);

/* Rows that one input can go through; what was due follows it. The longest chain is paid, out of stock, refunded. */
enum { SAGA_STEPS_MAX = 4 };
/* Plays `input`, and after it what is due. `view` is then as after the last row; the rows are in `ret_steps`, and their
 * number is returned: at least 1. */
size_t saga_play(struct saga_view *view, enum saga_input input, const struct saga_row *ret_steps[SAGA_STEPS_MAX]);

#endif
