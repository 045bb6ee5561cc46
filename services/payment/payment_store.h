/* payment/payment_store.h - the payments: one row per order, kept for ever.
 *
 * A payment begins PENDING (the intent, written before any charge) and ends SUCCESS, FAILED or ERROR; a SUCCESS may
 * go on to REFUNDING and REFUNDED. VOIDED is a tombstone: cancelled before anything was charged, and nothing will
 * be; or a free order that was cancelled. Calls run on the caller's connection, the writing ones inside its
 * transaction. Logs nothing. */
#ifndef PAYMENT_STORE_H
#define PAYMENT_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

enum payment_status {
    PAYMENT_PENDING,
    PAYMENT_SUCCESS,
    PAYMENT_FAILED,
    PAYMENT_ERROR,
    PAYMENT_VOIDED,
    PAYMENT_REFUNDING,
    PAYMENT_REFUNDED,
    PAYMENT_STATUS_COUNT
};

struct payment {
    char order_id[TERN_ID_SIZE], customer_id[TERN_ID_SIZE];
    int64_t amount_minor;          /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE]; /* ISO 4217; "": the order was never seen, but its cancel was */
    enum payment_status status;
    bool cancel_wanted;             /* the order was cancelled while this was PENDING, FAILED or ERROR */
    char cancel_id[TERN_UUID_SIZE]; /* eventId of the newest OrderCancelled, or "" */
    char transaction_id[SHOP_REF_SIZE], refund_id[SHOP_REF_SIZE]; /* the gateway's ids; "" before */
    char error[SHOP_TEXT_SIZE];                                   /* why it was not charged, for people; or "" */
    int64_t created_at_ms, updated_at_ms;                         /* UTC milliseconds */
};

const char *payment_status_name(enum payment_status status);

/* 1 with the payment, 0 when there is none, -1. */
int payment_load(struct tern_db *db, const char *order_id, struct payment *ret_payment, struct tern_error *err);
/* A second payment for the same order is a CONSTRAINT fault. */
int payment_insert(struct tern_db *db, const struct payment *payment, struct tern_error *err);
/* Writes status, cancel_wanted, cancel_id, ids, error and updated_at back. */
int payment_update(struct tern_db *db, const struct payment *payment, struct tern_error *err);

#endif
