/* db_sqlite_migrate.c - migrations: numbered steps of a family, each applied once, in a transaction of its own.
 *
 * schema_migration records a step in the step's own transaction, so that a crash leaves both or neither. A store with a
 * step that this program does not know is refused, because an older program would break the laws of the newer schema;
 * so is one whose steps have other names: it belongs to another program. A step must not begin or end a transaction. */
#include "common/store/store.h"
#include "db_sqlite.h"

static const char create_table[] = "CREATE TABLE IF NOT EXISTS schema_migration ("
                                   " family TEXT NOT NULL,"
                                   " number INTEGER NOT NULL CHECK (number > 0),"
                                   " name TEXT NOT NULL,"
                                   " applied_at TEXT NOT NULL DEFAULT (strftime('%Y-%m-%dT%H:%M:%fZ', 'now')),"
                                   " PRIMARY KEY (family, number)) STRICT, WITHOUT ROWID";
static const char newest_step[] = "SELECT coalesce(max(number), 0) FROM schema_migration WHERE family = ?1";
static const char named_otherwise[] =
    "SELECT count(*) FROM schema_migration WHERE family = ?1 AND number = ?2 AND name <> ?3";
static const char record_step[] = "INSERT INTO schema_migration (family, number, name) VALUES (?1, ?2, ?3)";

/* Runs the step's statements and records it. */
static int apply_step(struct tern_db *db, const char *family, const struct tern_migration *step, struct tern_error *err)
{
    if (tern_db_begin(db, err) < 0) return -1;
    int status = tern_sqlite_plain_indexes(db, err);
    if (status == 0) {
        int code = sqlite3_exec(db->handle, step->sql, NULL, NULL, NULL);
        if (code != SQLITE_OK) status = tern_sqlite_fail(db, code, "its statements", err);
    }
    if (status == 0) {
        TERN_ASSERT(tern_db_in_transaction(db), "a step of a schema does not end its transaction");
        status =
            tern_db_run(db, record_step,
                        TERN_DB_ARGS(tern_db_text(family), tern_db_int(step->number), tern_db_text(step->name)), err);
    }
    if (status < 0) {
        tern_db_rollback(db);
        return tern_error_prefix(err, "cannot apply step %d (%s) of the schema %s", step->number, step->name, family);
    }
    return tern_db_commit(db, err);
}

/* A step that is recorded under another name is another program's; one that is not recorded is missing, and fine. */
static int check_name(struct tern_db *db, const char *family, const struct tern_migration *step, struct tern_error *err)
{
    int64_t others = 0;
    if (tern_db_get_int(db, named_otherwise,
                        TERN_DB_ARGS(tern_db_text(family), tern_db_int(step->number), tern_db_text(step->name)),
                        &others, err) < 0)
        return tern_error_prefix(err, "cannot read which schema the store has");
    if (others > 0)
        return tern_error_set(err, "the store belongs to another program: step %d of its schema %s is not \"%s\"",
                              step->number, family, step->name);
    return 0;
}

/* All names are checked before the first step is applied, so a wrong program changes nothing. */
int tern_db_migrate(struct tern_db *db, const char *family, const struct tern_migration *steps, struct tern_error *err)
{
    int64_t newest = 0;
    if (tern_db_run(db, create_table, TERN_DB_NO_ARGS, err) < 0 ||
        tern_db_get_int(db, newest_step, TERN_DB_ARGS(tern_db_text(family)), &newest, err) < 0)
        return tern_error_prefix(err, "cannot read which schema the store has");
    int known = 0;
    for (const struct tern_migration *step = steps; step->sql; step++) {
        TERN_ASSERT(step->number > known, "the steps of a schema ascend");
        known = step->number;
        if (check_name(db, family, step, err) < 0) return -1;
    }
    if (newest > known)
        return tern_error_set(err, "the store has schema %s %d, this program knows %d: a newer program has used it",
                              family, (int)newest, known);
    for (const struct tern_migration *step = steps; step->sql; step++)
        if (step->number > newest && apply_step(db, family, step, err) < 0) return -1;
    return 0;
}
