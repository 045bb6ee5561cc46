/* inventory_handlers.c - the events that inventory-service consumes, and what it does about each.
 *
 *     OrderPlaced       the lines of an order are known
 *     PaymentProcessed  it is paid. The second of the two events, whichever it is, reserves all lines or none, and
 *                       emits InventoryReserved or ProductOutOfStock
 *     OrderCancelled    always answered with InventoryReleased. What was reserved is put back; the row stays RELEASED,
 *                       so no later event of this order takes stock
 *
 * Works with the payload of OrderPlaced only, and asks no other service. Stock moves in the event's own transaction: an
 * undone unit moves nothing. */
#include <string.h>

#include "inventory.h"
#include "reservation_store.h"

const struct tern_metric inventory_reservations_total = {"inventory_reservations_total", TERN_COUNTER, "result",
                                                         "Decisions about the stock of an order."};

static void count(struct tern_context *ctx, const char *result)
{
    tern_metric_add(ctx->metrics, &inventory_reservations_total, 1, result, NULL, NULL);
}

/* ---- emitting ---- */

int inventory_emit_updated(struct tern_context *ctx, const struct stock *stock, struct tern_error *err)
{
    struct shop_inventory_updated updated = {
        .new_quantity = stock->quantity, .updated_at_ms = stock->updated_at_ms, .price_minor = stock->price_minor};
    tern_copy_whole(updated.currency, sizeof updated.currency, stock->currency);
    tern_copy_whole(updated.product_id, sizeof updated.product_id, stock->product_id);
    tern_copy_whole(updated.name, sizeof updated.name, stock->name);
    return shop_emit_inventory_updated(ctx, &updated, NULL, err);
}

/* Also for a repeated cancel: the items are those that were put back the first time, the time is that of the row. */
static int emit_released(struct tern_context *ctx, const struct reservation *reservation, struct tern_error *err)
{
    struct shop_inventory_released released = {.released_at_ms = reservation->updated_at_ms};
    if (reservation->was_reserved) released.items = reservation->items;
    tern_copy_whole(released.order_id, sizeof released.order_id, reservation->order_id);
    return shop_emit_inventory_released(ctx, &released, NULL, err);
}

/* ---- moving stock ---- */

/* Reserves the first `count` products one after the other (sign 1) or puts them back (sign -1); with `emits` an
 * InventoryUpdated for each. Returns how many moved, fewer than `count` when the next one has too few units; or -1. */
static int move_pieces(struct tern_context *ctx, const struct shop_pieces *items, size_t count, int sign, bool emits,
                       struct tern_error *err)
{
    struct stock stock;
    for (size_t i = 0; i < count; i++) {
        int moved =
            stock_move(ctx->db, items->at[i].product_id, sign * items->at[i].quantity, ctx->now_ms, &stock, err);
        if (moved < 0) return -1;
        if (moved == 0) return (int)i;
        if (emits && inventory_emit_updated(ctx, &stock, err) < 0) return -1;
    }
    return (int)count;
}

/* Puts back the products before `failed`, which has too few units, and emits ProductOutOfStock about it. The stock is
 * then as before, so no InventoryUpdated is emitted. */
static int refuse(struct tern_context *ctx, struct reservation *reservation, size_t failed, struct tern_error *err)
{
    const struct shop_piece *piece = &reservation->items.at[failed];
    struct stock stock = {0};
    if (move_pieces(ctx, &reservation->items, failed, -1, false, err) != (int)failed) return -1;
    if (stock_load(ctx->db, piece->product_id, &stock, err) < 0) return -1;
    reservation->state = RESERVATION_OUT_OF_STOCK;
    if (reservation_save(ctx->db, reservation, err) < 0) return -1;
    tern_log_info(ctx->log, "out of stock: nothing reserved", TERN_STR("orderId", reservation->order_id),
                  TERN_STR("productId", piece->product_id), TERN_INT("requested", piece->quantity),
                  TERN_INT("available", stock.quantity));
    count(ctx, "out_of_stock");

    struct shop_product_out_of_stock out = {
        .requested = piece->quantity, .available = stock.quantity, .notified_at_ms = ctx->now_ms};
    tern_copy_whole(out.order_id, sizeof out.order_id, reservation->order_id);
    tern_copy_whole(out.product_id, sizeof out.product_id, piece->product_id);
    return shop_emit_product_out_of_stock(ctx, &out, NULL, err);
}

/* Reserves all lines of an order that is placed and paid, or none. InventoryUpdated is emitted only once the order has
 * everything: a refusal would have to take it back. */
static int reserve(struct tern_context *ctx, struct reservation *reservation, struct tern_error *err)
{
    const struct shop_pieces *items = &reservation->items;
    reservation->updated_at_ms = ctx->now_ms;
    int taken = move_pieces(ctx, items, items->count, 1, false, err);
    if (taken < 0) return -1;
    if ((size_t)taken < items->count) return refuse(ctx, reservation, (size_t)taken, err);

    reservation->state = RESERVATION_RESERVED;
    reservation->was_reserved = true;
    if (reservation_save(ctx->db, reservation, err) < 0) return -1;
    struct shop_inventory_reserved reserved = {.items = *items, .reserved_at_ms = ctx->now_ms};
    tern_copy_whole(reserved.order_id, sizeof reserved.order_id, reservation->order_id);
    if (shop_emit_inventory_reserved(ctx, &reserved, NULL, err) < 0) return -1;
    tern_log_info(ctx->log, "reserved", TERN_STR("orderId", reservation->order_id),
                  TERN_INT("products", (int64_t)items->count));
    count(ctx, "reserved");
    struct stock stock;
    for (size_t i = 0; i < items->count; i++) {
        if (stock_load(ctx->db, items->at[i].product_id, &stock, err) < 0) return -1;
        if (inventory_emit_updated(ctx, &stock, err) < 0) return -1;
    }
    return 0;
}

