/* tern/text.h - a growing piece of text: what is being written, its length, its room.
 *
 * `bytes` is NUL-terminated once something was added, and may be NULL before. Start from {0}; owned by the
 * caller, given back by tern_text_fini. Running out of memory stops the process (tern/base.h). */
#ifndef TERN_TEXT_H
#define TERN_TEXT_H

#include "tern/base.h"

struct tern_text {
    char *bytes;
    size_t length;
    size_t room;
};

void tern_text_add(struct tern_text *text, const char *piece);
void tern_text_add_bytes(struct tern_text *text, const void *bytes, size_t length);
void tern_text_printf(struct tern_text *text, const char *format, ...) TERN_PRINTF(2, 3);
/* Keeps the room, forgets the content. */
void tern_text_clear(struct tern_text *text);
/* Hands the bytes over (never NULL; the caller frees them); `text` is empty afterwards. */
char *tern_text_take(struct tern_text *text);
void tern_text_fini(struct tern_text *text);

#endif
