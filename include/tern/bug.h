/* tern/bug.h - planted bugs, so that the tests themselves can be tested: each one must be caught (scripts/mutate.sh).
 *
 * TERN_BUG(name) is true while the environment says TERN_BUG=name. Compiled in only with TERN_BUGS defined (the CMake
 * option of that name, the preset `mutants`); in every other build it is the constant false and leaves nothing behind.
 * What each of them breaks stands in tests/mutants.txt. */
#ifndef TERN_BUG_H
#define TERN_BUG_H

#include <stdbool.h>

#ifdef TERN_BUGS
bool tern_bug(const char *name);
#define TERN_BUG(name) tern_bug(#name)
#else
#define TERN_BUG(name) false
#endif

#endif
