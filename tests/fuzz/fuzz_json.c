/* fuzz_json.c - the validator in front of cJSON, on any bytes.
 *
 * What the validator accepts cJSON parses; what the validator refuses is refused by the parser, with the same sentence. A reprint is
 * accepted too, and printed again it is the same to the byte. */
#include "fuzz.h"
#include "tern/json.h"

#include <string.h>

/* A reprint may be longer than its text: a control character as \u001f was one escape of the same length before, so
 * only "\/" and \u escapes of plain characters differ, and those get shorter. */
static void reprint(const struct cJSON *tree, size_t max_bytes)
{
    struct tern_error err = {0};
    struct tern_text once = {0}, twice = {0};
    tern_json_print(tree, &once);
    struct cJSON *again = tern_json_parse(once.bytes, once.length, max_bytes, &err);
    TERN_ASSERT(again != NULL, "the validator takes what was printed from what it took");
    tern_json_print(again, &twice);
    TERN_ASSERT(once.length == twice.length && memcmp(once.bytes, twice.bytes, once.length) == 0,
                "a reprint printed again is the same");
    tern_json_destroy(again);
    tern_text_fini(&once);
    tern_text_fini(&twice);
}

/* A NUL would end a string of C early, and a reprint of what is left would look well. */
static void assert_no_nul(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        TERN_ASSERT(text[i] != '\0', "no NUL is taken");
        if (text[i] != '\\') continue;
        i++; /* the character behind it is no escape of its own */
        TERN_ASSERT(size - i < 5 || memcmp(text + i, "u0000", 5) != 0, "no escaped NUL is taken");
    }
}

/* Walks the tree by the public calls, as a reader would. */
static void read_all(const struct cJSON *node)
{
    struct tern_error err;
    int64_t value = 0;
    if (tern_json_digits(node) != NULL) (void)tern_json_integer(node, INT64_MIN, INT64_MAX, &value, &err);
    for (const struct cJSON *child = tern_json_first(node); child != NULL; child = tern_json_next(child)) {
        if (tern_json_is_object(node))
            TERN_ASSERT(tern_json_member(node, tern_json_name(child)) == child, "a member is found by its name");
        read_all(child);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *text = (const char *)data;
    struct tern_error validator_says = {0}, parser_says = {0};
    bool accepted = tern_json_check(text, size, TERN_JSON_MAX_BYTES, &validator_says) == 0;
    struct cJSON *tree = tern_json_parse(text, size, TERN_JSON_MAX_BYTES, &parser_says);
    TERN_ASSERT(accepted == (tree != NULL), "cJSON takes what the validator takes, and nothing else");
    if (accepted) {
        assert_no_nul(text, size);
        read_all(tree);
        reprint(tree, TERN_JSON_MAX_BYTES);
    } else {
        TERN_ASSERT(validator_says.text[0] != '\0', "a refusal has a sentence");
        TERN_ASSERT(strcmp(validator_says.text, parser_says.text) == 0, "a refusal is said in one way");
    }
    tern_json_destroy(tree);
    return 0;
}
