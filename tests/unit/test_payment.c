/* test_payment.c - what payment-service does about every event in every status, and with every outcome of its jobs. */
#include <stdio.h>
#include <string.h>

#include "common/base/metrics_page.h"
#include "common/jobs/jobs_store.h"
#include "services/payment/payment.h"
#include "services/payment/payment_store.h"
#include "store.h"
#include "tern_test.h"
#include "test_emitted.h"
#include "test_jobs.h"

enum { AMOUNT_MINOR = 21997 };

/* The gateway of these tests: it does what the token says, and counts. */
struct world {
    struct test_context test;
    struct payment_state service;
    struct test_jobs jobs;
    int charges, refunds;
    int refunds_unknown, refunds_declined; /* how many of the next refunds end so */
    char charge_key[TERN_JOB_KEY_SIZE], refund_key[TERN_JOB_KEY_SIZE];
    struct gateway_request charged, refunded;
    bool unknown_for_ever;    /* no charge has an outcome */
    int queries, turns_up_at; /* "late": the query that finds the charge; 0: none does */
    enum gateway_answer turns_up_as;
    char cancel_id[TERN_UUID_SIZE]; /* of the newest cancel */
    int64_t price_minor;            /* of what is ordered */
    enum gateway_answer known_as;   /* of a charge that nobody wants any more */
};

static enum gateway_answer charge(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    struct world *world = self;
    const struct gateway_request *request = call->request;
    if (call->step == 0) {
        reply->wait_ms = 1000;
        return GATEWAY_WAIT;
    }
    world->charges++;
    assert_string_equal(call->job->subject, call->key + strlen("charge-"));
    if (world->charge_key[0]) assert_string_equal(world->charge_key, call->key);
    strcpy(world->charge_key, call->key);
    world->charged = *request;
    strcpy(reply->reference, "TXN-1");
    strcpy(reply->reason, strcmp(request->token, "tok_error") == 0 ? "no answer" : "card declined");
    if (world->unknown_for_ever) return GATEWAY_UNKNOWN;
    if (request->cancelled) return world->known_as;
    if (strcmp(request->token, "tok_error") == 0)
        return call->job->attempts + 1 < call->most_attempts ? GATEWAY_UNKNOWN : GATEWAY_NOTHING;
    if (strcmp(request->token, "tok_used") == 0) return call->job->attempts == 0 ? GATEWAY_UNKNOWN : GATEWAY_REFUSED;
    return strcmp(request->token, "tok_declined") == 0 ? GATEWAY_DECLINED : GATEWAY_DONE;
}

static enum gateway_answer refund(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    struct world *world = self;
    world->refunds++;
    if (world->refund_key[0]) assert_string_equal(world->refund_key, call->key);
    strcpy(world->refund_key, call->key);
    world->refunded = *call->request;
    strcpy(reply->reason, "not now");
    if (world->refunds_unknown-- > 0) return GATEWAY_UNKNOWN;
    if (world->refunds_declined-- > 0) return GATEWAY_DECLINED;
    strcpy(reply->reference, "REF-1");
    return GATEWAY_DONE;
}

static enum gateway_answer find(void *self, const struct gateway_call *call, struct gateway_reply *reply)
{
    struct world *world = self;
    assert_string_equal(call->key, world->charge_key);
    if (++world->queries != world->turns_up_at) return GATEWAY_NOTHING;
    strcpy(reply->reference, "TXN-LATE");
    return world->turns_up_as;
}

static void begin(struct world *world)
{
    memset(world, 0, sizeof *world);
    world->service.most_attempts = TEST_MOST_ATTEMPTS;
    world->service.late_check_ms = 600000;
    world->price_minor = AMOUNT_MINOR;
    world->known_as = GATEWAY_STOPPED;
    world->service.gateway = (struct payment_gateway){.charge = charge, .refund = refund, .self = world};
    test_context_open(&world->test, SHOP_SERVICE_PAYMENT, payment_migrations, &world->service);
    world->jobs = (struct test_jobs){.kinds = payment_jobs, .self = &world->service};
}

static int set_up(void **state)
{
    *state = test_malloc(sizeof(struct world));
    begin(*state);
    return 0;
}

static int tear_down(void **state)
{
    struct world *world = *state;
    test_context_close(&world->test);
    test_free(world);
    return 0;
}

/* ---- events, each with an id of its own ---- */

static void make_placed(struct world *world, const char *order_id, const char *token, struct tern_event *ret_event)
{
    struct shop_order_placed placed = {.customer_id = "CUST-1",
                                       .total_amount_minor = world->price_minor,
                                       .currency = "EUR",
                                       .status = "CREATED",
                                       .created_at_ms = world->test.now_ms};
    placed.items.count = 1;
    placed.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = world->price_minor};
    strcpy(placed.order_id, order_id);
    strcpy(placed.payment_token, token);
    test_context_event(&world->test, SHOP_ORDER_PLACED, order_id, &placed, NULL, ret_event);
}

