/* shop/events.h - the payload of each event of the shop as a plain struct, with the calls that read and emit it.
 *
 * Written out so that grep and an editor find every name. The rows of shop/catalogue.h are the schemas in JSON;
 * services/catalogue/catalogue.c defines the calls from the same rows and asserts at compile time that each struct has
 * the members of its rows, in their order. docs/EVENTS.md gives the meaning of each event.
 *
 *   shop_<payload>_decode   Checks type and version of a decoded event and reads its data into *ret_payload.
 *                           Any thread. 0; or -1 with a sentence, and *ret_payload is unspecified.
 *   shop_emit_<payload>     Checks the payload and appends the event to the event log in the open transaction; it is
 *                           published after the commit. Its subject is the order (InventoryUpdated: the product).
 *                           *ret_emitted, unless NULL, is what was appended. Writer's thread, inside a unit of work.
 *                           0; or -1 with a sentence, and the unit must be undone.
 *
 * Payloads hold their values inline: copy and keep them freely, nothing is to be freed. Times are UTC milliseconds,
 * amounts are minor units (cents) of the order's currency. An optional member that is absent is "", 0, an empty list,
 * or an object whose `given` is false. */
#ifndef SHOP_EVENTS_H
#define SHOP_EVENTS_H

#include "tern/event.h"
#include "tern/schema.h"

struct tern_context;
struct tern_emitted;

/* ---- limits, and the values that payloads are made of ------------------------------------------------------ */

enum {
    SHOP_REF_SIZE = 129,        /* bytes of a ref with its NUL */
    SHOP_TEXT_CHARACTERS = 256, /* names, addresses, error sentences */
    SHOP_TEXT_SIZE = 4 * SHOP_TEXT_CHARACTERS + 1,
    SHOP_SHORT_CHARACTERS = 64, /* phone numbers, cities, states, postal codes */
    SHOP_SHORT_SIZE = 4 * SHOP_SHORT_CHARACTERS + 1,
    SHOP_LINES_MAX = 100,
    SHOP_WORDS_MAX = 8,
    SHOP_QUANTITY_MAX = 10000,        /* of one line; a product's lines added up: SHOP_LINES_MAX times as many */
    SHOP_PRICE_MAX_MINOR = 100000000, /* 1 000 000.00 */
    SHOP_STOCK_MAX = 1000000000       /* units of one product */
};
#define SHOP_TOTAL_MAX_MINOR ((int64_t)SHOP_LINES_MAX * SHOP_QUANTITY_MAX * SHOP_PRICE_MAX_MINOR)

/* One line of an order. */
struct shop_line {
    char product_id[TERN_ID_SIZE];
    int64_t quantity;              /* 1 to SHOP_QUANTITY_MAX */
    int64_t price_minor;           /* of one piece, 0 to SHOP_PRICE_MAX_MINOR */
    char currency[TERN_WORD_SIZE]; /* of the price, in OrderPlaced 2.0: always that of the order; "" elsewhere */
};
struct shop_lines {
    size_t count;
    struct shop_line at[SHOP_LINES_MAX];
};

/* Units of one product. In a list each product is there once, so the limit is that of all lines added up. */
struct shop_piece {
    char product_id[TERN_ID_SIZE];
    int64_t quantity; /* 1 to SHOP_LINES_MAX * SHOP_QUANTITY_MAX */
};
struct shop_pieces {
    size_t count;
    struct shop_piece at[SHOP_LINES_MAX];
};

struct shop_words {
    size_t count;
    char at[SHOP_WORDS_MAX][TERN_WORD_SIZE];
};

struct shop_customer {
    bool given;                  /* false: the payload has no such object */
    char email[SHOP_TEXT_SIZE];  /* "" when not known */
    char phone[SHOP_SHORT_SIZE]; /* "" when not known */
};

struct shop_address {
    bool given;                  /* false: the payload has no such object */
    char street[SHOP_TEXT_SIZE]; /* this and the others: "" when not given */
    char city[SHOP_SHORT_SIZE], state[SHOP_SHORT_SIZE], zip_code[SHOP_SHORT_SIZE];
};

/* ---- order-service ----------------------------------------------------------------------------------------- */

