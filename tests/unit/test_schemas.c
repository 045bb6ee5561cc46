/* test_schemas.c - the files of schemas/ are what the code prints of its tables: "unit_schemas write" writes them. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "shop/catalogue.h"
#include "tern_test.h"

static char *read_file(const char *path)
{
    struct tern_text text = {0};
    char piece[4096];
    size_t length;
    FILE *file = fopen(path, "r");
    if (!file) return NULL;
    while ((length = fread(piece, 1, sizeof piece, file)) > 0)
        tern_text_add_bytes(&text, piece, length);
    (void)fclose(file);
    return tern_text_take(&text);
}

static void path_of(enum shop_event event, const char *version, char path[512])
{
    (void)snprintf(path, 512, "%s/schemas/%s/%s.json", TERN_SOURCE_DIR, shop_event_types[event].name, version);
}

static void every_version_that_can_be_published_has_its_file(void **state)
{
    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const char *version;
        for (size_t at = 0; (version = shop_version((enum shop_event)event, at)); at++) {
            struct tern_text printed = {0};
            char path[512];
            path_of((enum shop_event)event, version, path);
            assert_true(shop_print_schema((enum shop_event)event, version, &printed));
            char *kept = read_file(path);
            if (!kept || strcmp(kept, printed.bytes) != 0)
                fail_msg("%s is not what the code prints: run unit_schemas write", path);
            free(kept);
            tern_text_fini(&printed);
        }
    }
}

static void every_file_is_of_an_event_of_the_catalogue(void **state)
{
    DIR *folder = opendir(TERN_SOURCE_DIR "/schemas");
    (void)state;
    assert_non_null(folder);
    for (const struct dirent *entry; (entry = readdir(folder));)
        if (entry->d_name[0] != '.' && entry->d_type == DT_DIR && shop_event_named(entry->d_name) == SHOP_EVENT_COUNT)
            fail_msg("schemas/%s is of no event", entry->d_name);
    (void)closedir(folder);
}

/* ---- writing ---------------------------------------------------------------------------------------------------- */

static int write_all(void)
{
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const char *version;
        for (size_t at = 0; (version = shop_version((enum shop_event)event, at)); at++) {
            struct tern_text printed = {0};
            char path[512];
            path_of((enum shop_event)event, version, path);
            *strrchr(path, '/') = '\0';
            (void)mkdir(path, 0777);
            path[strlen(path)] = '/';
            FILE *file = fopen(path, "w");
            if (!file || !shop_print_schema((enum shop_event)event, version, &printed)) return 1;
            (void)fputs(printed.bytes, file);
            (void)fclose(file);
            tern_text_fini(&printed);
        }
    }
    return 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_version_that_can_be_published_has_its_file),
        cmocka_unit_test(every_file_is_of_an_event_of_the_catalogue),
    };
    if (argc == 2 && strcmp(argv[1], "write") == 0) return write_all();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
