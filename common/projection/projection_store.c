/* projection_store.c - SQL of `projection`; see service/schema/014_projection.sql. */
#include "projection_store.h"

static const char select_position[] = "SELECT position FROM projection WHERE name = ?1";
static const char save_position[] = "INSERT INTO projection (name, position) VALUES (?1, ?2) "
                                    "ON CONFLICT (name) DO UPDATE SET position = excluded.position";

int tern_projection_position(struct tern_db *db, const char *name, int64_t *ret_position, struct tern_error *err)
{
    *ret_position = 0;
    return tern_db_get_int(db, select_position, TERN_DB_ARGS(tern_db_text(name)), ret_position, err) < 0 ? -1 : 0;
}

int tern_projection_save(struct tern_db *db, const char *name, int64_t position, struct tern_error *err)
{
    return tern_db_run(db, save_position, TERN_DB_ARGS(tern_db_text(name), tern_db_int(position)), err) < 0 ? -1 : 0;
}
