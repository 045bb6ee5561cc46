/* test_consumer.c - the consumer lane against a fake broker: what it decodes, acknowledges, and when it takes more. */
#include "common/base/metrics_page.h"
#include "common/inbox/consumer.h"
#include "common/inbox/deferred.h"
#include "common/inbox/receipts.h"
#include "fake_broker.h"
#include "tern_test.h"
#include "test_links.h"
#include "wait_for.h"

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const payment_hears[] = {"payment-service", NULL};
static const struct tern_event_type types[] = {
    {"OrderPlaced", "1.0", "order-service", payment_hears, NULL}
};
static const char *const services[] = {"payment-service", NULL};
static const struct tern_catalogue catalogue = {"events", "events.dead", types, TERN_COUNT(types), services, NULL};

enum { HELD_MAX = 64, ACKS_MAX = 64 };

struct lane {
    struct fake_broker *broker;
    struct tern_consumer *consumer;
    struct tern_deliveries *inbox;
    struct tern_receipts receipts;
    struct test_links links;
    struct tern_metrics *metrics;
    pthread_mutex_t mutex;
    /* Under the mutex. */
    struct tern_delivery *deliveries[HELD_MAX];
    int count;
    uint64_t acks[ACKS_MAX];
    bool ack_multiple[ACKS_MAX];
    int ack_count;
    unsigned prefetches[8];
    int prefetch_count, consumes, cancels, rejected, beacons, counts, binds;
    unsigned consumers; /* of the queue, as the broker counts them */
    /* Before the start; 0 and NULL: the usual. */
    int probe_ms;
    const struct tern_clock *clock;
};

/* What the consumer has submitted: deliveries, and control messages, which end here. Under the mutex. */
static void take(struct lane *lane)
{
    int count;
    struct tern_work *work = tern_work_take(&lane->links.queue, HELD_MAX, &count);
    for (struct tern_work *next; work; work = next) {
        next = work->next;
        if (strcmp(work->kind->name, "delivery") == 0) {
            lane->deliveries[lane->count++] = (struct tern_delivery *)work;
            continue;
        }
        lane->beacons += strcmp(work->kind->name, "beacon") == 0;
        work->kind->finish(work, TERN_WORK_LATER);
    }
}

/* TEST_WAIT under the lane's mutex, taking what was submitted. */
#define TAKE_WAIT(lane, condition) TEST_WAIT(&(lane)->mutex, (take(lane), (condition)))

static void lane_start(struct lane *lane, fake_script *const *scripts, size_t count)
{
    struct tern_error err;
    (void)pthread_mutex_init(&lane->mutex, NULL);
    lane->broker = fake_broker_start(scripts, count, lane);
    lane->metrics = tern_metrics_create(NULL);
    test_links_open(&lane->links, lane->clock);
    lane->links.links.service = "payment-service";
    tern_receipts_init(&lane->receipts, &lane->links.queue, &catalogue, "payment-service");
    lane->inbox = tern_deliveries_create(&(struct tern_deliveries_settings){.queue = &lane->links.queue});
    const struct tern_consumer_settings settings = {
        .link = {.url = fake_broker_url(lane->broker),
                 .clock = lane->clock,
                 .limits = {.heartbeat_s = 60, .backoff_min_ms = 20, .backoff_max_ms = 50, .probe_ms = lane->probe_ms}},
        .queue = "payment-service",
        .queue_type = "quorum",
        .prefetch = 10,
        .catalogue = &catalogue,
        .deliveries = lane->inbox,
        .links = &lane->links.links,
        .receipts = &lane->receipts,
        .metrics = lane->metrics,
    };
    assert_int_equal(tern_consumer_create(&settings, &lane->consumer, &err), 0);
    assert_int_equal(tern_consumer_start(lane->consumer, &err), 0);
}

#define LANE_START(lane, ...)                      \
    fake_script *const scripts_[] = {__VA_ARGS__}; \
    lane_start((lane), scripts_, TERN_COUNT(scripts_))

