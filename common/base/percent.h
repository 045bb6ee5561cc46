/* percent.h - decodes one percent-encoded byte of a URL (RFC 3986, section 2.1).
 *
 * Inline, because the validators of HTTP and JSON call it per byte. Pure. */
#ifndef TERN_BASE_PERCENT_H
#define TERN_BASE_PERCENT_H

/* The value of a hex digit in either case, or -1. */
static inline int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* The byte of "%XX", or -1 when two hex digits do not follow the "%". */
static inline int percent_byte(const char *percent)
{
    int high = hex_digit(percent[1]), low = high < 0 ? -1 : hex_digit(percent[2]);
    return low < 0 ? -1 : high * 16 + low;
}

#endif
