/* test_gateway.c - real daemons and a real gateway over HTTP that fails in every way: nobody pays twice, nobody's money stays.
 *
 * What counts is the gateway's own ledger: one capture for each order that is paid, and one refund for each that did not
 * come to be. Needs a build with TERN_CHAOS for the kills. */
#include "common/store/store.h"
#include "suite.h"
#include "suite_gateway.h"
#include "tern/db.h"
#include "tern_test.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

enum { SLOW_ORDERS = 120, DOWN_ORDERS = 4, IDS_MAX = 256, DIES_WITHIN_S = 30 };

#define ONE_LINE      "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":19.99}]"
#define TOO_MUCH      "[{\"productId\":\"PROD-105\",\"quantity\":9999,\"price\":1.50}]"
#define FREE_LINE     "[{\"productId\":\"PROD-102\",\"quantity\":1,\"price\":0.00}]"
#define FREE_TOO_MUCH "[{\"productId\":\"PROD-105\",\"quantity\":9999,\"price\":0}]"
#define STOCK         5000
#define STOCK_SUM     (50 + STOCK + 150 + 30 + 25)

static struct suite suite;
static struct suite_gateway gateway;
static char ids[IDS_MAX][64]; /* of every order */
static int placed;

static int open_suite(void **state)
{
    static char url[96];
    static const char key[] = "PAYMENT_GATEWAY_KEY=" SUITE_GATEWAY_KEY;
    static const char *const settings[] = {url,
                                           key,
                                           "PAYMENT_GATEWAY_TIMEOUT_MS=1000",
                                           "PAYMENT_LATE_CHECK_S=1",
                                           "RETRY_MAX_ATTEMPTS=3",
                                           "RETRY_BACKOFF_MS=50",
                                           NULL};
    (void)state;
    suite_open(&suite, settings);
    suite_gateway_start(&gateway, &suite);
    (void)snprintf(url, sizeof url, "PAYMENT_GATEWAY_URL=%s", gateway.url);
    suite_start_all(&suite);
    suite_put_stock(&suite, "PROD-102", "{\"quantity\":5000}");
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_gateway_kill(&gateway);
    suite_close(&suite);
    return 0;
}

static const char *place(const char *token, const char *items)
{
    assert_true(placed < IDS_MAX);
    suite_place(&suite, token, items, ids[placed]);
    return ids[placed++];
}

static int entries(const char *what, const char *id)
{
    return suite_gateway_entries(&gateway, what, id);
}

static void payment_says(const char *id, const char *text)
{
    char path[96];
    (void)snprintf(path, sizeof path, "/payments/%s", id);
    suite_await_answer(&suite, SUITE_PAYMENT, path, 200, text);
}

static void cancel(const char *id)
{
    struct raw_answer answer;
    char path[96];
    (void)snprintf(path, sizeof path, "/orders/%s/cancel", id);
    suite_ask(&suite, SUITE_ORDER, "POST", path, "", "{}", &answer);
    assert_int_equal(answer.status, 202);
    raw_answer_fini(&answer);
}

/* ---- a gateway that works ---- */

static void test_success(void **state)
{
    const char *id = place("tok_ok", ONE_LINE);
    (void)state;
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    assert_int_equal(entries("capture", id), 1);
    payment_says(id, "\"transactionId\":\"ch_");
    assert_int_equal(suite_gateway_requests(&gateway, "charge"), 1);
    assert_int_equal(suite_gateway_requests(&gateway, "look"), 0);
}

static void test_decline(void **state)
{
    const char *id = place("tok_declined", ONE_LINE);
    (void)state;
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    payment_says(id, "\"status\":\"FAILED\"");
    payment_says(id, "\"error\":\"card declined\"");
    assert_int_equal(entries("decline", id), 1);
    assert_int_equal(entries("capture", id), 0);
}

static void test_slow(void **state)
{
    int first = placed;
    (void)state;
    suite_gateway_fault(&gateway, "{\"charge.slow\":1,\"slow_ms\":\"500-900\"}");
    for (int i = 0; i < SLOW_ORDERS; i++)
        (void)place("tok_ok", ONE_LINE);
    for (int i = first; i < placed; i++)
        suite_await_status(&suite, ids[i], "READY_FOR_SHIPMENT"); /* one by one they would take a minute and a half */
    suite_gateway_fault(&gateway, "{\"charge.slow\":0}");
}

