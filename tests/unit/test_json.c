/* test_json.c - the JSON validator takes what it promises and nothing else, and what it takes loses nothing.
 *
 * Texts are handed over in memory of their exact size, so that AddressSanitizer sees every byte read too many. */
#include "tern_test.h"

#include "json_cases.h"
#include "tern/json.h"

#include <cjson/cJSON.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static struct cJSON *parse(const char *text, size_t length, struct tern_error *err)
{
    char *exact = malloc(length ? length : 1);
    assert_non_null(exact);
    memcpy(exact, text, length);
    int checked = tern_json_check(exact, length, TERN_JSON_MAX_BYTES, NULL);
    struct cJSON *tree = tern_json_parse(exact, length, TERN_JSON_MAX_BYTES, err);
    free(exact);
    assert_int_equal(checked, tree ? 0 : -1);
    return tree;
}

static struct cJSON *parse_text(const char *text)
{
    struct tern_error err = {0};
    struct cJSON *tree = parse(text, strlen(text), &err);
    if (!tree) fail_msg("%s: %s", text, err.text);
    return tree;
}

static char *print(const struct cJSON *tree)
{
    struct tern_text out = {0};
    tern_json_print(tree, &out);
    return tern_text_take(&out);
}

/* What is taken is printed as `canonical`. */
static void assert_prints(const char *text, const char *canonical)
{
    struct cJSON *tree = parse_text(text);
    char *printed = print(tree);
    assert_string_equal(printed, canonical);
    free(printed);
    tern_json_destroy(tree);
}

static void assert_refused(const char *text, size_t length, const char *sentence)
{
    struct tern_error err = {0};
    struct cJSON *tree = parse(text, length, &err);
    if (tree) fail_msg("taken: %s", text);
    assert_string_equal(err.text, sentence);
}

#define REFUSED(text, sentence) assert_refused((text), sizeof(text) - 1, (sentence))

static void refuse_all(const struct json_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct tern_error err = {0};
        if (parse(cases[i].text, cases[i].length, &err)) fail_msg("taken: %s", cases[i].name);
        assert_true(err.text[0] != '\0');
    }
}

static void takes_valid_texts_and_prints_them_the_same_twice(void **state)
{
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(taken); i++) {
        struct tern_error err = {0};
        struct cJSON *tree = parse(taken[i].text, taken[i].length, &err);
        if (!tree) fail_msg("%s: %s", taken[i].name, err.text);
        char *once = print(tree);
        assert_prints(once, once);
        free(once);
        tern_json_destroy(tree);
    }
}

static void refuses_texts_that_are_no_json(void **state)
{
    (void)state;
    refuse_all(invalid, TERN_COUNT(invalid));
}

static void refuses_the_seventeen_that_cjson_lets_through(void **state)
{
    (void)state;
    assert_int_equal(TERN_COUNT(let_through), 17);
    refuse_all(let_through, TERN_COUNT(let_through));
}

static void refuses_what_it_says_it_does_not_take(void **state)
{
    (void)state;
    refuse_all(by_choice, TERN_COUNT(by_choice));
    refuse_all(unsettled, TERN_COUNT(unsettled));
}

static void every_number_keeps_its_digits(void **state)
{
    (void)state;
    assert_prints("[1000000000000000,1234567890123460,9007199254740993,19.99,0.10,-0,-0.0]",
                  "[1000000000000000,1234567890123460,9007199254740993,19.99,0.10,-0,-0.0]");
    assert_prints("9223372036854775807", "9223372036854775807");
    assert_prints("-9223372036854775808", "-9223372036854775808");
    assert_prints(" { \"a\" : 1.50 , \"b\" : { \"c\" : [ 2 , { \"d\" : 3.25 } ] } , \"e\" : 4 } ",
                  "{\"a\":1.50,\"b\":{\"c\":[2,{\"d\":3.25}]},\"e\":4}");
    assert_prints("12345678901234567.890", "12345678901234567.890");
}

static void more_numbers_than_fit_on_the_stack_stay_in_order(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add(&text, "[0");
    for (int i = 1; i < 4000; i++)
        tern_text_printf(&text, ",%d.%02d", i, i % 100);
    tern_text_add(&text, "]");
    assert_prints(text.bytes, text.bytes);
    tern_text_fini(&text);
}