static void make_cancelled(struct world *world, const char *order_id, struct tern_event *ret_event)
{
    struct shop_order_cancelled cancelled = {
        .customer_id = "CUST-1", .reason = SHOP_REASON_CUSTOMER_REQUEST, .cancelled_at_ms = world->test.now_ms};
    cancelled.items.count = 1;
    cancelled.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = world->price_minor};
    strcpy(cancelled.order_id, order_id);
    test_context_event(&world->test, SHOP_ORDER_CANCELLED, order_id, &cancelled, NULL, ret_event);
}

static void consume(struct world *world, struct tern_event *event)
{
    assert_int_equal(test_context_handle(&world->test, payment_handlers, PAYMENT_HANDLERS, event), TERN_DONE);
    tern_event_fini(event);
}

static void place(struct world *world, const char *order_id, const char *token)
{
    struct tern_event event;
    make_placed(world, order_id, token, &event);
    consume(world, &event);
}

static void cancel(struct world *world, const char *order_id)
{
    struct tern_event event;
    make_cancelled(world, order_id, &event);
    strcpy(world->cancel_id, event.event_id);
    consume(world, &event);
}

/* order-service asks for an answer that it misses with the newest cancel: something must be known as caused by that. */
static int64_t answers_to_the_cancel(struct world *world)
{
    struct tern_error err = {0};
    int64_t count = 0;
    assert_int_equal(tern_db_get_int(world->test.ctx.db, "SELECT count(*) FROM event_log WHERE causation_id = ?1",
                                     TERN_DB_ARGS(tern_db_text(world->cancel_id)), &count, &err),
                     1);
    return count;
}

static void the_cancel_can_be_asked_about(struct world *world)
{
    assert_int_equal(answers_to_the_cancel(world), 1);
}

/* A gateway where what was given up may still turn up: at the `query`-th query, or never (0). */
static void expect_late(struct world *world, int query, enum gateway_answer as)
{
    world->service.gateway.find = find;
    world->turns_up_at = query;
    world->turns_up_as = as;
}

static void finish_jobs(struct world *world)
{
    test_jobs_finish_all(&world->test, &world->jobs);
}

static struct payment load(struct world *world, const char *order_id)
{
    struct payment payment = {0};
    struct tern_error err = {0};
    assert_int_equal(payment_load(world->test.ctx.db, order_id, &payment, &err), 1);
    return payment;
}

static void is(struct world *world, enum payment_status status)
{
    assert_string_equal(payment_status_name(load(world, "ORD-1").status), payment_status_name(status));
}

/* An order that payment-service has never heard of, or one in a status. */
enum { UNKNOWN = PAYMENT_STATUS_COUNT };

static void reach(struct world *world, int status)
{
    switch (status) {
    case PAYMENT_PENDING: place(world, "ORD-1", "tok_ok"); break;
    case PAYMENT_FAILED: place(world, "ORD-1", "tok_declined"); break;
    case PAYMENT_ERROR: place(world, "ORD-1", "tok_error"); break;
    case PAYMENT_VOIDED: cancel(world, "ORD-1"); break;
    case PAYMENT_SUCCESS:
    case PAYMENT_REFUNDING:
    case PAYMENT_REFUNDED: place(world, "ORD-1", "tok_ok"); break;
    default: return;
    }
    if (status != PAYMENT_PENDING) finish_jobs(world);
    if (status == PAYMENT_REFUNDING || status == PAYMENT_REFUNDED) cancel(world, "ORD-1");
    if (status == PAYMENT_REFUNDED) finish_jobs(world);
    is(world, (enum payment_status)status);
    test_emitted_clear(&world->test);
}

static int64_t jobs_left(struct world *world)
{
    return test_store_number(world->test.ctx.db, "SELECT count(*) FROM job");
}

static void begin_again(struct world *world)
{
    test_context_close(&world->test);
    begin(world);
}

/* ---- OrderPlaced ---- */

static void an_order_is_charged_once_and_that_is_published(void **state)
{
    struct world *world = *state;
    struct shop_payment_processed processed;
    place(world, "ORD-1", "tok_ok");
    is(world, PAYMENT_PENDING); /* the intent, before any charge */
    test_emitted(&world->test, "");
    assert_int_equal(world->charges, 0);
    finish_jobs(world);
    is(world, PAYMENT_SUCCESS);
    assert_int_equal(world->charges, 1);
    assert_string_equal(world->charge_key, "charge-ORD-1");
    assert_int_equal(world->charged.amount_minor, AMOUNT_MINOR);
    assert_string_equal(world->charged.currency, "EUR");
    assert_string_equal(world->charged.customer_id, "CUST-1");
    assert_string_equal(world->charged.token, "tok_ok");
    test_emitted(&world->test, "PaymentProcessed");
    test_emitted_last(&world->test, SHOP_PAYMENT_PROCESSED, &processed);
    assert_string_equal(processed.order_id, "ORD-1");
    assert_string_equal(processed.customer_id, "CUST-1");
    assert_int_equal(processed.amount_minor, AMOUNT_MINOR);
    assert_string_equal(processed.status, "SUCCESS");
    assert_string_equal(processed.transaction_id, "TXN-1");
    assert_int_equal(processed.processed_at_ms, world->test.now_ms);
}

