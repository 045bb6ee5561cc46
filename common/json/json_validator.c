/* json_validator.c - checks in one pass whether a text is JSON that cJSON may parse.
 *
 * Recursive descent by the grammar of RFC 8259, with a depth of at most TERN_JSON_MAX_DEPTH, one table look-up per byte
 * of a string, no allocation for messages of usual size. Each check starts at the first byte of its element and leaves
 * scan->at behind the last one. Member names are compared as characters, so "a" and "\u0061" are equal. Positions in
 * sentences count bytes from 1. Never changes, converts or rounds anything. */
#include "json_validator.h"

#include "common/base/percent.h"
#include "common/base/utf8.h"
#include "tern/json.h"

#include <stdlib.h>
#include <string.h>

struct scan {
    const unsigned char *text, *at, *end; /* the caller's text; `at` is the next byte */
    int depth;                            /* of open objects and lists */
    size_t values_left;                   /* that may still come */
    struct json_marks names;              /* of all open objects, innermost last */
    struct json_marks *numbers;           /* the caller's, or NULL */
    struct tern_error *err;               /* the caller's */
};

static int check_value(struct scan *scan);

/* ---- marks ------------------------------------------------------------------------------------------------- */

void tern_json_marks_init(struct json_marks *marks)
{
    marks->items = marks->inline_items;
    marks->count = 0;
    marks->room = JSON_MARKS_INLINE;
}

void tern_json_marks_fini(struct json_marks *marks)
{
    if (marks->items != marks->inline_items) free(marks->items);
}

/* Offsets fit into 32 bits, because the validator refuses longer texts. */
static void add_mark(struct json_marks *marks, size_t at, size_t note)
{
    if (marks->count == marks->room) {
        struct json_mark *items = tern_alloc(2 * marks->room * sizeof *items);
        memcpy(items, marks->items, marks->count * sizeof *items);
        tern_json_marks_fini(marks);
        marks->items = items;
        marks->room *= 2;
    }
    marks->items[marks->count++] = (struct json_mark){(uint32_t)at, (uint32_t)note};
}

/* ---- bytes ------------------------------------------------------------------------------------------------- */

/* The class of a byte inside a string: itself, the end, a backslash, a control character, the start of UTF-8. */
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

static int refuse_at(struct scan *scan, const unsigned char *at, const char *why)
{
    return tern_error_set(scan->err, "byte %zu: %s", (size_t)(at - scan->text) + 1, why);
}

/* Names the end of the text as the reason when that was reached; else `why`. */
static int refuse(struct scan *scan, const char *why)
{
    return refuse_at(scan, scan->at, scan->at == scan->end ? "the text ends too early" : why);
}

/* At the end of the text this and the next two return false. */
static bool is_digit(const struct scan *scan)
{
    return scan->at < scan->end && *scan->at >= '0' && *scan->at <= '9';
}

static bool next_is(const struct scan *scan, unsigned char byte)
{
    return scan->at < scan->end && *scan->at == byte;
}

static bool take(struct scan *scan, unsigned char byte)
{
    if (!next_is(scan, byte)) return false;
    scan->at++;
    return true;
}

static void skip_space(struct scan *scan)
{
    while (scan->at < scan->end && (*scan->at == ' ' || *scan->at == '\n' || *scan->at == '\r' || *scan->at == '\t'))
        scan->at++;
}

/* ---- strings ----------------------------------------------------------------------------------------------- */

/* The four digits at `at`, or -1. */
static int32_t code_unit(const unsigned char *at, const unsigned char *end)
{
    int32_t unit = 0;
    if (end - at < 4) return -1;
    for (size_t i = 0; i < 4; i++) {
        int value = hex_digit((char)at[i]);
        if (value < 0) return -1;
        unit = unit * 16 + value;
    }
    return unit;
}

/* The halves of a surrogate pair (RFC 8259, section 7): one character above U+FFFF as two code units. */
static bool is_high(int32_t unit)
{
    return unit >= 0xD800 && unit <= 0xDBFF;
}

static bool is_low(int32_t unit)
{
    return unit >= 0xDC00 && unit <= 0xDFFF;
}

