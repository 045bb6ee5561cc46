/* chaos.h - named kill points for tests, on both sides of every ordering that matters.
 *
 * TERN_CHAOS_KILL=name:n in the environment kills the process with SIGKILL at the n-th pass of that point.
 * TERN_CHAOS_POISON=subject aborts the process before it handles a message about that subject, as a poison message
 * would.
 *
 * Compiled in only with TERN_CHAOS defined: the CMake option of that name, which all presets but release and fuzz set.
 * In every other build both macros are empty. */
#ifndef TERN_BASE_CHAOS_H
#define TERN_BASE_CHAOS_H

#ifdef TERN_CHAOS
/* Counts a pass of the point `name`, and kills at the n-th. */
void tern_chaos_point(const char *name);
/* Aborts when TERN_CHAOS_POISON names the subject. */
void tern_chaos_handles(const char *subject);
#define TERN_CHAOS_POINT(name)      tern_chaos_point(name)
#define TERN_CHAOS_HANDLES(subject) tern_chaos_handles(subject)
#else
#define TERN_CHAOS_HANDLES(subject) ((void)0)
#define TERN_CHAOS_POINT(name)      ((void)0)
#endif

#endif
