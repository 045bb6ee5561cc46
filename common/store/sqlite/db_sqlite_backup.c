/* db_sqlite_backup.c - copies the store as it is at one moment, while it is being written to.
 *
 * A read-only connection holds one snapshot from the first page to the last, so no commit restarts the copy; meanwhile
 * the log cannot be reset. The copy is flushed every few megabytes, because one large flush at the end could delay the
 * writer's. It is left in rollback mode, which a store in use never has: that distinguishes a restored backup from a
 * store that has lost its log (db_sqlite_file.c). */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/digest.h"
#include "common/store/store.h"
#include "db_sqlite.h"

enum {
    STEP_PAGES = 256,    /* copied at a time; 1 MB */
    STEPS_PER_FLUSH = 8, /* 8 MB */
    VERSIONS_AT = 18,    /* offset in the file: sqlite.org/fileformat.html, section 1.3 */
    CHECK_STEPS = 1000   /* instructions of SQLite between two questions whether to go on */
};

/* Any read of the store begins the snapshot of a transaction; BEGIN alone does not. */
static const char snapshot[] = "SELECT count(*) FROM sqlite_schema";

/* Explains the code alone: a step of a backup leaves its message on neither connection. */
static int fail(int code, struct tern_error *err)
{
    enum tern_fault fault = (code & 0xff) == SQLITE_FULL ? TERN_FAULT_FULL : TERN_FAULT_OTHER;
    TERN_ASSERT((code & 0xff) != SQLITE_NOMEM, "there is memory for a copy");
    return tern_error_fault(err, fault, "the copy cannot be written: %s (SQLite %d)", sqlite3_errstr(code), code);
}

static int flush(int fd, struct tern_error *err)
{
    if (fdatasync(fd) == 0) return 0;
    enum tern_fault fault = errno == ENOSPC || errno == EDQUOT ? TERN_FAULT_FULL : TERN_FAULT_OTHER;
    return tern_error_fault(err, fault, "the copy cannot be flushed: %s", strerror(errno));
}

static int give_up(struct tern_error *err)
{
    return tern_error_set(err, "the copy was given up: the service is stopping");
}

/* Copies all pages, with a flush and a question now and then. */
static int copy_pages(sqlite3_backup *backup, int fd, const struct tern_db_patience *patience, struct tern_error *err)
{
    for (int steps = 1;; steps++) {
        int code = sqlite3_backup_step(backup, STEP_PAGES);
        if (code == SQLITE_DONE) return 0;
        if (code != SQLITE_OK) return fail(code, err);
        if (steps % STEPS_PER_FLUSH == 0 && flush(fd, err) < 0) return -1;
        if (!patience->goes_on(patience->self)) return give_up(err);
    }
}

/* The copy needs no journal and no flushes by SQLite: until it is finished it may be lost. `fd` is our own descriptor
 * of the same file, for the flushes. */
static int copy_into(struct tern_db *db, const char *path, int fd, const struct tern_db_patience *patience,
                     struct tern_error *err)
{
    sqlite3 *copy = NULL;
    int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (code == SQLITE_OK)
        code = sqlite3_exec(copy, "PRAGMA synchronous=OFF; PRAGMA journal_mode=OFF", NULL, NULL, NULL);
    sqlite3_backup *backup = code == SQLITE_OK ? sqlite3_backup_init(copy, "main", db->handle, "main") : NULL;
    int status = backup ? copy_pages(backup, fd, patience, err) : fail(sqlite3_errcode(copy), err);
    code = sqlite3_backup_finish(backup);
    if (status == 0 && code != SQLITE_OK) status = fail(code, err);
    (void)sqlite3_close(copy);
    return status;
}

/* sqlite3_exec calls it with each row of quick_check, which is "ok" or a fault. */
static int is_ok(void *self, int columns, char **values, char **names)
{
    (void)names;
    *(bool *)self = columns == 1 && values[0] && strcmp(values[0], "ok") == 0;
    return 0;
}

/* SQLite's progress handler: anything but 0 interrupts the statement. */
static int has_to_end(void *self)
{
    const struct tern_db_patience *patience = *(const struct tern_db_patience **)self;
    return !patience->goes_on(patience->self);
}

/* A backup counts only after it was read back. */
static int check_copy(const char *path, const struct tern_db_patience *patience, struct tern_error *err)
{
    sqlite3 *copy = NULL;
    bool ok = false;
    int code = sqlite3_open_v2(path, &copy, SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, NULL);
    if (code == SQLITE_OK) {
        sqlite3_progress_handler(copy, CHECK_STEPS, has_to_end, &patience);
        code = sqlite3_exec(copy, "PRAGMA quick_check(1)", is_ok, &ok, NULL);
    }
    if (code == SQLITE_INTERRUPT) {
        ok = false;
        (void)give_up(err);
    } else if (!ok) {
        (void)tern_error_set(err, "the copy cannot be read back: %s", sqlite3_errmsg(copy));
    }
    (void)sqlite3_close(copy);
    return ok ? 0 : -1;
}

/* Puts the copy into rollback mode, reads it back, flushes it and takes its digest. */
static int finish(const char *path, int fd, const struct tern_db_patience *patience, struct tern_db_copy *ret_copy,
                  struct tern_error *err)
{
    static const unsigned char rollback_mode[] = {1, 1}; /* the write version and the read version of the format */
    struct stat about;
    if (pwrite(fd, rollback_mode, sizeof rollback_mode, VERSIONS_AT) != (ssize_t)sizeof rollback_mode)
        return tern_error_set(err, "the copy cannot be written: %s", strerror(errno));
    if (check_copy(path, patience, err) < 0 || flush(fd, err) < 0) return -1;
    if (fstat(fd, &about) < 0 || tern_sha256_file(fd, patience->goes_on, patience->self, ret_copy->sha256) < 0)
        return errno == ECANCELED ? give_up(err)
                                  : tern_error_set(err, "the copy cannot be read back: %s", strerror(errno));
    ret_copy->bytes = about.st_size;
    return 0;
}

/* Each step runs when the one before has succeeded; the read transaction ends and, after an error, the copy goes in any
 * case. */
int tern_db_copy(struct tern_db *reader, const char *path, const struct tern_db_patience *patience,
                 struct tern_db_copy *ret_copy, struct tern_error *err)
{
    struct tern_db_copy copy;
    char real[PATH_MAX];
    int64_t entries;
    TERN_ASSERT(reader->reader && !reader->begun, "a store is copied by a connection that only reads");
    int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return tern_error_set(err, "the copy %s cannot be made: %s", path, strerror(errno));
    int status = fchmod(fd, 0600) < 0 ? tern_error_set(err, "the copy cannot be made private: %s", strerror(errno)) : 0;
    /* SQLite opens with NOFOLLOW, which refuses links in the folders too. */
    if (status == 0 && !realpath(path, real))
        status = tern_error_set(err, "the copy %s cannot be found: %s", path, strerror(errno));
    if (status == 0) status = tern_db_begin(reader, err);
    if (status == 0) status = tern_db_get_int(reader, snapshot, TERN_DB_NO_ARGS, &entries, err) < 0 ? -1 : 0;
    if (status == 0) status = copy_into(reader, real, fd, patience, err);
    tern_db_rollback(reader);
    if (status == 0) status = finish(real, fd, patience, &copy, err);
    close(fd);
    if (status < 0)
        (void)unlink(path);
    else
        *ret_copy = copy;
    return status;
}
