/* test_parked.c - d: what cannot be handled, in the hands of a person: a malformed message, one of an unknown type and
 * one that the service rejects are listed, shown, tried again and discarded over HTTP, while other orders go on. */
#include "suite.h"
#include "suite_bus.h"
#include "tern_test.h"

#include <stdio.h>
#include <string.h>

#include "tern/base.h"

#define TOKEN  "Authorization: Bearer a-token-of-this-test\r\n"
#define UUID   "01a20a82-b729-723d-b48f-8e5b618ed6"
#define ITEMS  "[{\"productId\":\"PROD-103\",\"quantity\":1,\"price\":9.95}]"
#define REJECT UUID "01"

static struct suite suite;
static struct suite_bus *bus;
static bool keyed;     /* requests carry an Idempotency-Key */
static char stuck[64]; /* the order whose event is rejected */

static int open_suite(void **state)
{
    static const char *const settings[] = {"PAYMENT_DELAY_MS=0", "RETRY_BACKOFF_MS=20",
                                           "ADMIN_TOKEN=a-token-of-this-test", NULL};
    (void)state;
    suite_open(&suite, settings);
    suite_start_all(&suite);
    bus = suite_bus_open(suite.broker.url, false);
    return 0;
}

static int close_suite(void **state)
{
    (void)state;
    suite_bus_close(bus);
    suite_close(&suite);
    return 0;
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

/* The answer's status must be `status`, and `text` (if any) stand in it; its body is kept until the next call. */
static const char *ask(const char *method, const char *path, const char *body, int status, const char *text)
{
    static char kept[65536];
    struct raw_answer answer;
    char headers[256];
    (void)snprintf(headers, sizeof headers, TOKEN "%s%s", keyed ? "Idempotency-Key: k\r\n" : "",
                   body[0] || method[0] != 'P' ? "" : "Content-Length: 0\r\n");
    suite_ask(&suite, SUITE_ORDER, method, path, headers, body, &answer);
    (void)snprintf(kept, sizeof kept, "%s", answer.text ? answer.text : "");
    if (answer.status != status || (text && !strstr(kept, text)))
        fail_msg("%s %s is answered with %d, not with %d and %s: %s", method, path, answer.status, status, text, kept);
    raw_answer_fini(&answer);
    return kept;
}

static const char *list(const char *query)
{
    char path[256];
    (void)snprintf(path, sizeof path, "/admin/parked%s", query);
    return ask("GET", path, "", 200, "\"parked\":[");
}

static int count(const char *text, const char *piece)
{
    int times = 0;
    for (; (text = strstr(text, piece)) != NULL; text += strlen(piece))
        times++;
    return times;
}

static void publish(const char *type, const char *event_id, const char *subject)
{
    char body[1024];
    (void)snprintf(body, sizeof body,
                   "{\"eventId\":\"%s\",\"eventType\":\"%s\",\"timestamp\":\"2026-11-23T14:30:00.123Z\","
                   "\"producer\":\"payment-service\",\"version\":\"1.0\",\"correlationId\":\"" UUID "ff\","
                   "\"subject\":\"%s\",\"data\":{\"orderId\":\"%s\",\"paymentToken\":\"tok_very_secret\"}}",
                   event_id, type, subject, subject);
    suite_bus_publish(bus, "payment.voided", type, event_id, body, strlen(body));
}

struct seen {
    const char *path, *text;
};

static bool is_seen(void *self)
{
    const struct seen *seen = self;
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "GET", seen->path, TOKEN, "", &answer);
    bool found = answer.body && strstr(answer.body, seen->text) != NULL;
    raw_answer_fini(&answer);
    return found;
}

static void await(const char *path, const char *text)
{
    struct seen seen = {path, text};
    if (!suite_wait(30, is_seen, &seen)) fail_msg("%s never says %s", path, text);
}

/* ---- the cases ----------------------------------------------------------------------------------------------------- */

