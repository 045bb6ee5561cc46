/* tern/json.h - a strict validator in front of cJSON, and typed calls to read and write JSON.
 *
 * The validator accepts RFC 8259 texts and refuses what cJSON 1.7.15 accepts or changes silently: a BOM, numbers
 * outside the grammar, equal member names (however they are escaped), \u0000, lone surrogates, bad or overlong UTF-8,
 * raw control characters, anything after the value, a depth over 16, more than 256 members in an object, texts over the
 * caller's limit, and more values than TERN_JSON_MAX_VALUES (or one for each 16 bytes of the limit, if that is more),
 * because the tree of a list of zeros takes forty times the memory of its text. Numbers keep their digits: in a parsed
 * tree each number is a raw node with its text, so nothing is rounded and a reprint is exact. The reader of a number
 * checks its range and exponent. No mutable state: any thread. */
#ifndef TERN_JSON_H
#define TERN_JSON_H

#include "tern/error.h"
#include "tern/text.h"

struct cJSON; /* a node; the caller owns the root and gives it back with tern_json_destroy */

enum {
    TERN_JSON_MAX_BYTES = 65536,                    /* of an event or a request body */
    TERN_JSON_MAX_DEPTH = 16,                       /* objects and lists in one another */
    TERN_JSON_MAX_MEMBERS = 256,                    /* of one object */
    TERN_JSON_MAX_VALUES = TERN_JSON_MAX_BYTES / 16 /* in a text of up to TERN_JSON_MAX_BYTES */
};

/* Validates only. Returns 0, or -1 with a sentence that names the position ("byte 17: ...", counted from 1). */
int tern_json_check(const char *text, size_t length, size_t max_bytes, struct tern_error *err);
/* Validates and parses; `text` needs no NUL behind it. Returns the root, or NULL with a sentence. */
struct cJSON *tern_json_parse(const char *text, size_t length, size_t max_bytes, struct tern_error *err);
void tern_json_destroy(struct cJSON *node);

/* Visits the elements of a list that is too large for one tree. `text` is the list, or an object whose only member
 * `name` is the list; it may have any size. Each element keeps the limits of a text of TERN_JSON_MAX_BYTES, is parsed
 * by itself and freed after its visit. Returns 0, or -1 with a sentence: of the first fault, or of the visit that
 * returned -1. */
typedef int tern_json_visit(void *self, const struct cJSON *element, struct tern_error *err);
int tern_json_each(const char *text, size_t length, const char *name, tern_json_visit *visit, void *self,
                   struct tern_error *err);

/* Finds members of an object in a text that was validated before, and makes no tree: `ret_parts[i]` is the text of the
 * value of names[i], with its quotes or brackets. False when one is not there in that very spelling. */
struct tern_json_part {
    const char *text;
    size_t length;
};
bool tern_json_parts(const char *text, size_t length, const char *const *names, size_t count,
                     struct tern_json_part *ret_parts);

/* Reading; NULL is accepted wherever a node is. The member of that exact name, or NULL. */
const struct cJSON *tern_json_member(const struct cJSON *object, const char *name);
bool tern_json_is_object(const struct cJSON *node);
bool tern_json_is_array(const struct cJSON *node);
bool tern_json_is_null(const struct cJSON *node);
const char *tern_json_string(const struct cJSON *node); /* NULL when it is not a string */
const char *tern_json_digits(const struct cJSON *node); /* NULL when it is not a number */
const char *tern_json_name(const struct cJSON *node);   /* the member's name, or NULL */
size_t tern_json_size(const struct cJSON *node);        /* members or elements */
const struct cJSON *tern_json_first(const struct cJSON *node);
const struct cJSON *tern_json_next(const struct cJSON *node);
/* A whole number within [low, high]; 0 or -1 with a sentence. */
int tern_json_integer(const struct cJSON *node, int64_t low, int64_t high, int64_t *ret, struct tern_error *err);

/* Changing a tree that the caller owns, as an upcaster does. */
struct cJSON *tern_json_edit(struct cJSON *object, const char *name); /* the member, or NULL */
struct cJSON *tern_json_edit_next(struct cJSON *list,
                                  const struct cJSON *element); /* NULL: the first; the last: NULL */
/* Takes a member out; the caller's. NULL when there is none. */
struct cJSON *tern_json_detach(struct cJSON *object, const char *name);
/* Makes `value`, a node of its own, the only member of that name. */
void tern_json_attach(struct cJSON *object, const char *name, struct cJSON *value);
struct cJSON *tern_json_new_object(void);
struct cJSON *tern_json_new_string(const char *text);

/* Writing, appended to a text; the caller adds the commas. Strings are escaped (RFC 8259, section 7), and bytes that
 * are not UTF-8 become U+FFFD, so that the validator accepts the output. */
void tern_json_write_string(struct tern_text *out, const char *string);
/* Appends a member to an object that has one already: ,"name":"value". An empty value is left out, or written as null.
 * The name is plain ASCII; a time is RFC 3339 text (tern/clock.h). */
void tern_json_add_text(struct tern_text *out, const char *name, const char *value);
void tern_json_add_text_or_null(struct tern_text *out, const char *name, const char *value);
void tern_json_add_time(struct tern_text *out, const char *name, int64_t wall_ms);
/* Prints a tree without white space, or with lines and indents for people. */
void tern_json_print(const struct cJSON *node, struct tern_text *out);
void tern_json_print_lines(const struct cJSON *node, struct tern_text *out);
/* The number of the cJSON that runs: "1.7.15". */
const char *tern_json_version(void);

#endif
