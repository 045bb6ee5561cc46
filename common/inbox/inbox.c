/* inbox.c - the inbox: one row per handled event, the oldest leave first.
 *
 * Adding is one insert that a known id turns into nothing, so one statement both asks and records. A purge reads the
 * `limit` lowest rows only and stops where they are young: its cost is bounded, whatever the table holds. */
#include "tern/inbox.h"
#include "inbox_store.h"

static const char add_row[] = "INSERT INTO inbox (event_id, handled_online_ms) VALUES (?1, ?2) ON CONFLICT DO NOTHING";
static const char has_row[] = "SELECT 1 FROM inbox WHERE event_id = ?1";
static const char purge_rows[] = "DELETE FROM inbox WHERE handled_online_ms < ?1"
                                 " AND position IN (SELECT position FROM inbox ORDER BY position LIMIT ?2)";

int tern_inbox_add(struct tern_db *db, const char *event_id, int64_t online_ms, struct tern_error *err)
{
    TERN_ASSERT(event_id[0] != '\0', "what is handled has an event id");
    return tern_db_run(db, add_row, TERN_DB_ARGS(tern_db_text(event_id), tern_db_int(online_ms)), err);
}

int tern_inbox_has(struct tern_db *db, const char *event_id, struct tern_error *err)
{
    int64_t one;
    return tern_db_get_int(db, has_row, TERN_DB_ARGS(tern_db_text(event_id)), &one, err);
}

int tern_inbox_purge(struct tern_db *db, int64_t before_online_ms, int limit, struct tern_error *err)
{
    return tern_db_run(db, purge_rows, TERN_DB_ARGS(tern_db_int(before_online_ms), tern_db_int(limit)), err);
}
