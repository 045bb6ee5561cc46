/* order.c - the fold of an order's stream.
 *
 * One small function for each event that says something about an order; a table names them. An event of the stream
 * always finds its function, and always is the next one: a gap or a stranger is a broken invariant. Touches neither
 * store nor clock, so the same events give the same order, byte for byte. */
#include "order.h"

#include <inttypes.h>

#include "tern/money.h"

static void order_keep(char *target, size_t size, const char *word)
{
    TERN_ASSERT(tern_copy(target, size, word) == 0, "a checked value fits where it belongs");
}

/* ---- details: the part of OrderPlaced that is shown and said again, never asked about ----------------------- */

#define ORDER_AT(member) offsetof(struct shop_order_placed, member)

static const struct tern_field order_detail_fields[] = {
    {.name = "items",
     .kind = TERN_KIND_LIST,
     .offset = ORDER_AT(items.at),
     .size = sizeof(struct shop_line),
     .count_offset = ORDER_AT(items.count),
     .low = 1,
     .high = SHOP_LINES_MAX,
     .shape = &shop_line_shape},
    {.name = "customer",
     .kind = TERN_KIND_OBJECT,
     .optional = true,
     .offset = ORDER_AT(customer),
     .size = sizeof(struct shop_customer),
     .shape = &shop_customer_shape,
     .present_offset = ORDER_AT(customer.given)},
    {.name = "shippingAddress",
     .kind = TERN_KIND_OBJECT,
     .optional = true,
     .offset = ORDER_AT(shipping_address),
     .size = sizeof(struct shop_address),
     .shape = &shop_address_shape,
     .present_offset = ORDER_AT(shipping_address.given) },
};

static const struct tern_shape order_detail_shape = {
    .fields = order_detail_fields,
    .count = TERN_COUNT(order_detail_fields),
    .size = sizeof(struct shop_order_placed),
};

int order_items(const struct order_state *order, struct shop_lines *ret_items, struct tern_error *err)
{
    struct shop_order_placed placed;
    struct cJSON *tree = tern_json_parse(order->details.bytes, order->details.length, TERN_JSON_MAX_BYTES, err);
    int result = -1;

    if (tree == NULL) return tern_error_prefix(err, "details of order %s", order->order_id);
    if (tern_shape_decode_event(&order_detail_shape, tree, &placed, err) < 0) {
        tern_error_prefix(err, "details of order %s", order->order_id);
    } else {
        *ret_items = placed.items;
        result = 0;
    }
    tern_json_destroy(tree);
    return result;
}

static void order_print_word(struct tern_text *out, const char *name, const char *word)
{
    if (word[0] == '\0') return;
    tern_text_printf(out, ",\"%s\":", name);
    tern_json_write_string(out, word);
}

static void order_print_time(struct tern_text *out, const char *name, int64_t at_ms)
{
    char text[TERN_TIME_SIZE];

    tern_time_format(at_ms, text);
    order_print_word(out, name, text);
}

void order_print(const struct order_state *order, struct tern_text *out)
{
    char total[TERN_MONEY_SIZE];

    TERN_ASSERT(order->details.length > 2, "an order is shown with its details");
    tern_money_format(order->total_minor, total);
    tern_text_printf(out, "{\"orderId\":\"%s\",\"customerId\":\"%s\",", order->order_id, order->customer_id);
    tern_text_add_bytes(out, order->details.bytes + 1, order->details.length - 2); /* the members without braces */
    tern_text_printf(out, ",\"totalAmount\":%s", total);
    order_print_word(out, "currency", order->currency);
    order_print_word(out, "status", order_status_name(order->saga.status));
    order_print_time(out, "createdAt", order->created_at_ms);
    order_print_time(out, "updatedAt", order->updated_at_ms);
    tern_text_printf(out, ",\"version\":%" PRId64, order->version);
    order_print_word(out, "correlationId", order->correlation_id);
    order_print_word(out, "transactionId", order->transaction_id);
    order_print_word(out, "reason", order->reason);
    order_print_word(out, "note", order->note);
    order_print_word(out, "productId", order->product_id);
    tern_text_add(out, "}");
}

/* ---- the fold ---------------------------------------------------------------------------------------------- */

