/* json_validator.h - what json.c asks of the validator: is this text fit for cJSON, and where do its numbers stand.
 *
 * Private to common/base. The rules are those of tern/json.h. */
#ifndef TERN_JSON_JSON_VALIDATOR_H
#define TERN_JSON_JSON_VALIDATOR_H

#include "tern/error.h"

/* A place in the text. For a number `note` is its length, for a member name the hash of the name. */
struct json_mark {
    uint32_t at, note;
};

enum { JSON_MARKS_INLINE = 64 };

/* A pile of marks that allocates only when it grows beyond what most messages need. */
struct json_marks {
    struct json_mark *items; /* `inline_items`, or memory of its own */
    size_t count, room;
    struct json_mark inline_items[JSON_MARKS_INLINE];
};

void tern_json_marks_init(struct json_marks *marks);
void tern_json_marks_fini(struct json_marks *marks);

/* Checks the text. `numbers` may be NULL; else it is given every number in the order of the text. Returns 0, or -1
 * with a sentence. */
int tern_json_validate(const char *text, size_t length, size_t max_bytes, struct json_marks *numbers,
                       struct tern_error *err);

/* Checks the one value at *at, and moves *at behind it and the white space that follows. 0, or -1 with a sentence. */
int tern_json_validate_value(const char *text, size_t length, size_t *at, struct tern_error *err);

#endif
