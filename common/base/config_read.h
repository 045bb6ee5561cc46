/* config_read.h - reads and prints the settings of a program. */
#ifndef TERN_BASE_CONFIG_READ_H
#define TERN_BASE_CONFIG_READ_H

#include "tern/config.h"

/* What the command line asks for. */
enum tern_config_action {
    TERN_ACTION_RUN,
    TERN_ACTION_HELP,
    TERN_ACTION_VERSION,
    TERN_ACTION_CHECK,
    TERN_ACTION_PRINT,
    TERN_ACTION_HEALTHCHECK,
    TERN_ACTION_REBUILD
};

/* `tables` is a NULL-terminated list of tables, of which a later one replaces the keys of an earlier one; they must
 * outlive the result. `environment` is environ or a test's own list. Appends every fault to `ret_faults`, one sentence
 * per line. A wrong command line (exit 2) returns NULL, with *ret_usage true. A wrong value (exit 78) stays at its
 * default, so that the others can be checked. *ret_action is always set; `--help` and `--version` always work, with
 * every value at its default. */
struct tern_config *tern_config_read(const struct tern_config_key *const *tables, int argc, char **argv,
                                     char **environment, enum tern_config_action *ret_action,
                                     struct tern_text *ret_faults, bool *ret_usage);
void tern_config_destroy(struct tern_config *config);

bool tern_config_adopts_queue(const struct tern_config *config); /* --adopt-queue */
/* Whether no source has the setting. */
bool tern_config_is_default(const struct tern_config *config, const char *name);

/* Names of the settings whose values differ between two readings of the same tables; returns how many, at most
 * `most`. */
size_t tern_config_changes(const struct tern_config *before, const struct tern_config *now, const char **ret_names,
                           size_t most);

/* --help: usage line, then name, flag, default and help of every key. */
void tern_config_help(const struct tern_config_key *const *tables, const char *program, const char *purpose,
                      struct tern_text *out);
/* --print-config: NAME=value lines, masked. */
void tern_config_print(const struct tern_config *config, struct tern_text *out);
/* Copies a URL with the password replaced by ****. */
void tern_config_mask_url(const char *url, struct tern_text *out);

#endif
