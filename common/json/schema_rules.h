/* schema_rules.h - which values a field of a schema allows. Private to common/json.
 *
 * The same rules hold for a value that was just decoded and for one that is about to be encoded. */
#ifndef TERN_JSON_SCHEMA_RULES_H
#define TERN_JSON_SCHEMA_RULES_H

#include <string.h>

#include "tern/schema.h"

/* The int64_t at this place of a struct; copied, because a char pointer promises no alignment. */
static inline int64_t schema_number(const void *value)
{
    int64_t number;
    memcpy(&number, value, sizeof number);
    return number;
}

/* Why a value is refused. */
struct schema_verdict {
    const char *code;                     /* of struct tern_schema_fault; static */
    char detail[TERN_SCHEMA_DETAIL_SIZE]; /* what is required */
};

/* Writes the verdict. Always returns -1. */
int tern_schema_refuse(struct schema_verdict *verdict, const char *code, const char *detail, ...) TERN_PRINTF(3, 4);

/* Checks one value: the char array or int64_t of a field of any kind but OBJECT, LIST and WORDS. 0 or -1. */
int tern_schema_judge(const struct tern_field *field, const void *value, struct schema_verdict *verdict);
/* Checks the number of elements of a LIST or WORDS. */
int tern_schema_judge_count(const struct tern_field *field, size_t count, struct schema_verdict *verdict);
/* Checks one word of WORDS. */
int tern_schema_judge_word(const char *word, struct schema_verdict *verdict);
/* Whether the member of the struct at `source` has a value; an optional one without is left out. */
bool tern_schema_has_value(const struct tern_field *field, const void *source);
/* The largest number of characters of a text of this field. */
size_t tern_schema_longest(const struct tern_field *field);

#endif