static void a_number_is_as_long_as_it_likes(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add(&text, "[1e2,-1.50E+400,1e-05,9223372036854775808,-");
    for (int i = 0; i < 1000; i++)
        tern_text_add(&text, "7");
    tern_text_add(&text, ".");
    for (int i = 0; i < 1000; i++)
        tern_text_add(&text, "0");
    tern_text_add(&text, "e-1,\"last\"]");
    assert_prints(text.bytes, text.bytes);
    tern_text_fini(&text);
    REFUSED("1e", "byte 3: the text ends too early");
    REFUSED("[1e+]", "byte 5: a digit is missing in the exponent");
}

static void sentences_name_the_byte(void **state)
{
    (void)state;
    REFUSED("", "the text is empty");
    REFUSED("  ", "byte 3: the text ends too early");
    REFUSED("\xEF\xBB\xBF{}", "byte 1: a byte order mark is not taken");
    REFUSED("\xEF\xBB\xBF", "byte 1: a byte order mark is not taken");
    REFUSED("{} x", "byte 4: something follows the value");
    REFUSED("{\"a\":1,\"a\":2}", "byte 8: the object has this member already");
    REFUSED("[\"\\u0000abc\"]", "byte 3: \\u0000 is not taken");
    REFUSED("[\"\\x\"]", "byte 3: JSON knows no such escape");
    REFUSED("[\"\\uD800x\"]", "byte 3: a high surrogate stands alone");
    REFUSED("[\"\xC0\xAF\"]", "byte 3: this is not UTF-8");
    REFUSED("[\"a\nb\"]", "byte 4: a control character inside a string must be escaped");
    REFUSED("[01]", "byte 2: a number must not begin with a zero");
    REFUSED("\0{}", "byte 1: this is no JSON value");
}

static void equal_names_are_found_however_they_are_written(void **state)
{
    (void)state;
    REFUSED("{\"a\":1,\"\\u0061\":2}", "byte 8: the object has this member already");
    REFUSED("{\"\xC3\xA9\":1,\"\\u00E9\":2}", "byte 9: the object has this member already");
    REFUSED("{\"\xF0\x9D\x84\x9E\":1,\"\\uD834\\uDD1E\":2}", "byte 11: the object has this member already");
    REFUSED("{\"\\n\\/\":1,\"\\u000a/\":2}", "byte 11: the object has this member already");
    REFUSED("{\"\xE0\xA0\x80x\":1,\"\\u0800x\":2}", "byte 11: the object has this member already");
    REFUSED("{\"\":1,\"\":2}", "byte 7: the object has this member already");
    REFUSED("{\"x\":{\"a\":[{\"a\":1}]},\"x\":2}", "byte 22: the object has this member already");
    assert_prints("{\"a\":{\"a\":{\"a\":1},\"A\":2},\"A\":3,\"aa\":4,\"b\":{\"a\":5}}",
                  "{\"a\":{\"a\":{\"a\":1},\"A\":2},\"A\":3,\"aa\":4,\"b\":{\"a\":5}}");
}

static void different_names_of_equal_hash_are_different(void **state)
{
    (void)state;
    assert_prints("{\"costarring\":1,\"liquid\":2,\"altarage\":3,\"zinke\":4}",
                  "{\"costarring\":1,\"liquid\":2,\"altarage\":3,\"zinke\":4}");
}

static void nest(struct tern_text *text, int levels, bool objects)
{
    for (int i = 0; i < levels; i++)
        tern_text_add(text, objects ? "{\"a\":" : "[");
    tern_text_add(text, "1");
    for (int i = 0; i < levels; i++)
        tern_text_add(text, objects ? "}" : "]");
}

static void sixteen_levels_are_taken_and_seventeen_are_not(void **state)
{
    (void)state;
    for (int objects = 0; objects < 2; objects++) {
        struct tern_text text = {0};
        nest(&text, TERN_JSON_MAX_DEPTH, objects);
        assert_prints(text.bytes, text.bytes);
        tern_text_clear(&text);
        nest(&text, TERN_JSON_MAX_DEPTH + 1, objects);
        assert_int_equal(tern_json_check(text.bytes, text.length, text.length, NULL), -1);
        tern_text_fini(&text);
    }
}

static void depth_counts_what_is_open_not_what_was_closed(void **state)
{
    (void)state;
    assert_prints("[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{},{}]",
                  "[[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],[],{},{}]");
}

