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

/* The files of an open store: itself, its log, the index of the log. */
enum { TERN_SQLITE_FILES = 3 };

/* SQLite cuts the log to this length (journal_size_limit) at the first commit that resets it. */
#define TERN_SQLITE_LOG_LIMIT 33554432

/* A prepared statement. Cached ones live as long as the connection, others until their rows are done. */
struct tern_db_statement {
    const char *sql;      /* its address is the key */
    sqlite3_stmt *handle; /* owned */
    size_t parameters;    /* how many the statement names */
    bool in_use;          /* its rows are being read */
};

/* The identity of the open files: their names must lead to them as long as the store is used. */
struct tern_sqlite_files {
    bool noted; /* the rest is filled */
    dev_t device[TERN_SQLITE_FILES];
    ino_t inode[TERN_SQLITE_FILES]; /* with the device: unique while the file is open */
    struct timespec written;        /* modification time of the main file after our last write */
    off_t length;                   /* its length then */
    _Atomic int64_t log_length;     /* least length of the log: only our own commits change it */
};

struct tern_db {
    sqlite3 *handle; /* owned, and all below */
    char *given;     /* the path of the URL; NULL: in memory */
    char *alias;     /* the same when it contains symbolic links; else NULL */
    char *path;      /* the file itself, absolute, without symbolic links; NULL: in memory */
    int lock;        /* descriptor of <path>.lock, or -1 */
    int file;        /* descriptor of the file itself, for its lock and its identity, or -1 */
    struct tern_sqlite_files files;
    bool made;               /* this open has begun a new store: there was no file, or an empty one */
    bool reader;             /* a read-only connection: has neither lock nor file */
    bool noted_open;         /* the lock file says that the store is open */
    _Atomic bool noted_used; /* and that its log is not empty */
    bool broken;             /* an I/O error or damage was seen: it can only be rolled back and closed */
    bool begun;              /* the caller is in a transaction, which SQLite may have ended */
    bool in_savepoint;       /* the caller has set one */
    enum tern_fault lost_by; /* the fault by which SQLite ended the transaction */
    int wal_pages;           /* in the log after the last commit */
    bool ballast_gone;       /* given up, or never made: tried again between transactions */

    struct tern_db_statement **slots; /* hash table with open addressing, by address of the SQL */
    size_t slot_room, slot_count;     /* its size, a power of two, and how many are used */

    int64_t fail_in;            /* tests: calls until the one that fails; 0: none; below: see tern_db_fail_at */
    enum tern_fault fail_fault; /* of the call that fails */
};

/* db_sqlite_fault.c */

/* Fills `err` from the connection's last error; drops the ballast when the disk is full. Always -1. */
int tern_sqlite_fail(struct tern_db *db, int code, const char *what, struct tern_error *err);
/* No statement runs on it from now on, and its close writes nothing. */
void tern_sqlite_break(struct tern_db *db);
/* Whether a test wants this call to fail; then `err` is filled. */
bool tern_sqlite_fails_now(struct tern_db *db, struct tern_error *err);
/* -1 when no statement may run: the store is broken, or SQLite has ended the caller's transaction. */
int tern_sqlite_refuse(const struct tern_db *db, struct tern_error *err);

/* db_sqlite_transaction.c */

/* Moves the log into the file when it holds more than `pages` pages, and makes the ballast again when it is missing.
 * Writing connection, outside a transaction; never waits for readers. */
int tern_sqlite_checkpoint(struct tern_db *db, int pages, struct tern_error *err);

/* db_sqlite_statement.c */

void tern_sqlite_forget_statements(struct tern_db *db);

/* db_sqlite_table.c */

/* Gives every index of a swapped table its plain name, which the steps of a schema use. Inside a transaction. */
int tern_sqlite_plain_indexes(struct tern_db *db, struct tern_error *err);

/* db_sqlite_path.c */

/* The path of a URL, which the caller frees; NULL for a store in memory. */
int tern_sqlite_path(const char *url, char **ret_path, struct tern_error *err);
/* The file that a path leads to, which the caller frees: absolute, links followed; it need not exist. */
int tern_sqlite_resolve(const char *path, char **ret_real, struct tern_error *err);
/* The folder of `path`. */
void tern_sqlite_folder_of(const char *path, char folder[PATH_MAX]);

/* db_sqlite_names.c */

/* Notes the identity of the open files; after the log was created. */
int tern_sqlite_note_files(struct tern_db *db, struct tern_error *err);
/* After a checkpoint: notes the state in which this process has left the main file. */
void tern_sqlite_note_written(struct tern_db *db);
/* Writer thread, before anything is appended to the log: -1 when it is shorter than it was left. */
int tern_sqlite_check_log_length(const struct tern_db *db, struct tern_error *err);
/* Before a commit, which may cut the log to its limit. */
void tern_sqlite_expect_commit(struct tern_db *db);
/* After a commit: notes the length of the log. */
void tern_sqlite_note_log(struct tern_db *db);

/* db_sqlite_file.c */

/* Creates the folder, refuses network file systems, takes the locks, creates the file, readable by its owner only. */
int tern_sqlite_claim(struct tern_db *db, struct tern_error *err);
void tern_sqlite_unclaim(struct tern_db *db);
/* Writes to the lock file whether the store is open or was closed in order. */
bool tern_sqlite_note_open(struct tern_db *db, bool open);
/* From the first commit on the lock file also says that the log is not empty. */
void tern_sqlite_note_used(struct tern_db *db);
/* Writes the lock file again when it was removed under an open store: without it the next start would not
 * notice that the store or its log is gone. Any thread. */
void tern_sqlite_keep_word(const struct tern_db *db);
/* The log was cut short: the next start refuses it unless it has that length again. */
void tern_sqlite_keep_length(const struct tern_db *db, int64_t length);
/* Gives up the ballast, so that a full disk has room for recovery. Returns whether there was one. */
bool tern_sqlite_drop_ballast(struct tern_db *db);
void tern_sqlite_keep_ballast(struct tern_db *db);
bool tern_sqlite_has_ballast(const struct tern_db *db);
bool tern_sqlite_disk_is_full(const struct tern_db *db);
/* Bytes free on the disk of the store. */
int64_t tern_sqlite_free_bytes(const struct tern_db *db);

/* db_sqlite_log.c */

/* How the store's last use ended, by the lock file. */
enum tern_sqlite_end { TERN_SQLITE_UNKNOWN, TERN_SQLITE_SHUT, TERN_SQLITE_OPEN, TERN_SQLITE_USED };

/* Bytes of the write-ahead log. */
int64_t tern_sqlite_log_bytes(const struct tern_db *db);
/* -1 when the log that a crash left is gone, damaged or shorter than `least`. OPEN: there must be one; USED: and not an
 * empty one. */
int tern_sqlite_check_log(const struct tern_db *db, enum tern_sqlite_end end, int64_t least, struct tern_error *err);

#endif
