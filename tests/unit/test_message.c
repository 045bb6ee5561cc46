/* test_message.c - the wording of each notification, who gets it, and what makes it the same message. */
#include <stdio.h>
#include <string.h>

#include "services/notification/message.h"
#include "tern/json.h"
#include "tern_test.h"

static const char longest_id[] = "ORD-0123456789-0123456789-0123456789-0123456789-0123456789-01234";

static void is(const struct message *message, const char *type, const char *methods, const char *dedup_key,
               const char *title, const char *text)
{
    assert_string_equal(message->type, type);
    assert_string_equal(message->methods, methods);
    assert_string_equal(message->dedup_key, dedup_key);
    assert_string_equal(message->title, title);
    assert_string_equal(message->text, text);
    assert_string_equal(message->order_id, "ORD-1");
}

static void an_order_is_confirmed(void **state)
{
    const struct shop_order_placed order = {.order_id = "ORD-1", .total_amount_minor = 21997, .currency = "EUR"};
    struct message message;
    (void)state;
    message_order_confirmation(&order, &message);
    is(&message, "ORDER_CONFIRMATION", "EMAIL", "ORDER_CONFIRMATION:ORD-1", "We have your order ORD-1",
       "Thank you for your order ORD-1 over 219.97 EUR. We will write again when it has been paid and packed.");
    assert_int_equal(message.audience, MESSAGE_TO_CUSTOMER);
}

static void a_payment_is_confirmed(void **state)
{
    const struct shop_payment_processed payment = {.order_id = "ORD-1", .amount_minor = 5, .transaction_id = "TXN-1"};
    struct message message;
    (void)state;
    message_payment_confirmation(&payment, &message);
    is(&message, "PAYMENT_CONFIRMATION", "EMAIL", "PAYMENT_CONFIRMATION:ORD-1", "Payment received for order ORD-1",
       "We received your payment of 0.05 for order ORD-1 (transaction TXN-1).");
}

static void a_payment_failure_goes_out_by_mail_and_sms(void **state)
{
    const struct shop_payment_failed payment = {.order_id = "ORD-1", .amount_minor = 100, .error = "card declined"};
    struct message message;
    (void)state;
    message_payment_failure(&payment, &message);
    is(&message, "PAYMENT_FAILURE", "EMAIL SMS", "PAYMENT_FAILURE:ORD-1", "Payment failed for order ORD-1",
       "Your payment of 1.00 for order ORD-1 did not go through: card declined. Nothing was charged; please order "
       "again.");
}

static void each_change_of_status_is_a_message_of_its_own(void **state)
{
    const struct shop_order_updated update = {
        .order_id = "ORD-1", .status = "INVENTORY_ISSUE", .previous_status = "PAID", .product_id = "PROD-1"};
    struct message message;
    (void)state;
    message_status_update(&update, "event-7", &message);
    is(&message, "ORDER_STATUS_UPDATE", "EMAIL", "ORDER_STATUS_UPDATE:ORD-1:event-7",
       "Your order ORD-1 is now INVENTORY_ISSUE", "Your order ORD-1 went from PAID to INVENTORY_ISSUE.");
    assert_string_equal(message.product_id, "PROD-1");
}

static void a_cancellation_says_why_in_plain_words(void **state)
{
    static const struct {
        const char *reason, *words;
    } cases[] = {
        {"CUSTOMER_REQUEST",  "as you asked"                            },
        {"PAYMENT_FAILED",    "because the payment failed"              },
        {"OUT_OF_STOCK",      "because a product is out of stock"       },
        {"PAYMENT_TIMEOUT",   "because the payment was not confirmed"   },
        {"INVENTORY_TIMEOUT", "because the stock could not be confirmed"},
        {"SOMETHING_NEW",     "for a technical reason"                  },
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct shop_order_cancelled cancelled = {.order_id = "ORD-1"};
        struct message message;
        char text[160];
        strcpy(cancelled.reason, cases[i].reason);
        message_cancellation(&cancelled, &message);
        (void)snprintf(text, sizeof text, "Your order ORD-1 was cancelled %s. Whatever was charged is given back.",
                       cases[i].words);
        is(&message, "ORDER_CANCELLATION", "EMAIL", "ORDER_CANCELLATION:ORD-1", "Your order ORD-1 is cancelled", text);
    }
}

