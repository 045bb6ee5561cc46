/* fatal.c - one line, and exit 74: nothing that a damaged store says can be trusted, and a restart checks it.
 *
 * Of several threads that see the damage one logs it; the others wait for the end. Nothing is flushed or closed. */
#include "fatal.h"
#include "common/store/store.h"

#include <unistd.h>

enum { EXIT_STORAGE = 74 };

void tern_fatal(struct tern_fatal *fatal, const struct tern_error *err)
{
    struct tern_error cause = {0};
    bool linked;
    while (atomic_exchange(&fatal->dying, true))
        pause(); /* another thread has seen it too: one sentence is enough */
    /* Whoever reads a log that was cut short sees an I/O error: the next start has to know why. */
    if (fatal->db && tern_db_check(fatal->db, &linked, &cause) < 0) err = &cause;
    tern_log_error(fatal->log, "the store is damaged or its disk fails: stopping", TERN_STR("err", err->text));
    _exit(EXIT_STORAGE);
}
