/* schema.c - decodes a JSON object into the C struct of a schema, and checks such a struct.
 *
 * All faults of a body are collected, each with its place: a chain of frames on the stack that becomes text only for a
 * fault. Members usually come in the order of the table, so the search for a member starts behind the last one found.
 * Never allocates; the recursion is as deep as the schema. */
#include "tern/schema.h"

#include "schema_rules.h"
#include "tern/clock.h"
#include "tern/id.h"
#include "tern/money.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* A place in the body. */
struct place {
    const struct place *parent; /* NULL: the body itself */
    const char *name;           /* of a member; NULL: an element */
    size_t index;               /* of an element */
};

/* The same for the whole body. */
struct reader {
    enum tern_strictness strictness;   /* whether an unknown member is a fault */
    struct tern_schema_faults *faults; /* the caller's */
};

/* ---- faults ------------------------------------------------------------------------------------------------ */

/* Writes one character of a member name as RFC 6901 ("~0", "~1") and RFC 3986 ("%20") escape it; returns the length. */
static size_t escape_character(char piece[4], char c)
{
    /* A URI fragment may hold these as they are (RFC 3986, section 3.5); "/" and "~" have a meaning in a pointer. */
    static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._!$&'()*+,;=:@?";
    if (c != '\0' && strchr(plain, c)) {
        piece[0] = c;
        piece[1] = '\0';
        return 1;
    }
    if (c == '~' || c == '/') return (size_t)snprintf(piece, 4, "~%d", c == '/');
    return (size_t)snprintf(piece, 4, "%%%02X", (unsigned)(unsigned char)c);
}

/* Appends a whole piece, or nothing when it does not fit. */
static size_t add_piece(char *pointer, size_t size, size_t length, const char *piece, size_t piece_length)
{
    if (length + piece_length >= size) return length;
    memcpy(pointer + length, piece, piece_length + 1);
    return length + piece_length;
}

/* Writes the chain of places from the body downwards; returns the length. A name that does not fit is cut between two
 * characters, not inside an escape. The recursion is as deep as the schema. */
static size_t write_pointer(const struct place *place, char *pointer, size_t size)
{
    if (!place) return add_piece(pointer, size, 0, "#", 1);
    size_t length = write_pointer(place->parent, pointer, size);
    if (!place->name) {
        char index[24];
        int index_length = snprintf(index, sizeof index, "/%zu", place->index);
        return add_piece(pointer, size, length, index, (size_t)index_length);
    }
    length = add_piece(pointer, size, length, "/", 1);
    for (const char *c = place->name; *c != '\0'; c++) {
        char piece[4];
        size_t piece_length = escape_character(piece, *c);
        if (length + piece_length >= size) break;
        length = add_piece(pointer, size, length, piece, piece_length);
    }
    return length;
}

void tern_schema_fault(struct tern_schema_faults *faults, const char *code, const char *pointer, const char *detail,
                       ...)
{
    va_list arguments;
    if (faults->count++ >= TERN_SCHEMA_MAX_FAULTS) return;
    struct tern_schema_fault *fault = &faults->items[faults->count - 1];
    tern_copy_cut(fault->code, sizeof fault->code, code);
    tern_copy_cut(fault->pointer, sizeof fault->pointer, pointer);
    va_start(arguments, detail);
    (void)vsnprintf(fault->detail, sizeof fault->detail, detail, arguments);
    va_end(arguments);
}

/* A place becomes text only for a fault that is kept. */
static void add_fault(struct tern_schema_faults *faults, const struct place *place, const char *code,
                      const char *detail)
{
    char pointer[sizeof faults->items[0].pointer] = "";
    if (faults->count < TERN_SCHEMA_MAX_FAULTS) (void)write_pointer(place, pointer, sizeof pointer);
    tern_schema_fault(faults, code, pointer, "%s", detail);
}

static void add_verdict(struct tern_schema_faults *faults, const struct place *place,
                        const struct schema_verdict *verdict)
{
    add_fault(faults, place, verdict->code, verdict->detail);
}

/* 0 without a fault, else -1 with the first one as a sentence. */
static int first_fault(const struct tern_schema_faults *faults, struct tern_error *err)
{
    if (faults->count == 0) return 0;
    return tern_error_set(err, "%s: %s", faults->items[0].pointer, faults->items[0].detail);
}

/* ---- reading single values --------------------------------------------------------------------------------- */

/* Too long is judged by bytes here, so that the value fits its member; by characters in schema_rules.c. */
static int read_string(const struct tern_field *field, const struct cJSON *node, char *target,
                       struct schema_verdict *verdict)
{
    const char *string = tern_json_string(node);
    if (!string) return tern_schema_refuse(verdict, "wrong_type", "must be text");
    if (tern_copy(target, field->size, string) == 0) return 0;
    if (field->kind == TERN_KIND_UUID) return tern_schema_refuse(verdict, "bad_format", "must be a UUID");
    return tern_schema_refuse(verdict, "too_long", "must be at most %zu characters", tern_schema_longest(field));
}