static void what_a_job_says_belongs_to_the_conversation_of_its_order(void **state)
{
    static const char caused[] = "SELECT count(*) FROM event_log WHERE type = 'PaymentProcessed' AND"
                                 " correlation_id = ?1 AND causation_id = ?2";
    struct world *world = *state;
    struct tern_event event;
    struct tern_error err = {0};
    int64_t count = 0;
    make_placed(world, "ORD-1", "tok_ok", &event);
    assert_int_equal(test_context_handle(&world->test, payment_handlers, PAYMENT_HANDLERS, &event), TERN_DONE);
    finish_jobs(world);
    assert_int_equal(tern_db_get_int(world->test.ctx.db, caused,
                                     TERN_DB_ARGS(tern_db_text(event.correlation_id), tern_db_text(event.event_id)),
                                     &count, &err),
                     1);
    assert_int_equal(count, 1);
    tern_event_fini(&event);
}

static void a_declined_charge_failed_and_the_reason_is_published(void **state)
{
    struct world *world = *state;
    struct shop_payment_failed failed;
    place(world, "ORD-1", "tok_declined");
    finish_jobs(world);
    is(world, PAYMENT_FAILED);
    assert_int_equal(world->charges, 1);
    test_emitted(&world->test, "PaymentFailed");
    test_emitted_last(&world->test, SHOP_PAYMENT_FAILED, &failed);
    assert_string_equal(failed.status, "FAILED");
    assert_string_equal(failed.error, "card declined");
    assert_int_equal(failed.amount_minor, AMOUNT_MINOR);
}

static void a_charge_without_an_answer_is_an_error_after_its_retries(void **state)
{
    struct world *world = *state;
    struct shop_payment_failed failed;
    place(world, "ORD-1", "tok_error");
    finish_jobs(world);
    is(world, PAYMENT_ERROR);
    assert_int_equal(world->charges, TEST_MOST_ATTEMPTS); /* with the same key: the counting gateway queries */
    test_emitted(&world->test, "PaymentFailed");
    test_emitted_last(&world->test, SHOP_PAYMENT_FAILED, &failed);
    assert_string_equal(failed.status, "ERROR");
    assert_string_equal(failed.error, "no answer");
}

static void an_order_that_is_known_is_never_charged_again(void **state)
{
    struct world *world = *state;
    for (int status = 0; status < PAYMENT_STATUS_COUNT; status++) {
        begin_again(world);
        reach(world, status);
        int64_t jobs = jobs_left(world);
        int charges = world->charges;
        place(world, "ORD-1", "tok_ok"); /* another event, as if the inbox had forgotten the first */
        place(world, "ORD-1", "tok_declined");
        is(world, (enum payment_status)status);
        test_emitted(&world->test, "");
        assert_int_equal(jobs_left(world), jobs);
        finish_jobs(world);
        assert_int_equal(world->charges, charges + (status == PAYMENT_PENDING));
    }
}

static void the_store_itself_refuses_a_second_payment_of_an_order(void **state)
{
    struct world *world = *state;
    struct tern_error err = {0};
    place(world, "ORD-1", "tok_ok");
    struct payment payment = load(world, "ORD-1");
    assert_int_equal(payment_insert(world->test.ctx.db, &payment, &err), -1);
    assert_int_equal(err.fault, TERN_FAULT_CONSTRAINT);
}

/* ---- OrderCancelled ---- */

static const struct {
    int status;
    const char *emitted;       /* at once */
    enum payment_status then;  /* at once */
    const char *emitted_after; /* with the jobs that were left */
    enum payment_status at_last;
    int refunds;
} cancels[] = {
    {UNKNOWN,           "PaymentVoided",   PAYMENT_VOIDED,    "",                                 PAYMENT_VOIDED,   0},
    {PAYMENT_PENDING,   "",                PAYMENT_PENDING,   "PaymentProcessed PaymentRefunded", PAYMENT_REFUNDED, 1},
    {PAYMENT_SUCCESS,   "",                PAYMENT_REFUNDING, "PaymentRefunded",                  PAYMENT_REFUNDED, 1},
    {PAYMENT_FAILED,    "PaymentVoided",   PAYMENT_FAILED,    "",                                 PAYMENT_FAILED,   0},
    {PAYMENT_ERROR,     "PaymentVoided",   PAYMENT_ERROR,     "",                                 PAYMENT_ERROR,    0},
    {PAYMENT_VOIDED,    "PaymentVoided",   PAYMENT_VOIDED,    "",                                 PAYMENT_VOIDED,   0},
    {PAYMENT_REFUNDING, "",                PAYMENT_REFUNDING, "PaymentRefunded",                  PAYMENT_REFUNDED, 1},
    {PAYMENT_REFUNDED,  "PaymentRefunded", PAYMENT_REFUNDED,  "",                                 PAYMENT_REFUNDED, 1},
};

