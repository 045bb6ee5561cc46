/* The SQLite driver's files: which path a URL names, who may use it, and room for the worst day.
 *
 * <store>.lock is held with flock for as long as the store is open, so that a second process is refused; it is never
 * removed, because a lock on a file that has lost its name guards nothing. It also says whether the store was closed
 * in order. <store>.ballast is 8 MB that are given
 * up when the disk is full. The store's own file is opened by SQLite alone: closing any other descriptor of it would
 * drop SQLite's locks. */
#include "db_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { BALLAST_BYTES = 8 * 1024 * 1024, FULL_BELOW_BYTES = 1024 * 1024, PATH_ROOM = 4096 };

/* Not in every linux/magic.h. */
#define MAGIC_CIFS 0xFF534D42u
#define MAGIC_SMB2 0xFE534D42u

int tern_sqlite_path(const char *url, char **ret_path, struct tern_error *err)
{
    static const char scheme[] = "sqlite:";
    if (strncmp(url, scheme, sizeof scheme - 1) != 0) {
        const char *colon = strchr(url, ':');
        return tern_error_set(err, "there is no driver for \"%.*s\": a store is named sqlite:<path>",
                              colon != NULL ? (int)(colon - url + 1) : 20, url);
    }
    const char *path = url + sizeof scheme - 1;
    if (strcmp(path, ":memory:") == 0) {
        *ret_path = NULL;
        return 0;
    }
    if (strncmp(path, "//", 2) == 0) {
        path += 2;
        if (path[0] != '/') {
            return tern_error_set(err, "sqlite:// is followed by an absolute path (sqlite:///var/lib/x.db)");
        }
    }
    size_t length = strlen(path);
    if (length == 0 || path[length - 1] == '/' || length > PATH_ROOM - 32) {
        return tern_error_set(err, "sqlite: is followed by the path of a file");
    }
    *ret_path = tern_copy_text(path);
    return 0;
}

static void beside(const struct tern_db *db, const char *ending, char name[PATH_ROOM])
{
    snprintf(name, PATH_ROOM, "%s%s", db->path, ending);
}

/* The folder that `path` lies in. */
static void folder_of(const char *path, char folder[PATH_ROOM])
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL) {
        tern_copy(folder, PATH_ROOM, ".");
    } else if (slash == path) {
        tern_copy(folder, PATH_ROOM, "/");
    } else {
        snprintf(folder, PATH_ROOM, "%.*s", (int)(slash - path), path);
    }
}

/* A new name is durable once the folder that holds it was flushed. */
static void flush_folder_of(const char *path)
{
    char folder[PATH_ROOM];
    folder_of(path, folder);
    int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0) {
        (void)fsync(fd);
        close(fd);
    }
}

static int make_folder(const char *folder, struct tern_error *err)
{
    char part[PATH_ROOM];
    for (const char *end = folder; end != NULL;) {
        end = strchr(end + 1, '/');
        size_t length = end != NULL ? (size_t)(end - folder) : strlen(folder);
        snprintf(part, sizeof part, "%.*s", (int)length, folder);
        if (mkdir(part, 0750) == 0) {
            flush_folder_of(part);
        } else if (errno != EEXIST) {
            return tern_error_set(err, "cannot make the folder %s: %s", part, strerror(errno));
        }
    }
    return 0;
}

static int refuse_network(const char *folder, struct tern_error *err)
{
    struct statfs about;
    if (statfs(folder, &about) < 0) {
        return tern_error_set(err, "cannot look at the folder %s: %s", folder, strerror(errno));
    }
    unsigned long kind = (unsigned long)about.f_type & 0xFFFFFFFFu;
    if (kind == NFS_SUPER_MAGIC || kind == SMB_SUPER_MAGIC || kind == MAGIC_CIFS || kind == MAGIC_SMB2) {
        return tern_error_set(err, "%s is on a network file system, where file locks cannot be relied on", folder);
    }
    return 0;
}

static int take_lock(struct tern_db *db, struct tern_error *err)
{
    char name[PATH_ROOM];
    beside(db, ".lock", name);
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return tern_error_set(err, "cannot open %s: %s", name, strerror(errno));
    }
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        int why = errno;
        close(fd);
        return why == EWOULDBLOCK ? tern_error_set(err, "another process is using it (%s is locked)", name)
                                  : tern_error_set(err, "cannot lock %s: %s", name, strerror(why));
    }
    db->lock = fd;
    return 0;
}

