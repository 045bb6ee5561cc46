/* config_check.c - checks a value by its kind; the error says in one sentence what is allowed.
 *
 * Numbers are read digit by digit: no sign, no exponent, no locale. A value that may hold a secret never appears in a
 * sentence. */
#include "config_private.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define MOST_SECONDS INT64_C(3153600000) /* a hundred years: no overflow in milliseconds */
#define MOST_MS      (MOST_SECONDS * 1000)

enum { ECHO_MAX = 60, RATIO_DIGITS = 15 };

/* "PORT must be <allowed>, not "x" (from --port)". The value is repeated only where it cannot hold a secret. */
static int refuse(const struct config_value *value, const char *allowed, struct tern_error *err)
{
    char echo[ECHO_MAX + 16] = "";
    if (value->key.kind != TERN_CFG_URL && value->key.kind != TERN_CFG_SECRET) {
        int length = snprintf(echo, sizeof echo, ", not \"%.*s\"", ECHO_MAX, value->text);
        for (int i = 0; i < length; i++)
            if ((unsigned char)echo[i] < 0x20 || echo[i] == 0x7F) echo[i] = '?';
    }
    bool elsewhere = value->origin && value->origin[0] != '\0';
    return tern_error_set(err, "%s must be %s%s%s%s%s", value->key.name, allowed, echo, elsewhere ? " (from " : "",
                          elsewhere ? value->origin : "", elsewhere ? ")" : "");
}

/* Exactly `length` digits; false also when the number does not fit. */
static bool read_number(const char *digits, size_t length, int64_t *ret_number)
{
    int64_t number = 0;
    for (size_t i = 0; i < length; i++) {
        if (digits[i] < '0' || digits[i] > '9') return false;
        if (__builtin_mul_overflow(number, 10, &number) || __builtin_add_overflow(number, digits[i] - '0', &number))
            return false;
    }
    *ret_number = number;
    return length > 0;
}

/* "low-high", or one number that is both. */
static bool read_range(const char *text, int64_t *ret_low, int64_t *ret_high)
{
    const char *dash = strchr(text, '-');
    size_t length = dash ? (size_t)(dash - text) : strlen(text);
    int64_t low, high;
    if (!read_number(text, length, &low)) return false;
    high = low;
    if (dash && !read_number(dash + 1, strlen(dash + 1), &high)) return false;
    *ret_low = low;
    *ret_high = high;
    return low <= high;
}

/* A whole number; the limits of the table's row narrow those of the kind. */
static int check_number(struct config_value *value, int64_t low, int64_t high, const char *unit, struct tern_error *err)
{
    if (value->key.limits) {
        bool sound = read_range(value->key.limits, &low, &high);
        TERN_ASSERT(sound, "the limits of a number read low-high");
    }
    int64_t number;
    if (read_number(value->text, strlen(value->text), &number) && number >= low && number <= high) {
        value->low = value->high = number;
        return 0;
    }
    char allowed[120];
    if (high == INT64_MAX)
        (void)snprintf(allowed, sizeof allowed, "a whole number%s, %lld or more", unit, (long long)low);
    else
        (void)snprintf(allowed, sizeof allowed, "a whole number%s from %lld to %lld", unit, (long long)low,
                       (long long)high);
    return refuse(value, allowed, err);
}

static int check_ms_range(struct config_value *value, struct tern_error *err)
{
    if (read_range(value->text, &value->low, &value->high) && value->high <= MOST_MS) return 0;
    return refuse(value, "milliseconds, one number or low-high like 1000-3000", err);
}

/* At most 15 digits behind the point: numerator and denominator are exact doubles, so the quotient is the nearest
 * one. */
static int check_ratio(struct config_value *value, struct tern_error *err)
{
    static const char allowed[] = "a number from 0 to 1 like 0.8";
    const char *text = value->text;
    size_t whole = strspn(text, "0123456789");
    size_t decimals = text[whole] == '.' ? strspn(text + whole + 1, "0123456789") : 0;
    bool sound = whole + decimals > 0 && text[whole + (text[whole] == '.') + decimals] == '\0';
    int64_t number = 0;
    int64_t scale = 1;
    if (!sound || decimals > RATIO_DIGITS || (whole > 0 && !read_number(text, whole, &number)) || number > 1)
        return refuse(value, allowed, err);
    for (size_t i = 0; i < decimals; i++) {
        number = number * 10 + (text[whole + 1 + i] - '0');
        scale *= 10;
    }
    if (number > scale) return refuse(value, allowed, err);
    value->ratio = (double)number / (double)scale;
    return 0;
}

/* One of the words in `limits`; collects them for the sentence while it compares. */
static int check_choice(struct config_value *value, struct tern_error *err)
{
    char allowed[160] = "one of ";
    size_t length = strlen(allowed);
    const char *at = value->key.limits;
    const char *word;
    size_t word_length;
    TERN_ASSERT(at, "a choice has its words");
    while ((word = tern_config_next_word(&at, &word_length))) {
        if (strlen(value->text) == word_length && memcmp(value->text, word, word_length) == 0) return 0;
        int added = snprintf(allowed + length, sizeof allowed - length, "%.*s%s", (int)word_length, word,
                             *at != '\0' ? ", " : "");
        TERN_ASSERT(added > 0 && (size_t)added < sizeof allowed - length, "the words of a choice fit into a sentence");
        length += (size_t)added;
    }
    return refuse(value, allowed, err);
}

/* A scheme, a colon and an address, without blanks except in the path of a store. The reader of the setting checks the
 * rest. */
static int check_url(const struct config_value *value, struct tern_error *err)
{
    const char *text = value->text;
    size_t scheme = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789+.-");
    bool may_hold_blanks = strncmp(text, "sqlite:", 7) == 0;
    if (isalpha((unsigned char)text[0]) && text[scheme] == ':' && text[scheme + 1] != '\0' &&
        (may_hold_blanks || !strchr(text, ' ')))
        return 0;
    return refuse(value, "a URL: a scheme, a colon, an address, no blanks", err);
}

int tern_config_check(struct config_value *value, struct tern_error *err)
{
    for (const char *c = value->text; *c != '\0'; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7F) return refuse(value, "one line without control characters", err);
    switch (value->key.kind) {
    case TERN_CFG_PORT: return check_number(value, 1, 65535, "", err);
    case TERN_CFG_COUNT: return check_number(value, 0, INT64_MAX, "", err);
    case TERN_CFG_SECONDS: return check_number(value, 0, MOST_SECONDS, " of seconds", err);
    case TERN_CFG_MS: return check_number(value, 0, MOST_MS, " of milliseconds", err);
    case TERN_CFG_MS_RANGE: return check_ms_range(value, err);
    case TERN_CFG_RATIO: return check_ratio(value, err);
    case TERN_CFG_CHOICE: return check_choice(value, err);
    case TERN_CFG_URL: return value->text[0] == '\0' ? 0 : check_url(value, err);
    case TERN_CFG_TEXT:
    case TERN_CFG_SECRET:
    case TERN_CFG_PATH: return 0;
    }
    tern_broken(__FILE__, __LINE__, "a setting has a kind");
}