static void finish(struct lane *lane, int index)
{
    struct tern_delivery *delivery;
    TEST_NOTE(&lane->mutex, delivery = lane->deliveries[index]; lane->deliveries[index] = NULL);
    tern_deliveries_finish(lane->inbox, delivery);
}

static void finish_all(struct lane *lane)
{
    int count;
    TEST_NOTE(&lane->mutex, take(lane); count = lane->count);
    for (int i = 0; i < count; i++)
        if (lane->deliveries[i] != NULL) finish(lane, i);
}

static void lane_stop(struct lane *lane)
{
    finish_all(lane);
    tern_consumer_stop(lane->consumer);
    finish_all(lane); /* what came meanwhile */
    tern_consumer_destroy(lane->consumer);
    tern_deliveries_destroy(lane->inbox);
    tern_receipts_fini(&lane->receipts);
    test_links_close(&lane->links);
    fake_broker_stop(lane->broker);
    tern_metrics_destroy(lane->metrics);
    (void)pthread_mutex_destroy(&lane->mutex);
}

/* ---- scripts ------------------------------------------------------------------------------------------------- */

static void envelope(struct tern_text *out, const char *type, const char *version)
{
    struct tern_event event = {.timestamp_ms = 1764000000123};
    tern_copy_whole(event.event_id, sizeof event.event_id, "0190b1a2-0000-7000-8000-000000000001");
    tern_copy_whole(event.type, sizeof event.type, type);
    tern_copy_whole(event.producer, sizeof event.producer, "order-service");
    tern_copy_whole(event.version, sizeof event.version, version);
    tern_copy_whole(event.correlation_id, sizeof event.correlation_id, "0190b1a2-0000-7000-8000-000000000002");
    tern_copy_whole(event.subject, sizeof event.subject, "ORD-1");
    tern_event_encode(&event, "{\"orderId\":\"ORD-1\"}", out);
}

static void deliver(struct fake_session *session, uint64_t tag, const char *type, const char *version)
{
    struct tern_text body = {0};
    envelope(&body, type, version);
    fake_deliver(session, tag, type, body.bytes, body.length);
    tern_text_fini(&body);
}

/* Writes down what a consumer says, until it is gone. */
static void listen_to(struct fake_session *session, struct lane *lane)
{
    struct fake_frame frame;
    while (fake_next(session, &frame, -1)) {
        TEST_NOTE(&lane->mutex, {
            if (frame.method == FAKE_ACK && lane->ack_count < ACKS_MAX) {
                lane->acks[lane->ack_count] = fake_number(frame.payload, 8);
                lane->ack_multiple[lane->ack_count++] = frame.payload[8] != 0;
            }
            if (frame.method == FAKE_REJECT)
                lane->rejected = (int)fake_number(frame.payload, 8) * 10 + frame.payload[8];
            if (frame.method == FAKE_CANCEL) lane->cancels++;
        });
        if (frame.method == FAKE_CANCEL && (frame.payload[frame.length - 1] & 1U) == 0) fake_cancel_ok(session);
    }
}

/* The set-up of a consumer: notes its prefetch. */
static bool set_up(struct fake_session *session, struct lane *lane)
{
    struct fake_frame frame;
    if (!fake_login(session, NULL, NULL) || !fake_wait(session, FAKE_QOS, &frame)) return false;
    TEST_NOTE(&lane->mutex, lane->prefetches[lane->prefetch_count++] = (unsigned)fake_number(frame.payload + 4, 2));
    return fake_wait(session, FAKE_CONSUME, &frame);
}

static void deliver_five(struct fake_session *session, void *self)
{
    if (!set_up(session, self)) return;
    for (uint64_t tag = 1; tag <= 5; tag++)
        deliver(session, tag, "OrderPlaced", "1.0");
    listen_to(session, self);
}

static void a_message_becomes_an_event_with_its_headers(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_five);
    TAKE_WAIT(&lane, lane.count == 5);
    const struct tern_delivery *delivery = lane.deliveries[0];
    assert_true(delivery->readable);
    assert_int_equal(delivery->tag, 1);
    assert_int_equal(delivery->generation, 1);
    assert_string_equal(delivery->event.type, "OrderPlaced");
    assert_string_equal(delivery->event.subject, "ORD-1");
    assert_string_equal(delivery->event.traceparent, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    assert_true(delivery->event.nudge);
    assert_non_null(delivery->event.data);
    assert_null(delivery->raw);
    lane_stop(&lane);
}

