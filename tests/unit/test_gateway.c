/* test_gateway.c - the simulated gateway: same key same answer, chance, delay, test tokens. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/config_read.h"
#include "services/payment/payment.h"
#include "tern_test.h"
#include "test_app.h"

enum { MANY = 20000, MOST_ATTEMPTS = 5 };

struct simulated {
    struct simulated_gateway own;
    struct payment_gateway seam;
};

static struct simulated make(const char *rate, const char *delay)
{
    static const struct tern_service service = {.config = payment_config};
    const char *const settings[] = {rate ? rate : delay, rate ? delay : NULL, NULL};
    struct tern_config *config = test_app_settings(&service, settings);
    struct simulated made;
    simulated_gateway_init(&made.own, config, &made.seam);
    tern_config_destroy(config);
    return made;
}

/* Asks as a job does, until there is an answer; returns it and the time that was waited. */
static enum gateway_answer ask_for(struct simulated *gateway, const struct tern_job *job, bool refund, const char *key,
                                   const char *token, struct gateway_reply *ret_reply, int64_t *ret_waited_ms)
{
    struct gateway_request request = {.amount_minor = 100, .customer_id = "C", .currency = "USD"};
    gateway->seam.self = &gateway->own; /* it was made elsewhere */
    strcpy(request.token, token);
    *ret_waited_ms = 0;
    for (int step = 0;; step++) {
        const struct gateway_call call = {
            .key = key, .request = &request, .job = job, .most_attempts = MOST_ATTEMPTS, .step = step};
        *ret_reply = (struct gateway_reply){0};
        enum gateway_answer answer = refund ? gateway->seam.refund(gateway->seam.self, &call, ret_reply)
                                            : gateway->seam.charge(gateway->seam.self, &call, ret_reply);
        if (answer != GATEWAY_WAIT) return answer;
        assert_int_equal(step, 0);
        *ret_waited_ms += ret_reply->wait_ms;
    }
}

static enum gateway_answer ask(struct simulated *gateway, bool refund, const char *key, const char *token,
                               struct gateway_reply *ret_reply, int64_t *ret_waited_ms)
{
    static const struct tern_job first = {.id = 1};
    return ask_for(gateway, &first, refund, key, token, ret_reply, ret_waited_ms);
}

static enum gateway_answer charge(struct simulated *gateway, const char *key, const char *token)
{
    struct gateway_reply reply;
    int64_t waited_ms;
    return ask(gateway, false, key, token, &reply, &waited_ms);
}

static const char *key_of(int i)
{
    static char key[64];
    (void)snprintf(key, sizeof key, "charge-ORD-01KB%06d", i);
    return key;
}

static int approved_of_many(struct simulated *gateway)
{
    int approved = 0;
    for (int i = 0; i < MANY; i++)
        approved += charge(gateway, key_of(i), "") == GATEWAY_DONE;
    return approved;
}

static void the_same_key_has_the_same_answer_whenever_it_is_asked(void **state)
{
    struct simulated first = make("PAYMENT_SUCCESS_RATE=0.5", "PAYMENT_DELAY_MS=0-5000");
    struct simulated second = make("PAYMENT_SUCCESS_RATE=0.5", "PAYMENT_DELAY_MS=0-5000"); /* after a restart */
    (void)state;
    for (int i = 0; i < 500; i++) {
        struct gateway_reply one, other;
        int64_t one_ms, other_ms;
        assert_int_equal(ask(&first, false, key_of(i), "", &one, &one_ms),
                         ask(&second, false, key_of(i), "", &other, &other_ms));
        assert_string_equal(one.reference, other.reference);
        assert_string_equal(one.reason, other.reason);
        assert_int_equal(one_ms, other_ms);
    }
}

