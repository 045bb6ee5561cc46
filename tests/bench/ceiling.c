/* ceiling.c - what the broker alone can carry: the very messages of a run, once more, with no logic in between.
 *
 *     ceiling AMQP_URL STORE...
 *
 * STORE is the database of a service that was part of the run: sqlite:order.db ... All events that it said are read
 * into memory; then every service publishes its own on its own connection (windowed confirms, mandatory where somebody
 * hears it), and every queue is consumed on its own connection (prefetch 256, acknowledged in batches), at the same
 * time, through the daemons' own link. The queues must be empty at the start. Prints one line:
 *     messages=N deliveries=N seconds=T */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/amqp/amqp.h"
#include "common/event/event_message.h"
#include "common/event/topology.h"
#include "common/outbox/log_store.h"
#include "common/store/store.h"
#include "shop/catalogue.h"
#include "tern/event_log.h"

enum { WINDOW = 512, PREFETCH = 256, ACK_EVERY = 32, LANES = 4, STACK_BYTES = 16 * 1024 * 1024, PAGE = 512 };

struct stored {
    struct tern_event event;
    char *body;
    size_t length;
};

/* One service: its connection for publishing and its connection for consuming. */
struct lane {
    const char *service;
    struct tern_amqp *publisher, *consumer;
    pthread_t threads[2];
    struct stored *events;
    size_t count, room, sent;
    bool *answered;      /* by sequence number */
    size_t confirmed;    /* how many of them are true */
    uint64_t first_open; /* every sequence below is answered */
    uint64_t last_tag;
    int unacked;
};

static struct lane lanes[LANES];
static atomic_int ready_links, publishers_done;
static atomic_llong deliveries, wanted;

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* ---- the messages of the run ---- */

static size_t hearers(const char *type_name)
{
    const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, type_name);
    size_t count = 0;
    while (type->consumers[count])
        count++;
    return count;
}

static int keep(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct lane *lane = self;
    (void)err;
    if (lane->count == lane->room) {
        lane->room = lane->room ? lane->room * 2 : 1024;
        lane->events = realloc(lane->events, lane->room * sizeof *lane->events);
        TERN_ASSERT(lane->events, "memory for the messages of the run");
    }
    struct stored *stored = &lane->events[lane->count++];
    memset(stored, 0, sizeof *stored);
    tern_copy_whole(stored->event.event_id, sizeof stored->event.event_id, row->event_id);
    tern_copy_whole(stored->event.type, sizeof stored->event.type, row->type);
    tern_copy_whole(stored->event.producer, sizeof stored->event.producer, lane->service);
    tern_copy_whole(stored->event.correlation_id, sizeof stored->event.correlation_id, row->correlation_id);
    tern_copy_whole(stored->event.subject, sizeof stored->event.subject, row->subject);
    tern_copy_whole(stored->event.traceparent, sizeof stored->event.traceparent, row->traceparent);
    stored->event.timestamp_ms = row->logged_at_ms;
    stored->body = tern_copy_bytes(row->body, row->body_length);
    stored->length = row->body_length;
    atomic_fetch_add(&wanted, (long long)hearers(row->type));
    return row->seq > INT64_MAX - 1;
}

static void load_store(struct lane *lane, const char *url)
{
    struct tern_error err = {0};
    struct tern_db *db;
    int64_t after = 0;
    if (tern_db_open(url, &db, &err) < 0) tern_broken(url, 0, err.text);
    struct tern_outbox_state state;
    TERN_ASSERT(tern_outbox_state(db, &state, &err) == 0, "a store tells its state");
    while (after < state.last_seq) {
        int64_t through = after + PAGE;
        TERN_ASSERT(tern_event_log_own(db, after, through, PAGE, keep, lane, &err) >= 0, "a store can be read");
        after = through;
    }
    tern_db_close(db);
    lane->first_open = 1;
    lane->answered = tern_alloc((lane->count + 2) * sizeof *lane->answered);
}

/* ---- publishing ---- */

static int publisher_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    (void)self;
    struct tern_topology_gaps gaps;
    if (tern_topology_declare(link, &shop_catalogue, "quorum", &gaps, err) < 0) return -1;
    atomic_fetch_add(&ready_links, 1);
    return tern_amqp_select_confirms(link, err);
}

static int publish_some(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct lane *lane = self;
    if (atomic_load(&ready_links) < 2 * LANES) return 0;
    while (lane->sent < lane->count && lane->sent - lane->confirmed < WINDOW && tern_amqp_may_publish(link)) {
        const struct stored *stored = &lane->events[lane->sent];
        struct tern_event_headers headers;
        struct tern_amqp_message message;
        uint64_t sequence;
        tern_event_message(&stored->event, shop_catalogue.exchange, hearers(stored->event.type) > 0, stored->body,
                           stored->length, &headers, &message);
        if (tern_amqp_publish(link, &message, &sequence, err) < 0) return -1;
        lane->sent++;
    }
    return 0;
}

