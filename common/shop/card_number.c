/* card_number.c - finds the number of a payment card in a text (ISO/IEC 7812: 13 to 19 digits, the last one a check digit).
 *
 * One digit row in ten passes the check by chance, so only words that are nothing but digits and dashes count, and phone
 * numbers are never asked about: a token or a UUID that holds many digits is none. */
#include "shop/rules.h"

enum { CARD_DIGITS_LEAST = 13, CARD_DIGITS_MOST = 19 };

const char shop_card_number_refused[] = "holds the number of a payment card: never send card numbers, send a token";

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || c == '-' ||
           (unsigned char)c >= 0x80;
}

static size_t word_length(const char *at)
{
    size_t length = 0;
    while (is_word(at[length]))
        length++;
    return length;
}

/* Every second digit from the right, the check digit not among them, counts twice. */
static bool passes_luhn(const char *digits, size_t count)
{
    int sum = 0;
    for (size_t i = 0; i < count; i++) {
        int value = digits[count - 1 - i] - '0';
        if (i % 2 == 1) value = value * 2 > 9 ? value * 2 - 9 : value * 2;
        sum += value;
    }
    return sum % 10 == 0;
}

/* Whether a card's number begins with the word at `at`. It ends where a word ends. */
static bool begins_card_number(const char *at)
{
    char digits[CARD_DIGITS_MOST];
    size_t count = 0;
    while (is_word(*at)) {
        for (; is_word(*at); at++) {
            if (*at == '-') continue;
            if (!is_digit(*at) || count == CARD_DIGITS_MOST) return false;
            digits[count++] = *at;
        }
        if (count >= CARD_DIGITS_LEAST && passes_luhn(digits, count)) return true;
        while (*at == ' ')
            at++;
    }
    return false;
}

bool shop_holds_card_number(const char *text)
{
    while (*text != '\0') {
        size_t length = word_length(text);
        if (length > 0 && begins_card_number(text)) return true;
        text += length > 0 ? length : 1;
    }
    return false;
}
