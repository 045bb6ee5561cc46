/* test_rights.c - r: four users of the broker with no more rights than docs/OPERATIONS.md says, and with none to configure:
 * an administrator has declared everything, and the suite does all it should. Their password has letters beyond ASCII. */
#include "suite.h"
#include "tern_test.h"

#include "tern/base.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { STOCK_SUM = 50 + 100 + 150 + 30 + 25 };

static struct suite suite;
static int64_t placed;

/* Whose queues hear each of them, as the catalogue says. */
static const char *const hearers[SUITE_DAEMONS] = {
    [SUITE_ORDER] = "payment-service|inventory-service|notification-service",
    [SUITE_PAYMENT] = "order-service|inventory-service|notification-service",
    [SUITE_INVENTORY] = "order-service|notification-service",
    [SUITE_NOTIFICATION] = "order-service", /* nobody: nothing more than its own */
};

/* The password of the four users: secret-ä€, byte by byte for the broker, since the locale decides what rabbitmqctl reads. */
#define PASSWORD_BYTES "<<\"secret-\",195,164,226,130,172>>"
#define PASSWORD_URL   "secret-%C3%A4%E2%82%AC"
#define ADD_USERS                                                                                     \
    "[ok = rabbit_auth_backend_internal:add_user(User, " PASSWORD_BYTES ", <<\"test\">>) || User <- " \
    "[<<\"order\">>, <<\"payment\">>, <<\"inventory\">>, <<\"notification\">>]]."

static void end(enum suite_daemon daemon)
{
    suite_signal(&suite, daemon, SIGTERM);
    assert_int_equal(suite_await_end(&suite, daemon, 30), 0);
}

/* The table of docs/OPERATIONS.md; `configures` false: nothing may be configured. */
static void give_rights(enum suite_daemon daemon, bool configures)
{
    char words[1024];
    const char *who = suite_name(daemon);
    bool heard = daemon != SUITE_NOTIFICATION;
    (void)snprintf(words, sizeof words,
                   "ctl -q set_permissions -p / %s '%s%s%s%s%s' '^(events|%s-service(\\.owner(\\..*)?)?%s%s)$' "
                   "'^(events|%s-service(\\.owne[rd])?|events\\.known\\.%s-service\\..*)$'",
                   who, configures ? "^(" : "^$", configures ? who : "",
                   configures ? "-service\\.owne[rd]|events\\.known\\." : "", configures ? who : "",
                   configures ? "-service\\..*)$" : "", who, heard ? "|" : "", heard ? hearers[daemon] : "", who, who);
    real_broker_do(&suite.broker, words, NULL, 0);
}

static void start_as_users(bool configures)
{
    const char *owner = configures
                            ? "\"owner\":{\"status\":\"pass\"}"
                            : "\"owner\":{\"status\":\"warn\",\"output\":\"a second store on this queue will not";
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        char url[160];
        give_rights((enum suite_daemon)i, configures);
        (void)snprintf(url, sizeof url, "AMQP_URL=amqp://%s:%s@%s", suite_name((enum suite_daemon)i), PASSWORD_URL,
                       strrchr(suite.broker.url, '@') + 1);
        suite_start(&suite, (enum suite_daemon)i, url);
    }
    for (int i = 0; i < SUITE_DAEMONS; i++)
        suite_await_answer(&suite, (enum suite_daemon)i, "/readyz", 200, owner);
}

static int open_suite(void **state)
{
    (void)state;
    placed = 0;
    suite_open(&suite, NULL);
    suite_start(&suite, SUITE_NOTIFICATION, NULL); /* as the administrator, who declares all of it */
    suite_await_ready(&suite, SUITE_NOTIFICATION);
    end(SUITE_NOTIFICATION);
    real_broker_do(&suite.broker, "ctl -q eval '" ADD_USERS "'", NULL, 0);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_close(&suite);
    return 0;
}

static void place(const char *token, const char *product, const char *status)
{
    char id[64], items[128];
    (void)snprintf(items, sizeof items, "[{\"productId\":\"%s\",\"quantity\":%d,\"price\":5}]", product,
                   strcmp(product, "PROD-105") == 0 ? 9999 : 1);
    suite_place(&suite, token, items, id);
    suite_await_status(&suite, id, status);
    placed++;
}

static void all_paths_end(void)
{
    place("tok_ok", "PROD-101", "READY_FOR_SHIPMENT");
    place("tok_declined", "PROD-102", "PAYMENT_FAILED");
    place("tok_ok", "PROD-105", "CANCELLED");
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
}

static void test_least_rights(void **state)
{
    (void)state;
    start_as_users(true);
    all_paths_end();
    for (int i = 0; i < SUITE_DAEMONS; i++) {
        assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)i, "settings were not compared with ours"), 1);
        assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)i, "nothing keeps"), 0);
        assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)i, "goes unnoticed"), 0);
        assert_int_equal(suite_metric(&suite, (enum suite_daemon)i, "tern_queue_owned"), 1);
        end((enum suite_daemon)i);
    }
}

static void test_nothing_to_configure(void **state)
{
    static const char *const off[] = {"nothing keeps a second daemon from its queue", "settings were not compared"};
    (void)state;
    start_as_users(false);
    all_paths_end();
    for (int i = 0; i < SUITE_DAEMONS; i++)
        for (size_t k = 0; k < TERN_COUNT(off); k++)
            assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)i, off[k]), 1 + (int)k);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        {"r1: with the rights of the table all guards stand",                 test_least_rights,         NULL, NULL, NULL},
        {"r2: without any right to configure it works, and says what is off", test_nothing_to_configure, NULL, NULL,
         NULL                                                                                                            },
    };
    return cmocka_run_group_tests_name("rights on the broker", tests, open_suite, close_suite);
}
