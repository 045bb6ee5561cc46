/* reservation_store.c - SQL of the reservations; see schema/001_inventory.sql for the laws.
 *
 * The items are one JSON column: they are written and read whole, and never searched. The column `held` is
 * was_reserved; its name is stored and stays. */
#include "reservation_store.h"

#include <stddef.h>
#include <string.h>

/* Stored, so they never change. */
static const char *const names[RESERVATION_STATE_COUNT] = {
    [RESERVATION_PLACED] = "PLACED",     [RESERVATION_PAID] = "PAID",
    [RESERVATION_RESERVED] = "RESERVED", [RESERVATION_OUT_OF_STOCK] = "OUT_OF_STOCK",
    [RESERVATION_RELEASED] = "RELEASED",
};

const char *reservation_state_name(enum reservation_state state)
{
    return names[state];
}

static enum reservation_state state_named(const char *name)
{
    for (int i = 0; i < RESERVATION_STATE_COUNT; i++)
        if (strcmp(names[i], name) == 0) return (enum reservation_state)i;
    tern_broken(__FILE__, __LINE__, "a reservation's state is one that the schema allows");
}

/* The JSON of the column `items`. */
static const struct tern_field items_fields[] = {
    TERN_FIELD_ARRAY(struct reservation, "items", items, TERN_KIND_LIST, optional, 0, &shop_piece_schema),
};
static const struct tern_schema items_schema = TERN_SCHEMA_OF(struct reservation, items_fields);

static const char select_reservation[] = "SELECT state, held, items, updated_at FROM reservation WHERE order_id = ?1";

int reservation_load(struct tern_db *db, const char *order_id, struct reservation *ret_reservation,
                     struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, select_reservation, TERN_DB_ARGS(tern_db_text(order_id)), err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    if (got > 0) {
        const char *items = tern_db_column_text(&rows, 2);
        if (tern_schema_read(&items_schema, items, strlen(items), TERN_JSON_MAX_BYTES, ret_reservation, err) < 0)
            got = -1;
        tern_copy_whole(ret_reservation->order_id, sizeof ret_reservation->order_id, order_id);
        ret_reservation->state = state_named(tern_db_column_text(&rows, 0));
        ret_reservation->was_reserved = tern_db_column_int(&rows, 1) != 0;
        ret_reservation->updated_at_ms = tern_db_column_int(&rows, 3);
    }
    tern_db_done(&rows);
    return got;
}

static const char save_reservation[] =
    "INSERT INTO reservation (order_id, state, held, items, updated_at) VALUES (?1, ?2, ?3, ?4, ?5)"
    " ON CONFLICT (order_id) DO UPDATE SET state = ?2, held = ?3, items = ?4, updated_at = ?5";

int reservation_save(struct tern_db *db, const struct reservation *reservation, struct tern_error *err)
{
    struct tern_text items = {0};
    tern_schema_encode(&items_schema, reservation, &items);
    int status = tern_db_run(db, save_reservation,
                             TERN_DB_ARGS(tern_db_text(reservation->order_id), tern_db_text(names[reservation->state]),
                                          tern_db_int(reservation->was_reserved), tern_db_text(items.bytes),
                                          tern_db_int(reservation->updated_at_ms)),
                             err);
    tern_text_fini(&items);
    return status < 0 ? -1 : 0;
}
