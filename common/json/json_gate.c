/* json_gate.c - decides in one pass whether a text is JSON that may be handed to cJSON.
 *
 * Recursive descent whose depth is bounded by TERN_JSON_MAX_DEPTH, a table look-up per byte of a string, and no
 * allocation for messages of usual size. Names of one object are compared as characters, so "a" and "\u0061" are
 * the same name. Nothing is changed, converted or rounded here; positions in sentences count bytes from 1. */
#include "json_gate.h"

#include "common/base/utf8.h"
#include "tern/json.h"

#include <stdlib.h>
#include <string.h>

struct gate {
    const unsigned char *text, *at, *end;
    int depth;
    size_t values_left;
    struct json_marks names; /* of all objects that are open, innermost last */
    struct json_marks *numbers;
    struct tern_error *err;
};

static int check_value(struct gate *gate);

/* ---- marks ------------------------------------------------------------------------------------------------- */

void json_marks_init(struct json_marks *marks)
{
    marks->items = marks->inline_items;
    marks->count = 0;
    marks->room = JSON_MARKS_INLINE;
}

void json_marks_fini(struct json_marks *marks)
{
    if (marks->items != marks->inline_items) free(marks->items);
}

static void add_mark(struct json_marks *marks, size_t at, size_t note)
{
    if (marks->count == marks->room) {
        struct json_mark *items = tern_alloc(2 * marks->room * sizeof *items);
        memcpy(items, marks->items, marks->count * sizeof *items);
        json_marks_fini(marks);
        marks->items = items;
        marks->room *= 2;
    }
    marks->items[marks->count++] = (struct json_mark){(uint32_t)at, (uint32_t)note};
}

/* ---- bytes ------------------------------------------------------------------------------------------------- */

/* What a byte means inside a string. */
enum { PLAIN, QUOTE, ESCAPE, CONTROL, WIDE };

#define ROW(a) a, a, a, a, a, a, a, a, a, a, a, a, a, a, a, a
#define ROW_WITH_QUOTE \
    PLAIN, PLAIN, QUOTE, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN
#define ROW_WITH_ESCAPE \
    PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, PLAIN, ESCAPE, PLAIN, PLAIN, PLAIN

static const unsigned char meaning[256] = {
    ROW(CONTROL), ROW(CONTROL), ROW_WITH_QUOTE, ROW(PLAIN), ROW(PLAIN), ROW_WITH_ESCAPE, ROW(PLAIN), ROW(PLAIN),
    ROW(WIDE),    ROW(WIDE),    ROW(WIDE),      ROW(WIDE),  ROW(WIDE),  ROW(WIDE),       ROW(WIDE),  ROW(WIDE),
};

static int refuse_at(struct gate *gate, const unsigned char *at, const char *why)
{
    return tern_error_set(gate->err, "byte %zu: %s", (size_t)(at - gate->text) + 1, why);
}

static int refuse(struct gate *gate, const char *why)
{
    return refuse_at(gate, gate->at, gate->at == gate->end ? "the text ends too early" : why);
}

static bool is_digit(const struct gate *gate)
{
    return gate->at < gate->end && *gate->at >= '0' && *gate->at <= '9';
}

static bool next_is(const struct gate *gate, unsigned char byte)
{
    return gate->at < gate->end && *gate->at == byte;
}

static bool take(struct gate *gate, unsigned char byte)
{
    if (!next_is(gate, byte)) return false;
    gate->at++;
    return true;
}

static void skip_space(struct gate *gate)
{
    while (gate->at < gate->end && (*gate->at == ' ' || *gate->at == '\n' || *gate->at == '\r' || *gate->at == '\t'))
        gate->at++;
}

/* ---- strings ----------------------------------------------------------------------------------------------- */

static int hex_value(unsigned char digit)
{
    if (digit >= '0' && digit <= '9') return digit - '0';
    digit |= 0x20;
    return digit >= 'a' && digit <= 'f' ? digit - 'a' + 10 : -1;
}

/* The four digits at `at`, or -1. */
static int32_t code_unit(const unsigned char *at, const unsigned char *end)
{
    int32_t unit = 0;
    if (end - at < 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int value = hex_value(at[i]);
        if (value < 0) return -1;
        unit = unit * 16 + value;
    }
    return unit;
}

