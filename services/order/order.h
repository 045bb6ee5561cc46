/* order.h - an order as what its stream says: one fold, used when things happen and when they are told again.
 *
 * Pure: no store, no clock, no broker. The stream in the event log is the truth; a row of `orders` is this struct as
 * it was after the last event. What happened reaches the struct through order_apply only, event by event, so a row
 * and a replay of the stream cannot differ. Foreign events change the facts, own events (OrderUpdated) the status.
 * `version` is the number of events in the stream. */
#ifndef ORDER_ORDER_H
#define ORDER_ORDER_H

#include "saga.h"
#include "shop/catalogue.h"
#include "tern/text.h"

struct order_state {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    char correlation_id[TERN_UUID_SIZE];
    int64_t version; /* 0: nothing has happened yet */
    struct saga_view saga;
    char reason[TERN_WORD_SIZE];        /* why it was cancelled; "" while it was not */
    char note[SHOP_TEXT_SIZE];          /* the customer's own words about that; "" without */
    char transaction_id[SHOP_REF_SIZE]; /* of the payment; "" before */
    char product_id[TERN_ID_SIZE];      /* the product that was out of stock; "" otherwise */
    int64_t total_minor;
    char currency[TERN_WORD_SIZE];
    int64_t created_at_ms;
    int64_t updated_at_ms;    /* of the last event; never goes back */
    struct tern_text details; /* JSON object {items, customer?, shippingAddress?} */
};

/* NULL-safe; the struct may be used again from {0}. */
void order_fini(struct order_state *order);

/* One event of the stream, decoded. */
struct order_change {
    enum shop_event event;
    const void *payload; /* struct shop_<payload> of that event */
    const char *correlation_id;
    int64_t version; /* its place in the stream: the one after order->version */
    int64_t at_ms;   /* when it was written to the log */
};
void order_apply(struct order_state *order, const struct order_change *change);
/* What a foreign event is to the saga; SAGA_NOTHING for the order's own events and for others. */
enum saga_input order_input(enum shop_event event);

/* What was ordered, from the details. Returns 0, or -1 when they cannot be read. */
int order_items(const struct order_state *order, struct shop_lines *ret_items, struct tern_error *err);
/* Appends the order as the API shows it: a JSON object. The payment token is never shown. */
void order_print(const struct order_state *order, struct tern_text *out);

/* Words of the contract, and back: 0, or -1 when there is no such word. */
const char *order_status_name(enum order_status status);
int order_status_parse(const char *name, enum order_status *ret_status);
const char *order_money_name(enum saga_money money);
int order_money_parse(const char *name, enum saga_money *ret_money);
const char *order_stock_name(enum saga_stock stock);
int order_stock_parse(const char *name, enum saga_stock *ret_stock);
/* "" for SAGA_REASON_KEPT. */
const char *order_reason_name(enum saga_reason reason);

#endif
