/* test_gateway_http.c - the gateway over HTTP: what is asked, and what each answer means, row by row. */
#include "common/base/config_read.h"
#include "http_peer.h"
#include "services/payment/gateway_answer.h"
#include "services/payment/payment.h"
#include "store.h"
#include "tern_test.h"
#include "test_app.h"
#include "test_context.h"
#include "wait_for.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_ATTEMPTS = 5, TEXT = 4096, MANY = 1100, FLIGHTS = 1024 };

static const struct tern_service service = {.config = payment_config};
static struct http_peer *peer;
static struct payment_state *payment;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* With one more setting, or NULL. */
static void open_payment(const char *timeout)
{
    char url[64];
    struct tern_error err = {0};
    void *self = NULL;
    (void)snprintf(url, sizeof url, "PAYMENT_GATEWAY_URL=http://127.0.0.1:%u/v1/", http_peer_port(peer));
    const char *const settings[] = {url, "PAYMENT_GATEWAY_KEY=sesame", timeout, NULL};
    struct tern_config *config = test_app_settings(&service, settings);
    assert_int_equal(payment_open(config, NULL, &self, &err), 0);
    tern_config_destroy(config);
    payment = self;
}

static int set_up(void **state)
{
    (void)state;
    (void)signal(SIGPIPE, SIG_IGN);
    peer = http_peer_start();
    open_payment(NULL);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    payment_close(payment);
    http_peer_stop(peer);
    return 0;
}

/* A job of this process, and one that a crash has left over. */
static struct tern_job fresh_job(void)
{
    struct tern_job job = {.id = 7, .added_at_ms = tern_now(&tern_clock_system) + 60000};
    strcpy(job.subject, "ORD-1");
    return job;
}
static struct tern_job old_job(void)
{
    struct tern_job job = fresh_job();
    job.added_at_ms = 1;
    return job;
}

static const struct gateway_request charge_request = {
    .customer_id = "CUST-1", .amount_minor = 4599, .currency = "EUR", .token = "tok \"1\""};
static const struct gateway_request refund_request = {
    .customer_id = "CUST-1", .amount_minor = 4599, .currency = "EUR", .reference = "ch_1"};

/* As a job does, until there is an answer. */
static enum gateway_answer ask(gateway_ask *question, const struct tern_job *job, const struct gateway_request *request,
                               struct gateway_reply *ret_reply)
{
    struct gateway_call call = {.key = request == &refund_request ? "refund-ORD-1" : "charge-ORD-1",
                                .request = request,
                                .job = job,
                                .most_attempts = MOST_ATTEMPTS};
    enum gateway_answer answer = GATEWAY_WAIT;
    TEST_WAIT(&lock, (*ret_reply = (struct gateway_reply){0},
                      answer = question(payment->gateway.self, &call, ret_reply), call.step++, answer != GATEWAY_WAIT));
    return answer;
}

static const char succeeded[] = "{\"chargeId\":\"ch_1\",\"status\":\"succeeded\",\"more\":[1]}";
static const char refused[] = "{\"status\":\"declined\",\"reason\":\"card \\u00e4 expired\"}";
static const char refund_done[] = "{\"refundId\":\"re_1\"}";

/* ---- one answer ---- */

