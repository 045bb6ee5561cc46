/* powercut.c - a disk that forgets, for one process (LD_PRELOAD): what was written and not flushed can be taken back.
 *
 * Before a byte of a store (*.db, *.db-wal) is overwritten, what stood there is added to <file>.undo; after a flush of the
 * file that notebook is emptied. Who takes the notes back in reverse order, from the last one on, has the file as a disk
 * may hold it whose power failed (tests/chaos/powercut.py). With POWERCUT_AT=n the process is killed in the place of the
 * n-th flush. A note: its place, how many old bytes follow, the size of the file before; each 8 bytes, as the machine
 * writes numbers. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FDS_MOST = 4096, PATH_ROOM = 4096 };

struct note {
    int64_t place, length, size_before;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static bool known[FDS_MOST];
static int notebooks[FDS_MOST]; /* of a store's file: the descriptor of its notes; else -1 */
static long flushes;

static void *next_one(const char *name)
{
    void *found = dlsym(RTLD_NEXT, name);
    if (found == NULL) abort();
    return found;
}

static bool ends_with(const char *text, const char *ending)
{
    size_t length = strlen(text), tail = strlen(ending);
    return length >= tail && strcmp(text + length - tail, ending) == 0;
}

/* The notebook of this file, -1 when it is none of a store. The lock is held. */
static int notebook_of(int fd)
{
    char link[64], path[PATH_ROOM + 8];
    if (fd < 0 || fd >= FDS_MOST) return -1;
    if (known[fd]) return notebooks[fd];
    known[fd] = true;
    notebooks[fd] = -1;
    (void)snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_ROOM);
    if (length <= 0) return -1;
    path[length] = '\0';
    if (!ends_with(path, ".db") && !ends_with(path, ".db-wal")) return -1;
    (void)memcpy(path + length, ".undo", sizeof ".undo");
    notebooks[fd] = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    if (notebooks[fd] < 0) abort();
    return notebooks[fd];
}

static void put(int notebook, const void *bytes, size_t length)
{
    if (write(notebook, bytes, length) != (ssize_t)length) abort();
}

/* Notes what a change of `length` bytes at `place` would destroy. The lock is held. */
static void take_note(int fd, int64_t place, int64_t length)
{
    struct stat now;
    int notebook = notebook_of(fd);
    if (notebook < 0 || fstat(fd, &now) != 0) return;
    struct note note = {place, 0, now.st_size};
    char *old = NULL;
    if (place < now.st_size) {
        note.length = now.st_size - place < length ? now.st_size - place : length;
        old = malloc((size_t)note.length);
        if (old == NULL || pread(fd, old, (size_t)note.length, place) != note.length) abort();
    }
    put(notebook, &note, sizeof note);
    if (note.length > 0) put(notebook, old, (size_t)note.length);
    free(old);
}

/* The C library's own names for the arguments are not for us to take.
 * NOLINTBEGIN(readability-inconsistent-declaration-parameter-name) */
ssize_t pwrite64(int fd, const void *bytes, size_t length, off64_t place)
{
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    pthread_mutex_lock(&lock);
    if (real == NULL) real = next_one("pwrite64");
    take_note(fd, place, (int64_t)length);
    ssize_t written = real(fd, bytes, length, place);
    pthread_mutex_unlock(&lock);
    return written;
}

int ftruncate64(int fd, off64_t size)
{
    static int (*real)(int, off64_t);
    pthread_mutex_lock(&lock);
    if (real == NULL) real = next_one("ftruncate64");
    take_note(fd, size, INT64_MAX);
    int status = real(fd, size);
    pthread_mutex_unlock(&lock);
    return status;
}

static int flush(int fd, int (*real)(int))
{
    pthread_mutex_lock(&lock);
    int notebook = notebook_of(fd);
    const char *at = getenv("POWERCUT_AT");
    if (notebook >= 0 && ++flushes == (at ? strtol(at, NULL, 10) : 0)) (void)kill(getpid(), SIGKILL);
    int status = real(fd);
    if (notebook >= 0 && status == 0 && ftruncate(notebook, 0) != 0) abort();
    pthread_mutex_unlock(&lock);
    return status;
}

int fdatasync(int fd)
{
    static int (*real)(int);
    if (real == NULL) real = next_one("fdatasync");
    return flush(fd, real);
}

int fsync(int fd)
{
    static int (*real)(int);
    if (real == NULL) real = next_one("fsync");
    return flush(fd, real);
}

int close(int fd)
{
    static int (*real)(int);
    if (real == NULL) real = next_one("close");
    pthread_mutex_lock(&lock);
    if (fd >= 0 && fd < FDS_MOST && known[fd]) {
        known[fd] = false;
        if (notebooks[fd] >= 0) (void)real(notebooks[fd]);
    }
    pthread_mutex_unlock(&lock);
    return real(fd);
}
/* NOLINTEND(readability-inconsistent-declaration-parameter-name) */