static void deep_texts_are_refused_without_recursion(void **state)
{
    (void)state;
    size_t length = 1000000;
    char *text = malloc(length);
    assert_non_null(text);
    memset(text, '[', length);
    struct tern_error err;
    assert_int_equal(tern_json_check(text, length, length, &err), -1);
    assert_string_equal(err.text, "byte 17: nested deeper than 16 levels");
    free(text);
}

static void write_members(struct tern_text *text, int count)
{
    tern_text_add(text, "{");
    for (int i = 0; i < count; i++)
        tern_text_printf(text, "%s\"m%d\":%d", i ? "," : "", i, i);
    tern_text_add(text, "}");
}

static void two_hundred_and_fifty_six_members_are_taken_and_one_more_is_not(void **state)
{
    (void)state;
    struct tern_text text = {0};
    write_members(&text, TERN_JSON_MAX_MEMBERS);
    assert_prints(text.bytes, text.bytes);
    tern_text_clear(&text);
    write_members(&text, TERN_JSON_MAX_MEMBERS + 1);
    struct tern_error err;
    assert_int_equal(tern_json_check(text.bytes, text.length, text.length, &err), -1);
    assert_non_null(strstr(err.text, "an object has more than 256 members"));
    tern_text_fini(&text);
}

/* An array of that many zeros, each of them and the array itself a value. */
static int check_zeros(int count, size_t max_bytes, struct tern_error *err)
{
    struct tern_text text = {0};
    tern_text_add(&text, "[0");
    for (int i = 1; i < count; i++)
        tern_text_add(&text, ",0");
    tern_text_add(&text, "]");
    int rc = tern_json_check(text.bytes, text.length, max_bytes, err);
    tern_text_fini(&text);
    return rc;
}

static void values_are_counted_because_each_takes_room(void **state)
{
    struct tern_error err;
    (void)state;
    assert_int_equal(check_zeros(TERN_JSON_MAX_VALUES - 1, TERN_JSON_MAX_BYTES, &err), 0);
    assert_int_equal(check_zeros(TERN_JSON_MAX_VALUES, TERN_JSON_MAX_BYTES, &err), -1);
    assert_string_equal(err.text, "byte 8192: more values than are taken");
    assert_int_equal(check_zeros(TERN_JSON_MAX_VALUES, 2 * TERN_JSON_MAX_BYTES, &err), 0);
    assert_int_equal(check_zeros(2 * TERN_JSON_MAX_VALUES, 2 * TERN_JSON_MAX_BYTES, &err), -1);
}

static void members_of_many_objects_are_counted_apart(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add(&text, "[");
    for (int i = 0; i < 10; i++) {
        tern_text_add(&text, i ? "," : "");
        write_members(&text, 200);
    }
    tern_text_add(&text, "]");
    assert_prints(text.bytes, text.bytes);
    tern_text_fini(&text);
}

static void the_size_limit_is_the_callers(void **state)
{
    (void)state;
    struct tern_error err;
    assert_int_equal(tern_json_check("[1,2]", 5, 5, &err), 0);
    assert_int_equal(tern_json_check("[1,2]", 5, 4, &err), -1);
    assert_string_equal(err.text, "5 bytes are too many, at most 4 are taken");
}

/* Each text cut short at every byte, and with every byte replaced: never a crash, and what is taken can be printed
 * and taken again. */
static void damaged_texts_are_refused_or_survive_a_round_trip(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":\"\\u00e9\\uD834\\uDD1E\xC3\xA9\",\"n\":[-10.25,true,null],\"o\":{\"a\":\"\"}}";
    static const char replacements[] = "\"\\{}[]:,0-.eut\n\x01\x80\xC3\xF0";
    struct tern_error err;
    char copy[sizeof text];
    for (size_t length = 0; length < sizeof text - 1; length++)
        assert_null(parse(text, length, &err));
    for (size_t i = 0; i < (sizeof text - 1) * (sizeof replacements - 1); i++) {
        memcpy(copy, text, sizeof text);
        copy[i / (sizeof replacements - 1)] = replacements[i % (sizeof replacements - 1)];
        struct cJSON *tree = parse(copy, sizeof text - 1, &err);
        if (!tree) continue;
        char *once = print(tree);
        assert_prints(once, once);
        free(once);
        tern_json_destroy(tree);
    }
}

static bool is_taken(const char *text, size_t length)
{
    char *exact = malloc(length);
    assert_non_null(exact);
    memcpy(exact, text, length);
    int rc = tern_json_check(exact, length, TERN_JSON_MAX_BYTES, NULL);
    free(exact);
    return rc == 0;
}

