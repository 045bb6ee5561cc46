/* The inbox: each event is new once, and what is old is forgotten in small steps. */
#include "tern_test.h"

#include <stdio.h>

#include "common/inbox/inbox_store.h"
#include "common/store/store.h"
#include "store.h"
#include "tern/inbox.h"

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

static void an_event_is_new_once(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    assert_int_equal(tern_inbox_has(db, "e1", &err), 0);
    assert_int_equal(tern_inbox_add(db, "e1", 10, &err), 1);
    assert_int_equal(tern_inbox_has(db, "e1", &err), 1);
    assert_int_equal(tern_inbox_add(db, "e1", 20, &err), 0);
    assert_int_equal(tern_inbox_add(db, "e2", 20, &err), 1);
    assert_int_equal(test_store_number(db, "SELECT handled_online_ms FROM inbox WHERE event_id = 'e1'"), 10);
}

static void what_is_undone_is_new_again(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    assert_int_equal(tern_db_begin(db, &err), 0);
    assert_int_equal(tern_db_savepoint(db, &err), 0);
    assert_int_equal(tern_inbox_add(db, "e1", 10, &err), 1);
    assert_int_equal(tern_db_undo(db, &err), 0);
    assert_int_equal(tern_inbox_add(db, "e1", 10, &err), 1);
    assert_int_equal(tern_db_commit(db, &err), 0);
    assert_int_equal(tern_inbox_has(db, "e1", &err), 1);
}

static void the_oldest_are_forgotten_first_and_a_few_at_a_time(void **state)
{
    struct tern_db *db = *state;
    struct tern_error err;
    for (int i = 1; i <= 10; i++) {
        char id[16];
        snprintf(id, sizeof id, "e%d", i);
        assert_int_equal(tern_inbox_add(db, id, i, &err), 1);
    }
    assert_int_equal(tern_inbox_purge(db, 6, 3, &err), 3);
    assert_int_equal(tern_inbox_has(db, "e3", &err), 0);
    assert_int_equal(tern_inbox_has(db, "e4", &err), 1);
    assert_int_equal(tern_inbox_purge(db, 6, 100, &err), 2);
    assert_int_equal(tern_inbox_purge(db, 6, 100, &err), 0);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM inbox"), 5);
}

static int do_all(struct tern_db *db, void *self, struct tern_error *err)
{
    (void)self;
    return tern_inbox_has(db, "e9", err) < 0 || tern_inbox_add(db, "e9", 10, err) < 0 ||
                   tern_inbox_purge(db, 5, 10, err) < 0
               ? -1
               : 0;
}

static void a_store_that_fails_is_told_and_nothing_is_recorded(void **state)
{
    struct tern_db *db = *state;
    test_store_fail_each(db, do_all, NULL);
    assert_int_equal(test_store_number(db, "SELECT count(*) FROM inbox"), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        T(an_event_is_new_once),
        T(what_is_undone_is_new_again),
        T(the_oldest_are_forgotten_first_and_a_few_at_a_time),
        T(a_store_that_fails_is_told_and_nothing_is_recorded),
    };
    return cmocka_run_group_tests_name("inbox", tests, NULL, NULL);
}
