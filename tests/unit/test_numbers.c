/* What a service has taken in by the numbers of its producers, what a beacon finds missing, and when a beacon is believed. */
#include "tern_test.h"

#include <stdio.h>
#include <string.h>

#include "common/inbox/consumer_beacons.h"
#include "common/inbox/numbers.h"
#include "common/store/store.h"
#include "shop/catalogue.h"
#include "store.h"

#define STORE "0b5c1e7a-8f0e-4c53-9d7a-111111111111"
#define OTHER "0b5c1e7a-8f0e-4c53-9d7a-222222222222"

static const struct tern_event_type *const placed = &shop_event_types[SHOP_ORDER_PLACED];
static struct tern_numbers numbers;
static struct tern_numbers_news news;
static int64_t now_ms;

static int set_up(void **state)
{
    *state = test_store_open();
    now_ms = 1000000;
    tern_numbers_init(&numbers, &shop_catalogue, SHOP_SERVICE_NOTIFICATION, now_ms);
    assert_int_equal(tern_numbers_load(&numbers, *state, NULL), 0);
    return 0;
}

static int tear_down(void **state)
{
    tern_db_close(*state);
    return 0;
}

static void take(int64_t from, int64_t to)
{
    for (int64_t number = from; number <= to; number++)
        tern_numbers_take(&numbers, placed, number);
}

static const struct tern_numbers_type *state_of(void)
{
    return tern_numbers_find(&numbers, placed);
}

static void hear_from(const char *store, int64_t first, int64_t last)
{
    struct tern_beacon beacon = {.producer = SHOP_SERVICE_ORDER, .count = 1};
    beacon.types[0] = (struct tern_beacon_type){placed, first, last};
    strcpy(beacon.store, store);
    now_ms += 10000;
    tern_numbers_compare(&numbers, &beacon, &beacon.types[0], now_ms, &news);
}

static void hear(int64_t first, int64_t last)
{
    hear_from(STORE, first, last);
}

static void asks(const char *expected)
{
    char text[200] = "";
    for (size_t i = 0; i < news.ask.count; i++)
        (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%lld-%lld ",
                       (long long)news.ask.ranges[i].from, (long long)news.ask.ranges[i].to);
    assert_string_equal(text, expected);
}

static void save_and_load(struct tern_db *db)
{
    struct tern_error err;
    assert_int_equal(tern_db_begin(db, &err), 0);
    assert_int_equal(tern_numbers_save(&numbers, db, &err), 0);
    assert_int_equal(tern_db_commit(db, &err), 0);
    tern_numbers_init(&numbers, &shop_catalogue, SHOP_SERVICE_NOTIFICATION, now_ms);
    assert_int_equal(tern_numbers_load(&numbers, db, &err), 0);
}

/* ---- the set ---- */

static void numbers_in_any_order_become_a_line(void **state)
{
    (void)state;
    tern_numbers_take(&numbers, placed, 5);
    tern_numbers_take(&numbers, placed, 3);
    tern_numbers_take(&numbers, placed, 4);
    tern_numbers_take(&numbers, placed, 7);
    assert_int_equal(state_of()->through, 0);
    assert_int_equal(state_of()->count, 2);
    take(1, 2);
    assert_int_equal(state_of()->through, 5);
    assert_int_equal(state_of()->count, 1);
    take(1, 6);
    assert_int_equal(state_of()->through, 7);
    assert_int_equal(state_of()->count, 0);
}

static void what_is_not_heard_and_what_has_no_number_is_nothing(void **state)
{
    (void)state;
    tern_numbers_take(&numbers, placed, 0);
    tern_numbers_take(&numbers, &shop_event_types[SHOP_PAYMENT_VOIDED], 1);
    assert_false(state_of()->known);
    assert_null(tern_numbers_find(&numbers, &shop_event_types[SHOP_PAYMENT_VOIDED]));
}

