/* test_replay.c - rp: the event log published again to one queue: a new service is fed with history, an old one drops it. */
#include "suite.h"
#include "suite_bus.h"
#include "tern_test.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop/catalogue.h"

enum { ORDERS = 12, STOCK = 355, PATIENCE_S = 60 };

static struct suite suite;
static char ids[ORDERS][64];

static int open_suite(void **state)
{
    (void)state;
    suite_open(&suite, NULL);
    suite_start_all(&suite);
    for (int i = 0; i < ORDERS; i++)
        suite_place(&suite, "tok_ok", "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}]", ids[i]);
    for (int i = 0; i < ORDERS; i++)
        suite_await_status(&suite, ids[i], "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static void ask(enum suite_daemon daemon, const char *method, const char *query, const char *body, int status,
                const char *contains)
{
    struct raw_answer answer;
    char path[64];
    (void)snprintf(path, sizeof path, "/admin/replay%s", query);
    suite_ask(&suite, daemon, method, path, suite_bearer(&suite, daemon), body ? body : "", &answer);
    if (answer.status != status || !strstr(answer.text, contains))
        fail_msg("%s %s %s: not %d with %s but:\n%s", method, path, body ? body : "", status, contains, answer.text);
    raw_answer_fini(&answer);
}

/* What GET /admin/replay answers, until it says `contains`. */
struct look {
    enum suite_daemon daemon;
    const char *contains;
    char text[2048];
};

static bool says(void *self)
{
    struct look *look = self;
    struct raw_answer answer;
    suite_ask(&suite, look->daemon, "GET", "/admin/replay", suite_bearer(&suite, look->daemon), "", &answer);
    (void)snprintf(look->text, sizeof look->text, "%s", answer.body);
    raw_answer_fini(&answer);
    return strstr(look->text, look->contains) != NULL;
}

static void await(struct look *look)
{
    if (!suite_wait(PATIENCE_S, says, look)) fail_msg("not %s but %s", look->contains, look->text);
}

static void await_done(enum suite_daemon daemon)
{
    struct look look = {.daemon = daemon, .contains = "\"state\":\"done\""};
    await(&look);
}

static int64_t own_rows(enum suite_daemon daemon)
{
    return suite_store_number(&suite, daemon, "SELECT count(*) FROM event_log WHERE origin = 1");
}

struct arrival {
    struct suite_bus *bus;
    size_t count;
};

static bool have_arrived(void *self)
{
    const struct arrival *arrival = self;
    return suite_bus_count(arrival->bus) >= arrival->count;
}

static void await_arrival(struct suite_bus *bus, int64_t count)
{
    struct arrival arrival = {bus, (size_t)count};
    if (!suite_wait(PATIENCE_S, have_arrived, &arrival))
        fail_msg("%zu of %lld have arrived", suite_bus_count(bus), (long long)count);
}

/* ---- tests ------------------------------------------------------------------------------------------------------- */

static void a_new_queue_is_fed_with_the_history_as_it_was_published(void **state)
{
    struct suite_bus *bus = suite_bus_open_queue(suite.broker.url, "history");
    int64_t rows = own_rows(SUITE_ORDER);
    (void)state;
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"history\",\"from\":1}", 202, "\"state\":\"");
    await_done(SUITE_ORDER);
    await_arrival(bus, rows);
    for (int64_t i = 0; i < rows; i++) {
        const struct suite_heard *heard = suite_bus_heard(bus, (size_t)i);
        char sql[4096];
        assert_string_equal(heard->key, "history");
        assert_true(heard->replayed);
        assert_false(heard->numbered);
        (void)snprintf(
            sql, sizeof sql,
            "SELECT count(*) FROM event_log WHERE origin = 1 AND event_id = '%s' AND type = '%s' AND body = '%.*s'",
            heard->message_id, heard->type, (int)heard->length, heard->body);
        assert_int_equal(suite_store_number(&suite, SUITE_ORDER, sql), 1);
    }
    assert_int_equal(suite_bus_count(bus), rows);
    suite_bus_close(bus);
}