static void test_free_order(void **state)
{
    int charges = suite_gateway_requests(&gateway, "charge"), refunds = suite_gateway_requests(&gateway, "refund");
    (void)state;
    const char *paid = place("tok_declined", FREE_LINE);
    suite_await_status(&suite, paid, "READY_FOR_SHIPMENT");
    payment_says(paid, "\"transactionId\":\"TXN-free-ORD-");
    cancel(paid);
    suite_await_status(&suite, paid, "CANCELLED");
    payment_says(paid, "\"status\":\"VOIDED\"");
    const char *kept = place("", FREE_LINE);
    suite_await_status(&suite, kept, "READY_FOR_SHIPMENT");
    const char *too_much = place("", FREE_TOO_MUCH);
    suite_await_status(&suite, too_much, "CANCELLED"); /* out of stock, without money to wait for */
    assert_int_equal(suite_gateway_requests(&gateway, "charge"), charges);
    assert_int_equal(suite_gateway_requests(&gateway, "refund"), refunds);
}

static void test_definite_no(void **state)
{
    static const struct {
        const char *fault, *reason;
    } rows[] = {
        {"{\"charge.400\":\"1x\"}", "\"error\":\"this card is of no use here\"" },
        {"{\"charge.422\":\"1x\"}", "\"error\":\"this token is of no use here\""},
    };
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int charges = suite_gateway_requests(&gateway, "charge");
        suite_gateway_fault(&gateway, rows[i].fault);
        const char *id = place("tok_ok", ONE_LINE);
        suite_await_status(&suite, id, "PAYMENT_FAILED");
        payment_says(id, "\"status\":\"FAILED\"");
        payment_says(id, rows[i].reason);
        assert_int_equal(suite_gateway_requests(&gateway, "charge"), charges + 1); /* asking again changes no no */
        assert_int_equal(entries("capture", id), 0);
    }
}

static void test_refused_key(void **state)
{
    (void)state;
    suite_gateway_fault(&gateway, "{\"401\":1}");
    const char *id = place("tok_ok", ONE_LINE);
    suite_await_answer(&suite, SUITE_PAYMENT, "/readyz", 200,
                       "\"status\":\"warn\",\"output\":\"the gateway does not know our");
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_jobs_total{kind=\"charge\",result=\"again\"}",
                       6); /* beyond all attempts */
    payment_says(id, "\"status\":\"PENDING\"");
    suite_gateway_fault(&gateway, "{\"401\":0}");
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_await_answer(&suite, SUITE_PAYMENT, "/readyz", 200, "{\"status\":\"pass\"");
    assert_int_equal(entries("capture", id), 1);
}

/* ---- one that does not ---- */

static void test_faults(void **state)
{
    static const char *const faults[] = {
        "{\"charge.500_before\":\"2x\"}",    "{\"charge.500_after\":\"1x\"}",
        "{\"charge.429\":\"1x\"}",           "{\"charge.reset_before\":\"2x\"}",
        "{\"charge.reset_after\":\"2x\"}",   "{\"charge.malformed\":\"1x\"}",
        "{\"charge.oversized\":\"1x\"}",     "{\"charge.wrong_shape\":\"1x\"}",
        "{\"charge.silent_before\":\"1x\"}", "{\"charge.500_after\":\"1x\",\"look.500_before\":\"1x\"}",
    };
    (void)state;
    for (size_t i = 0; i < sizeof faults / sizeof faults[0]; i++) {
        suite_gateway_fault(&gateway, faults[i]);
        const char *id = place("tok_ok", ONE_LINE);
        suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
        assert_int_equal(entries("capture", id), 1);
    }
}

static void test_charged_without_an_answer(void **state)
{
    int charges = suite_gateway_requests(&gateway, "charge"), looks = suite_gateway_requests(&gateway, "look");
    (void)state;
    suite_gateway_fault(&gateway, "{\"charge.silent_after\":\"1x\"}");
    const char *id = place("tok_ok", ONE_LINE);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    assert_int_equal(entries("capture", id), 1);
    assert_int_equal(suite_gateway_requests(&gateway, "charge"), charges + 1);
    assert_int_equal(suite_gateway_requests(&gateway, "look"), looks + 1);
}

static void test_refund_fails(void **state)
{
    (void)state;
    suite_gateway_fault(&gateway, "{\"refund.500_before\":1}");
    const char *id = place("tok_ok", TOO_MUCH);
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_payment_refunds_failing", 1);
    payment_says(id, "\"status\":\"REFUNDING\"");
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_payment_refunds_outstanding") == 1);
    suite_gateway_fault(&gateway,
                        "{\"refund.500_before\":\"3x\",\"refund.500_after\":\"1x\",\"refund.reset_after\":\"1x\"}");
    suite_await_status(&suite, id, "CANCELLED");
    payment_says(id, "\"status\":\"REFUNDED\"");
    assert_int_equal(entries("refund", id), 1);
    assert_true(suite_gateway_requests(&gateway, "refund") > 5);
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_payment_refunds_outstanding") == 0);
}

