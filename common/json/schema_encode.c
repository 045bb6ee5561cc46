/* schema_encode.c - encodes a C struct as the JSON object of its schema, and fits text for a member.
 *
 * Numbers are written from integers, so nothing is rounded. Optional members without a value are left out. Never checks
 * the struct: tern_schema_check does. */
#include "tern/schema.h"

#include "common/base/digits.h"
#include "common/base/utf8.h"
#include "schema_rules.h"
#include "tern/clock.h"
#include "tern/money.h"

#include <string.h>

static void encode_object(const struct tern_schema *schema, const char *source, struct tern_text *out);

static void write_money(struct tern_text *out, int64_t minor)
{
    char text[TERN_MONEY_SIZE];
    tern_money_format(minor, text);
    tern_text_add(out, text);
}

/* With its quotes, in one piece. */
static void write_time(struct tern_text *out, int64_t ms)
{
    char text[TERN_TIME_SIZE + 2];
    text[0] = '"';
    tern_time_format(ms, text + 1);
    text[TERN_TIME_SIZE] = '"';
    tern_text_add_bytes(out, text, TERN_TIME_SIZE + 1);
}

static void encode_list(const struct tern_field *field, const char *source, struct tern_text *out)
{
    size_t count;
    memcpy(&count, source + field->count_offset, sizeof count);
    TERN_ASSERT(count <= (size_t)field->high, "a list has no more elements than there is room for");
    tern_text_add_bytes(out, "[", 1);
    for (size_t i = 0; i < count; i++) {
        if (i > 0) tern_text_add_bytes(out, ",", 1);
        if (field->kind == TERN_KIND_WORDS)
            tern_json_write_string(out, source + field->offset + i * TERN_WORD_SIZE);
        else
            encode_object(field->schema, source + field->offset + i * field->schema->size, out);
    }
    tern_text_add_bytes(out, "]", 1);
}

static void encode_value(const struct tern_field *field, const char *source, struct tern_text *out)
{
    const char *value = source + field->offset;
    switch (field->kind) {
    case TERN_KIND_MONEY: write_money(out, schema_number(value)); break;
    case TERN_KIND_COUNT: add_digits(out, schema_number(value)); break;
    case TERN_KIND_TIME: write_time(out, schema_number(value)); break;
    case TERN_KIND_OBJECT: encode_object(field->schema, value, out); break;
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: encode_list(field, source, out); break;
    default: tern_json_write_string(out, value);
    }
}

/* Names are plain ASCII (tern/schema.h): they need no escape. */
static void encode_object(const struct tern_schema *schema, const char *source, struct tern_text *out)
{
    const char *before = "{\"";
    for (size_t i = 0; i < schema->count; i++) {
        const struct tern_field *field = &schema->fields[i];
        if (field->optional && !tern_schema_has_value(field, source)) continue;
        tern_text_add_bytes(out, before, 2);
        tern_text_add(out, field->name);
        tern_text_add_bytes(out, "\":", 2);
        encode_value(field, source, out);
        before = ",\"";
    }
    tern_text_add(out, before[0] == '{' ? "{}" : "}");
}

void tern_schema_encode(const struct tern_schema *schema, const void *source, struct tern_text *out)
{
    encode_object(schema, source, out);
}

/* ---- fitting ----------------------------------------------------------------------------------------------- */

/* The next character, with control characters and bad bytes replaced. Returns its length and moves `*at` behind it. */
static size_t next_piece(const unsigned char **at, const unsigned char *end, const char **ret_piece)
{
    size_t length = tern_utf8_length(*at, end);
    const unsigned char *c = *at;
    bool control = *c < 0x20 || *c == 0x7F || (*c == 0xC2 && length == 2 && c[1] < 0xA0);
    *ret_piece = control ? " " : length == 0 ? "\xEF\xBF\xBD" : (const char *)c;
    *at += length ? length : 1;
    return control ? 1 : length == 0 ? 3 : length;
}

void tern_schema_fit_text(char *target, size_t size, size_t characters, const char *text)
{
    const unsigned char *at = (const unsigned char *)text;
    const unsigned char *end = at + strlen(text);
    size_t used = 0;
    const char *piece;
    TERN_ASSERT(size > 0, "a target has room for its NUL");
    for (; at < end && characters > 0; characters--) {
        size_t length = next_piece(&at, end, &piece);
        if (used + length >= size) break;
        memcpy(target + used, piece, length);
        used += length;
    }
    target[used] = '\0';
}
