/* percent.h - the byte that stands behind a "%" in a URL. */
#ifndef TERN_BASE_PERCENT_H
#define TERN_BASE_PERCENT_H

static inline int hex_digit(char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    if (digit >= 'a' && digit <= 'f') return digit - 'a' + 10;
    if (digit >= 'A' && digit <= 'F') return digit - 'A' + 10;
    return -1;
}

/* Of "%XX"; -1 when what follows the "%" is something else. */
static inline int percent_byte(const char *percent)
{
    int high = hex_digit(percent[1]), low = high < 0 ? -1 : hex_digit(percent[2]);
    return low < 0 ? -1 : high * 16 + low;
}

#endif
