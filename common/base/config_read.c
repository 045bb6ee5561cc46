/* config_read.c - finds the value of every setting: flag, environment, --config file, default.
 *
 * All faults are collected, one sentence per line; a faulty setting keeps its default, so that later checks can report
 * their faults too. `--help` and `--version` always work: then no source is read and every value is its default. An
 * empty variable counts as not set, because compose files pass on empty ones. Secrets are refused as flags. */
#include "config_read.h"
#include "config_private.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct reading {
    struct tern_config *config;     /* what is being filled */
    struct tern_text *faults;       /* the caller's */
    enum tern_config_action action; /* RUN unless a flag asks for another */
    const char *file;               /* of --config, or NULL */
    bool usage;                     /* the command line itself is wrong */
};

/* A list of NAME=value: the environment, or the lines of the --config file. */
struct source {
    char *const *entries; /* NULL-terminated; NULL: there are none */
    const char *path;     /* of the file, or NULL */
    bool world_readable;  /* the file: no secrets are taken from it */
};

/* In the order in which they win over each other. */
static const struct {
    const char *flag;
    enum tern_config_action action;
} actions[] = {
    {"--help",                TERN_ACTION_HELP       },
    {"--version",             TERN_ACTION_VERSION    },
    {"--check-config",        TERN_ACTION_CHECK      },
    {"--print-config",        TERN_ACTION_PRINT      },
    {"--healthcheck",         TERN_ACTION_HEALTHCHECK},
    {"--rebuild-projections", TERN_ACTION_REBUILD    },
};

#define ADOPT_QUEUE "--adopt-queue"

/* Suggests the nearest flag, of a setting or of an action. */
static void report_unknown_flag(struct reading *reading, const char *flag)
{
    struct config_suggestion nearest = {0};
    for (size_t i = 0; i < TERN_COUNT(actions); i++)
        tern_config_suggest(&nearest, flag, actions[i].flag);
    tern_config_suggest(&nearest, flag, "--config");
    tern_config_suggest(&nearest, flag, ADOPT_QUEUE);
    for (size_t i = 0; i < reading->config->count; i++) {
        char candidate[CONFIG_NAME_SIZE];
        tern_config_flag_name(reading->config->values[i].key.name, candidate);
        tern_config_suggest(&nearest, flag, candidate);
    }
    tern_text_printf(reading->faults, "unknown flag %.60s; ", flag);
    if (nearest.word[0] != '\0')
        tern_text_printf(reading->faults, "did you mean %s?\n", nearest.word);
    else
        tern_text_add(reading->faults, "--help lists all\n");
    reading->usage = true;
}

/* ---- the command line ---- */

/* RUN for a flag that is no action. */
static enum tern_config_action action_of(const char *flag)
{
    for (size_t i = 0; i < TERN_COUNT(actions); i++)
        if (strcmp(flag, actions[i].flag) == 0) return actions[i].action;
    return TERN_ACTION_RUN;
}

/* The setting that a flag sets, or NULL. */
static struct config_value *find_flag(const struct tern_config *config, const char *flag)
{
    for (size_t i = 0; i < config->count; i++) {
        char own[CONFIG_NAME_SIZE];
        tern_config_flag_name(config->values[i].key.name, own);
        if (strcmp(own, flag) == 0) return (struct config_value *)&config->values[i];
    }
    return NULL;
}