/* Three decimals have a code of their own, the mistake of clients that count in floating point. */
static int read_money(const struct cJSON *node, int64_t *ret_minor, struct schema_verdict *verdict)
{
    struct tern_error err;
    const char *digits = tern_json_digits(node);
    if (!digits) return tern_schema_refuse(verdict, "wrong_type", "must be a number");
    const char *point = strchr(digits, '.');
    if (point && strspn(point + 1, "0123456789") > 2)
        return tern_schema_refuse(verdict, "too_many_decimals", "must have at most two decimals");
    if (tern_money_parse(digits, ret_minor, &err) < 0)
        return tern_schema_refuse(verdict, "out_of_range", "%s", err.text);
    return 0;
}

/* The bounds are judged later, like those of money: here only the type can be wrong. */
static int read_count(const struct cJSON *node, int64_t *ret_count, struct schema_verdict *verdict)
{
    struct tern_error err;
    if (tern_json_integer(node, INT64_MIN, INT64_MAX, ret_count, &err) < 0)
        return tern_schema_refuse(verdict, "wrong_type", "%s", err.text);
    return 0;
}

static int read_time(const struct cJSON *node, int64_t *ret_ms, struct schema_verdict *verdict)
{
    struct tern_error err;
    const char *string = tern_json_string(node);
    if (!string) return tern_schema_refuse(verdict, "wrong_type", "must be text");
    if (tern_time_parse(string, ret_ms, &err) < 0) return tern_schema_refuse(verdict, "bad_format", "%s", err.text);
    return 0;
}

/* Reads a value of the kind and judges it by the rules of the field. A UUID is kept in lower case, so that equal ids
 * are equal bytes. */
static void decode_value(const struct reader *reader, const struct tern_field *field, const struct cJSON *node,
                         void *target, const struct place *place)
{
    struct schema_verdict verdict;
    int status;
    switch (field->kind) {
    case TERN_KIND_MONEY: status = read_money(node, target, &verdict); break;
    case TERN_KIND_COUNT: status = read_count(node, target, &verdict); break;
    case TERN_KIND_TIME: status = read_time(node, target, &verdict); break;
    default: status = read_string(field, node, target, &verdict);
    }
    if (status < 0 || tern_schema_judge(field, target, &verdict) < 0) {
        add_verdict(reader->faults, place, &verdict);
        return;
    }
    if (field->kind == TERN_KIND_UUID) (void)tern_uuid_normalise(target, target);
}

/* ---- reading objects and lists ----------------------------------------------------------------------------- */

static void decode_object(const struct reader *reader, const struct tern_schema *schema, const struct cJSON *object,
                          char *target, const struct place *place);

/* The count is checked before the first element is written: `target` has room for `high` of them. */
static void decode_list(const struct reader *reader, const struct tern_field *field, const struct cJSON *list,
                        char *target, const struct place *place)
{
    static const struct tern_field word = {.kind = TERN_KIND_WORD, .size = TERN_WORD_SIZE};
    struct schema_verdict verdict;
    struct place element = {place, NULL, 0};
    size_t count = tern_json_size(list);
    if (!tern_json_is_array(list)) {
        add_fault(reader->faults, place, "wrong_type", "must be a list");
        return;
    }
    if (tern_schema_judge_count(field, count, &verdict) < 0) {
        add_verdict(reader->faults, place, &verdict);
        return;
    }
    const struct cJSON *node = tern_json_first(list);
    for (; node; node = tern_json_next(node), element.index++) {
        if (field->kind == TERN_KIND_WORDS)
            decode_value(reader, &word, node, target + field->offset + element.index * TERN_WORD_SIZE, &element);
        else
            decode_object(reader, field->schema, node, target + field->offset + element.index * field->schema->size,
                          &element);
    }
    memcpy(target + field->count_offset, &count, sizeof count);
}

/* `target` is the struct around the member. */
static void decode_member(const struct reader *reader, const struct tern_field *field, const struct cJSON *node,
                          char *target, const struct place *place)
{
    static const bool present = true;
    switch (field->kind) {
    case TERN_KIND_OBJECT:
        decode_object(reader, field->schema, node, target + field->offset, place);
        if (field->present_offset > 0) memcpy(target + field->present_offset, &present, sizeof present);
        break;
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: decode_list(reader, field, node, target, place); break;
    default: decode_value(reader, field, node, target + field->offset, place);
    }
}

/* Index of the field of that name, searched from `start` to the end and then from the beginning; schema->count:
 * none. */
static size_t find_field(const struct tern_schema *schema, const char *name, size_t start)
{
    for (size_t i = 0; i < schema->count; i++) {
        size_t at = start + i < schema->count ? start + i : start + i - schema->count;
        if (strcmp(schema->fields[at].name, name) == 0) return at;
    }
    return schema->count;
}

/* Decodes the members in the order of the text. Returns the set of fields that were present, as bits; null counts as
 * absent. */
