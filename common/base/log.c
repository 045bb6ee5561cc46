/* log.c - logs: target, level, and lines that wait for a commit.
 *
 * A log that writes builds each line in one buffer under its lock and passes it on with one write(2), so lines of
 * several threads never mix. A pipe or a terminal gets at most PIPE_BUF bytes per write(2): once poll(2) reports it
 * writable, it takes that many without blocking. A buffered log belongs to one thread, needs no lock, and flushes all
 * its lines to its target at once. Buffers are kept, so a line allocates nothing once they have grown. A line that
 * cannot be written is lost: logging never blocks the work for more than STUCK_MS, and never changes errno. */
#include "tern/log.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log_line.h"
#include "log_setup.h"

enum {
    KEPT_ROOM = 256 * 1024, /* a larger buffer is freed once its lines are written */
    QUOTA_MS = 60000,       /* period of a struct tern_log_quota */
    STUCK_MS = 1000         /* longest wait for a full pipe; then lines are lost until it is read again */
};

struct tern_log {
    struct tern_log *target;        /* of a buffered log; NULL for one that writes */
    const struct tern_clock *clock; /* the creator's */
    struct log_style style;         /* of every line; constant */
    char *service;                  /* owned; NULL in a buffered log */
    int fd;                         /* the caller's; -1: silent, or buffered */
    size_t piece_most;              /* bytes per write(2) */
    atomic_int level;               /* enum tern_log_level */
    pthread_mutex_t lock;           /* of a log that writes: guards the members below and the order of lines */
    bool stuck;                     /* the pipe has been full for STUCK_MS */
    struct log_time time;           /* text of the last line's time */
    struct tern_text lines;         /* buffered: all lines that wait; else the line being built */
};

/* ---- style ---- */

/* FORCE_COLOR decides (0 and false: no colours); then NO_COLOR and TERM=dumb forbid colours; then a terminal gets
 * them. */
static bool wants_colour(int fd)
{
    const char *force = getenv("FORCE_COLOR");
    if (force && force[0] != '\0') return strcmp(force, "0") != 0 && strcmp(force, "false") != 0;
    const char *no_colour = getenv("NO_COLOR");
    if (no_colour && no_colour[0] != '\0') return false;
    const char *terminal = getenv("TERM");
    if (terminal && strcmp(terminal, "dumb") == 0) return false;
    return isatty(fd) == 1;
}

/* systemd puts the device and inode of the stream that the journal reads into JOURNAL_STREAM (systemd.exec(5)). The
 * variable is inherited by children whose output goes elsewhere, so the descriptor is compared. */
static bool goes_to_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    struct stat file;
    if (!stream || fstat(fd, &file) < 0) return false;
    char own[64];
    (void)snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)file.st_dev, (uintmax_t)file.st_ino);
    return strcmp(stream, own) == 0;
}

/* ---- create and destroy ---- */

struct tern_log *tern_log_create(const char *service, enum tern_log_level level, enum tern_log_format format, int fd,
                                 const struct tern_clock *clock)
{
    struct tern_log *log = tern_alloc(sizeof *log);
    int rc = pthread_mutex_init(&log->lock, NULL);
    TERN_ASSERT(rc == 0, "a mutex can be made");
    if (format == TERN_LOG_AUTO) format = isatty(fd) == 1 ? TERN_LOG_PRETTY : TERN_LOG_LOGFMT;
    struct stat file;
    bool regular = fstat(fd, &file) == 0 && S_ISREG(file.st_mode); /* never blocks: one write(2) for all */
    log->service = tern_copy_text(service);
    log->piece_most = regular ? SIZE_MAX : PIPE_BUF;
    log->style =
        (struct log_style){format, format == TERN_LOG_PRETTY && wants_colour(fd), goes_to_journal(fd), log->service};
    log->clock = clock;
    log->fd = fd;
    log->time.ms = INT64_MIN;
    atomic_init(&log->level, (int)level);
    return log;
}

struct tern_log *tern_log_create_buffered(struct tern_log *target)
{
    if (!target) return NULL; /* silent stays silent */
    TERN_ASSERT(!target->target, "the target of a buffered log writes by itself");
    struct tern_log *log = tern_alloc(sizeof *log);
    log->target = target;
    log->style = target->style;
    log->clock = target->clock;
    log->fd = -1;
    log->time.ms = INT64_MIN;
    return log;
}

void tern_log_destroy(struct tern_log *log)
{
    if (!log) return;
    int saved = errno;
    if (!log->target) (void)pthread_mutex_destroy(&log->lock);
    tern_text_fini(&log->lines);
    free(log->service);
    free(log);
    errno = saved;
}

/* ---- levels and formats ---- */

void tern_log_set_level(struct tern_log *log, enum tern_log_level level)
{
    if (log) atomic_store_explicit(&(log->target ? log->target : log)->level, (int)level, memory_order_relaxed);
}

