/* test_strangers.c - queues that somebody else has bound to the exchange: full and refusing, hanging, bounded as docs/EVENTS.md
 * says. The shop names the cause, keeps its log short, and goes on by itself when the stranger is gone. So it does with whoever
 * takes a queue of ours, or from it: told after the same half a minute, so it is waited for at the same time. */
#include "suite.h"
#include "suite_bus.h"
#include "tern_test.h"

#include <stdio.h>
#include <string.h>

/* What 80 orders have order-service say fits below its cap, with a few more it does not. */
enum { ORDERS = 40, ORDERS_MAX = 6 * ORDERS, STALL_S = 90, HEAL_S = 150 };

#define ONE_LINE   "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}]"
#define STOCK_SUM  (50 + 5000 + 150 + 30 + 25)
#define NAME       "rabbit_misc:r(<<\"/\">>, queue, <<\"stranger\">>)"
#define DECLARE(x) "rabbit_amqqueue:declare(" NAME ", true, false, [" x "], none, <<\"test\">>), "
#define BIND                                                                                                      \
    "rabbit_binding:add({binding, rabbit_misc:r(<<\"/\">>, exchange, <<\"events\">>), <<\"#\">>, " NAME ", []}, " \
    "<<\"test\">>)."
#define PROCESS(does) "{ok, Q} = rabbit_amqqueue:lookup(" NAME "), sys:" does "(amqqueue:get_pid(Q))."

#define SHARED    "somebody else consumes from our queue, what it takes is missing here"
#define CONNECTED "another inventory-service is connected to this broker and owns its queue; standing by"
#define OWNER     "rabbit_misc:r(<<\"/\">>, queue, <<\"inventory-service.owner\">>)"
#define DELETE_OWNER \
    "{ok, Q} = rabbit_amqqueue:lookup(" OWNER "), rabbit_amqqueue:delete(Q, false, false, <<\"test\">>)"
#define REPLACE_OWNER \
    DELETE_OWNER ", {new, _} = rabbit_amqqueue:declare(" OWNER ", false, false, [], whereis(rabbit_sup), <<\"test\">>)."

static struct suite suite;
static char ids[ORDERS_MAX][64]; /* of every order */
static int placed;

static int open_suite(void **state)
{
    (void)state;
    suite_open(&suite, NULL);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_start(&suite, (enum suite_daemon)i, i == SUITE_ORDER ? "BACKLOG_MAX=250" : NULL);
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_ready(&suite, (enum suite_daemon)i);
    suite_put_stock(&suite, "PROD-102", "{\"quantity\":5000}");
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static void place_many(void)
{
    for (int i = 0; i < ORDERS; i++)
        suite_place(&suite, "tok_ok", ONE_LINE, ids[placed++]);
}

static void all_are_ready(void)
{
    for (int i = 0; i < placed; i++)
        suite_await_status(&suite, ids[i], "READY_FOR_SHIPMENT");
}

static void eval(const char *erlang)
{
    char words[1024];
    (void)snprintf(words, sizeof words, "ctl -q eval '%s'", erlang);
    real_broker_do(&suite.broker, words, NULL, 0);
}

struct readiness {
    enum suite_daemon daemon;
    int status;
    const char *text;
};

static bool says(void *self)
{
    const struct readiness *wanted = self;
    struct raw_answer answer;
    suite_ask(&suite, wanted->daemon, "GET", "/readyz", "", "", &answer);
    bool found = answer.status == wanted->status && strstr(answer.body, wanted->text) != NULL;
    raw_answer_fini(&answer);
    return found;
}

static void readyz_says(enum suite_daemon daemon, int status, const char *text, int patience_s)
{
    struct readiness wanted = {daemon, status, text};
    if (!suite_wait(patience_s, says, &wanted)) fail_msg("%s never says %s", suite_name(daemon), text);
}

static void order_service_names_the_stranger(void)
{
    readyz_says(
        SUITE_ORDER, 200,
        "\"publishing\":{\"status\":\"warn\",\"output\":\"the broker refuses or does not confirm what is published since ",
        STALL_S);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_publish_stalled_seconds") >= 30);
}

static void it_all_ends(void)
{
    all_are_ready();
    readyz_says(SUITE_ORDER, 200, "\"publishing\":{\"status\":\"pass\"}", HEAL_S);
}

/* Until the backlog is at its cap: then no more is taken in, and what is wrong is said with its reason. */
static void place_until_refused(void)
{
    struct raw_answer answer = {0};
    do {
        raw_answer_fini(&answer);
        assert_true(placed < ORDERS_MAX - 2 * ORDERS);
        suite_ask(&suite, SUITE_ORDER, "POST", "/orders", "",
                  "{\"customerId\":\"c\",\"items\":" ONE_LINE ",\"paymentToken\":\"tok_ok\"}", &answer);
        if (answer.status == 201) suite_member(answer.body, "orderId", ids[placed++], sizeof ids[0]);
    } while (answer.status == 201);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, "too many events wait for the broker"));
    raw_answer_fini(&answer);
    readyz_says(SUITE_ORDER, 503,
                "\"backlog\":{\"status\":\"fail\",\"output\":\"too many events wait for the broker: the broker "
                "refuses or does not confirm what is published since ",
                STALL_S);
}