static void what_a_beacon_has_told_and_was_not_taken_in_is_missed(void **state)
{
    (void)state;
    take(1, 2);
    take(5, 5);
    take(8, 8);
    assert_false(tern_numbers_misses(&numbers, placed, 3)); /* it may still be on its way */
    hear(1, 6);
    static const int64_t missed[] = {3, 4, 6}, others[] = {0, 1, 2, 5, 7, 8, 9};
    for (size_t i = 0; i < TERN_COUNT(missed); i++)
        assert_true(tern_numbers_misses(&numbers, placed, missed[i]));
    for (size_t i = 0; i < TERN_COUNT(others); i++)
        assert_false(tern_numbers_misses(&numbers, placed, others[i]));
    take(4, 4);
    assert_false(tern_numbers_misses(&numbers, placed, 4));
    assert_false(tern_numbers_misses(&numbers, &shop_event_types[SHOP_PAYMENT_VOIDED], 3));
}

static void more_gaps_than_there_is_room_for_close_from_below(void **state)
{
    (void)state;
    take(1, 1);
    for (int64_t number = 3; number < 3 + 4 * TERN_NUMBERS_RANGES; number += 2)
        tern_numbers_take(&numbers, placed, number);
    assert_int_equal(state_of()->count, TERN_NUMBERS_RANGES);
    tern_numbers_take(&numbers, placed, 2);
    assert_int_equal(state_of()->through, 3);
    for (int64_t number = 4; number < 4 + 4 * TERN_NUMBERS_RANGES; number++)
        tern_numbers_take(&numbers, placed, number);
    assert_int_equal(state_of()->count, 0);
    assert_int_equal(state_of()->through, 3 + 4 * TERN_NUMBERS_RANGES);
}

static void what_was_taken_in_is_kept(void **state)
{
    take(1, 4);
    take(7, 9);
    take(12, 12);
    hear(1, 12);
    save_and_load(*state);
    assert_int_equal(state_of()->through, 4);
    assert_int_equal(state_of()->count, 2);
    assert_int_equal(state_of()->ranges[0].from, 7);
    assert_int_equal(state_of()->ranges[0].to, 9);
    assert_int_equal(state_of()->ranges[1].to, 12);
    assert_int_equal(state_of()->reported_through, 12);
    assert_string_equal(state_of()->store, STORE);
    save_and_load(*state);
    assert_int_equal(state_of()->through, 4);
}

/* ---- what a beacon says ---- */

static void a_gap_and_the_last_event_are_asked_for_until_they_have_come(void **state)
{
    (void)state;
    take(1, 3);
    hear(1, 3);
    assert_false(news.opened);
    take(5, 6);
    hear(1, 8);
    assert_true(news.opened);
    assert_int_equal(news.missed, 3);
    assert_int_equal(news.low, 4);
    assert_int_equal(news.high, 8);
    assert_int_equal(news.for_ms, 10000);
    asks("4-4 7-8 ");
    hear(1, 8);
    assert_false(news.opened);
    asks("4-4 7-8 "); /* nothing has come: again, and then less often */
    hear(1, 8);
    asks("");
    take(4, 4);
    hear(1, 9);
    assert_int_equal(news.healed, 1);
    assert_int_equal(news.missed, 1);
    asks("7-9 ");
    take(7, 9);
    hear(1, 9);
    assert_true(news.closed);
    assert_int_equal(news.healed, 3);
    assert_int_equal(state_of()->missing, 0);
}

static void a_request_is_bounded(void **state)
{
    (void)state;
    take(1, 1);
    hear(1, 1 + 3 * TERN_RESEND_MOST);
    asks("2-2001 ");
    for (int64_t number = 3; number < 100; number += 2)
        tern_numbers_take(&numbers, placed, number);
    take(2, 2);
    hear(1, 1 + 3 * TERN_RESEND_MOST);
    assert_int_equal(news.ask.count, TERN_RESEND_RANGES);
}

