/* db_sqlite_file.c - the files of a store: locks, the state that the last end left, rights, room.
 *
 * <store>.lock and the file itself are held with flock(2) while the store is open, so that a second process is refused
 * by whatever name it comes. The lock file is never removed: it also records whether the store was closed in order.
 * <store>.ballast is 8 MB that are given up when the disk is full. Our own descriptor of the file is opened before
 * SQLite's and closed after them, because closing any descriptor of a file drops SQLite's fcntl(2) locks on it. */
#include "common/store/store.h"
#include "db_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    BALLAST_BYTES = 8 * 1024 * 1024,
    FULL_BELOW_BYTES = 1024 * 1024 /* free bytes below which a disk counts as full when a store is opened */
};

/* Missing in some versions of linux/magic.h. */
#define MAGIC_CIFS 0xFF534D42u
#define MAGIC_SMB2 0xFE534D42u

/* The name of a file beside the store; db_sqlite_path.c leaves room for the ending. */
static void beside(const struct tern_db *db, const char *ending, char name[PATH_MAX])
{
    snprintf(name, PATH_MAX, "%s%s", db->path, ending);
}

/* A new name is durable once its folder was flushed. */
static void flush_folder_of(const char *path)
{
    char folder[PATH_MAX];
    tern_sqlite_folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

/* Makes the folder and those above it, part by part; each new name is flushed before the next. */
static int make_folder(const char *folder, struct tern_error *err)
{
    char part[PATH_MAX];
    for (const char *end = folder; end;) {
        end = strchr(end + 1, '/');
        size_t length = end ? (size_t)(end - folder) : strlen(folder);
        snprintf(part, sizeof part, "%.*s", (int)length, folder);
        if (mkdir(part, 0750) == 0)
            flush_folder_of(part);
        else if (errno != EEXIST)
            return tern_error_set(err, "cannot make the folder %s: %s", part, strerror(errno));
    }
    return 0;
}

/* WAL mode needs shared memory and working locks, which a network file system does not give (sqlite.org/wal.html). */
static int refuse_network(const char *folder, struct tern_error *err)
{
    struct statfs about;
    if (statfs(folder, &about) < 0)
        return tern_error_set(err, "cannot look at the folder %s: %s", folder, strerror(errno));
    unsigned long kind = (unsigned long)about.f_type & 0xFFFFFFFFu;
    if (kind == NFS_SUPER_MAGIC || kind == SMB_SUPER_MAGIC || kind == MAGIC_CIFS || kind == MAGIC_SMB2)
        return tern_error_set(err, "%s is on a network file system, where file locks cannot be relied on", folder);
    return 0;
}

/* A store holds addresses and telephone numbers, so only its service may read it, whatever the umask is. A file of
 * another user, or on a file system without rights, is used as it is: see tern_db_is_exposed. */
static int make_private(int fd, const char *name, struct tern_error *err)
{
    struct stat about;
    if (fstat(fd, &about) < 0 || !S_ISREG(about.st_mode)) return tern_error_set(err, "%s is no file", name);
    if ((about.st_mode & 0777) != 0600 && fchmod(fd, 0600) < 0 && errno != EPERM)
        return tern_error_set(err, "cannot take %s away from other users: %s", name, strerror(errno));
    return 0;
}

/* Opens a file (with O_CREAT in `flags`: or creates it) and locks it. Returns the descriptor, or -1 with `err` and with
 * errno: 0 when it could be opened. */
static int open_locked(const char *name, int flags, struct tern_error *err)
{
    int fd = open(name, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
    if (fd < 0) {
        int why = errno;
        (void)tern_error_set(err, "cannot open %s: %s", name, strerror(why));
        errno = why;
        return -1;
    }
    if (make_private(fd, name, err) == 0) {
        if (flock(fd, LOCK_EX | LOCK_NB) == 0) return fd;
        if (errno == EWOULDBLOCK)
            (void)tern_error_set(err, "another process is using it (%s is locked)", name);
        else
            (void)tern_error_set(err, "cannot lock %s: %s", name, strerror(errno));
    }
    close(fd);
    errno = 0;
    return -1;
}

/* The words of the lock file, of equal length: written in place, they need no room on a full disk. "used": open, with a
 * log that is not empty. */
static const char is_open[] = "open\n", is_used[] = "used\n", is_shut[] = "shut\n";

/* The word of the lock file; UNKNOWN when it has none. */
static enum tern_sqlite_end last_end(const struct tern_db *db)
{
    static const char *const words[] = {
        [TERN_SQLITE_SHUT] = is_shut, [TERN_SQLITE_OPEN] = is_open, [TERN_SQLITE_USED] = is_used};
    char word[sizeof is_open] = "";
    if (pread(db->lock, word, sizeof is_open - 1, 0) != (ssize_t)sizeof is_open - 1) return TERN_SQLITE_UNKNOWN;
    for (int end = TERN_SQLITE_SHUT; end <= TERN_SQLITE_USED; end++)
        if (strcmp(word, words[end]) == 0) return (enum tern_sqlite_end)end;
    return TERN_SQLITE_UNKNOWN;
}

/* Opens it by name: the locked file may have been removed, and the next start reads the one of that name. */
static bool write_word(const struct tern_db *db, const char *word)
{
    char name[PATH_MAX];
    beside(db, ".lock", name);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return false;
    bool written = pwrite(fd, word, strlen(word), 0) == (ssize_t)strlen(word) &&
                   ftruncate(fd, (off_t)strlen(word)) == 0 && fdatasync(fd) == 0;
    close(fd);
    return written;
}

bool tern_sqlite_note_open(struct tern_db *db, bool open)
{
    if (db->lock < 0 || db->noted_open == open) return false;
    if (open) flush_folder_of(db->path); /* the log must have its name before its absence means a loss */
    db->noted_open = open;
    return write_word(db, open ? is_open : is_shut);
}

void tern_sqlite_note_used(struct tern_db *db)
{
    if (db->noted_open && !atomic_load(&db->noted_used) && atomic_load(&db->files.log_length) > 0)
        atomic_store(&db->noted_used, write_word(db, is_used));
}

void tern_sqlite_keep_word(const struct tern_db *db)
{
    char name[PATH_MAX];
    beside(db, ".lock", name);
    if (db->noted_open && access(name, F_OK) < 0 && write_word(db, atomic_load(&db->noted_used) ? is_used : is_open))
        flush_folder_of(db->path);
}

void tern_sqlite_keep_length(const struct tern_db *db, int64_t length)
{
    char words[64];
    (void)snprintf(words, sizeof words, "%s%lld\n", is_used, (long long)length);
    (void)write_word(db, words);
}

/* Without the file SQLite would begin an empty store, and discard the log. */
static int check_nothing_is_missing(const struct tern_db *db, struct tern_error *err)
{
    if (tern_sqlite_log_bytes(db) > 0)
        return tern_error_fault(err, TERN_FAULT_BROKEN,
                                "there is its log (-wal) but not the store: put it back, or remove the log to begin a "
                                "new, empty store");
    if (last_end(db) != TERN_SQLITE_UNKNOWN)
        return tern_error_fault(err, TERN_FAULT_BROKEN,
                                "there was a store, and it is gone (removed, renamed, or its disk is not there): put "
                                "it back, or remove its .lock file to begin a new, empty store");
    return 0;
}

/* Refuses a store that lacks what its last use has committed. A length behind the word of the lock file is what
 * tern_sqlite_keep_length has recorded. */
static int check_what_was_left(const struct tern_db *db, struct tern_error *err)
{
    enum { WRITE_VERSION_AT = 18, ROLLBACK_JOURNAL = 1 };
    unsigned char version = 0;
    char digits[32] = "";
    struct stat about;
    if (db->file < 0 || fstat(db->file, &about) < 0 || about.st_size == 0) return check_nothing_is_missing(db, err);
    /* A store in use is in WAL mode; a backup (db_sqlite_backup.c) is not, until it is opened. */
    if (pread(db->file, &version, 1, WRITE_VERSION_AT) == 1 && version == ROLLBACK_JOURNAL) {
        if (tern_sqlite_log_bytes(db) == 0) return 0;
        return tern_error_fault(err, TERN_FAULT_BROKEN,
                                "it is a backup, and the log (-wal) beside it belongs to the store that was "
                                "there before: remove the log to go on with the backup");
    }
    bool kept = pread(db->lock, digits, sizeof digits - 1, sizeof is_used - 1) > 0;
    return tern_sqlite_check_log(db, last_end(db), kept ? strtoll(digits, NULL, 10) : 0, err);
}

/* Files that an older version, or a copy, left readable to others; SQLite gives new ones the rights of the store's
 * file. */
static void make_log_private(const struct tern_db *db)
{
    static const char *const endings[] = {"-wal", "-shm", ".ballast"};
    char name[PATH_MAX];
    for (size_t i = 0; i < TERN_COUNT(endings); i++) {
        struct stat about;
        beside(db, endings[i], name);
        if (lstat(name, &about) == 0 && S_ISREG(about.st_mode)) (void)chmod(name, 0600);
    }
}

/* The lock on the file refuses a second process that comes by another name of the file, or after the lock file was
 * removed. It is taken after the lock file's: closing a descriptor drops SQLite's own locks on the file, if this
 * process has any. A missing file is made only after the check that none has been lost. */
int tern_sqlite_claim(struct tern_db *db, struct tern_error *err)
{
    char folder[PATH_MAX], name[PATH_MAX];
    tern_sqlite_folder_of(db->path, folder);
    if (make_folder(folder, err) < 0 || refuse_network(folder, err) < 0) return -1;
    beside(db, ".lock", name);
    db->lock = open_locked(name, O_CREAT, err);
    if (db->lock < 0) return -1;
    db->file = open_locked(db->path, 0, err);
    if (db->file < 0 && errno != ENOENT) return -1;
    if (check_what_was_left(db, err) < 0) return -1;
    make_log_private(db);
    if (db->file < 0) {
        db->file = open_locked(db->path, O_CREAT | O_EXCL, err);
        flush_folder_of(db->path);
        if (db->file < 0) return -1;
    }
    struct stat about;
    db->made = fstat(db->file, &about) == 0 && about.st_size == 0;
    return 0;
}

void tern_sqlite_unclaim(struct tern_db *db)
{
    int *const held[] = {&db->file, &db->lock};
    for (size_t i = 0; i < TERN_COUNT(held); i++) {
        if (*held[i] >= 0) {
            close(*held[i]);
            *held[i] = -1;
        }
    }
}

/* ---- room ------------------------------------------------------------------------------------------------ */

bool tern_db_is_new(const struct tern_db *db)
{
    return db->made;
}

bool tern_db_is_exposed(const struct tern_db *db)
{
    struct stat about;
    return db->file >= 0 && fstat(db->file, &about) == 0 && (about.st_mode & 0077) != 0;
}

const char *tern_db_path(const struct tern_db *db)
{
    return db->path;
}

void tern_db_room(const struct tern_db *db, struct tern_db_room *ret_room)
{
    struct stat about;
    *ret_room = (struct tern_db_room){
        .store_bytes = db->file >= 0 && fstat(db->file, &about) == 0 ? (int64_t)about.st_size : 0,
        .log_bytes = tern_sqlite_log_bytes(db),
        .free_bytes = tern_sqlite_free_bytes(db),
        .has_reserve = tern_sqlite_has_ballast(db),
    };
}

/* f_bavail: without the blocks that only root may use. */
int64_t tern_sqlite_free_bytes(const struct tern_db *db)
{
    char folder[PATH_MAX];
    struct statvfs about;
    if (!db->path) return INT64_MAX;
    tern_sqlite_folder_of(db->path, folder);
    return statvfs(folder, &about) == 0 ? (int64_t)(about.f_bavail * about.f_frsize) : 0;
}

bool tern_sqlite_disk_is_full(const struct tern_db *db)
{
    return tern_sqlite_free_bytes(db) < FULL_BELOW_BYTES;
}

/* Only unlink(2), which works on a full disk; readers have none. */
bool tern_sqlite_drop_ballast(struct tern_db *db)
{
    char name[PATH_MAX];
    if (!db->path || db->reader) return false;
    db->ballast_gone = true;
    beside(db, ".ballast", name);
    return unlink(name) == 0;
}

/* True for a store in memory, which needs none. */
bool tern_sqlite_has_ballast(const struct tern_db *db)
{
    char name[PATH_MAX];
    struct stat about;
    if (!db->path) return true;
    beside(db, ".ballast", name);
    return stat(name, &about) == 0 && about.st_size == BALLAST_BYTES;
}

/* Makes the ballast if it is missing and the disk has twice its room: else the ballast itself would fill the disk. */
void tern_sqlite_keep_ballast(struct tern_db *db)
{
    char name[PATH_MAX];
    db->ballast_gone = !tern_sqlite_has_ballast(db);
    if (!db->ballast_gone || tern_sqlite_free_bytes(db) < 2 * (int64_t)BALLAST_BYTES) return;
    beside(db, ".ballast", name);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) return;
    db->ballast_gone = make_private(fd, name, NULL) < 0 || posix_fallocate(fd, 0, BALLAST_BYTES) != 0;
    close(fd);
    if (db->ballast_gone) unlink(name);
}
