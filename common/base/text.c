/* text.c - text that grows: the room doubles, and the bytes end with a NUL once something was added.
 *
 * Clearing keeps the room, so that a text that is reused stops allocating. Never shrinks by itself. */
#include "tern/text.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { FIRST_ROOM = 128 };

/* Makes room for `more` bytes and the NUL behind them. */
static void make_room(struct tern_text *text, size_t more)
{
    TERN_ASSERT(more < SIZE_MAX / 2 - text->length, "a text stays below half of the address space");
    size_t needed = text->length + more + 1;
    if (needed <= text->room) return;
    size_t room = text->room ? text->room : FIRST_ROOM;
    while (room < needed)
        room *= 2;
    char *bytes = realloc(text->bytes, room);
    TERN_ASSERT(bytes, "out of memory");
    text->bytes = bytes;
    text->room = room;
}

void tern_text_add_bytes(struct tern_text *text, const void *bytes, size_t length)
{
    make_room(text, length);
    if (length > 0) memcpy(text->bytes + text->length, bytes, length);
    text->length += length;
    text->bytes[text->length] = '\0';
}

void tern_text_add(struct tern_text *text, const char *piece)
{
    tern_text_add_bytes(text, piece, strlen(piece));
}

/* Writes into the room that is there; most pieces fit. One that does not is written again into more room. */
void tern_text_printf(struct tern_text *text, const char *format, ...)
{
    va_list arguments;
    make_room(text, 0);
    size_t room = text->room - text->length;
    va_start(arguments, format);
    int length = vsnprintf(text->bytes + text->length, room, format, arguments);
    va_end(arguments);
    TERN_ASSERT(length >= 0, "a format can be written");
    if ((size_t)length >= room) {
        make_room(text, (size_t)length);
        va_start(arguments, format);
        (void)vsnprintf(text->bytes + text->length, (size_t)length + 1, format, arguments);
        va_end(arguments);
    }
    text->length += (size_t)length;
}

void tern_text_clear(struct tern_text *text)
{
    text->length = 0;
    if (text->bytes) text->bytes[0] = '\0';
}

char *tern_text_take(struct tern_text *text)
{
    char *bytes = text->bytes ? text->bytes : tern_copy_text("");
    *text = (struct tern_text){0};
    return bytes;
}

void tern_text_fini(struct tern_text *text)
{
    free(text->bytes);
    *text = (struct tern_text){0};
}