static const struct answer_row {
    enum gateway_question question;
    int status;
    const char *body;
    enum gateway_answer answer;
    const char *words; /* reference or reason */
} answer_rows[] = {
    {GATEWAY_CHARGE, 201, succeeded,                                                           GATEWAY_DONE,     "ch_1"                               },
    {GATEWAY_QUERY,  200, succeeded,                                                           GATEWAY_DONE,     "ch_1"                               },
    {GATEWAY_CHARGE, 402, refused,                                                             GATEWAY_DECLINED, "card \u00e4 expired"                },
    {GATEWAY_QUERY,  402, refused,                                                             GATEWAY_DECLINED, "card \u00e4 expired"                },
    {GATEWAY_CHARGE, 402, "{\"status\":\"declined\"}",                                         GATEWAY_DECLINED, ""                                   },
    {GATEWAY_CHARGE, 402, "{\"status\":\"declined\",\"reason\":17}",                           GATEWAY_DECLINED, ""                                   },
    {GATEWAY_QUERY,  402, "{\"status\":\"declined\",\"reason\":\"no funds.\\nTry another\"}",  GATEWAY_DECLINED,
     "no funds. Try"                                                                                                                                  },
    {GATEWAY_QUERY,  200, "{\"chargeId\":\"ch_1\",\"status\":\"succeeded\",\"risk\":1.5e-05}", GATEWAY_DONE,     "ch_1"                               },
    {GATEWAY_QUERY,  404, "<html>",                                                            GATEWAY_NOTHING,  ""                                   },
    {GATEWAY_REFUND, 201, refund_done,                                                         GATEWAY_DONE,     "re_1"                               },
    {GATEWAY_CHARGE, 400, "{\"reason\":\"amount too small\"}",                                 GATEWAY_REFUSED,  "amount too small"                   },
    {GATEWAY_CHARGE, 422, "{\"error\":\"unknown \\u00e4 token\"}",                             GATEWAY_REFUSED,  "unknown \u00e4 token"               },
    {GATEWAY_CHARGE, 400, "{\"error\":{\"code\":7,\"message\":\"no such card\"}}",             GATEWAY_REFUSED,  "no such card"                       },
    {GATEWAY_CHARGE, 400, "{\"error\":true,\"detail\":\"not here\"}",                          GATEWAY_REFUSED,  "not here"                           },
    {GATEWAY_CHARGE, 400, "{}",                                                                GATEWAY_REFUSED,  "refused it (400) and gave no reason"},
    {GATEWAY_CHARGE, 422, "{\"reason\":7}",                                                    GATEWAY_REFUSED,  "refused it (422) and gave no reason"},
    {GATEWAY_REFUND, 422, "{\"message\":\"refunded by hand\"}",                                GATEWAY_REFUSED,  "refunded by hand"                   },
 /* Everything else is no outcome. */
    {GATEWAY_CHARGE, 400, "<html>The plain HTTP request was sent to HTTPS port</html>",        GATEWAY_UNKNOWN,
     "400 without a JSON object"                                                                                                                      },
    {GATEWAY_CHARGE, 422, "",                                                                  GATEWAY_UNKNOWN,  "422 without a JSON object"          },
    {GATEWAY_CHARGE, 400, "[\"no\"]",                                                          GATEWAY_UNKNOWN,  "400 without a JSON object"          },
    {GATEWAY_CHARGE, 400, "\"no\"",                                                            GATEWAY_UNKNOWN,  "400 without a JSON object"          },
    {GATEWAY_REFUND, 400, "<html>no</html>",                                                   GATEWAY_UNKNOWN,  "400 without a JSON object"          },
    {GATEWAY_CHARGE, 200, succeeded,                                                           GATEWAY_UNKNOWN,  "answered 200"                       },
    {GATEWAY_QUERY,  201, succeeded,                                                           GATEWAY_UNKNOWN,  "answered 201"                       },
    {GATEWAY_CHARGE, 404, "{}",                                                                GATEWAY_UNKNOWN,  "answered 404"                       },
    {GATEWAY_REFUND, 404, "{}",                                                                GATEWAY_UNKNOWN,  "answered 404"                       },
    {GATEWAY_REFUND, 402, refused,                                                             GATEWAY_UNKNOWN,  "answered 402"                       },
    {GATEWAY_CHARGE, 302, "",                                                                  GATEWAY_UNKNOWN,  "answered 302"                       },
    {GATEWAY_QUERY,  400, "{}",                                                                GATEWAY_UNKNOWN,  "answered 400"                       },
    {GATEWAY_QUERY,  422, refused,                                                             GATEWAY_UNKNOWN,  "answered 422"                       },
    {GATEWAY_CHARGE, 401, refused,                                                             GATEWAY_UNKNOWN,  "refuses our key: 401"               },
    {GATEWAY_QUERY,  403, "{}",                                                                GATEWAY_UNKNOWN,  "refuses our key: 403"               },
    {GATEWAY_REFUND, 403, "{}",                                                                GATEWAY_UNKNOWN,  "refuses our key: 403"               },
    {GATEWAY_CHARGE, 408, "{}",                                                                GATEWAY_UNKNOWN,  "answered 408"                       },
    {GATEWAY_CHARGE, 425, "{}",                                                                GATEWAY_UNKNOWN,  "answered 425"                       },
    {GATEWAY_CHARGE, 409, "{}",                                                                GATEWAY_UNKNOWN,  "answered 409"                       },
    {GATEWAY_CHARGE, 429, "{}",                                                                GATEWAY_UNKNOWN,  "answered 429"                       },
    {GATEWAY_CHARGE, 500, succeeded,                                                           GATEWAY_UNKNOWN,  "answered 500"                       },
    {GATEWAY_QUERY,  503, "",                                                                  GATEWAY_UNKNOWN,  "answered 503"                       },
    {GATEWAY_CHARGE, 201, "",                                                                  GATEWAY_UNKNOWN,  "makes no sense"                     },
    {GATEWAY_CHARGE, 201, "null",                                                              GATEWAY_UNKNOWN,  "makes no sense"                     },
    {GATEWAY_CHARGE, 201, "[]",                                                                GATEWAY_UNKNOWN,  "makes no sense"                     },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"ch_1\",\"status\":\"succ",                          GATEWAY_UNKNOWN,  "makes no sense"                     },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"ch_1\",\"status\":\"pending\"}",                    GATEWAY_UNKNOWN,  "did not succeed"                    },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"ch_1\"}",                                           GATEWAY_UNKNOWN,  "status"                             },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":1,\"status\":\"succeeded\"}",                         GATEWAY_UNKNOWN,  "chargeId"                           },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"\",\"status\":\"succeeded\"}",                      GATEWAY_UNKNOWN,  "chargeId"                           },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"a\\nb\",\"status\":\"succeeded\"}",                 GATEWAY_UNKNOWN,  "chargeId"                           },
    {GATEWAY_CHARGE, 201, "{\"chargeId\":\"a\",\"chargeId\":\"b\",\"status\":\"succeeded\"}",  GATEWAY_UNKNOWN,
     "makes no sense"                                                                                                                                 },
    {GATEWAY_CHARGE, 402, "declined",                                                          GATEWAY_UNKNOWN,  "makes no sense"                     },
    {GATEWAY_CHARGE, 402, "{\"status\":\"succeeded\"}",                                        GATEWAY_UNKNOWN,  "none"                               },
    {GATEWAY_REFUND, 201, "{}",                                                                GATEWAY_UNKNOWN,  "refundId"                           },
    {GATEWAY_REFUND, 201, "{\"refundId\":null}",                                               GATEWAY_UNKNOWN,  "refundId"                           },
};

