/* Durable timers: set, moved, cleared, and fired once per commit, earliest first. */
#include "tern_test.h"

#include <string.h>

#include "common/jobs/timers_store.h"
#include "common/store/store.h"
#include "store.h"
#include "tern/timers.h"

static int set_up(void **state)
{
    *state = test_store_open();
    return 0;
}

static int tear_down(void **state)
{
    tern_db_close(*state);
    return 0;
}

static void set_timer(struct tern_db *db, const char *kind, const char *key, int64_t due_ms)
{
    assert_int_equal(tern_timer_set(db, kind, key, due_ms, "{\"n\":1}", NULL), 0);
}

static void due_timers_come_earliest_first_and_once(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_timer timer;
    int64_t due = 0;
    assert_int_equal(tern_timer_next_due(db, &due, &err), 0);
    set_timer(db, "nudge", "A", 300);
    set_timer(db, "deadline", "A", 100);
    set_timer(db, "nudge", "B", 200);
    assert_int_equal(tern_timer_next_due(db, &due, &err), 1);
    assert_int_equal(due, 100);
    assert_int_equal(tern_timer_take_due(db, 99, &timer, &err), 0);
    assert_int_equal(tern_timer_take_due(db, 250, &timer, &err), 1);
    assert_string_equal(timer.kind, "deadline");
    assert_string_equal(timer.key, "A");
    assert_int_equal(timer.due_ms, 100);
    assert_string_equal(timer.payload, "{\"n\":1}");
    assert_int_equal(tern_timer_take_due(db, 250, &timer, &err), 1);
    assert_string_equal(timer.key, "B");
    assert_int_equal(tern_timer_take_due(db, 250, &timer, &err), 0);
    assert_int_equal(tern_timer_take_due(db, 300, &timer, &err), 1);
    assert_int_equal(tern_timer_take_due(db, 900, &timer, &err), 0);
}

static void setting_a_timer_again_moves_it(void **state)
{
    struct tern_db *db = *state;
    struct tern_timer timer;
    set_timer(db, "nudge", "A", 100);
    assert_int_equal(tern_timer_set(db, "nudge", "A", 500, NULL, NULL), 0);
    assert_int_equal(tern_timer_take_due(db, 100, &timer, NULL), 0);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, NULL), 1);
    assert_string_equal(timer.payload, "");
    assert_int_equal(tern_timer_take_due(db, 500, &timer, NULL), 0);
}

static void a_missing_timer_is_set_and_one_that_is_there_stays(void **state)
{
    struct tern_db *db = *state;
    struct tern_timer timer;
    set_timer(db, "nudge", "A", 100);
    assert_int_equal(tern_timer_set_missing(db, "nudge", "A", 50, NULL), 0);
    assert_int_equal(tern_timer_set_missing(db, "nudge", "B", 50, NULL), 0);
    assert_int_equal(tern_timer_take_due(db, 100, &timer, NULL), 1);
    assert_string_equal(timer.key, "B");
    assert_int_equal(timer.due_ms, 50);
    assert_string_equal(timer.payload, "");
    assert_int_equal(tern_timer_take_due(db, 100, &timer, NULL), 1);
    assert_string_equal(timer.payload, "{\"n\":1}");
    assert_int_equal(tern_timer_take_due(db, 100, &timer, NULL), 0);
}

static void timers_of_one_kind_are_pulled_in_and_the_earlier_ones_stay(void **state)
{
    struct tern_db *db = *state;
    struct tern_timer timer;
    set_timer(db, "nudge", "A", 100);
    set_timer(db, "nudge", "B", 900);
    set_timer(db, "deadline", "A", 800);
    assert_int_equal(tern_timer_pull_in(db, "nudge", 500, NULL), 0);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, NULL), 1);
    assert_int_equal(timer.due_ms, 100);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, NULL), 1);
    assert_int_equal(timer.due_ms, 500);
    assert_string_equal(timer.key, "B");
    assert_int_equal(tern_timer_take_due(db, 799, &timer, NULL), 0);
}

static void a_cleared_timer_does_not_fire(void **state)
{
    struct tern_db *db = *state;
    struct tern_timer timer;
    set_timer(db, "nudge", "A", 100);
    assert_int_equal(tern_timer_clear(db, "nudge", "A", NULL), 1);
    assert_int_equal(tern_timer_clear(db, "nudge", "A", NULL), 0);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, NULL), 0);
}

static void a_timer_whose_function_is_undone_fires_again(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    struct tern_timer timer;
    set_timer(db, "nudge", "A", 100);
    assert_int_equal(tern_db_begin(db, &err), 0);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, &err), 1);
    tern_db_rollback(db);
    assert_int_equal(tern_timer_take_due(db, 500, &timer, &err), 1);
}

static void what_does_not_fit_is_refused_and_not_cut(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    char payload[257];
    memset(payload, 'x', 256);
    payload[256] = '\0';
    assert_int_equal(tern_timer_set(db, "nudge", "A", 1, payload, &err), -1);
    assert_non_null(strstr(err.text, "longer"));
    payload[255] = '\0';
    assert_int_equal(tern_timer_set(db, "nudge", "A", 1, payload, &err), 0);
    assert_int_equal(tern_timer_set(db, "a kind of more than thirty-one letters", "A", 1, "", &err), -1);
    payload[65] = '\0';
    assert_int_equal(tern_timer_set(db, "nudge", payload, 1, "", &err), -1);
}

static int do_all(struct tern_db *db, void *self, struct tern_error *err)
{
    int64_t due;
    return tern_timer_set(db, "nudge", "B", 1, "", err) < 0 || tern_timer_next_due(db, &due, err) < 0 ||
                   tern_timer_take_due(db, 10, self, err) < 0 || tern_timer_clear(db, "nudge", "B", err) < 0
               ? -1
               : 0;
}

static void a_store_that_fails_is_told_and_no_timer_is_lost(void **state)
{
    struct tern_db *db = *state;
    struct tern_timer timer = {.key = "untouched"};
    set_timer(db, "nudge", "A", 100);
    test_store_fail_each(db, do_all, &timer);
    assert_string_equal(timer.key, "B");
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM timer WHERE key = 'A'"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(due_timers_come_earliest_first_and_once),
        T(setting_a_timer_again_moves_it),
        T(a_missing_timer_is_set_and_one_that_is_there_stays),
        T(timers_of_one_kind_are_pulled_in_and_the_earlier_ones_stay),
        T(a_cleared_timer_does_not_fire),
        T(a_timer_whose_function_is_undone_fires_again),
        T(what_does_not_fit_is_refused_and_not_cut),
        T(a_store_that_fails_is_told_and_no_timer_is_lost),
    };
    return cmocka_run_group_tests_name("timers", tests, NULL, NULL);
}