static void a_refund_is_confirmed(void **state)
{
    const struct shop_payment_refunded refund = {.order_id = "ORD-1", .amount_minor = 21997, .refund_id = "REF-1"};
    struct message message;
    (void)state;
    message_refund(&refund, &message);
    is(&message, "REFUND_CONFIRMATION", "EMAIL", "REFUND_CONFIRMATION:ORD-1", "Refund for order ORD-1",
       "We gave back 219.97 for order ORD-1 (refund REF-1). It may take a few days to show.");
}

static void the_administrator_is_told_of_each_product_once_per_order(void **state)
{
    const struct shop_product_out_of_stock alert = {
        .order_id = "ORD-1", .product_id = "PROD-1", .requested = 3, .available = 1};
    struct message message;
    (void)state;
    message_inventory_alert(&alert, &message);
    is(&message, "INVENTORY_ALERT", "EMAIL", "INVENTORY_ALERT:ORD-1:PROD-1", "Out of stock: PROD-1",
       "Order ORD-1 asked for 3 of PROD-1, and only 1 are there. Please restock.");
    assert_int_equal(message.audience, MESSAGE_TO_ADMIN);
    assert_string_equal(message.product_id, "PROD-1");
}

static void the_longest_ids_fit(void **state)
{
    struct shop_product_out_of_stock alert = {.requested = SHOP_STOCK_MAX, .available = SHOP_STOCK_MAX};
    struct shop_order_updated update = {.status = "READY_FOR_SHIPMENT_YES",
                                        .previous_status = "READY_FOR_SHIPMENT_YES"};
    struct message message;
    char key[160];
    (void)state;
    assert_int_equal(strlen(longest_id), TERN_ID_SIZE - 1);
    strcpy(alert.order_id, longest_id);
    strcpy(alert.product_id, longest_id);
    message_inventory_alert(&alert, &message);
    (void)snprintf(key, sizeof key, "INVENTORY_ALERT:%s:%s", longest_id, longest_id);
    assert_string_equal(message.dedup_key, key);
    assert_non_null(strstr(message.text, "Please restock."));
    strcpy(update.order_id, longest_id);
    message_status_update(&update, "0b5c1e7a-8f0e-4c53-9d7a-111111111111", &message);
    (void)snprintf(key, sizeof key, "ORDER_STATUS_UPDATE:%s:0b5c1e7a-8f0e-4c53-9d7a-111111111111", longest_id);
    assert_string_equal(message.dedup_key, key);
}

/* A text that is cut in the middle of a character could not travel in a job. */
static void a_long_reason_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        struct shop_payment_failed payment = {.amount_minor = 100, .error = "xxxx"};
        struct message message;
        struct tern_text json = {0};
        struct tern_error err = {0};
        strcpy(payment.order_id, longest_id);
        payment.error[lead] = '\0';
        for (int i = 0; i < 150; i++)
            strcat(payment.error, "\xe2\x82\xac");
        message_payment_failure(&payment, &message);
        assert_non_null(strstr(message.text, "please order again."));
        tern_text_printf(&json, "[\"%s\"]", message.text);
        struct cJSON *tree = tern_json_parse(json.bytes, json.length, TERN_JSON_MAX_BYTES, &err);
        if (!tree) fail_msg("%zu: %s", lead, err.text);
        tern_json_destroy(tree);
        tern_text_fini(&json);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_order_is_confirmed),
        cmocka_unit_test(a_payment_is_confirmed),
        cmocka_unit_test(a_payment_failure_goes_out_by_mail_and_sms),
        cmocka_unit_test(each_change_of_status_is_a_message_of_its_own),
        cmocka_unit_test(a_cancellation_says_why_in_plain_words),
        cmocka_unit_test(a_refund_is_confirmed),
        cmocka_unit_test(the_administrator_is_told_of_each_product_once_per_order),
        cmocka_unit_test(the_longest_ids_fit),
        cmocka_unit_test(a_long_reason_is_cut_between_characters),
    };
    return cmocka_run_group_tests_name("message", tests, NULL, NULL);
}