static void the_rate_is_the_chance_of_approval(void **state)
{
    static const struct {
        const char *rate;
        int low, high; /* of MANY */
    } cases[] = {
        {"PAYMENT_SUCCESS_RATE=0",    0,               0              },
        {"PAYMENT_SUCCESS_RATE=1",    MANY,            MANY           },
        {"PAYMENT_SUCCESS_RATE=0.8",  MANY * 78 / 100, MANY * 82 / 100},
        {"PAYMENT_SUCCESS_RATE=0.05", MANY * 4 / 100,  MANY * 6 / 100 },
    };
    (void)state;
    for (size_t i = 0; i < TERN_COUNT(cases); i++) {
        struct simulated gateway = make(cases[i].rate, "PAYMENT_DELAY_MS=0");
        assert_in_range(approved_of_many(&gateway), cases[i].low, cases[i].high);
    }
}

static void the_default_is_eight_in_ten_within_one_to_three_seconds(void **state)
{
    struct simulated gateway = make(NULL, NULL);
    (void)state;
    assert_true(gateway.own.success_rate == 0.8);
    assert_int_equal(gateway.own.delay_low_ms, 1000);
    assert_int_equal(gateway.own.delay_high_ms, 3000);
}

static void the_delay_is_spread_over_its_range(void **state)
{
    struct simulated gateway = make(NULL, "PAYMENT_DELAY_MS=1000-3000");
    int64_t shortest = INT64_MAX, longest = 0, sum = 0;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct gateway_reply reply;
        int64_t waited_ms;
        (void)ask(&gateway, i % 2, key_of(i), "", &reply, &waited_ms);
        shortest = waited_ms < shortest ? waited_ms : shortest;
        longest = waited_ms > longest ? waited_ms : longest;
        sum += waited_ms;
    }
    assert_in_range(shortest, 1000, 1005);
    assert_in_range(longest, 2995, 3000);
    assert_in_range(sum / MANY, 1950, 2050);
}

static void one_number_is_a_fixed_delay_and_none_is_an_answer_at_once(void **state)
{
    struct simulated fixed = make(NULL, "PAYMENT_DELAY_MS=250"), none = make(NULL, "PAYMENT_DELAY_MS=0");
    const struct gateway_request request = {.token = "tok_ok"};
    const struct tern_job job = {.id = 1};
    const struct gateway_call call = {.key = "k", .request = &request, .job = &job};
    struct gateway_reply reply;
    int64_t waited_ms;
    (void)state;
    assert_int_equal(ask(&fixed, false, "k", "", &reply, &waited_ms) == GATEWAY_WAIT, 0);
    assert_int_equal(waited_ms, 250);
    assert_int_equal(none.seam.charge(&none.own, &call, &reply), GATEWAY_DONE);
    assert_int_equal(none.seam.refund(&none.own, &call, &reply), GATEWAY_DONE);
}

static void test_tokens_are_honoured_whatever_the_rate(void **state)
{
    struct simulated never = make("PAYMENT_SUCCESS_RATE=0", "PAYMENT_DELAY_MS=0");
    struct simulated always = make("PAYMENT_SUCCESS_RATE=1", "PAYMENT_DELAY_MS=0");
    struct gateway_reply reply;
    int64_t waited_ms;
    (void)state;
    for (int i = 0; i < 50; i++) {
        assert_int_equal(charge(&never, key_of(i), "tok_ok"), GATEWAY_DONE);
        assert_int_equal(charge(&never, key_of(i), "tok_slow"), GATEWAY_DONE);
        assert_int_equal(charge(&always, key_of(i), "tok_declined"), GATEWAY_DECLINED);
        assert_int_equal(charge(&always, key_of(i), "tok_error"), GATEWAY_UNKNOWN);
        assert_int_equal(charge(&never, key_of(i), "tok_unheard_of"), GATEWAY_DECLINED); /* as without one */
        assert_int_equal(charge(&always, key_of(i), "tok_unheard_of"), GATEWAY_DONE);
    }
    (void)ask(&always, false, "k", "tok_declined", &reply, &waited_ms);
    assert_string_equal(reply.reason, "card declined");
    (void)ask(&always, false, "k", "tok_error", &reply, &waited_ms);
    assert_true(reply.reason[0] != '\0');
}