static void the_calls_need_the_token_on_every_daemon(void **state)
{
    static const char *const headers[] = {"", "Authorization: Bearer another-token\r\n", TOKEN};
    static const int wanted[] = {401, 401, 200};
    (void)state;
    for (int daemon = 0; daemon < SUITE_DAEMONS; daemon++)
        for (size_t i = 0; i < TERN_COUNT(headers); i++) {
            struct raw_answer answer;
            suite_ask(&suite, (enum suite_daemon)daemon, "GET", "/admin/parked", headers[i], "", &answer);
            assert_int_equal(answer.status, wanted[i]);
            if (wanted[i] == 200) assert_string_equal(answer.body, "{\"parked\":[],\"nextCursor\":null}\n");
            raw_answer_fini(&answer);
        }
    struct raw_answer answer;
    suite_ask(&suite, SUITE_ORDER, "DELETE", "/admin/parked/raw-1", "", "", &answer);
    assert_int_equal(answer.status, 401);
    raw_answer_fini(&answer);
}

static void three_kinds_are_parked_with_their_reasons_and_other_orders_go_on(void **state)
{
    char other[64];
    (void)state;
    suite_place(&suite, "tok_ok", ITEMS, stuck);
    suite_await_status(&suite, stuck, "READY_FOR_SHIPMENT");
    suite_await_rest(&suite);
    suite_bus_publish(bus, "payment.voided", "PaymentVoided", "none", "no event at all", 15);
    publish("NobodySaysThis", UUID "02", stuck);
    publish("PaymentVoided", REJECT, stuck);
    await("/admin/parked?reason=rejected", "\"eventId\""); /* the last one of the queue */

    const char *answer = list("");
    assert_int_equal(count(answer, "\"state\":\"PARKED\""), 3);
    assert_int_equal(count(answer, "\"reason\":\"malformed\""), 1);
    assert_int_equal(count(answer, "\"reason\":\"unknown_type\""), 1);
    assert_int_equal(count(answer, "\"reason\":\"rejected\""), 1);
    suite_place(&suite, "tok_ok", ITEMS, other);
    suite_await_status(&suite, other, "READY_FOR_SHIPMENT");
}

static void the_list_is_filtered_and_paged(void **state)
{
    char cursor[32], path[128];
    (void)state;
    assert_int_equal(count(list("?reason=malformed"), "\"eventId\""), 1);
    assert_int_equal(count(list("?type=NobodySaysThis&state=PARKED"), "\"eventId\""), 1);
    assert_int_equal(count(list("?subject=nobody"), "\"eventId\""), 0);
    assert_int_equal(count(list("?newerThan=1h&limit=200"), "\"eventId\""), 3);
    assert_int_equal(count(list("?olderThan=1h"), "\"eventId\""), 0);
    assert_int_equal(count(list("?olderThan=2126-01-01T00:00:00%2B01:00"), "\"eventId\""), 3);
    const char *page = list("?limit=2&newerThan=1h");
    assert_int_equal(count(page, "\"eventId\""), 2);
    suite_member(strstr(page, "\"nextCursor\""), "nextCursor", cursor, sizeof cursor);
    (void)snprintf(path, sizeof path, "Link: </admin/parked?newerThan=1h&limit=2&cursor=%s>; rel=\"next\"", cursor);
    assert_non_null(strstr(page, path));
    (void)snprintf(path, sizeof path, "?limit=1&newerThan=1h&cursor=%s", cursor);
    page = list(path);
    assert_int_equal(count(page, "\"eventId\""), 1);
    assert_non_null(strstr(page, "\"nextCursor\":null"));
    static const char *const bad[] = {"limit=0",      "limit=201",      "limit=1x",   "cursor=1",
                                      "state=parked", "olderThan=soon", "type=a%20b", "page=2"};
    for (size_t i = 0; i < TERN_COUNT(bad); i++) {
        (void)snprintf(path, sizeof path, "/admin/parked?%s", bad[i]);
        (void)ask("GET", path, "", 400, "\"Invalid query\"");
    }
}

