/* schema_rules.h - which values of a C struct a field of a schema allows; private to common/base.
 *
 * The same rules judge what was just decoded and what is about to be encoded. */
#ifndef TERN_JSON_SCHEMA_RULES_H
#define TERN_JSON_SCHEMA_RULES_H

#include "tern/schema.h"

/* Why a value does not fit: the code and sentence of a fault. */
struct schema_verdict {
    const char *code;
    char detail[sizeof((struct tern_schema_fault *)0)->detail];
};

/* Writes the verdict. Always returns -1. */
int tern_schema_refuse(struct schema_verdict *verdict, const char *code, const char *detail, ...) TERN_PRINTF(3, 4);

/* Judges one value: the char array or the int64_t of a field of any kind but OBJECT, LIST and WORDS. 0 or -1. */
int tern_schema_judge(const struct tern_field *field, const void *value, struct schema_verdict *verdict);
/* Judges how many elements a LIST or WORDS has. */
int tern_schema_judge_count(const struct tern_field *field, size_t count, struct schema_verdict *verdict);
/* Judges one word of WORDS. */
int tern_schema_judge_word(const char *word, struct schema_verdict *verdict);
/* Whether the member of the struct at `source` has something to say; if not, an optional one is left out. */
bool tern_schema_has_value(const struct tern_field *field, const void *source);
/* The most characters that a text of this field may have. */
size_t tern_schema_longest(const struct tern_field *field);

#endif
