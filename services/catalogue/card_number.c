/* card_number.c - finds the number of a payment card in a text (ISO/IEC 7812: 13 to 19 digits, the last one a check
 * digit).
 *
 * One random digit string in ten passes the check digit. To keep false alarms rare only words of digits count (a token
 * or a UUID has letters), nothing that begins like a date or a time counts, and callers do not ask about phone numbers.
 * Works on bytes of UTF-8; a text that is cut inside a character is read to its NUL and not further. */
#include "shop/rules.h"

enum { CARD_DIGITS_LEAST = 13, CARD_DIGITS_MOST = 19 };

const char shop_card_number_refused[] = "holds the number of a payment card: never send card numbers, send a token";

struct card_digits {
    char at[CARD_DIGITS_MOST]; /* '0' to '9', without what stood between them */
    size_t count;
};

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* The length in bytes of the blank or punctuation mark beyond ASCII at `at`; 0 when there is none. By Unicode block:
 * U+0080 to U+00BF (no-break space), U+2000 to U+2EFF (general punctuation and symbols), U+3000 to U+303F (CJK
 * punctuation), U+FEFF (byte order mark). */
static size_t wide_separator(const char *at)
{
    const unsigned char *byte = (const unsigned char *)at;
    if (byte[0] == 0xc2 && byte[1] != '\0') return 2;
    if (byte[0] == 0xe2 && byte[1] >= 0x80 && byte[1] <= 0xbb && byte[2] != '\0') return 3;
    if (byte[0] == 0xe3 && byte[1] == 0x80 && byte[2] != '\0') return 3;
    return byte[0] == 0xef && byte[1] == 0xbb && byte[2] == 0xbf ? 3 : 0;
}

/* 1 when the byte at `at` belongs to a word, else 0: letters, digits, what is beyond ASCII and no separator. Dash and
 * underscore join ("tok_4111..." is one word, "4111-1111..." as well). */
static size_t word_step(const char *at)
{
    const char c = *at;
    if (is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-') return 1;
    return (unsigned char)c >= 0x80 && wide_separator(at) == 0;
}

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (at[length] != '\0' && word_step(at + length) > 0)
        length++;
    return length;
}

static const char *skip_separators(const char *at)
{
    while (*at != '\0' && word_step(at) == 0)
        at += wide_separator(at) > 0 ? wide_separator(at) : 1;
    return at;
}

/* Appends the digits of a word. False when it has a character besides digits, dashes and underscores, or when there are
 * more digits than a card has. */
static bool take_word(struct card_digits *digits, const char *at, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (at[i] == '-' || at[i] == '_') continue;
        if (!is_digit(at[i]) || digits->count == CARD_DIGITS_MOST) return false;
        digits->at[digits->count++] = at[i];
    }
    return true;
}

/* The Luhn check (ISO/IEC 7812-1, annex B): from the right, every second digit after the check digit is doubled, less 9
 * when that has two digits; the sum is a multiple of ten. */
static bool passes_luhn(const struct card_digits *digits)
{
    int sum = 0;
    for (size_t i = 0; i < digits->count; i++) {
        int value = digits->at[digits->count - 1 - i] - '0';
        if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return sum % 10 == 0;
}

/* Whether a card's number begins with the word at `at`; it ends where a word ends. No network issues numbers that begin
 * with 0, and none with 1, 20 or 21 that a shop sees: those are dates and times. */
static bool begins_card_number(const char *at)
{
    struct card_digits digits = {.count = 0};
    for (size_t length = word_length(at); length > 0; length = word_length(at)) {
        if (!take_word(&digits, at, length)) return false;
        char first = digits.at[0];
        bool is_time = first == '0' || first == '1' || (first == '2' && digits.at[1] < '2');
        if (digits.count >= CARD_DIGITS_LEAST && !is_time && passes_luhn(&digits)) return true;
        at = skip_separators(at + length);
    }
    return false;
}

bool shop_holds_card_number(const char *text)
{
    for (text = skip_separators(text); *text != '\0'; text = skip_separators(text + word_length(text)))
        if (begins_card_number(text)) return true;
    return false;
}

/* The lengths that are issued for a first digit, as bits: American Express, Diners, JCB (3), Visa (4), Mastercard (5),
 * Discover, Maestro, UnionPay (6). */
static unsigned issued_lengths(char first)
{
    switch (first) {
    case '3': return 1U << 14 | 1U << 15 | 1U << 16;
    case '4': return 1U << 13 | 1U << 16 | 1U << 19;
    case '5': return 1U << 16;
    case '6': return 1U << 16 | 1U << 17 | 1U << 18 | 1U << 19;
    default: return 0;
    }
}

bool shop_is_card_number(const char *id)
{
    struct card_digits digits = {.count = 0};
    for (id = skip_separators(id); *id != '\0'; id = skip_separators(id + word_length(id)))
        if (!take_word(&digits, id, word_length(id))) return false;
    return digits.count > 0 && (issued_lengths(digits.at[0]) >> digits.count & 1U) != 0 && passes_luhn(&digits);
}