static void only_the_exact_status_with_the_exact_shape_means_anything(void **state)
{
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(answer_rows); i++) {
        const struct answer_row *row = &answer_rows[i];
        struct gateway_reply reply;
        memset(&reply, 'x', sizeof reply);
        enum gateway_answer answer =
            gateway_read_answer(row->question, row->status, row->body, strlen(row->body), &reply);
        const char *text = answer == GATEWAY_DONE ? reply.reference : reply.reason;
        if (answer != row->answer || !strstr(text, row->words))
            fail_msg("%d %s: %d \"%s\"", row->status, row->body, (int)answer, text);
        if (answer != GATEWAY_DONE) assert_string_equal(reply.reference, "");
    }
}

static void ids_of_the_gateway_are_as_long_as_an_event_can_carry(void **state)
{
    char body[512], id[200] = "";
    struct gateway_reply reply;
    (void)state;
    memset(id, 'i', SHOP_REF_SIZE - 1);
    int length = snprintf(body, sizeof body, "{\"refundId\":\"%s\"}", id);
    assert_int_equal(gateway_read_answer(GATEWAY_REFUND, 201, body, (size_t)length, &reply), GATEWAY_DONE);
    assert_string_equal(reply.reference, id);
    length = snprintf(body, sizeof body, "{\"refundId\":\"%si\"}", id);
    assert_int_equal(gateway_read_answer(GATEWAY_REFUND, 201, body, (size_t)length, &reply), GATEWAY_UNKNOWN);
}

/* ---- what is asked ---- */

static void is_asked(int index, const char *line, const char *key, const char *body)
{
    char text[TEXT], want[256];
    http_peer_request(peer, index, text, sizeof text);
    if (strncmp(text, line, strlen(line)) != 0) fail_msg("not \"%s\" but\n%s", line, text);
    assert_non_null(strstr(text, "\r\nAuthorization: Bearer sesame\r\n"));
    (void)snprintf(want, sizeof want, "\r\nIdempotency-Key: %s\r\n", key);
    assert_true((strstr(text, want) != NULL) == (key[0] != '\0'));
    (void)snprintf(want, sizeof want, "\r\n\r\n%s", body);
    if (strcmp(strstr(text, "\r\n\r\n"), want) != 0) fail_msg("not \"%s\" but\n%s", body, text);
}