static void a_dry_run_counts_what_passes_and_publishes_nothing(void **state)
{
    char body[256], counted[128];
    (void)state;
    (void)snprintf(counted, sizeof counted, "\"published\":%d,\"byType\":{\"OrderPlaced\":%d}", ORDERS, ORDERS);
    ask(SUITE_ORDER, "POST", "?dryRun=true", "{\"queue\":\"nobody\",\"since\":\"1h\",\"types\":\"OrderPlaced\"}", 202,
        "");
    await_done(SUITE_ORDER);
    ask(SUITE_ORDER, "GET", "", NULL, 200, counted);
    (void)snprintf(body, sizeof body, "{\"queue\":\"nobody\",\"from\":1,\"subject\":\"%s\"}", ids[0]);
    ask(SUITE_ORDER, "POST", "?dryRun=true", body, 202, "");
    await_done(SUITE_ORDER);
    ask(SUITE_ORDER, "GET", "", NULL, 200, "\"byType\":{\"OrderPlaced\":1,\"OrderUpdated\":2}}");
    ask(SUITE_ORDER, "POST", "?dryRun=true", "{\"queue\":\"nobody\",\"from\":1,\"until\":\"1h\"}", 202, "");
    await_done(SUITE_ORDER);
    ask(SUITE_ORDER, "GET", "", NULL, 200, "\"published\":0,\"byType\":{}}");
}

static void the_services_of_the_shop_drop_what_they_have_had(void **state)
{
    static const char *const queues[] = {SHOP_SERVICE_PAYMENT, SHOP_SERVICE_INVENTORY, SHOP_SERVICE_NOTIFICATION};
    double letters = suite_metric_sum(&suite, SUITE_NOTIFICATION, "tern_messages_published_total");
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(queues); i++) {
        char body[128];
        (void)snprintf(body, sizeof body, "{\"queue\":\"%s\",\"since\":\"1h\"}", queues[i]);
        ask(SUITE_ORDER, "POST", "", body, 202, "");
        await_done(SUITE_ORDER);
    }
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_inbox_duplicates_total", ORDERS);
    suite_await_rest(&suite);
    suite_check_books(&suite, ORDERS, STOCK);
    assert_true(suite_metric_sum(&suite, SUITE_NOTIFICATION, "tern_messages_published_total") == letters);
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++) {
        assert_true(suite_metric_sum(&suite, (enum suite_daemon)daemon, "tern_events_missed_total") <= 0);
        suite_await_ready(&suite, (enum suite_daemon)daemon);
    }
}

static void a_replay_that_was_cut_off_goes_on_from_its_position(void **state)
{
    struct look look = {.daemon = SUITE_ORDER, .contains = "\"published\":1"}; /* 1, or 10 to 19 */
    char body[128], position[32] = "";
    int64_t rows = own_rows(SUITE_ORDER);
    struct suite_bus *bus = suite_bus_open_queue(suite.broker.url, "again");
    (void)state;
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"again\",\"from\":1,\"rate\":10}", 202, "");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"again\",\"from\":1}", 409, "A replay runs already");
    await(&look);
    assert_true(sscanf(strstr(look.text, "\"position\":"), "\"position\":%31[0-9]", position) == 1);
    suite_signal(&suite, SUITE_ORDER, SIGKILL);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, PATIENCE_S), 128 + SIGKILL);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    ask(SUITE_ORDER, "GET", "", NULL, 200, "{\"state\":\"idle\"}");
    (void)snprintf(body, sizeof body, "{\"queue\":\"again\",\"from\":%lld}", strtoll(position, NULL, 10) + 1);
    ask(SUITE_ORDER, "POST", "", body, 202, "");
    await_done(SUITE_ORDER);
    await_arrival(bus, rows);
    suite_bus_close(bus);
}

static void a_replay_is_ended_by_a_person_and_by_a_stop(void **state)
{
    (void)state;
    struct suite_bus *bus = suite_bus_open_queue(suite.broker.url, "slow");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"slow\",\"from\":1,\"rate\":1}", 202, "\"rate\":1,");
    ask(SUITE_ORDER, "DELETE", "", NULL, 200, "\"state\":\"stopped\"");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"slow\",\"from\":1,\"rate\":1}", 202, "");
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, PATIENCE_S), 0);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    suite_bus_close(bus);
}