static void a_message_is_shown_as_it_came_without_its_secrets(void **state)
{
    (void)state;
    (void)ask("GET", "/admin/parked/raw-1", "", 200,
              "\"encoding\":\"text\",\"message\":\"no event at all\",\"acts\":[]}");
    const char *answer =
        ask("GET", "/admin/parked/" REJECT, "", 200, "\"encoding\":\"json\",\"message\":{\"eventId\":\"" REJECT);
    assert_non_null(strstr(answer, "\"paymentToken\":\"***\""));
    assert_null(strstr(answer, "tok_very_secret"));
    (void)ask("GET", "/admin/parked/" UUID "09", "", 404, "\"Message not found\"");
    (void)ask("GET", "/admin/parked/retry", "", 404, NULL);
}

/* All three are tried: none can be handled, each is parked again with one attempt. */
static void what_cannot_be_handled_is_parked_again_when_retried(void **state)
{
    (void)state;
    (void)ask("POST", "/admin/parked/raw-1/retry", "", 202, "{\"eventId\":\"raw-1\",\"state\":\"RETRY\"}");
    await("/admin/parked/raw-1", "\"state\":\"PARKED\",\"reason\":\"malformed\"");
    (void)ask("POST", "/admin/parked/" REJECT "/retry", "", 202, REJECT);
    await("/admin/parked/" REJECT, "\"state\":\"PARKED\",\"reason\":\"rejected\"");
    (void)ask("POST", "/admin/parked/retry", "{\"reason\":\"unknown_type\",\"newerThan\":\"1h\",\"limit\":10}", 200,
              "{\"retried\":1}");
    await("/admin/parked?reason=unknown_type", "\"state\":\"PARKED\",\"reason\":\"unknown_type\"");
    (void)ask("POST", "/admin/parked/retry", "{\"olderThan\":\"1h\"}", 200, "{\"retried\":0}");
    keyed = true; /* what was parked meanwhile is not touched by a repetition, which hears what the first one heard */
    (void)ask("POST", "/admin/parked/retry", "{\"reason\":\"none\"}", 200, "{\"retried\":0}");
    assert_non_null(strstr(ask("POST", "/admin/parked/retry", "{\"reason\":\"none\"}", 200, "{\"retried\":0}"),
                           "Idempotency-Replayed: true"));
    (void)ask("POST", "/admin/parked/retry", "", 422, "Idempotency-Key reused");
    (void)ask("POST", "/admin/parked/" UUID "09/retry", "", 404, "\"requestId\":\"");
    keyed = false;
    (void)ask("POST", "/admin/parked/retry", "", 200, "{\"retried\":3}");
    await("/admin/parked/" REJECT, "\"state\":\"PARKED\"");
    (void)ask("POST", "/admin/parked/retry", "{\"olderThan\":\"soon\",\"more\":1}", 400, "#/");
    (void)ask("POST", "/admin/parked/" UUID "09/retry", "", 404, NULL);
    const char *answer = ask("GET", "/admin/parked/" REJECT, "", 200, "\"attempts\":1,");
    assert_int_equal(count(answer, "\"action\":\"retry\",\"result\":\"done\""), 2);
    assert_int_equal(count(answer, "\"remote\":\"127.0.0.1\""), 2);
}