static void acks_go_up_to_the_lowest_finished_tag(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_five);
    TAKE_WAIT(&lane, lane.count == 5);
    finish(&lane, 1);
    finish(&lane, 2);
    finish(&lane, 4);
    tern_consumer_flush(lane.consumer);
    finish(&lane, 0); /* only now 1, 2 and 3 are finished without a gap */
    tern_consumer_flush(lane.consumer);
    TAKE_WAIT(&lane, lane.ack_count == 1);
    assert_int_equal(lane.acks[0], 3);
    assert_true(lane.ack_multiple[0]);
    finish(&lane, 3);
    tern_consumer_flush(lane.consumer);
    TAKE_WAIT(&lane, lane.ack_count == 2);
    assert_int_equal(lane.acks[1], 5);
    lane_stop(&lane);
}

static void deliver_one_and_widen(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    struct fake_frame frame;
    if (!set_up(session, lane)) return;
    deliver(session, 1, "OrderPlaced", "1.0");
    if (!fake_wait(session, FAKE_QOS, &frame)) return;
    TEST_NOTE(&lane->mutex, lane->prefetches[lane->prefetch_count++] = (unsigned)fake_number(frame.payload + 4, 2));
    if (!fake_wait(session, FAKE_CANCEL, &frame) || !fake_wait(session, FAKE_CONSUME, &frame)) return;
    if (!fake_wait(session, FAKE_ACK, &frame)) return; /* after it, or the next delivery would be lost on the way */
    TEST_NOTE(&lane->mutex, lane->consumes++);
    fake_close_connection(session, 320, "CONNECTION_FORCED - bye");
    fake_until_gone(session);
}

static void it_begins_with_one_and_widens_after_the_first_settled(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_one_and_widen, deliver_five);
    TAKE_WAIT(&lane, lane.count == 1);
    assert_int_equal(lane.prefetches[0], 1);
    finish(&lane, 0);
    tern_consumer_flush(lane.consumer);
    TAKE_WAIT(&lane, lane.consumes == 1 && lane.prefetch_count >= 3);
    assert_int_equal(lane.prefetches[1], 10);
    assert_int_equal(lane.prefetches[2], 10); /* another connection of a process that has proved itself */
    lane_stop(&lane);
}

static void deliver_two_and_go(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    if (!set_up(session, lane)) return;
    deliver(session, 1, "OrderPlaced", "1.0");
    deliver(session, 2, "OrderPlaced", "1.0");
    int count = 0;
    do
        TEST_NOTE(&lane->mutex, count = lane->count);
    while (count < 2 && fake_stay_silent(session, 1));
}

static void tags_of_an_earlier_connection_are_not_acknowledged(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_two_and_go, deliver_five);
    TAKE_WAIT(&lane, lane.count == 7);
    assert_int_equal(lane.deliveries[1]->generation, 1);
    assert_int_equal(lane.deliveries[2]->generation, 2);
    finish(&lane, 0);
    finish(&lane, 1);
    finish(&lane, 2);
    tern_consumer_flush(lane.consumer);
    TAKE_WAIT(&lane, lane.ack_count == 1);
    assert_int_equal(lane.acks[0], 1); /* not 2 */
    lane_stop(&lane);
}

static void deliver_the_unreadable(struct fake_session *session, void *self)
{
    if (!set_up(session, self)) return;
    fake_deliver(session, 1, "Order\nPlaced", "{broken", 7);
    deliver(session, 2, "NobodySaysThis", "1.0");
    deliver(session, 3, "OrderPlaced", "2.0");
    char *big = tern_alloc(100000);
    fake_deliver(session, 4, "OrderPlaced", big, 100000);
    free(big);
    fake_deliver(session, 5, "OrderPlaced", "", 0);
    listen_to(session, self);
}

