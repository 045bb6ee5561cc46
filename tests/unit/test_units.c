/* test_units.c - how one message takes effect once: inbox, order, retry, parking, attempts, timers, draining.
 *
 * The handler of OrderCancelled is the test's: it notes the event's name and does what the play says. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/ids.h"
#include "common/event/control.h"
#include "common/inbox/deferred.h"
#include "common/inbox/numbers.h"
#include "common/jobs/timers_store.h"
#include "common/store/store.h"
#include "common/work/work.h"
#include "store.h"
#include "tern/backoff.h"
#include "tern/inbox.h"
#include "tern/timers.h"
#include "tern_test.h"
#include "test_context.h"
#include "test_runtime.h"

enum { BATCH_MAX = 8, MOST_ATTEMPTS = 5, BACKOFF_MS = 200, HOUR_MS = 3600 * 1000 };

static struct {
    char ran[512];   /* names of the events whose handler ran, in order */
    const char *bad; /* the event that fails, and how often it still does */
    int failures;    /* -1: always */
    enum tern_outcome answer;
    struct tern_db *look; /* a second connection: what it sees of the attempts while the handler runs */
    int64_t attempts_seen;
    bool kills;
    bool answers; /* says PaymentVoided */
    int fired, timer_failures;
    char timer_correlation_id[TERN_UUID_SIZE];
    int finished, dropped; /* deliveries given back */
} play;

/* ---- the service ---- */

static enum tern_outcome on_cancelled(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    struct shop_order_cancelled cancelled;
    if (shop_order_cancelled_decode(event, &cancelled, err) < 0) return TERN_REJECT;
    const char *name = cancelled.customer_id;
    size_t length = strlen(play.ran);
    (void)snprintf(play.ran + length, sizeof play.ran - length, "%s%s", length ? " " : "", name);
    if (test_runtime_note(ctx, name, err) < 0) return TERN_RETRY;
    tern_log_info(ctx->log, "handled", TERN_STR("name", name));
    if (play.answers) {
        const struct shop_payment_voided voided = {.order_id = "ORD-1", .customer_id = "C", .voided_at_ms = 1};
        if (shop_emit_payment_voided(ctx, &voided, NULL, err) < 0) return TERN_RETRY;
    }
    if (!play.bad || strcmp(play.bad, name) != 0 || play.failures == 0) return TERN_DONE;
    if (play.failures > 0) play.failures--;
    if (play.look) play.attempts_seen = test_store_number(play.look, "SELECT attempts FROM deferred");
    if (play.kills) (void)kill(getpid(), SIGKILL);
    (void)tern_error_set(err, "%s is not wanted now", name);
    return play.answer;
}

static enum tern_outcome on_timer(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err)
{
    play.fired++;
    strcpy(play.timer_correlation_id, ctx->conversation.correlation_id);
    assert_string_equal(timer->payload, "payload");
    const struct shop_payment_voided voided = {.order_id = "ORD-1", .customer_id = "C", .voided_at_ms = 1};
    if (shop_emit_payment_voided(ctx, &voided, NULL, err) < 0) return TERN_RETRY;
    tern_log_info(ctx->log, "fired", TERN_STR("key", timer->key));
    if (play.timer_failures == 0) return TERN_DONE;
    play.timer_failures--;
    (void)tern_error_set(err, "not now");
    return TERN_RETRY;
}

static const struct tern_handler handlers[] = {
    {SHOP_TYPE(ORDER_CANCELLED), on_cancelled}
};
static const struct tern_timer_kind timers[] = {
    {"remind", on_timer},
    {NULL,     NULL    }
};
/* As the consumer does: takes back what was finished. */
static void take_back(struct test_runtime *runtime)
{
    struct tern_delivery *next = tern_deliveries_take_finished(runtime->app.deliveries);
    while (next) {
        struct tern_delivery *delivery = next;
        next = delivery->next;
        if (delivery->generation == 0)
            play.dropped++;
        else
            play.finished++;
        if (delivery->readable) tern_event_fini(&delivery->event);
        free(delivery->raw);
        free(delivery);
    }
}

static void build_inbox(struct test_runtime *runtime, int64_t most_attempts, int64_t backoff_ms)
{
    runtime->app.timers.kinds = timers;
    take_back(runtime);
    test_runtime_build_inbox(runtime, handlers, TERN_COUNT(handlers), most_attempts, backoff_ms);
    tern_deliveries_connected(runtime->app.deliveries, 1);
}

static int finished(struct test_runtime *runtime)
{
    take_back(runtime);
    return play.finished;
}

static int dropped(struct test_runtime *runtime)
{
    take_back(runtime);
    return play.dropped;
}

static int open_in(void **state, enum test_runtime_store store)
{
    struct test_runtime *runtime = test_malloc(sizeof *runtime);
    memset(&play, 0, sizeof play);
    play.answer = TERN_RETRY;
    test_runtime_open(runtime, store, TEST_CLOCK_BY_HAND, BATCH_MAX);
    build_inbox(runtime, MOST_ATTEMPTS, BACKOFF_MS);
    *state = runtime;
    return 0;
}