static void a_retry_with_a_key_is_one_retry(void **state)
{
    static const char tried[] = "\"action\":\"retry\",\"result\":\"done\"", again[] = "Idempotency-Replayed: true";
    (void)state;
    int before = count(ask("GET", "/admin/parked/" REJECT, "", 200, "\"state\":\"PARKED\""), tried);
    keyed = true;
    assert_null(strstr(ask("POST", "/admin/parked/" REJECT "/retry", "", 202, "{\"eventId\":\"" REJECT), again));
    await("/admin/parked/" REJECT, "\"state\":\"PARKED\"");
    assert_non_null(strstr(ask("POST", "/admin/parked/" REJECT "/retry", "", 202, "{\"eventId\":\"" REJECT), again));
    assert_int_equal(count(ask("GET", "/admin/parked/" REJECT, "", 200, "\"state\":\"PARKED\""), tried), before + 1);
    (void)ask("POST", "/admin/parked/" REJECT "/retry", "{}", 400, "This call takes no body");
    assert_null(strstr(ask("POST", "/admin/parked/raw-1/retry", "", 202, "{\"eventId\":\"raw-1\""), again));
    keyed = false;
    await("/admin/parked/raw-1", "\"state\":\"PARKED\"");
}

static void what_waits_behind_is_seen_and_not_touched(void **state)
{
    char path[96];
    struct raw_answer answer;
    (void)state;
    (void)snprintf(path, sizeof path, "/orders/%s/cancel", stuck);
    suite_ask(&suite, SUITE_ORDER, "POST", path, "Content-Length: 0\r\n", "", &answer);
    assert_int_equal(answer.status, 202);
    raw_answer_fini(&answer);
    await("/admin/parked?state=BEHIND&type=PaymentRefunded", "\"eventId\"");
    await("/admin/parked?state=BEHIND&type=InventoryReleased", "\"eventId\"");
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_deferred_messages") == 2);
    char id[64];
    suite_member(strstr(list("?state=BEHIND"), "{\"parked\""), "eventId", id, sizeof id);
    (void)snprintf(path, sizeof path, "/admin/parked/%s", id);
    (void)ask("DELETE", path, "", 409, "The message is BEHIND now");
    suite_await_status(&suite, stuck, "CANCELLING");
}

static void discarding_lets_the_later_events_of_the_subject_through(void **state)
{
    (void)state;
    (void)ask("DELETE", "/admin/parked/" REJECT, "", 204, NULL);
    suite_await_status(&suite, stuck, "CANCELLED");
    (void)ask("GET", "/admin/parked/" REJECT, "", 404, NULL);
    (void)ask("DELETE", "/admin/parked/" REJECT, "", 404, NULL);
    publish("PaymentVoided", REJECT, stuck); /* it does not come back */
    suite_await_metric(&suite, SUITE_ORDER, "tern_inbox_duplicates_total", 1);
    (void)ask("DELETE", "/admin/parked/raw-1", "", 204, NULL);
    assert_int_equal(count(list(""), "\"eventId\""), 1);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_parked_messages") == 1);
    assert_true(suite_metric(&suite, SUITE_ORDER, "tern_deferred_messages") == 0);
    assert_int_equal(suite_store_number(&suite, SUITE_ORDER,
                                        "SELECT count(*) FROM parked_audit WHERE action = 'discard'"
                                        " AND request_id IS NOT NULL"),
                     3);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "parked message discarded"), 2);
    assert_int_equal(suite_log_lines(&suite, SUITE_ORDER, "tok_very_secret"), 0);
    suite_await_rest(&suite);
    suite.parked[SUITE_ORDER] = 1;
    suite_check_books(&suite, 2, 50 + 100 + 150 + 30 + 25);
}

#define TEST(function) cmocka_unit_test(function)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(the_calls_need_the_token_on_every_daemon),
        TEST(three_kinds_are_parked_with_their_reasons_and_other_orders_go_on),
        TEST(the_list_is_filtered_and_paged),
        TEST(a_message_is_shown_as_it_came_without_its_secrets),
        TEST(what_cannot_be_handled_is_parked_again_when_retried),
        TEST(a_retry_with_a_key_is_one_retry),
        TEST(what_waits_behind_is_seen_and_not_touched),
        TEST(discarding_lets_the_later_events_of_the_subject_through),
    };
    return cmocka_run_group_tests_name("parked messages over HTTP", tests, open_suite, close_suite);
}
