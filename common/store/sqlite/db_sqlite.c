/* db_sqlite.c - connections of the SQLite driver, and their settings.
 *
 * One connection writes and checkpoints, because SQLite before 3.51.3 can damage a log that one connection resets while
 * another commits (sqlite.org/wal.html); the others cannot write at all. Every setting that durability depends on is
 * read back, because SQLite ignores an unknown or refused one silently. */
#include "db_sqlite.h"
#include "common/store/store.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { BUSY_MS = 5000 }; /* how long a connection waits for another one's lock */

/* A pragma and its required answer; NULL: any. */
struct setting {
    const char *sql, *answer;
};

/* FULL flushes the log at each commit: in WAL mode NORMAL would not (sqlite.org/pragma.html#pragma_synchronous). The
 * writer checkpoints by itself, between transactions. Caches are small, because the page cache of the machine has the
 * store anyway. No mmap: a file that is cut short would kill the process with SIGBUS. */
static const struct setting writer_settings[] = {
    {"PRAGMA journal_mode=WAL",            "wal"     },
    {"PRAGMA synchronous=FULL",            NULL      },
    {"PRAGMA synchronous",                 "2"       },
    {"PRAGMA wal_autocheckpoint=0",        "0"       },
    {"PRAGMA journal_size_limit=33554432", "33554432"},
    {"PRAGMA foreign_keys=ON",             NULL      },
    {"PRAGMA foreign_keys",                "1"       },
    {"PRAGMA cache_size=-2000",            NULL      },
    {"PRAGMA temp_store=MEMORY",           NULL      },
    {"PRAGMA mmap_size=0",                 NULL      },
    {"PRAGMA quick_check(1)",              "ok"      },
};

/* A store in memory has no log. */
static const struct setting memory_settings[] = {
    {"PRAGMA foreign_keys=ON",   NULL},
    {"PRAGMA foreign_keys",      "1" },
    {"PRAGMA temp_store=MEMORY", NULL},
};

/* A reader cannot write: it opens the file read-only, and query_only refuses every statement that changes something.
 * The last row checks that the writer has left the store in WAL mode. */
static const struct setting reader_settings[] = {
    {"PRAGMA query_only=ON",     NULL },
    {"PRAGMA query_only",        "1"  },
    {"PRAGMA cache_size=-1000",  NULL },
    {"PRAGMA temp_store=MEMORY", NULL },
    {"PRAGMA mmap_size=0",       NULL },
    {"PRAGMA journal_mode",      "wal"},
};

/* Runs the pragma and compares its answer. Another answer is BROKEN: without the setting a commit is not durable. */
static int apply(struct tern_db *db, const struct setting *setting, struct tern_error *err)
{
    sqlite3_stmt *statement = NULL;
    int code = sqlite3_prepare_v2(db->handle, setting->sql, -1, &statement, NULL);
    if (code == SQLITE_OK) code = sqlite3_step(statement);
    int result = 0;
    if (code != SQLITE_ROW && code != SQLITE_DONE) {
        result = tern_sqlite_fail(db, code, setting->sql, err);
    } else if (setting->answer) {
        const unsigned char *answer = code == SQLITE_ROW ? sqlite3_column_text(statement, 0) : NULL;
        const char *text = answer ? (const char *)answer : "nothing";
        if (strcmp(text, setting->answer) != 0)
            result = tern_error_fault(err, TERN_FAULT_BROKEN, "%s answered \"%s\" instead of \"%s\"", setting->sql,
                                      text, setting->answer);
    }
    sqlite3_finalize(statement);
    return result;
}

static int apply_all(struct tern_db *db, const struct setting *settings, size_t count, struct tern_error *err)
{
    for (size_t i = 0; i < count; i++)
        if (apply(db, &settings[i], err) < 0) return -1;
    return 0;
}

/* The hook that SQLite calls after each commit, instead of its automatic checkpoint. */
static int note_wal_pages(void *self, sqlite3 *handle, const char *name, int pages)
{
    (void)handle;
    (void)name;
    struct tern_db *db = self;
    db->wal_pages = pages;
    tern_sqlite_note_log(db);
    return SQLITE_OK;
}

/* NOMUTEX: each connection is used by one thread at a time. NOFOLLOW: the path is resolved already, so a link was put
 * there since. After an error the handle stays, for its message, until it is closed. */