static void a_cancel_is_answered_in_every_status(void **state)
{
    struct world *world = *state;
    assert_int_equal(TERN_COUNT(cancels), PAYMENT_STATUS_COUNT + 1);
    for (size_t i = 0; i < TERN_COUNT(cancels); i++) {
        begin_again(world);
        reach(world, cancels[i].status);
        cancel(world, "ORD-1");
        is(world, cancels[i].then);
        test_emitted(&world->test, cancels[i].emitted);
        test_emitted_clear(&world->test);
        finish_jobs(world);
        is(world, cancels[i].at_last);
        test_emitted(&world->test, cancels[i].emitted_after);
        assert_int_equal(world->refunds, cancels[i].refunds);
        assert_int_equal(jobs_left(world), 0);
        the_cancel_can_be_asked_about(world);
    }
}

static void cancelled_twice_is_refunded_once(void **state)
{
    struct world *world = *state;
    static const int statuses[] = {PAYMENT_PENDING, PAYMENT_SUCCESS, PAYMENT_REFUNDING};
    for (size_t i = 0; i < TERN_COUNT(statuses); i++) {
        begin_again(world);
        reach(world, statuses[i]);
        cancel(world, "ORD-1");
        cancel(world, "ORD-1");
        finish_jobs(world);
        is(world, PAYMENT_REFUNDED);
        assert_int_equal(world->refunds, 1);
        assert_int_equal(world->charges, 1);
        the_cancel_can_be_asked_about(world);
    }
}

static void a_charge_that_fails_after_the_cancel_says_so_and_refunds_nothing(void **state)
{
    struct world *world = *state;
    static const char *const tokens[] = {"tok_declined", "tok_error"};
    for (size_t i = 0; i < TERN_COUNT(tokens); i++) {
        begin_again(world);
        place(world, "ORD-1", tokens[i]);
        cancel(world, "ORD-1");
        finish_jobs(world);
        test_emitted(&world->test, "PaymentFailed");
        is(world, i == 0 ? PAYMENT_FAILED : PAYMENT_ERROR);
        assert_int_equal(world->refunds, 0);
        the_cancel_can_be_asked_about(world);
    }
}

static void a_tombstone_keeps_what_comes_later_from_being_charged(void **state)
{
    struct world *world = *state;
    struct shop_payment_voided voided;
    cancel(world, "ORD-1");
    test_emitted_last(&world->test, SHOP_PAYMENT_VOIDED, &voided);
    assert_string_equal(voided.order_id, "ORD-1");
    assert_string_equal(voided.customer_id, "CUST-1");
    place(world, "ORD-1", "tok_ok");
    assert_int_equal(jobs_left(world), 0);
    is(world, PAYMENT_VOIDED);
    cancel(world, "ORD-1");
    test_emitted(&world->test, "PaymentVoided PaymentVoided");
}

static void a_refund_gives_back_what_was_charged_and_is_answered_the_same_each_time(void **state)
{
    struct world *world = *state;
    struct shop_payment_refunded first, second;
    reach(world, PAYMENT_REFUNDED);
    assert_string_equal(world->refund_key, "refund-ORD-1");
    assert_string_equal(world->refunded.reference, "TXN-1");
    assert_int_equal(world->refunded.amount_minor, AMOUNT_MINOR);
    cancel(world, "ORD-1");
    test_emitted_last(&world->test, SHOP_PAYMENT_REFUNDED, &first);
    assert_string_equal(first.transaction_id, "TXN-1");
    assert_string_equal(first.refund_id, "REF-1");
    assert_int_equal(first.amount_minor, AMOUNT_MINOR);
    world->test.now_ms += 60000;
    cancel(world, "ORD-1");
    test_emitted_last(&world->test, SHOP_PAYMENT_REFUNDED, &second);
    assert_memory_equal(&first, &second, sizeof first);
}

static void a_refund_is_tried_until_it_succeeds_whatever_the_gateway_says(void **state)
{
    struct world *world = *state;
    reach(world, PAYMENT_SUCCESS);
    world->refunds_unknown = 3 * TEST_MOST_ATTEMPTS;
    world->refunds_declined = 3;
    cancel(world, "ORD-1");
    finish_jobs(world);
    is(world, PAYMENT_REFUNDED);
    assert_int_equal(world->refunds, 3 * TEST_MOST_ATTEMPTS + 4);
    test_emitted(&world->test, "PaymentRefunded");
}

/* ---- free orders: no gateway is asked ---- */

