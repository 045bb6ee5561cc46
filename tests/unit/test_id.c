/* test_id.c - ids ascend whatever the clock does, never meet twice, and those of others are checked. */
#include "tern_test.h"

#include <ctype.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/ids.h"
#include "tern/id.h"

/* A clock that the test moves. */
struct hands {
    int64_t wall_ms;
};

static int64_t hands_wall(void *self)
{
    return ((struct hands *)self)->wall_ms;
}

static struct tern_clock held_clock(struct hands *hands)
{
    return (struct tern_clock){hands_wall, hands_wall, hands};
}

static int64_t time_of(const char *uuid)
{
    char digits[13];
    memcpy(digits, uuid, 8);
    memcpy(digits + 8, uuid + 9, 5);
    digits[12] = '\0';
    return strtoll(digits, NULL, 16);
}

static void a_uuid_has_version_7_its_variant_and_the_time(void **state)
{
    (void)state;
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *ids = tern_ids_create(&clock, 0);
    for (int i = 0; i < 1000; i++) {
        char uuid[TERN_UUID_SIZE];
        char same[TERN_UUID_SIZE];
        hands.wall_ms += i % 3;
        tern_ids_uuid(ids, uuid);
        assert_int_equal(strlen(uuid), 36);
        assert_int_equal(uuid[14], '7');
        assert_non_null(strchr("89ab", uuid[19]));
        assert_true(time_of(uuid) == hands.wall_ms);
        assert_int_equal(tern_uuid_normalise(uuid, same), 0);
        assert_string_equal(same, uuid);
    }
    tern_ids_destroy(ids);
    tern_ids_destroy(NULL);
}

