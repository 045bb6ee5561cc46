/* tern/log.h - structured log lines on standard error: time, level, service, message, fields.
 *
 * One line per occurrence, at most 2 KB per field, control characters and bad UTF-8 escaped, written with one write(2)
 * so that lines of several threads never mix. Formats: pretty (for a terminal; coloured when NO_COLOR, FORCE_COLOR and
 * TERM=dumb allow it), logfmt, json. Common keys: orderId, eventId, eventType, correlationId, causationId, queue,
 * attempt, durationMs, err. Any thread, except a buffered log. */
#ifndef TERN_LOG_H
#define TERN_LOG_H

#include "tern/clock.h"

enum tern_log_level { TERN_LOG_ERROR, TERN_LOG_WARN, TERN_LOG_INFO, TERN_LOG_DEBUG };
enum tern_log_format { TERN_LOG_AUTO, TERN_LOG_PRETTY, TERN_LOG_LOGFMT, TERN_LOG_JSON };

struct tern_log;

struct tern_log_field {
    const char *key;  /* NULL ends the list */
    const char *text; /* NULL: `number` is the value; "" is left out of the line */
    int64_t number;   /* the value, when `text` is NULL */
};

static inline struct tern_log_field tern_log_text(const char *key, const char *text)
{
    return (struct tern_log_field){key, text ? text : "", 0};
}

/* A NULL value counts as "". */
#define TERN_STR(key, value) tern_log_text((key), (value))
#define TERN_INT(key, value) ((struct tern_log_field){(key), NULL, (int64_t)(value)})
#define TERN_LOG_END         ((struct tern_log_field){NULL, NULL, 0})

/* tern_log_info(log, "order placed", TERN_STR("orderId", id), TERN_INT("lines", 2)); a NULL log is silent. The list of
 * fields ends with TERN_LOG_END, which the macros add when they are given one field at least. */
void tern_log_write(struct tern_log *log, enum tern_log_level level, const char *message, ...);
#define tern_log_error(log, ...) tern_log_write((log), TERN_LOG_ERROR, __VA_ARGS__, TERN_LOG_END)
#define tern_log_warn(log, ...)  tern_log_write((log), TERN_LOG_WARN, __VA_ARGS__, TERN_LOG_END)
#define tern_log_info(log, ...)  tern_log_write((log), TERN_LOG_INFO, __VA_ARGS__, TERN_LOG_END)
#define tern_log_debug(log, ...) tern_log_write((log), TERN_LOG_DEBUG, __VA_ARGS__, TERN_LOG_END)

/* Limits a warning that a fault would repeat with every event to so many lines per minute; the rest is counted. Start
 * from {0}; one thread. */
struct tern_log_quota {
    int64_t until_ms; /* steady: end of the current minute */
    int64_t lines;    /* written in it */
    int64_t left_out; /* since the last line that was written */
};
/* The level of the next line: WARN, with the number of lines left out since the last one; or DEBUG once this minute has
 * had `most` lines. `now_ms` is steady time. */
enum tern_log_level tern_log_quota_take(struct tern_log_quota *quota, int64_t most, int64_t now_ms,
                                        int64_t *ret_left_out);
/* A field that is left out when it is 0. */
static inline struct tern_log_field tern_log_count(const char *key, int64_t count)
{
    return count == 0 ? tern_log_text(key, "") : (struct tern_log_field){key, NULL, count};
}

#endif