static bool is_high(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Behind "\u". */
static int check_code_unit(struct gate *gate)
{
    const unsigned char *start = gate->at - 2;
    int32_t unit = code_unit(gate->at, gate->end);
    if (unit < 0) return refuse_at(gate, start, "\\u needs four hexadecimal digits");
    if (unit == 0) return refuse_at(gate, start, "\\u0000 is not taken");
    if (is_low(unit)) return refuse_at(gate, start, "a low surrogate stands alone");
    gate->at += 4;
    if (!is_high(unit)) return 0;
    if (!take(gate, '\\') || !take(gate, 'u') || !is_low(code_unit(gate->at, gate->end)))
        return refuse_at(gate, start, "a high surrogate stands alone");
    gate->at += 4;
    return 0;
}

/* Behind the backslash. */
static int check_escape(struct gate *gate)
{
    if (gate->at == gate->end) return refuse(gate, "");
    switch (*gate->at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': gate->at++; return 0;
    case 'u': gate->at++; return check_code_unit(gate);
    default: return refuse_at(gate, gate->at - 1, "JSON knows no such escape");
    }
}

/* At the opening quote. */
static int check_string(struct gate *gate)
{
    size_t length;
    gate->at++;
    for (;;) {
        while (gate->at < gate->end && meaning[*gate->at] == PLAIN)
            gate->at++;
        if (gate->at == gate->end) return refuse(gate, "");
        switch (meaning[*gate->at]) {
        case QUOTE: gate->at++; return 0;
        case ESCAPE:
            gate->at++;
            if (check_escape(gate) < 0) return -1;
            break;
        case CONTROL: return refuse(gate, "a control character inside a string must be escaped");
        default:
            length = tern_utf8_length(gate->at, gate->end);
            if (length == 0) return refuse(gate, "this is not UTF-8");
            gate->at += length;
        }
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------- */

static size_t pass_digits(struct gate *gate)
{
    const unsigned char *start = gate->at;
    while (is_digit(gate))
        gate->at++;
    return (size_t)(gate->at - start);
}

static int check_exponent(struct gate *gate)
{
    if (!take(gate, 'e') && !take(gate, 'E')) return 0;
    if (!take(gate, '+')) (void)take(gate, '-');
    return pass_digits(gate) > 0 ? 0 : refuse(gate, "a digit is missing in the exponent");
}

/* At the first digit or the minus. How large it may be is for whoever reads it to say. */
static int check_number(struct gate *gate)
{
    const unsigned char *start = gate->at;
    (void)take(gate, '-');
    const unsigned char *digits = gate->at;
    size_t whole = pass_digits(gate);
    if (whole == 0) return refuse(gate, "a digit is missing");
    if (whole > 1 && *digits == '0') return refuse_at(gate, start, "a number must not begin with a zero");
    if (take(gate, '.') && pass_digits(gate) == 0) return refuse(gate, "a digit is missing behind the point");
    if (check_exponent(gate) < 0) return -1;
    if (gate->numbers) add_mark(gate->numbers, (size_t)(start - gate->text), (size_t)(gate->at - start));
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------- */

static uint32_t escaped_character(const unsigned char **at)
{
    static const char letters[] = "bfnrt";
    static const char means[] = "\b\f\n\r\t";
    const unsigned char *c = *at + 1;
    if (*c != 'u') {
        const char *letter = strchr(letters, *c);
        *at += 2;
        return letter ? (uint32_t)means[letter - letters] : *c;
    }
    uint32_t unit = (uint32_t)code_unit(c + 1, c + 5);
    *at += 6;
    if (!is_high((int32_t)unit)) return unit;
    uint32_t low = (uint32_t)code_unit(c + 7, c + 11);
    *at += 6;
    return 0x10000 + ((unit - 0xD800) << 10) + (low - 0xDC00);
}

/* The next character of a string that was checked; 0 at its closing quote. */
static uint32_t next_character(const unsigned char **at)
{
    const unsigned char *c = *at;
    if (*c == '"') return 0;
    if (*c == '\\') return escaped_character(at);
    size_t length = tern_utf8_lead(*c);
    *at += length;
    return tern_utf8_code(c, length);
}

static uint32_t hash_of(const unsigned char *name)
{
    uint32_t hash = 2166136261U; /* FNV-1a, over characters */
    uint32_t c;
    while ((c = next_character(&name)) != 0)
        hash = (hash ^ c) * 16777619U;
    return hash;
}

static bool same_name(const unsigned char *one, const unsigned char *other)
{
    uint32_t c;
    do {
        c = next_character(&one);
        if (c != next_character(&other)) return false;
    } while (c != 0);
    return true;
}

/* `name` stands behind its opening quote; the names of this object begin at `first`. */
static int add_name(struct gate *gate, const unsigned char *name, size_t first)
{
    uint32_t hash = hash_of(name);
    if (gate->names.count - first == TERN_JSON_MAX_MEMBERS)
        return refuse_at(gate, name - 1, "an object has more than 256 members");
    for (size_t i = first; i < gate->names.count; i++)
        if (gate->names.items[i].note == hash && same_name(gate->text + gate->names.items[i].at, name))
            return refuse_at(gate, name - 1, "the object has this member already");
    add_mark(&gate->names, (size_t)(name - gate->text), hash);
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------------------ */

static int check_member(struct gate *gate, size_t first)
{
    const unsigned char *name = gate->at + 1;
    if (!next_is(gate, '"')) return refuse(gate, "a member name in quotes is missing");
    if (check_string(gate) < 0 || add_name(gate, name, first) < 0) return -1;
    skip_space(gate);
    if (!take(gate, ':')) return refuse(gate, "a colon is missing");
    return check_value(gate);
}

/* At the brace. */
static int check_object(struct gate *gate)
{
    size_t first = gate->names.count;
    gate->at++;
    skip_space(gate);
    if (take(gate, '}')) return 0;
    for (;;) {
        skip_space(gate);
        if (check_member(gate, first) < 0) return -1;
        if (take(gate, '}')) break;
        if (!take(gate, ',')) return refuse(gate, "a comma or } is missing");
    }
    gate->names.count = first;
    return 0;
}

/* At the bracket. */
static int check_array(struct gate *gate)
{
    gate->at++;
    skip_space(gate);
    if (take(gate, ']')) return 0;
    for (;;) {
        if (check_value(gate) < 0) return -1;
        if (take(gate, ']')) return 0;
        if (!take(gate, ',')) return refuse(gate, "a comma or ] is missing");
    }
}

static int check_literal(struct gate *gate, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(gate->end - gate->at) < length || memcmp(gate->at, literal, length) != 0)
        return refuse(gate, "this is no JSON value");
    gate->at += length;
    return 0;
}

static int check_nested(struct gate *gate)
{
    if (gate->depth == TERN_JSON_MAX_DEPTH) return refuse(gate, "nested deeper than 16 levels");
    gate->depth++;
    int rc = *gate->at == '{' ? check_object(gate) : check_array(gate);
    gate->depth--;
    return rc;
}

static int check_bare_value(struct gate *gate)
{
    if (gate->at == gate->end) return refuse(gate, "");
    switch (*gate->at) {
    case '{':
    case '[': return check_nested(gate);
    case '"': return check_string(gate);
    case 't': return check_literal(gate, "true");
    case 'f': return check_literal(gate, "false");
    case 'n': return check_literal(gate, "null");
    default: return *gate->at == '-' || is_digit(gate) ? check_number(gate) : refuse(gate, "this is no JSON value");
    }
}

/* A value with the white space around it. */
static int check_value(struct gate *gate)
{
    skip_space(gate);
    if (gate->values_left-- == 0) return refuse(gate, "more values than are taken");
    if (check_bare_value(gate) < 0) return -1;
    skip_space(gate);
    return 0;
}

static int check_text(struct gate *gate)
{
    if (gate->end - gate->at >= 3 && memcmp(gate->at, "\xEF\xBB\xBF", 3) == 0)
        return refuse(gate, "a byte order mark is not taken");
    if (check_value(gate) < 0) return -1;
    return gate->at == gate->end ? 0 : refuse(gate, "something follows the value");
}

static void init_gate(struct gate *gate, const char *text, size_t length, size_t max_bytes, struct tern_error *err)
{
    gate->text = gate->at = (const unsigned char *)text;
    gate->end = gate->text + length;
    gate->depth = 0;
    gate->values_left = max_bytes / 16 > TERN_JSON_MAX_VALUES ? max_bytes / 16 : TERN_JSON_MAX_VALUES;
    gate->numbers = NULL;
    gate->err = err;
    json_marks_init(&gate->names);
}

int json_gate_skip(const char *text, size_t length, size_t *at, struct tern_error *err)
{
    struct gate gate;
    init_gate(&gate, text, length, TERN_JSON_MAX_BYTES, err);
    gate.at += *at;
    int rc = check_value(&gate);
    json_marks_fini(&gate.names);
    *at = (size_t)(gate.at - gate.text);
    return rc;
}

int json_gate(const char *text, size_t length, size_t max_bytes, struct json_marks *numbers, struct tern_error *err)
{
    if (length > max_bytes || length > UINT32_MAX)
        return tern_error_set(err, "%zu bytes are too many, at most %zu are taken", length, max_bytes);
    if (length == 0) return tern_error_set(err, "the text is empty");
    struct gate gate;
    init_gate(&gate, text, length, max_bytes, err);
    gate.numbers = numbers;
    int rc = check_text(&gate);
    json_marks_fini(&gate.names);
    return rc;
}
