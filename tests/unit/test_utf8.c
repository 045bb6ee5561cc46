/* test_utf8.c - every code point is one character, and nothing else is. */
#include "tern_test.h"

#include <string.h>

#include "common/base/utf8.h"

static size_t encode(uint32_t code, unsigned char bytes[4])
{
    size_t length = code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
    if (length == 1) {
        bytes[0] = (unsigned char)code;
        return 1;
    }
    for (size_t i = length - 1; i > 0; i--, code >>= 6)
        bytes[i] = (unsigned char)(0x80U | (code & 0x3FU));
    bytes[0] = (unsigned char)((0xF00U >> length & 0xF0U) | code);
    return length;
}

static void every_code_point_is_read_back(void **state)
{
    (void)state;
    for (uint32_t code = 0; code <= 0x110010; code += code < 0x3000 ? 1 : 13) {
        unsigned char bytes[4];
        size_t length = encode(code, bytes);
        bool sound = code <= 0x10FFFF && (code < 0xD800 || code > 0xDFFF);
        assert_int_equal(tern_utf8_length(bytes, bytes + length), sound ? length : 0);
        if (!sound) continue;
        assert_int_equal(tern_utf8_lead(bytes[0]), length);
        assert_int_equal(tern_utf8_code(bytes, length), code);
        for (size_t missing = 1; missing < length; missing++)
            assert_int_equal(tern_utf8_length(bytes, bytes + length - missing), 0);
    }
}

static void what_is_no_character_has_no_length(void **state)
{
    (void)state;
    static const char *const bad[] = {"\x80",
                                      "\xBF",
                                      "\xC0\x80",
                                      "\xC1\xBF",
                                      "\xE0\x9F\xBF",
                                      "\xED\xA0\x80",
                                      "\xF0\x8F\xBF\xBF",
                                      "\xF4\x90\x80\x80",
                                      "\xF5\x80\x80",
                                      "\xFF",
                                      "\xC3(",
                                      "\xE2\x82("};
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        const unsigned char *at = (const unsigned char *)bad[i];
        assert_int_equal(tern_utf8_length(at, at + strlen(bad[i])), 0);
    }
}

static void a_cut_splits_no_character(void **state)
{
    (void)state;
    static const char text[] = "a\xC3\xA9\xE2\x82\xAC\xF0\x9F\x9A\x80z"; /* a é € rocket z */
    static const size_t cuts[] = {0, 1, 1, 3, 3, 3, 6, 6, 6, 6, 10, 11};
    for (size_t length = 0; length < TERN_COUNT(cuts); length++)
        assert_int_equal(tern_utf8_cut(text, length), cuts[length]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point_is_read_back),
        cmocka_unit_test(what_is_no_character_has_no_length),
        cmocka_unit_test(a_cut_splits_no_character),
    };
    return cmocka_run_group_tests_name("utf8", tests, NULL, NULL);
}