static void test_gateway_down(void **state)
{
    int first = placed;
    (void)state;
    suite_gateway_kill(&gateway);
    for (int i = 0; i < DOWN_ORDERS; i++)
        (void)place("tok_ok", ONE_LINE);
    /* More failures than there are attempts: no number of them makes an error of it. */
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_jobs_total{kind=\"charge\",result=\"again\"}", 6 * DOWN_ORDERS);
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_payment_charges_unresolved", DOWN_ORDERS);
    for (int i = first; i < placed; i++)
        payment_says(ids[i], "\"status\":\"PENDING\"");
    suite_gateway_start(&gateway, &suite);
    for (int i = first; i < placed; i++)
        suite_await_status(&suite, ids[i], "READY_FOR_SHIPMENT");
}

/* ---- kill -9 ---- */

static bool has_died(void *self)
{
    (void)self;
    return suite_ended(&suite, SUITE_PAYMENT);
}

static void restart_payment(const char *extra)
{
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 20), 0);
    suite_start(&suite, SUITE_PAYMENT, extra);
    suite_await_ready(&suite, SUITE_PAYMENT);
}

/* The first pass of a charge sends it, the second takes the answer. */
static void test_kills(void **state)
{
    static const char *const points[] = {
        "TERN_CHAOS_KILL=job.before_run:1",
        "TERN_CHAOS_KILL=job.before_run:2",
        "TERN_CHAOS_KILL=job.after_run_before_commit:1",
        "TERN_CHAOS_KILL=job.after_run_before_commit:2",
    };
    (void)state;
    for (size_t i = 0; i < sizeof points / sizeof points[0]; i++) {
        restart_payment(points[i]);
        const char *id = place("tok_ok", ONE_LINE);
        if (!suite_wait(DIES_WITHIN_S, has_died, NULL)) fail_msg("%s: was never passed", points[i]);
        assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 5), 128 + SIGKILL);
        suite_start(&suite, SUITE_PAYMENT, NULL);
        suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
        assert_int_equal(entries("capture", id), 1);
    }
}

/* ---- late money ---- */

static void test_late_money(void **state)
{
    struct raw_answer answer;
    (void)state;
    suite_gateway_fault(&gateway, "{\"charge.late\":1,\"late_ms\":\"600000\"}");
    const char *id = place("", ONE_LINE);
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    payment_says(id, "\"status\":\"ERROR\"");
    assert_int_equal(entries("capture", id), 0);
    suite_gateway_fault(&gateway, "{\"charge.late\":0}");
    suite_gateway_ask(&gateway, "/land", "{}", &answer); /* the requests that were stuck on the way */
    assert_non_null(strstr(answer.body, "\"landed\": 3"));
    raw_answer_fini(&answer);
    assert_int_equal(entries("capture", id), 1);
    payment_says(id, "\"status\":\"REFUNDED\"");
    assert_int_equal(entries("refund", id), 1);
    suite_await_status(&suite, id, "PAYMENT_FAILED");
    assert_true(suite_metric(&suite, SUITE_PAYMENT, "tern_payment_late_charges_total") == 1);
}

static void test_called_back(void **state)
{
    struct raw_answer answer;
    int charges = suite_gateway_requests(&gateway, "charge");
    (void)state;
    suite_gateway_fault(&gateway, "{\"charge.late\":1,\"late_ms\":\"600000\",\"look.500_before\":1}");
    const char *id = place("", ONE_LINE);
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_payment_charges_unresolved", 1);
    cancel(id);
    suite_await_log(&suite, SUITE_PAYMENT, "cancelled while the charge is under way", 1);
    suite_gateway_fault(&gateway, "{\"charge.late\":0,\"look.500_before\":0}");
    suite_await_status(&suite, id, "CANCELLED");
    payment_says(id, "\"status\":\"VOIDED\"");
    assert_int_equal(suite_gateway_requests(&gateway, "charge"), charges + 1); /* nobody wanted it any more */
    suite_gateway_ask(&gateway, "/land", "{}", &answer);
    raw_answer_fini(&answer);
    payment_says(id, "\"status\":\"REFUNDED\"");
    assert_int_equal(entries("capture", id), 1);
    assert_int_equal(entries("refund", id), 1);
}

