/* shop/catalogue.h - the shop's events: one table of what they are, who publishes and who consumes them.
 *
 * Each SHOP_<EVENT>_FIELDS list is the schema of a payload in JSON: from its rows come the codec of the struct in
 * shop/events.h and the rows of docs/EVENTS.md (a test compares). SHOP_EVENTS is the catalogue: from its rows come the
 * routing keys, the queues with their bindings, the mandatory flag and the typed calls. Everything is macros; there is
 * no generator. To add an event: one list and one row here, its struct with two prototypes in shop/events.h, one
 * section in docs/EVENTS.md.
 *
 * A row of a list is F(P, kind, member, "jsonName", presence); P is passed on to F. An optional member whose value is
 * empty ("", 0, an empty list, an object not given) is left out of the JSON. The kinds:
 *
 *   id        char[65]          1-64 characters of A-Z a-z 0-9 . _ -
 *   ref       char[129]         an id issued by another system: token, transaction, refund; at most 128 bytes
 *   text      char[1025]        for people, 1-256 characters of UTF-8, no control characters (shop_set_text)
 *   word      char[24]          A-Z 0-9 _ : one of the names below
 *   currency  char[24]          three capital letters (ISO 4217)
 *   money     int64_t           minor units; on the wire a number with two decimals
 *   price     int64_t           the same, 0.01 to 1 000 000.00; 0 is none
 *   count     int64_t           pieces, 0 to SHOP_STOCK_MAX
 *   time      int64_t           UTC milliseconds; on the wire RFC 3339
 *   lines     struct shop_lines         what was ordered, with prices
 *   priced    struct shop_lines         the same, each price with its currency
 *   pieces    struct shop_pieces        what is reserved: product and quantity, a product once
 *   words     struct shop_words         a few words
 *   customer  struct shop_customer      an object
 *   address   struct shop_address       an object */
#ifndef SHOP_CATALOGUE_H
#define SHOP_CATALOGUE_H

#include "shop/events.h"
#include "tern/catalogue.h"

/* ---- names: the only place where they are spelled ---------------------------------------------------------- */

#define SHOP_SERVICE_ORDER        "order-service"
#define SHOP_SERVICE_PAYMENT      "payment-service"
#define SHOP_SERVICE_INVENTORY    "inventory-service"
#define SHOP_SERVICE_NOTIFICATION "notification-service"

/* The status of an order. */
#define SHOP_STATUS_CREATED            "CREATED"
#define SHOP_STATUS_PAID               "PAID"
#define SHOP_STATUS_READY_FOR_SHIPMENT "READY_FOR_SHIPMENT"
#define SHOP_STATUS_PAYMENT_FAILED     "PAYMENT_FAILED"
#define SHOP_STATUS_INVENTORY_ISSUE    "INVENTORY_ISSUE"
#define SHOP_STATUS_CANCELLING         "CANCELLING"
#define SHOP_STATUS_CANCELLED          "CANCELLED"

/* How a payment ended. FAILED: the gateway declined or refused the charge. ERROR: it gave no usable answer in any
 * attempt, and has not seen the charge. */
#define SHOP_PAYMENT_STATUS_SUCCESS "SUCCESS"
#define SHOP_PAYMENT_STATUS_FAILED  "FAILED"
#define SHOP_PAYMENT_STATUS_ERROR   "ERROR"

/* Why an order is cancelled. */
#define SHOP_REASON_CUSTOMER_REQUEST  "CUSTOMER_REQUEST"
#define SHOP_REASON_PAYMENT_FAILED    "PAYMENT_FAILED"
#define SHOP_REASON_OUT_OF_STOCK      "OUT_OF_STOCK"
#define SHOP_REASON_PAYMENT_TIMEOUT   "PAYMENT_TIMEOUT"
#define SHOP_REASON_INVENTORY_TIMEOUT "INVENTORY_TIMEOUT"

/* What a notification is about. */
#define SHOP_NOTIFY_ORDER_CONFIRMATION   "ORDER_CONFIRMATION"
#define SHOP_NOTIFY_PAYMENT_CONFIRMATION "PAYMENT_CONFIRMATION"
#define SHOP_NOTIFY_PAYMENT_FAILURE      "PAYMENT_FAILURE"
#define SHOP_NOTIFY_ORDER_STATUS_UPDATE  "ORDER_STATUS_UPDATE"
#define SHOP_NOTIFY_ORDER_CANCELLATION   "ORDER_CANCELLATION"
#define SHOP_NOTIFY_REFUND_CONFIRMATION  "REFUND_CONFIRMATION"
#define SHOP_NOTIFY_INVENTORY_ALERT      "INVENTORY_ALERT"

