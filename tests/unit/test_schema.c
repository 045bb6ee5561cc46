/* test_schema.c - a schema takes in exactly what its fields allow, names each fault by its place, and writes what it
 * can read back. */
#include "tern_test.h"

#include "tern/id.h"
#include "tern/schema.h"

#include <stdio.h>
#include <string.h>

enum { PARTS_MAX = 3, TAGS_MAX = 2 };

struct part {
    char id[TERN_ID_SIZE];
    int64_t count;
};
struct maker {
    bool given;
    char name[21]; /* 5 characters */
};
struct thing {
    char id[TERN_ID_SIZE];
    char uuid[TERN_UUID_SIZE];
    char title[41]; /* 10 characters */
    char status[TERN_WORD_SIZE];
    char currency[TERN_WORD_SIZE];
    int64_t price_minor, weight_minor, count, stock, made_at_ms, sold_at_ms;
    struct maker maker;
    size_t part_count;
    struct part parts[PARTS_MAX];
    size_t tag_count;
    char tags[TAGS_MAX][TERN_WORD_SIZE];
};

#define AT(member)   .offset = offsetof(struct thing, member)
#define TEXT(member) AT(member), .size = sizeof(((struct thing *)0)->member)

static const struct tern_field part_fields[] = {
    {.name = "id",             .kind = TERN_KIND_ID,           .offset = offsetof(struct part, id),      .size = TERN_ID_SIZE},
    { .name = "count", .kind = TERN_KIND_COUNT, .offset = offsetof(struct part,                         count), .low = 1,            .high = 9},
};
static const struct tern_schema part_schema = {part_fields, TERN_COUNT(part_fields), sizeof(struct part)};

static const struct tern_field maker_fields[] = {
    {.name = "na/me~", .kind = TERN_KIND_TEXT, .offset = offsetof(struct maker, name), .size = 21, .high = 5},
};
static const struct tern_schema maker_schema = {maker_fields, TERN_COUNT(maker_fields), sizeof(struct maker)};

/* clang-format off */
static const struct tern_field thing_fields[] = {
    {.name = "id", .kind = TERN_KIND_ID, TEXT(id)},
    {.name = "uuid", .kind = TERN_KIND_UUID, .optional = true, TEXT(uuid)},
    {.name = "title", .kind = TERN_KIND_TEXT, .optional = true, TEXT(title), .low = 2, .high = 10},
    {.name = "status", .kind = TERN_KIND_WORD, .optional = true, TEXT(status)},
    {.name = "currency", .kind = TERN_KIND_WORD, .optional = true, TEXT(currency), .low = 3, .high = 3},
    {.name = "price", .kind = TERN_KIND_MONEY, AT(price_minor), .high = 100000},
    {.name = "weight", .kind = TERN_KIND_MONEY, .optional = true, AT(weight_minor)},
    {.name = "count", .kind = TERN_KIND_COUNT, .optional = true, AT(count), .low = 1, .high = 10},
    {.name = "stock", .kind = TERN_KIND_COUNT, .optional = true, AT(stock)},
    {.name = "madeAt", .kind = TERN_KIND_TIME, .optional = true, AT(made_at_ms)},
    {.name = "soldAt", .kind = TERN_KIND_TIME, .optional = true, AT(sold_at_ms)},
    {.name = "maker", .kind = TERN_KIND_OBJECT, .optional = true, TEXT(maker), .schema = &maker_schema,
     .present_offset = offsetof(struct thing, maker.given)},
    {.name = "parts", .kind = TERN_KIND_LIST, .optional = true, AT(parts), .size = sizeof(struct part),
     .count_offset = offsetof(struct thing, part_count), .low = 1, .high = PARTS_MAX, .schema = &part_schema},
    {.name = "tags", .kind = TERN_KIND_WORDS, .optional = true, AT(tags), .size = TERN_WORD_SIZE,
     .count_offset = offsetof(struct thing, tag_count), .high = TAGS_MAX},
};
/* clang-format on */
static const struct tern_schema thing_schema = {thing_fields, TERN_COUNT(thing_fields), sizeof(struct thing)};

