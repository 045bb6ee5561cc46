/* chaos.c - kill points for tests: counts the passes of the kill point that the environment names.
 *
 * Empty unless TERN_CHAOS is defined. The counter is the only mutable global of common/, and only in test builds. */
#include "chaos.h"

#include "tern/base.h"

#ifdef TERN_CHAOS

#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static atomic_long passes;

void tern_chaos_point(const char *name)
{
    const char *asked = getenv("TERN_CHAOS_KILL");
    const char *colon = asked ? strrchr(asked, ':') : NULL;
    if (!colon) return;
    size_t length = (size_t)(colon - asked);
    if (strlen(name) != length || memcmp(name, asked, length) != 0) return;
    if (atomic_fetch_add(&passes, 1) + 1 == strtol(colon + 1, NULL, 10)) (void)kill(getpid(), SIGKILL);
}

void tern_chaos_handles(const char *subject)
{
    const char *deadly = getenv("TERN_CHAOS_POISON");
    if (deadly && strcmp(deadly, subject) == 0) abort();
}

#endif
