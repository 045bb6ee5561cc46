/* tern/base.h - what every other file uses: asserts, memory, bounded copies.
 *
 * Out of memory and broken invariants abort the process with one sentence on standard error. That is safe: no message
 * is acknowledged before its effects are committed, so the broker redelivers it after the restart. Bad input and lost
 * peers never stop the process: they are errors (tern/error.h) or outcomes. All calls may be made from any thread. */
#ifndef TERN_BASE_H
#define TERN_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TERN_COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Aborts the process when `condition` is false, in release builds too. `sentence` states what must hold. */
#define TERN_ASSERT(condition, sentence) ((condition) ? (void)0 : tern_broken(__FILE__, __LINE__, (sentence)))

#define TERN_PRINTF(format_at, first_at) __attribute__((__format__(__printf__, format_at, first_at)))

/* Writes "tern: stopped: <sentence> (<file>:<line>)" to standard error and aborts. */
__attribute__((__noreturn__)) void tern_broken(const char *file, int line, const char *sentence);

/* Zeroed memory, never NULL; the caller frees with free(). */
void *tern_alloc(size_t size);
/* Copies of text and bytes, never NULL, with a NUL behind `length` bytes; the caller frees them with free(). */
char *tern_copy_text(const char *text);
char *tern_copy_bytes(const void *bytes, size_t length);
/* Overwrites a text and frees it; NULL is fine. For passwords and tokens. */
void tern_free_secret(char *text);

/* Copies `text` into `target` of `size` bytes, always NUL-terminated. Returns 0, or -1 when it did not fit
 * (then target holds ""). */
int tern_copy(char *target, size_t size, const char *text) __attribute__((__warn_unused_result__));
/* The same for a text whose length was checked when it arrived, or is limited by the program itself: one that does not
 * fit is a broken invariant. */
#define tern_copy_whole(target, size, text) \
    TERN_ASSERT(tern_copy((target), (size), (text)) == 0, "a text whose length was checked fits its place")
/* The same for a text that people read: one that does not fit is cut between two UTF-8 characters and ends with "…". */
void tern_copy_cut(char *target, size_t size, const char *text);

#endif
