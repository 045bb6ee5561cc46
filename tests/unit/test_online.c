/* test_online.c - the time that passes only while both links are up. */
#include "common/service/online.h"
#include "store.h"
#include "tern/timers.h"
#include "tern_test.h"

static void time_passes_only_while_both_links_are_up(void **state)
{
    struct tern_online online;
    (void)state;
    tern_online_init(&online, 1000);
    assert_int_equal(tern_online_ms(&online, 5000), 1000);
    assert_false(tern_online_set(&online, TERN_ONLINE_CONSUMER, true, 5000));
    assert_int_equal(tern_online_ms(&online, 6000), 1000);
    assert_false(tern_online_now(&online));
    assert_true(tern_online_set(&online, TERN_ONLINE_PUBLISHER, true, 6000));  /* it has come online */
    assert_false(tern_online_set(&online, TERN_ONLINE_PUBLISHER, true, 6500)); /* said twice, it is no news */
    assert_int_equal(tern_online_ms(&online, 7000), 2000);
    assert_true(tern_online_now(&online));
    assert_false(tern_online_set(&online, TERN_ONLINE_CONSUMER, false, 7500));
    assert_int_equal(tern_online_ms(&online, 99000), 2500);
    assert_true(tern_online_set(&online, TERN_ONLINE_CONSUMER, true, 100000));
    assert_int_equal(tern_online_ms(&online, 100001), 2501);
    tern_online_fini(&online);
}

static void it_never_goes_back(void **state)
{
    struct tern_online online;
    (void)state;
    tern_online_init(&online, 0);
    (void)tern_online_set(&online, TERN_ONLINE_CONSUMER, true, 1000);
    (void)tern_online_set(&online, TERN_ONLINE_PUBLISHER, true, 1000);
    assert_int_equal(tern_online_ms(&online, 400), 0);
    (void)tern_online_set(&online, TERN_ONLINE_PUBLISHER, false, 400);
    assert_int_equal(tern_online_ms(&online, 400), 0);
    tern_online_fini(&online);
}

static void what_was_saved_is_where_the_next_run_goes_on(void **state)
{
    struct tern_db *db = test_store_open();
    int64_t total_ms = -1;
    (void)state;
    assert_int_equal(tern_online_load(db, &total_ms, NULL), 0);
    assert_int_equal(total_ms, 0);
    assert_int_equal(tern_online_save(db, 12345, NULL), 0);
    assert_int_equal(tern_online_save(db, 12000, NULL), 0); /* it never goes back here either */
    assert_int_equal(tern_online_load(db, &total_ms, NULL), 0);
    assert_int_equal(total_ms, 12345);
    tern_db_close(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(time_passes_only_while_both_links_are_up),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(what_was_saved_is_where_the_next_run_goes_on),
    };
    return cmocka_run_group_tests_name("online", tests, NULL, NULL);
}