static int in_memory(void **state)
{
    return open_in(state, TEST_IN_MEMORY);
}

static int in_a_file(void **state)
{
    return open_in(state, TEST_IN_A_FILE);
}

static int tear_down(void **state)
{
    struct test_runtime *runtime = *state;
    take_back(runtime);
    test_runtime_close(runtime);
    test_free(runtime);
    return 0;
}

/* ---- deliveries ---- */

static int64_t stands_still(void *self)
{
    (void)self;
    return 1;
}

/* The event `name` about `subject`, with an id that follows from its name. */
static void make_event(struct test_runtime *runtime, enum shop_event event, const char *subject, const char *name,
                       struct tern_event *ret_event)
{
    struct test_context maker = {.now_ms = atomic_load(&runtime->now_ms)};
    struct shop_order_cancelled cancelled = {.reason = SHOP_REASON_CUSTOMER_REQUEST, .cancelled_at_ms = maker.now_ms};
    uint64_t seed = 5381;
    for (const char *at = name; *at; at++)
        seed = seed * 33 + (uint8_t)*at;
    strcpy(cancelled.order_id, subject);
    strcpy(cancelled.customer_id, name);
    cancelled.items.count = 1;
    cancelled.items.at[0] = (struct shop_line){.product_id = "P", .quantity = 1, .price_minor = 100};
    const struct tern_clock still = {stands_still, stands_still, NULL};
    maker.foreign = tern_ids_create(&still, seed);
    test_context_event(&maker, event, subject, &cancelled, NULL, ret_event);
    tern_ids_destroy(maker.foreign);
}

static void deliver(struct test_runtime *runtime, const char *subject, const char *name, bool redelivered)
{
    struct tern_delivery *delivery = tern_alloc(sizeof *delivery);
    delivery->generation = 1;
    delivery->readable = true;
    delivery->redelivered = redelivered;
    delivery->received_steady_ms = atomic_load(&runtime->now_ms);
    make_event(runtime, SHOP_ORDER_CANCELLED, subject, name, &delivery->event);
    tern_deliveries_submit(runtime->app.deliveries, delivery);
}

/* The same event as `name`, or a new one, flagged as a nudge. */
static void nudge(struct test_runtime *runtime, const char *subject, const char *name)
{
    struct tern_delivery *delivery = tern_alloc(sizeof *delivery);
    delivery->generation = 1;
    delivery->readable = true;
    make_event(runtime, SHOP_ORDER_CANCELLED, subject, name, &delivery->event);
    delivery->event.nudge = true;
    tern_deliveries_submit(runtime->app.deliveries, delivery);
    test_runtime_settle(runtime);
}

static void receive(struct test_runtime *runtime, const char *subject, const char *name)
{
    deliver(runtime, subject, name, false);
    test_runtime_settle(runtime);
}

static void deliver_garbage_as(struct test_runtime *runtime, const char *bytes, bool redelivered)
{
    struct tern_delivery *delivery = tern_alloc(sizeof *delivery);
    delivery->generation = 1;
    delivery->redelivered = redelivered;
    delivery->raw = tern_copy_text(bytes);
    delivery->raw_length = strlen(bytes);
    delivery->reason = TERN_PARKED_MALFORMED;
    strcpy(delivery->raw_type, "OrderCancelled");
    (void)tern_error_set(&delivery->why, "it ends in the middle");
    tern_deliveries_submit(runtime->app.deliveries, delivery);
}

static void deliver_garbage(struct test_runtime *runtime, const char *bytes)
{
    deliver_garbage_as(runtime, bytes, false);
}

static void pass(struct test_runtime *runtime, int64_t ms)
{
    atomic_fetch_add(&runtime->now_ms, ms);
    test_runtime_settle(runtime);
}

static void fails(const char *name, enum tern_outcome answer, int times)
{
    play.bad = name;
    play.answer = answer;
    play.failures = times;
}

#define NUMBER(sql) test_store_number(runtime->app.ctx.db, sql)

/* ---- once ---- */

static void an_event_that_comes_twice_is_handled_once(void **state)
{
    struct test_runtime *runtime = *state;
    receive(runtime, "A", "a1");
    receive(runtime, "A", "a1");
    deliver(runtime, "A", "a1", true);
    test_runtime_settle(runtime);
    assert_string_equal(play.ran, "a1");
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
    assert_int_equal(finished(runtime), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"OrderCancelled\",result=\"done\"} 1");
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"OrderCancelled\",result=\"duplicate\"} 2");
    test_runtime_metric(runtime, "tern_inbox_duplicates_total 2");
    test_runtime_metric(runtime, "tern_messages_redelivered_total{type=\"OrderCancelled\"} 1");
}

static void a_nudge_for_what_was_handled_says_again_what_it_caused(void **state)
{
    struct test_runtime *runtime = *state;
    play.answers = true;
    receive(runtime, "A", "a1");
    receive(runtime, "B", "b1");
    receive(runtime, "A", "a1"); /* a plain duplicate asks for nothing */
    assert_int_equal(NUMBER("SELECT count(*) FROM republish_request"), 0);
    nudge(runtime, "B", "b1");
    nudge(runtime, "B", "b1");
    assert_string_equal(play.ran, "a1 b1");
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log"), 2);
    assert_int_equal(NUMBER("SELECT count(*) FROM republish_request"), 1);
    assert_int_equal(NUMBER("SELECT seq FROM republish_request"), 2);
    assert_int_equal(runtime->republished, 2);
}