/* OrderPlaced: a customer has placed an order. It is published after the order is on disk. */
struct shop_order_placed {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    struct shop_lines items;       /* what was ordered, in the customer's order */
    int64_t total_amount_minor;    /* the sum of the lines */
    char currency[TERN_WORD_SIZE]; /* ISO 4217 */
    char status[TERN_WORD_SIZE];   /* SHOP_STATUS_CREATED */
    int64_t created_at_ms;
    struct shop_customer customer;        /* optional */
    struct shop_address shipping_address; /* optional */
    char payment_token[SHOP_REF_SIZE];    /* optional: the customer's means of payment, never a card number */
};
int shop_order_placed_decode(const struct tern_event *event, struct shop_order_placed *ret_payload,
                             struct tern_error *err);
int shop_emit_order_placed(struct tern_context *ctx, const struct shop_order_placed *payload,
                           struct tern_emitted *ret_emitted, struct tern_error *err);

/* OrderUpdated: an order has changed its status. */
struct shop_order_updated {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    char status[TERN_WORD_SIZE];          /* SHOP_STATUS_...: the new one */
    char previous_status[TERN_WORD_SIZE]; /* SHOP_STATUS_...: the one before */
    int64_t updated_at_ms;
    char product_id[TERN_ID_SIZE]; /* optional: the product that was out of stock, when that is the cause */
};
int shop_order_updated_decode(const struct tern_event *event, struct shop_order_updated *ret_payload,
                              struct tern_error *err);
int shop_emit_order_updated(struct tern_context *ctx, const struct shop_order_updated *payload,
                            struct tern_emitted *ret_emitted, struct tern_error *err);

/* OrderCancelled: undo what was done for this order. Payment and inventory answer every one, also about an order that
 * they do not know. May be emitted more than once for an order, always with the first reason and note. */
struct shop_order_cancelled {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    struct shop_lines items;     /* what was ordered */
    char reason[TERN_WORD_SIZE]; /* SHOP_REASON_... */
    int64_t cancelled_at_ms;
    char note[SHOP_TEXT_SIZE]; /* optional: the customer's own words */
};
int shop_order_cancelled_decode(const struct tern_event *event, struct shop_order_cancelled *ret_payload,
                                struct tern_error *err);
int shop_emit_order_cancelled(struct tern_context *ctx, const struct shop_order_cancelled *payload,
                              struct tern_emitted *ret_emitted, struct tern_error *err);

/* ---- payment-service --------------------------------------------------------------------------------------- */

/* PaymentProcessed: the order was charged. */
struct shop_payment_processed {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;
    char status[TERN_WORD_SIZE];        /* SHOP_PAYMENT_STATUS_SUCCESS */
    char transaction_id[SHOP_REF_SIZE]; /* the gateway's id of the charge */
    int64_t processed_at_ms;
};
int shop_payment_processed_decode(const struct tern_event *event, struct shop_payment_processed *ret_payload,
                                  struct tern_error *err);
int shop_emit_payment_processed(struct tern_context *ctx, const struct shop_payment_processed *payload,
                                struct tern_emitted *ret_emitted, struct tern_error *err);

/* PaymentFailed: the order was not charged. */
struct shop_payment_failed {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;        /* the amount that was to be charged */
    char status[TERN_WORD_SIZE]; /* SHOP_PAYMENT_STATUS_FAILED or _ERROR */
    char error[SHOP_TEXT_SIZE];  /* why, for people */
    int64_t processed_at_ms;
};
int shop_payment_failed_decode(const struct tern_event *event, struct shop_payment_failed *ret_payload,
                               struct tern_error *err);
int shop_emit_payment_failed(struct tern_context *ctx, const struct shop_payment_failed *payload,
                             struct tern_emitted *ret_emitted, struct tern_error *err);

/* PaymentRefunded: the charge of a cancelled order was refunded, in full. */
struct shop_payment_refunded {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    int64_t amount_minor;
    char transaction_id[SHOP_REF_SIZE]; /* of the charge */
    char refund_id[SHOP_REF_SIZE];      /* the gateway's id of the refund */
    int64_t refunded_at_ms;
};
int shop_payment_refunded_decode(const struct tern_event *event, struct shop_payment_refunded *ret_payload,
                                 struct tern_error *err);
int shop_emit_payment_refunded(struct tern_context *ctx, const struct shop_payment_refunded *payload,
                               struct tern_emitted *ret_emitted, struct tern_error *err);

/* PaymentVoided: a cancelled order was not charged and will not be; or it was free. */
struct shop_payment_voided {
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE];
    int64_t voided_at_ms;
};
int shop_payment_voided_decode(const struct tern_event *event, struct shop_payment_voided *ret_payload,
                               struct tern_error *err);
int shop_emit_payment_voided(struct tern_context *ctx, const struct shop_payment_voided *payload,
                             struct tern_emitted *ret_emitted, struct tern_error *err);