static int decode(const char *text, enum tern_strictness strictness, struct thing *ret,
                  struct tern_schema_faults *faults)
{
    struct tern_error err = {0};
    struct cJSON *tree = tern_json_parse(text, strlen(text), TERN_JSON_MAX_BYTES, &err);
    if (!tree) fail_msg("%s: %s", text, err.text);
    memset(ret, 0xA5, sizeof *ret);
    int rc = tern_schema_decode(&thing_schema, tree, strictness, ret, faults);
    tern_json_destroy(tree);
    return rc;
}

static void take(const char *text, struct thing *ret)
{
    struct tern_schema_faults faults;
    if (decode(text, TERN_STRICT, ret, &faults) < 0)
        fail_msg("%s: %s %s", text, faults.items[0].pointer, faults.items[0].detail);
}

/* Puts one more member into a body that is right otherwise, and expects one fault: "code pointer detail". */
static void assert_member_fault(const char *member, const char *expected)
{
    char text[2048];
    char found[256];
    struct thing thing;
    struct tern_schema_faults faults;
    bool has_id = strncmp(member, "\"id\"", 4) == 0;
    bool has_price = strncmp(member, "\"price\"", 7) == 0;
    (void)snprintf(text, sizeof text, "{%s%s%s}", has_id ? "" : "\"id\":\"a\",", has_price ? "" : "\"price\":1,",
                   member);
    assert_int_equal(decode(text, TERN_STRICT, &thing, &faults), -1);
    assert_int_equal(faults.count, 1);
    (void)snprintf(found, sizeof found, "%s %s %s", faults.items[0].code, faults.items[0].pointer,
                   faults.items[0].detail);
    assert_string_equal(found, expected);
}

static void assert_member_taken(const char *member)
{
    char text[2048];
    struct thing thing;
    (void)snprintf(text, sizeof text, "{\"id\":\"a\",\"price\":1,%s}", member);
    take(text, &thing);
}

/* ---- decoding ---------------------------------------------------------------------------------------------- */

static const char full[] =
    "{\"id\":\"PROD-101\",\"uuid\":\"0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e5f\",\"title\":\"a \\\"b\\\" \xC3\xA9\","
    "\"status\":\"READY_2\",\"currency\":\"USD\",\"price\":19.99,\"weight\":-0.01,\"count\":10,"
    "\"stock\":9223372036854775807,\"madeAt\":\"2026-11-23T14:30:00.123Z\",\"soldAt\":\"1969-12-31T23:59:59.999Z\","
    "\"maker\":{\"na/me~\":\"abcde\"},\"parts\":[{\"id\":\"p1\",\"count\":1},{\"id\":\"p2\",\"count\":9}],"
    "\"tags\":[\"A\",\"B_1\"]}";

static void a_full_body_becomes_a_struct(void **state)
{
    (void)state;
    struct thing thing;
    take(full, &thing);
    assert_string_equal(thing.id, "PROD-101");
    assert_string_equal(thing.title, "a \"b\" \xC3\xA9");
    assert_string_equal(thing.status, "READY_2");
    assert_true(thing.price_minor == 1999);
    assert_true(thing.weight_minor == -1);
    assert_true(thing.count == 10);
    assert_true(thing.stock == INT64_MAX);
    assert_true(thing.made_at_ms == 1795444200123);
    assert_true(thing.sold_at_ms == -1);
    assert_true(thing.maker.given);
    assert_string_equal(thing.maker.name, "abcde");
    assert_int_equal(thing.part_count, 2);
    assert_string_equal(thing.parts[1].id, "p2");
    assert_true(thing.parts[1].count == 9);
    assert_int_equal(thing.tag_count, 2);
    assert_string_equal(thing.tags[1], "B_1");
}

static void a_struct_is_written_as_it_was_read(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_text out = {0};
    struct tern_error err;
    take(full, &thing);
    assert_int_equal(tern_schema_check(&thing_schema, &thing, &err), 0);
    tern_schema_encode(&thing_schema, &thing, &out);
    assert_string_equal(out.bytes, full);
    tern_text_fini(&out);
}