/* A reload while it runs: the next call carries the new key, or none. */
static void a_reloaded_key_is_sent_from_then_on(void **state)
{
    static const struct http_peer_step steps[] = {
        {PEER_ANSWERS, 201, refund_done},
        {PEER_ANSWERS, 201, refund_done}
    };
    static const char *const keys[] = {"PAYMENT_GATEWAY_KEY=another", NULL};
    static const char *const wanted[] = {"\r\nAuthorization: Bearer another\r\n", NULL};
    char url[64], text[TEXT];
    (void)state;
    http_peer_play(peer, steps, TERN_COUNT(steps));
    (void)snprintf(url, sizeof url, "PAYMENT_GATEWAY_URL=http://127.0.0.1:%u/v1/", http_peer_port(peer));
    for (int i = 0; i < 2; i++) {
        struct tern_error err = {0};
        struct gateway_reply reply;
        struct tern_job job = fresh_job();
        const char *const settings[] = {url, keys[i], NULL};
        const char *kept = NULL;
        struct tern_config *config = test_app_settings(&service, settings);
        assert_int_equal(payment_reload(payment, config, &kept, &err), 0);
        tern_config_destroy(config);
        assert_null(kept);
        assert_int_equal(ask(payment->gateway.refund, &job, &refund_request, &reply), GATEWAY_DONE);
        http_peer_request(peer, i, text, sizeof text);
        assert_true(wanted[i] ? strstr(text, wanted[i]) != NULL : !strstr(text, "Authorization"));
    }
}

/* The settings name another gateway, or other certificates to know it by: that is for the next start, and so is its key. */
static void the_key_of_another_gateway_is_not_shown_to_this_one(void **state)
{
    static const struct http_peer_step step = {PEER_ANSWERS, 201, refund_done};
    char ours[64], text[TEXT];
    (void)state;
    (void)snprintf(ours, sizeof ours, "PAYMENT_GATEWAY_URL=http://127.0.0.1:%u/v1", http_peer_port(peer));
    const char *const rows[][4] = {
        {"PAYMENT_GATEWAY_URL=http://127.0.0.1:1/v1", "PAYMENT_GATEWAY_KEY=another", NULL, NULL},
        {ours,                                       "PAYMENT_GATEWAY_CA_FILE=/nowhere/ca.pem", "PAYMENT_GATEWAY_KEY=another", NULL},
        {NULL                                          }
    };
    for (size_t i = 0; i < TERN_COUNT(rows); i++) {
        struct tern_error err = {0};
        struct gateway_reply reply;
        struct tern_job job = fresh_job();
        const char *kept = NULL;
        struct tern_config *config = test_app_settings(&service, rows[i]);
        assert_int_equal(payment_reload(payment, config, &kept, &err), 0);
        tern_config_destroy(config);
        assert_non_null(kept);
        assert_string_equal(kept, "PAYMENT_GATEWAY_KEY");
        http_peer_play(peer, &step, 1);
        assert_int_equal(ask(payment->gateway.refund, &job, &refund_request, &reply), GATEWAY_DONE);
        http_peer_request(peer, 0, text, sizeof text);
        assert_non_null(strstr(text, "\r\nAuthorization: Bearer sesame\r\n"));
    }
}

static void a_charge_a_look_and_a_refund_are_asked_as_the_protocol_says(void **state)
{
    static const struct http_peer_step steps[] = {
        {PEER_ANSWERS, 201, succeeded  },
        {PEER_ANSWERS, 200, succeeded  },
        {PEER_ANSWERS, 201, refund_done}
    };
    struct tern_job job = fresh_job();
    struct gateway_reply reply;
    (void)state;
    http_peer_play(peer, steps, TERN_COUNT(steps));
    assert_int_equal(ask(payment->gateway.charge, &job, &charge_request, &reply), GATEWAY_DONE);
    assert_int_equal(ask(payment->gateway.find, &job, NULL, &reply), GATEWAY_DONE);
    assert_string_equal(reply.reference, "ch_1");
    assert_int_equal(ask(payment->gateway.refund, &job, &refund_request, &reply), GATEWAY_DONE);
    assert_string_equal(reply.reference, "re_1");
    is_asked(0, "POST /v1/charges HTTP/1.1\r\n", "charge-ORD-1",
             "{\"orderId\":\"ORD-1\",\"customerId\":\"CUST-1\",\"amount\":4599,\"currency\":\"EUR\","
             "\"token\":\"tok \\\"1\\\"\"}");
    is_asked(1, "GET /v1/charges/charge-ORD-1 HTTP/1.1\r\n", "", "");
    is_asked(2, "POST /v1/refunds HTTP/1.1\r\n", "refund-ORD-1", "{\"chargeId\":\"ch_1\",\"amount\":4599}");
}

