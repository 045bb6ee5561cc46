/* order.h - an order as the fold of its stream: the same function when an event happens and when it is replayed.
 *
 * Pure: no store, no clock, no broker. The stream in the event log is the truth; a row of `orders` is this struct as
 * it was after the last event. Events change the struct through order_apply only, one by one, so a row and a replay of
 * the stream cannot differ. Foreign events change the facts (money, stock), own ones (OrderUpdated) the status. */
#ifndef ORDER_ORDER_H
#define ORDER_ORDER_H

#include "saga.h"
#include "shop/catalogue.h"
#include "tern/text.h"

struct order_state {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    char correlation_id[TERN_UUID_SIZE]; /* of the conversation that began with OrderPlaced */
    int64_t version;                     /* number of events in the stream; 0: none yet */
    struct saga_view saga;
    char reason[TERN_WORD_SIZE];        /* SHOP_REASON_...; "" unless it was cancelled */
    char note[SHOP_TEXT_SIZE];          /* the customer's own words about the cancel, or "" */
    char transaction_id[SHOP_REF_SIZE]; /* of the charge; "" before */
    char product_id[TERN_ID_SIZE];      /* the product that was out of stock, or "" */
    int64_t total_minor;                /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE];      /* ISO 4217 */
    int64_t created_at_ms;              /* UTC milliseconds */
    int64_t updated_at_ms;              /* when the last event was logged; never goes back */
    struct tern_text details;           /* JSON object {items, customer?, shippingAddress?}; owned */
};

/* Gives back what the order owns. NULL is fine; the struct may be used again from {0}. */
void order_fini(struct order_state *order);

/* One event of the stream, decoded. */
struct order_change {
    enum shop_event event;
    const void *payload;        /* struct shop_<payload> of that event */
    enum order_status status;   /* of OrderUpdated: the status that it names */
    const char *correlation_id; /* of OrderPlaced: the order's from then on */
    int64_t version;            /* its place in the stream: order->version + 1 */
    int64_t at_ms;              /* when it was appended to the log */
};
/* The fold. An event that cannot belong to an order's stream, or a gap in it, is a broken invariant. */
void order_apply(struct order_state *order, const struct order_change *change);
/* The input of the saga that a foreign event is; SAGA_NOTHING for the order's own events and for all others. */
enum saga_input order_input(enum shop_event event);

/* What was ordered, from the details. Returns 0, or -1 with `err` when they cannot be read. */
int order_items(const struct order_state *order, struct shop_lines *ret_items, struct tern_error *err);
/* Appends the order as the API shows it: a JSON object. The payment token is never shown. */
void order_print(const struct order_state *order, struct tern_text *out);

/* Names as the contract, the store and the API spell them. The parsers return 0, or -1 when there is no such name. */
const char *order_status_name(enum order_status status);
int order_status_parse(const char *name, enum order_status *ret_status);
const char *order_money_name(enum saga_money money);
int order_money_parse(const char *name, enum saga_money *ret_money);
const char *order_stock_name(enum saga_stock stock);
int order_stock_parse(const char *name, enum saga_stock *ret_stock);
/* "" for SAGA_REASON_KEPT. */
const char *order_reason_name(enum saga_reason reason);

#endif