static void optional_members_may_be_absent_or_null_and_are_left_out(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_text out = {0};
    take("{\"price\":0,\"title\":null,\"count\":null,\"maker\":null,\"parts\":null,\"tags\":[],\"id\":\"x\"}", &thing);
    assert_string_equal(thing.title, "");
    assert_false(thing.maker.given);
    assert_int_equal(thing.part_count, 0);
    tern_schema_encode(&thing_schema, &thing, &out);
    assert_string_equal(out.bytes, "{\"id\":\"x\",\"price\":0.00}");
    tern_text_fini(&out);
}

static void a_required_list_is_written_when_it_is_empty(void **state)
{
    (void)state;
    struct tern_field field = thing_fields[12];
    struct tern_schema schema = {&field, 1, sizeof(struct thing)};
    struct thing thing = {0};
    struct tern_text out = {0};
    field.optional = false;
    tern_schema_encode(&schema, &thing, &out);
    assert_string_equal(out.bytes, "{\"parts\":[]}");
    tern_text_fini(&out);
}

static void a_required_object_needs_no_mark_that_it_is_there(void **state)
{
    (void)state;
    static const char text[] = "{\"maker\":{\"na/me~\":\"m\"}}";
    struct tern_field field = thing_fields[11];
    struct tern_schema schema = {&field, 1, sizeof(struct thing)};
    struct thing thing;
    struct tern_error err;
    struct cJSON *tree = tern_json_parse(text, strlen(text), TERN_JSON_MAX_BYTES, &err);
    field.optional = false;
    field.present_offset = 0;
    assert_int_equal(tern_schema_decode_event(&schema, tree, &thing, &err), 0);
    assert_string_equal(thing.maker.name, "m");
    assert_string_equal(thing.id, "");
    tern_json_destroy(tree);
}

static void the_order_of_members_does_not_matter(void **state)
{
    (void)state;
    struct thing thing;
    take("{\"tags\":[\"X\"],\"price\":2.5,\"title\":\"t1\",\"id\":\"x\"}", &thing);
    assert_true(thing.price_minor == 250);
    assert_string_equal(thing.title, "t1");
    assert_string_equal(thing.id, "x");
}

/* ---- faults ------------------------------------------------------------------------------------------------ */

static void each_kind_refuses_what_is_not_of_it(void **state)
{
    (void)state;
    assert_member_fault("\"id\":1", "wrong_type #/id must be text");
    assert_member_fault("\"id\":\"a b\"", "bad_format #/id must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    assert_member_fault("\"id\":\"\"", "bad_format #/id must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    assert_member_fault("\"id\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\"",
                        "too_long #/id must be at most 64 characters");
    assert_member_fault("\"uuid\":\"0190f3a1\"", "bad_format #/uuid must be a UUID");
    assert_member_fault("\"uuid\":\"0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e5fa\"", "bad_format #/uuid must be a UUID");
    assert_member_fault("\"title\":true", "wrong_type #/title must be text");
    assert_member_fault("\"title\":\"x\"", "bad_format #/title must be at least 2 characters");
    assert_member_fault("\"title\":\"a\\nb\"", "bad_format #/title must not have control characters");
    assert_member_fault("\"title\":\"a\\u0085b\"", "bad_format #/title must not have control characters");
    assert_member_fault("\"title\":\"12345678901\"", "too_long #/title must be at most 10 characters");
    assert_member_fault("\"status\":\"ready\"", "bad_format #/status must be 1 to 23 characters of A-Z 0-9 _");
    assert_member_fault("\"status\":\"\"", "bad_format #/status must be 1 to 23 characters of A-Z 0-9 _");
    assert_member_fault("\"status\":\"AAAAAAAAAAAAAAAAAAAAAAAA\"", "too_long #/status must be at most 23 characters");
    assert_member_fault("\"currency\":\"US\"", "bad_format #/currency must be 3 characters of A-Z 0-9 _");
    assert_member_fault("\"madeAt\":\"2026-02-30T00:00:00.000Z\"",
                        "bad_format #/madeAt must be a time like 2026-11-23T14:30:00.123Z");
    assert_member_fault("\"madeAt\":0", "wrong_type #/madeAt must be text");
    assert_member_fault("\"maker\":[]", "wrong_type #/maker must be an object");
    assert_member_fault("\"parts\":{}", "wrong_type #/parts must be a list");
    assert_member_fault("\"tags\":\"A\"", "wrong_type #/tags must be a list");
    assert_member_fault("\"tags\":[\"A\",7]", "wrong_type #/tags/1 must be text");
    assert_member_fault("\"tags\":[\"A\",\"b\"]", "bad_format #/tags/1 must be 1 to 23 characters of A-Z 0-9 _");
}

