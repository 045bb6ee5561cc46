/* shop/rules.h - checks of values from outside that a schema cannot express: currencies and card numbers.
 *
 * Pure; any thread. Card numbers are refused because the event log keeps what it is given for ever and in clear text,
 * which PCI DSS forbids for them. */
#ifndef SHOP_RULES_H
#define SHOP_RULES_H

#include "tern/base.h"

/* Whether `code` is a currency of ISO 4217 that is in use and has two decimals: amounts here are hundredths. */
bool shop_currency_has_cents(const char *code);

/* Whether `text` contains the number of a payment card: 13 to 19 digits that pass the Luhn check (ISO/IEC 7812-1), in
 * words of digits with any blanks and punctuation between them. A word that has letters is none
 * ("tok_4111111111111111" is a token), nor is a number that begins like a date. */
bool shop_holds_card_number(const char *text);
/* Whether the whole of `id` is a card number, of a length that is issued for its first digit (3, 4, 5 or 6). Stricter
 * than the search above: one random digit string in ten passes the Luhn check, and ids are often digits only. */
bool shop_is_card_number(const char *id);
/* The detail of the fault for a field that contains a card number. Does not repeat the number. */
extern const char shop_card_number_refused[];

#endif
