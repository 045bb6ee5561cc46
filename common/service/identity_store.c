/* identity_store.c - the one row that holds the store's identity. Never changes it once it is there. */
#include "identity.h"

static const char give_identity[] = "INSERT INTO store_identity (id, uuid) VALUES (1, ?1) ON CONFLICT DO NOTHING";
static const char read_identity[] = "SELECT uuid FROM store_identity";

int tern_identity_load(struct tern_db *db, const char *fresh, char ret_uuid[TERN_UUID_SIZE], struct tern_error *err)
{
    struct tern_db_rows rows;
    if (tern_db_run(db, give_identity, TERN_DB_ARGS(tern_db_text(fresh)), err) < 0) return -1;
    if (tern_db_query(db, &rows, read_identity, TERN_DB_NO_ARGS, err) < 0) return -1;
    int got = tern_db_next(&rows, err);
    bool fits = got > 0 && tern_copy(ret_uuid, TERN_UUID_SIZE, tern_db_column_text(&rows, 0)) == 0;
    tern_db_done(&rows);
    if (got < 0) return -1;
    return fits ? 0 : tern_error_set(err, "the store's identity is not a UUID");
}
