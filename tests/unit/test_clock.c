/* test_clock.c - the calendar is right on every day, texts go there and back, and nothing else is taken for a time. */
#include "tern_test.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "tern/clock.h"
#include "tern/error.h"

#define DAY_MS INT64_C(86400000)

static int64_t parsed(const char *text)
{
    int64_t ms = 0;
    struct tern_error err;
    if (tern_time_parse(text, &ms, &err) < 0) fail_msg("%s: %s", text, err.text);
    return ms;
}

static const char *formatted(int64_t ms)
{
    static char text[TERN_TIME_SIZE];
    tern_time_format(ms, text);
    return text;
}

static void known_moments_have_their_texts(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0,                        "1970-01-01T00:00:00.000Z"},
        {-1,                       "1969-12-31T23:59:59.999Z"},
        {INT64_C(951782400000),    "2000-02-29T00:00:00.000Z"},
        {INT64_C(4107542399999),   "2100-02-28T23:59:59.999Z"},
        {INT64_C(4107542400000),   "2100-03-01T00:00:00.000Z"},
        {INT64_C(1795444200123),   "2026-11-23T14:30:00.123Z"},
        {INT64_C(-62167219200000), "0000-01-01T00:00:00.000Z"},
        {INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        assert_string_equal(formatted(cases[i].ms), cases[i].text);
        assert_true(parsed(cases[i].text) == cases[i].ms);
    }
}

static void times_outside_the_four_digit_years_are_clamped(void **state)
{
    (void)state;
    assert_string_equal(formatted(INT64_MIN), "0000-01-01T00:00:00.000Z");
    assert_string_equal(formatted(INT64_C(-62167219200001)), "0000-01-01T00:00:00.000Z");
    assert_string_equal(formatted(INT64_MAX), "9999-12-31T23:59:59.999Z");
    assert_string_equal(formatted(INT64_C(253402300800000)), "9999-12-31T23:59:59.999Z");
}

/* 400 years are one whole cycle of the calendar; the C library is the second opinion. */
static void every_day_of_400_years_agrees_with_the_c_library_and_comes_back(void **state)
{
    (void)state;
    int64_t first = parsed("1800-01-01T00:00:00Z");
    for (int64_t day = 0; day < 146097; day++) {
        int64_t ms = first + day * DAY_MS + day * 591 % DAY_MS;
        time_t seconds = (time_t)(ms >= 0 ? ms / 1000 : (ms - 999) / 1000);
        struct tm tm;
        assert_non_null(gmtime_r(&seconds, &tm));
        char expected[64];
        (void)snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03dZ", tm.tm_year + 1900,
                       tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec,
                       (int)(ms - (int64_t)seconds * 1000));
        assert_string_equal(formatted(ms), expected);
        assert_true(parsed(expected) == ms);
    }
}

static void every_day_from_0000_to_9999_comes_back(void **state)
{
    (void)state;
    int64_t last = parsed("9999-12-31T00:00:00Z");
    char before[TERN_TIME_SIZE] = "";
    for (int64_t ms = parsed("0000-01-01T00:00:00Z"); ms <= last; ms += DAY_MS) {
        const char *text = formatted(ms);
        assert_true(strcmp(before, text) < 0); /* texts sort as times do */
        memcpy(before, text, sizeof before);
        assert_true(parsed(text) == ms);
    }
}

static void leap_days_are_those_of_the_gregorian_calendar(void **state)
{
    (void)state;
    for (int year = 0; year <= 9999; year++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%04d-02-29T00:00:00Z", year);
        int leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
        int64_t ms;
        assert_int_equal(tern_time_parse(text, &ms, NULL), leap ? 0 : -1);
    }
}

