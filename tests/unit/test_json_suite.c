/* test_json_suite.c - the validator against the 318 texts of JSONTestSuite (tests/json_suite).
 *
 * The first letter of a name says what RFC 8259 wants of the text: y must be taken, n must be refused, i is free. What
 * must be taken is refused only where one of our own limits says so, and those are named here. */
#include "tern_test.h"

#include "tern/json.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUITE TERN_SOURCE_DIR "/tests/json_suite/test_parsing"

enum { MUST_BE_TAKEN = 95, MUST_BE_REFUSED = 188, FREE = 35, TEXT_MAX = 1 << 18 };

#define SAME_NAME "the object has this member already"
#define NUL       "\\u0000 is not taken"

/* What RFC 8259 takes and the validator does not, each with what its sentence says. */
static const struct {
    const char *name, *words;
} limits[] = {
    {"y_object_duplicated_key.json",           SAME_NAME},
    {"y_object_duplicated_key_and_value.json", SAME_NAME},
    {"y_object_escaped_null_in_key.json",      NUL      },
    {"y_string_null_escape.json",              NUL      },
};

/* Each text is read into memory of just its size, so that AddressSanitizer sees every byte read too many. */
static char *read_text(const char *name, size_t *length)
{
    char path[512];
    char *room = malloc(TEXT_MAX);
    (void)snprintf(path, sizeof path, SUITE "/%s", name);
    FILE *file = fopen(path, "rb");
    assert_non_null(file);
    assert_non_null(room);
    *length = fread(room, 1, TEXT_MAX, file);
    (void)fclose(file);
    assert_true(*length < TEXT_MAX);
    char *exact = malloc(*length > 0 ? *length : 1);
    assert_non_null(exact);
    memcpy(exact, room, *length);
    free(room);
    return exact;
}

/* The validator's sentence, empty when it takes the text; the parser must say the same. */
static void ask_gate(const char *name, size_t max_bytes, struct tern_error *err)
{
    size_t length = 0;
    struct tern_error parser_says = {0};
    char *text = read_text(name, &length);
    err->text[0] = '\0';
    bool taken = tern_json_check(text, length, max_bytes, err) == 0;
    struct cJSON *tree = tern_json_parse(text, length, max_bytes, &parser_says);
    free(text);
    if (taken != (tree != NULL)) fail_msg("%s: the validator and the parser do not agree", name);
    if (!taken && err->text[0] == '\0') fail_msg("%s: refused without a sentence", name);
    assert_string_equal(err->text, parser_says.text);
    tern_json_destroy(tree);
}

/* Calls `judge` for every text whose name begins with `letter`; how many there were. */
static int for_each(char letter, void (*judge)(const char *name))
{
    int count = 0;
    DIR *folder = opendir(SUITE);
    assert_non_null(folder);
    for (const struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] != letter || entry->d_name[1] != '_') continue;
        judge(entry->d_name);
        count++;
    }
    (void)closedir(folder);
    return count;
}

static const char *limit_of(const char *name)
{
    for (size_t i = 0; i < TERN_COUNT(limits); i++)
        if (strcmp(limits[i].name, name) == 0) return limits[i].words;
    return NULL;
}

static void is_taken_or_limited(const char *name)
{
    struct tern_error err;
    const char *limit = limit_of(name);
    ask_gate(name, TERN_JSON_MAX_BYTES, &err);
    if (limit == NULL && err.text[0] != '\0') fail_msg("%s: %s", name, err.text);
    if (limit != NULL && strstr(err.text, limit) == NULL)
        fail_msg("%s: \"%s\" instead of \"%s\"", name, err.text, limit);
}

/* With room for the largest of them too: not just their size may be what refuses them. */
static void is_refused(const char *name)
{
    struct tern_error err;
    ask_gate(name, TERN_JSON_MAX_BYTES, &err);
    if (err.text[0] == '\0') fail_msg("%s was taken", name);
    ask_gate(name, TEXT_MAX, &err);
    if (err.text[0] == '\0') fail_msg("%s was taken where there is room for it", name);
}

static void has_an_answer(const char *name)
{
    struct tern_error err;
    ask_gate(name, TERN_JSON_MAX_BYTES, &err);
}

static void takes_what_must_be_taken_but_for_its_limits(void **state)
{
    (void)state;
    assert_int_equal(for_each('y', is_taken_or_limited), MUST_BE_TAKEN);
}

static void refuses_what_must_be_refused(void **state)
{
    (void)state;
    assert_int_equal(for_each('n', is_refused), MUST_BE_REFUSED);
}

static void answers_where_anything_goes(void **state)
{
    (void)state;
    assert_int_equal(for_each('i', has_an_answer), FREE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(takes_what_must_be_taken_but_for_its_limits),
        cmocka_unit_test(refuses_what_must_be_refused),
        cmocka_unit_test(answers_where_anything_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