/* By the definition of UTF-8: the point is put together, needs that many bytes, and is none that is left out. */
static bool is_one_character(const unsigned char *bytes, size_t length)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t point = bytes[0] & (0x7FU >> length);
    if (length == 1) return bytes[0] < 0x80;
    if (bytes[0] >> (7 - length) != (0xFF >> (7 - length) & ~1)) return false;
    for (size_t i = 1; i < length; i++) {
        if ((bytes[i] & 0xC0) != 0x80) return false;
        point = point << 6 | (bytes[i] & 0x3FU);
    }
    return point >= least[length] && point <= 0x10FFFF && !(point >= 0xD800 && point <= 0xDFFF);
}

static bool is_utf8(const unsigned char *bytes, size_t length)
{
    while (length > 0) {
        size_t first = 1;
        while (first <= 4 && first <= length && !is_one_character(bytes, first))
            first++;
        if (first > 4 || first > length) return false;
        bytes += first;
        length -= first;
    }
    return true;
}

static void utf8_is_taken_by_its_definition(void **state)
{
    (void)state;
    static const unsigned char edges[] = {0x21, 0x7F, 0x80, 0x81, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF};
    enum { EDGES = TERN_COUNT(edges) };
    for (size_t round = 0; round < (size_t)128 * EDGES * EDGES * EDGES; round++) {
        unsigned char text[] = {'"',
                                (unsigned char)(0x80 + round % 128),
                                edges[round / 128 % EDGES],
                                edges[round / 128 / EDGES % EDGES],
                                edges[round / 128 / EDGES / EDGES],
                                '"'};
        if (is_taken((const char *)text, sizeof text) != is_utf8(text + 1, 4))
            fail_msg("%02x %02x %02x %02x", text[1], text[2], text[3], text[4]);
    }
}

static void every_escaped_unit_but_zero_and_surrogates_is_taken_alone(void **state)
{
    (void)state;
    char text[16];
    for (unsigned unit = 0; unit <= 0xFFFF; unit++) {
        int length = snprintf(text, sizeof text, unit % 2 ? "\"\\u%04x\"" : "\"\\u%04X\"", unit);
        assert_int_equal(is_taken(text, (size_t)length), unit != 0 && (unit < 0xD800 || unit > 0xDFFF));
    }
}

static void surrogates_are_taken_as_pairs_only(void **state)
{
    (void)state;
    static const unsigned edges[] = {0x0041, 0xD7FF, 0xD800, 0xDBFF, 0xDC00, 0xDFFF, 0xE000};
    char text[24];
    for (size_t i = 0; i < TERN_COUNT(edges) * TERN_COUNT(edges); i++) {
        unsigned first = edges[i / TERN_COUNT(edges)];
        unsigned second = edges[i % TERN_COUNT(edges)];
        bool first_stands = first < 0xD800 || first > 0xDFFF;
        bool second_stands = second < 0xD800 || second > 0xDFFF;
        bool pair = first >= 0xD800 && first <= 0xDBFF && second >= 0xDC00 && second <= 0xDFFF;
        int length = snprintf(text, sizeof text, "\"\\u%04x\\u%04x\"", first, second);
        assert_int_equal(is_taken(text, (size_t)length), pair || (first_stands && second_stands));
    }
}

static void white_space_is_the_four_of_json(void **state)
{
    (void)state;
    assert_prints(" \t\r\n{ \t\r\n\"a\" \t\r\n: \t\r\n[ \t\r\n] \t\r\n, \t\r\n\"b\":0\r} \t\r\n", "{\"a\":[],\"b\":0}");
    for (int c = 1; c < 0x21; c++) {
        char text[] = {(char)c, '1', (char)c};
        assert_int_equal(is_taken(text, sizeof text), c == ' ' || c == '\t' || c == '\r' || c == '\n');
    }
}

