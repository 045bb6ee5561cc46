/* test_text.c - text that grows, keeps its room, and is handed over. */
#include "tern_test.h"

#include <stdlib.h>
#include <string.h>

#include "tern/text.h"

static void pieces_follow_each_other(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add(&text, "order ");
    tern_text_printf(&text, "%s has %d", "ORD-1", 2);
    tern_text_add_bytes(&text, " lines...", 6);
    assert_string_equal(text.bytes, "order ORD-1 has 2 lines");
    assert_int_equal(text.length, strlen(text.bytes));
    tern_text_fini(&text);
    assert_null(text.bytes);
}

static void an_empty_piece_makes_an_empty_text(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add(&text, "");
    assert_string_equal(text.bytes, "");
    tern_text_add_bytes(&text, NULL, 0);
    assert_int_equal(text.length, 0);
    tern_text_fini(&text);
}

static void text_grows_by_any_pieces_and_keeps_every_byte(void **state)
{
    (void)state;
    struct tern_text text = {0};
    for (size_t i = 0; i < 2000; i++) {
        char piece[300];
        memset(piece, (int)('a' + i % 26), i % 299);
        piece[i % 299] = '\0';
        size_t before = text.length;
        if (i % 2)
            tern_text_printf(&text, "%s", piece);
        else
            tern_text_add(&text, piece);
        assert_int_equal(text.length, before + i % 299);
        assert_string_equal(text.bytes + before, piece);
        assert_true(text.length < text.room);
    }
    tern_text_fini(&text);
}

static void a_first_piece_of_any_size_fits_with_its_nul(void **state)
{
    (void)state;
    char piece[1100];
    memset(piece, 'x', sizeof piece);
    for (size_t length = 0; length < sizeof piece; length++) {
        struct tern_text added = {0};
        struct tern_text printed = {0};
        tern_text_add_bytes(&added, piece, length);
        tern_text_printf(&printed, "%.*s", (int)length, piece);
        assert_int_equal(strlen(added.bytes), length);
        assert_string_equal(added.bytes, printed.bytes);
        tern_text_fini(&added);
        tern_text_fini(&printed);
    }
}

static void bytes_may_hold_a_nul(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_add_bytes(&text, "a\0b", 3);
    tern_text_add(&text, "c");
    assert_memory_equal(text.bytes, "a\0bc", 5);
    tern_text_fini(&text);
}

static void a_cleared_text_keeps_its_room(void **state)
{
    (void)state;
    struct tern_text text = {0};
    tern_text_printf(&text, "%1000d", 1);
    const char *bytes = text.bytes;
    size_t room = text.room;
    tern_text_clear(&text);
    assert_string_equal(text.bytes, "");
    tern_text_printf(&text, "%1000d", 2);
    assert_ptr_equal(text.bytes, bytes);
    assert_int_equal(text.room, room);
    tern_text_fini(&text);
    tern_text_clear(&text);
    assert_null(text.bytes);
}

static void taken_bytes_are_the_callers_and_never_null(void **state)
{
    (void)state;
    struct tern_text text = {0};
    char *bytes = tern_text_take(&text);
    assert_string_equal(bytes, "");
    free(bytes);
    tern_text_add(&text, "mine");
    bytes = tern_text_take(&text);
    assert_string_equal(bytes, "mine");
    assert_null(text.bytes);
    assert_int_equal(text.length, 0);
    assert_int_equal(text.room, 0);
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pieces_follow_each_other),
        cmocka_unit_test(an_empty_piece_makes_an_empty_text),
        cmocka_unit_test(text_grows_by_any_pieces_and_keeps_every_byte),
        cmocka_unit_test(a_first_piece_of_any_size_fits_with_its_nul),
        cmocka_unit_test(bytes_may_hold_a_nul),
        cmocka_unit_test(a_cleared_text_keeps_its_room),
        cmocka_unit_test(taken_bytes_are_the_callers_and_never_null),
    };
    return cmocka_run_group_tests_name("text", tests, NULL, NULL);
}
