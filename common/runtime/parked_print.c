/* parked_print.c - held messages as JSON.
 *
 * A body that passes the JSON gate is shown as it is, values of secret members replaced. Another one is shown as text
 * when it is text, else as base64; there the values behind secret names, whatever holds an @ and long rows of digits
 * are blotted out, byte by byte. The store keeps every byte. */
#include "parked_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "tern/clock.h"
#include "tern/json.h"

static const char *const secret_names[] = {"paymentToken", "token",         "cardNumber", "card",
                                           "cvc",          "password",      "email",      "phone",
                                           "recipient",    "authorization", "street",     "adminToken"};
enum { DIGITS_OF_A_CARD = 12 };
static const char mask[] = "***";

static bool is_secret(const char *name)
{
    for (size_t i = 0; i < TERN_COUNT(secret_names); i++)
        if (strcasecmp(name, secret_names[i]) == 0) return true;
    return false;
}

/* ---- a row -------------------------------------------------------------------------------------------------- */

static const char *const states[] = {
    [TERN_HELD_RETRY] = "RETRY", [TERN_HELD_BEHIND] = "BEHIND", [TERN_HELD_PARKED] = "PARKED"};

const char *tern_parked_state_word(enum tern_held_state state)
{
    return states[state];
}

int tern_parked_state_read(const char *word)
{
    for (size_t i = 0; i < TERN_COUNT(states); i++)
        if (strcmp(word, states[i]) == 0) return (int)i;
    return -1;
}

static void add_text(struct tern_text *out, const char *name, const char *value)
{
    tern_text_printf(out, ",\"%s\":", name);
    if (value[0] != '\0')
        tern_json_write_string(out, value);
    else
        tern_text_add(out, "null");
}

static void add_time(struct tern_text *out, const char *name, int64_t wall_ms)
{
    char time[TERN_TIME_SIZE];
    tern_time_format(wall_ms, time);
    add_text(out, name, time);
}

void tern_parked_print_row(const struct tern_held *held, struct tern_text *out)
{
    char name[TERN_PARKED_NAME_SIZE];
    tern_parked_name(held, name);
    tern_text_printf(out, "{\"eventId\":\"%s\"", name);
    add_text(out, "eventType", held->type);
    add_text(out, "subject", held->subject);
    add_text(out, "state", tern_parked_state_word(held->state));
    add_text(out, "reason", held->reason);
    add_text(out, "error", held->error);
    tern_text_printf(out, ",\"attempts\":%" PRId64, held->attempts);
    add_time(out, "firstAt", held->first_at_ms);
    add_time(out, "lastAt", held->last_at_ms);
    if (held->state == TERN_HELD_RETRY)
        add_time(out, "nextTryAt", held->next_try_ms);
    else
        tern_text_add(out, ",\"nextTryAt\":null");
    tern_text_printf(out, ",\"size\":%zu", held->body_length);
}

/* ---- a body that is JSON ------------------------------------------------------------------------------------- */

static void print_masked(const struct cJSON *node, struct tern_text *out) /* as deep as the gate lets through */
{
    bool object = tern_json_is_object(node);
    const char *name = tern_json_name(node);
    if (name != NULL && is_secret(name) && !tern_json_is_null(node)) {
        tern_json_write_string(out, mask);
        return;
    }
    if (!object && !tern_json_is_array(node)) {
        tern_json_print(node, out);
        return;
    }
    tern_text_add(out, object ? "{" : "[");
    for (const struct cJSON *child = tern_json_first(node); child != NULL; child = tern_json_next(child)) {
        if (child != tern_json_first(node)) tern_text_add(out, ",");
        if (object) {
            tern_json_write_string(out, tern_json_name(child));
            tern_text_add(out, ":");
        }
        print_masked(child, out);
    }
    tern_text_add(out, object ? "}" : "]");
}

/* ---- another body -------------------------------------------------------------------------------------------- */

static bool is_word_byte(unsigned char byte)
{
    return byte > ' ' && byte != 0x7f && strchr("\"',:;{}[]()<>=&", byte) == NULL;
}

/* What stands behind a secret name: after quotes, colons and blanks, to the end of the word or of the quoted text. */
static void blot_value(char *at, const char *end)
{
    const char *opened = NULL;
    while (at < end && !is_word_byte((unsigned char)*at)) {
        opened = *at == '"' ? at : opened;
        at++;
    }
    for (; at < end && (opened ? *at != '"' : is_word_byte((unsigned char)*at)); at++) {
        if (opened && *at == '\\' && at + 1 < end) *at++ = '*'; /* a quote behind it does not end the text */
        *at = '*';
    }
}

static void blot_names(char *bytes, size_t length)
{
    for (size_t i = 0; i < TERN_COUNT(secret_names); i++) {
        size_t size = strlen(secret_names[i]);
        for (char *at = bytes; at + size <= bytes + length; at++)
            if (strncasecmp(at, secret_names[i], size) == 0) blot_value(at + size, bytes + length);
    }
}

/* Whether a word holds an @, or a row of digits as long as a card's. */
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

static void blot_words(char *bytes, size_t length)
{
    for (size_t at = 0; at < length;) {
        size_t size = 0;
        while (at + size < length && is_word_byte((unsigned char)bytes[at + size]))
            size++;
        if (looks_personal(bytes + at, size)) memset(bytes + at, '*', size);
        at += size + 1;
    }
}

static void add_base64(struct tern_text *out, const unsigned char *bytes, size_t length)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (size_t i = 0; i < length; i += 3) {
        size_t left = length - i;
        unsigned group = (unsigned)bytes[i] << 16 | (left > 1 ? (unsigned)bytes[i + 1] << 8 : 0) |
                         (left > 2 ? (unsigned)bytes[i + 2] : 0);
        const char four[4] = {letters[group >> 18 & 63], letters[group >> 12 & 63],
                              left > 1 ? letters[group >> 6 & 63] : '=', left > 2 ? letters[group & 63] : '='};
        tern_text_add_bytes(out, four, sizeof four);
    }
}

/* Text comes out as it went in: nothing was replaced, and no NUL cut it short. */
static bool add_as_text(struct tern_text *out, const char *bytes, size_t length)
{
    struct tern_text written = {0};
    bool whole = strlen(bytes) == length;
    if (whole) tern_json_write_string(&written, bytes);
    whole = whole && strstr(written.bytes, "\xef\xbf\xbd") == NULL;
    if (whole) tern_text_printf(out, ",\"encoding\":\"text\",\"message\":%s", written.bytes);
    tern_text_fini(&written);
    return whole;
}

static void print_other(const void *body, size_t length, struct tern_text *out)
{
    char *bytes = tern_copy_bytes(body, length);
    blot_names(bytes, length);
    blot_words(bytes, length);
    if (!add_as_text(out, bytes, length)) {
        tern_text_add(out, ",\"encoding\":\"base64\",\"message\":\"");
        add_base64(out, (const unsigned char *)bytes, length);
        tern_text_add(out, "\"");
    }
    free(bytes);
}

void tern_parked_print_message(const void *body, size_t length, struct tern_text *out)
{
    struct cJSON *tree = tern_json_parse(body, length, TERN_JSON_MAX_BYTES, NULL);
    if (tree == NULL) {
        print_other(body, length, out);
        return;
    }
    tern_text_add(out, ",\"encoding\":\"json\",\"message\":");
    print_masked(tree, out);
    tern_json_destroy(tree);
}