static void members_are_found_by_their_exact_name(void **state)
{
    (void)state;
    struct cJSON *tree = parse_text("{\"Name\":\"x\",\"name\":\"y\",\"n\":7,\"nothing\":null,\"list\":[1,2,3]}");
    assert_string_equal(tern_json_string(tern_json_member(tree, "name")), "y");
    assert_string_equal(tern_json_string(tern_json_member(tree, "Name")), "x");
    assert_null(tern_json_member(tree, "NAME"));
    assert_null(tern_json_member(tern_json_member(tree, "list"), "name"));
    assert_null(tern_json_member(NULL, "name"));
    assert_string_equal(tern_json_digits(tern_json_member(tree, "n")), "7");
    assert_null(tern_json_digits(tern_json_member(tree, "name")));
    assert_null(tern_json_string(tern_json_member(tree, "n")));
    assert_true(tern_json_is_null(tern_json_member(tree, "nothing")));
    assert_int_equal(tern_json_size(tree), 5);
    assert_int_equal(tern_json_size(tern_json_member(tree, "list")), 3);
    assert_int_equal(tern_json_size(tern_json_member(tree, "n")), 0);
    assert_string_equal(tern_json_name(tern_json_next(tern_json_first(tree))), "name");
    tern_json_destroy(tree);
}

static void integers_are_exact_and_bounded(void **state)
{
    (void)state;
    struct tern_error err;
    int64_t value = 0;
    struct cJSON *tree = parse_text(
        "[9223372036854775807,-9223372036854775808,-0,3000000000,1.9,\"1\",1e2,9223372036854775808,-9223372036854775809]");
    const struct cJSON *node = tern_json_first(tree);
    assert_int_equal(tern_json_integer(node, INT64_MIN, INT64_MAX, &value, &err), 0);
    assert_true(value == INT64_MAX);
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, INT64_MIN, INT64_MAX, &value, &err), 0);
    assert_true(value == INT64_MIN);
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, 0, 0, &value, &err), 0);
    assert_true(value == 0);
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, 0, 3000000000, &value, &err), 0);
    assert_true(value == 3000000000);
    assert_int_equal(tern_json_integer(node, 0, 2999999999, &value, &err), -1);
    assert_string_equal(err.text, "must be 0 to 2999999999");
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, 0, 10, &value, &err), -1);
    assert_string_equal(err.text, "must be a whole number, without point and exponent");
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, 0, 10, &value, &err), -1);
    assert_string_equal(err.text, "must be a number");
    node = tern_json_next(node);
    assert_int_equal(tern_json_integer(node, 0, 200, &value, &err), -1);
    assert_string_equal(err.text, "must be a whole number, without point and exponent");
    for (node = tern_json_next(node); node; node = tern_json_next(node))
        assert_int_equal(tern_json_integer(node, INT64_MIN, INT64_MAX, &value, &err), -1);
    assert_true(value == 3000000000);
    tern_json_destroy(tree);
}

static void written_strings_can_be_read_back(void **state)
{
    (void)state;
    struct tern_text out = {0};
    static const char all[] = "a\"\\/\b\f\n\r\t\x01\x0B\x1F\x7F \xC3\xA9 \xF0\x9D\x84\x9E";
    tern_json_write_string(&out, all);
    assert_string_equal(out.bytes, "\"a\\\"\\\\/\\b\\f\\n\\r\\t\\u0001\\u000b\\u001f\x7F \xC3\xA9 \xF0\x9D\x84\x9E\"");
    struct cJSON *tree = parse_text(out.bytes);
    assert_string_equal(tern_json_string(tree), all);
    tern_json_destroy(tree);
    tern_text_fini(&out);
}

static void what_is_not_utf8_is_written_as_the_replacement_character(void **state)
{
    (void)state;
    struct tern_text out = {0};
    tern_json_write_string(&out, "a\xFF\xC3(\xED\xA0\x80");
    assert_string_equal(out.bytes, "\"a\xEF\xBF\xBD\xEF\xBF\xBD(\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\"");
    tern_text_fini(&out);
}

/* ---- memory ------------------------------------------------------------------------------------------------ */

static void *no_memory(size_t size)
{
    (void)size;
    return NULL;
}

static void without_memory_a_good_text_is_not_called_a_bad_one(void **state)
{
    (void)state;
    int status;
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)setrlimit(RLIMIT_CORE, &(struct rlimit){0, 0});
        (void)signal(SIGABRT, SIG_DFL);
        cJSON_InitHooks(&(struct cJSON_Hooks){.malloc_fn = no_memory, .free_fn = free});
        _exit(tern_json_parse("{}", 2, 2, NULL) != NULL);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

/* ---- lists walked element by element ---- */

static int add_element(void *self, const struct cJSON *element, struct tern_error *err)
{
    struct tern_text *seen = self;
    tern_json_print(element, seen);
    tern_text_add(seen, ";");
    return strcmp(seen->bytes, "1;\"stop\";") == 0 ? tern_error_set(err, "enough") : 0;
}