static void a_nudge_that_comes_first_is_handled_like_any_other(void **state)
{
    struct test_runtime *runtime = *state;
    play.answers = true;
    nudge(runtime, "A", "a1");
    assert_string_equal(play.ran, "a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM republish_request"), 0);
}

/* Of order-service's cancels the broker has confirmed so many. */
static void told(struct test_runtime *runtime, int64_t last)
{
    struct tern_beacon beacon = {.producer = SHOP_SERVICE_ORDER, .store = "S", .count = 1};
    struct tern_numbers_news news;
    beacon.types[0] = (struct tern_beacon_type){SHOP_TYPE(ORDER_CANCELLED), 1, last};
    tern_numbers_compare(&runtime->app.receipts.numbers, &beacon, &beacon.types[0], 1, &news);
}

/* The cancel `name` of that number, said to a broker that forgot, or because somebody has missed it. */
static void republish(struct test_runtime *runtime, const char *name, int64_t number)
{
    struct tern_delivery *delivery = tern_alloc(sizeof *delivery);
    delivery->generation = 1;
    delivery->readable = true;
    make_event(runtime, SHOP_ORDER_CANCELLED, name, name, &delivery->event);
    delivery->event.republished = true;
    delivery->numbered = SHOP_TYPE(ORDER_CANCELLED);
    delivery->number = number;
    tern_deliveries_submit(runtime->app.deliveries, delivery);
    test_runtime_settle(runtime);
}

/* An event without a handler. */
static void receive_voided(struct test_runtime *runtime, bool nudge)
{
    struct tern_delivery *delivery = tern_alloc(sizeof *delivery);
    const struct shop_payment_voided voided = {.order_id = "A", .customer_id = "C", .voided_at_ms = 1};
    struct test_context maker = {.foreign = runtime->app.ctx.ids};
    delivery->generation = 1;
    delivery->readable = true;
    test_context_event(&maker, SHOP_PAYMENT_VOIDED, "A", &voided, NULL, &delivery->event);
    delivery->event.nudge = nudge;
    tern_deliveries_submit(runtime->app.deliveries, delivery);
    test_runtime_settle(runtime);
}

static void what_takes_effect_when_said_again_is_counted_by_what_brought_it(void **state)
{
    struct test_runtime *runtime = *state;
    runtime->app.receipts.numbers.from_first = true;
    receive(runtime, "A", "a1");
    nudge(runtime, "A", "a1"); /* it had come: nothing was healed */
    nudge(runtime, "B", "b1");
    nudge(runtime, "B", "b1");
    receive_voided(runtime, true);
    told(runtime, 2);
    republish(runtime, "c1", 2);
    republish(runtime, "c1", 2);
    republish(runtime, "d1", 3); /* of that no beacon has told */
    republish(runtime, "e1", 4);
    republish(runtime, "e1", 4);
    fails("f1", TERN_RETRY, 1);
    republish(runtime, "f1", 1); /* not at once */
    test_runtime_metric(runtime, "tern_healed_total{layer=\"nudge\"} 1");
    test_runtime_metric(runtime, "tern_healed_total{layer=\"answer\"} 1");
    test_runtime_metric(runtime, "tern_healed_total{layer=\"numbers\"} 1");
    test_runtime_metric(runtime, "tern_healed_total{layer=\"republish\"} 2");
}

static void an_event_without_a_handler_is_recorded_and_done(void **state)
{
    struct test_runtime *runtime = *state;
    receive_voided(runtime, false);
    assert_int_equal(finished(runtime), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM inbox"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
}

/* ---- again ---- */

static void a_passing_failure_is_tried_again_until_it_works(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 2);
    receive(runtime, "A", "a1");
    assert_int_equal(finished(runtime), 1); /* acknowledged: the store has it */
    assert_int_equal(NUMBER("SELECT state * 10 + attempts FROM deferred"), 1);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM inbox"), 0);
    test_runtime_settle(runtime);
    assert_string_equal(play.ran, "a1"); /* not before its time */
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1");
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM inbox"), 1);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a1");
    assert_int_equal(test_runtime_times_logged(runtime, "failed, will be tried again"), 2);
    assert_int_equal(test_runtime_times_logged(runtime, "msg=handled"), 1); /* what was undone was not logged */
    test_runtime_metric(runtime, "tern_deferred_messages 0");
}

