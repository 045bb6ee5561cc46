/* test_error.c - sentences that fit, faults that stay, and cuts that never break a character. */
#include "tern_test.h"

#include <string.h>

#include "tern/error.h"

static void a_sentence_is_written_and_the_answer_is_minus_one(void **state)
{
    (void)state;
    struct tern_error err = {TERN_FAULT_FULL, "old"};
    assert_int_equal(tern_error_set(&err, "queue %s has %d messages", "orders", 3), -1);
    assert_string_equal(err.text, "queue orders has 3 messages");
    assert_int_equal(err.fault, TERN_FAULT_OTHER);
}

static void a_fault_travels_with_its_sentence_and_through_prefixes(void **state)
{
    (void)state;
    struct tern_error err;
    assert_int_equal(tern_error_fault(&err, TERN_FAULT_BUSY, "locked"), -1);
    assert_int_equal(tern_error_prefix(&err, "order %s", "ORD-1"), -1);
    assert_int_equal(tern_error_prefix(&err, "cancel"), -1);
    assert_string_equal(err.text, "cancel: order ORD-1: locked");
    assert_int_equal(err.fault, TERN_FAULT_BUSY);
}

static void nobody_has_to_want_the_sentence(void **state)
{
    (void)state;
    assert_int_equal(tern_error_set(NULL, "x"), -1);
    assert_int_equal(tern_error_fault(NULL, TERN_FAULT_FULL, "x"), -1);
    assert_int_equal(tern_error_prefix(NULL, "x"), -1);
}

static void a_sentence_may_quote_the_one_it_replaces(void **state)
{
    (void)state;
    struct tern_error err;
    (void)tern_error_set(&err, "disk full");
    (void)tern_error_set(&err, "cannot store: %s", err.text);
    assert_string_equal(err.text, "cannot store: disk full");
    (void)tern_error_prefix(&err, "[%s]", err.text);
    assert_string_equal(err.text, "[cannot store: disk full]: cannot store: disk full");
}

/* Whether every lead byte is followed by as many continuation bytes as it promises. */
static int is_whole(const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at != '\0';) {
        int more = *at < 0x80 ? 0 : *at < 0xE0 ? 1 : *at < 0xF0 ? 2 : 3;
        for (at++; more > 0; more--, at++)
            if ((*at & 0xC0U) != 0x80U) return 0;
    }
    return 1;
}

static void a_long_sentence_is_cut_between_characters(void **state)
{
    (void)state;
    static const char *const characters[] = {"a", "ü", "€", "🐦"};
    for (size_t kind = 0; kind < TERN_COUNT(characters); kind++) {
        for (size_t shift = 0; shift < 4; shift++) {
            char text[400] = "";
            memset(text, '.', shift);
            text[shift] = '\0';
            while (strlen(text) < 300)
                strcat(text, characters[kind]);
            struct tern_error err;
            (void)tern_error_set(&err, "%s", text);
            assert_true(is_whole(err.text));
            assert_in_range(strlen(err.text), sizeof err.text - 4, sizeof err.text - 1);
            (void)tern_error_prefix(&err, "while reading");
            assert_memory_equal(err.text, "while reading: ", 15);
            assert_true(is_whole(err.text));
            assert_in_range(strlen(err.text), sizeof err.text - 4, sizeof err.text - 1);
        }
    }
}

static void a_sentence_that_just_fits_is_whole(void **state)
{
    (void)state;
    struct tern_error err;
    char text[sizeof err.text];
    memset(text, 'x', sizeof text - 1);
    memcpy(text + sizeof text - 4, "€", 4);
    (void)tern_error_set(&err, "%s", text);
    assert_string_equal(err.text, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sentence_is_written_and_the_answer_is_minus_one),
        cmocka_unit_test(a_fault_travels_with_its_sentence_and_through_prefixes),
        cmocka_unit_test(nobody_has_to_want_the_sentence),
        cmocka_unit_test(a_sentence_may_quote_the_one_it_replaces),
        cmocka_unit_test(a_long_sentence_is_cut_between_characters),
        cmocka_unit_test(a_sentence_that_just_fits_is_whole),
    };
    return cmocka_run_group_tests_name("error", tests, NULL, NULL);
}