/* Behind "\u". */
static int check_code_unit(struct scan *scan)
{
    const unsigned char *start = scan->at - 2;
    int32_t unit = code_unit(scan->at, scan->end);
    if (unit < 0) return refuse_at(scan, start, "\\u needs four hexadecimal digits");
    if (unit == 0) return refuse_at(scan, start, "\\u0000 is not taken");
    if (is_low(unit)) return refuse_at(scan, start, "a low surrogate stands alone");
    scan->at += 4;
    if (!is_high(unit)) return 0;
    if (!take(scan, '\\') || !take(scan, 'u') || !is_low(code_unit(scan->at, scan->end)))
        return refuse_at(scan, start, "a high surrogate stands alone");
    scan->at += 4;
    return 0;
}

/* Behind the backslash. */
static int check_escape(struct scan *scan)
{
    if (scan->at == scan->end) return refuse(scan, "");
    switch (*scan->at) {
    case '"':
    case '\\':
    case '/':
    case 'b':
    case 'f':
    case 'n':
    case 'r':
    case 't': scan->at++; return 0;
    case 'u': scan->at++; return check_code_unit(scan);
    default: return refuse_at(scan, scan->at - 1, "JSON knows no such escape");
    }
}

/* At the opening quote. */
static int check_string(struct scan *scan)
{
    size_t length;
    scan->at++;
    for (;;) {
        while (scan->at < scan->end && meaning[*scan->at] == PLAIN)
            scan->at++;
        if (scan->at == scan->end) return refuse(scan, "");
        switch (meaning[*scan->at]) {
        case QUOTE: scan->at++; return 0;
        case ESCAPE:
            scan->at++;
            if (check_escape(scan) < 0) return -1;
            break;
        case CONTROL: return refuse(scan, "a control character inside a string must be escaped");
        default:
            length = tern_utf8_length(scan->at, scan->end);
            if (length == 0) return refuse(scan, "this is not UTF-8");
            scan->at += length;
        }
    }
}

/* ---- numbers ----------------------------------------------------------------------------------------------- */

/* Returns how many there were. */
static size_t pass_digits(struct scan *scan)
{
    const unsigned char *start = scan->at;
    while (is_digit(scan))
        scan->at++;
    return (size_t)(scan->at - start);
}

/* At the first digit or the minus. The reader of the number checks its range. */
static int check_number(struct scan *scan)
{
    const unsigned char *start = scan->at;
    (void)take(scan, '-');
    const unsigned char *digits = scan->at;
    size_t whole = pass_digits(scan);
    if (whole == 0) return refuse(scan, "a digit is missing");
    if (whole > 1 && *digits == '0') return refuse_at(scan, start, "a number must not begin with a zero");
    if (take(scan, '.') && pass_digits(scan) == 0) return refuse(scan, "a digit is missing behind the point");
    if (take(scan, 'e') || take(scan, 'E')) {
        if (!take(scan, '+')) (void)take(scan, '-');
        if (pass_digits(scan) == 0) return refuse(scan, "a digit is missing in the exponent");
    }
    if (scan->numbers) add_mark(scan->numbers, (size_t)(start - scan->text), (size_t)(scan->at - start));
    return 0;
}

/* ---- names ------------------------------------------------------------------------------------------------- */

/* The character of the escape at *at, in a string that was checked; moves *at behind it. */
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

/* Both names were checked, and end with their closing quote. */
static bool same_name(const unsigned char *one, const unsigned char *other)
{
    uint32_t c;
    do {
        c = next_character(&one);
        if (c != next_character(&other)) return false;
    } while (c != 0);
    return true;
}

/* Refuses a name that the object has already, and one too many. `name` points behind its opening quote; the names of
 * this object begin at `first`. A hash over the characters spares most comparisons. */
static int add_name(struct scan *scan, const unsigned char *name, size_t first)
{
    uint32_t hash = 2166136261U; /* FNV-1a */
    const unsigned char *at = name;
    for (uint32_t c = next_character(&at); c != 0; c = next_character(&at))
        hash = (hash ^ c) * 16777619U;
    if (scan->names.count - first == TERN_JSON_MAX_MEMBERS)
        return refuse_at(scan, name - 1, "an object has more than 256 members");
    for (size_t i = first; i < scan->names.count; i++)
        if (scan->names.items[i].note == hash && same_name(scan->text + scan->names.items[i].at, name))
            return refuse_at(scan, name - 1, "the object has this member already");
    add_mark(&scan->names, (size_t)(name - scan->text), hash);
    return 0;
}

/* ---- values ------------------------------------------------------------------------------------------------ */

