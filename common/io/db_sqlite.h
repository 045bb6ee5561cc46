/* db_sqlite.h - what the files of the SQLite driver share; nobody else includes it.
 *
 * Everything hangs on struct tern_db, one per connection, used by one thread at a time. No call here logs. */
#ifndef TERN_DB_SQLITE_H
#define TERN_DB_SQLITE_H

#include <sqlite3.h>

#include "tern/db.h"

/* A prepared statement. The cached ones live as long as the connection; a borrowed one until its rows are done. */
struct tern_db_statement {
    const char *sql; /* its address is the key */
    sqlite3_stmt *handle;
    size_t parameters;
    bool in_use;
};

struct tern_db {
    sqlite3 *handle;
    char *path; /* NULL: in memory */
    int lock;   /* descriptor of <path>.lock, or -1 */
    bool reader;
    bool noted_open; /* in the lock file */
    bool broken;     /* an I/O error or damage was seen: it is only rolled back and closed any more */
    bool begun;      /* the caller believes to be in a transaction; the store may have ended it */
    bool in_savepoint;
    enum tern_fault lost_by; /* what ended a transaction behind the caller's back */
    int wal_pages;           /* in the log after the last commit */
    bool ballast_gone;       /* given up, or never made: looked for again between transactions */

    struct tern_db_statement **slots; /* open hash by address of the SQL */
    size_t slot_room, slot_count;

    int64_t fail_in; /* tests: calls until the one that fails; 0: none; below: see tern_db_fail_at */
    enum tern_fault fail_fault;
};

/* db_sqlite.c */

/* Fills `err` from the connection's last error; drops the ballast when the disk is full. Always -1. */
int tern_sqlite_fail(struct tern_db *db, int code, const char *what, struct tern_error *err);
/* Nothing runs on it from now on. */
void tern_sqlite_break(struct tern_db *db);
/* Whether the call that is being made is the one that a test wants to fail; then `err` is filled. */
bool tern_sqlite_fails_now(struct tern_db *db, struct tern_error *err);

/* db_sqlite_statement.c */

/* -1 when nothing may be run: the store is broken, or has undone the caller's transaction by itself. */
int tern_sqlite_refuse(const struct tern_db *db, struct tern_error *err);
void tern_sqlite_forget_statements(struct tern_db *db);

/* db_sqlite_file.c */

/* The path that a URL names, to be freed; ret_path is NULL for a store in memory. */
int tern_sqlite_path(const char *url, char **ret_path, struct tern_error *err);
/* Makes the folder, refuses network file systems, takes the lock, creates the file readable by its owner alone. */
int tern_sqlite_claim(struct tern_db *db, struct tern_error *err);
void tern_sqlite_unclaim(struct tern_db *db);
/* The lock file remembers whether the store is open or was closed in order. */
bool tern_sqlite_note_open(struct tern_db *db, bool open);
/* 8 MB beside the store, given up when the disk is full so that recovery has room. Returns whether it was there. */
bool tern_sqlite_drop_ballast(struct tern_db *db);
void tern_sqlite_keep_ballast(struct tern_db *db);
bool tern_sqlite_disk_is_full(const struct tern_db *db);

/* db_sqlite_log.c */

/* -1 when the log that a crash left is gone or damaged. `was_open`: there must be one. */
int tern_sqlite_check_log(const struct tern_db *db, bool was_open, struct tern_error *err);

#endif
