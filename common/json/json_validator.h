/* json_validator.h - checks that cJSON may parse a text, and finds its numbers. Private to common/json.
 *
 * The rules are those of tern/json.h. */
#ifndef TERN_JSON_JSON_VALIDATOR_H
#define TERN_JSON_JSON_VALIDATOR_H

#include "tern/error.h"

/* A number or a member name of the text. */
struct json_mark {
    uint32_t at;   /* offset of its first byte */
    uint32_t note; /* length of a number, hash of a name */
};

enum { JSON_MARKS_INLINE = 64 };

/* A growing array of marks, without an allocation for most messages. */
struct json_marks {
    struct json_mark *items; /* `inline_items`, or allocated */
    size_t count, room;      /* used, available */
    struct json_mark inline_items[JSON_MARKS_INLINE];
};

void tern_json_marks_init(struct json_marks *marks);
void tern_json_marks_fini(struct json_marks *marks);

/* Checks the text. `numbers`, unless NULL, gets every number in the order of the text. Returns 0, or -1 with a
 * sentence. */
int tern_json_validate(const char *text, size_t length, size_t max_bytes, struct json_marks *numbers,
                       struct tern_error *err);

/* Checks the value at *at and moves *at behind it and its white space. Returns 0, or -1 with a sentence. */
int tern_json_validate_value(const char *text, size_t length, size_t *at, struct tern_error *err);

#endif
