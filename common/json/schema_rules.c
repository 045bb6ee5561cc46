/* schema_rules.c - the rules of the field kinds, on values of C structs.
 *
 * Checks one value, and explains a refusal. Pure: knows neither JSON nor the place of the value. */
#include "schema_rules.h"

#include "common/base/utf8.h"
#include "tern/id.h"
#include "tern/money.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int tern_schema_refuse(struct schema_verdict *verdict, const char *code, const char *detail, ...)
{
    va_list arguments;
    verdict->code = code;
    va_start(arguments, detail);
    (void)vsnprintf(verdict->detail, sizeof verdict->detail, detail, arguments);
    va_end(arguments);
    return -1;
}

/* Two zeros mean that the kind has no bounds but those of its type. */
static bool is_bounded(const struct tern_field *field)
{
    return field->low != 0 || field->high != 0;
}

size_t tern_schema_longest(const struct tern_field *field)
{
    return field->high > 0 ? (size_t)field->high : field->size - 1;
}

/* Text that is required is never empty. */
static size_t shortest(const struct tern_field *field)
{
    return field->low > 0 ? (size_t)field->low : 1;
}

static int judge_id(const char *id, struct schema_verdict *verdict)
{
    if (tern_id_valid(id)) return 0;
    return tern_schema_refuse(verdict, "bad_format", "must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
}

static int judge_uuid(const char *uuid, struct schema_verdict *verdict)
{
    char normal[TERN_UUID_SIZE];
    if (tern_uuid_normalise(uuid, normal) < 0) return tern_schema_refuse(verdict, "bad_format", "must be a UUID");
    return 0;
}

/* The number of characters, or -1 when there is bad UTF-8 or a control character of Unicode: U+0000 to U+001F, U+007F,
 * U+0080 to U+009F (two bytes: C2 80 to C2 9F). */
static int64_t count_characters(const unsigned char *at, const unsigned char *end)
{
    int64_t count = 0;
    while (at < end) {
        size_t length = tern_utf8_length(at, end);
        bool control = at[0] < 0x20 || at[0] == 0x7F || (at[0] == 0xC2 && length == 2 && at[1] < 0xA0);
        if (length == 0 || control) return -1;
        at += length;
        count++;
    }
    return count;
}

/* Lengths count characters, as the sentences for people do; that the bytes fit was checked when they were copied. */
static int judge_text(const struct tern_field *field, const char *text, struct schema_verdict *verdict)
{
    const unsigned char *start = (const unsigned char *)text;
    int64_t count = count_characters(start, start + strlen(text));
    if (count < 0) return tern_schema_refuse(verdict, "bad_format", "must not have control characters");
    if (count == 0 && field->optional) return 0;
    if (count == 0) return tern_schema_refuse(verdict, "bad_format", "must not be empty");
    if ((size_t)count > tern_schema_longest(field))
        return tern_schema_refuse(verdict, "too_long", "must be at most %zu characters", tern_schema_longest(field));
    if ((size_t)count < shortest(field))
        return tern_schema_refuse(verdict, "bad_format", "must be at least %zu characters", shortest(field));
    return 0;
}

static bool is_word(const char *word, size_t low, size_t high)
{
    size_t length = strspn(word, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    return word[length] == '\0' && length >= low && length <= high;
}

static int judge_word(const struct tern_field *field, const char *word, struct schema_verdict *verdict)
{
    size_t low = shortest(field);
    size_t high = tern_schema_longest(field);
    if (is_word(word, low, high)) return 0;
    if (low == high) return tern_schema_refuse(verdict, "bad_format", "must be %zu characters of A-Z 0-9 _", low);
    return tern_schema_refuse(verdict, "bad_format", "must be %zu to %zu characters of A-Z 0-9 _", low, high);
}

int tern_schema_judge_word(const char *word, struct schema_verdict *verdict)
{
    if (!is_word(word, 1, TERN_WORD_SIZE - 1))
        return tern_schema_refuse(verdict, "bad_format", "must be 1 to %d characters of A-Z 0-9 _", TERN_WORD_SIZE - 1);
    return 0;
}

/* The bounds appear as amounts, not as minor units. */
static int judge_money(const struct tern_field *field, int64_t minor, struct schema_verdict *verdict)
{
    char low[TERN_MONEY_SIZE];
    char high[TERN_MONEY_SIZE];
    if (!is_bounded(field) || (minor >= field->low && minor <= field->high)) return 0;
    tern_money_format(field->low, low);
    tern_money_format(field->high, high);
    return tern_schema_refuse(verdict, "out_of_range", "must be %s to %s", low, high);
}

static int judge_number(const struct tern_field *field, int64_t number, struct schema_verdict *verdict)
{
    if (!is_bounded(field) || (number >= field->low && number <= field->high)) return 0;
    return tern_schema_refuse(verdict, "out_of_range", "must be %" PRId64 " to %" PRId64, field->low, field->high);
}

/* Every int64_t is a time: bounds of times are a matter of the program. */
int tern_schema_judge(const struct tern_field *field, const void *value, struct schema_verdict *verdict)
{
    switch (field->kind) {
    case TERN_KIND_ID: return judge_id(value, verdict);
    case TERN_KIND_UUID: return judge_uuid(value, verdict);
    case TERN_KIND_TEXT: return judge_text(field, value, verdict);
    case TERN_KIND_WORD: return judge_word(field, value, verdict);
    case TERN_KIND_MONEY: return judge_money(field, schema_number(value), verdict);
    case TERN_KIND_COUNT: return judge_number(field, schema_number(value), verdict);
    case TERN_KIND_TIME: return 0;
    case TERN_KIND_OBJECT:
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: break;
    }
    tern_broken(__FILE__, __LINE__, "objects and lists are judged by their members");
}

int tern_schema_judge_count(const struct tern_field *field, size_t count, struct schema_verdict *verdict)
{
    if (count >= (size_t)field->low && count <= (size_t)field->high) return 0;
    return tern_schema_refuse(verdict, "out_of_range", "must have %" PRId64 " to %" PRId64 " elements", field->low,
                              field->high);
}

/* No value, by kind: 0, an object that is not given, an empty list, "". */
bool tern_schema_has_value(const struct tern_field *field, const void *source)
{
    const char *bytes = source;
    bool present;
    size_t count;
    switch (field->kind) {
    case TERN_KIND_MONEY:
    case TERN_KIND_COUNT:
    case TERN_KIND_TIME: return schema_number(bytes + field->offset) != 0;
    case TERN_KIND_OBJECT: memcpy(&present, bytes + field->present_offset, sizeof present); return present;
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: memcpy(&count, bytes + field->count_offset, sizeof count); return count > 0;
    default: return bytes[field->offset] != '\0';
    }
}
