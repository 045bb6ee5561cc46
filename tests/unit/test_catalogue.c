/* test_catalogue.c - routing keys, hearers and versions follow from the tables and from nothing else. */
#include "tern_test.h"

#include "tern/catalogue.h"

#include <string.h>

static const char *const heard[] = {"b-service", "c-service", NULL};
static const char *const nobody[] = {NULL};
static const struct tern_event_type types[] = {
    {"FirstThing", "1.0", "a-service", heard,  NULL},
    {"Second",     "2.1", "b-service", nobody, NULL},
};
static const char *const services[] = {"a-service", "b-service", "c-service", NULL};
static const char *const questions[] = {"FirstThing", NULL};
static const struct tern_catalogue catalogue = {"events", "events.dead", types, TERN_COUNT(types), services, questions};

static void types_are_found_by_their_exact_name(void **state)
{
    (void)state;
    assert_ptr_equal(tern_catalogue_find(&catalogue, "Second"), &types[1]);
    assert_null(tern_catalogue_find(&catalogue, "second"));
    assert_null(tern_catalogue_find(&catalogue, "SecondThing"));
    assert_null(tern_catalogue_find(&catalogue, ""));
}

static void only_the_named_services_hear_an_event(void **state)
{
    (void)state;
    assert_true(tern_catalogue_consumes(&types[0], "b-service"));
    assert_true(tern_catalogue_consumes(&types[0], "c-service"));
    assert_false(tern_catalogue_consumes(&types[0], "a-service"));
    assert_false(tern_catalogue_consumes(&types[1], "b-service"));
}

static void only_the_named_types_ask(void **state)
{
    const struct tern_catalogue silent = {.types = types, .type_count = TERN_COUNT(types)};
    (void)state;
    assert_true(tern_catalogue_asks(&catalogue, "FirstThing"));
    assert_false(tern_catalogue_asks(&catalogue, "Second"));
    assert_false(tern_catalogue_asks(&silent, "FirstThing"));
}

static void assert_key(const char *type, const char *expected)
{
    char key[TERN_ROUTING_KEY_SIZE];
    tern_routing_key(type, key);
    assert_string_equal(key, expected);
}

static void every_capital_letter_opens_a_new_word_of_the_routing_key(void **state)
{
    (void)state;
    assert_key("OrderPlaced", "order.placed");
    assert_key("ProductOutOfStock", "product.out.of.stock");
    assert_key("Order", "order");
    assert_key("ABTest2", "a.b.test2");
    assert_key("AzAZ", "az.a.z");
    assert_key("", "");
}

static void every_type_that_fits_has_a_routing_key(void **state)
{
    (void)state;
    char type[TERN_TYPE_SIZE] = "", key[TERN_ROUTING_KEY_SIZE];
    memset(type, 'A', sizeof type - 1);
    tern_routing_key(type, key);
    assert_int_equal(strlen(key), 2 * strlen(type) - 1);
}

static void the_same_major_version_is_compatible(void **state)
{
    (void)state;
    assert_true(tern_version_compatible("1.0", "1.0"));
    assert_true(tern_version_compatible("1.4", "1.0"));
    assert_true(tern_version_compatible("10.0", "10.12"));
    assert_false(tern_version_compatible("2.0", "1.0"));
    assert_false(tern_version_compatible("10.0", "1.0"));
    assert_false(tern_version_compatible("1.0", "10.0"));
}

static void malformed_versions_are_compatible_with_nothing(void **state)
{
    (void)state;
    static const char *const malformed[] = {"", "1", "1.", ".1", "1.0.0", "1.x", "v1.0", "01.0", "1.0 ", "-1.0", "1,0"};
    for (size_t i = 0; i < TERN_COUNT(malformed); i++) {
        assert_false(tern_version_compatible(malformed[i], "1.0"));
        assert_false(tern_version_compatible(malformed[i], malformed[i]));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(types_are_found_by_their_exact_name),
        cmocka_unit_test(only_the_named_services_hear_an_event),
        cmocka_unit_test(only_the_named_types_ask),
        cmocka_unit_test(every_capital_letter_opens_a_new_word_of_the_routing_key),
        cmocka_unit_test(every_type_that_fits_has_a_routing_key),
        cmocka_unit_test(the_same_major_version_is_compatible),
        cmocka_unit_test(malformed_versions_are_compatible_with_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