static void a_currency_without_hundredths_is_declined_before_the_gateway_is_asked(void **state)
{
    static const struct http_peer_step step = {PEER_ANSWERS, 201, succeeded};
    static const struct http_peer_step never_seen = {PEER_ANSWERS, 404, ""};
    static const struct http_peer_step looked_for = {PEER_ANSWERS, 200, succeeded};
    static const char *const currencies[] = {"JPY", "KWD", "CLF"};
    struct tern_job job = fresh_job();
    struct gateway_reply reply;
    (void)state;
    http_peer_play(peer, &step, 1);
    for (size_t i = 0; i < TERN_COUNT(currencies); i++) {
        struct gateway_request request = charge_request;
        strcpy(request.currency, currencies[i]);
        assert_int_equal(ask(payment->gateway.charge, &job, &request, &reply), GATEWAY_DECLINED);
        assert_non_null(strstr(reply.reason, "no two decimals"));
    }
    assert_int_equal(http_peer_requests(peer), 0);
    job.attempts = 1; /* it may have been posted by who knew no better */
    http_peer_play(peer, &never_seen, 1);
    struct gateway_request request = charge_request;
    strcpy(request.currency, "JPY");
    assert_int_equal(ask(payment->gateway.charge, &job, &request, &reply), GATEWAY_REFUSED);
    http_peer_play(peer, &looked_for, 1);
    assert_int_equal(ask(payment->gateway.charge, &job, &request, &reply), GATEWAY_DONE);
    assert_int_equal(http_peer_requests(peer), 1);
}

/* ---- one attempt, step by step ---- */

struct attempt_row {
    const char *what;
    int64_t attempts; /* before this one; -1: none, but a crash; -2: none, and the order is cancelled */
    struct http_peer_step steps[3];
    const char *asked; /* P for POST, G for GET */
    enum gateway_answer answer;
    const char *reason;
};

#define OK(status_)                      \
    {                                    \
        PEER_ANSWERS, status_, succeeded \
    }
#define SAYS(status_)             \
    {                             \
        PEER_ANSWERS, status_, "" \
    }
#define REFUSES(status_)            \
    {                               \
        PEER_ANSWERS, status_, "{}" \
    }
#define DECLINES                   \
    {                              \
        PEER_ANSWERS, 402, refused \
    }
#define RESETS               \
    {                        \
        PEER_RESETS, 0, NULL \
    }
#define DRIPS                                                                     \
    {                                                                             \
        PEER_SENDS, 0, "HTTP/1.1 201 Created\r\nContent-Length: 10000000\r\n\r\n" \
    }

