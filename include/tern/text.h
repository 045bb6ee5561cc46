/* tern/text.h - a growing text: its bytes, its length, its room.
 *
 * Start from {0}; owned by the caller, freed by tern_text_fini; one thread at a time. Running out of memory aborts the
 * process (tern/base.h). */
#ifndef TERN_TEXT_H
#define TERN_TEXT_H

#include "tern/base.h"

struct tern_text {
    char *bytes;   /* NUL-terminated once something was added; NULL before */
    size_t length; /* in bytes, without the NUL */
    size_t room;   /* allocated bytes */
};

/* Append a text, or `length` bytes; a NUL stands behind them. */
void tern_text_add(struct tern_text *text, const char *piece);
void tern_text_add_bytes(struct tern_text *text, const void *bytes, size_t length);
/* Appends by printf(3); arguments must not point into the text itself. */
void tern_text_printf(struct tern_text *text, const char *format, ...) TERN_PRINTF(2, 3);
/* Keeps the room, forgets the content. */
void tern_text_clear(struct tern_text *text);
/* Hands the bytes over (never NULL; the caller frees them); `text` is empty afterwards. */
char *tern_text_take(struct tern_text *text);
void tern_text_fini(struct tern_text *text);

#endif
