/* notification_handlers.c - what notification-service does about the events it hears: it writes to people.
 *
 * OrderPlaced brings the contact; a message about an order whose contact is not known yet waits for it. Each
 * message is a row with a dedup key, so it exists once; sending it is a job per method (notification_jobs.c). */
#include <stdio.h>
#include <string.h>

#include "notification.h"

/* ---- one message ---- */

/* The row of a message that is to go out now. */
static void row_of(const struct message *message, int64_t id, const char *recipient, struct notification *row)
{
    memset(row, 0, sizeof *row);
    row->id = id;
    (void)tern_copy(row->dedup_key, sizeof row->dedup_key, message->dedup_key);
    (void)tern_copy(row->type, sizeof row->type, message->type);
    (void)tern_copy(row->order_id, sizeof row->order_id, message->order_id);
    (void)tern_copy(row->recipient, sizeof row->recipient, recipient);
    (void)tern_copy(row->methods, sizeof row->methods, message->methods);
    (void)tern_copy(row->title, sizeof row->title, message->title);
    (void)tern_copy(row->text, sizeof row->text, message->text);
}

static enum tern_outcome notify(struct tern_context *ctx, const struct message *message, struct tern_error *err)
{
    const struct notification_state *state = ctx->self;
    bool to_admin = message->audience == MESSAGE_TO_ADMIN;
    struct contact contact;
    struct notification row;
    int64_t id;
    int known = to_admin ? 1 : contact_load(ctx->db, message->order_id, &contact, err);
    if (known < 0) return TERN_RETRY;
    const char *recipient = to_admin ? state->admin_email : known ? contact.email : NULL;
    int added = notification_add(ctx->db, message, recipient, ctx->now_ms, &id, err);
    if (added < 0) return TERN_RETRY;
    if (added == 0 || !recipient) return TERN_DONE; /* written before, or waits for the contact */
    row_of(message, id, recipient, &row);
    return notification_send(ctx, &row, to_admin ? NULL : &contact, err) < 0 ? TERN_RETRY : TERN_DONE;
}

/* ---- the order's contact ---- */

static void contact_of(const struct shop_order_placed *order, struct contact *ret_contact)
{
    (void)snprintf(ret_contact->email, sizeof ret_contact->email, "customer-%s@example.com", order->customer_id);
    (void)tern_copy(ret_contact->phone, sizeof ret_contact->phone, "+1234567890");
    if (order->customer.email[0]) (void)tern_copy(ret_contact->email, sizeof ret_contact->email, order->customer.email);
    if (order->customer.phone[0]) (void)tern_copy(ret_contact->phone, sizeof ret_contact->phone, order->customer.phone);
}

/* Messages about this order that were said before the order itself was heard. */
static int send_waiting(struct tern_context *ctx, const char *order_id, const struct contact *contact,
                        struct tern_error *err)
{
    struct notification row;
    int got;
    while ((got = notification_next_waiting(ctx->db, order_id, &row, err)) > 0) {
        if (notification_address(ctx->db, row.id, contact->email, err) < 0) return -1;
        if (notification_send(ctx, &row, contact, err) < 0) return -1;
    }
    return got;
}

static enum tern_outcome on_order_placed(struct tern_context *ctx, const struct tern_event *event,
                                         struct tern_error *err)
{
    struct shop_order_placed order;
    struct contact contact;
    struct message message;
    if (shop_order_placed_decode(event, &order, err) < 0) return TERN_REJECT;
    contact_of(&order, &contact);
    if (contact_add(ctx->db, order.order_id, &contact, err) < 0) return TERN_RETRY;
    if (send_waiting(ctx, order.order_id, &contact, err) < 0) return TERN_RETRY;
    message_order_confirmation(&order, &message);
    return notify(ctx, &message, err);
}

/* ---- the others: decode, word, notify ---- */

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
