/* db_sqlite_transaction.c - transactions, savepoints and checkpoints.
 *
 * A writing transaction takes the write lock when it begins, so that no other writer can make it fail half-way. Nothing
 * remains of a failed commit, unless the files were removed under it. A full disk or an I/O error may end a transaction
 * in the middle: then every call but rollback fails with that fault. */
#include "common/store/store.h"
#include "db_sqlite.h"

enum { CHECKPOINT_PAGES = 2000 }; /* 8 MB of log */

static const char begin_writing[] = "BEGIN IMMEDIATE";
static const char begin_reading[] = "BEGIN";
static const char commit_all[] = "COMMIT";
static const char savepoint_unit[] = "SAVEPOINT unit";
static const char release_unit[] = "RELEASE unit";
static const char undo_unit[] = "ROLLBACK TO unit";

bool tern_db_in_transaction(const struct tern_db *db)
{
    return sqlite3_get_autocommit(db->handle) == 0;
}

/* Breaks the connection when the log was cut short. Before a begin, too: a large transaction writes to the log before
 * its commit. */
static int check_log(struct tern_db *db, struct tern_error *err)
{
    if (db->reader || db->broken || tern_sqlite_check_log_length(db, err) == 0) return 0;
    tern_db_rollback(db);
    tern_sqlite_break(db);
    return -1;
}

int tern_db_begin(struct tern_db *db, struct tern_error *err)
{
    TERN_ASSERT(!db->begun, "one transaction at a time");
    if (check_log(db, err) < 0) return -1;
    if (tern_db_run(db, db->reader ? begin_reading : begin_writing, TERN_DB_NO_ARGS, err) < 0)
        return tern_error_prefix(err, "cannot begin");
    db->begun = true;
    db->lost_by = TERN_FAULT_OTHER;
    return 0;
}

/* The names are checked after the commit, before anybody is told of it: what was committed to a file that has lost its
 * name is not durable. */
int tern_db_commit(struct tern_db *db, struct tern_error *err)
{
    TERN_ASSERT(db->begun, "what is committed was begun");
    if (db->fail_in == TERN_DB_NEXT_COMMIT) db->fail_in = 1;
    if (check_log(db, err) < 0) return -1;
    tern_sqlite_expect_commit(db);
    if (tern_db_run(db, commit_all, TERN_DB_NO_ARGS, err) < 0) {
        tern_error_prefix(err, "cannot commit");
        tern_db_rollback(db);
        if (db->broken && err) err->fault = TERN_FAULT_BROKEN;
        return -1;
    }
    db->begun = false;
    db->in_savepoint = false;
    if (!db->reader && tern_db_check_unchanged(db, err) < 0) {
        tern_sqlite_break(db);
        return -1;
    }
    tern_sqlite_note_used(db);
    return 0;
}

bool tern_db_is_broken(const struct tern_db *db)
{
    return db->broken;
}

/* If the transaction stays open, its changes would be committed with the next one: break the connection. */
void tern_db_rollback(struct tern_db *db)
{
    if (tern_db_in_transaction(db)) sqlite3_exec(db->handle, "ROLLBACK", NULL, NULL, NULL);
    if (tern_db_in_transaction(db)) tern_sqlite_break(db);
    db->begun = false;
    db->in_savepoint = false;
}

int tern_db_savepoint(struct tern_db *db, struct tern_error *err)
{
    TERN_ASSERT(db->begun && !db->in_savepoint, "one savepoint at a time, inside a transaction");
    if (tern_db_run(db, savepoint_unit, TERN_DB_NO_ARGS, err) < 0) return -1;
    db->in_savepoint = true;
    return 0;
}

int tern_db_release(struct tern_db *db, struct tern_error *err)
{
    TERN_ASSERT(db->in_savepoint, "what is released was set");
    if (tern_db_run(db, release_unit, TERN_DB_NO_ARGS, err) < 0) return -1;
    db->in_savepoint = false;
    return 0;
}

/* ROLLBACK TO leaves the savepoint open; the release after it changes nothing. */
int tern_db_undo(struct tern_db *db, struct tern_error *err)
{
    TERN_ASSERT(db->in_savepoint, "what is undone was set");
    if (tern_db_run(db, undo_unit, TERN_DB_NO_ARGS, err) < 0) return -1;
    return tern_db_release(db, err);
}

int tern_db_maintain(struct tern_db *db, bool now, struct tern_error *err)
{
    return tern_sqlite_checkpoint(db, now ? 0 : CHECKPOINT_PAGES, err);
}

/* PASSIVE copies what no reader still needs in the log, and never waits; the rest is copied next time. */
int tern_sqlite_checkpoint(struct tern_db *db, int pages, struct tern_error *err)
{
    TERN_ASSERT(!db->reader && !db->begun, "the writing connection checkpoints, between transactions");
    if (db->ballast_gone) tern_sqlite_keep_ballast(db);
    if (!db->path || db->wal_pages <= pages) return 0;
    if (tern_sqlite_fails_now(db, err) || tern_sqlite_refuse(db, err) < 0) return -1;
    if (tern_db_check_unchanged(db, err) < 0) { /* a checkpoint would mix another process's changes with ours */
        tern_sqlite_break(db);
        return -1;
    }
    int code = sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_PASSIVE, NULL, NULL);
    tern_sqlite_note_written(db);
    if (code != SQLITE_OK && (code & 0xff) != SQLITE_BUSY) return tern_sqlite_fail(db, code, "cannot checkpoint", err);
    db->wal_pages = 0; /* counted again at the next commit */
    return 0;
}