static void it_is_parked_with_its_reason_when_the_attempts_are_used_up(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, -1);
    receive(runtime, "A", "a1");
    for (int attempt = 1; attempt < MOST_ATTEMPTS; attempt++) {
        int64_t pause_ms = NUMBER("SELECT next_try_ms FROM deferred") - atomic_load(&runtime->now_ms);
        int64_t base_ms = (int64_t)BACKOFF_MS << (attempt - 1);
        assert_in_range(pause_ms, base_ms * 3 / 4, base_ms * 5 / 4);
        assert_int_equal(NUMBER("SELECT attempts FROM deferred"), attempt);
        pass(runtime, pause_ms - 1);
        assert_int_equal(NUMBER("SELECT attempts FROM deferred"), attempt);
        pass(runtime, 1);
    }
    assert_string_equal(play.ran, "a1 a1 a1 a1 a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2 AND attempts = 5 AND"
                            " reason = 'attempts_exhausted' AND error = 'a1 is not wanted now'"),
                     1);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a1 a1 a1");
    test_runtime_metric(runtime, "tern_parked_messages 1");
    test_runtime_metric(runtime, "tern_parked_total{reason=\"attempts_exhausted\"} 1");
    test_runtime_metric(runtime, "tern_deferred_messages 0");
}

static void where_one_attempt_is_all_the_first_failure_parks(void **state)
{
    struct test_runtime *runtime = *state;
    build_inbox(runtime, 1, BACKOFF_MS);
    fails("a1", TERN_RETRY, -1);
    receive(runtime, "A", "a1");
    assert_string_equal(play.ran, "a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2 AND reason = 'attempts_exhausted' AND"
                            " error = 'a1 is not wanted now'"),
                     1);
}

static void without_a_pause_each_attempt_is_still_made(void **state)
{
    struct test_runtime *runtime = *state;
    build_inbox(runtime, MOST_ATTEMPTS, 0);
    fails("a1", TERN_RETRY, 3);
    receive(runtime, "A", "a1");
    for (int i = 0; i < 10; i++)
        pass(runtime, 1);
    assert_string_equal(play.ran, "a1 a1 a1 a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
}

static void what_can_never_work_is_parked_at_once(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_REJECT, -1);
    receive(runtime, "A", "a1");
    assert_string_equal(play.ran, "a1");
    assert_int_equal(finished(runtime), 1);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 0);
    assert_int_equal(
        NUMBER("SELECT count(*) FROM deferred WHERE state = 2 AND reason = 'rejected' AND subject = 'A' AND"
               " type = 'OrderCancelled' AND error = 'a1 is not wanted now' AND"
               " body ->> '$.data.customerId' = 'a1'"),
        1);
    assert_int_equal(NUMBER("SELECT count(*) FROM inbox"), 0);
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"OrderCancelled\",result=\"parked\"} 1");
    assert_true(test_runtime_logged(runtime, "parked"));
}

static void what_cannot_be_read_is_parked_as_it_came_and_holds_up_nobody(void **state)
{
    struct test_runtime *runtime = *state;
    deliver_garbage(runtime, "{\"eventId\":");
    deliver_garbage(runtime, "{\"eventId\":");
    receive(runtime, "A", "a1");
    assert_int_equal(finished(runtime), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2 AND reason = 'malformed' AND"
                            " error = 'it ends in the middle' AND event_id IS NULL AND subject IS NULL AND"
                            " type = 'OrderCancelled' AND body = CAST('{\"eventId\":' AS BLOB)"),
                     2);
    assert_string_equal(play.ran, "a1");
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"unreadable\",result=\"parked\"} 2");
}

/* ---- order ---- */

static void what_cannot_be_read_and_comes_again_is_parked_once(void **state)
{
    struct test_runtime *runtime = *state;
    deliver_garbage(runtime, "{\"eventId\":");
    test_runtime_settle(runtime);
    deliver_garbage_as(runtime, "{\"eventId\":", true); /* killed before it was acknowledged */
    deliver_garbage_as(runtime, "{\"eventType\":", true);
    test_runtime_settle(runtime);
    assert_int_equal(finished(runtime), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2"), 2);
    assert_int_equal(NUMBER("SELECT count(DISTINCT body) FROM deferred"), 2);
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"unreadable\",result=\"duplicate\"} 1");
    test_runtime_metric(runtime, "tern_parked_messages 2");
}

static void later_events_of_a_held_subject_wait_behind_it_in_order(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    deliver(runtime, "A", "a1", false);
    deliver(runtime, "A", "a2", false); /* in the same batch */
    deliver(runtime, "B", "b1", false);
    test_runtime_settle(runtime);
    receive(runtime, "A", "a3");
    receive(runtime, "B", "b2");
    assert_string_equal(play.ran, "a1 b1 b2");
    assert_int_equal(finished(runtime), 5);
    test_runtime_metric(runtime, "tern_deferred_messages 3");
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 b1 b2 a1 a2 a3");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    receive(runtime, "A", "a4");
    assert_string_equal(play.ran, "a1 b1 b2 a1 a2 a3 a4");
}

static void what_waits_behind_can_fail_too_and_is_tried_again_in_its_place(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    receive(runtime, "A", "a1");
    receive(runtime, "A", "a2");
    receive(runtime, "A", "a3");
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a2 a3");
    fails("a5", TERN_RETRY, 2);
    play.ran[0] = '\0';
    receive(runtime, "A", "a5");
    receive(runtime, "A", "a6");
    pass(runtime, HOUR_MS);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a5 a5 a5 a6");
}