static void test_full(void **state)
{
    (void)state;
    struct suite_bus *thief = suite_bus_open_thief(suite.broker.url, "notification-service");
    eval(DECLARE("{<<\"x-max-length\">>, long, 1}, {<<\"x-overflow\">>, longstr, <<\"reject-publish\">>}") BIND);
    place_many();
    place_many();
    order_service_names_the_stranger();
    assert_in_range(suite_log_lines(&suite, SUITE_ORDER, "the broker returned an event"), 1, 3);
    suite_await_log(&suite, SUITE_ORDER, "the broker refuses or does not confirm what is published", 1);
    place_until_refused();
    readyz_says(SUITE_NOTIFICATION, 200, "\"owner\":{\"status\":\"warn\",\"output\":\"" SHARED, STALL_S);
    suite_await_log(&suite, SUITE_NOTIFICATION, SHARED, 1);
    suite_bus_close(thief);
    real_broker_do(&suite.broker, "ctl -q delete_queue stranger", NULL, 0);
    it_all_ends();
    readyz_says(SUITE_NOTIFICATION, 200, "\"owner\":{\"status\":\"pass\"}", STALL_S);
}

/* Nothing comes in and nothing begins, and the next one who may have it is the one who had it. */
static void inventory_service_is_displaced(void)
{
    readyz_says(SUITE_INVENTORY, 503, "\"owner\":{\"status\":\"fail\",\"output\":\"" CONNECTED, STALL_S);
    suite_await_log(&suite, SUITE_INVENTORY, "somebody else took its queue, no work is taken in and no job begins", 1);
    struct raw_answer answer;
    suite_ask(&suite, SUITE_INVENTORY, "PUT", "/inventory/PROD-101", suite_bearer(&suite, SUITE_INVENTORY),
              "{\"quantity\":50}", &answer);
    assert_int_equal(answer.status, 503);
    assert_non_null(strstr(answer.body, CONNECTED));
    raw_answer_fini(&answer);
}

static void test_hanging(void **state)
{
    (void)state;
    eval(REPLACE_OWNER);
    readyz_says(SUITE_INVENTORY, 200, "\"owner\":{\"status\":\"warn\",\"output\":\"" CONNECTED, STALL_S);
    eval(DECLARE("") BIND);
    eval(PROCESS("suspend"));
    place_many();
    order_service_names_the_stranger();
    inventory_service_is_displaced();
    eval(PROCESS("resume"));
    eval(DELETE_OWNER ".");
    it_all_ends();
    readyz_says(SUITE_INVENTORY, 200, "\"owner\":{\"status\":\"pass\"}", STALL_S);
    real_broker_do(&suite.broker, "ctl -q delete_queue stranger", NULL, 0);
}

/* The policy of docs/EVENTS.md. */
static void test_bounded(void **state)
{
    char output[1024];
    (void)state;
    real_broker_do(&suite.broker,
                   "ctl -q set_policy --apply-to queues strangers '^stranger' "
                   "'{\"max-length\":5,\"overflow\":\"drop-head\"}'",
                   NULL, 0);
    eval(DECLARE("") BIND);
    place_many();
    all_are_ready();
    real_broker_do(&suite.broker, "ctl -q list_queues name messages", output, sizeof output);
    assert_non_null(strstr(output, "stranger\t5"));
    real_broker_do(&suite.broker, "ctl -q delete_queue stranger", NULL, 0);
}

static void test_books(void **state)
{
    (void)state;
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_full, "a stranger's queue that is full and refuses is named, also at the cap, and is survived"),
        TEST(test_hanging, "so is one whose process hangs"),
        TEST(test_bounded, "a stranger's queue that drops its oldest costs nothing"),
        TEST(test_books, "after all of it the books balance"),
    };
    return cmocka_run_group_tests_name("queues of strangers", tests, open_suite, close_suite);
}
