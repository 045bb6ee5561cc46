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

struct tern_config;

/* Asking for a name that is not in the tables, or by the wrong kind, is a broken invariant. */
const char *tern_config_text(const struct tern_config *config, const char *name); /* "" when not set; any kind */
int64_t tern_config_number(const struct tern_config *config, const char *name);   /* PORT COUNT SECONDS MS */
double tern_config_ratio(const struct tern_config *config, const char *name);
void tern_config_range(const struct tern_config *config, const char *name, int64_t *ret_low, int64_t *ret_high);
#endif