static void a_free_order_is_paid_without_a_gateway_whatever_its_token(void **state)
{
    static const char *const tokens[] = {"", "tok_ok", "tok_declined", "tok_error"};
    struct world *world = *state;
    struct shop_payment_processed processed;
    for (size_t i = 0; i < TERN_COUNT(tokens); i++) {
        begin_again(world);
        world->price_minor = 0;
        place(world, "ORD-1", tokens[i]);
        finish_jobs(world);
        is(world, PAYMENT_SUCCESS);
        test_emitted(&world->test, "PaymentProcessed");
        test_emitted_last(&world->test, SHOP_PAYMENT_PROCESSED, &processed);
        assert_string_equal(processed.transaction_id, "TXN-free-ORD-1");
        assert_int_equal(processed.amount_minor, 0);
        cancel(world, "ORD-1");
        is(world, PAYMENT_VOIDED);
        the_cancel_can_be_asked_about(world);
        cancel(world, "ORD-1"); /* again, or by another reason */
        finish_jobs(world);
        test_emitted(&world->test, "PaymentProcessed PaymentVoided PaymentVoided");
        the_cancel_can_be_asked_about(world);
        assert_int_equal(world->charges + world->refunds, 0);
        assert_int_equal(jobs_left(world), 0);
    }
}

static void a_free_order_cancelled_early_is_voided_without_a_gateway(void **state)
{
    struct world *world = *state;
    world->service.gateway.find = find;
    world->price_minor = 0;
    place(world, "ORD-1", "tok_ok");
    cancel(world, "ORD-1");
    finish_jobs(world);
    test_emitted(&world->test, "PaymentProcessed PaymentVoided");
    the_cancel_can_be_asked_about(world);
    test_emitted_clear(&world->test);
    cancel(world, "ORD-2"); /* never seen */
    test_emitted(&world->test, "PaymentVoided");
    assert_int_equal(world->charges + world->refunds + world->queries, 0);
}

/* ---- a cancel of an order that this store has never seen ---- */

static const struct {
    enum gateway_answer known_as; /* of its charge, at the gateway */
    enum payment_status at_last;
    const char *emitted;
} unseen[] = {
    {GATEWAY_STOPPED,  PAYMENT_VOIDED,   "PaymentVoided"                   },
    {GATEWAY_DONE,     PAYMENT_REFUNDED, "PaymentProcessed PaymentRefunded"},
    {GATEWAY_DECLINED, PAYMENT_VOIDED,   "PaymentVoided"                   },
};

static void before_an_unseen_order_is_voided_the_gateway_is_asked(void **state)
{
    struct world *world = *state;
    for (size_t i = 0; i < TERN_COUNT(unseen); i++) {
        begin_again(world);
        expect_late(world, 0, GATEWAY_NOTHING);
        world->unknown_for_ever = true;
        cancel(world, "ORD-1");
        for (int attempt = 0; attempt < 3 * TEST_MOST_ATTEMPTS; attempt++)
            assert_true(test_jobs_step(&world->test, &world->jobs)); /* only its word counts */
        place(world, "ORD-1", "tok_ok");
        test_emitted(&world->test, "");
        is(world, PAYMENT_PENDING);
        assert_int_equal(jobs_left(world), 1);
        world->unknown_for_ever = false;
        world->known_as = unseen[i].known_as;
        finish_jobs(world);
        is(world, unseen[i].at_last);
        assert_string_equal(load(world, "ORD-1").currency, ""); /* a cancel names none */
        test_emitted(&world->test, unseen[i].emitted);
        assert_int_equal(answers_to_the_cancel(world), unseen[i].known_as == GATEWAY_DONE ? 2 : 1);
        assert_int_equal(world->charged.cancelled, 1); /* it is looked for, never posted */
        assert_int_equal(world->refunds, unseen[i].known_as == GATEWAY_DONE);
        if (world->refunds) assert_int_equal(world->refunded.amount_minor, AMOUNT_MINOR);
        assert_int_equal(world->queries,
                         unseen[i].known_as == GATEWAY_STOPPED ? 5 : 0); /* for what is stuck on its way */
        place(world, "ORD-1", "tok_ok");
        assert_int_equal(jobs_left(world), 0);
    }
}

static void a_second_cancel_while_the_gateway_is_asked_is_the_one_that_is_answered(void **state)
{
    struct world *world = *state;
    expect_late(world, 0, GATEWAY_NOTHING);
    cancel(world, "ORD-1");
    cancel(world, "ORD-1");
    test_emitted(&world->test, "");
    assert_int_equal(jobs_left(world), 1);
    finish_jobs(world);
    test_emitted(&world->test, "PaymentVoided");
    the_cancel_can_be_asked_about(world);
}

/* ---- outcomes that come late or twice ---- */

struct late {
    const struct tern_job_kind *kind;
    enum gateway_answer code;
    const char *result;
};

static enum tern_outcome finish_late(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct late *late = argument;
    struct tern_job job = {.subject = "ORD-1"};
    struct tern_job_run run = {0};
    run.code = (int)late->code;
    strcpy(run.result, late->result);
    return late->kind->finish(ctx, &job, &run, err);
}

