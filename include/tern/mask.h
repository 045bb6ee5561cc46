/* tern/mask.h - shows what others wrote without what is secret in it: "***" in its place.
 *
 * One list of names for every place that shows stored bytes: held messages, an order's events. Never changes what is
 * stored. Pure; any thread. */
#ifndef TERN_MASK_H
#define TERN_MASK_H

#include "tern/json.h"

enum tern_mask {
    TERN_MASK_SECRETS, /* paymentToken, card numbers, passwords: what opens something */
    TERN_MASK_PERSONAL /* these, and e-mail addresses, phone numbers, streets */
};

/* Prints the tree without white space; the value of a member with a name of the list is the string "***". */
void tern_mask_print(const struct cJSON *node, enum tern_mask mask, struct tern_text *out);
/* For bytes that are no JSON, in place: the values behind names of the list, words with an @ and long rows of digits
 * become asterisks. */
void tern_mask_bytes(char *bytes, size_t length);

#endif