static void a_long_list_is_walked_element_by_element(void **state)
{
    static const struct {
        const char *text, *seen, *sentence; /* NULL: taken */
    } cases[] = {
        {"[]",                                   "",                          NULL                                         },
        {" [ 1 , {\"a\" : [2, 3.10]},\"]\" ]\n", "1;{\"a\":[2,3.10]};\"]\";", NULL                                         },
        {"{\"list\":[1,2]}",                     "1;2;",                      NULL                                         },
        {" { \"list\" : [ ] } ",                 "",                          NULL                                         },
        {"[1,\"stop\",2]",                       "1;\"stop\";",               "enough"                                     },
        {"",                                     "",                          "byte 1: the text ends too early"            },
        {"7",                                    "",                          "byte 1: a list is missing"                  },
        {"[1,]",                                 "1;",                        "byte 4: this is no JSON value"              },
        {"[1 2]",                                "1;",                        "byte 4: a comma or ] is missing"            },
        {"[1,2",                                 "1;2;",                      "byte 5: the text ends too early"            },
        {"[1] 2",                                "1;",                        "byte 5: something follows the value"        },
        {"[01]",                                 "",                          "byte 2: a number must not begin with a zero"},
        {"{\"other\":[1]}",                      "",                          "byte 3: another member than the list"       },
        {"{\"list\":[1],\"more\":2}",            "1;",                        "byte 12: another member than the list"      },
        {"{\"list\":[1]",                        "1;",                        "byte 12: the text ends too early"           },
        {"[{\"a\":1,\"a\":2}]",                  "",                          "byte 9: the object has this member already" },
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_text seen = {0};
        struct tern_error err = {0};
        tern_text_add(&seen, "");
        int status = tern_json_each(cases[i].text, strlen(cases[i].text), "list", add_element, &seen, &err);
        if (strcmp(seen.bytes, cases[i].seen) != 0) fail_msg("%s: %s", cases[i].text, seen.bytes);
        if (status != (cases[i].sentence ? -1 : 0) || strcmp(err.text, cases[i].sentence ? cases[i].sentence : "") != 0)
            fail_msg("%s: %d %s", cases[i].text, status, err.text);
        tern_text_fini(&seen);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_list_is_walked_element_by_element),
        cmocka_unit_test(takes_valid_texts_and_prints_them_the_same_twice),
        cmocka_unit_test(refuses_texts_that_are_no_json),
        cmocka_unit_test(refuses_the_seventeen_that_cjson_lets_through),
        cmocka_unit_test(refuses_what_it_says_it_does_not_take),
        cmocka_unit_test(every_number_keeps_its_digits),
        cmocka_unit_test(more_numbers_than_fit_on_the_stack_stay_in_order),
        cmocka_unit_test(a_number_is_as_long_as_it_likes),
        cmocka_unit_test(sentences_name_the_byte),
        cmocka_unit_test(equal_names_are_found_however_they_are_written),
        cmocka_unit_test(different_names_of_equal_hash_are_different),
        cmocka_unit_test(sixteen_levels_are_taken_and_seventeen_are_not),
        cmocka_unit_test(depth_counts_what_is_open_not_what_was_closed),
        cmocka_unit_test(deep_texts_are_refused_without_recursion),
        cmocka_unit_test(two_hundred_and_fifty_six_members_are_taken_and_one_more_is_not),
        cmocka_unit_test(values_are_counted_because_each_takes_room),
        cmocka_unit_test(members_of_many_objects_are_counted_apart),
        cmocka_unit_test(the_size_limit_is_the_callers),
        cmocka_unit_test(damaged_texts_are_refused_or_survive_a_round_trip),
        cmocka_unit_test(utf8_is_taken_by_its_definition),
        cmocka_unit_test(every_escaped_unit_but_zero_and_surrogates_is_taken_alone),
        cmocka_unit_test(surrogates_are_taken_as_pairs_only),
        cmocka_unit_test(white_space_is_the_four_of_json),
        cmocka_unit_test(members_are_found_by_their_exact_name),
        cmocka_unit_test(integers_are_exact_and_bounded),
        cmocka_unit_test(written_strings_can_be_read_back),
        cmocka_unit_test(what_is_not_utf8_is_written_as_the_replacement_character),
        cmocka_unit_test(without_memory_a_good_text_is_not_called_a_bad_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
