/* tern/db.h - the seam to a service's own store: statements, typed parameters, rows, transactions, migrations.
 *
 * One connection writes; it belongs to the writer thread. Others only read, one connection per thread. What a driver
 * needs besides (files, logs, locks, checkpoints) is its own matter: common/store/sqlite/db_sqlite.h for SQLite.
 *
 * Statements are static const char[] texts with the parameters ?1, ?2, ...: the driver prepares each once per
 * connection and finds it again by the address of its text.
 *
 * Calls return -1 with an error whose fault (tern/error.h) is BUSY (a passing conflict), CONSTRAINT (a law of the
 * schema), FULL (no room; nothing was changed), BROKEN (I/O error or damage: stop the process) or OTHER. A full disk or
 * an I/O error may end a transaction by itself: then every call fails with that fault, and does nothing, until
 * tern_db_rollback (or a tern_db_commit, which fails). After BROKEN a connection only rolls back and closes: a second
 * try might seem to work. */
#ifndef TERN_DB_H
#define TERN_DB_H

#include "tern/digest.h"
#include "tern/error.h"

struct tern_db;

/* A numbered step of a schema, embedded from schema/NNN_name.sql. The last row of an array has sql NULL. */
struct tern_migration {
    int number;
    const char *name;
    const char *sql;
};

/* ---- parameters ---- */

enum tern_db_kind { TERN_DB_NULL, TERN_DB_INT, TERN_DB_TEXT, TERN_DB_BYTES };

struct tern_db_value {
    enum tern_db_kind kind;
    int64_t number;    /* INT */
    const void *bytes; /* TEXT, BYTES: the caller's, until the statement ends */
    size_t length;     /* of them */
};

struct tern_db_value tern_db_int(int64_t number);
struct tern_db_value tern_db_text(const char *text);                      /* NULL or "" becomes NULL */
struct tern_db_value tern_db_text_bytes(const char *text, size_t length); /* needs no NUL; length 0 becomes NULL */
struct tern_db_value tern_db_bytes(const void *bytes, size_t length);     /* length 0 is an empty value, not NULL */
struct tern_db_value tern_db_null(void);

/* A parameter list: tern_db_run(db, sql, TERN_DB_ARGS(tern_db_int(3), tern_db_text(id)), &err). */
#define TERN_DB_ARGS(...)                        \
    (const struct tern_db_value[]){__VA_ARGS__}, \
        sizeof((const struct tern_db_value[]){__VA_ARGS__}) / sizeof(struct tern_db_value)
#define TERN_DB_NO_ARGS NULL, 0

/* ---- connections ---- */

/* Whether the URL names a store that there is a driver for; nothing is opened. */
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

/* ---- statements ---- */

/* Runs a statement that returns no rows. Returns the number of rows it changed, or -1. */
int tern_db_run(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                struct tern_error *err);
/* Runs an INSERT of one row whose column `key` the store generates. Returns 1 with the key, 0 when no row was inserted (ON
 * CONFLICT DO NOTHING), or -1. A driver whose store does not know the last key by itself appends RETURNING and `key`. */
int tern_db_insert(struct tern_db *db, const char *sql, const char *key, const struct tern_db_value *values,
                   size_t count, int64_t *ret_key, struct tern_error *err);
/* One integer of the first row. Returns 1 with it, 0 when there is no row, or -1. */
int tern_db_get_int(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                    int64_t *ret_value, struct tern_error *err);

/* Rows. Every query that was started must be ended with tern_db_done, also after an error or early.
 *     if (tern_db_query(db, &rows, sql, TERN_DB_ARGS(...), err) < 0) return -1;
 *     while ((got = tern_db_next(&rows, err)) > 0) ... tern_db_column_text(&rows, 0) ...
 *     tern_db_done(&rows); */
struct tern_db_rows {
    void *statement; /* the driver's; NULL once done */
    struct tern_db *db;
    bool borrowed; /* the prepared statement was in use: this one lives until tern_db_done only */
};

int tern_db_query(struct tern_db *db, struct tern_db_rows *rows, const char *sql, const struct tern_db_value *values,
                  size_t count, struct tern_error *err);
/* 1: a row is there, 0: no more, -1: error. */
int tern_db_next(struct tern_db_rows *rows, struct tern_error *err);
int64_t tern_db_column_int(const struct tern_db_rows *rows, int column);
/* Never NULL (a NULL column is ""); valid until the next call on these rows. */
const char *tern_db_column_text(const struct tern_db_rows *rows, int column);
const void *tern_db_column_bytes(const struct tern_db_rows *rows, int column, size_t *ret_length);
bool tern_db_column_is_null(const struct tern_db_rows *rows, int column);
void tern_db_done(struct tern_db_rows *rows);

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
 * store was removed, renamed, replaced or cut short since it was opened. `ret_shared`: somebody else has a way to its
 * files. */
int tern_db_check(const struct tern_db *db, bool *ret_shared, struct tern_error *err);
/* Writing connection, its thread: the same, and nobody else has written to the store. A close that finds this untrue
 * writes nothing, and leaves the store as a crash would. */
int tern_db_check_unchanged(const struct tern_db *db, struct tern_error *err);

/* How much room the store takes and has left, in bytes. */
struct tern_db_room {
    int64_t store_bytes; /* its data */
    int64_t log_bytes;   /* what was committed and is not moved into the data yet */
    int64_t free_bytes;  /* on its disk; INT64_MAX when it has none on this machine */
    /* Room is set aside to recover and stop on a full disk. It is used up when the store is FULL, and comes back with
     * tern_db_maintain once there is room again; take nothing in meanwhile. */
    bool has_reserve;
};
/* Writing connection, any thread. What cannot be read counts as 0. */
void tern_db_room(const struct tern_db *db, struct tern_db_room *ret_room);

/* Copies the store as it is now into a new file (0600), flushed and read back, while others read and write it; for a
 * read connection outside a transaction. Takes its time: `goes_on` is asked now and then, and false ends it. After an
 * error nothing is left of the copy; FULL: no room for it. */
struct tern_db_patience {
    bool (*goes_on)(void *self);
    void *self;
};
struct tern_db_copy {
    int64_t bytes; /* length of the copy */
    unsigned char sha256[TERN_SHA256_SIZE];
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
