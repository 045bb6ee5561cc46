/* config.c - the merged table of a program's settings, and the calls that read it.
 *
 * A key of a later table replaces one of an earlier table with the same name. After tern_config_read nothing changes,
 * so any thread may read. Asking for a name or kind that the tables do not have is a broken invariant. */
#include "config_private.h"
#include "config_read.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- the table ---- */

/* The default is checked, too, because the check fills the numbers; "" is no value, and is not checked. */
void tern_config_reset(struct config_value *value)
{
    tern_free_secret(value->text);
    free(value->origin);
    value->origin = NULL;
    value->text = tern_copy_text(value->key.value);
    value->low = value->high = 0;
    struct tern_error err;
    TERN_ASSERT(value->text[0] == '\0' || tern_config_check(value, &err) == 0,
                "a default of a table is itself allowed");
}

struct tern_config *tern_config_create(const struct tern_config_key *const *tables)
{
    size_t rows = 0; /* at least as many as there are settings */
    for (const struct tern_config_key *const *table = tables; *table; table++)
        for (const struct tern_config_key *row = *table; row->name; row++)
            rows++;
    struct tern_config *config = tern_alloc(sizeof *config + rows * sizeof config->values[0]);
    for (; *tables; tables++) {
        for (const struct tern_config_key *row = *tables; row->name; row++) {
            struct config_value *value = tern_config_find(config, row->name);
            if (!value) value = &config->values[config->count++];
            value->key = *row;
            tern_config_reset(value);
        }
    }
    return config;
}

struct config_value *tern_config_find(const struct tern_config *config, const char *name)
{
    for (size_t i = 0; i < config->count; i++)
        if (strcmp(config->values[i].key.name, name) == 0) return (struct config_value *)&config->values[i];
    return NULL;
}

void tern_config_set(struct config_value *value, const char *text, const char *origin)
{
    char *copy = tern_copy_text(text);
    tern_free_secret(value->text);
    free(value->origin);
    value->text = copy;
    value->origin = tern_copy_text(origin);
}

void tern_config_destroy(struct tern_config *config)
{
    if (!config) return;
    for (size_t i = 0; i < config->count; i++) {
        tern_free_secret(config->values[i].text);
        free(config->values[i].origin);
    }
    free(config);
}

/* ---- reading ---- */

/* Never NULL: a name that is not in the tables is a mistake of the program. */
static const struct config_value *find(const struct tern_config *config, const char *name)
{
    const struct config_value *value = tern_config_find(config, name);
    if (!value) {
        char sentence[CONFIG_NAME_SIZE + 64];
        (void)snprintf(sentence, sizeof sentence, "only settings of the tables are asked for, not %.64s", name);
        tern_broken(__FILE__, __LINE__, sentence);
    }
    return value;
}

const char *tern_config_text(const struct tern_config *config, const char *name)
{
    return find(config, name)->text;
}

int64_t tern_config_number(const struct tern_config *config, const char *name)
{
    const struct config_value *value = find(config, name);
    enum tern_config_kind kind = value->key.kind;
    TERN_ASSERT(kind == TERN_CFG_PORT || kind == TERN_CFG_COUNT || kind == TERN_CFG_SECONDS || kind == TERN_CFG_MS,
                "a number is asked for where the table has one");
    return value->low;
}

double tern_config_ratio(const struct tern_config *config, const char *name)
{
    const struct config_value *value = find(config, name);
    TERN_ASSERT(value->key.kind == TERN_CFG_RATIO, "a ratio is asked for where the table has one");
    return value->ratio;
}

void tern_config_range(const struct tern_config *config, const char *name, int64_t *ret_low, int64_t *ret_high)
{
    const struct config_value *value = find(config, name);
    TERN_ASSERT(value->key.kind == TERN_CFG_MS_RANGE, "a range is asked for where the table has one");
    *ret_low = value->low;
    *ret_high = value->high;
}

bool tern_config_adopts_queue(const struct tern_config *config)
{
    return config->adopts_queue;
}

size_t tern_config_changes(const struct tern_config *before, const struct tern_config *now, const char **ret_names,
                           size_t most)
{
    size_t changes = 0;
    TERN_ASSERT(before->count == now->count, "two readings of the same tables are compared");
    for (size_t i = 0; i < now->count && changes < most; i++)
        if (strcmp(before->values[i].text, now->values[i].text) != 0) ret_names[changes++] = now->values[i].key.name;
    return changes;
}

bool tern_config_is_default(const struct tern_config *config, const char *name)
{
    return !find(config, name)->origin;
}
