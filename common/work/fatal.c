/* fatal.c - one log line, then exit 74 (EX_IOERR): no answer of a damaged store can be trusted.
 *
 * Of several threads that see the damage the first one logs; the others wait for the process to end. Nothing is
 * flushed or closed: SQLite's recovery at the next start is the only writer that may touch the files now. */
#include "fatal.h"
#include "common/store/store.h"

#include <unistd.h>

enum { EXIT_STORAGE = 74 }; /* EX_IOERR of sysexits.h; docs and compose files rely on it */

void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    struct tern_error cause = {0};
    bool linked;
    while (atomic_exchange(&fatal->dying, true))
        pause(); /* another thread is ending the process */
    /* A truncated WAL shows up as a plain I/O error. The file check says what is really wrong: log that instead. */
    if (fatal->db && tern_db_check(fatal->db, &linked, &cause) < 0) err = &cause;
    tern_log_error(fatal->log, "the store is damaged or its disk fails: stopping", TERN_STR("err", err->text));
    _exit(EXIT_STORAGE);
}