/* The channel that carries a notification. */
#define SHOP_METHOD_EMAIL "EMAIL"
#define SHOP_METHOD_SMS   "SMS"
#define SHOP_METHOD_PUSH  "PUSH"

/* Of an order whose request names no currency. */
#define SHOP_CURRENCY_DEFAULT "USD"

/* ---- schemas ----------------------------------------------------------------------------------------------- */

/* The schemas of the values inside payloads, for request bodies that carry the same values. The first two are those of
 * one line and of one piece, not of the lists. */
extern const struct tern_schema shop_line_schema;
extern const struct tern_schema shop_piece_schema;
extern const struct tern_schema shop_customer_schema;
extern const struct tern_schema shop_address_schema;

/* ---- payloads in JSON -------------------------------------------------------------------------------------- */

/* Version 1 has `price` in each line (kind lines), version 2 has `unitPrice` {amount, currency} (kind priced). */
#define SHOP_ORDER_PLACED_FIELDS(F, P) SHOP_ORDER_PLACED_WITH(priced, F, P)
#define SHOP_ORDER_PLACED_WITH(lines_kind, F, P)                 \
    F(P, id, order_id, "orderId", required)                      \
    F(P, id, customer_id, "customerId", required)                \
    F(P, lines_kind, items, "items", required)                   \
    F(P, money, total_amount_minor, "totalAmount", required)     \
    F(P, currency, currency, "currency", required)               \
    F(P, word, status, "status", required)                       \
    F(P, time, created_at_ms, "createdAt", required)             \
    F(P, customer, customer, "customer", optional)               \
    F(P, address, shipping_address, "shippingAddress", optional) \
    F(P, ref, payment_token, "paymentToken", optional)

/* productId: the product that was out of stock, when that is the cause. */
#define SHOP_ORDER_UPDATED_FIELDS(F, P)                     \
    F(P, id, order_id, "orderId", required)                 \
    F(P, id, customer_id, "customerId", required)           \
    F(P, word, status, "status", required)                  \
    F(P, word, previous_status, "previousStatus", required) \
    F(P, time, updated_at_ms, "updatedAt", required)        \
    F(P, id, product_id, "productId", optional)

/* note: the customer's own words, when the customer cancelled. */
#define SHOP_ORDER_CANCELLED_FIELDS(F, P)                \
    F(P, id, order_id, "orderId", required)              \
    F(P, id, customer_id, "customerId", required)        \
    F(P, lines, items, "items", required)                \
    F(P, word, reason, "reason", required)               \
    F(P, time, cancelled_at_ms, "cancelledAt", required) \
    F(P, text, note, "note", optional)

#define SHOP_PAYMENT_PROCESSED_FIELDS(F, P)              \
    F(P, id, order_id, "orderId", required)              \
    F(P, id, customer_id, "customerId", required)        \
    F(P, money, amount_minor, "amount", required)        \
    F(P, word, status, "status", required)               \
    F(P, ref, transaction_id, "transactionId", required) \
    F(P, time, processed_at_ms, "processedAt", required)

#define SHOP_PAYMENT_FAILED_FIELDS(F, P)          \
    F(P, id, order_id, "orderId", required)       \
    F(P, id, customer_id, "customerId", required) \
    F(P, money, amount_minor, "amount", required) \
    F(P, word, status, "status", required)        \
    F(P, text, error, "error", required)          \
    F(P, time, processed_at_ms, "processedAt", required)

#define SHOP_PAYMENT_REFUNDED_FIELDS(F, P)               \
    F(P, id, order_id, "orderId", required)              \
    F(P, id, customer_id, "customerId", required)        \
    F(P, money, amount_minor, "amount", required)        \
    F(P, ref, transaction_id, "transactionId", required) \
    F(P, ref, refund_id, "refundId", required)           \
    F(P, time, refunded_at_ms, "refundedAt", required)

#define SHOP_PAYMENT_VOIDED_FIELDS(F, P)          \
    F(P, id, order_id, "orderId", required)       \
    F(P, id, customer_id, "customerId", required) \
    F(P, time, voided_at_ms, "voidedAt", required)

/* price, currency: both or none. */
#define SHOP_INVENTORY_UPDATED_FIELDS(F, P)            \
    F(P, id, product_id, "productId", required)        \
    F(P, text, name, "name", required)                 \
    F(P, count, new_quantity, "newQuantity", required) \
    F(P, time, updated_at_ms, "updatedAt", required)   \
    F(P, price, price_minor, "price", optional)        \
    F(P, currency, currency, "currency", optional)