/* Takes the flag at argv[i] with its value; returns how many words of the command line it used. */
static int take_flag(struct reading *reading, int argc, char **argv, int i)
{
    char flag[CONFIG_NAME_SIZE];
    const char *equals = strchr(argv[i], '=');
    size_t length = equals ? (size_t)(equals - argv[i]) : strlen(argv[i]);
    (void)snprintf(flag, sizeof flag, "%.*s", (int)(length < sizeof flag ? length : sizeof flag - 1), argv[i]);
    struct config_value *value = find_flag(reading->config, flag);
    bool is_file = strcmp(flag, "--config") == 0;
    bool has_next = i + 1 < argc && strncmp(argv[i + 1], "--", 2) != 0;
    if (!value && !is_file) {
        if (equals && (action_of(flag) != TERN_ACTION_RUN || strcmp(flag, ADOPT_QUEUE) == 0)) {
            tern_text_printf(reading->faults, "%s takes no value\n", flag);
            reading->usage = true;
        } else {
            report_unknown_flag(reading, flag);
        }
        return has_next && !equals ? 2 : 1; /* the next word was meant as its value */
    }
    const char *text = equals ? equals + 1 : has_next ? argv[i + 1] : NULL;
    if (!text) {
        tern_text_printf(reading->faults, "%s needs a value: %s=... or %s ...\n", flag, flag, flag);
        reading->usage = true;
        return 1;
    }
    if (is_file) {
        reading->file = text;
    } else if (value->key.kind == TERN_CFG_SECRET) {
        tern_text_printf(reading->faults,
                         "%s cannot be given on the command line, where everybody can read it; set %s or %s_FILE\n",
                         flag, value->key.name, value->key.name);
        reading->usage = true;
    } else {
        value->flag = text;
    }
    return equals ? 1 : 2;
}

/* Takes every word, also behind a mistake, so that all mistakes are reported at once. */
static void take_command_line(struct reading *reading, int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        const char *word = argv[i];
        if (strcmp(word, "-h") == 0) word = "--help";
        enum tern_config_action action = action_of(word);
        if (action != TERN_ACTION_RUN) {
            if (reading->action == TERN_ACTION_RUN || action < reading->action) reading->action = action;
            i++;
        } else if (strcmp(word, ADOPT_QUEUE) == 0) {
            reading->config->adopts_queue = true;
            i++;
        } else if (word[0] == '-' && word[1] != '\0') {
            i += take_flag(reading, argc, argv, i);
        } else {
            tern_text_printf(reading->faults, "unexpected argument \"%.60s\"; settings are given as --name value\n",
                             word);
            reading->usage = true;
            i++;
        }
    }
}

/* ---- the environment and the file ---- */

/* The value of the name of `length` bytes; NULL when it is missing or empty. */
static const char *look_up(const struct source *source, const char *name, size_t length)
{
    for (char *const *entry = source->entries; entry && *entry; entry++)
        if (strncmp(*entry, name, length) == 0 && (*entry)[length] == '=')
            return (*entry)[length + 1] != '\0' ? *entry + length + 1 : NULL;
    return NULL;
}

static void report_world_readable(struct reading *reading, const char *name, const char *path)
{
    tern_text_printf(reading->faults, "%s: %s can be read by everybody; take that right away (chmod o-r)\n", name,
                     path);
}

/* NAME_FILE: the value is what `path` holds. */
static void take_from_file(struct reading *reading, struct config_value *value, const char *origin, const char *path)
{
    struct tern_error err;
    bool world_readable;
    char *content = tern_config_load(path, &world_readable, &err);
    if (!content) {
        tern_text_printf(reading->faults, "%s: %s\n", origin, err.text);
        return;
    }
    size_t length = strlen(content);
    if (length > 0 && content[length - 1] == '\n') content[--length] = '\0';
    if (length > 0 && content[length - 1] == '\r') content[--length] = '\0';
    if (value->key.kind == TERN_CFG_SECRET && world_readable)
        report_world_readable(reading, origin, path);
    else if (value->key.kind == TERN_CFG_SECRET && content[0] == '\0')
        tern_text_printf(reading->faults, "%s: %s is empty; a secret is not\n", origin, path);
    else
        tern_config_set(value, content, origin);
    tern_free_secret(content);
}

/* The value stands in the source itself. */
static void take_plain(struct reading *reading, struct config_value *value, const struct source *source,
                       const char *origin, const char *text)
{
    if (source->path && source->world_readable && value->key.kind == TERN_CFG_SECRET)
        report_world_readable(reading, value->key.name, source->path);
    else
        tern_config_set(value, text, source->path ? source->path : origin);
}