static void an_outcome_that_nobody_waits_for_changes_nothing(void **state)
{
    struct world *world = *state;
    static const struct late late_cases[] = {
        {&payment_jobs[0], GATEWAY_DONE,     "TXN-2"    },
        {&payment_jobs[0], GATEWAY_DECLINED, "declined" },
        {&payment_jobs[0], GATEWAY_NOTHING,  "no answer"},
        {&payment_jobs[1], GATEWAY_DONE,     "REF-2"    }
    };
    for (size_t i = 0; i < TERN_COUNT(late_cases); i++) {
        for (int status = 0; status < PAYMENT_STATUS_COUNT; status++) {
            bool waited_for = status == (late_cases[i].kind == &payment_jobs[0] ? PAYMENT_PENDING : PAYMENT_REFUNDING);
            if (waited_for) continue;
            begin_again(world);
            reach(world, status);
            struct payment before = load(world, "ORD-1");
            struct late late = late_cases[i];
            assert_int_equal(test_context_run(&world->test, finish_late, &late, NULL), TERN_DONE);
            struct payment after = load(world, "ORD-1");
            assert_memory_equal(&before, &after, sizeof before);
            test_emitted(&world->test, "");
        }
    }
}

static void a_decline_without_a_reason_is_published_all_the_same(void **state)
{
    struct world *world = *state;
    struct late late = {&payment_jobs[0], GATEWAY_DECLINED, ""};
    struct shop_payment_failed failed;
    reach(world, PAYMENT_PENDING);
    assert_int_equal(test_context_run(&world->test, finish_late, &late, NULL), TERN_DONE);
    test_emitted_last(&world->test, SHOP_PAYMENT_FAILED, &failed);
    assert_true(failed.error[0] != '\0');
}

static void a_charge_counts_as_what_it_was_though_it_is_refunded_at_once(void **state)
{
    struct world *world = *state;
    struct tern_text page = {0};
    world->test.ctx.metrics = tern_metrics_create(payment_metrics);
    reach(world, PAYMENT_PENDING);
    cancel(world, "ORD-1");
    finish_jobs(world);
    tern_metrics_print(world->test.ctx.metrics, &page);
    assert_non_null(strstr(page.bytes, "tern_payments_total{result=\"SUCCESS\"} 1\n"));
    assert_non_null(strstr(page.bytes, "tern_payments_total{result=\"REFUNDED\"} 1\n"));
    assert_null(strstr(page.bytes, "REFUNDING"));
    tern_text_fini(&page);
    tern_metrics_destroy(world->test.ctx.metrics);
}

/* ---- charges of which nobody knows the outcome, and those that come late ---- */

static void a_charge_is_pending_for_ever_while_nobody_knows_its_outcome(void **state)
{
    struct world *world = *state;
    world->unknown_for_ever = true;
    place(world, "ORD-1", "tok_ok");
    cancel(world, "ORD-1"); /* order-service's deadline, say */
    for (int i = 0; i < 10 * TEST_MOST_ATTEMPTS; i++)
        assert_true(test_jobs_step(&world->test, &world->jobs));
    is(world, PAYMENT_PENDING);
    test_emitted(&world->test, "");
    world->unknown_for_ever = false;
    finish_jobs(world);
    is(world, PAYMENT_REFUNDED);
    test_emitted(&world->test, "PaymentProcessed PaymentRefunded");
}

static void a_charge_that_was_given_up_is_looked_for_five_times_with_growing_pauses(void **state)
{
    static const int64_t minutes[] = {10, 30, 90, 270, 810};
    struct world *world = *state;
    expect_late(world, 0, GATEWAY_NOTHING);
    place(world, "ORD-1", "tok_error");
    while (world->charges < TEST_MOST_ATTEMPTS)
        assert_true(test_jobs_step(&world->test, &world->jobs));
    for (size_t i = 0; i < TERN_COUNT(minutes); i++) {
        struct tern_job job;
        struct tern_error err = {0};
        assert_int_equal(tern_job_load(world->test.ctx.db, 0, 1, &job, &err), 1);
        assert_string_equal(job.kind, "late-check");
        assert_int_equal(job.next_try_ms - job.added_at_ms, minutes[i] * 60000);
        assert_true(test_jobs_step(&world->test, &world->jobs));
        assert_int_equal(world->queries, i + 1);
    }
    assert_int_equal(jobs_left(world), 0);
    is(world, PAYMENT_ERROR);
    test_emitted(&world->test, "PaymentFailed");
}

/* The order's cancel may come before the money turns up, or after; once or twice. */
static const struct {
    bool before, after;
    const char *emitted;
} late_orders[] = {
    {true,  false, "PaymentFailed PaymentVoided PaymentProcessed PaymentRefunded"                },
    {true,  true,  "PaymentFailed PaymentVoided PaymentProcessed PaymentRefunded PaymentRefunded"},
    {false, true,  "PaymentFailed PaymentProcessed PaymentRefunded"                              },
};