static void behind_a_parked_message_they_wait_for_a_person(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_REJECT, -1);
    receive(runtime, "A", "a1");
    receive(runtime, "A", "a2");
    receive(runtime, "B", "b1");
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 b1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 1 AND subject = 'A'"), 1);
    assert_int_equal(finished(runtime), 3);
}

static void a_store_that_fails_in_passing_lets_none_overtake(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_REJECT, -1);
    receive(runtime, "A", "a1");
    bool reached = true;
    for (int64_t call = 1; reached; call++) {
        char later[16];
        (void)snprintf(later, sizeof later, "a%d", (int)call + 1);
        deliver(runtime, "A", later, false);
        tern_db_fail_at(runtime->app.ctx.db, call, TERN_FAULT_BUSY);
        (void)test_runtime_step(runtime);
        reached = !tern_db_fail_pending(runtime->app.ctx.db);
        tern_db_fail_at(runtime->app.ctx.db, 0, TERN_FAULT_OTHER);
        pass(runtime, HOUR_MS);
    }
    assert_string_equal(play.ran, "a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 0"), 0);
}

static void the_page_says(struct test_runtime *runtime, const char *family, int64_t count)
{
    char line[96];
    (void)snprintf(line, sizeof line, "%s %lld", family, (long long)count);
    test_runtime_metric(runtime, line);
}

static void what_is_held_is_counted_as_it_changes(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, MOST_ATTEMPTS + 1);
    for (int i = 0; i < 3; i++)
        receive(runtime, i == 0 ? "A" : "B", i == 0 ? "a1" : "b1");
    receive(runtime, "A", "a2");
    receive(runtime, "A", "a2"); /* kept already */
    deliver_garbage(runtime, "{");
    deliver_garbage(runtime, "[");
    test_runtime_settle(runtime);
    for (int i = 0; i < MOST_ATTEMPTS + 1; i++) {
        the_page_says(runtime, "tern_deferred_messages", NUMBER("SELECT count(*) FROM deferred WHERE state < 2"));
        the_page_says(runtime, "tern_parked_messages", NUMBER("SELECT count(*) FROM deferred WHERE state = 2"));
        pass(runtime, HOUR_MS);
    }
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 2"), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE state = 1"), 1);
}

static void a_held_message_that_was_discarded_meanwhile_is_settled(void **state)
{
    static const char discard[] = "DELETE FROM deferred";
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, -1);
    receive(runtime, "A", "a1");
    atomic_fetch_add(&runtime->now_ms, HOUR_MS);
    (void)test_runtime_step(runtime); /* its attempt is counted, it is on its way */
    assert_int_equal(tern_db_run(runtime->app.ctx.db, discard, TERN_DB_NO_ARGS, NULL), 1);
    receive(runtime, "B", "b1");
    assert_string_equal(play.ran, "a1 b1");
    assert_int_equal(runtime->failed, 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    receive(runtime, "A", "a2"); /* nothing is before it any more */
    assert_string_equal(play.ran, "a1 b1 a2");
    test_runtime_metric(runtime, "tern_deferred_messages 0");
}

static void a_held_message_that_is_delivered_again_is_kept_once(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    receive(runtime, "A", "a1");
    deliver(runtime, "A", "a1", true);
    test_runtime_settle(runtime);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 1);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1");
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
}

static void a_clock_set_back_before_the_start_makes_nobody_wait_longer_than_a_back_off(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    receive(runtime, "A", "a1");
    atomic_fetch_sub(&runtime->now_ms, HOUR_MS);
    build_inbox(runtime, MOST_ATTEMPTS, BACKOFF_MS);
    assert_int_equal(NUMBER("SELECT next_try_ms FROM deferred"), atomic_load(&runtime->now_ms) + TERN_BACKOFF_MOST_MS);
    pass(runtime, 2 * HOUR_MS);
    assert_string_equal(play.ran, "a1 a1");
}

static void held_messages_survive_a_restart(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    receive(runtime, "A", "a1");
    build_inbox(runtime, MOST_ATTEMPTS, BACKOFF_MS);
    receive(runtime, "A", "a2");
    assert_string_equal(play.ran, "a1");
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a2");
}

/* ---- attempts ---- */

static void the_attempts_of_a_redelivered_message_are_on_disk_before_its_handler_runs(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 2);
    play.look = test_runtime_reader(runtime);
    play.attempts_seen = -1;
    deliver(runtime, "A", "a1", true);
    test_runtime_settle(runtime);
    assert_int_equal(play.attempts_seen, 1);
    pass(runtime, HOUR_MS);
    assert_int_equal(play.attempts_seen, 2);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1 a1 a1");
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    tern_db_close(play.look);
}

