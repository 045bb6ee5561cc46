/* mask.c - the names whose values are not shown, and the two ways of masking them.
 *
 * In JSON a value is replaced as a whole. In other bytes it is masked by pattern: from a listed name to the end of the
 * word or quoted text behind it, and any word that looks like an e-mail address or a card number. Never changes what is
 * stored. */
#include "tern/mask.h"

#include <string.h>
#include <strings.h>

static const struct {
    const char *name;    /* of a JSON member */
    enum tern_mask from; /* masked by this mask and the later ones */
} hidden[] = {
    {"paymentToken",  TERN_MASK_SECRETS },
    {"token",         TERN_MASK_SECRETS },
    {"cardNumber",    TERN_MASK_SECRETS },
    {"card",          TERN_MASK_SECRETS },
    {"cvc",           TERN_MASK_SECRETS },
    {"password",      TERN_MASK_SECRETS },
    {"authorization", TERN_MASK_SECRETS },
    {"adminToken",    TERN_MASK_SECRETS },
    {"email",         TERN_MASK_PERSONAL},
    {"phone",         TERN_MASK_PERSONAL},
    {"recipient",     TERN_MASK_PERSONAL},
    {"street",        TERN_MASK_PERSONAL},
    {"note",          TERN_MASK_PERSONAL},
};
enum { DIGITS_OF_A_CARD = 12 }; /* card numbers have 12 to 19 (ISO/IEC 7812) */

/* Names are compared in any case: what is stored may come from senders that spell them otherwise. */
static bool is_hidden(const char *name, enum tern_mask mask)
{
    for (size_t i = 0; i < TERN_COUNT(hidden); i++)
        if (hidden[i].from <= mask && strcasecmp(name, hidden[i].name) == 0) return true;
    return false;
}

/* The recursion ends at TERN_JSON_MAX_DEPTH. */
void tern_mask_print(const struct cJSON *node, enum tern_mask mask, struct tern_text *out)
{
    bool object = tern_json_is_object(node);
    const char *name = tern_json_name(node);
    if (name && is_hidden(name, mask) && !tern_json_is_null(node)) {
        tern_json_write_string(out, "***");
        return;
    }
    if (!object && !tern_json_is_array(node)) {
        tern_json_print(node, out);
        return;
    }
    tern_text_add(out, object ? "{" : "[");
    for (const struct cJSON *child = tern_json_first(node); child; child = tern_json_next(child)) {
        if (child != tern_json_first(node)) tern_text_add(out, ",");
        if (object) {
            tern_json_write_string(out, tern_json_name(child));
            tern_text_add(out, ":");
        }
        tern_mask_print(child, mask, out);
    }
    tern_text_add(out, object ? "}" : "]");
}

/* ---- bytes that are no JSON ---- */

/* Bytes above ASCII belong to words: text in any language is masked as a whole. */
static bool is_word_byte(unsigned char byte)
{
    return byte > ' ' && byte != 0x7f && !strchr("\"',:;{}[]()<>=&", byte);
}

/* Masks the value behind a name: after quotes, colons and blanks, to the end of the word or the quoted text. */
static void blot_value(char *at, const char *end)
{
    const char *opened = NULL;
    while (at < end && !is_word_byte((unsigned char)*at)) {
        opened = *at == '"' ? at : opened;
        at++;
    }
    for (; at < end && (opened ? *at != '"' : is_word_byte((unsigned char)*at)); at++) {
        if (opened && *at == '\\' && at + 1 < end) *at++ = '*'; /* an escaped quote does not end the text */
        *at = '*';
    }
}

/* Whether a word contains an @, or as many digits in a row as a card number. */
static bool looks_personal(const char *word, size_t length)
{
    size_t digits = 0;
    for (size_t i = 0; i < length; i++) {
        if (word[i] == '@') return true;
        digits = word[i] >= '0' && word[i] <= '9' ? digits + 1 : 0;
        if (digits >= DIGITS_OF_A_CARD) return true;
    }
    return false;
}

/* First what follows a listed name, wherever it stands, because these bytes have no structure to go by; then each word
 * that looks personal. */
void tern_mask_bytes(char *bytes, size_t length)
{
    for (size_t i = 0; i < TERN_COUNT(hidden); i++) {
        size_t size = strlen(hidden[i].name);
        for (char *at = bytes; at + size <= bytes + length; at++)
            if (strncasecmp(at, hidden[i].name, size) == 0) blot_value(at + size, bytes + length);
    }
    for (size_t at = 0; at < length;) {
        size_t size = 0;
        while (at + size < length && is_word_byte((unsigned char)bytes[at + size]))
            size++;
        if (looks_personal(bytes + at, size)) memset(bytes + at, '*', size);
        at += size + 1;
    }
}
