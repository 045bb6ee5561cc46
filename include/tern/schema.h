/* tern/schema.h - describes a C struct as a JSON object once; decodes, checks and encodes it by that description.
 *
 * Events and request bodies use the same field kinds, and so the same error sentences. A schema is a constant table of
 * fields by offset. The structs hold their values inline (no pointers, nothing to free), so a decoded struct can be
 * copied and kept. Requests are decoded strictly: an unknown member is a fault. Events are decoded tolerantly: unknown
 * members are ignored (the same major version is compatible). All faults of a body are collected, each with its JSON
 * pointer (RFC 6901, in the URI fragment form "#/items/0"). Pure; any thread. */
#ifndef TERN_SCHEMA_H
#define TERN_SCHEMA_H

#include "tern/json.h"

enum tern_kind {
    TERN_KIND_ID,     /* char[65]: 1-64 characters of A-Z a-z 0-9 . _ - */
    TERN_KIND_UUID,   /* char[37], kept in lower case */
    TERN_KIND_TEXT,   /* char[n]: UTF-8 without control characters, `low` (1) to `high` characters, whose bytes fit */
    TERN_KIND_WORD,   /* char[n]: upper-case word A-Z 0-9 _ of `low` (1) to `high` (n - 1) characters */
    TERN_KIND_MONEY,  /* int64_t minor units within [low, high]; a JSON number with at most two decimals */
    TERN_KIND_COUNT,  /* int64_t within [low, high]; a JSON number without a point */
    TERN_KIND_TIME,   /* int64_t UTC milliseconds, as RFC 3339 text */
    TERN_KIND_OBJECT, /* a nested struct, `schema` */
    TERN_KIND_LIST,   /* C array of `high` structs, `schema`, and a size_t of how many; low..high elements */
    TERN_KIND_WORDS   /* array of words: char[high][24], and a size_t of how many; low..high elements */
};

enum { TERN_ID_SIZE = 65, TERN_WORD_SIZE = 24 };

/* One member. An optional one may be absent or null; it is then "", 0, an empty list, or an object whose `present` is
 * false, and with that value it is left out when encoding. Optional text may also arrive as "". */
struct tern_field {
    const char *name; /* of the JSON member, plain ASCII */
    enum tern_kind kind;
    bool optional;       /* absent and null are allowed */
    size_t offset;       /* of the value in the struct */
    size_t size;         /* of the char array, or of the struct */
    size_t count_offset; /* LIST, WORDS: of the size_t */
    int64_t low, high;   /* bounds; for TEXT high = most characters; low = high = 0: no bounds of its own */
    const struct tern_schema *schema; /* OBJECT, LIST: of the nested struct */
    size_t present_offset;            /* OBJECT with optional: offset of a bool in the outer struct; otherwise 0 */
};

struct tern_schema {
    const struct tern_field *fields; /* at most TERN_SCHEMA_MAX_FIELDS */
    size_t count;
    size_t size; /* of the struct */
};

/* The rows of a table of fields: `presence` is the word required or optional, `low_` and `high_` are the bounds (0, 0:
 * those of the kind).
 *
 *     static const struct tern_field line_fields[] = {
 *         TERN_FIELD(struct line, "productId", product_id, TERN_KIND_ID, required, 0, 0),
 *         TERN_FIELD(struct line, "quantity", quantity, TERN_KIND_COUNT, required, 1, 10000),
 *     };
 *     static const struct tern_schema line_schema = TERN_SCHEMA_OF(struct line, line_fields); */
/* clang-format off */
#define TERN_OPTIONAL_required false
#define TERN_OPTIONAL_optional true
#define TERN_FIELD(type, json, member, kind_, presence, low_, high_)                                                   \
    {.name = (json), .kind = (kind_), .optional = TERN_OPTIONAL_##presence, .offset = offsetof(type, member),          \
     .size = sizeof(((type *)0)->member), .low = (low_), .high = (high_)}
/* `member` is a struct with the array `at` and its size_t `count`: a LIST of structs, or WORDS (`schema_` is NULL). */
#define TERN_FIELD_ARRAY(type, json, member, kind_, presence, low_, schema_)                                           \
    {.name = (json), .kind = (kind_), .optional = TERN_OPTIONAL_##presence, .offset = offsetof(type, member.at),       \
     .size = sizeof(((type *)0)->member.at[0]), .count_offset = offsetof(type, member.count), .low = (low_),           \
     .high = TERN_COUNT(((type *)0)->member.at), .schema = (schema_)}
