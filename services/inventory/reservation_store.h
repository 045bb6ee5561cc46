/* inventory/reservation_store.h - what is reserved for each order, or why nothing is.
 *
 * One row per order, never deleted: its primary key keeps an order from taking stock twice, also after the inbox has
 * forgotten the event.
 *
 *     PLACED        OrderPlaced was handled, PaymentProcessed was not
 *     PAID          PaymentProcessed was handled, OrderPlaced was not: there are no items yet
 *     RESERVED      all items are reserved
 *     OUT_OF_STOCK  one product had too few units; nothing is reserved
 *     RELEASED      cancelled: the items are back in stock; a tombstone when none were reserved
 *
 * Calls run on the caller's connection, the writing one inside its transaction. Logs nothing. */
#ifndef RESERVATION_STORE_H
#define RESERVATION_STORE_H

#include "shop/catalogue.h"
#include "tern/db.h"

enum reservation_state {
    RESERVATION_PLACED,
    RESERVATION_PAID,
    RESERVATION_RESERVED,
    RESERVATION_OUT_OF_STOCK,
    RESERVATION_RELEASED,
    RESERVATION_STATE_COUNT
};

struct reservation {
    char order_id[TERN_ID_SIZE];
    enum reservation_state state;
    bool was_reserved;        /* the items were taken from stock; when RELEASED they are back */
    struct shop_pieces items; /* of the order, each product once; empty while PAID or never placed */
    int64_t updated_at_ms;    /* UTC milliseconds */
};

/* As it is stored. */
const char *reservation_state_name(enum reservation_state state);

/* 1 with the reservation; 0 when there is none, and *ret_reservation is as it was; -1 with `err`. */
int reservation_load(struct tern_db *db, const char *order_id, struct reservation *ret_reservation,
                     struct tern_error *err);
/* Writes the whole row, a new one or over the old. 0, or -1 with `err`. */
int reservation_save(struct tern_db *db, const struct reservation *reservation, struct tern_error *err);

#endif
