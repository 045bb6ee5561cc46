/* tern/db.h - the seam to a service's own store: statements, typed parameters, rows, transactions, migrations.
 *
 * Nothing above this header may assume SQLite. One connection writes (and checkpoints); it belongs to the writer
 * thread. Others read only, one connection per thread. Statements are named constants: the driver prepares each
 * once per connection and finds it again by the address of its text, so SQL must be static const char[].
 * Parameters are ?1, ?2, ... Errors carry a fault (tern/error.h): BUSY (a passing conflict), CONSTRAINT (a law of
 * the schema), FULL (no room; nothing was changed), BROKEN (I/O error or damaged file: stop the process), OTHER.
 *
 * SQLite driver: WAL, synchronous=FULL (both read back at open), foreign_keys, busy_timeout 5 s, no automatic
 * checkpoint, quick_check at open. A store is its inode: symbolic links are followed once, everything lies beside the file
 * that they lead to, and an flock on it and on "<file>.lock" refuses a second process by whatever name it comes. All files
 * are for their owner alone (0600). "<file>.ballast" holds 8 MB that are given up when the disk is full, so that recovery
 * and shutdown have room.
 *
 * A full disk or an I/O error may end a transaction by itself: then every call answers with that fault, and none
 * does anything, until tern_db_rollback (or a tern_db_commit, which fails). After BROKEN a connection does nothing
 * any more but roll back and close: a second try might seem to work. */
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

enum tern_db_kind { TERN_DB_NULL, TERN_DB_INT, TERN_DB_TEXT, TERN_DB_BYTES };

struct tern_db_value {
    enum tern_db_kind kind;
    int64_t number;
    const void *bytes; /* text or bytes: must live until the statement ends */
    size_t length;
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

/* Whether the URL names a store that there is a driver for; nothing is opened. */
int tern_db_check_url(const char *url, struct tern_error *err);
/* Opens the writing connection of "sqlite:path" ("sqlite:///abs/path", "sqlite::memory:" for tests), %XX decoded; creates
 * the file and its folder. A second process, a damaged file, one that was there and is gone, an unknown scheme are errors
 * with a clear sentence. */
int tern_db_open(const char *url, struct tern_db **ret_db, struct tern_error *err);
/* A read-only connection to the same store; the writing connection must have been opened before. */
int tern_db_open_reader(const char *url, struct tern_db **ret_db, struct tern_error *err);
void tern_db_close(struct tern_db *db);

/* Applies the steps of one family that are missing, each in a transaction of its own, and records them. A store
 * that is newer than the program, or another program's (its steps have other names), is an error. */
int tern_db_migrate(struct tern_db *db, const char *family, const struct tern_migration *steps, struct tern_error *err);

int tern_db_begin(struct tern_db *db, struct tern_error *err);
/* On an error the transaction is gone (rolled back), whatever the driver said; could it not be rolled back, or has the
 * store lost its files (tern_db_check_files), then the fault is BROKEN. */
int tern_db_commit(struct tern_db *db, struct tern_error *err);
/* When it does not work the connection is broken: tern_db_is_broken. */
void tern_db_rollback(struct tern_db *db);
/* One savepoint at a time inside a transaction. */
int tern_db_savepoint(struct tern_db *db, struct tern_error *err);
int tern_db_release(struct tern_db *db, struct tern_error *err);
int tern_db_undo(struct tern_db *db, struct tern_error *err);
bool tern_db_in_transaction(const struct tern_db *db);
/* An I/O error or damage was seen: the connection is only rolled back and closed any more. */
bool tern_db_is_broken(const struct tern_db *db);

/* Runs a statement that returns no rows. Returns the number of rows it changed, or -1. */
int tern_db_run(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                struct tern_error *err);
/* The rowid that the last INSERT made. */
int64_t tern_db_last_id(const struct tern_db *db);

/* Rows. Every query that was started must be ended with tern_db_done, also after an error or early.
 *     if (tern_db_query(db, &rows, sql, TERN_DB_ARGS(...), err) < 0) return -1;
 *     while ((got = tern_db_next(&rows, err)) > 0) ... tern_db_column_text(&rows, 0) ...
 *     tern_db_done(&rows); */
struct tern_db_rows {
    void *statement;
    struct tern_db *db;
    bool borrowed; /* the prepared one was in use: this one is finalised at the end */
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

/* One integer of the first row. Returns 1 when there was a row, 0 when none, -1 on error. */
int tern_db_get_int(struct tern_db *db, const char *sql, const struct tern_db_value *values, size_t count,
                    int64_t *ret_value, struct tern_error *err);

/* Writing connection, outside a transaction: moves the log into the file when it has grown beyond `pages`;
 * never waits for readers. */
int tern_db_checkpoint(struct tern_db *db, int pages, struct tern_error *err);
/* The file of the store, absolute and without a symbolic link: the names of what lies beside it begin with this. NULL: in
 * memory. */
const char *tern_db_path(const struct tern_db *db);
/* Writing connection: whether its open has begun a new, empty store in a file. */
bool tern_db_is_new(const struct tern_db *db);
/* Writing connection: whether other users have rights on the file, which could not be taken from them. */
bool tern_db_is_exposed(const struct tern_db *db);
/* Writing connection, any thread: -1, BROKEN, when the store's file or its log has been removed, renamed, replaced or cut
 * short since it was opened; what is committed from then on would be lost. `ret_linked`: another name leads to one of them. */
int tern_db_check_files(const struct tern_db *db, bool *ret_linked, struct tern_error *err);
/* Writing connection, its thread: the same, and nobody else has written to them. A close that finds this untrue writes
 * nothing any more, and leaves the store as a crash would. */
int tern_db_check_unchanged(const struct tern_db *db, struct tern_error *err);
/* A copy of the store as it is now, into a new file (0600), flushed and read back, while others read and write it; for a
 * read connection outside a transaction. Takes its time: `goes_on` is asked now and then, and false ends it. On an
 * error nothing is left of it; FULL: no room for it. */
struct tern_db_patience {
    bool (*goes_on)(void *self);
    void *self;
};
struct tern_db_copy {
    int64_t bytes;
    unsigned char sha256[TERN_SHA256_SIZE];
};
int tern_db_copy(struct tern_db *reader, const char *path, const struct tern_db_patience *patience,
                 struct tern_db_copy *ret_copy, struct tern_error *err);
/* Bytes of the write-ahead log, and bytes free on the disk of the store. */
int64_t tern_db_wal_bytes(const struct tern_db *db);
int64_t tern_db_disk_free_bytes(const struct tern_db *db);
/* Whether the ballast is there. It goes when the store is FULL, and comes back with an open or a call of
 * tern_db_checkpoint, needed or not, when there is room again: until then a daemon should take nothing in. */
bool tern_db_has_ballast(const struct tern_db *db);
/* "SQLite 3.40.1", the one that runs. */
const char *tern_db_version(void);
/* NULL, or a sentence about a fault of the running version, for --version. */
const char *tern_db_version_warning(void);

/* For tests: the call-th of the next calls (begin, commit, savepoint, release, run, query, next; 1 = the very next)
 * fails with `fault` and does nothing; or the next commit does, or every call. 0 takes it back. tern_db_fail_pending: it has
 * not come to that yet. */
enum { TERN_DB_NEXT_COMMIT = -1, TERN_DB_EVERY_CALL = -2 };
void tern_db_fail_at(struct tern_db *db, int64_t call, enum tern_fault fault);
bool tern_db_fail_pending(const struct tern_db *db);

#endif
