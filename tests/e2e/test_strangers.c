/* test_strangers.c - queues that somebody else has bound to the exchange: full and refusing, hanging, bounded as docs/EVENTS.md
 * says. The shop names the cause, keeps its log short, and goes on by itself when the stranger is gone. */
#include "suite.h"
#include "tern_test.h"

#include <stdio.h>
#include <string.h>

enum { ORDERS = 40, STALL_S = 60, HEAL_S = 150 };

#define ONE_LINE   "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}]"
#define STOCK_SUM  (50 + 5000 + 150 + 30 + 25)
#define NAME       "rabbit_misc:r(<<\"/\">>, queue, <<\"stranger\">>)"
#define DECLARE(x) "rabbit_amqqueue:declare(" NAME ", true, false, [" x "], none, <<\"test\">>), "
#define BIND                                                                                                      \
    "rabbit_binding:add({binding, rabbit_misc:r(<<\"/\">>, exchange, <<\"events\">>), <<\"#\">>, " NAME ", []}, " \
    "<<\"test\">>)."
#define PROCESS(does) "{ok, Q} = rabbit_amqqueue:lookup(" NAME "), sys:" does "(amqqueue:get_pid(Q))."

static struct suite suite;
static char ids[4 * ORDERS][64]; /* of every order */
static int placed;

static int open_suite(void **state)
{
    (void)state;
    suite_open(&suite, NULL);
    suite_start_all(&suite);
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
    const char *text;
};

static bool says(void *self)
{
    const struct readiness *wanted = self;
    struct raw_answer answer;
    suite_ask(&suite, wanted->daemon, "GET", "/readyz", "", "", &answer);
    bool found = answer.status == 200 && strstr(answer.body, wanted->text) != NULL;
    raw_answer_fini(&answer);
    return found;
}

static void readyz_says(enum suite_daemon daemon, const char *text, int patience_s)
{
    struct readiness wanted = {daemon, text};
    if (!suite_wait(patience_s, says, &wanted)) fail_msg("%s never says %s", suite_name(daemon), text);
}

static void order_service_names_the_stranger(void)
{
    readyz_says(
        SUITE_ORDER,
        "\"publishing\":{\"status\":\"warn\",\"output\":\"the broker refuses or does not confirm what is published since ",
        STALL_S);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_publish_stalled_seconds") >= 30);
}

static void it_all_ends(void)
{
    all_are_ready();
    readyz_says(SUITE_ORDER, "\"publishing\":{\"status\":\"pass\"}", HEAL_S);
}

static void test_full(void **state)
{
    (void)state;
    eval(DECLARE("{<<\"x-max-length\">>, long, 1}, {<<\"x-overflow\">>, longstr, <<\"reject-publish\">>}") BIND);
    place_many();
    place_many();
    order_service_names_the_stranger();
    assert_in_range(suite_log_lines(&suite, SUITE_ORDER, "event came back from the broker, held"), 1, 3);
    suite_await_log(&suite, SUITE_ORDER, "the broker refuses or does not confirm what is published", 1);
    real_broker_do(&suite.broker, "ctl -q delete_queue stranger", NULL, 0);
    it_all_ends();
}

static void test_hanging(void **state)
{
    (void)state;
    eval(DECLARE("") BIND);
    eval(PROCESS("suspend"));
    place_many();
    order_service_names_the_stranger();
    eval(PROCESS("resume"));
    it_all_ends();
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
        TEST(test_full, "a stranger's queue that is full and refuses is named, and is survived"),
        TEST(test_hanging, "so is one whose process hangs"),
        TEST(test_bounded, "a stranger's queue that drops its oldest costs nothing"),
        TEST(test_books, "after all of it the books balance"),
    };
    return cmocka_run_group_tests_name("queues of strangers", tests, open_suite, close_suite);
}