static int open_handle(struct tern_db *db, int flags, struct tern_error *err)
{
    const char *name = db->path ? db->path : ":memory:";
    /* No statistics, which cost a lock per allocation. Takes effect before the first open only. */
    (void)sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    int code = sqlite3_open_v2(name, &db->handle, flags | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    TERN_ASSERT(db->handle, "there is memory for the store");
    if (code != SQLITE_OK) return tern_sqlite_fail(db, code, "open", err);
    sqlite3_extended_result_codes(db->handle, 1);
    /* A close leaves the log as it is, unless tern_db_close finds everything in order. */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    sqlite3_busy_timeout(db->handle, BUSY_MS);
    /* A name in double quotes that is no column is an error, not a text (sqlite.org/quirks.html). */
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(db->handle, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    if (db->reader) return apply_all(db, reader_settings, TERN_COUNT(reader_settings), err);
    if (!db->path) return apply_all(db, memory_settings, TERN_COUNT(memory_settings), err);
    if (apply_all(db, writer_settings, TERN_COUNT(writer_settings), err) < 0) return -1;
    sqlite3_wal_hook(db->handle, note_wal_pages, db);
    return 0;
}

static void close_handle(struct tern_db *db)
{
    tern_sqlite_forget_statements(db);
    int code = sqlite3_close(db->handle);
    TERN_ASSERT(code == SQLITE_OK, "every query was ended before the store is closed");
    db->handle = NULL;
}

/* On a full disk a store cannot even be read before its log is recovered; the ballast makes room for that. */
static int open_writer(struct tern_db *db, struct tern_error *err)
{
    const int flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE;
    if (!db->path) return open_handle(db, flags, err);
    if (tern_sqlite_claim(db, err) < 0) return -1;
    bool can_make_room = tern_sqlite_disk_is_full(db) && tern_sqlite_has_ballast(db);
    int result = open_handle(db, flags, err);
    if (result < 0 && can_make_room) {
        tern_sqlite_drop_ballast(db);
        close_handle(db);
        result = open_handle(db, flags, err);
    }
    if (result < 0) return -1;
    tern_sqlite_keep_ballast(db);
    (void)tern_sqlite_note_open(db, true); /* before the log is emptied: the lock file may say it is not empty */
    /* Behind the end of a log that a crash left there may be frames of a commit that never completed, which the next
     * check of the log must not find. On a full disk this fails, and the old log goes on. */
    (void)sqlite3_wal_checkpoint_v2(db->handle, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    if (tern_sqlite_note_files(db, err) < 0) {
        tern_sqlite_break(db); /* the lock file stays as a crash would leave it */
        return -1;
    }
    return 0;
}

/* An earlier version did not decode "%20": refuses to begin a new store beside one that it made. */
static int refuse_undecoded(const struct tern_db *db, const char *url, struct tern_error *err)
{
    const char *raw = url + strlen("sqlite:");
    raw += strncmp(raw, "//", 2) == 0 ? 2 : 0;
    if (strcmp(raw, db->given) == 0 || access(db->path, F_OK) == 0 || access(raw, F_OK) != 0) return 0;
    return tern_error_set(err, "the URL names %s, and the store is in %s: write the \"%%\" of its name as %%25",
                          db->given, raw);
}

/* Whether the given path, seen from the working folder, is the resolved one. */
static bool is_direct(const struct tern_db *db)
{
    char folder[PATH_MAX];
    if (db->given[0] == '/') return strcmp(db->given, db->path) == 0;
    size_t length = getcwd(folder, sizeof folder) ? strlen(folder) : 0;
    return length > 0 && strncmp(db->path, folder, length) == 0 && db->path[length] == '/' &&
           strcmp(db->path + length + 1, db->given) == 0;
}

/* Fills given, path and alias; all stay NULL for a store in memory. */
static int find_file(struct tern_db *db, const char *url, struct tern_error *err)
{
    if (tern_sqlite_path(url, &db->given, err) < 0) return -1;
    if (!db->given) return db->reader ? tern_error_set(err, "a store in memory has no second connection") : 0;
    if (tern_sqlite_resolve(db->given, &db->path, err) < 0) return -1;
    db->alias = is_direct(db) ? NULL : tern_copy_text(db->given);
    return refuse_undecoded(db, url, err);
}

/* After an error tern_db_close releases what was taken so far. */
static int open_as(const char *url, bool reader, struct tern_db **ret_db, struct tern_error *err)
{
    struct tern_db *db = tern_alloc(sizeof *db);
    db->lock = db->file = -1;
    db->reader = reader;
    int result = find_file(db, url, err);
    if (result == 0) result = reader ? open_handle(db, SQLITE_OPEN_READONLY, err) : open_writer(db, err);
    if (result < 0) {
        tern_error_prefix(err, "cannot open the store %s", db->given ? db->given : url);
        tern_db_close(db);
        return -1;
    }
    *ret_db = db;
    return 0;
}

int tern_db_check_url(const char *url, struct tern_error *err)
{
    char *path = NULL;
    int status = tern_sqlite_path(url, &path, err);
    free(path);
    return status;
}

int tern_db_open(const char *url, struct tern_db **ret_db, struct tern_error *err)
{
    return open_as(url, false, ret_db, err);
}

int tern_db_open_reader(const char *url, struct tern_db **ret_db, struct tern_error *err)
{
    return open_as(url, true, ret_db, err);
}

/* A store that is in order is checkpointed and loses its log (SQLite's close does both); any other stays as a crash
 * would leave it, for the next start to judge. */
void tern_db_close(struct tern_db *db)
{
    if (!db) return;
    if (db->handle) {
        tern_db_rollback(db);
        if (tern_db_check_unchanged(db, NULL) < 0) tern_sqlite_break(db);
        /* The lock file says "shut" before the log is removed: after a crash in between, its absence is no loss. */
        if (!db->broken && tern_sqlite_note_open(db, false))
            sqlite3_db_config(db->handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
        close_handle(db);
    }
    tern_sqlite_unclaim(db);
    free(db->slots);
    free(db->path);
    free(db->alias);
    free(db->given);
    free(db);
}

const char *tern_db_version(void)
{
    static _Thread_local char text[32];
    snprintf(text, sizeof text, "SQLite %s", sqlite3_libversion());
    return text;
}

/* The versions that have the correction for the reset of the log (sqlite.org/wal.html). */
const char *tern_db_version_warning(void)
{
    int version = sqlite3_libversion_number();
    bool fixed =
        version >= 3051003 || (version >= 3050007 && version < 3051000) || (version >= 3044006 && version < 3045000);
    return fixed ? NULL
                 : "this SQLite is older than 3.51.3 and may damage a store that two connections write: "
                   "never open the store's file with another program while the service runs";
}
