/* notification/message.h - the messages of the shop: one function per notification type.
 *
 * Pure: no store, no clock, no channel; any thread. Each function writes the message about one event, by value. */
#ifndef NOTIFICATION_MESSAGE_H
#define NOTIFICATION_MESSAGE_H

#include "shop/catalogue.h"

enum { MESSAGE_TITLE_SIZE = 160, MESSAGE_TEXT_SIZE = 800 }; /* bytes, with the NUL */

enum message_audience { MESSAGE_TO_CUSTOMER, MESSAGE_TO_ADMIN };

struct message {
    const char *type;    /* SHOP_NOTIFY_..., a literal */
    const char *methods; /* SHOP_METHOD_..., separated by a blank: "EMAIL" or "EMAIL SMS"; a literal */
    enum message_audience audience;
    char dedup_key[160]; /* "<type>:<orderId>[:<detail>]": the same message has the same key for ever */
    char order_id[TERN_ID_SIZE];
    char customer_id[TERN_ID_SIZE]; /* "": it goes to the administrator */
    char product_id[TERN_ID_SIZE];  /* "" when not about a product */
    char title[MESSAGE_TITLE_SIZE];
    char text[MESSAGE_TEXT_SIZE];
};

void message_order_confirmation(const struct shop_order_placed *order, struct message *ret_message);
void message_payment_confirmation(const struct shop_payment_processed *payment, struct message *ret_message);
void message_payment_failure(const struct shop_payment_failed *payment, struct message *ret_message);
/* Each change of status is a message of its own: its dedup key has the event's id. */
void message_status_update(const struct shop_order_updated *update, const char *event_id, struct message *ret_message);
void message_cancellation(const struct shop_order_cancelled *cancelled, struct message *ret_message);
void message_refund(const struct shop_payment_refunded *refund, struct message *ret_message);
void message_inventory_alert(const struct shop_product_out_of_stock *alert, struct message *ret_message);

#endif
