/* shop/rules.h - what the shop refuses from outside although its kind of field would take it. Pure; any thread. */
#ifndef SHOP_RULES_H
#define SHOP_RULES_H

#include "tern/base.h"

/* Whether `code` is a currency of ISO 4217 that is in use and has two decimals: amounts here are hundredths. */
bool shop_currency_has_cents(const char *code);

/* Whether `text` holds a payment card's number: 13 to 19 digits, blanks and dashes between them ignored, that pass the
 * Luhn check, in words of nothing else ("tok_4111111111111111" is a token). */
bool shop_holds_card_number(const char *text);
/* What is said about a field that does. */
extern const char shop_card_number_refused[];

#endif