static int publisher_confirmed(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    struct lane *lane = self;
    (void)err;
    TERN_ASSERT(acked, "a broker without limits confirms");
    for (uint64_t i = multiple ? lane->first_open : sequence; i <= sequence; i++) {
        lane->confirmed += !lane->answered[i];
        lane->answered[i] = true;
    }
    while (lane->first_open <= lane->count && lane->answered[lane->first_open])
        lane->first_open++;
    if (lane->confirmed == lane->count) atomic_fetch_add(&publishers_done, 1);
    return 0;
}

/* ---- consuming ---- */

static int consumer_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct lane *lane = self;
    struct tern_topology_gaps gaps;
    if (tern_topology_declare(link, &shop_catalogue, "quorum", &gaps, err) < 0) return -1;
    if (tern_amqp_prefetch(link, PREFETCH, err) < 0) return -1;
    atomic_fetch_add(&ready_links, 1);
    return tern_amqp_consume(link, lane->service, err);
}

static int consumer_delivered(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err)
{
    struct lane *lane = self;
    (void)err;
    lane->last_tag = delivery->delivery_tag;
    lane->unacked++;
    atomic_fetch_add(&deliveries, 1);
    return 0;
}

static int acknowledge(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct lane *lane = self;
    bool all_in = atomic_load(&deliveries) >= atomic_load(&wanted);
    if (lane->unacked == 0 || (lane->unacked < ACK_EVERY && !all_in)) return 0;
    lane->unacked = 0;
    return tern_amqp_ack(link, lane->last_tag, true, err);
}

static void lost(void *self, const char *why)
{
    struct lane *lane = self;
    (void)fprintf(stderr, "%s: %s\n", lane->service, why);
}

/* ---- */

static void *run_link(void *link)
{
    tern_amqp_run(link);
    return NULL;
}

static void start_link(const char *url, const struct tern_amqp_owner *owner, struct tern_amqp **ret_link,
                       pthread_t *ret_thread)
{
    struct tern_error err = {0};
    pthread_attr_t attributes;
    const struct tern_amqp_settings settings = {
        .url = url, .ca_file = "", .connection_name = "ceiling", .body_max = 65536, .clock = &tern_clock_system};
    if (tern_amqp_create(&settings, owner, ret_link, &err) < 0) tern_broken(url, 0, err.text);
    pthread_attr_init(&attributes);
    pthread_attr_setstacksize(&attributes, STACK_BYTES);
    TERN_ASSERT(pthread_create(ret_thread, &attributes, run_link, *ret_link) == 0, "a thread can be started");
    pthread_attr_destroy(&attributes);
}

static void start_lane(const char *url, struct lane *lane)
{
    const struct tern_amqp_owner publisher = {
        .ready = publisher_ready, .lost = lost, .confirmed = publisher_confirmed, .work = publish_some, .self = lane};
    const struct tern_amqp_owner consumer = {
        .ready = consumer_ready, .lost = lost, .delivered = consumer_delivered, .work = acknowledge, .self = lane};
    start_link(url, &consumer, &lane->consumer, &lane->threads[0]);
    start_link(url, &publisher, &lane->publisher, &lane->threads[1]);
}

static void stop_lane(struct lane *lane)
{
    tern_amqp_stop(lane->publisher);
    tern_amqp_stop(lane->consumer);
    for (int i = 0; i < 2; i++)
        pthread_join(lane->threads[i], NULL);
    tern_amqp_destroy(lane->publisher);
    tern_amqp_destroy(lane->consumer);
    for (size_t i = 0; i < lane->count; i++)
        free(lane->events[i].body);
    free(lane->events);
    free(lane->answered);
}

static void wait_ms(long ms)
{
    (void)nanosleep(&(struct timespec){0, ms * 1000000}, NULL);
}

int main(int argc, char **argv)
{
    size_t messages = 0;
    TERN_ASSERT(argc == 2 + LANES, "usage: ceiling AMQP_URL and four stores");
    for (int i = 0; i < LANES; i++) {
        lanes[i].service = shop_catalogue.services[i];
        load_store(&lanes[i], argv[2 + i]);
        messages += lanes[i].count;
    }
    for (int i = 0; i < LANES; i++)
        start_lane(argv[1], &lanes[i]);
    while (atomic_load(&ready_links) < 2 * LANES)
        wait_ms(1);
    double begun = now_s();
    for (int i = 0; i < LANES; i++)
        tern_amqp_wake(lanes[i].publisher);
    while (atomic_load(&publishers_done) < LANES || atomic_load(&deliveries) < atomic_load(&wanted))
        wait_ms(5);
    double seconds = now_s() - begun;
    printf("messages=%zu deliveries=%lld seconds=%.2f\n", messages, (long long)atomic_load(&deliveries), seconds);
    for (int i = 0; i < LANES; i++)
        tern_amqp_wake(lanes[i].consumer); /* the last acknowledgements */
    wait_ms(500);
    for (int i = 0; i < LANES; i++)
        stop_lane(&lanes[i]);
    return 0;
}