static void late_money_of(struct world *world, const char *token, enum payment_status given_up)
{
    for (size_t i = 0; i < TERN_COUNT(late_orders); i++) {
        begin_again(world);
        expect_late(world, 3, GATEWAY_DONE);
        place(world, "ORD-1", token);
        while (world->queries < 2)
            assert_true(test_jobs_step(&world->test, &world->jobs));
        is(world, given_up);
        if (late_orders[i].before) cancel(world, "ORD-1");
        finish_jobs(world);
        is(world, late_orders[i].before ? PAYMENT_REFUNDED : PAYMENT_SUCCESS);
        if (late_orders[i].after) cancel(world, "ORD-1");
        finish_jobs(world);
        is(world, PAYMENT_REFUNDED);
        test_emitted(&world->test, late_orders[i].emitted);
        assert_int_equal(world->refunds, 1);
        assert_string_equal(world->refunded.reference, "TXN-LATE");
        assert_int_equal(world->refunded.amount_minor, AMOUNT_MINOR);
        assert_string_equal(load(world, "ORD-1").error, "");
        assert_int_equal(world->queries, 3);
        assert_int_equal(jobs_left(world), 0);
    }
}

static void late_money_is_published_and_refunded_whatever_the_order_of_things(void **state)
{
    late_money_of(*state, "tok_error", PAYMENT_ERROR);
}

/* The first post was without an answer, the second is refused (400, 422); and then the first one lands. */
static void so_is_money_that_comes_after_a_refusal_of_the_second_request(void **state)
{
    late_money_of(*state, "tok_used", PAYMENT_FAILED);
}

static void a_charge_cancelled_before_it_was_given_up_is_paid_back_too(void **state)
{
    struct world *world = *state;
    expect_late(world, 1, GATEWAY_DONE);
    place(world, "ORD-1", "tok_error");
    cancel(world, "ORD-1");
    finish_jobs(world);
    is(world, PAYMENT_REFUNDED);
    test_emitted(&world->test, "PaymentVoided PaymentProcessed PaymentRefunded");
}

static void a_charge_is_called_back_when_the_gateway_has_not_seen_it_yet(void **state)
{
    struct world *world = *state;
    for (int turns_up_at = 0; turns_up_at < 2; turns_up_at++) {
        begin_again(world);
        expect_late(world, turns_up_at, GATEWAY_DONE);
        world->unknown_for_ever = true;
        place(world, "ORD-1", "tok_ok");
        assert_true(test_jobs_step(&world->test, &world->jobs));
        cancel(world, "ORD-1");
        assert_true(test_jobs_step(&world->test, &world->jobs));
        is(world, PAYMENT_PENDING);
        world->unknown_for_ever = false;
        assert_true(test_jobs_step(&world->test, &world->jobs));
        is(world, PAYMENT_VOIDED);
        assert_int_equal(world->charged.amount_minor, AMOUNT_MINOR);
        finish_jobs(world); /* what was stuck on the way may have landed all the same */
        is(world, turns_up_at ? PAYMENT_REFUNDED : PAYMENT_VOIDED);
        test_emitted(&world->test, turns_up_at ? "PaymentVoided PaymentProcessed PaymentRefunded" : "PaymentVoided");
    }
}

static void a_check_without_an_answer_is_tried_again_and_a_decline_ends_the_checks(void **state)
{
    struct world *world = *state;
    expect_late(world, 2, GATEWAY_UNKNOWN);
    place(world, "ORD-1", "tok_error");
    finish_jobs(world);
    assert_int_equal(world->queries, 6); /* five, and one in vain */
    is(world, PAYMENT_ERROR);
    begin_again(world);
    expect_late(world, 2, GATEWAY_DECLINED);
    place(world, "ORD-1", "tok_error");
    finish_jobs(world);
    assert_int_equal(world->queries, 2);
    is(world, PAYMENT_ERROR);
    assert_int_equal(world->refunds, 0);
}

/* ---- a store that fails anywhere ---- */

struct unit {
    struct world *world;
    struct tern_event event;
    const struct late *late;
};

static int run_unit(struct tern_db *db, void *self, struct tern_error *err)
{
    struct unit *unit = self;
    struct tern_context *ctx = &unit->world->test.ctx;
    (void)db;
    strcpy(ctx->conversation.correlation_id, "0b5c1e7a-8f0e-4c53-9d7a-111111111111");
    enum tern_outcome outcome;
    if (unit->late) {
        struct late late = *unit->late;
        outcome = finish_late(ctx, &late, err);
    } else {
        bool placed = strcmp(unit->event.type, "OrderPlaced") == 0;
        outcome = payment_handlers[placed ? 0 : 1].handle(ctx, &unit->event, err);
    }
    assert_int_not_equal(outcome, TERN_REJECT);
    return outcome == TERN_DONE ? 0 : -1;
}