static void order_apply_placed(struct order_state *order, const void *payload)
{
    const struct shop_order_placed *placed = payload;

    order_keep(order->order_id, sizeof(order->order_id), placed->order_id);
    order_keep(order->customer_id, sizeof(order->customer_id), placed->customer_id);
    order_keep(order->currency, sizeof(order->currency), placed->currency);
    order->saga.status = ORDER_CREATED;
    order->total_minor = placed->total_amount_minor;
    order->created_at_ms = placed->created_at_ms;
    order->updated_at_ms = placed->created_at_ms;
    tern_text_clear(&order->details);
    tern_shape_encode(&order_detail_shape, placed, &order->details);
}

static void order_apply_updated(struct order_state *order, const void *payload)
{
    const struct shop_order_updated *updated = payload;

    const int known = order_status_parse(updated->status, &order->saga.status);

    TERN_ASSERT(known == 0, "OrderUpdated names a status");
}

static void order_apply_cancelled(struct order_state *order, const void *payload)
{
    const struct shop_order_cancelled *cancelled = payload;

    order_keep(order->reason, sizeof(order->reason), cancelled->reason);
    order_keep(order->note, sizeof(order->note), cancelled->note);
}

static void order_apply_processed(struct order_state *order, const void *payload)
{
    const struct shop_payment_processed *processed = payload;

    order_keep(order->transaction_id, sizeof(order->transaction_id), processed->transaction_id);
}

static void order_apply_out_of_stock(struct order_state *order, const void *payload)
{
    const struct shop_product_out_of_stock *out = payload;

    order_keep(order->product_id, sizeof(order->product_id), out->product_id);
}

struct order_rule {
    bool known;
    enum saga_input input;
    void (*apply)(struct order_state *order, const void *payload); /* NULL: the fact says all */
};

/* clang-format off */
static const struct order_rule order_rules[SHOP_EVENT_COUNT] = {
    [SHOP_ORDER_PLACED]         = {true, SAGA_NOTHING,              order_apply_placed},
    [SHOP_ORDER_UPDATED]        = {true, SAGA_NOTHING,              order_apply_updated},
    [SHOP_ORDER_CANCELLED]      = {true, SAGA_NOTHING,              order_apply_cancelled},
    [SHOP_PAYMENT_PROCESSED]    = {true, SAGA_PAYMENT_PROCESSED,    order_apply_processed},
    [SHOP_PAYMENT_FAILED]       = {true, SAGA_PAYMENT_FAILED,       NULL},
    [SHOP_PAYMENT_REFUNDED]     = {true, SAGA_PAYMENT_REFUNDED,     NULL},
    [SHOP_PAYMENT_VOIDED]       = {true, SAGA_PAYMENT_VOIDED,       NULL},
    [SHOP_INVENTORY_RESERVED]   = {true, SAGA_INVENTORY_RESERVED,   NULL},
    [SHOP_INVENTORY_RELEASED]   = {true, SAGA_INVENTORY_RELEASED,   NULL},
    [SHOP_PRODUCT_OUT_OF_STOCK] = {true, SAGA_PRODUCT_OUT_OF_STOCK, order_apply_out_of_stock},
};
/* clang-format on */

enum saga_input order_input(enum shop_event event)
{
    TERN_ASSERT(event < SHOP_EVENT_COUNT, "an event of the catalogue");
    return order_rules[event].known ? order_rules[event].input : SAGA_NOTHING;
}

void order_apply(struct order_state *order, const struct order_change *change)
{
    TERN_ASSERT(change->event < SHOP_EVENT_COUNT && order_rules[change->event].known, "an event of an order's stream");
    TERN_ASSERT(change->version == order->version + 1, "a stream has no gaps");
    TERN_ASSERT((change->version == 1) == (change->event == SHOP_ORDER_PLACED), "a stream opens with OrderPlaced");
    const struct order_rule *rule = &order_rules[change->event];

    order->version = change->version;
    if (change->version == 1)
        order_keep(order->correlation_id, sizeof(order->correlation_id), change->correlation_id);
    else if (change->at_ms > order->updated_at_ms)
        order->updated_at_ms = change->at_ms;
    if (rule->input != SAGA_NOTHING) order->saga = saga_note(order->saga, rule->input);
    if (rule->apply != NULL) rule->apply(order, change->payload);
}

void order_fini(struct order_state *order)
{
    if (order != NULL) tern_text_fini(&order->details);
}