static const char is_open[] = "open\n",
                  is_shut[] = "shut\n"; /* of one length: written in place, a full disk takes it */

static bool was_open(const struct tern_db *db)
{
    char word[sizeof is_open] = "";
    return pread(db->lock, word, sizeof is_open - 1, 0) == (ssize_t)sizeof is_open - 1 && strcmp(word, is_open) == 0;
}

bool tern_sqlite_note_open(struct tern_db *db, bool open)
{
    if (db->lock < 0 || db->noted_open == open) {
        return false;
    }
    if (open) {
        flush_folder_of(db->path); /* the log has its name in it before anybody may miss it */
    }
    db->noted_open = open;
    return pwrite(db->lock, open ? is_open : is_shut, sizeof is_open - 1, 0) > 0 && fdatasync(db->lock) == 0;
}

/* A store that is not there yet has no log to miss. */
static int check_what_was_left(const struct tern_db *db, struct tern_error *err)
{
    return access(db->path, F_OK) == 0 ? tern_sqlite_check_log(db, was_open(db), err) : 0;
}

/* What a store holds (addresses, telephone numbers) is for its service alone; -wal and -shm take after it. */
static int create_private(const struct tern_db *db, struct tern_error *err)
{
    int fd = open(db->path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd >= 0) {
        close(fd);
        flush_folder_of(db->path);
        return 0;
    }
    return errno == EEXIST ? 0 : tern_error_set(err, "cannot create it: %s", strerror(errno));
}

int tern_sqlite_claim(struct tern_db *db, struct tern_error *err)
{
    char folder[PATH_ROOM];
    folder_of(db->path, folder);
    if (make_folder(folder, err) < 0 || refuse_network(folder, err) < 0 || take_lock(db, err) < 0 ||
        check_what_was_left(db, err) < 0) {
        return -1;
    }
    return create_private(db, err);
}

void tern_sqlite_unclaim(struct tern_db *db)
{
    if (db->lock >= 0) {
        close(db->lock);
        db->lock = -1;
    }
}

/* ---- room ------------------------------------------------------------------------------------------------ */

const char *tern_db_path(const struct tern_db *db)
{
    return db->path;
}

int64_t tern_db_disk_free_bytes(const struct tern_db *db)
{
    char folder[PATH_ROOM];
    struct statvfs about;
    if (db->path == NULL) {
        return INT64_MAX;
    }
    folder_of(db->path, folder);
    return statvfs(folder, &about) == 0 ? (int64_t)(about.f_bavail * about.f_frsize) : 0;
}

int64_t tern_db_wal_bytes(const struct tern_db *db)
{
    char name[PATH_ROOM];
    struct stat about;
    if (db->path == NULL) {
        return 0;
    }
    beside(db, "-wal", name);
    return stat(name, &about) == 0 ? (int64_t)about.st_size : 0;
}

bool tern_sqlite_disk_is_full(const struct tern_db *db)
{
    return tern_db_disk_free_bytes(db) < FULL_BELOW_BYTES;
}

bool tern_sqlite_drop_ballast(struct tern_db *db)
{
    char name[PATH_ROOM];
    if (db->path == NULL || db->reader) {
        return false;
    }
    db->ballast_gone = true;
    beside(db, ".ballast", name);
    return unlink(name) == 0;
}

bool tern_db_has_ballast(const struct tern_db *db)
{
    char name[PATH_ROOM];
    struct stat about;
    if (db->path == NULL) {
        return true;
    }
    beside(db, ".ballast", name);
    return stat(name, &about) == 0 && about.st_size == BALLAST_BYTES;
}

static bool make_ballast(const char *name)
{
    int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
        return false;
    }
    bool made = posix_fallocate(fd, 0, BALLAST_BYTES) == 0;
    close(fd);
    if (!made) {
        unlink(name);
    }
    return made;
}

/* Only with as much room again beside it: or it would itself be what fills the disk. */
void tern_sqlite_keep_ballast(struct tern_db *db)
{
    char name[PATH_ROOM];
    if (tern_db_has_ballast(db)) {
        db->ballast_gone = false;
        return;
    }
    beside(db, ".ballast", name);
    db->ballast_gone = tern_db_disk_free_bytes(db) < 2 * (int64_t)BALLAST_BYTES || !make_ballast(name);
}
