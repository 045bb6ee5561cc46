/* inventory/reservation_store.h - what is reserved for each order, or why nothing is: one row per order, kept for ever.
 *
 *     PLACED        its lines are known, its payment is not
 *     PAID          its payment is known, its lines are not (the events came the other way round)
 *     RESERVED      its lines are reserved
 *     OUT_OF_STOCK  it was refused; nothing is reserved
 *     RELEASED      cancelled: what was reserved is put back; a tombstone when nothing was
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
    bool was_reserved;        /* the items were taken from stock; RELEASED: and put back */
    struct shop_pieces items; /* a product once */
    int64_t updated_at_ms;    /* UTC milliseconds */
};

const char *reservation_state_name(enum reservation_state state);

/* 1 with the reservation, 0 when there is none, -1. */
int reservation_load(struct tern_db *db, const char *order_id, struct reservation *ret_reservation,
                     struct tern_error *err);
/* Writes the row: a new one, or over the old. */
int reservation_save(struct tern_db *db, const struct reservation *reservation, struct tern_error *err);

#endif