static void a_new_store_looks_for_the_first_too_but_not_for_what_cannot_be_had(void **state)
{
    (void)state;
    hear(5, 7);
    assert_int_equal(news.lost, 0); /* before its time */
    assert_int_equal(news.missed, 3);
    asks("5-7 ");
}

static void a_store_that_had_a_life_before_begins_where_it_stands(void **state)
{
    struct tern_error err;
    assert_int_equal(tern_numbers_adopt(&numbers, *state, &err), 0);
    save_and_load(*state);
    hear(1, 7);
    assert_int_equal(news.missed, 0);
    take(9, 9);
    hear(1, 9);
    assert_int_equal(news.missed, 1);
    asks("8-8 ");
}

static void what_is_too_old_is_left_behind_and_told(void **state)
{
    (void)state;
    take(1, 3);
    hear(1, 3);
    take(6, 6);
    hear(1, 8);
    assert_int_equal(news.missed, 4);
    hear(8, 8);
    assert_int_equal(news.lost, 3);
    assert_int_equal(news.lost_low, 4);
    assert_int_equal(news.lost_high, 7);
    assert_int_equal(news.healed, 0);
    assert_int_equal(state_of()->missing, 1);
    take(8, 8);
    hear(9, 8);
    assert_true(news.closed);
    assert_int_equal(news.lost, 0);
}

static void another_store_counts_anew(void **state)
{
    (void)state;
    take(1, 100);
    hear(1, 100);
    hear_from(OTHER, 1, 4);
    assert_true(news.other_store);
    assert_int_equal(news.missed, 0);
    take(6, 6);
    hear_from(OTHER, 1, 6);
    assert_false(news.other_store);
    asks("5-5 ");
}

static void an_older_copy_of_the_store_is_told_and_its_new_events_are_counted(void **state)
{
    (void)state;
    take(1, 100);
    hear(1, 100);
    hear(1, 60);
    assert_true(news.older_copy);
    assert_int_equal(news.was_reported, 100);
    assert_int_equal(news.missed, 0);
    assert_true(state_of()->copy_until > 0);
    take(62, 62);
    hear(1, 62);
    assert_false(news.older_copy);
    asks("61-61 ");
    take(61, 100);
    hear(1, 100);
    assert_int_equal(state_of()->copy_until, 0);
}

static void after_a_restart_what_was_missing_is_asked_for_and_not_counted_twice(void **state)
{
    take(1, 3);
    hear(1, 5);
    assert_int_equal(news.missed, 2);
    save_and_load(*state);
    hear(1, 5);
    assert_true(news.opened);
    assert_int_equal(news.missed, 0);
    asks("4-5 ");
}

static int do_save(struct tern_db *db, void *self, struct tern_error *err)
{
    (void)self;
    numbers.types[0].dirty = true;
    return tern_numbers_save(&numbers, db, err);
}

static int do_load(struct tern_db *db, void *self, struct tern_error *err)
{
    (void)self;
    int loaded = tern_numbers_load(&numbers, db, err);
    assert_int_equal(numbers.stale, loaded < 0);
    return loaded;
}

static void a_store_that_fails_is_told(void **state)
{
    test_store_fail_each(*state, do_save, NULL);
    test_store_fail_each(*state, do_load, NULL);
}

/* ---- when a beacon is believed ---- */

static struct tern_beacon beacon_of(const char *producer)
{
    struct tern_beacon beacon = {.count = 0};
    strcpy(beacon.producer, producer);
    return beacon;
}

