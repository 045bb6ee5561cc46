/* tern/log.h - structured log lines on standard error: time, level, service, what happened, and its ids.
 *
 * One line per thing that happened, at most 2 KB per field, control characters and bad UTF-8 escaped, written
 * with one write(2) so that lines of several threads never mix. Formats: pretty (for a terminal; coloured when
 * allowed: NO_COLOR, FORCE_COLOR, TERM=dumb are honoured), logfmt, json. Keys are the field's own words:
 * orderId, eventId, eventType, correlationId, causationId, queue, attempt, durationMs, err. Thread-safe. */
#ifndef TERN_LOG_H
#define TERN_LOG_H

#include "tern/clock.h"

enum tern_log_level { TERN_LOG_ERROR, TERN_LOG_WARN, TERN_LOG_INFO, TERN_LOG_DEBUG };
enum tern_log_format { TERN_LOG_AUTO, TERN_LOG_PRETTY, TERN_LOG_LOGFMT, TERN_LOG_JSON };

struct tern_log;

struct tern_log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: `number` is the value; "" is left out of the line */
    int64_t number;
};

static inline struct tern_log_field tern_log_text(const char *key, const char *text)
{
    return (struct tern_log_field){key, text ? text : "", 0};
}

/* A NULL value counts as "". */
#define TERN_STR(key, value) tern_log_text((key), (value))
#define TERN_INT(key, value) ((struct tern_log_field){(key), NULL, (int64_t)(value)})
#define TERN_LOG_END         ((struct tern_log_field){NULL, NULL, 0})

/* `fd` stays the caller's; with -1 the log is silent: no line is made or waited for. AUTO is pretty on a terminal, else
 * logfmt. */
struct tern_log *tern_log_create(const char *service, enum tern_log_level level, enum tern_log_format format, int fd,
                                 const struct tern_clock *clock);
void tern_log_destroy(struct tern_log *log);
/* May be changed while threads write. */
void tern_log_set_level(struct tern_log *log, enum tern_log_level level);
bool tern_log_enabled(const struct tern_log *log, enum tern_log_level level);

/* Names as in LOG_LEVEL and LOG_FORMAT. Return 0 or -1. */
int tern_log_level_parse(const char *name, enum tern_log_level *ret_level);
int tern_log_format_parse(const char *name, enum tern_log_format *ret_format);

/* tern_log_info(log, "order placed", TERN_STR("orderId", id), TERN_INT("lines", 2)); a NULL log is silent. */
void tern_log_write(struct tern_log *log, enum tern_log_level level, const char *message, ...);
#define tern_log_error(log, ...) tern_log_write((log), TERN_LOG_ERROR, __VA_ARGS__, TERN_LOG_END)
#define tern_log_warn(log, ...)  tern_log_write((log), TERN_LOG_WARN, __VA_ARGS__, TERN_LOG_END)
#define tern_log_info(log, ...)  tern_log_write((log), TERN_LOG_INFO, __VA_ARGS__, TERN_LOG_END)
#define tern_log_debug(log, ...) tern_log_write((log), TERN_LOG_DEBUG, __VA_ARGS__, TERN_LOG_END)

/* For lines that a fault makes come with every event: at most so many a minute, the rest is counted. Zeroed before use; for
 * one thread. */
struct tern_log_quota {
    int64_t until_ms, lines, left_out;
};
/* The level of the next line: WARN, with how many were left out since the last one that was written; or DEBUG when the minute has
 * had its `most`. `now_ms` is of the steady clock. */
enum tern_log_level tern_log_quota_take(struct tern_log_quota *quota, int64_t most, int64_t now_ms,
                                        int64_t *ret_left_out);
/* A field that is left out when it is 0. */
static inline struct tern_log_field tern_log_count(const char *key, int64_t count)
{
    return count == 0 ? tern_log_text(key, "") : (struct tern_log_field){key, NULL, count};
}

/* A log that keeps its lines until they are true: the writer thread logs inside a transaction into a buffer and
 * flushes it (one write) after the commit; what a savepoint undid is cut off again. Same service, level, format as
 * `target`, which must outlive it. For one thread. */
struct tern_log *tern_log_create_buffered(struct tern_log *target);
size_t tern_log_mark(const struct tern_log *log);
void tern_log_undo(struct tern_log *log, size_t mark);
void tern_log_flush(struct tern_log *log);

#endif
