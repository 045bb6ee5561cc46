/* notification_handlers.c - the events that notification-service consumes: one message about each.
 *
 * OrderPlaced has the contact. Events of other services may arrive before it: their messages wait in the store, and are
 * sent when it has come. A message is a row with a unique dedup key, so it exists once, however often its event is
 * handled; sending it is one job per method (notification_jobs.c). */
#include <stdio.h>

#include "notification.h"

/* ---- one message ---- */

/* Stores the message and, when the recipient is known, adds its jobs. */
static enum tern_outcome notify(struct tern_context *ctx, const struct message *message, struct tern_error *err)
{
    const struct notification_state *state = ctx->self;
    bool to_admin = message->audience == MESSAGE_TO_ADMIN;
    struct notification row = {0};
    struct contact contact;
    int known = to_admin ? 1 : contact_load(ctx->db, message->order_id, &contact, err);
    if (known < 0) return TERN_RETRY;
    const char *recipient = to_admin ? state->admin_email : known ? contact.email : NULL;
    int added = notification_add(ctx->db, message, recipient, ctx->now_ms, &row.id, err);
    if (added < 0) return TERN_RETRY;
    if (added == 0 || !recipient) return TERN_DONE; /* stored before, or waits for the contact */

    tern_copy_whole(row.dedup_key, sizeof row.dedup_key, message->dedup_key);
    tern_copy_whole(row.type, sizeof row.type, message->type);
    tern_copy_whole(row.order_id, sizeof row.order_id, message->order_id);
    tern_copy_whole(row.recipient, sizeof row.recipient, recipient);
    tern_copy_whole(row.methods, sizeof row.methods, message->methods);
    tern_copy_whole(row.title, sizeof row.title, message->title);
    tern_copy_whole(row.text, sizeof row.text, message->text);
    return notification_send(ctx, &row, to_admin ? NULL : &contact, err) < 0 ? TERN_RETRY : TERN_DONE;
}

/* ---- OrderPlaced ---- */

static enum tern_outcome on_order_placed(struct tern_context *ctx, const struct tern_event *event,
                                         struct tern_error *err)
{
    struct shop_order_placed order;
    struct contact contact = {.phone =
                                  "+1234567890"}; /* a placeholder, as is the address, when the customer gave none */
    struct notification row;
    struct message message;
    int got;
    if (shop_order_placed_decode(event, &order, err) < 0) return TERN_REJECT;
    (void)snprintf(contact.email, sizeof contact.email, "customer-%s@example.com", order.customer_id);
    if (order.customer.email[0]) tern_copy_whole(contact.email, sizeof contact.email, order.customer.email);
    if (order.customer.phone[0]) tern_copy_whole(contact.phone, sizeof contact.phone, order.customer.phone);
    if (contact_add(ctx->db, order.order_id, &contact, err) < 0) return TERN_RETRY;

    /* Messages about events that were handled before OrderPlaced. A row with a recipient does not wait any more. */
    while ((got = notification_next_waiting(ctx->db, order.order_id, &row, err)) > 0) {
        if (notification_address(ctx->db, row.id, contact.email, err) < 0) return TERN_RETRY;
        if (notification_send(ctx, &row, &contact, err) < 0) return TERN_RETRY;
    }
    if (got < 0) return TERN_RETRY;
    message_order_confirmation(&order, &message);
    return notify(ctx, &message, err);
}

/* ---- the other events ---- */

static enum tern_outcome on_payment_processed(struct tern_context *ctx, const struct tern_event *event,
                                              struct tern_error *err)
{
    struct shop_payment_processed payment;
    struct message message;
    if (shop_payment_processed_decode(event, &payment, err) < 0) return TERN_REJECT;
    message_payment_confirmation(&payment, &message);
    return notify(ctx, &message, err);
}

static enum tern_outcome on_payment_failed(struct tern_context *ctx, const struct tern_event *event,
                                           struct tern_error *err)
{
    struct shop_payment_failed payment;
    struct message message;
    if (shop_payment_failed_decode(event, &payment, err) < 0) return TERN_REJECT;
    message_payment_failure(&payment, &message);
    return notify(ctx, &message, err);
}

static enum tern_outcome on_order_updated(struct tern_context *ctx, const struct tern_event *event,
                                          struct tern_error *err)
{
    struct shop_order_updated update;
    struct message message;
    if (shop_order_updated_decode(event, &update, err) < 0) return TERN_REJECT;
    message_status_update(&update, event->event_id, &message);
    return notify(ctx, &message, err);
}

static enum tern_outcome on_order_cancelled(struct tern_context *ctx, const struct tern_event *event,
                                            struct tern_error *err)
{
    struct shop_order_cancelled cancelled;
    struct message message;
    if (shop_order_cancelled_decode(event, &cancelled, err) < 0) return TERN_REJECT;
    message_cancellation(&cancelled, &message);
    return notify(ctx, &message, err);
}

static enum tern_outcome on_payment_refunded(struct tern_context *ctx, const struct tern_event *event,
                                             struct tern_error *err)
{
    struct shop_payment_refunded refund;
    struct message message;
    if (shop_payment_refunded_decode(event, &refund, err) < 0) return TERN_REJECT;
    message_refund(&refund, &message);
    return notify(ctx, &message, err);
}

static enum tern_outcome on_product_out_of_stock(struct tern_context *ctx, const struct tern_event *event,
                                                 struct tern_error *err)
{
    struct shop_product_out_of_stock alert;
    struct message message;
    if (shop_product_out_of_stock_decode(event, &alert, err) < 0) return TERN_REJECT;
    message_inventory_alert(&alert, &message);
    return notify(ctx, &message, err);
}

const struct tern_handler notification_handlers[NOTIFICATION_HANDLERS] = {
    {SHOP_TYPE(ORDER_PLACED),         on_order_placed        },
    {SHOP_TYPE(PAYMENT_PROCESSED),    on_payment_processed   },
    {SHOP_TYPE(PAYMENT_FAILED),       on_payment_failed      },
    {SHOP_TYPE(ORDER_UPDATED),        on_order_updated       },
    {SHOP_TYPE(ORDER_CANCELLED),      on_order_cancelled     },
    {SHOP_TYPE(PAYMENT_REFUNDED),     on_payment_refunded    },
    {SHOP_TYPE(PRODUCT_OUT_OF_STOCK), on_product_out_of_stock},
};
