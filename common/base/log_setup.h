/* log_setup.h - makes a log, sets its level, and keeps the lines of a transaction until it is committed. */
#ifndef TERN_BASE_LOG_SETUP_H
#define TERN_BASE_LOG_SETUP_H

#include "tern/log.h"

/* `fd` stays the caller's; with -1 the log is silent and costs nothing. AUTO is pretty on a terminal, else logfmt. */
struct tern_log *tern_log_create(const char *service, enum tern_log_level level, enum tern_log_format format, int fd,
                                 const struct tern_clock *clock);
void tern_log_destroy(struct tern_log *log);
/* May be changed while threads write. */
void tern_log_set_level(struct tern_log *log, enum tern_log_level level);
bool tern_log_enabled(const struct tern_log *log, enum tern_log_level level);

/* Names as in LOG_LEVEL and LOG_FORMAT. Return 0 or -1. */
int tern_log_level_parse(const char *name, enum tern_log_level *ret_level);
int tern_log_format_parse(const char *name, enum tern_log_format *ret_format);

/* A log that keeps its lines until the transaction that they describe is committed: the writer thread logs into its
 * buffer, and flushes it with one write(2) after the commit. Same service, level and format as `target`, which must
 * outlive it. One thread. */
struct tern_log *tern_log_create_buffered(struct tern_log *target);
/* Bytes in the buffer; remembered at the start of a savepoint. */
size_t tern_log_position(const struct tern_log *log);
/* Drops the lines behind `mark`, a position: their savepoint was rolled back. */
void tern_log_undo(struct tern_log *log, size_t mark);
/* Writes the lines to the target and empties the buffer. */
void tern_log_flush(struct tern_log *log);

#endif