/* ---- OrderPlaced ---- */

/* Adds the lines of each product up: a product once, in the order of its first line. An order has 100 lines at most, so
 * the search may be linear. */
static void add_up(const struct shop_lines *lines, struct shop_pieces *ret_pieces)
{
    for (size_t i = 0; i < lines->count; i++) {
        struct shop_piece *piece = NULL;
        for (size_t k = 0; k < ret_pieces->count && !piece; k++)
            if (strcmp(ret_pieces->at[k].product_id, lines->at[i].product_id) == 0) piece = &ret_pieces->at[k];
        if (!piece) {
            piece = &ret_pieces->at[ret_pieces->count++];
            tern_copy_whole(piece->product_id, sizeof piece->product_id, lines->at[i].product_id);
        }
        piece->quantity += lines->at[i].quantity;
    }
}

static enum tern_outcome on_order_placed(struct tern_context *ctx, const struct tern_event *event,
                                         struct tern_error *err)
{
    struct shop_order_placed order;
    struct reservation reservation = {.state = RESERVATION_PLACED};
    if (shop_order_placed_decode(event, &order, err) < 0) return TERN_REJECT;
    tern_copy_whole(reservation.order_id, sizeof reservation.order_id, order.order_id);
    int known = reservation_load(ctx->db, order.order_id, &reservation, err);
    if (known < 0) return TERN_RETRY;
    if (known && reservation.state != RESERVATION_PAID) return TERN_DONE; /* a tombstone, or done before */
    add_up(&order.items, &reservation.items);
    reservation.updated_at_ms = ctx->now_ms;
    int status = known ? reserve(ctx, &reservation, err) : reservation_save(ctx->db, &reservation, err);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

/* ---- PaymentProcessed ---- */

static enum tern_outcome on_payment_processed(struct tern_context *ctx, const struct tern_event *event,
                                              struct tern_error *err)
{
    struct shop_payment_processed payment;
    struct reservation reservation = {.state = RESERVATION_PAID, .updated_at_ms = ctx->now_ms};
    if (shop_payment_processed_decode(event, &payment, err) < 0) return TERN_REJECT;
    tern_copy_whole(reservation.order_id, sizeof reservation.order_id, payment.order_id);
    int known = reservation_load(ctx->db, payment.order_id, &reservation, err);
    if (known < 0) return TERN_RETRY;
    if (known && reservation.state != RESERVATION_PLACED) return TERN_DONE; /* a tombstone, or done before */
    int status = known ? reserve(ctx, &reservation, err) : reservation_save(ctx->db, &reservation, err);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

/* ---- OrderCancelled ---- */

static int release(struct tern_context *ctx, struct reservation *reservation, struct tern_error *err)
{
    const struct shop_pieces *items = &reservation->items;
    bool reserved = reservation->state == RESERVATION_RESERVED;
    reservation->state = RESERVATION_RELEASED;
    reservation->updated_at_ms = ctx->now_ms;
    if (reservation_save(ctx->db, reservation, err) < 0) return -1;
    if (emit_released(ctx, reservation, err) < 0) return -1;
    tern_log_info(ctx->log, reserved ? "released" : "released: nothing was reserved",
                  TERN_STR("orderId", reservation->order_id));
    count(ctx, "released");
    if (!reserved) return 0;
    int put_back = move_pieces(ctx, items, items->count, -1, true, err);
    if (put_back < 0) return -1;
    TERN_ASSERT((size_t)put_back == items->count, "what was reserved for an order is counted as reserved");
    return 0;
}

static enum tern_outcome on_order_cancelled(struct tern_context *ctx, const struct tern_event *event,
                                            struct tern_error *err)
{
    struct shop_order_cancelled cancelled;
    struct reservation reservation = {.state = RESERVATION_PLACED};
    if (shop_order_cancelled_decode(event, &cancelled, err) < 0) return TERN_REJECT;
    tern_copy_whole(reservation.order_id, sizeof reservation.order_id, cancelled.order_id);
    int known = reservation_load(ctx->db, cancelled.order_id, &reservation, err);
    if (known < 0) return TERN_RETRY;
    /* A repeated cancel is answered again and moves nothing: its sender waits for the answer. */
    bool was_released = known && reservation.state == RESERVATION_RELEASED;
    int status = was_released ? emit_released(ctx, &reservation, err) : release(ctx, &reservation, err);
    return status < 0 ? TERN_RETRY : TERN_DONE;
}

const struct tern_handler inventory_handlers[INVENTORY_HANDLERS] = {
    {SHOP_TYPE(ORDER_PLACED),      on_order_placed     },
    {SHOP_TYPE(PAYMENT_PROCESSED), on_payment_processed},
    {SHOP_TYPE(ORDER_CANCELLED),   on_order_cancelled  },
};
