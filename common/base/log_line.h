/* log_line.h - writes one log line in one of the three formats; knows no files, threads or levels.
 *
 * Private to common/base: log.c owns the buffers and the lock, this file the bytes of a line. */
#ifndef TERN_BASE_LOG_LINE_H
#define TERN_BASE_LOG_LINE_H

#include <stdarg.h>

#include "tern/log.h"
#include "tern/text.h"

enum { TERN_LOG_FIELD_MAX = 2048 }; /* bytes of a value as written, without its quotes */

/* The style of every line of a log. */
struct log_style {
    enum tern_log_format format; /* never AUTO */
    bool coloured;               /* pretty only */
    bool priorities;             /* journald: "<6>" in front */
    const char *service;         /* name; outlives the style */
};

/* Caches the text of the last line's time, because many lines share their millisecond; start from {.ms = INT64_MIN}. */
struct log_time {
    int64_t ms; /* wall time */
    char text[TERN_TIME_SIZE];
};

const char *tern_log_level_name(enum tern_log_level level);

/* Appends the line with its newline. `fields` are struct tern_log_field, ended by a NULL key. */
void tern_log_line_add(struct tern_text *out, const struct log_style *style, const char *time,
                       enum tern_log_level level, const char *message, va_list fields);

#endif
