/* test_online.c - the time that passes only while both links are up. */
#include "common/store/store.h"
#include "common/work/links.h"
#include "store.h"
#include "tern_test.h"

static int64_t steady_ms;

static int64_t by_hand(void *self)
{
    (void)self;
    return steady_ms;
}

static const struct tern_clock clock_by_hand = {by_hand, by_hand, NULL};

struct world {
    struct tern_work_queue queue;
    struct tern_links links;
};

static void open_world(struct world *world, int64_t total_ms)
{
    tern_work_init(&world->queue, &clock_by_hand);
    tern_links_init(&world->links, &world->queue, NULL, NULL);
    world->links.online.total_ms = total_ms;
}

static void close_world(struct world *world)
{
    tern_links_fini(&world->links);
    tern_work_fini(&world->queue);
}

/* True: the service has just come online, and the writer was woken for it. */
static bool set(struct world *world, enum tern_link link, bool up, int64_t at_ms)
{
    steady_ms = at_ms;
    if (up)
        tern_links_connected(&world->links, link);
    else
        tern_links_lost(&world->links, link, TERN_AMQP_OTHER, "gone");
    return tern_work_take_wake(&world->queue);
}

static int64_t online_ms(struct world *world, int64_t at_ms)
{
    steady_ms = at_ms;
    return tern_links_online_ms(&world->links);
}

static void time_passes_only_while_both_links_are_up(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 1000);
    assert_int_equal(online_ms(&world, 5000), 1000);
    assert_false(set(&world, TERN_LINK_CONSUMER, true, 5000));
    assert_int_equal(online_ms(&world, 6000), 1000);
    assert_false(tern_links_online(&world.links));
    assert_true(set(&world, TERN_LINK_PUBLISHER, true, 6000));  /* it has come online */
    assert_false(set(&world, TERN_LINK_PUBLISHER, true, 6500)); /* said twice, it is no news */
    assert_int_equal(online_ms(&world, 7000), 2000);
    assert_true(tern_links_online(&world.links));
    assert_false(set(&world, TERN_LINK_CONSUMER, false, 7500));
    assert_int_equal(online_ms(&world, 99000), 2500);
    assert_true(set(&world, TERN_LINK_CONSUMER, true, 100000));
    assert_int_equal(online_ms(&world, 100001), 2501);
    close_world(&world);
}

static void a_broker_that_takes_nothing_stops_it(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 0);
    (void)set(&world, TERN_LINK_CONSUMER, true, 1000);
    (void)set(&world, TERN_LINK_PUBLISHER, true, 1000);
    steady_ms = 2000;
    tern_links_blocked(&world.links, true, "low on memory");
    assert_false(tern_links_online(&world.links));
    assert_int_equal(online_ms(&world, 9000), 1000);
    tern_links_blocked(&world.links, false, NULL);
    assert_true(tern_work_take_wake(&world.queue));
    assert_int_equal(online_ms(&world, 9001), 1001);
    close_world(&world);
}

static void it_never_goes_back(void **state)
{
    struct world world;
    (void)state;
    open_world(&world, 0);
    (void)set(&world, TERN_LINK_CONSUMER, true, 1000);
    (void)set(&world, TERN_LINK_PUBLISHER, true, 1000);
    assert_int_equal(online_ms(&world, 400), 0);
    (void)set(&world, TERN_LINK_PUBLISHER, false, 400);
    assert_int_equal(online_ms(&world, 400), 0);
    close_world(&world);
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
        cmocka_unit_test(a_broker_that_takes_nothing_stops_it),
        cmocka_unit_test(it_never_goes_back),
        cmocka_unit_test(what_was_saved_is_where_the_next_run_goes_on),
    };
    return cmocka_run_group_tests_name("online", tests, NULL, NULL);
}