/* clang-format off */
static const struct attempt_row attempt_rows[] = {
    {"the first attempt posts at once",             0, {OK(201)},                          "P",   GATEWAY_DONE,     ""},
    {"a decline is final",                          0, {DECLINES},                         "P",   GATEWAY_DECLINED, "card"},
    {"so is a request that it takes for nonsense",  0, {REFUSES(400)},                     "P",   GATEWAY_DECLINED, "refused it (400)"},
    {"or that it cannot do",                        4, {SAYS(404), REFUSES(422)},          "GP",  GATEWAY_REFUSED,  "refused it (422)"},
    {"nor is it the end after one without answer",  1, {SAYS(404), REFUSES(400)},          "GP",  GATEWAY_REFUSED,  "refused it (400)"},
    {"or after a crash",                           -1, {SAYS(404), REFUSES(400)},          "GP",  GATEWAY_REFUSED,  "refused it (400)"},
    {"our key is refused: that is no decline",      0, {SAYS(401)},                        "P",   GATEWAY_UNKNOWN,  "refuses our key: 401"},
    {"nor an error with the last attempt",          4, {SAYS(404), SAYS(403)},             "GP",  GATEWAY_UNKNOWN,  "refuses our key: 403"},
    {"a proxy takes it for nonsense: no decline",   0, {SAYS(400)},                        "P",   GATEWAY_UNKNOWN,  "without a JSON object"},
    {"nor an error with the last attempt",          4, {SAYS(404), SAYS(422)},             "GP",  GATEWAY_UNKNOWN,  "without a JSON object"},
    {"nor when it may not look",                    4, {SAYS(403)},                        "G",   GATEWAY_UNKNOWN,  "refuses our key: 403"},
    {"an error is unknown",                         0, {SAYS(500)},                        "P",   GATEWAY_UNKNOWN,  "answered 500"},
    {"so is a reset",                               0, {RESETS},                           "P",   GATEWAY_UNKNOWN,  "reset"},
    {"so is an answer without an end",              0, {DRIPS},                            "P",   GATEWAY_UNKNOWN,  ""},
    {"so is a post that was not found",             0, {SAYS(404)},                        "P",   GATEWAY_UNKNOWN,  "answered 404"},
    {"the next attempt looks first, and finds it",  1, {OK(200)},                          "G",   GATEWAY_DONE,     ""},
    {"or finds it declined",                        1, {DECLINES},                         "G",   GATEWAY_DECLINED, "card"},
    {"or posts again when it was never seen",       1, {SAYS(404), OK(201)},               "GP",  GATEWAY_DONE,     ""},
    {"and what it posts may be unknown again",      3, {SAYS(404), SAYS(503)},             "GP",  GATEWAY_UNKNOWN,  "answered 503"},
    {"a look without an answer is unknown",         1, {SAYS(500)},                        "G",   GATEWAY_UNKNOWN,  "answered 500"},
    {"after a crash it looks first",               -1, {OK(200)},                          "G",   GATEWAY_DONE,     ""},
    {"and posts what was never seen",              -1, {SAYS(404), OK(201)},               "GP",  GATEWAY_DONE,     ""},
    {"at the last attempt it looks once more",      4, {SAYS(404), SAYS(503), SAYS(404)},  "GPG", GATEWAY_NOTHING,  "has not seen"},
    {"and may find the charge after all",           4, {SAYS(404), SAYS(500), OK(200)},    "GPG", GATEWAY_DONE,     ""},
    {"but only the gateway's own word is the end",  4, {SAYS(404), SAYS(500), SAYS(502)},  "GPG", GATEWAY_UNKNOWN,  "answered 502"},
    {"however often it was asked",                500, {RESETS},                           "G",   GATEWAY_UNKNOWN,  "reset"},
    {"and one that was away still gets the charge", 500, {SAYS(404), OK(201)},             "GP",  GATEWAY_DONE,     ""},
    {"a cancelled charge is looked for",           -2, {OK(200)},                          "G",   GATEWAY_DONE,     ""},
    {"and is not posted when it was never seen",   -2, {SAYS(404)},                        "G",   GATEWAY_STOPPED,  ""},
    {"but is not stopped without a word",          -2, {SAYS(500)},                        "G",   GATEWAY_UNKNOWN,  "answered 500"},
};
/* clang-format on */

static void each_attempt_goes_by_the_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(attempt_rows); i++) {
        const struct attempt_row *row = &attempt_rows[i];
        struct tern_job job = row->attempts == -1 ? old_job() : fresh_job();
        struct gateway_request request = charge_request;
        struct gateway_reply reply;
        char asked[8] = "", text[TEXT];
        payment_close(payment);
        open_payment(NULL); /* with new connections: a kept one that is reset is tried once more */
        job.attempts = row->attempts < 0 ? 0 : row->attempts;
        request.cancelled = row->attempts == -2;
        http_peer_play(peer, row->steps, strlen(row->asked));
        enum gateway_answer answer = ask(payment->gateway.charge, &job, &request, &reply);
        for (int n = 0; n < http_peer_requests(peer) && n < 7; n++) {
            http_peer_request(peer, n, text, sizeof text);
            asked[n] = text[0];
        }
        if (answer != row->answer || strcmp(asked, row->asked) != 0 || !strstr(reply.reason, row->reason))
            fail_msg("%s: %d, asked %s, \"%s\"", row->what, (int)answer, asked, reply.reason);
    }
}

static void a_refused_key_is_a_fault_until_the_gateway_takes_it(void **state)
{
    static const struct {
        struct http_peer_step step;
        const char *fault; /* NULL: none */
    } rows[] = {
        {SAYS(500),    NULL                         },
        {SAYS(401),    "does not know our key (401)"},
        {SAYS(503),    "does not know our key (401)"}, /* of whoever stands before it */
        {RESETS,       "does not know our key (401)"},
        {SAYS(403),    "our key too little (403)"   },
        {REFUSES(400), NULL                         },
        {SAYS(422),    "requests for nonsense"      },
        {OK(201),      NULL                         },
    };
    struct tern_job job = fresh_job();
    struct gateway_reply reply;
    (void)state;
    assert_null(payment->gateway.fault(payment->gateway.self));
    for (size_t i = 0; i < TERN_COUNT(rows); i++) {
        http_peer_play(peer, &rows[i].step, 1);
        (void)ask(payment->gateway.charge, &job, &charge_request, &reply);
        const char *fault = payment->gateway.fault(payment->gateway.self);
        if (!rows[i].fault != !fault || (fault && !strstr(fault, rows[i].fault)))
            fail_msg("row %zu: %s", i, fault ? fault : "no fault");
    }
}