/* The example of RFC 9562, appendix A.4. */
static void a_name_always_gives_the_same_uuid_of_version_5(void **state)
{
    static const char dns[] = "6ba7b810-9dad-11d1-80b4-00c04fd430c8";
    char uuid[TERN_UUID_SIZE], other[TERN_UUID_SIZE];
    (void)state;
    tern_uuid_named(dns, "www.example.com", uuid);
    assert_string_equal(uuid, "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    tern_uuid_named(dns, "www.example.org", other);
    assert_string_not_equal(uuid, other);
    tern_uuid_named("d5ac42a3-a890-4603-806e-38ae93ee2bcd", "www.example.com", other);
    assert_string_not_equal(uuid, other);
}

static void ids_ascend_while_the_clock_stands_jumps_and_steps_back(void **state)
{
    (void)state;
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *ids = tern_ids_create(&clock, 0);
    char last[TERN_UUID_SIZE] = "";
    char last_order[TERN_SORTABLE_ID_SIZE] = "";
    for (int i = 0; i < 100000; i++) {
        static const int64_t moves[] = {0, 0, 0, 0, 1, -1, 0, 1000, -3600000, 3600001, -7};
        hands.wall_ms += moves[(size_t)i % TERN_COUNT(moves)];
        char uuid[TERN_UUID_SIZE];
        char order[TERN_SORTABLE_ID_SIZE];
        tern_ids_uuid(ids, uuid);
        tern_ids_sortable(ids, "ORD-", order);
        assert_true(strcmp(last, uuid) < 0);
        assert_true(strcmp(last_order, order) < 0);
        memcpy(last, uuid, sizeof last);
        memcpy(last_order, order, sizeof last_order);
    }
    tern_ids_destroy(ids);
}

static void after_a_step_back_ids_keep_the_last_time_until_the_clock_is_there_again(void **state)
{
    (void)state;
    struct hands hands = {5000};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *ids = tern_ids_create(&clock, 0);
    char uuid[TERN_UUID_SIZE];
    tern_ids_uuid(ids, uuid);
    hands.wall_ms = 1000;
    for (int i = 0; i < 1000; i++) {
        tern_ids_uuid(ids, uuid);
        assert_true(time_of(uuid) == 5000);
    }
    hands.wall_ms = 5001;
    tern_ids_uuid(ids, uuid);
    assert_true(time_of(uuid) == 5001);
    tern_ids_destroy(ids);
}

static void a_clock_before_1970_still_makes_ascending_ids(void **state)
{
    (void)state;
    struct hands hands = {-5000};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *ids = tern_ids_create(&clock, 0);
    char first[TERN_UUID_SIZE];
    char second[TERN_UUID_SIZE];
    tern_ids_uuid(ids, first);
    tern_ids_uuid(ids, second);
    assert_true(strcmp(first, second) < 0);
    assert_true(time_of(first) == 0);
    tern_ids_destroy(ids);
}

/* More ids in one standing millisecond than half the counter holds: ids run ahead instead of repeating. */
static void a_full_counter_moves_the_id_ahead_of_the_clock(void **state)
{
    (void)state;
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *ids = tern_ids_create(&clock, 42);
    char last[TERN_UUID_SIZE] = "";
    char uuid[TERN_UUID_SIZE];
    int64_t made = 0;
    do {
        tern_ids_uuid(ids, uuid);
        if (memcmp(last, uuid, sizeof last) >= 0) fail_msg("%s came after %s", uuid, last);
        memcpy(last, uuid, sizeof last);
        made++;
    } while (time_of(uuid) == hands.wall_ms && made <= (INT64_C(1) << 20));
    assert_true(time_of(uuid) == hands.wall_ms + 1);
    assert_true(made > (INT64_C(1) << 19));
    tern_ids_destroy(ids);
}

enum { THREADS = 4, EACH = 20000 };

struct maker {
    struct tern_ids *ids;
    char (*made)[TERN_UUID_SIZE];
};

static void *make_many(void *argument)
{
    struct maker *maker = argument;
    for (size_t i = 0; i < EACH; i++)
        tern_ids_uuid(maker->ids, maker->made[i]);
    return NULL;
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void threads_of_one_generator_get_ascending_ids_and_never_the_same(void **state)
{
    (void)state;
    struct tern_ids *ids = tern_ids_create(&tern_clock_system, 0);
    char(*made)[TERN_UUID_SIZE] = tern_alloc(sizeof *made * THREADS * EACH);
    struct maker makers[THREADS];
    pthread_t threads[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        makers[i] = (struct maker){ids, made + i * EACH};
        assert_int_equal(pthread_create(&threads[i], NULL, make_many, &makers[i]), 0);
    }
    for (size_t i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    for (size_t i = 0; i < THREADS; i++)
        for (size_t j = 1; j < EACH; j++)
            assert_true(strcmp(makers[i].made[j - 1], makers[i].made[j]) < 0);
    qsort(made, (size_t)THREADS * EACH, sizeof *made, compare);
    for (size_t i = 1; i < (size_t)THREADS * EACH; i++)
        assert_true(strcmp(made[i - 1], made[i]) != 0);
    free(made);
    tern_ids_destroy(ids);
}

/* Two generators stand for two processes in the same millisecond. */
static void generators_of_one_millisecond_do_not_meet(void **state)
{
    (void)state;
    enum { GENERATORS = 200, IDS = 100 };
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    char(*made)[TERN_UUID_SIZE] = tern_alloc(sizeof *made * GENERATORS * IDS);
    for (size_t i = 0; i < GENERATORS; i++) {
        struct tern_ids *ids = tern_ids_create(&clock, 0);
        for (size_t j = 0; j < IDS; j++)
            tern_ids_uuid(ids, made[i * IDS + j]);
        tern_ids_destroy(ids);
    }
    qsort(made, (size_t)GENERATORS * IDS, sizeof *made, compare);
    for (size_t i = 1; i < (size_t)GENERATORS * IDS; i++)
        assert_true(strcmp(made[i - 1], made[i]) != 0);
    free(made);
}

static void a_seed_repeats_the_ids_and_another_one_does_not(void **state)
{
    (void)state;
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *one = tern_ids_create(&clock, 1);
    struct tern_ids *again = tern_ids_create(&clock, 1);
    struct tern_ids *other = tern_ids_create(&clock, 2);
    for (int i = 0; i < 100; i++) {
        char a[TERN_UUID_SIZE];
        char b[TERN_UUID_SIZE];
        char c[TERN_UUID_SIZE];
        tern_ids_uuid(one, a);
        tern_ids_uuid(again, b);
        tern_ids_uuid(other, c);
        assert_string_equal(a, b);
        assert_string_not_equal(a, c);
    }
    tern_ids_destroy(one);
    tern_ids_destroy(again);
    tern_ids_destroy(other);
}

static void an_order_id_is_its_prefix_and_the_uuid_in_base_32(void **state)
{
    (void)state;
    struct hands hands = {INT64_C(1795444200123)};
    struct tern_clock clock = held_clock(&hands);
    struct tern_ids *as_uuid = tern_ids_create(&clock, 9);
    struct tern_ids *as_order = tern_ids_create(&clock, 9);
    for (int round = 0; round < 200; round++) {
        char uuid[TERN_UUID_SIZE];
        char order[TERN_SORTABLE_ID_SIZE];
        tern_ids_uuid(as_uuid, uuid);
        tern_ids_sortable(as_order, "ORD-", order);
        assert_int_equal(strlen(order), 30);
        assert_memory_equal(order, "ORD-", 4);
        assert_true(tern_id_valid(order));
        /* decoded by hand: 26 digits of 5 bits are 130 bits, the upper two 0 */
        static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        unsigned char bits[130];
        for (size_t i = 0; i < 26; i++) {
            const char *digit = strchr(alphabet, order[4 + i]);
            assert_non_null(digit);
            for (size_t j = 0; j < 5; j++)
                bits[i * 5 + j] = (unsigned char)((digit - alphabet) >> (4 - j) & 1);
        }
        assert_int_equal(bits[0] + bits[1], 0);
        size_t bit = 2;
        for (const char *at = uuid; *at != '\0'; at++) {
            if (*at == '-') continue;
            int value = isdigit((unsigned char)*at) ? *at - '0' : *at - 'a' + 10;
            for (int j = 3; j >= 0; j--)
                assert_int_equal(bits[bit++], value >> j & 1);
        }
    }
    char longest[TERN_SORTABLE_ID_SIZE];
    tern_ids_sortable(as_order, "123456789012345678901", longest);
    assert_int_equal(strlen(longest), 47);
    tern_ids_destroy(as_uuid);
    tern_ids_destroy(as_order);
}

static void a_trace_begins_and_goes_on_with_fresh_spans(void **state)
{
    (void)state;
    struct tern_ids *ids = tern_ids_create(&tern_clock_system, 0);
    char begun[TERN_TRACEPARENT_SIZE];
    char next[TERN_TRACEPARENT_SIZE];
    char other[TERN_TRACEPARENT_SIZE];
    tern_ids_traceparent(ids, NULL, begun);
    tern_ids_traceparent(ids, begun, next);
    tern_ids_traceparent(ids, "no trace", other);
    assert_true(tern_traceparent_valid(begun));
    assert_true(tern_traceparent_valid(next));
    assert_true(tern_traceparent_valid(other));
    assert_memory_equal(begun, next, 36);
    assert_memory_not_equal(begun + 36, next + 36, 16);
    assert_memory_not_equal(begun, other, 35);
    assert_string_equal(begun + 52, "-01");
    tern_ids_traceparent(ids, begun, begun); /* in place */
    assert_memory_equal(begun, next, 36);
    tern_ids_destroy(ids);
}

static void the_sampled_flag_goes_on_and_unknown_flags_do_not(void **state)
{
    (void)state;
    struct tern_ids *ids = tern_ids_create(&tern_clock_system, 0);
    char child[TERN_TRACEPARENT_SIZE];
    tern_ids_traceparent(ids, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00", child);
    assert_string_equal(child + 52, "-00");
    tern_ids_traceparent(ids, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-ff", child);
    assert_string_equal(child + 52, "-01");
    tern_ids_destroy(ids);
}

static void only_traces_of_version_00_in_lower_case_are_valid(void **state)
{
    (void)state;
    static const char good[] = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    assert_true(tern_traceparent_valid(good));
    static const char *const bad[] = {
        "",
        "00",
        "01-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "ff-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
        "00-0AF7651916CD43DD8448EB211C80319C-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-0",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-011",
        "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01-x",
        "00-00000000000000000000000000000000-b7ad6b7169203331-01",
        "00-0af7651916cd43dd8448eb211c80319c-0000000000000000-01",
        "00-0af7651916cd43dd8448eb211c80319g-b7ad6b7169203331-01",
        "00_0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    };
    for (size_t i = 0; i < TERN_COUNT(bad); i++)
        assert_false(tern_traceparent_valid(bad[i]));
    for (size_t length = 0; length < sizeof good - 1; length++) {
        char *cut = tern_copy_bytes(good, length); /* of its own, so that reading too far shows */
        assert_false(tern_traceparent_valid(cut));
        free(cut);
    }
}

static void random_numbers_stay_below_their_bound_and_reach_all_values(void **state)
{
    (void)state;
    struct tern_ids *ids = tern_ids_create(&tern_clock_system, 0);
    int seen[6] = {0};
    for (int i = 0; i < 60000; i++) {
        uint64_t value = tern_ids_random(ids, 6);
        assert_true(value < 6);
        seen[value]++;
    }
    for (size_t i = 0; i < 6; i++)
        assert_in_range(seen[i], 9000, 11000); /* ten standard deviations around 10 000 */
    for (int i = 0; i < 100; i++) {
        assert_true(tern_ids_random(ids, 1) == 0);
        assert_true(tern_ids_random(ids, UINT64_MAX) < UINT64_MAX);
        assert_true(tern_ids_random(ids, (UINT64_C(1) << 63) + 1) <= UINT64_C(1) << 63);
    }
    tern_ids_destroy(ids);
}

static void uuids_of_others_are_taken_in_either_case_and_written_in_lower(void **state)
{
    (void)state;
    char uuid[TERN_UUID_SIZE] = "untouched";
    assert_int_equal(tern_uuid_normalise("0193A2B4-C5D6-7E8F-9A0B-1C2D3E4F5061", uuid), 0);
    assert_string_equal(uuid, "0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f5061");
    static const char *const bad[] = {
        "",
        "0193a2b4",
        "0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f506",
        "0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f50611",
        "0193a2b4c5d67e8f9a0b1c2d3e4f5061",
        "{0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f5061}",
        "0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f506g",
        "0193a2b4-c5d67-e8f-9a0b-1c2d3e4f5061",
        " 193a2b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        "0x93a2b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        "+193a2b4-c5d6-7e8f-9a0b-1c2d3e4f5061",
        "0193a2b4-c5d6-7e8f-9a0b-1c2d3e4f50 1",
    };
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        char kept[TERN_UUID_SIZE] = "untouched";
        if (tern_uuid_normalise(bad[i], kept) == 0) fail_msg("taken: \"%s\"", bad[i]);
        assert_string_equal(kept, "untouched");
    }
}

static void ids_have_1_to_64_plain_characters(void **state)
{
    (void)state;
    assert_true(tern_id_valid("PROD-101"));
    assert_true(tern_id_valid("a.b_c-D"));
    assert_false(tern_id_valid(""));
    char longest[66];
    memset(longest, 'x', 65);
    longest[65] = '\0';
    assert_false(tern_id_valid(longest));
    longest[64] = '\0';
    assert_true(tern_id_valid(longest));
    for (int byte = 1; byte < 256; byte++) {
        char text[] = {'a', (char)byte, '\0'};
        bool plain = byte < 128 && (isalnum(byte) || strchr("._-", byte));
        assert_int_equal(tern_id_valid(text), plain);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_uuid_has_version_7_its_variant_and_the_time),
        cmocka_unit_test(a_name_always_gives_the_same_uuid_of_version_5),
        cmocka_unit_test(ids_ascend_while_the_clock_stands_jumps_and_steps_back),
        cmocka_unit_test(after_a_step_back_ids_keep_the_last_time_until_the_clock_is_there_again),
        cmocka_unit_test(a_clock_before_1970_still_makes_ascending_ids),
        cmocka_unit_test(a_full_counter_moves_the_id_ahead_of_the_clock),
        cmocka_unit_test(threads_of_one_generator_get_ascending_ids_and_never_the_same),
        cmocka_unit_test(generators_of_one_millisecond_do_not_meet),
        cmocka_unit_test(a_seed_repeats_the_ids_and_another_one_does_not),
        cmocka_unit_test(an_order_id_is_its_prefix_and_the_uuid_in_base_32),
        cmocka_unit_test(a_trace_begins_and_goes_on_with_fresh_spans),
        cmocka_unit_test(the_sampled_flag_goes_on_and_unknown_flags_do_not),
        cmocka_unit_test(only_traces_of_version_00_in_lower_case_are_valid),
        cmocka_unit_test(random_numbers_stay_below_their_bound_and_reach_all_values),
        cmocka_unit_test(uuids_of_others_are_taken_in_either_case_and_written_in_lower),
        cmocka_unit_test(ids_have_1_to_64_plain_characters),
    };
    return cmocka_run_group_tests_name("id", tests, NULL, NULL);
}
