/* message.c - the wording of every notification. Pure: no store, no clock, no channel.
 *
 * The dedup key decides how often a message exists. Once per order: confirmation, payment, failure, cancellation,
 * refund. Once per event: status updates. Once per order and product: alerts. Keys are stored, so their form never
 * changes. A text that is too long is cut by snprintf; no member is long enough for that. */
#include "message.h"

#include <stdio.h>
#include <string.h>

#include "tern/money.h"

enum { WHY_SIZE = 201 }; /* bytes of a failure's reason inside a text, with the NUL: 200 leave room for the rest */

/* What all messages have. `detail` is the last part of the dedup key; "": the order alone. To the customer by e-mail,
 * unless the caller changes it. */
static void begin(struct message *message, const char *type, const char *order_id, const char *customer_id,
                  const char *detail)
{
    memset(message, 0, sizeof *message);
    message->type = type;
    message->methods = SHOP_METHOD_EMAIL;
    tern_copy_whole(message->order_id, sizeof message->order_id, order_id);
    tern_copy_whole(message->customer_id, sizeof message->customer_id, customer_id);
    (void)snprintf(message->dedup_key, sizeof message->dedup_key, "%s:%s%s%s", type, order_id, detail[0] ? ":" : "",
                   detail);
}

/* Formats into `text`, and returns it. */
static const char *money(int64_t minor, char text[TERN_MONEY_SIZE])
{
    tern_money_format(minor, text);
    return text;
}

void message_order_confirmation(const struct shop_order_placed *order, struct message *ret_message)
{
    char total[TERN_MONEY_SIZE];
    begin(ret_message, SHOP_NOTIFY_ORDER_CONFIRMATION, order->order_id, order->customer_id, "");
    (void)snprintf(ret_message->title, sizeof ret_message->title, "We have your order %s", order->order_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "Thank you for your order %s over %s %s. We will write again when it has been paid and packed.",
                   order->order_id, money(order->total_amount_minor, total), order->currency);
}

void message_payment_confirmation(const struct shop_payment_processed *payment, struct message *ret_message)
{
    char amount[TERN_MONEY_SIZE];
    begin(ret_message, SHOP_NOTIFY_PAYMENT_CONFIRMATION, payment->order_id, payment->customer_id, "");
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Payment received for order %s", payment->order_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "We received your payment of %s for order %s (transaction %s).",
                   money(payment->amount_minor, amount), payment->order_id, payment->transaction_id);
}

void message_payment_failure(const struct shop_payment_failed *payment, struct message *ret_message)
{
    char amount[TERN_MONEY_SIZE], why[WHY_SIZE];
    tern_schema_fit_text(why, sizeof why, SHOP_TEXT_CHARACTERS, payment->error); /* cut between characters */
    begin(ret_message, SHOP_NOTIFY_PAYMENT_FAILURE, payment->order_id, payment->customer_id, "");
    ret_message->methods = SHOP_METHOD_EMAIL " " SHOP_METHOD_SMS;
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Payment failed for order %s", payment->order_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "Your payment of %s for order %s did not go through: %s. Nothing was charged; please order again.",
                   money(payment->amount_minor, amount), payment->order_id, why);
}

void message_status_update(const struct shop_order_updated *update, const char *event_id, struct message *ret_message)
{
    begin(ret_message, SHOP_NOTIFY_ORDER_STATUS_UPDATE, update->order_id, update->customer_id, event_id);
    tern_copy_whole(ret_message->product_id, sizeof ret_message->product_id, update->product_id);
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Your order %s is now %s", update->order_id,
                   update->status);
    (void)snprintf(ret_message->text, sizeof ret_message->text, "Your order %s went from %s to %s.", update->order_id,
                   update->previous_status, update->status);
}

/* The end of the sentence "your order was cancelled ...". The default is for a reason of a newer version. */
static const char *plain_reason(const char *reason)
{
    static const struct {
        const char *reason, *words;
    } table[] = {
        {SHOP_REASON_CUSTOMER_REQUEST,  "as you asked"                            },
        {SHOP_REASON_PAYMENT_FAILED,    "because the payment failed"              },
        {SHOP_REASON_OUT_OF_STOCK,      "because a product is out of stock"       },
        {SHOP_REASON_PAYMENT_TIMEOUT,   "because the payment was not confirmed"   },
        {SHOP_REASON_INVENTORY_TIMEOUT, "because the stock could not be confirmed"},
    };
    for (size_t i = 0; i < TERN_COUNT(table); i++)
        if (strcmp(table[i].reason, reason) == 0) return table[i].words;
    return "for a technical reason";
}

void message_cancellation(const struct shop_order_cancelled *cancelled, struct message *ret_message)
{
    begin(ret_message, SHOP_NOTIFY_ORDER_CANCELLATION, cancelled->order_id, cancelled->customer_id, "");
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Your order %s is cancelled", cancelled->order_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "Your order %s was cancelled %s. Whatever was charged is given back.", cancelled->order_id,
                   plain_reason(cancelled->reason));
}

void message_refund(const struct shop_payment_refunded *refund, struct message *ret_message)
{
    char amount[TERN_MONEY_SIZE];
    begin(ret_message, SHOP_NOTIFY_REFUND_CONFIRMATION, refund->order_id, refund->customer_id, "");
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Refund for order %s", refund->order_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "We gave back %s for order %s (refund %s). It may take a few days to show.",
                   money(refund->amount_minor, amount), refund->order_id, refund->refund_id);
}

void message_inventory_alert(const struct shop_product_out_of_stock *alert, struct message *ret_message)
{
    begin(ret_message, SHOP_NOTIFY_INVENTORY_ALERT, alert->order_id, "", alert->product_id);
    ret_message->audience = MESSAGE_TO_ADMIN;
    tern_copy_whole(ret_message->product_id, sizeof ret_message->product_id, alert->product_id);
    (void)snprintf(ret_message->title, sizeof ret_message->title, "Out of stock: %s", alert->product_id);
    (void)snprintf(ret_message->text, sizeof ret_message->text,
                   "Order %s asked for %lld of %s, and only %lld are there. Please restock.", alert->order_id,
                   (long long)alert->requested, alert->product_id, (long long)alert->available);
}