static void an_empty_queue_is_counted_twice(void **state)
{
    struct consumer_beacons beacons = {.ahead = 0};
    const struct tern_beacon one = beacon_of("order-service");
    (void)state;
    assert_true(tern_beacons_came(&beacons, &one));
    assert_null(tern_beacons_ripe(&beacons, 7));
    assert_true(tern_beacons_counted(&beacons, 0, 10, 7));
    assert_null(tern_beacons_ripe(&beacons, 7));
    tern_beacons_delivered(&beacons, 8); /* was on its way when the queue was counted */
    assert_true(tern_beacons_counted(&beacons, 0, 10, 8));
    assert_false(tern_beacons_counted(&beacons, 0, 10, 8));
    assert_null(tern_beacons_ripe(&beacons, 7));
    struct beacon_list *ripe = tern_beacons_ripe(&beacons, 8);
    assert_non_null(ripe);
    assert_int_equal(ripe->count, 1);
}

static void a_queue_that_is_never_empty_is_counted_out(void **state)
{
    struct consumer_beacons beacons = {.ahead = 0};
    const struct tern_beacon one = beacon_of("order-service"), other = beacon_of("payment-service");
    (void)state;
    (void)tern_beacons_came(&beacons, &one);
    assert_false(tern_beacons_counted(&beacons, 3, 2, 10));
    (void)tern_beacons_came(&beacons, &other); /* waits for the next count */
    for (uint64_t tag = 11; tag < 15; tag++)
        tern_beacons_delivered(&beacons, tag);
    assert_null(tern_beacons_ripe(&beacons, 14));
    tern_beacons_delivered(&beacons, 15);
    assert_null(tern_beacons_ripe(&beacons, 14));
    struct beacon_list *ripe = tern_beacons_ripe(&beacons, 15);
    assert_non_null(ripe);
    assert_string_equal(ripe->items[0].producer, "order-service");
    ripe->count = 0;
    assert_true(tern_beacons_counted(&beacons, 0, 2, 15));
    assert_false(tern_beacons_counted(&beacons, 0, 2, 15));
    assert_string_equal(tern_beacons_ripe(&beacons, 15)->items[0].producer, "payment-service");
}

static void a_purge_shortens_the_wait_and_a_new_connection_ends_it(void **state)
{
    struct consumer_beacons beacons = {.ahead = 0};
    const struct tern_beacon one = beacon_of("order-service");
    (void)state;
    (void)tern_beacons_came(&beacons, &one);
    (void)tern_beacons_counted(&beacons, 5000, 2, 10);
    (void)tern_beacons_counted(&beacons, 1, 2, 10);
    for (uint64_t tag = 11; tag < 14; tag++)
        tern_beacons_delivered(&beacons, tag);
    assert_non_null(tern_beacons_ripe(&beacons, 13));
    tern_beacons_reset(&beacons);
    assert_null(tern_beacons_ripe(&beacons, 13));
}

static void a_busy_queue_is_not_counted_for_ever(void **state)
{
    struct consumer_beacons beacons = {.ahead = 0};
    const struct tern_beacon one = beacon_of("order-service");
    int counts = 1;
    (void)state;
    (void)tern_beacons_came(&beacons, &one);
    for (uint64_t tag = 1; tern_beacons_counted(&beacons, 0, 100, tag); tag++)
        counts++;
    assert_true(counts < 10);
}

/* ---- on the wire ---- */

static void a_beacon_and_a_request_read_back_as_they_were(void **state)
{
    struct tern_beacon beacon = beacon_of(SHOP_SERVICE_ORDER);
    struct tern_resend resend = {
        .type = placed, .count = 2, .ranges = {{1, 3}, {7, 7}}
    };
    struct tern_control control;
    struct tern_text text = {0};
    struct tern_error err = {0};
    (void)state;
    strcpy(beacon.store, STORE);
    beacon.types[beacon.count++] = (struct tern_beacon_type){placed, 2, 9};
    tern_beacon_encode(&beacon, &text);
    assert_int_equal(tern_control_decode(&shop_catalogue, TERN_CONTROL_BEACON, text.bytes, text.length, &control, &err),
                     0);
    assert_true(control.is_beacon);
    assert_int_equal(control.beacon.count, 1);
    assert_ptr_equal(control.beacon.types[0].type, placed);
    assert_int_equal(control.beacon.types[0].first, 2);
    assert_int_equal(control.beacon.types[0].last, 9);
    assert_string_equal(control.beacon.store, STORE);
    tern_text_clear(&text);
    tern_resend_encode(&resend, &text);
    assert_int_equal(tern_control_decode(&shop_catalogue, TERN_CONTROL_RESEND, text.bytes, text.length, &control, &err),
                     0);
    assert_false(control.is_beacon);
    assert_int_equal(control.resend.count, 2);
    assert_int_equal(control.resend.ranges[1].from, 7);
    tern_text_fini(&text);
}

