/* card_number.c - finds the number of a payment card in a text (ISO/IEC 7812: 13 to 19 digits, the last one a check digit).
 *
 * One digit row in ten passes the check by chance, so only whole words count, and phone numbers are never asked about. */
#include "shop/rules.h"

const char shop_card_number_refused[] = "holds the number of a payment card: never send card numbers, send a token";

enum { CARD_DIGITS_LEAST = 13, CARD_DIGITS_MOST = 19 };

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_word(char c)
{
    return is_digit(c) || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '_' || (unsigned char)c >= 0x80;
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

/* Whether a card's number begins with the digit at `at`. It ends where a group of digits ends. */
static bool begins_card_number(const char *at)
{
    char digits[CARD_DIGITS_MOST];
    size_t count = 0;
    for (; is_digit(*at) || *at == ' ' || *at == '-'; at++) {
        if (!is_digit(*at)) continue;
        if (count == CARD_DIGITS_MOST) return false;
        digits[count++] = *at;
        if (count >= CARD_DIGITS_LEAST && !is_word(at[1]) && passes_luhn(digits, count)) return true;
    }
    return false;
}

bool shop_holds_card_number(const char *text)
{
    for (const char *at = text; *at != '\0'; at++)
        if (is_digit(*at) && (at == text || !is_word(at[-1])) && begins_card_number(at)) return true;
    return false;
}