/* ---- inventory-service ------------------------------------------------------------------------------------- */

/* InventoryUpdated: the free quantity of a product has changed. */
struct shop_inventory_updated {
    char product_id[TERN_ID_SIZE];
    char name[SHOP_TEXT_SIZE];
    int64_t new_quantity; /* free units, 0 to SHOP_STOCK_MAX */
    int64_t updated_at_ms;
    int64_t price_minor;           /* optional: of one unit; 0: not known */
    char currency[TERN_WORD_SIZE]; /* optional: ISO 4217; "" when the price is not known */
};
int shop_inventory_updated_decode(const struct tern_event *event, struct shop_inventory_updated *ret_payload,
                                  struct tern_error *err);
int shop_emit_inventory_updated(struct tern_context *ctx, const struct shop_inventory_updated *payload,
                                struct tern_emitted *ret_emitted, struct tern_error *err);

/* InventoryReserved: all lines of the order are reserved. */
struct shop_inventory_reserved {
    char order_id[TERN_ID_SIZE];
    struct shop_pieces items; /* what is reserved, a product once */
    int64_t reserved_at_ms;
};
int shop_inventory_reserved_decode(const struct tern_event *event, struct shop_inventory_reserved *ret_payload,
                                   struct tern_error *err);
int shop_emit_inventory_reserved(struct tern_context *ctx, const struct shop_inventory_reserved *payload,
                                 struct tern_emitted *ret_emitted, struct tern_error *err);

/* InventoryReleased: nothing is reserved any more for the cancelled order, and nothing will be. */
struct shop_inventory_released {
    char order_id[TERN_ID_SIZE];
    struct shop_pieces items; /* what was put back; empty when nothing was reserved */
    int64_t released_at_ms;
};
int shop_inventory_released_decode(const struct tern_event *event, struct shop_inventory_released *ret_payload,
                                   struct tern_error *err);
int shop_emit_inventory_released(struct tern_context *ctx, const struct shop_inventory_released *payload,
                                 struct tern_emitted *ret_emitted, struct tern_error *err);

/* ProductOutOfStock: one product had too few units, so nothing was reserved for the order. */
struct shop_product_out_of_stock {
    char order_id[TERN_ID_SIZE];
    char product_id[TERN_ID_SIZE];
    int64_t requested; /* units, over all lines of the product */
    int64_t available; /* free units */
    int64_t notified_at_ms;
};
int shop_product_out_of_stock_decode(const struct tern_event *event, struct shop_product_out_of_stock *ret_payload,
                                     struct tern_error *err);
int shop_emit_product_out_of_stock(struct tern_context *ctx, const struct shop_product_out_of_stock *payload,
                                   struct tern_emitted *ret_emitted, struct tern_error *err);

/* ---- notification-service ---------------------------------------------------------------------------------- */

/* NotificationSent: at least one channel has sent the message, and none is left to try. Exactly one of `method` and
 * `methods` is present. */
struct shop_notification_sent {
    char notification_type[TERN_WORD_SIZE]; /* SHOP_NOTIFY_... */
    char recipient[SHOP_TEXT_SIZE];         /* the e-mail address */
    char order_id[TERN_ID_SIZE];
    char product_id[TERN_ID_SIZE]; /* optional: the product that it is about */
    char method[TERN_WORD_SIZE];   /* optional: SHOP_METHOD_..., when one channel sent it */
    struct shop_words methods;     /* optional: SHOP_METHOD_..., when several did */
    int64_t sent_at_ms;
};
int shop_notification_sent_decode(const struct tern_event *event, struct shop_notification_sent *ret_payload,
                                  struct tern_error *err);
int shop_emit_notification_sent(struct tern_context *ctx, const struct shop_notification_sent *payload,
                                struct tern_emitted *ret_emitted, struct tern_error *err);

/* NotificationFailed: one channel has used up its attempts at a message. The others may have sent it. */
struct shop_notification_failed {
    char notification_type[TERN_WORD_SIZE]; /* SHOP_NOTIFY_... */
    char order_id[TERN_ID_SIZE];
    char method[TERN_WORD_SIZE]; /* SHOP_METHOD_... */
    char error[SHOP_TEXT_SIZE];  /* why, for people */
    int64_t failed_at_ms;
};
int shop_notification_failed_decode(const struct tern_event *event, struct shop_notification_failed *ret_payload,
                                    struct tern_error *err);
int shop_emit_notification_failed(struct tern_context *ctx, const struct shop_notification_failed *payload,
                                  struct tern_emitted *ret_emitted, struct tern_error *err);

#endif