static void a_refund_that_may_not_be_made_stays_a_fault_whatever_else_works(void **state)
{
    static const struct http_peer_step steps[] = {SAYS(403), OK(201)};
    struct tern_job job = fresh_job();
    struct gateway_reply reply;
    (void)state;
    http_peer_play(peer, steps, TERN_COUNT(steps));
    assert_int_equal(ask(payment->gateway.refund, &job, &refund_request, &reply), GATEWAY_UNKNOWN);
    assert_int_equal(ask(payment->gateway.charge, &job, &charge_request, &reply), GATEWAY_DONE);
    assert_non_null(payment->gateway.fault(payment->gateway.self));
}

static void a_silent_gateway_is_unknown_after_the_time_out(void **state)
{
    static const struct http_peer_step silence = {PEER_KEEPS_SILENT, 0, NULL};
    struct tern_job job = fresh_job();
    struct gateway_reply reply;
    (void)state;
    payment_close(payment);
    open_payment("PAYMENT_GATEWAY_TIMEOUT_MS=200");
    http_peer_play(peer, &silence, 1);
    assert_int_equal(ask(payment->gateway.charge, &job, &charge_request, &reply), GATEWAY_UNKNOWN);
    assert_non_null(strstr(reply.reason, "timed out"));
    assert_int_equal(ask(payment->gateway.refund, &job, &refund_request, &reply), GATEWAY_UNKNOWN);
}

/* ---- many ---- */

struct many {
    struct tern_job job[MANY];
    bool done[MANY];
    int left;
};

static bool ask_all(struct many *many)
{
    for (int i = 0; i < MANY; i++) {
        struct gateway_reply reply = {0};
        const struct gateway_call call = {
            .key = "charge-ORD-1", .request = &charge_request, .job = &many->job[i], .most_attempts = MOST_ATTEMPTS};
        if (many->done[i]) continue;
        enum gateway_answer answer = payment->gateway.charge(payment->gateway.self, &call, &reply);
        many->done[i] = answer == GATEWAY_DONE;
        many->left -= many->done[i];
        if (!many->done[i]) assert_int_equal(answer, GATEWAY_WAIT);
    }
    return many->left == 0;
}

static void a_thousand_calls_are_under_way_at_the_same_time_and_the_rest_wait_for_room(void **state)
{
    static const struct http_peer_step slow = {PEER_ANSWERS, 201, succeeded};
    struct many *many = test_calloc(1, sizeof *many);
    (void)state;
    payment_close(payment);
    open_payment("PAYMENT_GATEWAY_TIMEOUT_MS=60000");
    many->left = MANY;
    for (int i = 0; i < MANY; i++) {
        many->job[i] = fresh_job();
        many->job[i].id = i + 1;
    }
    http_peer_play(peer, &slow, 1);
    http_peer_gather(peer, FLIGHTS);
    TEST_WAIT(&lock, ask_all(many));
    assert_int_equal(http_peer_requests(peer), MANY); /* each was asked once */
    test_free(many);
}

/* ---- the whole service ---- */

static const struct tern_service whole = {
    .name = SHOP_SERVICE_PAYMENT,
    .config = payment_config,
    .migrations = payment_migrations,
    .catalogue = &shop_catalogue,
    .handlers = payment_handlers,
    .handler_count = PAYMENT_HANDLERS,
    .jobs = payment_jobs,
    .metrics = payment_metrics,
    .open = payment_open,
    .close = payment_close,
};

/* All orders in one transaction. */
static enum tern_outcome place_many(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct test_context *maker = argument;
    struct shop_order_placed placed = {
        .customer_id = "CUST-1", .total_amount_minor = 4599, .currency = "EUR", .status = "CREATED"};
    placed.created_at_ms = maker->now_ms;
    placed.items.count = 1;
    placed.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = 4599};
    for (int i = 0; i < MANY; i++) {
        struct tern_event event;
        (void)snprintf(placed.order_id, sizeof placed.order_id, "ORD-%d", i);
        test_context_event(maker, SHOP_ORDER_PLACED, placed.order_id, &placed, NULL, &event);
        enum tern_outcome outcome = payment_handlers[0].handle(ctx, &event, err);
        tern_event_fini(&event);
        if (outcome != TERN_DONE) return outcome;
    }
    return TERN_DONE;
}