static void an_attempt_that_waits_for_the_writer_is_not_counted_twice(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 2);
    receive(runtime, "A", "a1");
    atomic_fetch_add(&runtime->now_ms, HOUR_MS);
    for (int i = 0; i < 3 * BATCH_MAX; i++) {
        char name[16];
        (void)snprintf(name, sizeof name, "b%d", i);
        deliver(runtime, name, name, false);
    }
    assert_int_equal(test_runtime_step(runtime), BATCH_MAX); /* counts; the attempt queues behind the rest */
    assert_int_equal(NUMBER("SELECT attempts FROM deferred"), 2);
    atomic_fetch_add(&runtime->now_ms, HOUR_MS);
    assert_int_equal(test_runtime_step(runtime), BATCH_MAX);
    assert_int_equal(NUMBER("SELECT attempts FROM deferred"), 2);
    test_runtime_settle(runtime);
    assert_int_equal(runtime->failed, 0);
    assert_int_equal(NUMBER("SELECT attempts FROM deferred"), 2);
    pass(runtime, HOUR_MS);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
}

/* A daemon's life on the store of the test, in a process of its own: the broker delivers everything that it was not told
 * to forget, then the handlers run. */
static _Noreturn void live(struct test_runtime *runtime, const char *url, int64_t most_attempts, bool first)
{
    struct tern_error err = {0};
    if (tern_db_open(url, &runtime->app.ctx.db, &err) < 0) _exit(2);
    build_inbox(runtime, most_attempts, BACKOFF_MS);
    fails("killer", TERN_DONE, -1);
    play.kills = true;
    deliver(runtime, "A", "killer", !first);
    deliver(runtime, "B", "neighbour", !first);
    deliver(runtime, "C", "other", !first);
    for (int i = 0; i < 20; i++) {
        atomic_fetch_add(&runtime->now_ms, BACKOFF_MS);
        while (test_runtime_step(runtime) > 0)
            continue;
    }
    tern_db_close(runtime->app.ctx.db);
    _exit(0);
}

/* Starts it until it lives. Returns how often it was killed. */
static int live_and_die(struct test_runtime *runtime, int64_t most_attempts)
{
    int deaths = 0, status = 0;
    struct tern_error err = {0};
    tern_db_close(runtime->app.ctx.db);
    for (int start = 0; start < 20; start++) {
        pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) live(runtime, runtime->url, most_attempts, start == 0);
        assert_int_equal(waitpid(child, &status, 0), child);
        if (!WIFSIGNALED(status)) break;
        assert_int_equal(WTERMSIG(status), SIGKILL);
        deaths++;
        atomic_fetch_add(&runtime->now_ms, HOUR_MS);
    }
    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_int_equal(tern_db_open(runtime->url, &runtime->app.ctx.db, &err), 0);
    return deaths;
}

static void where_one_attempt_is_all_a_killer_still_takes_no_neighbour_with_it(void **state)
{
    struct test_runtime *runtime = *state;
    assert_int_equal(live_and_die(runtime, 1), 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE subject = 'A' AND state = 2"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM note WHERE text IN ('neighbour', 'other')"), 2);
}

static void a_message_that_kills_the_process_is_parked_and_its_neighbours_are_not(void **state)
{
    struct test_runtime *runtime = *state;
    assert_int_equal(live_and_die(runtime, MOST_ATTEMPTS), 1 + MOST_ATTEMPTS); /* the first delivery is not counted */
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred WHERE subject = 'A' AND state = 2 AND attempts = 5 AND"
                            " reason = 'attempts_exhausted' AND error = '5 attempts were begun and none ended'"),
                     1);
    assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM note WHERE text IN ('neighbour', 'other')"), 2);
    assert_int_equal(NUMBER("SELECT count(*) FROM note"), 2);
}

/* ---- a store without room ---- */

static void a_lost_batch_loses_no_held_message_from_sight(void **state)
{
    struct test_runtime *runtime = *state;
    bool reached = true;
    for (int64_t call = 1; reached; call++) {
        char first[16], second[16];
        (void)snprintf(first, sizeof first, "a%d", (int)call);
        (void)snprintf(second, sizeof second, "z%d", (int)call);
        fails(first, TERN_RETRY, 1);
        play.ran[0] = '\0';
        receive(runtime, "A", first);
        atomic_fetch_add(&runtime->now_ms, HOUR_MS);
        assert_int_equal(test_runtime_step(runtime), 0); /* the attempt is counted */
        tern_db_fail_at(runtime->app.ctx.db, call, TERN_FAULT_FULL);
        (void)test_runtime_step(runtime); /* it succeeds, and the store may lose it */
        reached = !tern_db_fail_pending(runtime->app.ctx.db);
        tern_db_fail_at(runtime->app.ctx.db, 0, TERN_FAULT_OTHER);
        deliver(runtime, "A", second, false);
        test_runtime_settle(runtime);
        size_t length = strlen(play.ran);
        assert_true(length > strlen(second));
        assert_string_equal(play.ran + length - strlen(second), second); /* last */
        assert_int_equal(NUMBER("SELECT count(*) FROM deferred"), 0);
    }
    assert_true(runtime->failed > 6);
}

