/* payment/payment_store.h - the payments: one row per order, never deleted.
 *
 * The primary key keeps an order from being charged twice, also after the inbox has forgotten its event.
 *
 *     PENDING ── charged ──► SUCCESS ── cancelled ──► REFUNDING ── refunded ──► REFUNDED
 *        ├─ declined, refused ──► FAILED
 *        ├─ no usable answer ──► ERROR
 *        └─ cancelled, nothing charged ──► VOIDED (a tombstone when the order was never seen)
 *     FAILED, ERROR, VOIDED ── a charge turns up late ──► SUCCESS
 *
 * A cancelled payment of 0 goes from SUCCESS to VOIDED. Reading calls run on any connection; writing ones on the
 * writer's, inside its transaction. Logs nothing. */
#ifndef PAYMENT_STORE_H
#define PAYMENT_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

enum payment_status {
    PAYMENT_PENDING,   /* the intent, written before any call to the gateway; money may have been taken */
    PAYMENT_SUCCESS,   /* charged */
    PAYMENT_FAILED,    /* not charged: the gateway's decision */
    PAYMENT_ERROR,     /* not charged: the gateway gave no usable answer, and has not seen the charge */
    PAYMENT_VOIDED,    /* cancelled; not charged, and will not be */
    PAYMENT_REFUNDING, /* cancelled; the refund is a job */
    PAYMENT_REFUNDED,  /* cancelled; the customer has the money back */
    PAYMENT_STATUS_COUNT
};

struct payment {
    char order_id[TERN_ID_SIZE], customer_id[TERN_ID_SIZE];
    int64_t amount_minor;          /* in minor units of `currency` */
    char currency[TERN_WORD_SIZE]; /* ISO 4217; "": only the order's cancel was seen */
    enum payment_status status;
    bool cancel_wanted;             /* the order was cancelled while this was PENDING, FAILED or ERROR */
    char cancel_id[TERN_UUID_SIZE]; /* eventId of the newest OrderCancelled, which its answers are caused by; or "" */
    char transaction_id[SHOP_REF_SIZE], refund_id[SHOP_REF_SIZE]; /* the gateway's ids; "" before */
    char error[SHOP_TEXT_SIZE];                                   /* why it was not charged, for people; or "" */
    int64_t created_at_ms, updated_at_ms;                         /* UTC milliseconds */
};

/* As it is stored and published. */
const char *payment_status_name(enum payment_status status);

/* 1 with the payment, 0 when there is none, -1 with `err`. */
int payment_load(struct tern_db *db, const char *order_id, struct payment *ret_payment, struct tern_error *err);
/* 0, or -1 with `err`; a second payment for the same order is a CONSTRAINT fault. */
int payment_insert(struct tern_db *db, const struct payment *payment, struct tern_error *err);
/* Writes what can change: status, cancel_wanted, cancel_id, ids, error, updated_at_ms. 0, or -1 with `err`. */
int payment_update(struct tern_db *db, const struct payment *payment, struct tern_error *err);

#endif