static void each_failing_call_to_the_store_is_a_retry(void **state)
{
    static const struct late charged = {&payment_jobs[0], GATEWAY_DONE, "TXN-1"},
                             refunded = {&payment_jobs[1], GATEWAY_DONE, "REF-1"};
    struct world *world = *state;
    struct unit unit = {.world = world};
    make_placed(world, "ORD-1", "tok_ok", &unit.event);
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    tern_event_fini(&unit.event);
    make_cancelled(world, "ORD-1", &unit.event);
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    unit.late = &charged;
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    is(world, PAYMENT_REFUNDING); /* once, whatever failed before */
    unit.late = &refunded;
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    is(world, PAYMENT_REFUNDED);
    tern_event_fini(&unit.event);
    test_emitted(&world->test, "PaymentProcessed PaymentRefunded");
    unit.late = NULL;
    make_cancelled(world, "ORD-2", &unit.event);
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    tern_event_fini(&unit.event);
    int64_t jobs = jobs_left(world);
    world->service.gateway.find = find;
    make_cancelled(world, "ORD-3", &unit.event);
    test_store_fail_each(world->test.ctx.db, run_unit, &unit);
    tern_event_fini(&unit.event);
    assert_int_equal(jobs_left(world), jobs + 1);
}

static void what_cannot_be_understood_is_parked(void **state)
{
    struct world *world = *state;
    struct tern_event event;
    for (size_t i = 0; i < PAYMENT_HANDLERS; i++) {
        make_cancelled(world, "ORD-1", &event);
        strcpy(event.type, i == 0 ? "OrderPlaced" : "OrderCancelled");
        if (i == 1) strcpy(event.version, "2.0");
        assert_int_equal(test_context_handle(&world->test, payment_handlers, PAYMENT_HANDLERS, &event), TERN_REJECT);
        assert_true(world->test.err.text[0] != '\0');
        tern_event_fini(&event);
    }
}

static void every_event_that_the_catalogue_sends_here_has_a_handler(void **state)
{
    size_t consumed = 0;
    (void)state;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        consumed += tern_catalogue_consumes(&shop_event_types[event], SHOP_SERVICE_PAYMENT);
    assert_int_equal(consumed, PAYMENT_HANDLERS);
    for (size_t i = 0; i < PAYMENT_HANDLERS; i++)
        assert_true(tern_catalogue_consumes(payment_handlers[i].type, SHOP_SERVICE_PAYMENT));
}

#define WITH(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(an_order_is_charged_once_and_that_is_published),
        WITH(what_a_job_says_belongs_to_the_conversation_of_its_order),
        WITH(a_declined_charge_failed_and_the_reason_is_published),
        WITH(a_charge_without_an_answer_is_an_error_after_its_retries),
        WITH(an_order_that_is_known_is_never_charged_again),
        WITH(the_store_itself_refuses_a_second_payment_of_an_order),
        WITH(a_cancel_is_answered_in_every_status),
        WITH(cancelled_twice_is_refunded_once),
        WITH(a_charge_that_fails_after_the_cancel_says_so_and_refunds_nothing),
        WITH(a_tombstone_keeps_what_comes_later_from_being_charged),
        WITH(a_refund_gives_back_what_was_charged_and_is_answered_the_same_each_time),
        WITH(a_refund_is_tried_until_it_succeeds_whatever_the_gateway_says),
        WITH(a_free_order_is_paid_without_a_gateway_whatever_its_token),
        WITH(a_free_order_cancelled_early_is_voided_without_a_gateway),
        WITH(before_an_unseen_order_is_voided_the_gateway_is_asked),
        WITH(a_second_cancel_while_the_gateway_is_asked_is_the_one_that_is_answered),
        WITH(an_outcome_that_nobody_waits_for_changes_nothing),
        WITH(a_decline_without_a_reason_is_published_all_the_same),
        WITH(a_charge_counts_as_what_it_was_though_it_is_refunded_at_once),
        WITH(a_charge_is_pending_for_ever_while_nobody_knows_its_outcome),
        WITH(a_charge_that_was_given_up_is_looked_for_five_times_with_growing_pauses),
        WITH(late_money_is_published_and_refunded_whatever_the_order_of_things),
        WITH(so_is_money_that_comes_after_a_refusal_of_the_second_request),
        WITH(a_charge_cancelled_before_it_was_given_up_is_paid_back_too),
        WITH(a_charge_is_called_back_when_the_gateway_has_not_seen_it_yet),
        WITH(a_check_without_an_answer_is_tried_again_and_a_decline_ends_the_checks),
        WITH(each_failing_call_to_the_store_is_a_retry),
        WITH(what_cannot_be_understood_is_parked),
        cmocka_unit_test(every_event_that_the_catalogue_sends_here_has_a_handler),
    };
    return cmocka_run_group_tests_name("payment", tests, NULL, NULL);
}