static void what_cannot_be_replayed_is_said_in_a_sentence(void **state)
{
    struct look look = {.daemon = SUITE_ORDER, .contains = "\"state\":\"failed\""};
    (void)state;
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"nobody\",\"from\":1}", 202, "");
    await(&look);
    assert_non_null(strstr(look.text, "no queue 'nobody'"));
    ask(SUITE_ORDER, "POST", "", "{\"from\":1}", 400, "#/queue");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"\",\"from\":1}", 400, "#/queue");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\"}", 400, "must be given, or from: one of the two");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"since\":\"1h\"}", 400, "one of the two");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":0}", 400, "#/from");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"since\":\"2026-11-01T00:00:00\"}", 400, "#/since");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"since\":\"9999-01-01T00:00:00Z\"}", 400, "not in the future");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"until\":\"soon\"}", 400, "#/until");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"types\":\"OrderPlaced,Rubbish\"}", 400, "Rubbish");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"types\":\"PaymentFailed\"}", 400,
        "order-service publishes no event");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"rate\":0}", 400, "#/rate");
    ask(SUITE_ORDER, "POST", "", "{\"queue\":\"q\",\"from\":1,\"everybody\":true}", 400, "#/everybody");
    ask(SUITE_ORDER, "POST", "?dryRun=maybe", "{\"queue\":\"q\",\"from\":1}", 400, "dryRun must be true or false.");
}

/* The exit status of order-service with these flags, on the store and the broker of the suite. */
static int run_order_service(const char *flags)
{
    char command[1024];
    (void)snprintf(command, sizeof command,
                   "AMQP_URL='%s' DATABASE_URL=sqlite:%s/order.db '%s/order-service' %s >%s/replay.out 2>&1",
                   suite.broker.url, suite.folder, TERN_BIN_DIR, flags, suite.folder);
    return WEXITSTATUS(system(command));
}

static void a_service_that_does_not_run_replays_by_its_command_line(void **state)
{
    char command[256];
    int64_t rows = own_rows(SUITE_ORDER);
    struct suite_bus *bus = suite_bus_open_queue(suite.broker.url, "offline");
    (void)state;
    assert_int_not_equal(run_order_service("--replay-to offline --replay-from 1"), 0); /* it runs */
    assert_int_equal(suite_bus_count(bus), 0);
    suite_signal(&suite, SUITE_ORDER, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_ORDER, PATIENCE_S), 0);
    assert_int_equal(run_order_service("--replay-to offline"), 1);
    (void)snprintf(command, sizeof command, "grep -q -- '--replay-since must be given' %s/replay.out", suite.folder);
    assert_int_equal(system(command), 0);
    assert_int_equal(run_order_service("--replay-to offline --replay-from 1"), 0);
    await_arrival(bus, rows);
    (void)snprintf(command, sizeof command, "grep -q '\"state\":\"done\"' %s/replay.out", suite.folder);
    assert_int_equal(system(command), 0);
    suite_start(&suite, SUITE_ORDER, NULL);
    suite_await_ready(&suite, SUITE_ORDER);
    suite_bus_close(bus);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_queue_is_fed_with_the_history_as_it_was_published),
        cmocka_unit_test(a_dry_run_counts_what_passes_and_publishes_nothing),
        cmocka_unit_test(the_services_of_the_shop_drop_what_they_have_had),
        cmocka_unit_test(a_replay_that_was_cut_off_goes_on_from_its_position),
        cmocka_unit_test(a_replay_is_ended_by_a_person_and_by_a_stop),
        cmocka_unit_test(what_cannot_be_replayed_is_said_in_a_sentence),
        cmocka_unit_test(a_service_that_does_not_run_replays_by_its_command_line),
    };
    return cmocka_run_group_tests_name("rp", tests, open_suite, close_suite);
}
