/* fuzz_config.c - the settings of order-service, from any command line, environment and file.
 *
 * A line of the input that opens with "-" is an argument, one with "$" a variable, any other a line of the --config file.
 * Either there is a configuration and no fault, or there are faults and none; what was read can be asked for, printed
 * and judged; the password of a URL is never printed. NAME_FILE and --config are left to us: a fuzzer has no business in
 * the files of this machine. */
#include "fuzz.h"

#include "common/base/config_read.h"
#include "common/service/settings.h"
#include "services/order/order_service.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { WORDS_MAX = 64 };

struct input {
    int argc;
    char *argv[WORDS_MAX + 2];
    size_t variable_count;
    char *variables[WORDS_MAX + 1];
    struct tern_text file;
};

/* A file in memory, used again for each input; only its owner may read it. */
static const char *write_file(const struct tern_text *content)
{
    static int fd = -1;
    static char path[64];
    if (fd < 0) {
        fd = memfd_create("fuzz_config", MFD_CLOEXEC);
        TERN_ASSERT(fd >= 0 && fchmod(fd, 0600) == 0, "a file in memory");
        (void)snprintf(path, sizeof path, "--config=/proc/self/fd/%d", fd);
    }
    TERN_ASSERT(ftruncate(fd, 0) == 0, "an empty file");
    if (content->length > 0)
        TERN_ASSERT(pwrite(fd, content->bytes, content->length, 0) == (ssize_t)content->length, "a whole file");
    return path;
}

static bool reaches_outside(const char *line)
{
    return strstr(line, "_FILE") != NULL || strstr(line, "CREDENTIALS") != NULL || strncmp(line, "--config", 8) == 0;
}

static void take_line(struct input *input, char *line)
{
    if (reaches_outside(line)) return;
    if (line[0] == '-' && input->argc < WORDS_MAX) {
        input->argv[input->argc++] = line;
    } else if (line[0] == '$' && input->variable_count < WORDS_MAX) {
        input->variables[input->variable_count++] = line + 1;
    } else {
        tern_text_add(&input->file, line);
        tern_text_add(&input->file, "\n");
    }
}

static void ask_for_all(const struct tern_config *config, const struct tern_config_key *keys)
{
    for (; keys->name != NULL; keys++) {
        int64_t low = 0, high = 0;
        const char *text = tern_config_text(config, keys->name);
        if (keys->kind == TERN_CFG_RATIO) {
            double ratio = tern_config_ratio(config, keys->name);
            TERN_ASSERT(ratio >= 0 && ratio <= 1, "a ratio is between 0 and 1");
        } else if (keys->kind == TERN_CFG_MS_RANGE) {
            tern_config_range(config, keys->name, &low, &high);
            TERN_ASSERT(low >= 0 && low <= high, "a range goes upwards");
        } else if (keys->kind == TERN_CFG_PORT || keys->kind == TERN_CFG_COUNT || keys->kind == TERN_CFG_SECONDS ||
                   keys->kind == TERN_CFG_MS) {
            TERN_ASSERT(tern_config_number(config, keys->name) >= 0, "a number is not negative");
        }
        TERN_ASSERT(text != NULL, "a setting has a text");
        (void)tern_config_is_default(config, keys->name);
    }
}

static void use(const struct tern_config *config, const struct tern_config_key *const *tables)
{
    struct tern_text printed = {0}, faults = {0};
    for (size_t i = 0; tables[i] != NULL; i++)
        ask_for_all(config, tables[i]);
    tern_config_print(config, &printed);
    TERN_ASSERT(printed.length > 0, "there is something to print");
    bool sound = tern_settings_check(config, &faults);
    TERN_ASSERT(sound == (faults.length == 0), "a fault has a sentence");
    tern_text_fini(&printed);
    tern_text_fini(&faults);
}

static void read_config(struct input *input)
{
    const struct tern_config_key *const tables[] = {tern_common_settings, order_config, NULL};
    enum tern_config_action action = TERN_ACTION_RUN;
    struct tern_text faults = {0};
    bool usage = false;
    struct tern_config *config =
        tern_config_read(tables, input->argc, input->argv, input->variables, &action, &faults, &usage);
    TERN_ASSERT((config == NULL) == usage, "a wrong command line, and only that, is no configuration");
    TERN_ASSERT(!usage || faults.length > 0, "a refusal has a sentence");
    if (config != NULL) use(config, tables);
    tern_config_destroy(config);
    tern_text_fini(&faults);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input *input = tern_alloc(sizeof *input);
    char *text = tern_copy_bytes(data, size);
    char program[] = "order-service", config_flag[96];
    input->argv[input->argc++] = program;
    for (char *line = text; *line != '\0';) {
        char *end = strchrnul(line, '\n');
        char *next = *end != '\0' ? end + 1 : end;
        *end = '\0';
        take_line(input, line);
        line = next;
    }
    (void)snprintf(config_flag, sizeof config_flag, "%s", write_file(&input->file));
    input->argv[input->argc++] = config_flag;
    read_config(input);
    tern_text_fini(&input->file);
    free(input);
    free(text);
    return 0;
}
