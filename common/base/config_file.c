/* config_file.c - reads files of settings: one value per file (NAME_FILE), or NAME=value lines (--config).
 *
 * The lines follow systemd's EnvironmentFile: empty lines and lines that begin with # or ; are comments, blanks around
 * a name or a value are dropped, and so is one pair of quotes around a value. An unknown or repeated name is a fault,
 * and so is a file over 64 KiB. */
#include "config_private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { FILE_MAX = 64 * 1024 };

/* Reads to the end. Returns the length, FILE_MAX + 1 when there is more, or -1 with errno. */
static ssize_t read_all(int fd, char *bytes)
{
    size_t have = 0;
    while (have <= FILE_MAX) {
        ssize_t got = read(fd, bytes + have, FILE_MAX + 1 - have);
        if (got == 0) break;
        if (got < 0 && errno != EINTR) return -1;
        if (got > 0) have += (size_t)got;
    }
    return (ssize_t)have;
}

/* Never asks for the size beforehand: the path may lead to a pipe, as in a shell's <(...). */
char *tern_config_load(const char *path, bool *ret_world_readable, struct tern_error *err)
{
    char *bytes = NULL;
    struct stat file;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (fd < 0 || fstat(fd, &file) < 0) {
        tern_error_set(err, "cannot read %s: %s", path, strerror(errno));
        goto out;
    }
    bytes = tern_alloc(FILE_MAX + 2);
    ssize_t length = read_all(fd, bytes);
    if (length < 0)
        tern_error_set(err, "cannot read %s: %s", path, strerror(errno));
    else if (length > FILE_MAX)
        tern_error_set(err, "%s is larger than 64 KiB, which no setting is", path);
    else if (memchr(bytes, '\0', (size_t)length))
        tern_error_set(err, "%s holds a NUL byte, which no setting does", path);
    else {
        *ret_world_readable = (file.st_mode & S_IROTH) != 0;
        goto out;
    }
    free(bytes);
    bytes = NULL;
out:
    if (fd >= 0) (void)close(fd);
    return bytes;
}

/* The names that a --config file may hold are those that the environment may hold. */
bool tern_config_knows(const struct tern_config *config, const char *name)
{
    size_t length = strlen(name);
    size_t stem = length > 5 && strcmp(name + length - 5, "_FILE") == 0 ? length - 5 : 0;
    for (size_t i = 0; i < config->count; i++) {
        const struct tern_config_key *key = &config->values[i].key;
        if (strcmp(key->name, name) == 0) return true;
        if (stem > 0 && strlen(key->name) == stem && memcmp(key->name, name, stem) == 0) return true;
        const char *at = key->aliases;
        const char *alias;
        size_t alias_length;
        while ((alias = tern_config_next_word(&at, &alias_length)))
            if (alias_length == length && memcmp(alias, name, length) == 0) return true;
    }
    return false;
}

/* Cuts the blanks at both ends, in place; also the CR of a file with DOS lines. */
static char *trim(char *text)
{
    static const char blanks[] = " \t\r";
    text += strspn(text, blanks);
    size_t length = strlen(text);
    while (length > 0 && strchr(blanks, text[length - 1]))
        length--;
    text[length] = '\0';
    return text;
}

static bool is_set(char *const *entries, const char *name)
{
    size_t length = strlen(name);
    for (; *entries; entries++)
        if (strncmp(*entries, name, length) == 0 && (*entries)[length] == '=') return true;
    return false;
}

/* A mistyped name is a fault: the file belongs to this program, so it holds no settings of others. */
static void report_unknown(const struct tern_config *config, const char *path, size_t line, const char *name,
                           struct tern_text *faults)
{
    struct config_suggestion nearest = {0};
    for (size_t i = 0; i < config->count; i++)
        tern_config_suggest(&nearest, name, config->values[i].key.name);
    tern_text_printf(faults, "%s line %zu: %.60s is no setting of this program", path, line, name);
    if (nearest.word[0] != '\0') tern_text_printf(faults, "; did you mean %s?", nearest.word);
    tern_text_add(faults, "\n");
}

/* Returns the line as "NAME=value", which the caller frees; NULL for a comment or a fault. */
static char *take_line(const struct tern_config *config, const char *path, size_t number, char *line,
                       char *const *entries, struct tern_text *faults)
{
    line = trim(line);
    if (line[0] == '\0' || line[0] == '#' || line[0] == ';') return NULL;
    char *equals = strchr(line, '=');
    if (!equals || equals == line) {
        tern_text_printf(faults, "%s line %zu: must be NAME=value\n", path, number);
        return NULL;
    }
    *equals = '\0';
    const char *name = trim(line);
    if (!tern_config_knows(config, name)) {
        report_unknown(config, path, number, name, faults);
        return NULL;
    }
    if (is_set(entries, name)) {
        tern_text_printf(faults, "%s line %zu: %s is set a second time\n", path, number, name);
        return NULL;
    }
    char *value = trim(equals + 1);
    size_t length = strlen(value);
    if (length >= 2 && (value[0] == '"' || value[0] == '\'') && value[length - 1] == value[0]) {
        value[length - 1] = '\0';
        value++;
    }
    struct tern_text entry = {0};
    tern_text_printf(&entry, "%s=%s", name, value);
    return tern_text_take(&entry);
}

char **tern_config_load_entries(const struct tern_config *config, const char *path, bool *ret_world_readable,
                                struct tern_text *faults)
{
    struct tern_error err;
    char *bytes = tern_config_load(path, ret_world_readable, &err);
    if (!bytes) {
        tern_text_printf(faults, "--config: %s\n", err.text);
        return tern_alloc(sizeof(char *)); /* an empty list */
    }
    size_t lines = 1;
    for (const char *at = bytes; (at = strchr(at, '\n')); at++)
        lines++;
    char **entries = tern_alloc((lines + 1) * sizeof *entries);
    size_t count = 0;
    size_t number = 1;
    char *rest = bytes;
    for (char *line = strsep(&rest, "\n"); line; line = strsep(&rest, "\n"), number++) {
        char *entry = take_line(config, path, number, line, entries, faults);
        if (entry) entries[count++] = entry;
    }
    explicit_bzero(bytes, FILE_MAX); /* may hold secrets */
    free(bytes);
    return entries;
}

void tern_config_free_entries(char **entries)
{
    if (!entries) return;
    for (char **entry = entries; *entry; entry++)
        tern_free_secret(*entry);
    free(entries);
}