static void numbers_are_held_to_their_bounds(void **state)
{
    (void)state;
    assert_member_fault("\"price\":\"1\"", "wrong_type #/price must be a number");
    assert_member_fault("\"price\":1.005", "too_many_decimals #/price must have at most two decimals");
    assert_member_fault("\"price\":1.000", "too_many_decimals #/price must have at most two decimals");
    assert_member_fault("\"price\":1000.01", "out_of_range #/price must be 0.00 to 1000.00");
    assert_member_fault("\"price\":-0.01", "out_of_range #/price must be 0.00 to 1000.00");
    assert_member_fault("\"price\":9223372036854775807", "out_of_range #/price is too large for an amount");
    assert_member_fault("\"count\":0", "out_of_range #/count must be 1 to 10");
    assert_member_fault("\"count\":11", "out_of_range #/count must be 1 to 10");
    assert_member_fault("\"count\":-1", "out_of_range #/count must be 1 to 10");
    assert_member_fault("\"count\":1.5", "wrong_type #/count must be a whole number, without point and exponent");
    assert_member_fault("\"count\":\"1\"", "wrong_type #/count must be a number");
    assert_member_taken("\"weight\":92233720368547758.07");
    assert_member_taken("\"stock\":-9223372036854775808");
}

static void lists_are_held_to_their_length_and_their_elements_to_their_schema(void **state)
{
    (void)state;
    assert_member_fault("\"parts\":[]", "out_of_range #/parts must have 1 to 3 elements");
    assert_member_fault("\"parts\":[1,2,3,4]", "out_of_range #/parts must have 1 to 3 elements");
    assert_member_fault("\"tags\":[\"A\",\"B\",\"C\"]", "out_of_range #/tags must have 0 to 2 elements");
    assert_member_fault("\"parts\":[{\"id\":\"a\",\"count\":1},7]", "wrong_type #/parts/1 must be an object");
    assert_member_fault("\"parts\":[{\"id\":\"a\",\"count\":1},{\"id\":\"a\",\"count\":10}]",
                        "out_of_range #/parts/1/count must be 1 to 9");
    assert_member_fault("\"parts\":[{\"id\":\"a\"}]", "missing #/parts/0/count is required");
}

static void text_is_measured_in_characters_and_must_fit_in_bytes(void **state)
{
    (void)state;
    assert_member_taken("\"title\":\"\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E"
                        "\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\xF0\x9D\x84\x9E\"");
    assert_member_fault("\"title\":\"\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                        "\xC3\xA9\"",
                        "too_long #/title must be at most 10 characters");
    assert_member_taken("\"title\":\"\"");
    assert_member_taken("\"title\":\"\xC2\xA0\xC3\x80\"");
}

static void a_required_member_that_is_absent_or_null_is_missing(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_schema_faults faults;
    assert_int_equal(decode("{\"id\":null}", TERN_STRICT, &thing, &faults), -1);
    assert_int_equal(faults.count, 2);
    assert_string_equal(faults.items[0].code, "missing");
    assert_string_equal(faults.items[0].pointer, "#/id");
    assert_string_equal(faults.items[1].pointer, "#/price");
}

static void what_is_no_object_is_refused_as_a_whole(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_schema_faults faults;
    assert_int_equal(decode("[]", TERN_STRICT, &thing, &faults), -1);
    assert_int_equal(faults.count, 1);
    assert_string_equal(faults.items[0].pointer, "#");
    assert_string_equal(faults.items[0].detail, "must be an object");
}

