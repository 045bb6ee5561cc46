/* db_sqlite.h - what the files of the SQLite driver share; besides them only tests include it.
 *
 * Everything hangs on struct tern_db, one per connection, used by one thread at a time. No call here logs.
 *
 * Settings: WAL, synchronous=FULL (both read back at open), foreign_keys, busy_timeout 5 s, no automatic checkpoint,
 * quick_check at open. A store is its inode: symbolic links are followed once, everything lies beside the file that
 * they lead to, and an flock on it and on "<file>.lock" refuses a second process by whatever name it comes. All files
 * are for their owner alone (0600). "<file>.ballast" holds 8 MB, the reserve of tern_db_room: given up when the disk is
 * full, so that recovery and shutdown have room. */
#ifndef TERN_STORE_DB_SQLITE_H
#define TERN_STORE_DB_SQLITE_H

#include <limits.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <sys/types.h>
#include <time.h>

#include "tern/db.h"

/* The files of a store that is open: itself, its log, the index of the log. */
enum { TERN_SQLITE_FILES = 3 };

/* What SQLite cuts the log to, at the first commit that begins it anew. */
#define TERN_SQLITE_LOG_LIMIT 33554432

/* A prepared statement. The cached ones live as long as the connection; a borrowed one until its rows are done. */
struct tern_db_statement {
    const char *sql; /* its address is the key */
    sqlite3_stmt *handle;
    size_t parameters;
    bool in_use;
};

/* Which files are open: what their names have to lead to for as long as the store is used. */
struct tern_sqlite_files {
    bool noted;
    dev_t device[TERN_SQLITE_FILES];
    ino_t inode[TERN_SQLITE_FILES];
    struct timespec written; /* the file itself: when this process wrote to it last, and how long it was then */
    off_t length;
    _Atomic int64_t log_length; /* at least so long: only our own commits change it */
};

struct tern_db {
    sqlite3 *handle;
    char *given; /* the path as the URL has it; NULL: in memory */
    char *alias; /* the same, when symbolic links are on its way; else NULL */
    char *path;  /* the file that it leads to: absolute, without a symbolic link; NULL: in memory */
    int lock;    /* descriptor of <path>.lock, or -1 */
    int file;    /* descriptor of the file itself, for its lock and its identity, or -1 */
    struct tern_sqlite_files files;
    bool made; /* by this open: it was not there, or empty */
    bool reader;
    bool noted_open;         /* in the lock file */
    _Atomic bool noted_used; /* there too: the log has held something */
    bool broken;             /* an I/O error or damage was seen: it is only rolled back and closed any more */
    bool begun;              /* the caller believes to be in a transaction; the store may have ended it */
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

/* db_sqlite_transaction.c */

/* Moves the log into the file when it holds more than `pages` pages, and makes the ballast again when it is missing.
 * Writing connection, outside a transaction; never waits for readers. */
int tern_sqlite_checkpoint(struct tern_db *db, int pages, struct tern_error *err);

/* db_sqlite_statement.c */

/* -1 when nothing may be run: the store is broken, or has undone the caller's transaction by itself. */
int tern_sqlite_refuse(const struct tern_db *db, struct tern_error *err);
void tern_sqlite_forget_statements(struct tern_db *db);

/* db_sqlite_path.c */

/* The path that a URL names, to be freed; ret_path is NULL for a store in memory. */
int tern_sqlite_path(const char *url, char **ret_path, struct tern_error *err);
/* The file that the path leads to, to be freed: absolute, links followed, also one that leads to no file yet. */
int tern_sqlite_resolve(const char *path, char **ret_real, struct tern_error *err);
/* The folder that `path` lies in. */
void tern_sqlite_folder_of(const char *path, char folder[PATH_MAX]);

/* db_sqlite_names.c */

/* Remembers which files are open; after the log was made. */
int tern_sqlite_note_files(struct tern_db *db, struct tern_error *err);
/* Remembers the state in which this process has left the file: after a checkpoint. */
void tern_sqlite_note_written(struct tern_db *db);
/* Writer thread, before anything is written behind the end of the log: as long as it was left. */
int tern_sqlite_check_log_length(const struct tern_db *db, struct tern_error *err);
/* Before a commit, which may cut the log to its limit. */
void tern_sqlite_expect_commit(struct tern_db *db);
/* Remembers how long the log is: after a commit. */
void tern_sqlite_note_log(struct tern_db *db);

/* db_sqlite_file.c */

/* Makes the folder, refuses network file systems, takes the locks, creates the file readable by its owner alone. */
int tern_sqlite_claim(struct tern_db *db, struct tern_error *err);
void tern_sqlite_unclaim(struct tern_db *db);
/* The lock file remembers whether the store is open or was closed in order. */
bool tern_sqlite_note_open(struct tern_db *db, bool open);
/* From the first commit on it also says that the log is not empty. */
void tern_sqlite_note_used(struct tern_db *db);
/* Writes the lock file again when somebody has removed it from under an open store: without it the next start would not
 * miss a store, or a log, that is gone. Any thread. */
void tern_sqlite_keep_word(const struct tern_db *db);
/* The log was cut short: the next start must not take what is left of it for all, unless it is that long again. */
void tern_sqlite_keep_length(const struct tern_db *db, int64_t length);
/* 8 MB beside the store, given up when the disk is full so that recovery has room. Returns whether it was there. */
bool tern_sqlite_drop_ballast(struct tern_db *db);
void tern_sqlite_keep_ballast(struct tern_db *db);
bool tern_sqlite_has_ballast(const struct tern_db *db);
bool tern_sqlite_disk_is_full(const struct tern_db *db);
/* Bytes of the write-ahead log, and bytes free on the disk of the store. */
int64_t tern_sqlite_log_bytes(const struct tern_db *db);
int64_t tern_sqlite_free_bytes(const struct tern_db *db);

/* db_sqlite_log.c */

/* What the lock file says about the store's last end. */
enum tern_sqlite_end { TERN_SQLITE_UNKNOWN, TERN_SQLITE_SHUT, TERN_SQLITE_OPEN, TERN_SQLITE_USED };

/* -1 when the log that a crash left is gone, damaged or shorter than `least`. OPEN: there must be one; USED: with
 * something in it. */
int tern_sqlite_check_log(const struct tern_db *db, enum tern_sqlite_end end, int64_t least, struct tern_error *err);

#endif
