/* digits.h - writes whole numbers in decimal, several times faster than printf(3).
 *
 * For the hot paths: every message and every log line has some. Independent of the locale. */
#ifndef TERN_BASE_DIGITS_H
#define TERN_BASE_DIGITS_H

#include "tern/text.h"

/* Appends the number, with a minus when it is negative. */
static inline void add_digits(struct tern_text *out, int64_t number)
{
    char digits[20]; /* 19 and a sign */
    size_t at = sizeof digits;
    uint64_t size = number < 0 ? 0U - (uint64_t)number : (uint64_t)number; /* INT64_MIN has no positive counterpart */
    do {
        digits[--at] = (char)('0' + size % 10);
        size /= 10;
    } while (size > 0);
    if (number < 0) digits[--at] = '-';
    tern_text_add_bytes(out, digits + at, sizeof digits - at);
}

#endif
