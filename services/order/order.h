/* order.h - an order as the fold of its stream: the same function for live events and for a replay.
 *
 * Pure: no store, no clock, no broker; any thread. The stream in the event log is the truth; a row of `orders` is this
 * struct after the last event. Only order_apply changes the struct, one event at a time, so a row and a replay of the
 * stream cannot differ. Foreign events change the facts (money, stock), own ones (OrderUpdated) the status. */
#ifndef ORDER_ORDER_H
#define ORDER_ORDER_H

#include "saga.h"
#include "shop/catalogue.h"
#include "tern/text.h"

/* An order after its last event. Start from {0}; order_fini gives back what it owns. */
struct order_state {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    char correlation_id[TERN_UUID_SIZE]; /* conversation that OrderPlaced began or joined */
    int64_t version;                     /* number of events in the stream; 0: none yet */
    struct saga_view saga;               /* status, and the facts about money and stock */
    char reason[TERN_WORD_SIZE];         /* SHOP_REASON_...; "" unless it was cancelled */
    char note[SHOP_TEXT_SIZE];           /* the customer's own words about the cancel, or "" */
    char transaction_id[SHOP_REF_SIZE];  /* the gateway's id of the charge; "" before */
    char product_id[TERN_ID_SIZE];       /* the product that was out of stock, or "" */
    int64_t total_minor;                 /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE];       /* ISO 4217 */
    int64_t created_at_ms;               /* UTC milliseconds */
    int64_t updated_at_ms;               /* UTC milliseconds: when the last event was logged; never goes back */
    struct tern_text details;            /* JSON object {items, customer?, shippingAddress?}; owned */
};

/* Frees what the order owns. NULL is fine; the struct may be used anew from {0}. */
void order_fini(struct order_state *order);

/* One event of the stream, decoded. */
struct order_change {
    enum shop_event event;
    const void *payload;        /* struct shop_<payload> of that event */
    enum order_status status;   /* OrderUpdated: its payload's status, parsed */
    const char *correlation_id; /* OrderPlaced: its envelope's */
    int64_t version;            /* its place in the stream, from 1: order->version + 1 */
    int64_t at_ms;              /* UTC milliseconds: when it was appended to the log */
};
/* The fold: one event, in the order of the stream. An event that no order's stream has, or a gap, is a broken
 * invariant: the process stops. */
void order_apply(struct order_state *order, const struct order_change *change);
/* The saga's input for a foreign event; SAGA_NOTHING for the order's own events and for all others. */
enum saga_input order_input(enum shop_event event);

/* Reads the lines of the order from its details. 0, or -1 with `err` when they cannot be read. */
int order_items(const struct order_state *order, struct shop_lines *ret_items, struct tern_error *err);
/* Appends the order as the API shows it, a JSON object. The payment token is never shown. */
void order_print(const struct order_state *order, struct tern_text *out);

/* Names as events, store and API spell them. A parser returns 0, or -1 when there is no such name. */
const char *order_status_name(enum order_status status);
int order_status_parse(const char *name, enum order_status *ret_status);
const char *order_money_name(enum saga_money money);
int order_money_parse(const char *name, enum saga_money *ret_money);
const char *order_stock_name(enum saga_stock stock);
int order_stock_parse(const char *name, enum saga_stock *ret_stock);
/* SHOP_REASON_...; "" for SAGA_REASON_KEPT. */
const char *order_reason_name(enum saga_reason reason);

#endif