static int64_t charged(struct tern_app *app)
{
    struct tern_error err = {0};
    struct tern_db *db = tern_app_reader(app, &err);
    assert_non_null(db);
    int64_t count = test_store_number(db, "SELECT count(*) FROM payment WHERE status = 'SUCCESS'");
    tern_app_reader_done(app, db);
    return count;
}

static void jobs_are_hurried_when_their_answer_or_their_place_is_there(void **state)
{
    static const struct http_peer_step slow = {PEER_ANSWERS, 201, succeeded};
    static struct test_app app;
    char url[64];
    struct tern_error err = {0};
    const struct tern_conversation conversation = {.correlation_id = "0b5c1e7a-8f0e-4c53-9d7a-111111111111"};
    (void)state;
    (void)snprintf(url, sizeof url, "PAYMENT_GATEWAY_URL=http://127.0.0.1:%u", http_peer_port(peer));
    const char *const settings[] = {url, "PAYMENT_GATEWAY_TIMEOUT_MS=60000", NULL};
    http_peer_play(peer, &slow, 1);
    http_peer_gather(peer, FLIGHTS);
    assert_int_equal(test_app_start(&app, &whole, settings, &err), 0);
    /* A job of the very millisecond in which the gateway was opened may be an earlier process's: it is looked for first. */
    int64_t opened_ms = tern_now(&tern_clock_system);
    TEST_WAIT(&lock, tern_now(&tern_clock_system) > opened_ms);
    struct test_context maker = {.now_ms = tern_now(&tern_clock_system), .foreign = app.app.ids};
    assert_int_equal(tern_app_command(&app.app, place_many, &maker, &conversation, &err), TERN_COMMITTED);
    int64_t begin = tern_steady(&tern_clock_system);
    TEST_WAIT(&lock, charged(&app.app) == MANY);
    print_message("%d charges in %lld ms\n", MANY, (long long)(tern_steady(&tern_clock_system) - begin));
    assert_int_equal(http_peer_requests(peer), MANY);
    test_app_stop(&app);
}

/* ---- settings ---- */

static void what_cannot_be_asked_is_refused_before_the_start(void **state)
{
    static const struct {
        const char *settings[3];
        const char *fault;
    } cases[] = {
        {{"PAYMENT_GATEWAY_URL=ftp://gateway.example"},                              "PAYMENT_GATEWAY_URL: must begin with"},
        {{"PAYMENT_GATEWAY_URL=https://user:sesame@gateway.example"},                "PAYMENT_GATEWAY_URL: must hold no"   },
        {{"PAYMENT_GATEWAY_URL=https://gateway.example", "PAYMENT_GATEWAY_KEY=a b"}, "PAYMENT_GATEWAY_KEY: must be of"     },
        {{"PAYMENT_GATEWAY_KEY=sesame"},                                             "PAYMENT_GATEWAY_URL is not"          },
        {{"PAYMENT_GATEWAY_CA_FILE=/etc/ca.pem"},                                    "PAYMENT_GATEWAY_URL is not"          },
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct tern_config *config = test_app_settings(&service, cases[i].settings);
        struct tern_error err = {0};
        void *self = NULL;
        assert_int_equal(payment_open(config, NULL, &self, &err), -1);
        if (!strstr(err.text, cases[i].fault)) fail_msg("%s: %s", cases[i].settings[0], err.text);
        assert_null(strstr(err.text, "sesame"));
        tern_config_destroy(config);
    }
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_the_exact_status_with_the_exact_shape_means_anything),
        cmocka_unit_test(ids_of_the_gateway_are_as_long_as_an_event_can_carry),
        WITH(a_reloaded_key_is_sent_from_then_on),
        WITH(the_key_of_another_gateway_is_not_shown_to_this_one),
        WITH(a_charge_a_look_and_a_refund_are_asked_as_the_protocol_says),
        WITH(a_currency_without_hundredths_is_declined_before_the_gateway_is_asked),
        WITH(a_refused_key_is_a_fault_until_the_gateway_takes_it),
        WITH(a_refund_that_may_not_be_made_stays_a_fault_whatever_else_works),
        WITH(each_attempt_goes_by_the_table),
        WITH(a_silent_gateway_is_unknown_after_the_time_out),
        WITH(a_thousand_calls_are_under_way_at_the_same_time_and_the_rest_wait_for_room),
        WITH(jobs_are_hurried_when_their_answer_or_their_place_is_there),
        cmocka_unit_test(what_cannot_be_asked_is_refused_before_the_start),
    };
    return cmocka_run_group_tests_name("gateway over HTTP", tests, NULL, NULL);
}
