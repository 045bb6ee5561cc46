/* schema_print.c - a schema as JSON Schema 2020-12 (json-schema.org/draft/2020-12), for those who read events in other
 * languages.
 *
 * The same rules as decoding tolerantly, but for what JSON Schema cannot say: the spelling of a number (no exponent, no
 * point in whole numbers), the bytes of a text, and the 29th of February. multipleOf is exact only when numbers are read
 * as decimals. */
#include "tern/schema.h"

#include <inttypes.h>

#include "tern/money.h"

static const char date_pattern[] =
    "^[0-9]{4}-((01|03|05|07|08|10|12)-(0[1-9]|[12][0-9]|3[01])|(04|06|09|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|[12][0-9]))"
    "T([01][0-9]|2[0-3]):[0-5][0-9]:([0-5][0-9]|60)([.][0-9]{1,9})?(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])$";
static const char uuid_pattern[] = "^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$";

/* null counts as absent. */
static void print_type(const struct tern_field *field, const char *type, struct tern_text *out)
{
    tern_text_printf(out, field->optional ? "\"type\":[\"%s\",\"null\"]" : "\"type\":\"%s\"", type);
}

static void print_pattern(const char *pattern, struct tern_text *out)
{
    tern_text_add(out, ",\"pattern\":");
    tern_json_write_string(out, pattern);
}

static size_t longest(const struct tern_field *field)
{
    return field->high > 0 ? (size_t)field->high : field->size - 1;
}

static size_t shortest(const struct tern_field *field)
{
    return field->low > 0 ? (size_t)field->low : 1;
}

/* Without the control characters of Unicode. An optional text may be empty, which is none. */
static void print_text(const struct tern_field *field, struct tern_text *out)
{
    print_type(field, "string", out);
    tern_text_printf(out, ",\"minLength\":%zu,\"maxLength\":%zu", field->optional ? (size_t)0 : shortest(field),
                     longest(field));
    print_pattern("^[^\\u0000-\\u001f\\u007f-\\u009f]*$", out);
}

static void print_word(size_t low, size_t high, struct tern_text *out)
{
    tern_text_printf(out, ",\"pattern\":\"^[A-Z0-9_]{%zu,%zu}$\"", low, high);
}

static void print_amount(const struct tern_field *field, struct tern_text *out)
{
    char low[TERN_MONEY_SIZE], high[TERN_MONEY_SIZE];
    print_type(field, "number", out);
    tern_text_add(out, ",\"multipleOf\":0.01");
    if (field->low == 0 && field->high == 0) return;
    tern_money_format(field->low, low);
    tern_money_format(field->high, high);
    tern_text_printf(out, ",\"minimum\":%s,\"maximum\":%s", low, high);
}

static void print_object(const struct tern_schema *schema, struct tern_text *out);

static void print_list(const struct tern_field *field, struct tern_text *out)
{
    print_type(field, "array", out);
    tern_text_printf(out, ",\"minItems\":%" PRId64 ",\"maxItems\":%" PRId64 ",\"items\":{", field->low, field->high);
    if (field->kind == TERN_KIND_LIST) {
        tern_text_add(out, "\"type\":\"object\",");
        print_object(field->schema, out);
    } else {
        tern_text_add(out, "\"type\":\"string\"");
        print_word(1, TERN_WORD_SIZE - 1, out);
    }
    tern_text_add(out, "}");
}

static void print_field(const struct tern_field *field, struct tern_text *out)
{
    switch (field->kind) {
    case TERN_KIND_ID:
        print_type(field, "string", out);
        print_pattern("^[A-Za-z0-9._-]{1,64}$", out);
        break;
    case TERN_KIND_UUID:
        print_type(field, "string", out);
        print_pattern(uuid_pattern, out);
        break;
    case TERN_KIND_TEXT: print_text(field, out); break;
    case TERN_KIND_WORD:
        print_type(field, "string", out);
        print_word(shortest(field), longest(field), out);
        break;
    case TERN_KIND_MONEY: print_amount(field, out); break;
    case TERN_KIND_COUNT:
        print_type(field, "integer", out);
        if (field->low != 0 || field->high != 0)
            tern_text_printf(out, ",\"minimum\":%" PRId64 ",\"maximum\":%" PRId64, field->low, field->high);
        break;
    case TERN_KIND_TIME:
        print_type(field, "string", out);
        tern_text_add(out, ",\"format\":\"date-time\"");
        print_pattern(date_pattern, out);
        break;
    case TERN_KIND_OBJECT:
        print_type(field, "object", out);
        tern_text_add(out, ",");
        print_object(field->schema, out);
        break;
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: print_list(field, out); break;
    }
}

/* The members `required` and `properties`; other members are allowed. */
static void print_object(const struct tern_schema *schema, struct tern_text *out)
{
    const char *before = "";
    tern_text_add(out, "\"required\":[");
    for (size_t i = 0; i < schema->count; i++) {
        if (schema->fields[i].optional) continue;
        tern_text_printf(out, "%s\"%s\"", before, schema->fields[i].name);
        before = ",";
    }
    tern_text_add(out, "],\"properties\":{");
    for (size_t i = 0; i < schema->count; i++) {
        tern_text_printf(out, "%s\"%s\":{", i > 0 ? "," : "", schema->fields[i].name);
        print_field(&schema->fields[i], out);
        tern_text_add(out, "}");
    }
    tern_text_add(out, "}");
}

void tern_schema_print(const struct tern_schema *schema, const char *title, struct tern_text *out)
{
    tern_text_add(out, "{");
    if (title) tern_text_add(out, "\"$schema\":\"https://json-schema.org/draft/2020-12/schema\"");
    if (title) tern_json_add_text(out, "title", title);
    tern_text_add(out, title ? ",\"type\":\"object\"," : "\"type\":\"object\",");
    print_object(schema, out);
    tern_text_add(out, "}");
}
