/* bug.c - planted bugs: whether the environment asks for one. Empty unless TERN_BUGS is defined. */
#include "tern/bug.h"

#include "tern/base.h"

#ifdef TERN_BUGS

#include <stdlib.h>
#include <string.h>

bool tern_bug(const char *name)
{
    const char *asked = getenv("TERN_BUG");
    return asked && strcmp(asked, name) == 0;
}

#endif
