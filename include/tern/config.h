/* tern/config.h - a program's settings as one table of names, kinds, defaults and help: read, checked, printed.
 *
 * The first source that has a setting wins: the flag (--amqp-url for AMQP_URL); the environment (NAME; NAME_FILE, the
 * content of that file without its last newline; an alias; under systemd the file NAME in $CREDENTIALS_DIRECTORY); the
 * file of --config (NAME=value lines as in an EnvironmentFile, # comments, an unknown key is an error); the default.
 * NAME and NAME_FILE together are an error. An empty variable counts as not set. Flags without a setting: --help,
 * --version, --check-config, --print-config, --healthcheck, and --adopt-queue, which holds for one start only. Secrets
 * cannot be given as flags, where ps would show them, and are masked wherever they are printed, as are the passwords of
 * URLs. A configuration is read at start (a daemon that reloads reads another one) and never changes; any thread may
 * read it. */
#ifndef TERN_CONFIG_H
#define TERN_CONFIG_H

#include "tern/error.h"
#include "tern/text.h"

enum tern_config_kind {
    TERN_CFG_TEXT,
    TERN_CFG_URL,      /* text whose password is masked when printed */
    TERN_CFG_SECRET,   /* only by environment or file; never printed; its file must not be world-readable */
    TERN_CFG_PORT,     /* 1 to 65535 */
    TERN_CFG_COUNT,    /* whole number >= 0 */
    TERN_CFG_SECONDS,  /* whole seconds >= 0 */
    TERN_CFG_MS,       /* whole milliseconds >= 0 */
    TERN_CFG_MS_RANGE, /* "a-b" or one number, milliseconds, a <= b */
    TERN_CFG_RATIO,    /* 0 to 1 */
    TERN_CFG_CHOICE,   /* one of the words in `limits`, "a|b|c" */
    TERN_CFG_PATH      /* a path; not opened */
};

struct tern_config_key {
    const char *name; /* NULL ends a table */
    enum tern_config_kind kind;
    const char *value;   /* the default; "" = not set */
    const char *help;    /* one line */
    const char *limits;  /* for whole numbers "low-high" when given, for CHOICE "a|b"; else NULL */
    const char *aliases; /* other environment names, "A|B"; or NULL */
};

/* What the command line asks for. */
enum tern_config_action {
    TERN_ACTION_RUN,
    TERN_ACTION_HELP,
    TERN_ACTION_VERSION,
    TERN_ACTION_CHECK,
    TERN_ACTION_PRINT,
    TERN_ACTION_HEALTHCHECK
};

struct tern_config;

/* `tables` is a NULL-terminated list of tables, of which a later one replaces the keys of an earlier one; they must
 * outlive the result. `environment` is environ or a test's own list. Appends every fault to `ret_faults`, one sentence
 * per line. A wrong command line (exit 2) returns NULL, with *ret_usage true. A wrong value (exit 78) stays at its
 * default, so that the others can be checked. *ret_action is always set; `--help` and `--version` always work, with
 * every value at its default. */
struct tern_config *tern_config_read(const struct tern_config_key *const *tables, int argc, char **argv,
                                     char **environment, enum tern_config_action *ret_action,
                                     struct tern_text *ret_faults, bool *ret_usage);
void tern_config_destroy(struct tern_config *config);

/* Asking for a name that is not in the tables, or by the wrong kind, is a broken invariant. */
const char *tern_config_text(const struct tern_config *config, const char *name); /* "" when not set; any kind */
int64_t tern_config_number(const struct tern_config *config, const char *name);   /* PORT COUNT SECONDS MS */
double tern_config_ratio(const struct tern_config *config, const char *name);
void tern_config_range(const struct tern_config *config, const char *name, int64_t *ret_low, int64_t *ret_high);
bool tern_config_adopts_queue(const struct tern_config *config); /* --adopt-queue */
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
