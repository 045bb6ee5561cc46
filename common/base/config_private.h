/* config_private.h - what the parts of the configuration share: the merged table with its values.
 *
 * Private to common/base. config.c keeps and answers, config_read.c finds values, config_file.c reads files,
 * config_check.c judges values, config_print.c prints. */
#ifndef TERN_BASE_CONFIG_PRIVATE_H
#define TERN_BASE_CONFIG_PRIVATE_H

#include "tern/config.h"

struct config_value {
    struct tern_config_key key;
    char *text;       /* the value, or the default */
    char *origin;     /* NULL: the default; "": the variable itself; else what it came from, as "--port" */
    const char *flag; /* while reading: what the command line gave, or NULL */
    int64_t low;      /* the number, or the low end of a range */
    int64_t high;
    double ratio;
};

struct tern_config {
    bool adopts_queue;
    size_t count;
    struct config_value values[];
};

/* Enough for the name of any key as a flag, an environment name, or one with _FILE. */
enum { CONFIG_NAME_SIZE = 80 };

/* The merged tables, every value its default. */
struct tern_config *tern_config_create(const struct tern_config_key *const *tables);
struct config_value *tern_config_find(const struct tern_config *config, const char *name);
void tern_config_set(struct config_value *value, const char *text, const char *origin);
/* Back to the default. */
void tern_config_reset(struct config_value *value);
/* "AMQP_URL" -> "--amqp-url" */
void tern_config_flag_name(const char *name, char flag[CONFIG_NAME_SIZE]);
/* Walks "A|B|C": moves *at behind the next word and returns its start, or NULL at the end. */
const char *tern_config_next_word(const char **at, size_t *ret_length);

/* Reads value->text by its kind. Returns 0, or -1 with the whole sentence. */
int tern_config_check(struct config_value *value, struct tern_error *err);

/* The whole of a small file, NUL-terminated. Returns NULL with `err`. */
char *tern_config_load(const char *path, bool *ret_world_readable, struct tern_error *err);
/* The lines of a --config file as "NAME=value" entries with a NULL behind the last; faults are added one a line. */
char **tern_config_load_entries(const struct tern_config *config, const char *path, bool *ret_world_readable,
                                struct tern_text *faults);
void tern_config_free_entries(char **entries);
/* True when `name` stands for a key: its name, the name with _FILE, an alias. */
bool tern_config_knows(const struct tern_config *config, const char *name);

/* The candidate nearest to a mistyped word, "" when all are far; start from {0}. */
struct config_suggestion {
    char word[CONFIG_NAME_SIZE];
    size_t distance;
};
void tern_config_suggest(struct config_suggestion *suggestion, const char *word, const char *candidate);

#endif