bool tern_log_enabled(const struct tern_log *log, enum tern_log_level level)
{
    if (!log) return false;
    const struct tern_log *holder = log->target ? log->target : log;
    return holder->fd >= 0 && (int)level <= atomic_load_explicit(&holder->level, memory_order_relaxed);
}

int tern_log_level_parse(const char *name, enum tern_log_level *ret_level)
{
    static const enum tern_log_level levels[] = {TERN_LOG_ERROR, TERN_LOG_WARN, TERN_LOG_INFO, TERN_LOG_DEBUG};
    for (size_t i = 0; i < TERN_COUNT(levels); i++) {
        if (strcmp(name, tern_log_level_name(levels[i])) == 0) {
            *ret_level = levels[i];
            return 0;
        }
    }
    return -1;
}

int tern_log_format_parse(const char *name, enum tern_log_format *ret_format)
{
    static const char *const names[] = {
        [TERN_LOG_AUTO] = "auto", [TERN_LOG_PRETTY] = "pretty", [TERN_LOG_LOGFMT] = "logfmt", [TERN_LOG_JSON] = "json"};
    for (size_t i = 0; i < TERN_COUNT(names); i++) {
        if (strcmp(name, names[i]) == 0) {
            *ret_format = (enum tern_log_format)i;
            return 0;
        }
    }
    return -1;
}

/* ---- lines ---- */

/* Writes the lines in pieces that do not block: the writer thread logs too, and every answer waits for it. A piece ends
 * with a whole line if one fits. Gives up when the pipe stays full, or at an error. */
static void write_all(struct tern_log *log, const char *bytes, size_t length)
{
    while (length > 0) {
        struct pollfd wait = {log->fd, POLLOUT, 0};
        log->stuck = poll(&wait, 1, log->stuck ? 0 : STUCK_MS) == 0;
        if (log->stuck) return;
        size_t piece = length;
        if (length > log->piece_most) {
            const char *end = memrchr(bytes, '\n', log->piece_most);
            piece = end ? (size_t)(end - bytes) + 1 : log->piece_most;
        }
        ssize_t written = write(log->fd, bytes, piece);
        if (written > 0) {
            bytes += written;
            length -= (size_t)written;
        } else if (errno != EAGAIN && errno != EINTR) {
            return;
        }
    }
}

/* A debug level or a long transaction may have grown the buffer; do not keep that much for ever. */
static void empty(struct tern_text *lines)
{
    if (lines->room > KEPT_ROOM)
        tern_text_fini(lines);
    else
        tern_text_clear(lines);
}

/* A line that is below the level costs one atomic load. errno is kept, because callers log between a failed call and
 * the use of its errno. */
void tern_log_write(struct tern_log *log, enum tern_log_level level, const char *message, ...)
{
    if (!tern_log_enabled(log, level)) return;
    int saved = errno;
    bool writes = !log->target;
    if (writes) pthread_mutex_lock(&log->lock);
    int64_t now_ms = tern_now(log->clock);
    if (now_ms != log->time.ms) tern_time_format(now_ms, log->time.text);
    log->time.ms = now_ms;
    va_list fields;
    va_start(fields, message);
    tern_log_line_add(&log->lines, &log->style, log->time.text, level, message, fields);
    va_end(fields);
    if (writes) {
        write_all(log, log->lines.bytes, log->lines.length);
        empty(&log->lines);
        pthread_mutex_unlock(&log->lock);
    }
    errno = saved;
}

/* A period begins with its first line. */
enum tern_log_level tern_log_quota_take(struct tern_log_quota *quota, int64_t most, int64_t now_ms,
                                        int64_t *ret_left_out)
{
    *ret_left_out = 0;
    if (now_ms >= quota->until_ms) {
        quota->until_ms = now_ms + QUOTA_MS;
        quota->lines = 0;
    }
    if (quota->lines >= most) {
        quota->left_out++;
        return TERN_LOG_DEBUG;
    }
    quota->lines++;
    *ret_left_out = quota->left_out;
    quota->left_out = 0;
    return TERN_LOG_WARN;
}

size_t tern_log_position(const struct tern_log *log)
{
    return log ? log->lines.length : 0;
}

void tern_log_undo(struct tern_log *log, size_t mark)
{
    if (!log) return;
    TERN_ASSERT(log->target, "only a buffered log can take lines back");
    TERN_ASSERT(mark <= log->lines.length, "a mark is undone before its lines are flushed");
    if (mark < log->lines.length) {
        log->lines.length = mark;
        log->lines.bytes[mark] = '\0';
    }
}

void tern_log_flush(struct tern_log *log)
{
    if (!log || !log->target || log->lines.length == 0) return;
    int saved = errno;
    pthread_mutex_lock(&log->target->lock);
    write_all(log->target, log->lines.bytes, log->lines.length);
    pthread_mutex_unlock(&log->target->lock);
    empty(&log->lines);
    errno = saved;
}