static void an_error_is_final_with_the_last_attempt_and_nothing_was_taken(void **state)
{
    struct simulated gateway = make("PAYMENT_SUCCESS_RATE=1", "PAYMENT_DELAY_MS=0");
    struct gateway_reply reply;
    int64_t waited_ms;
    (void)state;
    for (int64_t attempts = 0; attempts < MOST_ATTEMPTS; attempts++) {
        const struct tern_job job = {.id = 1, .attempts = attempts};
        enum gateway_answer answer = ask_for(&gateway, &job, false, "k", "tok_error", &reply, &waited_ms);
        assert_int_equal(answer, attempts + 1 < MOST_ATTEMPTS ? GATEWAY_UNKNOWN : GATEWAY_NOTHING);
        assert_string_equal(reply.reason, "the gateway reported an internal error");
    }
    assert_null(gateway.seam.find); /* and nothing can turn up later */
}

static void tok_slow_takes_ten_times_the_delay(void **state)
{
    struct simulated gateway = make(NULL, "PAYMENT_DELAY_MS=100-300");
    (void)state;
    for (int i = 0; i < 50; i++) {
        struct gateway_reply reply;
        int64_t usual_ms, slow_ms;
        (void)ask(&gateway, false, key_of(i), "tok_ok", &reply, &usual_ms);
        (void)ask(&gateway, false, key_of(i), "tok_slow", &reply, &slow_ms);
        assert_int_equal(slow_ms, 10 * usual_ms);
    }
}

static int compare(const void *one, const void *other)
{
    return strcmp(one, other);
}

static void references_are_the_keys_own(void **state)
{
    struct simulated gateway = make("PAYMENT_SUCCESS_RATE=1", "PAYMENT_DELAY_MS=0");
    char(*references)[SHOP_REF_SIZE] = test_calloc(MANY, sizeof *references);
    int64_t waited_ms;
    (void)state;
    for (int i = 0; i < MANY; i++) {
        struct gateway_reply reply;
        assert_int_equal(ask(&gateway, i % 2, key_of(i), "", &reply, &waited_ms), GATEWAY_DONE);
        assert_memory_equal(reply.reference, i % 2 ? "REF-" : "TXN-", 4);
        strcpy(references[i], reply.reference);
    }
    qsort(references, MANY, sizeof *references, compare);
    for (int i = 1; i < MANY; i++)
        assert_string_not_equal(references[i - 1], references[i]);
    test_free(references);
}

static void a_refund_succeeds_whatever_the_rate(void **state)
{
    struct simulated never = make("PAYMENT_SUCCESS_RATE=0", "PAYMENT_DELAY_MS=0");
    struct gateway_reply reply;
    int64_t waited_ms;
    (void)state;
    for (int i = 0; i < 100; i++)
        assert_int_equal(ask(&never, true, key_of(i), "", &reply, &waited_ms), GATEWAY_DONE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_key_has_the_same_answer_whenever_it_is_asked),
        cmocka_unit_test(the_rate_is_the_chance_of_approval),
        cmocka_unit_test(the_default_is_eight_in_ten_within_one_to_three_seconds),
        cmocka_unit_test(the_delay_is_spread_over_its_range),
        cmocka_unit_test(one_number_is_a_fixed_delay_and_none_is_an_answer_at_once),
        cmocka_unit_test(test_tokens_are_honoured_whatever_the_rate),
        cmocka_unit_test(an_error_is_final_with_the_last_attempt_and_nothing_was_taken),
        cmocka_unit_test(tok_slow_takes_ten_times_the_delay),
        cmocka_unit_test(references_are_the_keys_own),
        cmocka_unit_test(a_refund_succeeds_whatever_the_rate),
    };
    return cmocka_run_group_tests_name("gateway", tests, NULL, NULL);
}
