/* tern/chaos.h - named places where tests may kill the process, on both sides of every ordering that matters.
 *
 * TERN_CHAOS_KILL=name:n in the environment kills the process with SIGKILL at the n-th pass of that point.
 * TERN_CHAOS_POISON=subject aborts the process when it is about to handle a message about that subject: a message that
 * kills whoever handles it.
 *
 * Compiled in only with TERN_CHAOS defined: the CMake option of that name, off unless a preset for tests sets it (all
 * presets but release and fuzz). What a plain `cmake -B build` or the release preset builds has nothing of it. */
#ifndef TERN_CHAOS_H
#define TERN_CHAOS_H

#ifdef TERN_CHAOS
void tern_chaos_point(const char *name);
void tern_chaos_handles(const char *subject);
#define TERN_CHAOS_POINT(name)      tern_chaos_point(name)
#define TERN_CHAOS_HANDLES(subject) tern_chaos_handles(subject)
#else
#define TERN_CHAOS_HANDLES(subject) ((void)0)
#define TERN_CHAOS_POINT(name)      ((void)0)
#endif

#endif
