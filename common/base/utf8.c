/* utf8.c - lengths and code points of UTF-8 characters, by the table of RFC 3629, section 4. */
#include "utf8.h"

/* The second byte rules out overlong forms, surrogates and what lies above U+10FFFF. */
static bool second_byte_fits(unsigned char first, unsigned char second)
{
    switch (first) {
    case 0xE0: return second >= 0xA0 && second <= 0xBF;
    case 0xED: return second >= 0x80 && second <= 0x9F;
    case 0xF0: return second >= 0x90 && second <= 0xBF;
    case 0xF4: return second >= 0x80 && second <= 0x8F;
    default: return second >= 0x80 && second <= 0xBF;
    }
}

/* 0xC0 and 0xC1 could only begin overlong forms, 0xF5 and above only code points beyond U+10FFFF. */
size_t tern_utf8_lead(unsigned char lead)
{
    if (lead < 0x80) return 1;
    if (lead < 0xC2 || lead > 0xF4) return 0;
    return lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4;
}

size_t tern_utf8_length(const unsigned char *at, const unsigned char *end)
{
    size_t length = tern_utf8_lead(*at);
    if (length < 2) return length;
    if ((size_t)(end - at) < length || !second_byte_fits(at[0], at[1])) return 0;
    for (size_t i = 2; i < length; i++)
        if (at[i] < 0x80 || at[i] > 0xBF) return 0;
    return length;
}

uint32_t tern_utf8_code(const unsigned char *at, size_t length)
{
    uint32_t code = length == 1 ? at[0] : at[0] & (0x7FU >> length);
    for (size_t i = 1; i < length; i++)
        code = code << 6 | (at[i] & 0x3FU);
    return code;
}

/* Goes back over at most three continuation bytes to the first byte of the last character. */
size_t tern_utf8_cut(const char *text, size_t length)
{
    size_t lead = length; /* one more than the offset of that first byte */
    while (lead > 0 && length - lead < 3 && ((unsigned char)text[lead - 1] & 0xC0U) == 0x80U)
        lead--;
    if (lead == 0) return length;
    bool whole = tern_utf8_lead((unsigned char)text[lead - 1]) <= length - lead + 1;
    return whole ? length : lead - 1;
}