/* Tries NAME, NAME_FILE (unless that is a setting of its own) and the aliases. Returns whether the source has the
 * setting; a faulty one counts, too. */
static bool take_from_source(struct reading *reading, struct config_value *value, const struct source *source)
{
    const char *name = value->key.name;
    char file_name[CONFIG_NAME_SIZE];
    (void)snprintf(file_name, sizeof file_name, "%s_FILE", name);
    const char *text = look_up(source, name, strlen(name));
    const char *path =
        tern_config_find(reading->config, file_name) ? NULL : look_up(source, file_name, strlen(file_name));
    if (text && path)
        tern_text_printf(reading->faults, "%s and %s are both set; unset one of them\n", name, file_name);
    else if (text)
        take_plain(reading, value, source, "", text);
    else if (path)
        take_from_file(reading, value, file_name, path);
    if (text || path) return true;

    const char *at = value->key.aliases;
    const char *alias;
    size_t length;
    while ((alias = tern_config_next_word(&at, &length))) {
        text = look_up(source, alias, length);
        if (!text) continue;
        char origin[CONFIG_NAME_SIZE];
        (void)snprintf(origin, sizeof origin, "%.*s", (int)length, alias);
        take_plain(reading, value, source, origin, text);
        return true;
    }
    return false;
}

/* systemd's LoadCredential= (systemd.exec(5)): a file of the setting's name in $CREDENTIALS_DIRECTORY, if there is
 * one. */
static bool take_credential(struct reading *reading, struct config_value *value, const struct source *environment)
{
    static const char variable[] = "CREDENTIALS_DIRECTORY";
    const char *folder = look_up(environment, variable, sizeof variable - 1);
    if (!folder) return false;
    struct tern_text path = {0};
    tern_text_printf(&path, "%s/%s", folder, value->key.name);
    bool there = access(path.bytes, F_OK) == 0;
    if (there) take_from_file(reading, value, variable, path.bytes);
    tern_text_fini(&path);
    return there;
}

/* Reads the setting from the source that wins, and checks it. A flag wins, but the others are read first, so that their
 * faults are reported. */
static void take_value(struct reading *reading, struct config_value *value, const struct source *environment,
                       const struct source *file)
{
    if (!take_from_source(reading, value, environment) && !take_credential(reading, value, environment))
        (void)take_from_source(reading, value, file);
    if (value->flag) {
        char flag[CONFIG_NAME_SIZE];
        tern_config_flag_name(value->key.name, flag);
        tern_config_set(value, value->flag, flag);
    }
    struct tern_error err;
    if (!value->origin || tern_config_check(value, &err) == 0) return;
    tern_text_printf(reading->faults, "%s\n", err.text);
    tern_config_reset(value);
}

struct tern_config *tern_config_read(const struct tern_config_key *const *tables, int argc, char **argv,
                                     char **environment, enum tern_config_action *ret_action,
                                     struct tern_text *ret_faults, bool *ret_usage)
{
    size_t before = ret_faults->length;
    struct reading reading = {tern_config_create(tables), ret_faults, TERN_ACTION_RUN, NULL, false};
    take_command_line(&reading, argc, argv);
    *ret_action = reading.action;
    *ret_usage = false;
    if (reading.action == TERN_ACTION_HELP || reading.action == TERN_ACTION_VERSION) {
        if (ret_faults->length > before) { /* print help only, without the faults of the command line */
            ret_faults->length = before;
            ret_faults->bytes[before] = '\0';
        }
        return reading.config;
    }

    struct source variables = {environment, NULL, false};
    struct source file = {NULL, reading.file, false};
    char **entries = NULL;
    if (reading.file)
        entries = tern_config_load_entries(reading.config, reading.file, &file.world_readable, ret_faults);
    file.entries = entries;
    for (size_t i = 0; i < reading.config->count; i++)
        take_value(&reading, &reading.config->values[i], &variables, &file);
    tern_config_free_entries(entries);
    if (!reading.usage) return reading.config;
    *ret_usage = true;
    tern_config_destroy(reading.config);
    return NULL;
}