static void what_cannot_be_read_comes_with_its_reason_and_bytes(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_the_unreadable);
    TAKE_WAIT(&lane, lane.count == 5);
    static const char *const reasons[] = {TERN_PARKED_MALFORMED, TERN_PARKED_UNKNOWN_TYPE, TERN_PARKED_UNKNOWN_VERSION,
                                          TERN_PARKED_OVERSIZED, TERN_PARKED_MALFORMED};
    for (int i = 0; i < 5; i++) {
        assert_false(lane.deliveries[i]->readable);
        assert_string_equal(lane.deliveries[i]->reason, reasons[i]);
        assert_true(lane.deliveries[i]->why.text[0] != '\0');
        assert_null(lane.deliveries[i]->event.tree);
        assert_non_null(lane.deliveries[i]->raw);
    }
    assert_string_equal(lane.deliveries[0]->raw, "{broken");
    assert_string_equal(lane.deliveries[0]->raw_type, "Order?Placed");
    assert_string_equal(lane.deliveries[1]->raw_type, "NobodySaysThis");
    assert_non_null(strstr(lane.deliveries[2]->why.text, "2.0"));
    assert_int_equal(lane.deliveries[3]->raw_length, 0);
    assert_non_null(strstr(lane.deliveries[3]->why.text, "100000 bytes"));
    for (int i = 0; i < 5; i++)
        finish(&lane, i);
    tern_consumer_flush(lane.consumer);
    TAKE_WAIT(&lane, lane.ack_count == 2 && lane.rejected > 0);
    assert_int_equal(lane.acks[0], 3);
    assert_int_equal(lane.rejected, 40); /* tag 4, not back to the queue: its bytes are nowhere else */
    assert_int_equal(lane.acks[1], 5);
    lane_stop(&lane);
}

static void deliver_over_the_prefetch(struct fake_session *session, void *self)
{
    if (!set_up(session, self)) return;
    for (uint64_t tag = 1; tag <= 40; tag++)
        deliver(session, tag, "OrderPlaced", "1.0");
    listen_to(session, self);
}

static void a_broker_that_ignores_the_prefetch_is_left(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_over_the_prefetch, deliver_two_and_go);
    TAKE_WAIT(&lane, test_links_times_logged(&lane.links, "err=") >= 1);
    assert_int_equal(test_links_times_logged(&lane.links, "more than the prefetch"), 1);
    lane_stop(&lane);
}

static void a_cancelled_lane_gets_nothing_more_and_still_acknowledges(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, deliver_five);
    TAKE_WAIT(&lane, lane.count == 5);
    tern_consumer_cancel(lane.consumer, 10000);
    TAKE_WAIT(&lane, lane.cancels == 1);
    for (int i = 0; i < 5; i++)
        finish(&lane, i);
    tern_consumer_stop(lane.consumer); /* sends what is due */
    TAKE_WAIT(&lane, lane.ack_count == 1);
    assert_int_equal(lane.acks[0], 5);
    lane_stop(&lane);
}

static void never_answer_cancel(struct fake_session *session, void *self)
{
    struct fake_frame frame;
    if (!set_up(session, self)) return;
    while (fake_next(session, &frame, -1))
        ;
}

static void a_cancel_without_answer_ends_at_its_time(void **state)
{
    (void)state;
    struct lane lane = {0};
    LANE_START(&lane, never_answer_cancel);
    TAKE_WAIT(&lane, atomic_load(&lane.links.links.up[TERN_LINK_CONSUMER]));
    TAKE_WAIT(&lane, tern_consumer_state(lane.consumer).connected);
    int64_t began_ms = tern_steady(&tern_clock_system);
    tern_consumer_cancel(lane.consumer, 150);
    assert_in_range(tern_steady(&tern_clock_system) - began_ms, 140, TEST_WAIT_MS);
    lane_stop(&lane);
}

/* ---- a queue with two consumers ---------------------------------------------------------------------------------- */

static atomic_llong ahead_ms; /* of the system's clock */

static int64_t later(void *self)
{
    (void)self;
    return tern_steady(&tern_clock_system) + atomic_load(&ahead_ms);
}

