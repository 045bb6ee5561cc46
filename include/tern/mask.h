/* tern/mask.h - prints stored bytes with their secrets masked.
 *
 * One list of names for every place that shows stored bytes: parked messages, the events of an order. Never changes
 * what is stored. Pure; any thread. */
#ifndef TERN_MASK_H
#define TERN_MASK_H

#include "tern/json.h"

enum tern_mask {
    TERN_MASK_SECRETS, /* credentials: paymentToken, card numbers, passwords */
    TERN_MASK_PERSONAL /* these, and e-mail addresses, phone numbers, streets */
};

/* Prints the tree without white space; the value of a member with a name of the list is the string "***". */
void tern_mask_print(const struct cJSON *node, enum tern_mask mask, struct tern_text *out);
/* Masks bytes that are not JSON, in place: the values behind listed names, words with an @ and long rows of digits
 * become asterisks. */
void tern_mask_bytes(char *bytes, size_t length);

#endif