static uint64_t decode_members(const struct reader *reader, const struct tern_schema *schema,
                               const struct cJSON *object, char *target, const struct place *parent)
{
    uint64_t seen = 0;
    size_t next = 0;
    for (const struct cJSON *node = tern_json_first(object); node; node = tern_json_next(node)) {
        struct place place = {parent, tern_json_name(node), 0};
        size_t at = find_field(schema, place.name, next);
        if (at == schema->count) {
            if (reader->strictness == TERN_STRICT)
                add_fault(reader->faults, &place, "unknown_member", "is not known here");
            continue;
        }
        next = at + 1 < schema->count ? at + 1 : 0;
        if (tern_json_is_null(node)) continue;
        TERN_ASSERT(at < TERN_SCHEMA_MAX_FIELDS, "a schema has at most 64 fields");
        seen |= (uint64_t)1 << at;
        decode_member(reader, &schema->fields[at], node, target, &place);
    }
    return seen;
}

/* `target` is the struct, zeroed. */
static void decode_object(const struct reader *reader, const struct tern_schema *schema, const struct cJSON *object,
                          char *target, const struct place *place)
{
    if (!tern_json_is_object(object)) {
        add_fault(reader->faults, place, "wrong_type", "must be an object");
        return;
    }
    uint64_t seen = decode_members(reader, schema, object, target, place);
    for (size_t i = 0; i < schema->count; i++) {
        struct place missing = {place, schema->fields[i].name, 0};
        if (!schema->fields[i].optional && !(seen >> i & 1))
            add_fault(reader->faults, &missing, "missing", "is required");
    }
}

int tern_schema_decode(const struct tern_schema *schema, const struct cJSON *object, enum tern_strictness strictness,
                       void *target, struct tern_schema_faults *faults)
{
    struct reader reader = {strictness, faults};
    faults->count = 0;
    memset(target, 0, schema->size);
    decode_object(&reader, schema, object, target, NULL);
    return faults->count == 0 ? 0 : -1;
}

/* The faults take 3 KB of stack; only their count needs a value. */
int tern_schema_decode_event(const struct tern_schema *schema, const struct cJSON *object, void *target,
                             struct tern_error *err)
{
    struct tern_schema_faults faults;
    faults.count = 0;
    (void)tern_schema_decode(schema, object, TERN_TOLERANT, target, &faults);
    return first_fault(&faults, err);
}

int tern_schema_read_body(const struct tern_schema *schema, const char *text, size_t length, void *target,
                          struct tern_schema_faults *faults, struct tern_error *err)
{
    struct cJSON *tree = tern_json_parse(text, length, TERN_JSON_MAX_BYTES, err);
    faults->count = 0;
    if (!tree) return -1;
    int status = tern_schema_decode(schema, tree, TERN_STRICT, target, faults);
    tern_json_destroy(tree);
    return status;
}

int tern_schema_read(const struct tern_schema *schema, const char *text, size_t length, size_t max_bytes, void *target,
                     struct tern_error *err)
{
    struct cJSON *tree = tern_json_parse(text, length, max_bytes, err);
    int status = tree ? tern_schema_decode_event(schema, tree, target, err) : -1;
    tern_json_destroy(tree);
    return status;
}

/* ---- checking a struct ------------------------------------------------------------------------------------- */

static void check_object(const struct tern_schema *schema, const char *source, const struct place *parent,
                         struct tern_schema_faults *faults);

/* The count is judged first: a wrong one would lead behind the end of the array. */
static void check_list(const struct tern_field *field, const char *source, const struct place *place,
                       struct tern_schema_faults *faults)
{
    struct schema_verdict verdict;
    struct place element = {place, NULL, 0};
    size_t count;
    memcpy(&count, source + field->count_offset, sizeof count);
    if (tern_schema_judge_count(field, count, &verdict) < 0) {
        add_verdict(faults, place, &verdict);
        return;
    }
    for (; element.index < count; element.index++)
        if (field->kind == TERN_KIND_LIST)
            check_object(field->schema, source + field->offset + element.index * field->schema->size, &element, faults);
        else if (tern_schema_judge_word(source + field->offset + element.index * TERN_WORD_SIZE, &verdict) < 0)
            add_verdict(faults, &element, &verdict);
}

static void check_member(const struct tern_field *field, const char *source, const struct place *place,
                         struct tern_schema_faults *faults)
{
    struct schema_verdict verdict;
    if (field->optional && !tern_schema_has_value(field, source)) return;
    switch (field->kind) {
    case TERN_KIND_OBJECT: check_object(field->schema, source + field->offset, place, faults); break;
    case TERN_KIND_LIST:
    case TERN_KIND_WORDS: check_list(field, source, place, faults); break;
    default:
        if (tern_schema_judge(field, source + field->offset, &verdict) < 0) add_verdict(faults, place, &verdict);
    }
}

static void check_object(const struct tern_schema *schema, const char *source, const struct place *parent,
                         struct tern_schema_faults *faults)
{
    for (size_t i = 0; i < schema->count; i++) {
        struct place place = {parent, schema->fields[i].name, 0};
        check_member(&schema->fields[i], source, &place, faults);
    }
}

int tern_schema_check(const struct tern_schema *schema, const void *source, struct tern_error *err)
{
    struct tern_schema_faults faults;
    faults.count = 0;
    check_object(schema, source, NULL, &faults);
    return first_fault(&faults, err);
}