static void a_lost_batch_counts_nothing(void **state)
{
    struct test_runtime *runtime = *state;
    deliver(runtime, "A", "a1", false);
    deliver(runtime, "A", "a1", false);
    for (int i = 0; i < 3; i++) {
        tern_db_fail_at(runtime->app.ctx.db, 10, TERN_FAULT_FULL);
        (void)test_runtime_step(runtime);
        assert_false(tern_db_fail_pending(runtime->app.ctx.db));
    }
    assert_int_equal(runtime->failed, 3);
    assert_int_equal(finished(runtime), 0);
    test_runtime_settle(runtime);
    assert_int_equal(finished(runtime), 2);
    assert_int_equal(test_runtime_notes(runtime->app.ctx.db), 1);
    test_runtime_metric(runtime, "tern_messages_consumed_total{type=\"OrderCancelled\",result=\"done\"} 1");
    test_runtime_metric(runtime, "tern_inbox_duplicates_total 1");
}

/* ---- draining ---- */

static void while_draining_what_cannot_commit_is_left_to_the_broker(void **state)
{
    struct test_runtime *runtime = *state;
    deliver(runtime, "A", "a1", false);
    deliver(runtime, "B", "b1", false);
    tern_deliveries_drain(runtime->app.deliveries);
    tern_retries_drain(runtime->app.retries);
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
    (void)test_runtime_step(runtime);
    assert_int_equal(dropped(runtime), 2);
    assert_int_equal(finished(runtime), 0);
    assert_int_equal(tern_work_waiting(&runtime->app.queue), 0);
    receive(runtime, "C", "c1"); /* what is in hand is still finished */
    assert_int_equal(finished(runtime), 1);
}

static void what_came_on_a_lost_connection_is_left_to_the_broker_when_it_cannot_commit(void **state)
{
    struct test_runtime *runtime = *state;
    deliver(runtime, "A", "a1", false);
    for (uint64_t connects = 1; connects <= 2; connects++) {
        tern_deliveries_connected(runtime->app.deliveries, connects);
        tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_FULL);
        (void)test_runtime_step(runtime);
        assert_int_equal(dropped(runtime), connects - 1);
        assert_int_equal(tern_work_waiting(&runtime->app.queue), 2 - connects);
        atomic_fetch_add(&runtime->now_ms, HOUR_MS);
    }
    receive(runtime, "A", "a2"); /* of the first connection too: it must not overtake a1 */
    assert_string_equal(play.ran, "");
    assert_int_equal(dropped(runtime), 2);
}

static void while_draining_nothing_is_tried_again(void **state)
{
    struct test_runtime *runtime = *state;
    fails("a1", TERN_RETRY, 1);
    receive(runtime, "A", "a1");
    tern_deliveries_drain(runtime->app.deliveries);
    tern_retries_drain(runtime->app.retries);
    pass(runtime, HOUR_MS);
    assert_string_equal(play.ran, "a1");
    assert_int_equal(NUMBER("SELECT attempts FROM deferred"), 1);
}

/* ---- timers ---- */

static void set_timer(struct test_runtime *runtime, const char *kind, const char *key, int64_t in_ms)
{
    struct tern_error err = {0};
    assert_int_equal(
        tern_timer_set(runtime->app.ctx.db, kind, key, atomic_load(&runtime->now_ms) + in_ms, "payload", &err), 0);
}

static void a_timer_fires_once_at_its_time(void **state)
{
    struct test_runtime *runtime = *state;
    set_timer(runtime, "remind", "ORD-1", 1000);
    pass(runtime, 999);
    assert_int_equal(play.fired, 0);
    pass(runtime, 1);
    assert_int_equal(play.fired, 1);
    assert_int_equal(strlen(play.timer_correlation_id), TERN_UUID_SIZE - 1);
    pass(runtime, HOUR_MS);
    assert_int_equal(play.fired, 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log"), 1);
}

static void timers_that_need_the_broker_wait_for_it(void **state)
{
    struct test_runtime *runtime = *state;
    struct tern_links *links = &runtime->app.links;
    runtime->app.timers.links = links;
    tern_links_connected(links, TERN_LINK_CONSUMER);
    if (tern_timer_set(runtime->app.ctx.db, "remind", "ORD-1", atomic_load(&runtime->now_ms) + 10, "payload", NULL) < 0)
        fail_msg("%s", "the timer cannot be set");
    pass(runtime, 1000);
    assert_int_equal(play.fired, 0);
    assert_true(tern_timers_next_due(&runtime->app.timers, &runtime->app.ctx) == INT64_MAX);
    tern_links_connected(links, TERN_LINK_PUBLISHER); /* the writer is woken */
    pass(runtime, 1000);
    assert_int_equal(play.fired, 1);
}

static void a_timer_that_fails_leaves_nothing_and_comes_again(void **state)
{
    struct test_runtime *runtime = *state;
    play.timer_failures = 1;
    set_timer(runtime, "remind", "ORD-1", 0);
    set_timer(runtime, "remind", "ORD-2", 0);
    test_runtime_settle(runtime);
    assert_int_equal(play.fired, 2);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log"), 1);
    assert_int_equal(runtime->last_seq_told, 1);
    assert_int_equal(test_runtime_times_logged(runtime, "msg=fired"), 1);
    assert_true(test_runtime_logged(runtime, "timer failed, will be tried again"));
    pass(runtime, HOUR_MS);
    assert_int_equal(play.fired, 3);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 0);
    assert_int_equal(NUMBER("SELECT count(*) FROM event_log"), 2);
}