static void unknown_members_are_refused_when_strict_and_ignored_when_tolerant(void **state)
{
    (void)state;
    static const char text[] = "{\"id\":\"a\",\"extra\":{},\"price\":1,\"parts\":[{\"id\":\"p\",\"x\":0,\"count\":2}],"
                               "\"maker\":{\"na/me~\":\"m\",\"Id\":1}}";
    struct thing thing;
    struct tern_schema_faults faults;
    assert_int_equal(decode(text, TERN_TOLERANT, &thing, &faults), 0);
    assert_true(thing.parts[0].count == 2);
    assert_int_equal(decode(text, TERN_STRICT, &thing, &faults), -1);
    assert_int_equal(faults.count, 3);
    assert_string_equal(faults.items[0].code, "unknown_member");
    assert_string_equal(faults.items[0].pointer, "#/extra");
    assert_string_equal(faults.items[1].pointer, "#/parts/0/x");
    assert_string_equal(faults.items[2].pointer, "#/maker/Id");
}

static void pointers_are_escaped_for_json_pointer_and_uri(void **state)
{
    (void)state;
    assert_member_fault("\"maker\":{\"na/me~\":1}", "wrong_type #/maker/na~1me~0 must be text");
    assert_member_fault("\"a b%\\\"\xC3\xA9\":1", "unknown_member #/a%20b%25%22%C3%A9 is not known here");
    assert_member_fault("\"\":1", "unknown_member #/ is not known here");
}

static void a_long_pointer_is_cut_between_characters(void **state)
{
    (void)state;
    char text[400] = "{\"id\":\"a\",\"price\":1,\"";
    struct thing thing;
    struct tern_schema_faults faults;
    for (int i = 0; i < 60; i++)
        strcat(text, "\xC3\xA9");
    strcat(text, "\":1}");
    assert_int_equal(decode(text, TERN_STRICT, &thing, &faults), -1);
    size_t length = strlen(faults.items[0].pointer);
    assert_true(length < sizeof faults.items[0].pointer);
    assert_int_equal((length - 2) % 3, 0);
}

static void all_faults_are_collected_up_to_sixteen(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_schema_faults faults;
    assert_int_equal(
        decode("{\"id\":\"!\",\"price\":-1,\"count\":0,\"title\":7,\"parts\":[{\"id\":\"!\",\"count\":0}]}",
               TERN_STRICT, &thing, &faults),
        -1);
    assert_int_equal(faults.count, 6);
    assert_string_equal(faults.items[5].pointer, "#/parts/0/count");

    struct tern_text text = {0};
    for (int i = 0; i < 40; i++)
        tern_text_printf(&text, "%c\"x%d\":1", i ? ',' : '{', i);
    tern_text_add(&text, "}");
    assert_int_equal(decode(text.bytes, TERN_STRICT, &thing, &faults), -1);
    assert_true(faults.count > 40); /* all are counted, the first are kept */
    assert_string_equal(faults.items[TERN_SCHEMA_MAX_FAULTS - 1].pointer, "#/x15");
    tern_text_fini(&text);
}

static void callers_add_faults_of_their_own(void **state)
{
    (void)state;
    struct tern_schema_faults faults = {0};
    for (int i = 0; i < 20; i++)
        tern_schema_fault(&faults, "out_of_range", "#/items", "line %d", i);
    assert_int_equal(faults.count, 20);
    assert_string_equal(faults.items[TERN_SCHEMA_MAX_FAULTS - 1].detail, "line 15");
    assert_string_equal(faults.items[3].detail, "line 3");
}

static void an_event_gets_the_first_fault_as_a_sentence(void **state)
{
    (void)state;
    struct thing thing;
    struct tern_error err;
    static const char text[] = "{\"id\":\"a\",\"price\":1.999,\"later\":1}";
    struct cJSON *tree = tern_json_parse(text, strlen(text), TERN_JSON_MAX_BYTES, &err);
    assert_int_equal(tern_schema_decode_event(&thing_schema, tree, &thing, &err), -1);
    assert_string_equal(err.text, "#/price: must have at most two decimals");
    assert_int_equal(tern_schema_decode_event(&thing_schema, NULL, &thing, &err), -1);
    tern_json_destroy(tree);
}

