/* payment_store.c - SQL of the payments; see schema/ for the laws.
 *
 * Each statement stands beside its one function. Decides nothing. */
#include "payment_store.h"

#include <string.h>

/* Stored and published (PaymentFailed.status, GET /payments), so they never change. */
static const char *const names[PAYMENT_STATUS_COUNT] = {
    [PAYMENT_PENDING] = "PENDING",   [PAYMENT_SUCCESS] = "SUCCESS", [PAYMENT_FAILED] = "FAILED",
    [PAYMENT_ERROR] = "ERROR",       [PAYMENT_VOIDED] = "VOIDED",   [PAYMENT_REFUNDING] = "REFUNDING",
    [PAYMENT_REFUNDED] = "REFUNDED",
};

const char *payment_status_name(enum payment_status status)
{
    return names[status];
}

static enum payment_status status_named(const char *name)
{
    for (int i = 0; i < PAYMENT_STATUS_COUNT; i++)
        if (strcmp(names[i], name) == 0) return (enum payment_status)i;
    tern_broken(__FILE__, __LINE__, "a payment's status is one that the schema allows");
}

static const char select_payment[] =
    "SELECT customer_id, amount_minor, currency, status, cancel_wanted, transaction_id, refund_id, error, created_at,"
    " updated_at, cancel_id FROM payment WHERE order_id = ?1";

int payment_load(struct tern_db *db, const char *order_id, struct payment *ret_payment, struct tern_error *err)
{
    struct tern_db_rows rows;
    struct payment payment = {0};
    if (tern_db_query(db, &rows, select_payment, TERN_DB_ARGS(tern_db_text(order_id)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        tern_copy_whole(payment.order_id, sizeof payment.order_id, order_id);
        tern_copy_whole(payment.customer_id, sizeof payment.customer_id, tern_db_column_text(&rows, 0));
        payment.amount_minor = tern_db_column_int(&rows, 1);
        tern_copy_whole(payment.currency, sizeof payment.currency, tern_db_column_text(&rows, 2));
        payment.status = status_named(tern_db_column_text(&rows, 3));
        payment.cancel_wanted = tern_db_column_int(&rows, 4) != 0;
        tern_copy_whole(payment.transaction_id, sizeof payment.transaction_id, tern_db_column_text(&rows, 5));
        tern_copy_whole(payment.refund_id, sizeof payment.refund_id, tern_db_column_text(&rows, 6));
        tern_copy_whole(payment.error, sizeof payment.error, tern_db_column_text(&rows, 7));
        payment.created_at_ms = tern_db_column_int(&rows, 8);
        payment.updated_at_ms = tern_db_column_int(&rows, 9);
        tern_copy_whole(payment.cancel_id, sizeof payment.cancel_id, tern_db_column_text(&rows, 10));
        *ret_payment = payment;
    }
    tern_db_done(&rows);
    return got;
}

/* tern_db_text binds "" as NULL; `currency` is NOT NULL, so "" is put back here. */
static const char insert_payment[] =
    "INSERT INTO payment (order_id, customer_id, amount_minor, currency, status, cancel_wanted, created_at, updated_at,"
    " cancel_id) VALUES (?1, ?2, ?3, coalesce(?4, ''), ?5, ?6, ?7, ?7, ?8)";

int payment_insert(struct tern_db *db, const struct payment *payment, struct tern_error *err)
{
    return tern_db_run(db, insert_payment,
                       TERN_DB_ARGS(tern_db_text(payment->order_id), tern_db_text(payment->customer_id),
                                    tern_db_int(payment->amount_minor), tern_db_text(payment->currency),
                                    tern_db_text(names[payment->status]), tern_db_int(payment->cancel_wanted),
                                    tern_db_int(payment->created_at_ms), tern_db_text(payment->cancel_id)),
                       err) < 0
               ? -1
               : 0;
}

static const char update_payment[] =
    "UPDATE payment SET status = ?2, cancel_wanted = ?3, transaction_id = ?4, refund_id = ?5, error = ?6,"
    " updated_at = ?7, cancel_id = ?8 WHERE order_id = ?1";

int payment_update(struct tern_db *db, const struct payment *payment, struct tern_error *err)
{
    int changed = tern_db_run(db, update_payment,
                              TERN_DB_ARGS(tern_db_text(payment->order_id), tern_db_text(names[payment->status]),
                                           tern_db_int(payment->cancel_wanted), tern_db_text(payment->transaction_id),
                                           tern_db_text(payment->refund_id), tern_db_text(payment->error),
                                           tern_db_int(payment->updated_at_ms), tern_db_text(payment->cancel_id)),
                              err);
    if (changed < 0) return -1;
    TERN_ASSERT(changed == 1, "a payment that is updated was loaded before, in the same transaction");
    return 0;
}