static void only_days_that_exist_are_taken(void **state)
{
    (void)state;
    static const int days[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    for (int month = 0; month <= 13; month++) {
        for (int day = 0; day <= 32; day++) {
            char text[64];
            (void)snprintf(text, sizeof text, "2026-%02d-%02dT00:00:00Z", month, day);
            int real = month >= 1 && month <= 12 && day >= 1 && day <= days[month - 1];
            int64_t ms;
            assert_int_equal(tern_time_parse(text, &ms, NULL), real ? 0 : -1);
        }
    }
}

static void fractions_are_cut_to_milliseconds_and_offsets_are_taken_off(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        const char *same;
    } cases[] = {
        {"2026-11-23T14:30:00Z",           "2026-11-23T14:30:00.000Z"},
        {"2026-11-23T14:30:00.1Z",         "2026-11-23T14:30:00.100Z"},
        {"2026-11-23T14:30:00.12Z",        "2026-11-23T14:30:00.120Z"},
        {"2026-11-23T14:30:00.1239Z",      "2026-11-23T14:30:00.123Z"},
        {"2026-11-23T14:30:00.999999999Z", "2026-11-23T14:30:00.999Z"},
        {"2026-11-23T14:30:00+01:30",      "2026-11-23T13:00:00.000Z"},
        {"2026-11-23T14:30:00.5-09:45",    "2026-11-24T00:15:00.500Z"},
        {"2026-11-23T14:30:00-00:00",      "2026-11-23T14:30:00.000Z"},
        {"2026-01-01T00:00:00+23:59",      "2025-12-31T00:01:00.000Z"},
        {"2016-12-31T23:59:60Z",           "2016-12-31T23:59:59.999Z"},
        {"2016-12-31T23:59:60.2Z",         "2016-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++)
        assert_string_equal(formatted(parsed(cases[i].text)), cases[i].same);
    assert_true(parsed("0000-01-01T00:00:00+00:01") == INT64_C(-62167219260000));
}

static void what_is_no_strict_time_is_refused(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "",
        "2026",
        "2026-11-23",
        "2026-11-23T14:30Z",
        "2026-11-23T14:30:00",
        "2026-11-23t14:30:00Z",
        "2026-11-23T14:30:00z",
        "2026-11-23 14:30:00Z",
        "2026-11-23T14:30:00.Z",
        "2026-11-23T14:30:00,5Z",
        "2026-11-23T14:30:00.1234567890Z",
        "2026-11-23T24:00:00Z",
        "2026-11-23T23:60:00Z",
        "2026-11-23T23:59:61Z",
        "2026-11-23T14:30:00+24:00",
        "2026-11-23T14:30:00+01:60",
        "2026-11-23T14:30:00+0100",
        "2026-11-23T14:30:00+01",
        "2026-11-23T14:30:00ZZ",
        "2026-11-23T14:30:00Z ",
        " 2026-11-23T14:30:00Z",
        "+026-11-23T14:30:00Z",
        "-026-11-23T14:30:00Z",
        "12026-11-23T14:30:00Z",
        "2026-1-23T14:30:00Z",
        "2026-11-23T 4:30:00Z",
        "2026-11-23T14:30:0xZ",
        "20261123T143000Z",
        "2026-W47-1T14:30:00Z",
        "1795444200123",
    };
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        int64_t ms = 77;
        struct tern_error err = {TERN_FAULT_OTHER, ""};
        if (tern_time_parse(cases[i], &ms, &err) == 0) fail_msg("taken: \"%s\"", cases[i]);
        assert_true(ms == 77);
        assert_string_equal(err.text, "must be a time like 2026-11-23T14:30:00.123Z");
    }
}

/* Every single byte changed in every place: taken only when what is read says the same text again. */
static void a_changed_byte_is_refused_or_means_what_it_says(void **state)
{
    (void)state;
    static const char model[] = "2024-02-29T23:59:58.123Z";
    for (size_t place = 0; place < sizeof model - 1; place++) {
        for (int byte = 0; byte < 256; byte++) {
            char text[sizeof model];
            memcpy(text, model, sizeof model);
            text[place] = (char)byte;
            int64_t ms;
            if (tern_time_parse(text, &ms, NULL) < 0) continue;
            int leap_second = strncmp(text + 17, "60", 2) == 0;
            if (!leap_second) assert_string_equal(formatted(ms), text);
        }
    }
}

static void random_texts_never_crash_and_round_trip_when_taken(void **state)
{
    (void)state;
    static const char alphabet[] = "0123456789-:.TZ+";
    uint64_t random = 7;
    for (int i = 0; i < 300000; i++) {
        char text[40] = "2026-11-23T14:30:00.123Z";
        for (int change = 0; change < 3; change++) {
            random = random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
            text[(random >> 33) % 30] = alphabet[(random >> 40) % (sizeof alphabet - 1)];
        }
        int64_t ms;
        if (tern_time_parse(text, &ms, NULL) == 0) assert_true(parsed(formatted(ms)) == ms);
    }
}

static void the_system_clock_tells_the_time_and_steady_time_never_goes_back(void **state)
{
    (void)state;
    struct timespec before;
    (void)clock_gettime(CLOCK_REALTIME, &before);
    int64_t now_ms = tern_now(&tern_clock_system);
    assert_true(now_ms >= (int64_t)before.tv_sec * 1000);
    assert_true(now_ms < (int64_t)before.tv_sec * 1000 + 60000);
    int64_t last = tern_steady(&tern_clock_system);
    for (int i = 0; i < 10000; i++) {
        int64_t next = tern_steady(&tern_clock_system);
        assert_true(next >= last);
        last = next;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_moments_have_their_texts),
        cmocka_unit_test(times_outside_the_four_digit_years_are_clamped),
        cmocka_unit_test(every_day_of_400_years_agrees_with_the_c_library_and_comes_back),
        cmocka_unit_test(every_day_from_0000_to_9999_comes_back),
        cmocka_unit_test(leap_days_are_those_of_the_gregorian_calendar),
        cmocka_unit_test(only_days_that_exist_are_taken),
        cmocka_unit_test(fractions_are_cut_to_milliseconds_and_offsets_are_taken_off),
        cmocka_unit_test(what_is_no_strict_time_is_refused),
        cmocka_unit_test(a_changed_byte_is_refused_or_means_what_it_says),
        cmocka_unit_test(random_texts_never_crash_and_round_trip_when_taken),
        cmocka_unit_test(the_system_clock_tells_the_time_and_steady_time_never_goes_back),
    };
    return cmocka_run_group_tests_name("clock", tests, NULL, NULL);
}
