/* utf8.h - well-formed UTF-8 (RFC 3629, section 4), decided in one place. Pure; any thread. */
#ifndef TERN_BASE_UTF8_H
#define TERN_BASE_UTF8_H

#include "tern/base.h"

/* Bytes of the character at `at` (1 to 4), or 0 when there is none: bad or missing continuation bytes, an overlong
 * form, a surrogate, above U+10FFFF. `at` is before `end`. */
size_t tern_utf8_length(const unsigned char *at, const unsigned char *end);
/* Bytes of the character that a first byte announces (1 to 4), or 0 when no character begins with it. */
size_t tern_utf8_lead(unsigned char lead);
/* The code point of a character of that length. */
uint32_t tern_utf8_code(const unsigned char *at, size_t length);
/* The largest length, at most `length`, at which `text` can be cut without splitting a character. Of a text that is no
 * UTF-8 anything may be cut. */
size_t tern_utf8_cut(const char *text, size_t length);

#endif
