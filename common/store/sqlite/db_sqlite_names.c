/* db_sqlite_names.c - checks that the names of a store still lead to the open files, and that only we change them.
 *
 * A file that has lost its name can still be written, but the next start will not find what is committed to it. So the
 * names are checked after every commit, before it is acknowledged, and about once a second. An open file keeps its
 * inode, which no other file can have. The main file changes at a checkpoint only, and only this process makes one:
 * another modification time or length means that another process writes to it. The log is never shorter than our last
 * commit left it, except for the cut to its limit: a commit or checkpoint on a log with a hole would damage what is
 * still whole. Reads directory entries, never the store; repairs nothing but the lock file. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/store/store.h"
#include "db_sqlite.h"

enum { MAIN, LOG };

static const struct {
    const char *ending, *what; /* of the file's name; its name in a sentence */
} files[TERN_SQLITE_FILES] = {
    {"",     "file"        },
    {"-wal", "log (-wal)"  },
    {"-shm", "index (-shm)"},
};

static int stat_file(const char *path, int which, struct stat *about)
{
    char name[PATH_MAX];
    (void)snprintf(name, sizeof name, "%s%s", path, files[which].ending);
    return stat(name, about);
}

/* BROKEN, with a sentence. The lock file is kept, so that the next start finds the loss, too. */
static int report(const struct tern_db *db, int which, const char *what_happened, struct tern_error *err)
{
    tern_sqlite_keep_word(db);
    return tern_error_fault(err, TERN_FAULT_BROKEN, "the %s of the store %s %s while it was in use", files[which].what,
                            db->path, what_happened);
}

/* Whether the name still leads to the inode that was noted. Fills `about`. */
static int check_name(const struct tern_db *db, const char *path, int which, struct stat *about, struct tern_error *err)
{
    if (stat_file(path, which, about) < 0)
        return report(db, which, errno == ENOENT ? "was removed or renamed" : "came out of reach", err);
    if (about->st_dev == db->files.device[which] && about->st_ino == db->files.inode[which]) return 0;
    return report(db, which, "was replaced by another", err);
}

/* Checks the first `count` files, and the file by its configured name: after a link was changed the next start would
 * open another store. */
static int check_names(const struct tern_db *db, int count, struct stat about[TERN_SQLITE_FILES],
                       struct tern_error *err)
{
    if (db->alias && check_name(db, db->alias, MAIN, &about[MAIN], err) < 0) return -1;
    for (int which = 0; which < count; which++)
        if (check_name(db, db->path, which, &about[which], err) < 0) return -1;
    return 0;
}

/* Reads the expected length before and after the file: a commit of the writer thread may change it meanwhile. */
static int check_log(const struct tern_db *db, struct stat *about, struct tern_error *err)
{
    int64_t before = atomic_load(&db->files.log_length);
    if (check_name(db, db->path, LOG, about, err) < 0) return -1;
    int64_t after = atomic_load(&db->files.log_length);
    int64_t least = before < after ? before : after;
    if (about->st_size >= least) return 0;
    tern_sqlite_keep_length(db, least);
    return report(db, LOG, "was cut short", err);
}

/* A second hard link is another way to the file: SQLite would look for the log and its index beside that name. */
int tern_db_check(const struct tern_db *db, bool *ret_shared, struct tern_error *err)
{
    struct stat about[TERN_SQLITE_FILES];
    if (!db->path) {
        *ret_shared = false;
        return 0;
    }
    if (check_names(db, TERN_SQLITE_FILES, about, err) < 0 || check_log(db, &about[LOG], err) < 0) return -1;
    tern_sqlite_keep_word(db);
    *ret_shared = about[MAIN].st_nlink > 1 || about[LOG].st_nlink > 1;
    return 0;
}

int tern_db_check_unchanged(const struct tern_db *db, struct tern_error *err)
{
    struct stat about[TERN_SQLITE_FILES];
    if (!db->files.noted) return 0;
    /* Committed data is in the file and its log; SQLite rebuilds the index from the log. */
    if (check_names(db, MAIN + 1, about, err) < 0 || check_log(db, &about[LOG], err) < 0) return -1;
    const struct timespec *then = &db->files.written, *now = &about[MAIN].st_mtim;
    if (about[MAIN].st_size != db->files.length || now->tv_sec != then->tv_sec || now->tv_nsec != then->tv_nsec)
        return report(db, MAIN, "was written to by somebody else", err);
    return 0;
}

int tern_sqlite_check_log_length(const struct tern_db *db, struct tern_error *err)
{
    struct stat about;
    return db->files.noted ? check_log(db, &about, err) : 0;
}

/* A commit that changes nothing leaves the lower length until the next one. */
void tern_sqlite_expect_commit(struct tern_db *db)
{
    if (atomic_load(&db->files.log_length) > TERN_SQLITE_LOG_LIMIT)
        atomic_store(&db->files.log_length, TERN_SQLITE_LOG_LIMIT);
}

void tern_sqlite_note_log(struct tern_db *db)
{
    struct stat about;
    if (stat_file(db->path, LOG, &about) == 0) atomic_store(&db->files.log_length, about.st_size);
}

void tern_sqlite_note_written(struct tern_db *db)
{
    struct stat about;
    if (stat_file(db->path, MAIN, &about) < 0) return; /* the next check reports it */
    db->files.written = about.st_mtim;
    db->files.length = about.st_size;
}

int tern_sqlite_note_files(struct tern_db *db, struct tern_error *err)
{
    struct stat about;
    for (int which = 0; which < TERN_SQLITE_FILES; which++) {
        if (stat_file(db->path, which, &about) < 0)
            return tern_error_set(err, "its %s cannot be found: %s", files[which].what, strerror(errno));
        db->files.device[which] = about.st_dev;
        db->files.inode[which] = about.st_ino;
    }
    if (fstat(db->file, &about) < 0 || about.st_dev != db->files.device[MAIN] || about.st_ino != db->files.inode[MAIN])
        return tern_error_set(err, "its file was replaced while it was opened");
    tern_sqlite_note_written(db);
    tern_sqlite_note_log(db);
    db->files.noted = true;
    return 0;
}