/* `member` is a struct with a bool `given`. */
#define TERN_FIELD_OBJECT(type, json, member, presence, schema_)                                                       \
    {.name = (json), .kind = TERN_KIND_OBJECT, .optional = TERN_OPTIONAL_##presence, .offset = offsetof(type, member), \
     .size = sizeof(((type *)0)->member), .schema = (schema_), .present_offset = offsetof(type, member.given)}
#define TERN_SCHEMA_OF(type, fields) {(fields), TERN_COUNT(fields), sizeof(type)}
/* clang-format on */

enum { TERN_SCHEMA_MAX_FIELDS = 64 };
enum { TERN_SCHEMA_MAX_FAULTS = 16, TERN_SCHEMA_DETAIL_SIZE = 96 };

struct tern_schema_fault {
    char pointer[96];                     /* "#/items/0/quantity"; cut to fit */
    char detail[TERN_SCHEMA_DETAIL_SIZE]; /* what is required: "must be ..." */
    char code[24]; /* for programs: missing, wrong_type, out_of_range, bad_format, too_long, unknown_member,
                      too_many_decimals */
};

struct tern_schema_faults {
    size_t count; /* of all; the first TERN_SCHEMA_MAX_FAULTS are kept */
    struct tern_schema_fault items[TERN_SCHEMA_MAX_FAULTS];
};

enum tern_strictness { TERN_STRICT, TERN_TOLERANT };

/* Zeroes `target` and fills it; resets `faults`. Returns 0, or -1 with at least one fault; the faulty members of
 * `target` are then unspecified. */
int tern_schema_decode(const struct tern_schema *schema, const struct cJSON *object, enum tern_strictness strictness,
                       void *target, struct tern_schema_faults *faults);
/* The same, tolerant, with the first fault as the error's sentence ("#/amount: must be ..."). */
int tern_schema_decode_event(const struct tern_schema *schema, const struct cJSON *object, void *target,
                             struct tern_error *err);
/* Parses the body of a request and decodes it strictly. Returns 0, or -1: without a fault the body is no JSON text, and
 * `err` says why; `target` is then unchanged. */
int tern_schema_read_body(const struct tern_schema *schema, const char *text, size_t length, void *target,
                          struct tern_schema_faults *faults, struct tern_error *err);
/* Parses a text of at most `max_bytes` that the service wrote itself, such as the payload of a job, and decodes it
 * tolerantly. Returns 0, or -1 with a sentence. */
int tern_schema_read(const struct tern_schema *schema, const char *text, size_t length, size_t max_bytes, void *target,
                     struct tern_error *err);
/* Checks a struct against every rule of the schema, so that decoding will accept what encoding writes. Returns 0, or -1
 * with the first fault as the sentence. */
int tern_schema_check(const struct tern_schema *schema, const void *source, struct tern_error *err);
/* Appends the JSON object, members in the order of the table. Numbers are exact; texts are escaped. */
void tern_schema_encode(const struct tern_schema *schema, const void *source, struct tern_text *out);
/* Appends the schema as a JSON Schema (2020-12) of what tolerant decoding takes: unknown members are allowed, null is
 * absent. Beyond it the decoder refuses numbers with an exponent, whole numbers with a point, and texts whose bytes do
 * not fit; read numbers as decimals, or multipleOf 0.01 refuses what it should not. Without a `title` (NULL) it is a part
 * of another document, and names no dialect. */
void tern_schema_print(const struct tern_schema *schema, const char *title, struct tern_text *out);
/* Adds a fault that the caller has found; beyond TERN_SCHEMA_MAX_FAULTS it is only counted. */
void tern_schema_fault(struct tern_schema_faults *faults, const char *code, const char *pointer, const char *detail,
                       ...) TERN_PRINTF(4, 5);

/* Fits any text into a TEXT member of `size` bytes and at most `characters` characters: control characters become
 * spaces, bytes that are not UTF-8 become U+FFFD, and the rest is cut off between characters. */
void tern_schema_fit_text(char *target, size_t size, size_t characters, const char *text);

#endif
