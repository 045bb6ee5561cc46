/* money.c - amounts between digits and int64 minor units, without floating point.
 *
 * Reads the JSON number grammar without exponent and with at most two decimals. Every step that could overflow is
 * checked; nothing is rounded. */
#include "tern/money.h"

#include <stdio.h>
#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Appends a digit to a total that is counted downwards, because INT64_MIN has no positive counterpart. */
static int take_digit(int64_t *total, char digit)
{
    int64_t tenfold;
    if (__builtin_mul_overflow(*total, 10, &tenfold) || __builtin_sub_overflow(tenfold, digit - '0', total)) return -1;
    return 0;
}

static int not_an_amount(struct tern_error *err)
{
    return tern_error_set(err, "must be an amount like 12.50, with at most two decimals and no exponent");
}

static int out_of_range(struct tern_error *err)
{
    return tern_error_set(err, "is too large for an amount");
}

/* One pass: the grammar is checked while the digits are added up. */
int tern_money_parse(const char *digits, int64_t *ret_minor, struct tern_error *err)
{
    const char *at = digits;
    bool negative = *at == '-';
    if (negative) at++;
    if (!is_digit(*at) || (*at == '0' && is_digit(at[1]))) return not_an_amount(err);

    int64_t total = 0;
    for (; is_digit(*at); at++)
        if (take_digit(&total, *at) < 0) return out_of_range(err);

    size_t decimals = 0;
    if (*at == '.') {
        decimals = strspn(at + 1, "0123456789");
        if (decimals == 0 || decimals > 2) return not_an_amount(err);
    }
    /* Two more digits turn units into minor units: those behind the point, filled up with zeros. */
    for (size_t i = 0; i < 2; i++)
        if (take_digit(&total, i < decimals ? at[1 + i] : '0') < 0) return out_of_range(err);
    if (at[decimals ? 1 + decimals : 0] != '\0') return not_an_amount(err);

    if (!negative && __builtin_sub_overflow((int64_t)0, total, &total)) return out_of_range(err);
    *ret_minor = total;
    return 0;
}

void tern_money_format(int64_t minor, char text[TERN_MONEY_SIZE])
{
    uint64_t size = minor < 0 ? 0U - (uint64_t)minor : (uint64_t)minor;
    (void)snprintf(text, TERN_MONEY_SIZE, "%s%llu.%02u", minor < 0 ? "-" : "", (unsigned long long)(size / 100),
                   (unsigned)(size % 100));
}

int tern_money_add_product(int64_t *sum_minor, int64_t price_minor, int64_t quantity)
{
    int64_t product, sum;
    if (__builtin_mul_overflow(price_minor, quantity, &product) || __builtin_add_overflow(*sum_minor, product, &sum))
        return -1;
    *sum_minor = sum;
    return 0;
}
