/* shop/rules.h - what the shop refuses from outside although its kind of field would take it. Pure; any thread. */
#ifndef SHOP_RULES_H
#define SHOP_RULES_H

#include "tern/base.h"

/* Whether `code` is a currency of ISO 4217 that is in use and has two decimals: amounts here are hundredths. */
bool shop_currency_has_cents(const char *code);

/* Whether `text` holds a payment card's number: 13 to 19 digits that pass the Luhn check, in words of nothing else
 * ("tok_4111111111111111" is a token), whatever blanks and marks stand between them; not what begins like a date. */
bool shop_holds_card_number(const char *text);
/* Whether the whole of `id` is one, and of a length in which numbers that begin like it (3, 4, 5 or 6) are issued:
 * for ids that others give, where one row of digits in ten would pass by chance. */
bool shop_is_card_number(const char *id);
/* The sentence of a field's fault that holds one. */
extern const char shop_card_number_refused[];

#endif