/* At the brace. The names of the object lie on top of those of the objects around it, and go when it is closed. */
static int check_object(struct scan *scan)
{
    size_t first = scan->names.count;
    scan->at++;
    skip_space(scan);
    if (take(scan, '}')) return 0;
    for (;;) {
        skip_space(scan);
        const unsigned char *name = scan->at + 1;
        if (!next_is(scan, '"')) return refuse(scan, "a member name in quotes is missing");
        if (check_string(scan) < 0 || add_name(scan, name, first) < 0) return -1;
        skip_space(scan);
        if (!take(scan, ':')) return refuse(scan, "a colon is missing");
        if (check_value(scan) < 0) return -1;
        if (take(scan, '}')) break;
        if (!take(scan, ',')) return refuse(scan, "a comma or } is missing");
    }
    scan->names.count = first;
    return 0;
}

/* At the bracket. */
static int check_array(struct scan *scan)
{
    scan->at++;
    skip_space(scan);
    if (take(scan, ']')) return 0;
    for (;;) {
        if (check_value(scan) < 0) return -1;
        if (take(scan, ']')) return 0;
        if (!take(scan, ',')) return refuse(scan, "a comma or ] is missing");
    }
}

/* Only the three names of RFC 8259, section 3, in lower case. */
static int check_literal(struct scan *scan, const char *literal)
{
    size_t length = strlen(literal);
    if ((size_t)(scan->end - scan->at) < length || memcmp(scan->at, literal, length) != 0)
        return refuse(scan, "this is no JSON value");
    scan->at += length;
    return 0;
}

/* A value without the white space around it; its first byte tells its kind. */
static int check_bare_value(struct scan *scan)
{
    int status;
    if (scan->at == scan->end) return refuse(scan, "");
    switch (*scan->at) {
    case '{':
    case '[':
        if (scan->depth == TERN_JSON_MAX_DEPTH) return refuse(scan, "nested deeper than 16 levels");
        scan->depth++;
        status = *scan->at == '{' ? check_object(scan) : check_array(scan);
        scan->depth--;
        return status;
    case '"': return check_string(scan);
    case 't': return check_literal(scan, "true");
    case 'f': return check_literal(scan, "false");
    case 'n': return check_literal(scan, "null");
    default: return *scan->at == '-' || is_digit(scan) ? check_number(scan) : refuse(scan, "this is no JSON value");
    }
}

/* A value with the white space around it. Values are counted, because each costs a node in the tree. */
static int check_value(struct scan *scan)
{
    skip_space(scan);
    if (scan->values_left-- == 0) return refuse(scan, "more values than are taken");
    if (check_bare_value(scan) < 0) return -1;
    skip_space(scan);
    return 0;
}

/* Everything in the struct is set here, without a zeroing of the marks: every message passes here. */
static void init_scan(struct scan *scan, const char *text, size_t length, size_t max_bytes, struct tern_error *err)
{
    scan->text = scan->at = (const unsigned char *)text;
    scan->end = scan->text + length;
    scan->depth = 0;
    scan->values_left = max_bytes / 16 > TERN_JSON_MAX_VALUES ? max_bytes / 16 : TERN_JSON_MAX_VALUES;
    scan->numbers = NULL;
    scan->err = err;
    tern_json_marks_init(&scan->names);
}

int tern_json_validate_value(const char *text, size_t length, size_t *at, struct tern_error *err)
{
    struct scan scan;
    init_scan(&scan, text, length, TERN_JSON_MAX_BYTES, err);
    scan.at += *at;
    int rc = check_value(&scan);
    tern_json_marks_fini(&scan.names);
    *at = (size_t)(scan.at - scan.text);
    return rc;
}

/* An empty text and a byte order mark have sentences of their own, because both are common. */
int tern_json_validate(const char *text, size_t length, size_t max_bytes, struct json_marks *numbers,
                       struct tern_error *err)
{
    if (length > max_bytes || length > UINT32_MAX)
        return tern_error_set(err, "%zu bytes are too many, at most %zu are taken", length, max_bytes);
    if (length == 0) return tern_error_set(err, "the text is empty");
    struct scan scan;
    init_scan(&scan, text, length, max_bytes, err);
    scan.numbers = numbers;
    int rc = length >= 3 && memcmp(text, "\xEF\xBB\xBF", 3) == 0 ? refuse(&scan, "a byte order mark is not taken")
                                                                 : check_value(&scan);
    if (rc == 0 && scan.at != scan.end) rc = refuse(&scan, "something follows the value");
    tern_json_marks_fini(&scan.names);
    return rc;
}
