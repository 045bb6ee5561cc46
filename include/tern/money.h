/* tern/money.h - exact money: an amount is an int64 count of minor units (cents), never a float.
 *
 * On the wire an amount is a JSON number with two decimals. It is read from its digits and written from the integer, so
 * nothing is ever rounded. Pure; any thread. */
#ifndef TERN_MONEY_H
#define TERN_MONEY_H

#include "tern/error.h"

enum { TERN_MONEY_SIZE = 24 }; /* "-92233720368547758.08" and the NUL */

/* Reads "12", "12.5", "12.50", "-0.01": the JSON number grammar (RFC 8259, section 6) without exponent, with at most
 * two decimals. Returns 0, or -1 with a sentence. */
int tern_money_parse(const char *digits, int64_t *ret_minor, struct tern_error *err);
/* Always two decimals: 1999 -> "19.99". */
void tern_money_format(int64_t minor, char text[TERN_MONEY_SIZE]);
/* sum += price * quantity. Returns 0, or -1 on overflow (then *sum is unchanged). */
int tern_money_add_product(int64_t *sum_minor, int64_t price_minor, int64_t quantity);

#endif