#define SHOP_INVENTORY_RESERVED_FIELDS(F, P) \
    F(P, id, order_id, "orderId", required)  \
    F(P, pieces, items, "items", required)   \
    F(P, time, reserved_at_ms, "reservedAt", required)

/* items: empty when nothing was reserved. */
#define SHOP_INVENTORY_RELEASED_FIELDS(F, P) \
    F(P, id, order_id, "orderId", required)  \
    F(P, pieces, items, "items", required)   \
    F(P, time, released_at_ms, "releasedAt", required)

#define SHOP_PRODUCT_OUT_OF_STOCK_FIELDS(F, P)    \
    F(P, id, order_id, "orderId", required)       \
    F(P, id, product_id, "productId", required)   \
    F(P, count, requested, "requested", required) \
    F(P, count, available, "available", required) \
    F(P, time, notified_at_ms, "notifiedAt", required)

/* Exactly one of method and methods is present: methods when more than one channel carried the message. */
#define SHOP_NOTIFICATION_SENT_FIELDS(F, P)                     \
    F(P, word, notification_type, "notificationType", required) \
    F(P, text, recipient, "recipient", required)                \
    F(P, id, order_id, "orderId", required)                     \
    F(P, id, product_id, "productId", optional)                 \
    F(P, word, method, "method", optional)                      \
    F(P, words, methods, "methods", optional)                   \
    F(P, time, sent_at_ms, "sentAt", required)

#define SHOP_NOTIFICATION_FAILED_FIELDS(F, P)                   \
    F(P, word, notification_type, "notificationType", required) \
    F(P, id, order_id, "orderId", required)                     \
    F(P, word, method, "method", required)                      \
    F(P, text, error, "error", required)                        \
    F(P, time, failed_at_ms, "failedAt", required)

/* ---- the catalogue ----------------------------------------------------------------------------------------- */

/* clang-format off */
/* The consumers of an event, as struct tern_event_type has them: a NULL-terminated list. The queue of each is bound to
 * the event's routing key. */
#define SHOP_NOBODY                 (const char *const[]){ NULL }
#define SHOP_CONSUMED_BY_1(a)       (const char *const[]){ SHOP_SERVICE_##a, NULL }
#define SHOP_CONSUMED_BY_2(a, b)    (const char *const[]){ SHOP_SERVICE_##a, SHOP_SERVICE_##b, NULL }
#define SHOP_CONSUMED_BY_3(a, b, c) (const char *const[]){ SHOP_SERVICE_##a, SHOP_SERVICE_##b, SHOP_SERVICE_##c, NULL }

/*    id                    payload               eventType             version producer      subject     consumers */
#define SHOP_EVENTS(E) \
    E(ORDER_PLACED,         order_placed,         "OrderPlaced",        "2.0",  ORDER,        order_id,   SHOP_CONSUMED_BY_3(PAYMENT, INVENTORY, NOTIFICATION)) \
    E(ORDER_UPDATED,        order_updated,        "OrderUpdated",       "1.0",  ORDER,        order_id,   SHOP_CONSUMED_BY_1(NOTIFICATION)) \
    E(ORDER_CANCELLED,      order_cancelled,      "OrderCancelled",     "1.1",  ORDER,        order_id,   SHOP_CONSUMED_BY_3(PAYMENT, INVENTORY, NOTIFICATION)) \
    E(PAYMENT_PROCESSED,    payment_processed,    "PaymentProcessed",   "1.0",  PAYMENT,      order_id,   SHOP_CONSUMED_BY_3(ORDER, INVENTORY, NOTIFICATION)) \
    E(PAYMENT_FAILED,       payment_failed,       "PaymentFailed",      "1.0",  PAYMENT,      order_id,   SHOP_CONSUMED_BY_2(ORDER, NOTIFICATION)) \
    E(PAYMENT_REFUNDED,     payment_refunded,     "PaymentRefunded",    "1.0",  PAYMENT,      order_id,   SHOP_CONSUMED_BY_2(ORDER, NOTIFICATION)) \
    E(PAYMENT_VOIDED,       payment_voided,       "PaymentVoided",      "1.0",  PAYMENT,      order_id,   SHOP_CONSUMED_BY_1(ORDER)) \
    E(INVENTORY_UPDATED,    inventory_updated,    "InventoryUpdated",   "1.1",  INVENTORY,    product_id, SHOP_CONSUMED_BY_1(ORDER)) \
    E(INVENTORY_RESERVED,   inventory_reserved,   "InventoryReserved",  "1.0",  INVENTORY,    order_id,   SHOP_CONSUMED_BY_1(ORDER)) \
    E(INVENTORY_RELEASED,   inventory_released,   "InventoryReleased",  "1.0",  INVENTORY,    order_id,   SHOP_CONSUMED_BY_1(ORDER)) \
    E(PRODUCT_OUT_OF_STOCK, product_out_of_stock, "ProductOutOfStock",  "1.0",  INVENTORY,    order_id,   SHOP_CONSUMED_BY_2(ORDER, NOTIFICATION)) \
    E(NOTIFICATION_SENT,    notification_sent,    "NotificationSent",   "1.0",  NOTIFICATION, order_id,   SHOP_NOBODY) \
    E(NOTIFICATION_FAILED,  notification_failed,  "NotificationFailed", "1.0",  NOTIFICATION, order_id,   SHOP_NOBODY)