/* ---- checking ---------------------------------------------------------------------------------------------- */

static void assert_check(const struct thing *thing, const char *sentence)
{
    struct tern_error err;
    assert_int_equal(tern_schema_check(&thing_schema, thing, &err), -1);
    assert_string_equal(err.text, sentence);
}

static void a_struct_that_nobody_could_read_back_is_found(void **state)
{
    (void)state;
    struct thing right;
    struct thing thing;
    take(full, &right);
    thing = right;
    thing.id[0] = '\0';
    assert_check(&thing, "#/id: must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    thing = right;
    thing.price_minor = -1;
    assert_check(&thing, "#/price: must be 0.00 to 1000.00");
    thing = right;
    thing.title[0] = '\xC3';
    assert_check(&thing, "#/title: must not have control characters");
    thing = right;
    thing.parts[1].count = 0;
    assert_check(&thing, "#/parts/1/count: must be 1 to 9");
    thing = right;
    thing.part_count = 4;
    assert_check(&thing, "#/parts: must have 1 to 3 elements");
    thing = right;
    thing.tags[0][0] = 'a';
    assert_check(&thing, "#/tags/0: must be 1 to 23 characters of A-Z 0-9 _");
    thing = right;
    thing.maker.name[0] = '\0';
    assert_check(&thing, "#/maker/na~1me~0: must not be empty");
}

static void fitted_text_is_always_a_valid_text(void **state)
{
    (void)state;
    struct thing thing;
    take(full, &thing);
    tern_schema_fit_text(thing.title, sizeof thing.title, 10, "a\nb\x7F\xC2\x85\xFF\xC3");
    assert_string_equal(thing.title, "a b  \xEF\xBF\xBD\xEF\xBF\xBD");
    assert_int_equal(tern_schema_check(&thing_schema, &thing, NULL), 0);
    tern_schema_fit_text(thing.title, sizeof thing.title, 10,
                         "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"
                         "\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9");
    assert_int_equal(strlen(thing.title), 20);
    assert_int_equal(tern_schema_check(&thing_schema, &thing, NULL), 0);
    tern_schema_fit_text(thing.title, sizeof thing.title, 10, "\xC2\xA0\xC3\x80 ~");
    assert_string_equal(thing.title, "\xC2\xA0\xC3\x80 ~");
    tern_schema_fit_text(thing.title, 4, 10, "ab\xC3\xA9");
    assert_string_equal(thing.title, "ab");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_full_body_becomes_a_struct),
        cmocka_unit_test(a_struct_is_written_as_it_was_read),
        cmocka_unit_test(optional_members_may_be_absent_or_null_and_are_left_out),
        cmocka_unit_test(a_required_list_is_written_when_it_is_empty),
        cmocka_unit_test(a_required_object_needs_no_mark_that_it_is_there),
        cmocka_unit_test(the_order_of_members_does_not_matter),
        cmocka_unit_test(each_kind_refuses_what_is_not_of_it),
        cmocka_unit_test(numbers_are_held_to_their_bounds),
        cmocka_unit_test(lists_are_held_to_their_length_and_their_elements_to_their_schema),
        cmocka_unit_test(text_is_measured_in_characters_and_must_fit_in_bytes),
        cmocka_unit_test(a_required_member_that_is_absent_or_null_is_missing),
        cmocka_unit_test(what_is_no_object_is_refused_as_a_whole),
        cmocka_unit_test(unknown_members_are_refused_when_strict_and_ignored_when_tolerant),
        cmocka_unit_test(pointers_are_escaped_for_json_pointer_and_uri),
        cmocka_unit_test(a_long_pointer_is_cut_between_characters),
        cmocka_unit_test(all_faults_are_collected_up_to_sixteen),
        cmocka_unit_test(callers_add_faults_of_their_own),
        cmocka_unit_test(an_event_gets_the_first_fault_as_a_sentence),
        cmocka_unit_test(a_struct_that_nobody_could_read_back_is_found),
        cmocka_unit_test(fitted_text_is_always_a_valid_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