static const struct tern_clock clock_ahead = {later, later, NULL};

static void send_beacon(struct fake_session *session)
{
    struct tern_beacon beacon = {
        .producer = "order-service", .store = "0190b1a2-0000-7000-8000-000000000001", .count = 1};
    struct tern_text body = {0};
    beacon.types[0] = (struct tern_beacon_type){.type = &types[0], .first = 1, .last = 1};
    tern_beacon_encode(&beacon, &body);
    fake_deliver_aside(session, 1, TERN_CONTROL_BEACON, body.bytes, body.length);
    tern_text_fini(&body);
}

static void count_consumers(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    struct fake_frame frame;
    unsigned consumers;
    if (!set_up(session, lane)) return;
    fake_no_answers(session);
    send_beacon(session);
    while (fake_next(session, &frame, -1)) {
        if (frame.method != FAKE_QUEUE_DECLARE) continue;
        TEST_NOTE(&lane->mutex, consumers = lane->consumers; lane->counts++);
        fake_count(session, "payment-service", consumers);
    }
}

static void another_consumer_that_stays_is_told_and_hides_no_loss(void **state)
{
    (void)state;
    struct lane lane = {.probe_ms = 20, .clock = &clock_ahead, .consumers = 2};
    LANE_START(&lane, count_consumers);
    TAKE_WAIT(&lane, lane.counts >= 5); /* it may be a connection of ours */
    TEST_NOTE(&lane.mutex, take(&lane); assert_int_equal(lane.beacons, 0));
    assert_false(atomic_load(&lane.links.links.shared));
    atomic_fetch_add(&ahead_ms, TERN_LOST_LINK_MS);
    TAKE_WAIT(&lane, atomic_load(&lane.links.links.shared) && lane.beacons == 1);
    TEST_NOTE(&lane.mutex, lane.consumers = 1);
    TAKE_WAIT(&lane, !atomic_load(&lane.links.links.shared));
    TAKE_WAIT(&lane, test_links_times_logged(&lane.links, "nobody else consumes from our queue") == 1);
    assert_int_equal(test_links_times_logged(&lane.links, "somebody else consumes from our queue"), 1); /* once */
    lane_stop(&lane);
}

static void probe_without_binds(struct fake_session *session, void *self)
{
    struct lane *lane = self;
    struct fake_frame frame;
    fake_refuse_binds(session);
    if (!set_up(session, lane)) return;
    fake_no_answers(session);
    while (fake_next(session, &frame, -1)) {
        TEST_NOTE(&lane->mutex, lane->binds += frame.method == FAKE_QUEUE_BIND);
        if (frame.method != FAKE_QUEUE_DECLARE) continue;
        fake_count(session, "payment-service", 1);
        TEST_NOTE(&lane->mutex, lane->counts++);
    }
}

static void a_route_that_may_not_be_bound_is_not_tried_at_each_probe(void **state)
{
    (void)state;
    struct lane lane = {.probe_ms = 20};
    LANE_START(&lane, probe_without_binds);
    TAKE_WAIT(&lane, lane.counts >= 3);
    TEST_NOTE(&lane.mutex, assert_int_equal(lane.binds, 0)); /* a refusal would cost the channel */
    lane_stop(&lane);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_message_becomes_an_event_with_its_headers),
        cmocka_unit_test(acks_go_up_to_the_lowest_finished_tag),
        cmocka_unit_test(it_begins_with_one_and_widens_after_the_first_settled),
        cmocka_unit_test(tags_of_an_earlier_connection_are_not_acknowledged),
        cmocka_unit_test(what_cannot_be_read_comes_with_its_reason_and_bytes),
        cmocka_unit_test(a_broker_that_ignores_the_prefetch_is_left),
        cmocka_unit_test(a_cancelled_lane_gets_nothing_more_and_still_acknowledges),
        cmocka_unit_test(a_cancel_without_answer_ends_at_its_time),
        cmocka_unit_test(a_route_that_may_not_be_bound_is_not_tried_at_each_probe),
        cmocka_unit_test(another_consumer_that_stays_is_told_and_hides_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
