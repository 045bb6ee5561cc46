/* db_sqlite_log.c - checks the write-ahead log that a crash left, before SQLite recovers it.
 *
 * SQLite replays a log up to the first frame whose checksum fails. That is right for a commit that was cut short, but a
 * log that is gone or damaged in the middle loses committed orders silently. A commit is on the disk before the next
 * one begins, so at most the last one can be incomplete: two commits behind the last valid frame are damage. The format
 * is that of sqlite.org/fileformat.html, section 4. Reads only. */
#include "db_sqlite.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LOG_HEADER = 32, FRAME_HEADER = 24, PAGE_MIN = 512, PAGE_MAX = 65536, NAME_ROOM = 4096 };

#define LOG_MAGIC 0x377f0682u /* its last bit is the byte order of the checksums */

/* The two halves of a checksum (section 4.2 of the format). */
struct sum {
    uint32_t first, second;
};

struct log_file {
    int fd;
    bool big_endian;                              /* byte order in which checksums add up; all fields are big-endian */
    uint32_t page_size;                           /* of the store, in bytes; every frame holds one page */
    unsigned char salts[8];                       /* new for each use of the file; frames carry those of their use */
    struct sum sum;                               /* up to the last valid frame */
    unsigned char frame[FRAME_HEADER + PAGE_MAX]; /* the one being checked */
};

static uint32_t big(const unsigned char *bytes)
{
    return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 | bytes[3];
}

static uint32_t little(const unsigned char *bytes)
{
    return (uint32_t)bytes[3] << 24 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[1] << 8 | bytes[0];
}

/* Continues the sum over `length` bytes, a multiple of 8. Each frame continues the sum of the frame before, so one
 * damaged frame makes all later ones fail. */
static struct sum add_up(struct sum sum, bool big_endian, const unsigned char *bytes, size_t length)
{
    for (size_t i = 0; i < length; i += 8) {
        sum.first += (big_endian ? big(bytes + i) : little(bytes + i)) + sum.second;
        sum.second += (big_endian ? big(bytes + i + 4) : little(bytes + i + 4)) + sum.first;
    }
    return sum;
}

static bool matches(const unsigned char *bytes, struct sum sum)
{
    return big(bytes) == sum.first && big(bytes + 4) == sum.second;
}

/* False: empty, never completed, or damaged. */
static bool read_header(struct log_file *log)
{
    unsigned char header[LOG_HEADER];
    const struct sum nothing = {0, 0};
    if (pread(log->fd, header, sizeof header, 0) != (ssize_t)sizeof header || (big(header) & ~1u) != LOG_MAGIC)
        return false;
    log->big_endian = (big(header) & 1u) != 0;
    log->page_size = big(header + 8);
    log->sum = add_up(nothing, log->big_endian, header, 24);
    memcpy(log->salts, header + 16, sizeof log->salts);
    return matches(header + 24, log->sum) && log->page_size >= PAGE_MIN && log->page_size <= PAGE_MAX;
}

/* Reads frame `number`, from 0; false behind the end of the file. */
static bool read_frame(struct log_file *log, int64_t number)
{
    size_t size = FRAME_HEADER + log->page_size;
    return pread(log->fd, log->frame, size, LOG_HEADER + number * (off_t)size) == (ssize_t)size;
}

/* Whether the frame belongs to this log, not to an earlier use of the file. */
static bool is_ours(const struct log_file *log)
{
    return memcmp(log->frame + 8, log->salts, sizeof log->salts) == 0;
}

/* Whether the checksum fits that of the frames before; then it is continued. */
static bool is_valid(struct log_file *log)
{
    struct sum sum = add_up(log->sum, log->big_endian, log->frame, 8);
    sum = add_up(sum, log->big_endian, log->frame + FRAME_HEADER, log->page_size);
    if (!is_ours(log) || !matches(log->frame + 16, sum)) return false;
    log->sum = sum;
    return true;
}

/* Frames are written after their header is on the disk, so a log with frames and without a valid header is damaged.
 * Behind the last valid frame two commits must not follow: the second was begun only after the first was flushed. */
static bool is_damaged(struct log_file *log, bool was_used)
{
    struct stat about;
    if (!read_header(log))
        return was_used || (fstat(log->fd, &about) == 0 && about.st_size >= LOG_HEADER + FRAME_HEADER + PAGE_MIN);
    int64_t number = 0;
    while (read_frame(log, number) && is_valid(log))
        number++;
    int commits = 0;
    for (; commits < 2 && read_frame(log, number); number++) {
        bool ends_a_commit = big(log->frame + 4) != 0; /* the size of the store in pages; 0 in all other frames */
        commits += is_ours(log) && ends_a_commit;
    }
    return commits == 2;
}

int64_t tern_sqlite_log_bytes(const struct tern_db *db)
{
    char name[NAME_ROOM];
    struct stat about;
    if (!db->path) return 0;
    (void)snprintf(name, sizeof name, "%s-wal", db->path);
    return stat(name, &about) == 0 ? (int64_t)about.st_size : 0;
}

int tern_sqlite_check_log(const struct tern_db *db, enum tern_sqlite_end end, int64_t least, struct tern_error *err)
{
    char name[NAME_ROOM];
    (void)snprintf(name, sizeof name, "%s-wal", db->path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    if (fd < 0 && errno == ENOENT && end >= TERN_SQLITE_OPEN)
        return tern_error_fault(err, TERN_FAULT_BROKEN,
                                "it was not closed in order and its log (-wal) is gone, with what was committed last; "
                                "remove its .lock file to go on without that");
    if (fd < 0) return 0; /* SQLite reports a log that cannot be read */
    struct log_file *log = tern_alloc(sizeof *log);
    log->fd = fd;
    bool damaged = tern_sqlite_log_bytes(db) < least || is_damaged(log, end == TERN_SQLITE_USED);
    free(log);
    (void)close(fd);
    return damaged ? tern_error_fault(err, TERN_FAULT_BROKEN,
                                      "its log (-wal) is damaged, with what was committed last; remove the log and its "
                                      ".lock file to go on without that")
                   : 0;
}