static void what_a_failed_timer_said_is_not_counted_as_pending(void **state)
{
    struct test_runtime *runtime = *state;
    play.timer_failures = 1;
    set_timer(runtime, "remind", "ORD-1", 0);
    (void)test_runtime_step(runtime);
    assert_int_equal(play.fired, 1);
    assert_int_equal(runtime->app.ctx.emitted, 0);
}

static void a_timer_of_an_older_version_is_forgotten(void **state)
{
    struct test_runtime *runtime = *state;
    set_timer(runtime, "of old", "ORD-1", 0);
    set_timer(runtime, "remind", "ORD-1", 0);
    test_runtime_settle(runtime);
    assert_int_equal(play.fired, 1);
    assert_int_equal(NUMBER("SELECT count(*) FROM timer"), 0);
}

static void a_store_that_does_not_answer_is_asked_again_what_is_due(void **state)
{
    struct test_runtime *runtime = *state;
    test_runtime_settle(runtime);
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_BUSY);
    int64_t due_ms = tern_timers_next_due(&runtime->app.timers, &runtime->app.ctx);
    assert_in_range(due_ms - atomic_load(&runtime->now_ms), 1, 5000);
    assert_true(tern_timers_next_due(&runtime->app.timers, &runtime->app.ctx) == INT64_MAX);
    fails("a1", TERN_RETRY, -1);
    receive(runtime, "A", "a1");
    tern_db_fail_at(runtime->app.ctx.db, 1, TERN_FAULT_BUSY);
    due_ms = tern_retries_next_due(runtime->app.retries, &runtime->app.ctx);
    assert_int_equal(due_ms - atomic_load(&runtime->now_ms), 1000);
}

#define WITH(test, set_up) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH(an_event_that_comes_twice_is_handled_once, in_memory),
        WITH(a_nudge_for_what_was_handled_says_again_what_it_caused, in_memory),
        WITH(a_nudge_that_comes_first_is_handled_like_any_other, in_memory),
        WITH(what_takes_effect_when_said_again_is_counted_by_what_brought_it, in_memory),
        WITH(an_event_without_a_handler_is_recorded_and_done, in_memory),
        WITH(a_passing_failure_is_tried_again_until_it_works, in_memory),
        WITH(it_is_parked_with_its_reason_when_the_attempts_are_used_up, in_memory),
        WITH(where_one_attempt_is_all_the_first_failure_parks, in_memory),
        WITH(without_a_pause_each_attempt_is_still_made, in_memory),
        WITH(what_can_never_work_is_parked_at_once, in_memory),
        WITH(what_cannot_be_read_is_parked_as_it_came_and_holds_up_nobody, in_memory),
        WITH(what_cannot_be_read_and_comes_again_is_parked_once, in_memory),
        WITH(later_events_of_a_held_subject_wait_behind_it_in_order, in_memory),
        WITH(what_waits_behind_can_fail_too_and_is_tried_again_in_its_place, in_memory),
        WITH(behind_a_parked_message_they_wait_for_a_person, in_memory),
        WITH(a_store_that_fails_in_passing_lets_none_overtake, in_memory),
        WITH(what_is_held_is_counted_as_it_changes, in_memory),
        WITH(a_held_message_that_was_discarded_meanwhile_is_settled, in_memory),
        WITH(a_held_message_that_is_delivered_again_is_kept_once, in_memory),
        WITH(a_clock_set_back_before_the_start_makes_nobody_wait_longer_than_a_back_off, in_memory),
        WITH(held_messages_survive_a_restart, in_memory),
        WITH(the_attempts_of_a_redelivered_message_are_on_disk_before_its_handler_runs, in_a_file),
        WITH(an_attempt_that_waits_for_the_writer_is_not_counted_twice, in_memory),
        WITH(where_one_attempt_is_all_a_killer_still_takes_no_neighbour_with_it, in_a_file),
        WITH(a_message_that_kills_the_process_is_parked_and_its_neighbours_are_not, in_a_file),
        WITH(a_lost_batch_loses_no_held_message_from_sight, in_memory),
        WITH(a_lost_batch_counts_nothing, in_memory),
        WITH(while_draining_what_cannot_commit_is_left_to_the_broker, in_memory),
        WITH(what_came_on_a_lost_connection_is_left_to_the_broker_when_it_cannot_commit, in_memory),
        WITH(while_draining_nothing_is_tried_again, in_memory),
        WITH(a_timer_fires_once_at_its_time, in_memory),
        WITH(timers_that_need_the_broker_wait_for_it, in_memory),
        WITH(a_timer_that_fails_leaves_nothing_and_comes_again, in_memory),
        WITH(what_a_failed_timer_said_is_not_counted_as_pending, in_memory),
        WITH(a_timer_of_an_older_version_is_forgotten, in_memory),
        WITH(a_store_that_does_not_answer_is_asked_again_what_is_due, in_memory),
    };
    return cmocka_run_group_tests_name("units", tests, NULL, NULL);
}