/* clang-format on */

/* ---- what the rows become ---------------------------------------------------------------------------------- */

#define SHOP_AS_ENUM(id, payload, type, version, producer, subject, consumers) SHOP_##id,
enum shop_event { SHOP_EVENTS(SHOP_AS_ENUM) SHOP_EVENT_COUNT };

extern const struct tern_event_type shop_event_types[SHOP_EVENT_COUNT]; /* by enum shop_event */
extern const struct tern_catalogue shop_catalogue;

/* The row of an event as an address constant, for tables of handlers: SHOP_TYPE(ORDER_PLACED). */
#define SHOP_TYPE(id) (&shop_event_types[SHOP_##id])

/* The event of a type ("OrderPlaced"); SHOP_EVENT_COUNT when the catalogue has none. */
enum shop_event shop_event_named(const char *type);
/* The schema of the event's payload: fields, kinds, limits. That of the newest version. */
const struct tern_schema *shop_schema(enum shop_event event);
/* That of any version that can be emitted: the newest, or an older one that upcasters lift. NULL: it cannot. */
const struct tern_schema *shop_schema_of(enum shop_event event, const char *version);

/* The version at a place: 0 is the newest, then the older ones that can be emitted. NULL: there are no more. */
const char *shop_version(enum shop_event event, size_t at);
/* Appends the schema of a version as JSON Schema, in lines. False: that version cannot be emitted. */
bool shop_print_schema(enum shop_event event, const char *version, struct tern_text *out);

/* Appends the catalogue as an AsyncAPI 3.0 document (asyncapi.com): a channel for each event, who sends and receives it, and
 * what it looks like in each version. */
void shop_print_asyncapi(struct tern_text *out);

/* The price of all lines in minor units. Cannot overflow within the limits of lines, quantity and price. */
int64_t shop_total(const struct shop_lines *items);

/* Whether `text` is one bare address (local@domain). Display names, comments and the separators of a mail header are
 * refused, so that a value cannot add recipients; this is no check of RFC 5321. */
bool shop_is_email(const char *text);

/* Fills a member of kind text from any bytes: cleaned and cut to its limits by tern_schema_fit_text. */
static inline void shop_set_text(char target[SHOP_TEXT_SIZE], const char *text)
{
    tern_schema_fit_text(target, SHOP_TEXT_SIZE, SHOP_TEXT_CHARACTERS, text);
}

/* The calls of shop/events.h without their types, for code that handles several events alike: `payload` points to the
 * struct of the event. Same checks, threads and results. */
int shop_decode(enum shop_event expected, const struct tern_event *event, void *ret_payload, struct tern_error *err);
int shop_emit(struct tern_context *ctx, enum shop_event event, const char *subject, const void *payload,
              struct tern_emitted *ret_emitted, struct tern_error *err);

/* shop_emit in two steps: an HTTP thread writes the JSON, and the writer's thread, of which there is one, only appends
 * it. shop_encode checks the payload and appends its JSON to `out`: 0, or -1 with a sentence and `out` unchanged. Any
 * thread. `version` is one that shop_schema_of knows; NULL: the newest. shop_emit_encoded emits what shop_encode wrote for the same event; inside a unit of work, as shop_emit. */
int shop_encode(enum shop_event event, const char *version, const void *payload, struct tern_text *out,
                struct tern_error *err);
int shop_emit_encoded(struct tern_context *ctx, enum shop_event event, const char *version, const char *subject,
                      const char *data_json, struct tern_emitted *ret_emitted, struct tern_error *err);

#endif
