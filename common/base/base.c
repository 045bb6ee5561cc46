/* base.c - memory that is never NULL, bounded copies, and the abort of a broken invariant.
 *
 * tern_broken writes its sentence with one write(2) from a buffer on the stack and aborts: it works without memory and
 * in any thread. Keeps no state. */
#include "tern/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "utf8.h"

void tern_broken(const char *file, int line, const char *sentence)
{
    char text[512];
    const char *slash = strrchr(file, '/');
    int length = snprintf(text, sizeof text - 1, "tern: stopped: %s (%s:%d)", sentence, slash ? slash + 1 : file, line);
    if (length < 0) length = 0;
    if ((size_t)length > sizeof text - 2) length = (int)sizeof text - 2;
    text[length] = '\n';
    ssize_t written = write(STDERR_FILENO, text, (size_t)length + 1);
    (void)written; /* the process ends either way */
    abort();
}

/* A size of 0 gives a pointer that can be freed, and is not NULL. */
void *tern_alloc(size_t size)
{
    void *memory = calloc(1, size ? size : 1);
    TERN_ASSERT(memory, "out of memory");
    return memory;
}

char *tern_copy_text(const char *text)
{
    TERN_ASSERT(text, "a copy needs a text");
    return tern_copy_bytes(text, strlen(text));
}

void tern_free_secret(char *text)
{
    if (text) explicit_bzero(text, strlen(text));
    free(text);
}

char *tern_copy_bytes(const void *bytes, size_t length)
{
    TERN_ASSERT(length < SIZE_MAX, "a copy needs room for its NUL");
    char *copy = malloc(length + 1);
    TERN_ASSERT(copy, "out of memory");
    if (length > 0) memcpy(copy, bytes, length);
    copy[length] = '\0';
    return copy;
}

int tern_copy(char *target, size_t size, const char *text)
{
    TERN_ASSERT(size > 0, "a target has room for its NUL");
    size_t length = strlen(text);
    if (length >= size) {
        target[0] = '\0';
        return -1;
    }
    memcpy(target, text, length + 1);
    return 0;
}

void tern_copy_cut(char *target, size_t size, const char *text)
{
    static const char mark[] = "…";
    if (tern_copy(target, size, text) == 0) return;
    size_t mark_length = size >= sizeof mark ? sizeof mark - 1 : 0;
    size_t length = tern_utf8_cut(text, size - 1 - mark_length);
    memcpy(target, text, length);
    memcpy(target + length, mark, mark_length);
    target[length + mark_length] = '\0';
}
