/* config_print.c - settings for people: the table of --help, the masked values of --print-config.
 *
 * Secrets and the passwords of URLs are never printed: the mask only shows that one is set. Defaults are part of the
 * program and are shown as they are. */
#include "config_private.h"
#include "config_read.h"

#include <stdlib.h>
#include <string.h>

static const char mask[] = "****";

/* ---- URLs ---- */

/* Whether a query parameter of that name may carry a secret. */
static bool may_hold_secret(const char *name, size_t length)
{
    static const char *const words[] = {"password", "passwd", "pwd", "secret", "token", "key", "sig"};
    char *copy = tern_copy_bytes(name, length);
    bool found = false;
    for (size_t i = 0; i < TERN_COUNT(words); i++)
        found = found || strcasestr(copy, words[i]);
    free(copy);
    return found;
}

/* "?a=1&key=...": masks the values of parameters that may carry a secret. */
static void add_query(const char *query, struct tern_text *out)
{
    while (*query != '\0') {
        size_t length = strcspn(query + 1, "&;") + 1; /* with the ? or & in front */
        size_t name = strcspn(query, "=");
        if (name < length && may_hold_secret(query + 1, name - 1)) {
            tern_text_add_bytes(out, query, name + 1);
            tern_text_add(out, mask);
        } else {
            tern_text_add_bytes(out, query, length);
        }
        query += length;
    }
}

/* The password ends at the last @: an unescaped one may contain @ / or ?. */
void tern_config_mask_url(const char *url, struct tern_text *out)
{
    const char *slashes = strstr(url, "//");
    const char *start = slashes ? slashes + 2 : url;
    const char *at = strrchr(start, '@');
    const char *colon = at ? memchr(start, ':', (size_t)(at - start)) : NULL;
    if (colon) {
        tern_text_add_bytes(out, url, (size_t)(colon + 1 - url));
        tern_text_add(out, mask);
        url = at;
    }
    size_t plain = strcspn(url, "?");
    tern_text_add_bytes(out, url, plain);
    add_query(url + plain, out);
}

/* ---- --print-config ---- */

/* What it prints can be read by --config again, secrets apart: a value is quoted when its reader would drop blanks or
 * quotes at its ends. */
void tern_config_print(const struct tern_config *config, struct tern_text *out)
{
    for (size_t i = 0; i < config->count; i++) {
        const struct config_value *value = &config->values[i];
        const char *text = value->text;
        tern_text_printf(out, "%s=", value->key.name);
        if (value->key.kind == TERN_CFG_SECRET) {
            tern_text_add(out, text[0] != '\0' ? mask : "");
        } else if (value->key.kind == TERN_CFG_URL) {
            tern_config_mask_url(text, out);
        } else {
            size_t length = strlen(text);
            bool quoted = length > 0 && (strchr(" \t\"'", text[0]) || strchr(" \t\"'", text[length - 1]));
            tern_text_printf(out, quoted ? "\"%s\"" : "%s", text);
        }
        tern_text_add(out, "\n");
    }
}

/* ---- --help ---- */

static const struct {
    const char *flag;
    const char *help;
} own_flags[] = {
    {"--help",                "print this and stop"                                                           },
    {"--version",             "print the versions of the program and its libraries and stop"                  },
    {"--check-config",        "check every setting and stop: exit 0, or 78 with one sentence per fault"       },
    {"--print-config",        "print every setting as it would be used, secrets masked, and stop"             },
    {"--healthcheck",         "ask the daemon that runs with these settings whether it is ready, and stop"    },
    {"--rebuild-projections", "fold the event log into new tables for every read model, and stop"             },
    {"--adopt-queue",         "for this start: take the broker's queue even when another store has claimed it"},
    {"--config FILE",         "read settings from lines NAME=value; the environment and flags win over them"  },
};

/* Adds the word and blanks up to two columns behind `width`. */
static void pad(struct tern_text *out, const char *word, size_t width)
{
    size_t length = strlen(word);
    tern_text_add(out, word);
    for (; length < width + 2; length++)
        tern_text_add(out, " ");
}

/* "A|B|C" as "A, B, C". */
static void add_words(struct tern_text *out, const char *words)
{
    const char *word;
    size_t length;
    const char *at = words;
    while ((word = tern_config_next_word(&at, &length))) {
        tern_text_add_bytes(out, word, length);
        if (*at != '\0') tern_text_add(out, ", ");
    }
}

/* "(1-2000, default 500, also OLD_NAME)" */
static void add_facts(struct tern_text *out, const struct tern_config_key *key)
{
    tern_text_add(out, " (");
    if (key->limits) {
        add_words(out, key->limits);
        tern_text_add(out, "; ");
    }
    if (key->value[0] != '\0')
        tern_text_printf(out, "default %s", key->value);
    else
        tern_text_add(out, "not set by default");
    if (key->aliases) {
        tern_text_add(out, "; also ");
        add_words(out, key->aliases);
    }
    tern_text_add(out, ")\n");
}

void tern_config_help(const struct tern_config_key *const *tables, const char *program, const char *purpose,
                      struct tern_text *out)
{
    tern_text_printf(out, "Usage: %s [--setting value]...\n\n%s\n\n", program, purpose);
    for (size_t i = 0; i < TERN_COUNT(own_flags); i++) {
        tern_text_add(out, "  ");
        pad(out, own_flags[i].flag, strlen("--rebuild-projections"));
        tern_text_printf(out, "%s\n", own_flags[i].help);
    }
    tern_text_add(
        out, "\nSettings. Each is taken from its flag, else from the environment (NAME, or NAME_FILE: the path of\n"
             "a file that holds the value), else from the file of --config, else it is the default.\n\n");
    struct tern_config *config = tern_config_create(tables);
    size_t width = 0; /* of the longest name */
    for (size_t i = 0; i < config->count; i++) {
        size_t length = strlen(config->values[i].key.name);
        if (length > width) width = length;
    }
    for (size_t i = 0; i < config->count; i++) {
        const struct tern_config_key *key = &config->values[i].key;
        char flag[CONFIG_NAME_SIZE];
        tern_config_flag_name(key->name, flag);
        tern_text_add(out, "  ");
        pad(out, key->name, width);
        pad(out, key->kind == TERN_CFG_SECRET ? "(no flag)" : flag, width + 2); /* "--" makes it two longer */
        tern_text_add(out, key->help);
        add_facts(out, key);
    }
    tern_config_destroy(config);
}
