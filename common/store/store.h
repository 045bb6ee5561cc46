/* store.h - the library's half of the seam to a store: connections, transactions, migrations, upkeep, copies.
 *
 * The application's half is tern/db.h. One connection writes; it belongs to the writer thread. What else a driver needs
 * (files, logs, locks, checkpoints) is its own matter: sqlite/db_sqlite.h for SQLite.
 *
 * A full disk or an I/O error may end a transaction by itself: then every call fails with that fault, and does nothing,
 * until tern_db_rollback (or a tern_db_commit, which fails). After BROKEN a connection only rolls back and closes: a
 * second try might seem to work. */
#ifndef TERN_STORE_STORE_H
#define TERN_STORE_STORE_H

#include "common/base/digest.h"
#include "tern/db.h"

/* ---- connections ---- */

/* 0 when a driver takes the URL, else -1 with a sentence; nothing is opened. */
int tern_db_check_url(const char *url, struct tern_error *err);
/* Opens the writing connection of "sqlite:path" ("sqlite:///abs/path", "sqlite::memory:" for tests), %XX decoded, and
 * creates the store with its folder when there is none. A second process, damage, a store that was there and is gone,
 * an unknown scheme are errors. */
int tern_db_open(const char *url, struct tern_db **ret_db, struct tern_error *err);
/* A read-only connection to the same store; the writing connection must be open already. */
int tern_db_open_reader(const char *url, struct tern_db **ret_db, struct tern_error *err);
/* Rolls back what is open. NULL is fine. */
void tern_db_close(struct tern_db *db);

/* Applies the missing steps of one family, each in a transaction of its own, and records them. A store that is newer
 * than the program, or belongs to another program (its steps have other names), is an error. */
int tern_db_migrate(struct tern_db *db, const char *family, const struct tern_migration *steps, struct tern_error *err);

/* ---- transactions ---- */

int tern_db_begin(struct tern_db *db, struct tern_error *err);
/* Durable when it returns 0. After an error the transaction is rolled back, whatever the store answered. BROKEN: it
 * could not be rolled back, or the store has lost its place (tern_db_check). */
int tern_db_commit(struct tern_db *db, struct tern_error *err);
/* A rollback that fails breaks the connection: tern_db_is_broken. */
void tern_db_rollback(struct tern_db *db);
/* One savepoint at a time inside a transaction: set, then released (its changes stay) or undone. */
int tern_db_savepoint(struct tern_db *db, struct tern_error *err);
int tern_db_release(struct tern_db *db, struct tern_error *err);
int tern_db_undo(struct tern_db *db, struct tern_error *err);
bool tern_db_in_transaction(const struct tern_db *db);
/* An I/O error or damage was seen: the connection can only be rolled back and closed. */
bool tern_db_is_broken(const struct tern_db *db);

/* ---- copies of tables ----
 *
 * Writing connection, inside a transaction. A table has neither foreign keys nor triggers, and no view reads it. Names
 * are the program's own words of a-z 0-9 _. */

/* Makes `copy`, an empty table with the columns and laws of `table`. */
int tern_db_table_like(struct tern_db *db, const char *table, const char *copy, struct tern_error *err);
/* Makes the next index that `table` has and `copy` has not: filling a table without indexes costs half. 1: it has them
 * all; 0: call again. One index takes about a third of a second and 100 MB for a million rows. */
int tern_db_table_index(struct tern_db *db, const char *table, const char *copy, struct tern_error *err);
/* From the commit on `table` is what was `copy`, and what was `table` is `old`. */
int tern_db_table_swap(struct tern_db *db, const char *table, const char *copy, const char *old,
                       struct tern_error *err);
/* Takes away a part of a table that is small enough for one unit of work. 1: nothing is left of it, or there was none;
 * 0: call again. */
int tern_db_table_drop(struct tern_db *db, const char *table, struct tern_error *err);

/* ---- upkeep of the store ---- */

/* The store's file, absolute and without a symbolic link; NULL when it has none on this machine. */
const char *tern_db_path(const struct tern_db *db);
/* Writing connection: whether its open has begun a new, empty store. */
bool tern_db_is_new(const struct tern_db *db);
/* Writing connection: whether other users of the machine can reach the store's data, which could not be taken from
 * them. */
bool tern_db_is_exposed(const struct tern_db *db);

/* Writing connection, outside a transaction, after each batch: the housekeeping that the store needs. `now`: all of it,
 * whether it is due or not. Never waits for readers. */
int tern_db_maintain(struct tern_db *db, bool now, struct tern_error *err);

/* Writing connection, any thread: -1, BROKEN, when the next start would not find what is committed from now on: the
 * store was removed, renamed, replaced or cut short since it was opened. `ret_shared`: another name (a hard link)
 * leads to its files. */
int tern_db_check(const struct tern_db *db, bool *ret_shared, struct tern_error *err);
/* Writing connection, its thread: the same, and no other process has written to the store. A close that finds this
 * untrue writes nothing, and leaves the store as a crash would. */
int tern_db_check_unchanged(const struct tern_db *db, struct tern_error *err);

/* How much room the store takes and has left, in bytes. */
struct tern_db_room {
    int64_t store_bytes; /* its data */
    int64_t log_bytes;   /* what was committed and is not moved into the data yet */
    int64_t free_bytes;  /* on its disk; INT64_MAX when it has none on this machine */
    /* Room is set aside to recover and stop on a full disk. It is used up when the store is FULL, and comes back with
     * tern_db_maintain once there is room again; accept no new work meanwhile. */
    bool has_reserve;
};
/* Writing connection, any thread. What cannot be read counts as 0. */
void tern_db_room(const struct tern_db *db, struct tern_db_room *ret_room);

/* Copies the store as it is now into a new file (0600), flushed and read back, while others read and write it; for a
 * read connection outside a transaction. Takes its time: `goes_on` is asked now and then, and false ends it. After an
 * error nothing is left of the copy; FULL: no room for it. */
struct tern_db_patience {
    bool (*goes_on)(void *self); /* on the thread of the copy */
    void *self;
};
struct tern_db_copy {
    int64_t bytes;                          /* length of the copy */
    unsigned char sha256[TERN_SHA256_SIZE]; /* of the whole file */
};
int tern_db_copy(struct tern_db *reader, const char *path, const struct tern_db_patience *patience,
                 struct tern_db_copy *ret_copy, struct tern_error *err);

/* Name and version of what stores, as it runs: "SQLite 3.40.1". */
const char *tern_db_version(void);
/* NULL, or a sentence about a fault of the running version, for --version. */
const char *tern_db_version_warning(void);

/* For tests: the call-th of the next calls (begin, commit, savepoint, release, run, insert, query, next; 1 = the very
 * next) fails with `fault` and does nothing; or the next commit does, or every call. 0 takes it back.
 * tern_db_fail_pending: it has not come to that yet. */
enum { TERN_DB_NEXT_COMMIT = -1, TERN_DB_EVERY_CALL = -2 };
void tern_db_fail_at(struct tern_db *db, int64_t call, enum tern_fault fault);
bool tern_db_fail_pending(const struct tern_db *db);

#endif
