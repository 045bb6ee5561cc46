/* fatal.h - the end of a process whose store is damaged or whose disk fails. */
#ifndef TERN_WORK_FATAL_H
#define TERN_WORK_FATAL_H

#include <stdatomic.h>

#include "tern/db.h"
#include "tern/log.h"

struct tern_fatal {
    struct tern_log *log;
    struct tern_db *db; /* the writing connection, whose files are checked for the log line; NULL: not open yet */
    atomic_bool dying;  /* a thread is ending the process */
};

/* Any thread; does not return. Logs one line and exits with 74. The line names what a check of the files finds; `err`
 * when that finds nothing. */
void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err);

#endif
