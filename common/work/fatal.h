/* fatal.h - the end of a process whose store is damaged or whose disk fails. */
#ifndef TERN_WORK_FATAL_H
#define TERN_WORK_FATAL_H

#include <stdatomic.h>

#include "tern/db.h"
#include "tern/log.h"

struct tern_fatal {
    struct tern_log *log;
    struct tern_db *db; /* the writing connection: its files are checked once more; NULL: not open yet */
    atomic_bool dying;  /* a thread is ending the process */
};

/* Any thread. Logs one line, with the cause that the files themselves show before `err`, and ends the process (exit 74):
 * does not return. */
void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err);

#endif
