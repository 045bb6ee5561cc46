/* tern/bug.h - planted bugs that test the tests: each one must be caught (scripts/mutate.sh).
 *
 * TERN_BUG(name) is true while the environment has TERN_BUG=name. Compiled in only with TERN_BUGS defined (the CMake
 * option of that name, the preset `mutants`); in every other build it is the constant false. tests/mutants.txt lists
 * what each bug breaks. */
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