static void what_does_not_belong_is_left_out_or_refused(void **state)
{
    static const struct {
        const char *kind, *body;
        int status;
    } cases[] = {
        {TERN_CONTROL_BEACON,
         "{\"producer\":\"order-service\",\"store\":\"x\",\"types\":[{\"type\":\"PaymentFailed\",\"first\":1,\"last\":1},"
         "{\"type\":\"NeverHeardOf\",\"first\":1,\"last\":1}]}",                                                           0 },
        {TERN_CONTROL_BEACON, "{\"producer\":\"order-service\",\"types\":[]}",                                             -1},
        {TERN_CONTROL_BEACON,
         "{\"producer\":\"order-service\",\"store\":\"x\",\"types\":[{\"type\":\"OrderPlaced\",\"first\":0,\"last\":1}]}",
         -1                                                                                                                  },
        {TERN_CONTROL_RESEND, "{\"type\":\"NeverHeardOf\",\"ranges\":[]}",                                                 -1},
        {TERN_CONTROL_RESEND, "{\"type\":\"OrderPlaced\",\"ranges\":[{\"from\":3,\"to\":2}]}",                             -1},
        {TERN_CONTROL_RESEND, "{\"type\":\"OrderPlaced\",\"ranges\":[{\"from\":1,\"to\":2001}]}",                          -1},
        {TERN_CONTROL_RESEND, "[]",                                                                                        -1},
        {"tern.other",        "{}",                                                                                        -1},
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_control control;
        struct tern_error err = {0};
        assert_int_equal(
            tern_control_decode(&shop_catalogue, cases[i].kind, cases[i].body, strlen(cases[i].body), &control, &err),
            cases[i].status);
        if (cases[i].status == 0) assert_int_equal(control.beacon.count, 0);
    }
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(numbers_in_any_order_become_a_line),
        T(what_is_not_heard_and_what_has_no_number_is_nothing),
        T(what_a_beacon_has_told_and_was_not_taken_in_is_missed),
        T(more_gaps_than_there_is_room_for_close_from_below),
        T(what_was_taken_in_is_kept),
        T(a_gap_and_the_last_event_are_asked_for_until_they_have_come),
        T(a_request_is_bounded),
        T(a_new_store_looks_for_the_first_too_but_not_for_what_cannot_be_had),
        T(a_store_that_had_a_life_before_begins_where_it_stands),
        T(what_is_too_old_is_left_behind_and_told),
        T(another_store_counts_anew),
        T(an_older_copy_of_the_store_is_told_and_its_new_events_are_counted),
        T(after_a_restart_what_was_missing_is_asked_for_and_not_counted_twice),
        T(a_store_that_fails_is_told),
        cmocka_unit_test(an_empty_queue_is_counted_twice),
        cmocka_unit_test(a_queue_that_is_never_empty_is_counted_out),
        cmocka_unit_test(a_purge_shortens_the_wait_and_a_new_connection_ends_it),
        cmocka_unit_test(a_busy_queue_is_not_counted_for_ever),
        cmocka_unit_test(a_beacon_and_a_request_read_back_as_they_were),
        cmocka_unit_test(what_does_not_belong_is_left_out_or_refused),
    };
    return cmocka_run_group_tests_name("numbers", tests, NULL, NULL);
}
