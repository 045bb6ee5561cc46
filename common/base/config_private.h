/* config_private.h - what the config_*.c files share: the merged table with its values.
 *
 * Private to common/base. config.c owns the table, config_read.c finds values, config_file.c reads files,
 * config_check.c checks values, config_words.c knows their words, config_print.c prints. */
#ifndef TERN_BASE_CONFIG_PRIVATE_H
#define TERN_BASE_CONFIG_PRIVATE_H

#include "tern/config.h"

struct config_value {
    struct tern_config_key key; /* the row of the last table that has it */
    char *text;                 /* the value, or the default; owned */
    char *origin;     /* NULL: the default; "": the variable itself; else the source, such as "--port"; owned */
    const char *flag; /* while reading: the value on the command line, or NULL; argv's */
    int64_t low;      /* the number, or the low end of a range */
    int64_t high;     /* the high end of a range; the number otherwise */
    double ratio;     /* of a RATIO, 0 to 1 */
};

struct tern_config {
    bool adopts_queue;            /* --adopt-queue was given */
    size_t count;                 /* of values that are used */
    struct config_value values[]; /* in the order of the tables; a replaced row keeps its place */
};

/* Enough for the name of any key as a flag, an environment name, or one with _FILE. */
enum { CONFIG_NAME_SIZE = 80 };

/* Merges the tables, every value at its default. */
struct tern_config *tern_config_create(const struct tern_config_key *const *tables);
/* NULL when there is no setting of that name. */
struct config_value *tern_config_find(const struct tern_config *config, const char *name);
/* Copies the text and its origin; checks nothing. */
void tern_config_set(struct config_value *value, const char *text, const char *origin);
/* Back to the default. */
void tern_config_reset(struct config_value *value);
/* Checks value->text by its kind and fills the numbers. Returns 0, or -1 with a sentence that names the setting. */
int tern_config_check(struct config_value *value, struct tern_error *err);

/* Reads a small file, NUL-terminated; the caller frees it. Returns NULL with `err`. */
char *tern_config_load(const char *path, bool *ret_world_readable, struct tern_error *err);
/* Reads a --config file as "NAME=value" entries, NULL-terminated; appends a line to `faults` for each fault. */
char **tern_config_load_entries(const struct tern_config *config, const char *path, bool *ret_world_readable,
                                struct tern_text *faults);
void tern_config_free_entries(char **entries);
/* Whether `name` is a key, a key with _FILE, or an alias. */
bool tern_config_knows(const struct tern_config *config, const char *name);

/* "AMQP_URL" -> "--amqp-url" */
void tern_config_flag_name(const char *name, char flag[CONFIG_NAME_SIZE]);
/* Iterates over "A|B|C": returns the start of the next word and moves *at behind it, or returns NULL at the end. */
const char *tern_config_next_word(const char **at, size_t *ret_length);

/* The candidate nearest to a mistyped word, "" when none is near; start from {0}. */
struct config_suggestion {
    char word[CONFIG_NAME_SIZE];
    size_t distance; /* edits from the mistyped word to this one */
};
/* Takes the candidate when it is near, and nearer than the one before. */
void tern_config_suggest(struct config_suggestion *suggestion, const char *word, const char *candidate);

#endif
