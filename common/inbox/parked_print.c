/* parked_print.c - deferred messages as JSON, for people.
 *
 * A body that the JSON validator accepts is shown as it is, with the values of secret members masked. Any other body
 * is shown as text if it is text, else as base64; there, values after secret names, whatever holds an @, and long runs
 * of digits are blotted out, byte by byte. The store keeps every byte. */
#include "parked_print.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "tern/clock.h"
#include "tern/json.h"
#include "tern/mask.h"

/* ---- a row -------------------------------------------------------------------------------------------------- */

static const char *const states[] = {
    [TERN_DEFERRED_RETRY] = "RETRY", [TERN_DEFERRED_BEHIND] = "BEHIND", [TERN_DEFERRED_PARKED] = "PARKED"};

const char *tern_parked_state_word(enum tern_deferred_state state)
{
    return states[state];
}

int tern_parked_state_read(const char *word)
{
    for (size_t i = 0; i < TERN_COUNT(states); i++)
        if (strcmp(word, states[i]) == 0) return (int)i;
    return -1;
}

void tern_parked_print_row(const struct tern_deferred *deferred, struct tern_text *out)
{
    char name[TERN_PARKED_NAME_SIZE];
    tern_parked_name(deferred, name);
    tern_text_printf(out, "{\"eventId\":\"%s\"", name);
    tern_json_add_text_or_null(out, "eventType", deferred->type);
    tern_json_add_text_or_null(out, "subject", deferred->subject);
    tern_json_add_text_or_null(out, "state", tern_parked_state_word(deferred->state));
    tern_json_add_text_or_null(out, "reason", deferred->reason);
    tern_json_add_text_or_null(out, "error", deferred->error);
    tern_text_printf(out, ",\"attempts\":%" PRId64, deferred->attempts);
    tern_json_add_time(out, "firstAt", deferred->first_at_ms);
    tern_json_add_time(out, "lastAt", deferred->last_at_ms);
    if (deferred->state == TERN_DEFERRED_RETRY)
        tern_json_add_time(out, "nextTryAt", deferred->next_try_ms);
    else
        tern_text_add(out, ",\"nextTryAt\":null");
    tern_text_printf(out, ",\"size\":%zu", deferred->body_length);
}

/* ---- a body ------------------------------------------------------------------------------------------------- */

/* RFC 4648, section 4. */
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

/* False when it is no text: a NUL cuts it short, or the JSON writer replaces bytes that are no UTF-8 by U+FFFD. */
static bool add_as_text(struct tern_text *out, const char *bytes, size_t length)
{
    struct tern_text written = {0};
    bool whole = strlen(bytes) == length;
    if (whole) tern_json_write_string(&written, bytes);
    whole = whole && !strstr(written.bytes, "\xef\xbf\xbd");
    if (whole) tern_text_printf(out, ",\"encoding\":\"text\",\"message\":%s", written.bytes);
    tern_text_fini(&written);
    return whole;
}

void tern_parked_print_message(const void *body, size_t length, struct tern_text *out)
{
    struct cJSON *tree = tern_json_parse(body, length, TERN_JSON_MAX_BYTES, NULL);
    if (tree) {
        tern_text_add(out, ",\"encoding\":\"json\",\"message\":");
        tern_mask_print(tree, TERN_MASK_PERSONAL, out);
        tern_json_destroy(tree);
        return;
    }
    char *bytes = tern_copy_bytes(body, length); /* masked in place */
    tern_mask_bytes(bytes, length);
    if (!add_as_text(out, bytes, length)) {
        tern_text_add(out, ",\"encoding\":\"base64\",\"message\":\"");
        add_base64(out, (const unsigned char *)bytes, length);
        tern_text_add(out, "\"");
    }
    free(bytes);
}
