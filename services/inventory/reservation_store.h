/* inventory/reservation_store.h - what each order holds, or why it holds nothing: one row per order, kept for ever.
 *
 *     PLACED        its lines are known, its payment is not
 *     PAID          its payment is known, its lines are not (the events came the other way round)
 *     RESERVED      it holds its lines
 *     OUT_OF_STOCK  it was refused; it holds nothing
 *     RELEASED      cancelled: what it held is back; a tombstone when it never held anything */
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
    bool held;                /* the items were taken from stock */
    struct shop_pieces items; /* a product once */
    int64_t updated_at_ms;
};

const char *reservation_state_name(enum reservation_state state);

/* 1 with the reservation, 0 when there is none, -1. */
int reservation_load(struct tern_db *db, const char *order_id, struct reservation *ret_reservation,
                     struct tern_error *err);
/* Writes the row: a new one, or over the old. */
int reservation_save(struct tern_db *db, const struct reservation *reservation, struct tern_error *err);

#endif