/* Yesterday's store, restored: the order was charged since. */
static void forget_payment(const char *id)
{
    static const char delete_payment[] = "DELETE FROM payment WHERE order_id = ?1";
    char url[128];
    struct tern_db *db;
    struct tern_error err = {0};
    (void)snprintf(url, sizeof url, "sqlite:%s/payment.db", suite.folder);
    assert_int_equal(tern_db_open(url, &db, &err), 0);
    assert_int_equal(tern_db_begin(db, &err), 0);
    if (tern_db_run(db, delete_payment, TERN_DB_ARGS(tern_db_text(id)), &err) != 1) fail_msg("%s", err.text);
    assert_int_equal(tern_db_commit(db, &err), 0);
    tern_db_close(db);
}

static void test_charged_by_a_store_that_is_gone(void **state)
{
    (void)state;
    const char *id = place("tok_ok", ONE_LINE);
    suite_await_status(&suite, id, "READY_FOR_SHIPMENT");
    suite_signal(&suite, SUITE_PAYMENT, SIGTERM);
    assert_int_equal(suite_await_end(&suite, SUITE_PAYMENT, 20), 0);
    forget_payment(id);
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_ready(&suite, SUITE_PAYMENT);
    suite_gateway_fault(&gateway, "{\"look.500_before\":1}");
    cancel(id);
    suite_await_log(&suite, SUITE_PAYMENT, "the gateway is asked whether anything was charged", 1);
    suite_await_metric(&suite, SUITE_PAYMENT, "tern_payment_charges_unresolved", 1);
    payment_says(id, "\"status\":\"PENDING\"");
    suite_signal(&suite, SUITE_PAYMENT, SIGKILL); /* the question outlives it */
    (void)suite_await_end(&suite, SUITE_PAYMENT, 5);
    suite_gateway_fault(&gateway, "{\"look.500_before\":0}");
    suite_start(&suite, SUITE_PAYMENT, NULL);
    suite_await_status(&suite, id, "CANCELLED");
    payment_says(id, "\"status\":\"REFUNDED\"");
    assert_int_equal(entries("capture", id), 1);
    assert_int_equal(entries("refund", id), 1);
}

/* ---- the books ---- */

static bool keeps_money(const char *id)
{
    char sql[256];
    (void)snprintf(
        sql, sizeof sql,
        "SELECT count(*) FROM orders WHERE order_id = '%.64s' AND status = 'READY_FOR_SHIPMENT' AND total_minor > 0",
        id);
    return suite_store_number(&suite, SUITE_ORDER, sql) == 1;
}

static void test_books(void **state)
{
    (void)state;
    suite_await_rest(&suite);
    suite_check_books(&suite, placed, STOCK_SUM);
    for (int i = 0; i < placed; i++) {
        int captured = entries("capture", ids[i]), refunded = entries("refund", ids[i]);
        if (captured > 1 || refunded > 1 || captured - refunded != keeps_money(ids[i]))
            fail_msg("order %s: %d captures, %d refunds", ids[i], captured, refunded);
    }
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++)
        assert_int_equal(suite_log_lines(&suite, (enum suite_daemon)daemon, SUITE_GATEWAY_KEY), 0);
}

#define TEST(function, sentence)             \
    {                                        \
        sentence, function, NULL, NULL, NULL \
    }

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_success, "an order is charged with one request"),
        TEST(test_decline, "a declined card is a failed payment"),
        TEST(test_slow, "many slow charges are under way at the same time"),
        TEST(test_free_order, "no gateway is asked about a free order"),
        TEST(test_definite_no, "a request that the gateway refuses fails at once, with its reason"),
        TEST(test_refused_key, "a key that the gateway refuses fails nobody's order, and is seen"),
        TEST(test_faults, "whatever goes wrong with a charge, it is made once"),
        TEST(test_charged_without_an_answer, "a charge that was never answered is found by its key, not made again"),
        TEST(test_refund_fails, "a refund is tried until it succeeds, and is seen meanwhile"),
        TEST(test_gateway_down, "while the gateway is away charges stay pending, and are made when it is back"),
        TEST(test_kills, "kill -9 on either side of a call leaves one charge"),
        TEST(test_late_money, "money that a gateway takes after it said it would not is paid back"),
        TEST(test_called_back, "a charge is called back when its order is cancelled while nobody knows of it"),
        TEST(test_charged_by_a_store_that_is_gone,
             "a cancel of an order that another store has charged pays it back, on the gateway's word"),
        TEST(test_books, "the gateway's ledger and the books agree"),
    };
    return cmocka_run_group_tests_name("a gateway over HTTP", tests, open_suite, close_suite);
}
