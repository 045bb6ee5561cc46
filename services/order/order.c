/* order.c - the fold of an order's stream, and the order as JSON.
 *
 * order_apply has one case for each event of an order's stream. Touches neither store nor clock: the same events give
 * the same order, byte for byte, which a test compares with the row of `orders`. */
#include "order.h"

#include <inttypes.h>

#include "tern/money.h"

/* ---- details: the part of OrderPlaced that is kept as JSON, since it is shown and never searched ------------ */

static const struct tern_field detail_fields[] = {
    TERN_FIELD_ARRAY(struct shop_order_placed, "items", items, TERN_KIND_LIST, required, 1, &shop_line_schema),
    TERN_FIELD_OBJECT(struct shop_order_placed, "customer", customer, optional, &shop_customer_schema),
    TERN_FIELD_OBJECT(struct shop_order_placed, "shippingAddress", shipping_address, optional, &shop_address_schema),
};
static const struct tern_schema detail_schema = TERN_SCHEMA_OF(struct shop_order_placed, detail_fields);

int order_items(const struct order_state *order, struct shop_lines *ret_items, struct tern_error *err)
{
    struct shop_order_placed placed;
    if (tern_schema_read(&detail_schema, order->details.bytes, order->details.length, TERN_JSON_MAX_BYTES, &placed,
                         err) < 0)
        return tern_error_prefix(err, "details of order %s", order->order_id);
    *ret_items = placed.items;
    return 0;
}

void order_print(const struct order_state *order, struct tern_text *out)
{
    char total[TERN_MONEY_SIZE];
    TERN_ASSERT(order->details.length > 2, "an order is shown with its details");
    tern_money_format(order->total_minor, total);
    tern_text_printf(out, "{\"orderId\":\"%s\",\"customerId\":\"%s\",", order->order_id, order->customer_id);
    tern_text_add_bytes(out, order->details.bytes + 1, order->details.length - 2); /* the members without braces */
    tern_text_printf(out, ",\"totalAmount\":%s", total);
    tern_json_add_text(out, "currency", order->currency);
    tern_json_add_text(out, "status", order_status_name(order->saga.status));
    tern_json_add_time(out, "createdAt", order->created_at_ms);
    tern_json_add_time(out, "updatedAt", order->updated_at_ms);
    tern_text_printf(out, ",\"version\":%" PRId64, order->version);
    tern_json_add_text(out, "correlationId", order->correlation_id);
    tern_json_add_text(out, "transactionId", order->transaction_id);
    tern_json_add_text(out, "reason", order->reason);
    tern_json_add_text(out, "note", order->note);
    tern_json_add_text(out, "productId", order->product_id);
    tern_text_add(out, "}");
}

/* ---- the fold ---------------------------------------------------------------------------------------------- */

enum saga_input order_input(enum shop_event event)
{
    switch (event) {
    case SHOP_PAYMENT_PROCESSED: return SAGA_PAYMENT_PROCESSED;
    case SHOP_PAYMENT_FAILED: return SAGA_PAYMENT_FAILED;
    case SHOP_PAYMENT_REFUNDED: return SAGA_PAYMENT_REFUNDED;
    case SHOP_PAYMENT_VOIDED: return SAGA_PAYMENT_VOIDED;
    case SHOP_INVENTORY_RESERVED: return SAGA_INVENTORY_RESERVED;
    case SHOP_INVENTORY_RELEASED: return SAGA_INVENTORY_RELEASED;
    case SHOP_PRODUCT_OUT_OF_STOCK: return SAGA_PRODUCT_OUT_OF_STOCK;
    default: return SAGA_NOTHING;
    }
}

/* The details are made here once and never change: order_store_update leaves the column alone. */
static void apply_placed(struct order_state *order, const struct shop_order_placed *placed, const char *correlation_id)
{
    tern_copy_whole(order->order_id, sizeof order->order_id, placed->order_id);
    tern_copy_whole(order->customer_id, sizeof order->customer_id, placed->customer_id);
    tern_copy_whole(order->correlation_id, sizeof order->correlation_id, correlation_id);
    tern_copy_whole(order->currency, sizeof order->currency, placed->currency);
    order->saga.status = ORDER_CREATED;
    order->total_minor = placed->total_amount_minor;
    order->created_at_ms = placed->created_at_ms;
    order->updated_at_ms = placed->created_at_ms;
    tern_text_clear(&order->details);
    tern_schema_encode(&detail_schema, placed, &order->details);
}

void order_apply(struct order_state *order, const struct order_change *change)
{
    enum saga_input input = order_input(change->event);

    TERN_ASSERT(change->version == order->version + 1, "a stream has no gaps");
    TERN_ASSERT((change->version == 1) == (change->event == SHOP_ORDER_PLACED), "a stream opens with OrderPlaced");
    order->version = change->version;
    if (change->at_ms > order->updated_at_ms) order->updated_at_ms = change->at_ms;
    if (input != SAGA_NOTHING) order->saga = saga_note(order->saga, input);
    switch (change->event) {
    case SHOP_ORDER_PLACED: apply_placed(order, change->payload, change->correlation_id); break;
    case SHOP_ORDER_UPDATED: order->saga.status = change->status; break;
    case SHOP_ORDER_CANCELLED: {
        const struct shop_order_cancelled *cancelled = change->payload;
        tern_copy_whole(order->reason, sizeof order->reason, cancelled->reason);
        tern_copy_whole(order->note, sizeof order->note, cancelled->note);
        break;
    }
    case SHOP_PAYMENT_PROCESSED: {
        const struct shop_payment_processed *processed = change->payload;
        tern_copy_whole(order->transaction_id, sizeof order->transaction_id, processed->transaction_id);
        break;
    }
    case SHOP_PRODUCT_OUT_OF_STOCK: {
        const struct shop_product_out_of_stock *out_of_stock = change->payload;
        tern_copy_whole(order->product_id, sizeof order->product_id, out_of_stock->product_id);
        break;
    }
    default: TERN_ASSERT(input != SAGA_NOTHING, "an event of an order's stream"); /* saga_note has recorded it */
    }
}

void order_fini(struct order_state *order)
{
    if (order) tern_text_fini(&order->details);
}
