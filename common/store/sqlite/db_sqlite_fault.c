/* db_sqlite_fault.c - what an error of SQLite means, and what a connection does after it.
 *
 * A broken connection can only be rolled back and closed. Never retries: after an I/O error a second try may succeed
 * falsely. Tests make any call fail here. */
#include "common/store/store.h"
#include "db_sqlite.h"

#include <errno.h>
#include <string.h>

/* The last errno of the log, or of the file: sqlite3_system_errno is not set by a commit. */
static int last_errno(const struct tern_db *db)
{
    sqlite3_file *log = NULL;
    int error = 0;
    sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log);
    if (log && log->pMethods) log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &error);
    if (error == 0) sqlite3_file_control(db->handle, "main", SQLITE_FCNTL_LAST_ERRNO, &error);
    return error != 0 ? error : sqlite3_system_errno(db->handle);
}

/* The fault of an extended result code and the errno behind it. SQLite reports a full disk as FULL, except for a quota
 * and for the index of the log. A failed flush is never a full disk: what it has lost cannot be known. */
static enum tern_fault fault_of(int code, int error)
{
    bool lacks_room = (code == SQLITE_IOERR_WRITE || code == SQLITE_IOERR_SHMSIZE || code == SQLITE_IOERR_SHMMAP) &&
                      (error == ENOSPC || error == EDQUOT);
    switch (code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED: return TERN_FAULT_BUSY;
    case SQLITE_CONSTRAINT: return TERN_FAULT_CONSTRAINT;
    case SQLITE_FULL: return TERN_FAULT_FULL;
    case SQLITE_IOERR: return lacks_room ? TERN_FAULT_FULL : TERN_FAULT_BROKEN;
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB: return TERN_FAULT_BROKEN;
    default: return TERN_FAULT_OTHER;
    }
}

void tern_sqlite_break(struct tern_db *db)
{
    if (!db->broken) {
        db->broken = true;
        sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    }
}

int tern_sqlite_fail(struct tern_db *db, int code, const char *what, struct tern_error *err)
{
    TERN_ASSERT((code & 0xff) != SQLITE_NOMEM, "there is memory for the store");
    int error = (code & 0xff) == SQLITE_IOERR ? last_errno(db) : 0;
    enum tern_fault fault = fault_of(code, error);
    tern_error_fault(err, fault, "%s: %s (SQLite %d%s%s)", what, sqlite3_errmsg(db->handle), code,
                     error != 0 ? ", " : "", error != 0 ? strerror(error) : "");
    if (fault == TERN_FAULT_BROKEN) tern_sqlite_break(db);
    if (fault == TERN_FAULT_FULL) tern_sqlite_drop_ballast(db);
    /* Some errors end the transaction (sqlite.org/lang_transaction.html, "Response To Errors"): note it now. */
    if (db->begun && sqlite3_get_autocommit(db->handle) != 0 && db->lost_by == TERN_FAULT_OTHER) db->lost_by = fault;
    return -1;
}

bool tern_sqlite_fails_now(struct tern_db *db, struct tern_error *err)
{
    bool now = db->fail_in == TERN_DB_EVERY_CALL || (db->fail_in > 0 && --db->fail_in == 0);
    if (!now) return false;
    tern_error_fault(err, db->fail_fault, "this call was made to fail");
    return true;
}

void tern_db_fail_at(struct tern_db *db, int64_t call, enum tern_fault fault)
{
    db->fail_in = call;
    db->fail_fault = fault;
}

bool tern_db_fail_pending(const struct tern_db *db)
{
    return db->fail_in != 0;
}

/* After some errors SQLite has rolled back already: a statement would now be a transaction of its own. */
int tern_sqlite_refuse(const struct tern_db *db, struct tern_error *err)
{
    if (db->broken)
        return tern_error_fault(err, TERN_FAULT_BROKEN, "the store has failed before and is not used any more");
    if (db->begun && sqlite3_get_autocommit(db->handle) != 0)
        return tern_error_fault(err, db->lost_by, "the store has undone this transaction already");
    return 0;
}
