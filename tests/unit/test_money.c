/* test_money.c - amounts are exact at every border. */
#include "tern_test.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tern/money.h"

static void an_amount_is_read_from_its_digits(void **state)
{
    (void)state;
    static const struct {
        const char *digits;
        int64_t minor;
    } cases[] = {
        {"0",                     0        },
        {"0.00",                  0        },
        {"-0",                    0        },
        {"12",                    1200     },
        {"12.5",                  1250     },
        {"12.50",                 1250     },
        {"0.01",                  1        },
        {"-0.01",                 -1       },
        {"19.99",                 1999     },
        {"1000000.00",            100000000},
        {"92233720368547758.07",  INT64_MAX},
        {"-92233720368547758.08", INT64_MIN},
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        int64_t minor = 77;
        struct tern_error err;
        assert_int_equal(tern_money_parse(cases[i].digits, &minor, &err), 0);
        assert_true(minor == cases[i].minor);
    }
}

static void what_is_no_amount_is_refused_with_a_sentence(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "-",
        "+1",
        ".5",
        "1.",
        "1.234",
        "01",
        "00",
        "-01",
        "1e2",
        "1E2",
        "1.5e1",
        " 1",
        "1 ",
        "1,5",
        "0x10",
        "1..2",
        "1.2.3",
        "--1",
        "NaN",
        "inf",
        "1a",
        "1.a",
        "1.2a",
        "12.345",
        "0.001",
        "١",
        "1_0",
        "1.000",
        "-",
        "-.5",
        "1.-5",
        "1-2",
        "1.2-",
        "92233720368547758.08",
        "-92233720368547758.09",
        "92233720368547759",
        "9223372036854775807",
        "99999999999999999999999999999999999999",
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        int64_t minor = 77;
        struct tern_error err = {TERN_FAULT_OTHER, ""};
        assert_int_equal(tern_money_parse(cases[i], &minor, &err), -1);
        assert_true(minor == 77);
        assert_true(err.text[0] != '\0');
        assert_int_equal(tern_money_parse(cases[i], &minor, NULL), -1);
    }
}

static void an_amount_is_written_with_two_decimals(void **state)
{
    (void)state;
    static const struct {
        int64_t minor;
        const char *text;
    } cases[] = {
        {0,         "0.00"                 },
        {1,         "0.01"                 },
        {-1,        "-0.01"                },
        {-99,       "-0.99"                },
        {-100,      "-1.00"                },
        {1999,      "19.99"                },
        {INT64_MAX, "92233720368547758.07" },
        {INT64_MIN, "-92233720368547758.08"},
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        char text[TERN_MONEY_SIZE];
        tern_money_format(cases[i].minor, text);
        assert_string_equal(text, cases[i].text);
    }
}

static void what_is_written_reads_back_the_same(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 200000; i++) {
        random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        int64_t minor = (int64_t)random >> (i % 64);
        char text[TERN_MONEY_SIZE];
        tern_money_format(minor, text);
        int64_t back;
        assert_int_equal(tern_money_parse(text, &back, NULL), 0);
        assert_true(back == minor);
    }
}

/* Any short text over the alphabet of numbers: accepted exactly when the grammar says so. */
static void every_short_text_is_judged_by_the_grammar(void **state)
{
    (void)state;
    static const char alphabet[] = "019.-e";
    enum { LETTERS = sizeof alphabet - 1, LENGTH = 6 };
    for (unsigned number = 0; number < LETTERS * LETTERS * LETTERS * LETTERS * LETTERS * LETTERS; number++) {
        char text[LENGTH + 1];
        unsigned rest = number;
        for (int i = 0; i < LENGTH; i++, rest /= LETTERS)
            text[i] = alphabet[rest % LETTERS];
        text[LENGTH] = '\0';
        const char *at = text + (text[0] == '-');
        size_t whole = strspn(at, "019");
        const char *point = at + whole;
        size_t decimals = *point == '.' ? strspn(point + 1, "019") : 0;
        int fits = whole > 0 && (at[0] != '0' || whole == 1) &&
                   (*point == '\0' || (*point == '.' && decimals >= 1 && decimals <= 2 && point[1 + decimals] == '\0'));
        int64_t minor;
        assert_int_equal(tern_money_parse(text, &minor, NULL), fits ? 0 : -1);
    }
}

static void a_sum_grows_by_price_times_quantity(void **state)
{
    (void)state;
    int64_t sum = 100;
    assert_int_equal(tern_money_add_product(&sum, 1999, 3), 0);
    assert_true(sum == 6097);
    assert_int_equal(tern_money_add_product(&sum, -6097, 1), 0);
    assert_true(sum == 0);
}

static void an_overflow_leaves_the_sum_alone(void **state)
{
    (void)state;
    int64_t sum = INT64_MAX;
    assert_int_equal(tern_money_add_product(&sum, 1, 1), -1);
    assert_true(sum == INT64_MAX);
    assert_int_equal(tern_money_add_product(&sum, INT64_MAX, 2), -1);
    assert_int_equal(tern_money_add_product(&sum, INT64_MIN, -1), -1);
    assert_true(sum == INT64_MAX);
    sum = INT64_MIN;
    assert_int_equal(tern_money_add_product(&sum, -1, 1), -1);
    assert_true(sum == INT64_MIN);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_amount_is_read_from_its_digits),
        cmocka_unit_test(what_is_no_amount_is_refused_with_a_sentence),
        cmocka_unit_test(an_amount_is_written_with_two_decimals),
        cmocka_unit_test(what_is_written_reads_back_the_same),
        cmocka_unit_test(every_short_text_is_judged_by_the_grammar),
        cmocka_unit_test(a_sum_grows_by_price_times_quantity),
        cmocka_unit_test(an_overflow_leaves_the_sum_alone),
    };
    return cmocka_run_group_tests_name("money", tests, NULL, NULL);
}
