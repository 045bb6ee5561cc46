/* shape_rules.h - which values of a C struct a field of a shape allows; private to common/base.
 *
 * The same rules judge what was just decoded and what is about to be encoded. */
#ifndef TERN_JSON_SHAPE_RULES_H
#define TERN_JSON_SHAPE_RULES_H

#include "tern/shape.h"

/* Why a value does not fit: the code and sentence of a fault. */
struct shape_verdict {
    const char *code;
    char detail[sizeof((struct tern_shape_fault *)0)->detail];
};

/* Writes the verdict. Always returns -1. */
int shape_refuse(struct shape_verdict *verdict, const char *code, const char *detail, ...) TERN_PRINTF(3, 4);

/* Judges one value: the char array or the int64_t of a field of any kind but OBJECT, LIST and WORDS. 0 or -1. */
int shape_judge(const struct tern_field *field, const void *value, struct shape_verdict *verdict);
/* Judges how many elements a LIST or WORDS has. */
int shape_judge_count(const struct tern_field *field, size_t count, struct shape_verdict *verdict);
/* Judges one word of WORDS. */
int shape_judge_word(const char *word, struct shape_verdict *verdict);
/* Whether the member of the struct at `source` has something to say; if not, an optional one is left out. */
bool shape_has_value(const struct tern_field *field, const void *source);
/* The most characters that a text of this field may have. */
size_t shape_longest(const struct tern_field *field);

#endif
