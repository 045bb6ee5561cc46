/* parked_print.h - deferred messages as people see them: JSON, without what is secret or personal. */
#ifndef TERN_INBOX_PARKED_PRINT_H
#define TERN_INBOX_PARKED_PRINT_H

#include "parked.h"
#include "tern/text.h"

/* {eventId, eventType, subject, state, reason, error, attempts, firstAt, lastAt, nextTryAt, size}: appended without the
 * closing brace, so that the caller may add members. */
void tern_parked_print_row(const struct tern_deferred *deferred, struct tern_text *out);
/* Members "encoding" (json, text or base64) and "message": the body, with the values of paymentToken, email and the
 * like masked; in a body that is no JSON, whatever looks like them. */
void tern_parked_print_message(const void *body, size_t length, struct tern_text *out);
/* A state as a word ("PARKED"), and the state of a word or -1. */
const char *tern_parked_state_word(enum tern_deferred_state state);
int tern_parked_state_read(const char *word);

#endif
