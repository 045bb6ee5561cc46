/* consumer.c - the consumer: frames to deliveries on its own thread, acknowledgements back.
 *
 * A delivery is decoded here, off the writer's thread, and its memory is used again after it was finished. What is acknowledged
 * is only the unbroken run of finished tags of the present connection, with one cumulative ack per round. A tag of an earlier connection means nothing to the
 * broker and is dropped. Never decides what a delivery means; never blocks on anybody but the broker. */
#include "consumer.h"

#include "common/base/chaos.h"
#include "common/base/sync.h"
#include "common/event/topology.h"
#include "common/outbox/publisher.h"
#include "common/work/links.h"
#include "deferred.h"

#include "common/event/event_message.h"
#include "consumer_beacons.h"
#include "owner.h"
#include "receipts.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { STACK_BYTES = 16 * 1024 * 1024, SPARE_MAX = 512, ASIDE_PREFETCH = 16 };

#define LINK_LABEL "consumer"

enum finished { NOT_YET, ACKNOWLEDGE, DEAD_LETTER };

struct tern_consumer {
    struct tern_consumer_settings settings;
    struct tern_amqp *link;
    char *queue, *queue_type;
    const struct tern_clock *clock;
    pthread_t thread;

    bool started;
    atomic_bool cancel_wanted;
    struct tern_sync sync; /* guards what follows */
    bool cancelled;        /* no delivery comes any more */

    /* The consumer's thread only. */
    uint64_t generation; /* of the connection */
    struct tern_delivery *spare;
    size_t spare_count;
    uint64_t newest_tag, acked_tag;
    unsigned char *finished; /* enum finished, by tag % finished_size, for tags in (acked_tag, newest_tag] */
    size_t finished_size;
    int64_t crowded_ms; /* since when the queue of this connection has another consumer; 0: it has none */
    bool shared;        /* and for so long that it is no lost connection of ours */
    bool proved;        /* something was finished since the start: a poison message would have shown */
    bool up, cancel_sent, ack_sent;
    bool owned, listens; /* listens: for control messages */
    uint16_t prefetch;   /* of this connection */
    struct tern_owner owner;
    struct tern_topology_gaps gaps; /* of this connection */
    struct consumer_beacons beacons;
};

/* ---- deliveries ---------------------------------------------------------------------------------------------- */

static struct tern_delivery *take_spare(struct tern_consumer *consumer)
{
    struct tern_delivery *delivery = consumer->spare;
    if (!delivery) return tern_alloc(sizeof *delivery);
    consumer->spare = delivery->next;
    consumer->spare_count--;
    memset(delivery, 0, sizeof *delivery);
    return delivery;
}

static void free_content(struct tern_delivery *delivery)
{
    tern_event_fini(&delivery->event);
    free(delivery->raw);
}

static void give_back(struct tern_consumer *consumer, struct tern_delivery *delivery)
{
    free_content(delivery);
    if (consumer->spare_count >= SPARE_MAX) {
        free(delivery);
        return;
    }
    delivery->next = consumer->spare;
    consumer->spare = delivery;
    consumer->spare_count++;
}

/* Only visible characters of the type property survive: it goes into logs and metrics. */
static void keep_type(char target[TERN_TYPE_SIZE], const char *type)
{
    size_t length = 0;
    for (; length < TERN_TYPE_SIZE - 1 && type[length] != '\0'; length++)
        target[length] = (type[length] > ' ' && type[length] < 0x7f) ? type[length] : '?';
    target[length] = '\0';
}

static void make_unreadable(struct tern_delivery *delivery, const struct tern_amqp_delivery *message,
                            const char *reason)
{
    size_t length = message->body ? message->body_length : 0;
    tern_event_fini(&delivery->event);
    memset(&delivery->event, 0, sizeof delivery->event);
    delivery->readable = false;
    delivery->reason = reason;
    delivery->raw = tern_copy_bytes(length > 0 ? message->body : "", length);
    delivery->raw_length = length;
    delivery->not_kept = !message->body && message->body_length > 0;
    keep_type(delivery->raw_type, message->type);
}

static const char *header(const struct tern_amqp_delivery *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].value ? message->headers[i].value : "";
    return NULL;
}

static void read_headers(struct tern_event *event, const struct tern_amqp_delivery *message)
{
    const char *traceparent = header(message, "traceparent");
    if (traceparent && tern_traceparent_valid(traceparent))
        tern_copy_whole(event->traceparent, sizeof event->traceparent, traceparent);
    const char *nudge = header(message, "x-tern-nudge");
    event->republished = nudge && strcmp(nudge, TERN_NUDGE_REPUBLISHED) == 0;
    event->nudge = nudge && !event->republished;
}

/* Also of a message that cannot be read: it is parked, and so nothing to look for. */
static void read_number(const struct tern_consumer *consumer, const struct tern_amqp_delivery *message,
                        struct tern_delivery *delivery)
{
    const char *digits = header(message, "x-tern-n");
    const struct tern_event_type *type = tern_catalogue_find(consumer->settings.catalogue, message->type);
    if (!digits || !type || strcmp(type->producer, message->app_id) != 0) return;
    char *end;
    long long number = strtoll(digits, &end, 10);
    if (*end != '\0' || number <= 0 || number > INT64_MAX / 2) return;
    delivery->numbered = type;
    delivery->number = delivery->event.number = number;
}

static const char *read_message(const struct tern_consumer *consumer, const struct tern_amqp_delivery *message,
                                struct tern_delivery *delivery)
{
    if (!message->body || message->body_length > TERN_EVENT_MAX_BYTES) {
        (void)tern_error_set(&delivery->why, "%zu bytes, and an event has at most %d; message id \"%.64s\"",
                             message->body_length, (int)TERN_EVENT_MAX_BYTES, message->message_id);
        return TERN_PARKED_OVERSIZED;
    }
    return tern_inbox_read(consumer->settings.catalogue, message->body, message->body_length, &delivery->event,
                           &delivery->why);
}

static int note_tag(struct tern_consumer *consumer, const struct tern_amqp_delivery *message, struct tern_error *err)
{
    if (message->delivery_tag != consumer->newest_tag + 1 ||
        message->delivery_tag - consumer->acked_tag > consumer->finished_size)
        return tern_error_set(err, "the broker sent delivery %llu where %llu was due, or more than the prefetch",
                              (unsigned long long)message->delivery_tag, (unsigned long long)consumer->newest_tag + 1);
    consumer->newest_tag = message->delivery_tag;
    consumer->finished[message->delivery_tag % consumer->finished_size] = message->aside ? ACKNOWLEDGE : NOT_YET;
    return 0;
}

/* Nobody waits for one that cannot be read: beacons come again, requests too. */
static void take_control(struct tern_consumer *consumer, const struct tern_amqp_delivery *message)
{
    struct tern_control control;
    struct tern_error ignored;
    if (!consumer->settings.receipts || atomic_load(&consumer->cancel_wanted) || !message->body) return;
    if (tern_control_decode(consumer->settings.catalogue, message->type, message->body, message->body_length, &control,
                            &ignored) < 0)
        return;
    if (!control.is_beacon)
        tern_receipts_control(consumer->settings.receipts, &control);
    else if (tern_beacons_came(&consumer->beacons, &control.beacon))
        tern_amqp_probe_soon(consumer->link);
}

static int on_delivered(void *self, const struct tern_amqp_delivery *message, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    TERN_CHAOS_POINT("cons.after_recv");
    if (note_tag(consumer, message, err) < 0) return -1;
    if (message->aside) {
        take_control(consumer, message);
        return 0;
    }
    tern_beacons_delivered(&consumer->beacons, message->delivery_tag);

    struct tern_delivery *delivery = take_spare(consumer);
    delivery->tag = message->delivery_tag;
    delivery->generation = consumer->generation;
    delivery->redelivered = message->redelivered;
    delivery->received_steady_ms = tern_steady(consumer->clock);
    delivery->readable = true;
    const char *reason = read_message(consumer, message, delivery);
    if (reason)
        make_unreadable(delivery, message, reason);
    else
        read_headers(&delivery->event, message);
    read_number(consumer, message, delivery);
    tern_deliveries_submit(consumer->settings.deliveries, delivery);
    return 0;
}

/* ---- finishing ------------------------------------------------------------------------------------------------ */

void tern_consumer_flush(struct tern_consumer *consumer)
{
    if (consumer) tern_amqp_wake(consumer->link);
}

static void take_finished(struct tern_consumer *consumer)
{
    struct tern_delivery *delivery = tern_deliveries_take_finished(consumer->settings.deliveries);
    while (delivery) {
        struct tern_delivery *next = delivery->next;
        if (delivery->generation == consumer->generation) {
            TERN_ASSERT(delivery->tag > consumer->acked_tag && delivery->tag <= consumer->newest_tag,
                        "a delivery is finished once");
            consumer->finished[delivery->tag % consumer->finished_size] =
                delivery->not_kept ? DEAD_LETTER : ACKNOWLEDGE;
            consumer->proved = true;
        }
        give_back(consumer, delivery);
        delivery = next;
    }
}

/* Before the ack: with a prefetch of 1 nothing else is under way now, so nothing can be overtaken or come back. */
static int widen(struct tern_consumer *consumer, struct tern_amqp *link, struct tern_error *err)
{
    if (!consumer->proved || consumer->prefetch >= consumer->settings.prefetch || atomic_load(&consumer->cancel_wanted))
        return 0;
    consumer->prefetch = consumer->settings.prefetch;
    return tern_amqp_consume_again(link, consumer->queue, consumer->prefetch, err);
}

static enum finished how_next_ends(const struct tern_consumer *consumer)
{
    uint64_t tag = consumer->acked_tag + 1;
    return tag <= consumer->newest_tag ? (enum finished)consumer->finished[tag % consumer->finished_size] : NOT_YET;
}

/* One acknowledgement for all in a row that end so; a cumulative one must not name a tag that was dead-lettered. */
static int acknowledge(struct tern_consumer *consumer, struct tern_amqp *link, struct tern_error *err)
{
    enum finished how = how_next_ends(consumer);
    if (how == NOT_YET) return 0;
    TERN_CHAOS_POINT("cons.after_commit_before_ack");
    consumer->ack_sent = true;
    if (widen(consumer, link, err) < 0) return -1;
    for (; how != NOT_YET; how = how_next_ends(consumer)) {
        do
            consumer->acked_tag++;
        while (how == ACKNOWLEDGE && how_next_ends(consumer) == ACKNOWLEDGE);
        int sent = how == ACKNOWLEDGE ? tern_amqp_ack(link, consumer->acked_tag, true, err)
                                      : tern_amqp_dead_letter(link, consumer->acked_tag, err);
        if (sent < 0) return -1;
    }
    return 0;
}

static void set_owned(struct tern_consumer *consumer, bool owned)
{
    if (consumer->owned == owned) return;
    consumer->owned = owned;
    tern_links_owned(consumer->settings.links, owned, owned && consumer->owner.adopted);
    if (consumer->settings.publisher) tern_publisher_own(consumer->settings.publisher, owned);
    consumer->owner.adopted = false;
}

static void hand_over_beacons(struct tern_consumer *consumer)
{
    struct beacon_list *ripe = tern_beacons_ripe(&consumer->beacons, consumer->acked_tag);
    for (size_t i = 0; ripe && i < ripe->count; i++) {
        const struct tern_control control = {.is_beacon = true, .beacon = ripe->items[i]};
        tern_receipts_control(consumer->settings.receipts, &control);
    }
    if (!ripe) return;
    ripe->count = 0;
    if (consumer->beacons.waiting.count > 0) tern_amqp_probe_soon(consumer->link);
}

static int on_work(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    set_owned(consumer,
              tern_amqp_alive(link)); /* a silent broker may have given our connection up, and the queue away */
    if (consumer->ack_sent) TERN_CHAOS_POINT("cons.after_ack");
    consumer->ack_sent = false;
    take_finished(consumer);
    if (acknowledge(consumer, link, err) < 0) return -1;
    hand_over_beacons(consumer);
    if (!atomic_load(&consumer->cancel_wanted) || consumer->cancel_sent) return 0;
    consumer->cancel_sent = true;
    return tern_amqp_cancel(link, err);
}

/* ---- the connection ------------------------------------------------------------------------------------------ */

static void set_cancelled(struct tern_consumer *consumer)
{
    tern_sync_lock(&consumer->sync);
    consumer->cancelled = true;
    tern_sync_broadcast(&consumer->sync);
    tern_sync_unlock(&consumer->sync);
}

static void on_cancelled(void *self)
{
    set_cancelled(self);
}

static void begin_generation(struct tern_consumer *consumer, struct tern_amqp *link)
{
    consumer->generation = tern_amqp_state(link).connects;
    tern_deliveries_connected(consumer->settings.deliveries, consumer->generation);
    consumer->newest_tag = consumer->acked_tag = 0;
    consumer->prefetch = consumer->proved ? consumer->settings.prefetch : 1;
    consumer->cancel_sent = false;
    consumer->crowded_ms = 0;
    tern_beacons_reset(&consumer->beacons);
}

/* ---- control messages ------------------------------------------------------------------------------------------- */

struct control_keys {
    size_t count;
    char texts[BEACONS_MAX + 1][TERN_CONTROL_KEY_SIZE];
    const char *keys[BEACONS_MAX + 1];
};

static void make_keys(const struct tern_consumer *consumer, struct control_keys *keys)
{
    const char *const *producer = consumer->settings.catalogue->services;
    keys->count = 0;
    tern_control_key(TERN_CONTROL_RESEND, consumer->queue, keys->texts[keys->count++]);
    for (; *producer && keys->count <= BEACONS_MAX; producer++)
        if (tern_catalogue_consumes_from(consumer->settings.catalogue, consumer->queue, *producer))
            tern_control_key(TERN_CONTROL_BEACON, *producer, keys->texts[keys->count++]);
    for (size_t i = 0; i < keys->count; i++)
        keys->keys[i] = keys->texts[i];
}

/* They come to the queue that is ours as long as we are connected: nothing piles up while we are not. */
static int listen_aside(struct tern_consumer *consumer, struct tern_amqp *link, struct tern_error *err)
{
    char queue[TERN_OWNER_NAME_SIZE];
    struct control_keys keys;
    int answer = TERN_AMQP_FORBIDDEN;
    consumer->listens = false;
    if (!consumer->settings.receipts || !consumer->settings.store) return 0;
    tern_owner_queue(consumer->queue, queue);
    make_keys(consumer, &keys);
    if (consumer->owner.has_queue)
        answer = tern_amqp_consume_aside(link, queue, consumer->settings.catalogue->exchange, keys.keys, keys.count,
                                         ASIDE_PREFETCH, err);
    if (answer < 0) return -1;
    consumer->listens = answer == TERN_AMQP_GRANTED;
    if (!consumer->listens) tern_receipts_deaf(consumer->settings.receipts);
    return 0;
}

/* A route that somebody has removed is back before the next probe; what went astray meanwhile the numbers tell. */
static int on_probing(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    char queue[TERN_OWNER_NAME_SIZE];
    struct control_keys keys;
    bool may_bind = strstr(consumer->gaps.not_bound, consumer->queue) == NULL; /* a refusal would cost the channel */
    if (may_bind && tern_topology_bind_again(link, consumer->settings.catalogue, consumer->queue, err) < 0) return -1;
    if (consumer->settings.counts && tern_amqp_count(link, consumer->settings.counts, err) < 0) return -1;
    if (!consumer->listens) return 0;
    tern_owner_queue(consumer->queue, queue);
    make_keys(consumer, &keys);
    for (size_t i = 0; i < keys.count; i++)
        if (tern_amqp_bind_again(link, queue, consumer->settings.catalogue->exchange, keys.keys[i], err) < 0) return -1;
    return 0;
}

static void set_shared(struct tern_consumer *consumer, bool shared)
{
    if (consumer->shared == shared) return;
    consumer->shared = shared;
    tern_links_shared(consumer->settings.links, shared);
}

/* A second consumer may be a connection of ours that the broker has not given up: what it was sent is not lost yet. One that
 * stays is somebody else: what he was sent is. */
static bool waits_for_lost_one(struct tern_consumer *consumer, uint32_t consumers)
{
    int64_t now_ms = tern_steady(consumer->clock);
    if (consumers <= 1) {
        consumer->crowded_ms = 0;
        set_shared(consumer, false);
        return consumers == 0;
    }
    if (consumer->crowded_ms == 0) consumer->crowded_ms = now_ms;
    if (now_ms - consumer->crowded_ms < TERN_LOST_LINK_MS) return true;
    set_shared(consumer, true);
    return false;
}

static int on_counted(void *self, const char *queue, uint32_t messages, uint32_t consumers, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    if (consumer->settings.counts && strcmp(queue, consumer->settings.counts) == 0)
        tern_receipts_dead_letters(consumer->settings.receipts, messages);
    if (strcmp(queue, consumer->queue) != 0 || waits_for_lost_one(consumer, consumers)) return 0;
    if (!tern_beacons_counted(&consumer->beacons, messages, consumer->settings.prefetch, consumer->newest_tag))
        return 0;
    return tern_amqp_count(consumer->link, consumer->queue, err);
}

/* ---- set up and lost -------------------------------------------------------------------------------------------- */

static int take_queue(struct tern_consumer *consumer, struct tern_amqp *link, struct tern_error *err)
{
    if (!consumer->settings.store) return 0;
    int wait_ms = tern_owner_take(&consumer->owner, link, err);
    if (wait_ms > 0) tern_links_stands_by(consumer->settings.links, consumer->owner.refused, err->text);
    return wait_ms;
}

static void tell_gaps(const struct tern_consumer *consumer)
{
    struct tern_links *links = consumer->settings.links;
    const struct tern_topology_gaps *gaps = &consumer->gaps;
    bool guarded = consumer->settings.store;
    if (gaps->not_compared[0] != '\0') tern_links_lacks(links, TERN_LACKS_COMPARING, gaps->not_compared);
    if (gaps->not_bound[0] != '\0') tern_links_lacks(links, TERN_LACKS_BINDING, gaps->not_bound);
    if (guarded && !consumer->owner.has_queue) tern_links_lacks(links, TERN_LACKS_OWNER, consumer->queue);
    if (guarded && !consumer->owner.has_claim) tern_links_lacks(links, TERN_LACKS_CLAIM, consumer->queue);
}

static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    begin_generation(consumer, link);
    if (tern_topology_declare(link, consumer->settings.catalogue, consumer->queue_type, &consumer->gaps, err) < 0)
        return -1;
    int waits_ms = take_queue(consumer, link, err);
    if (waits_ms != 0) return waits_ms;
    if (listen_aside(consumer, link, err) < 0) return -1;
    tell_gaps(consumer);
    if (!atomic_load(&consumer->cancel_wanted) &&
        (tern_amqp_prefetch(link, consumer->prefetch, err) < 0 || tern_amqp_consume(link, consumer->queue, err) < 0))
        return -1;
    consumer->up = true;
    tern_metric_set(consumer->settings.metrics, &TERN_METRIC_amqp_connected, 1, LINK_LABEL, NULL);
    tern_links_connected(consumer->settings.links, TERN_LINK_CONSUMER);
    set_owned(consumer, true);
    return 0;
}

static void on_lost(void *self, const char *why)
{
    struct tern_consumer *consumer = self;
    if (consumer->up)
        tern_metric_add(consumer->settings.metrics, &TERN_METRIC_amqp_reconnects_total, 1, LINK_LABEL, NULL, NULL);
    consumer->up = false;
    set_owned(consumer, false);
    tern_metric_set(consumer->settings.metrics, &TERN_METRIC_amqp_connected, 0, LINK_LABEL, NULL);
    if (atomic_load(&consumer->cancel_wanted)) set_cancelled(consumer);
    tern_links_lost(consumer->settings.links, TERN_LINK_CONSUMER, tern_amqp_state(consumer->link).trouble, why);
}

static void on_blocked(void *self, bool blocked, const char *reason)
{
    struct tern_consumer *consumer = self;
    (void)reason;
    tern_metric_set(consumer->settings.metrics, &TERN_METRIC_amqp_blocked, blocked ? 1 : 0, LINK_LABEL, NULL);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static int create_link(struct tern_consumer *consumer, struct tern_error *err)
{
    char name[128];
    struct tern_amqp_settings settings = consumer->settings.link;
    const struct tern_amqp_owner owner = {
        .ready = on_ready,
        .lost = on_lost,
        .delivered = on_delivered,
        .blocked = on_blocked,
        .probing = on_probing,
        .counted = on_counted,
        .cancelled = on_cancelled,
        .work = on_work,
        .self = consumer,
    };
    (void)snprintf(name, sizeof name, "%s-con", consumer->queue);
    settings.connection_name = name;
    if (settings.body_max < TERN_EVENT_MAX_BYTES) settings.body_max = TERN_EVENT_MAX_BYTES;
    return tern_amqp_create(&settings, &owner, &consumer->link, err);
}

int tern_consumer_create(const struct tern_consumer_settings *settings, struct tern_consumer **ret_consumer,
                         struct tern_error *err)
{
    struct tern_consumer *consumer = tern_alloc(sizeof *consumer);
    consumer->settings = *settings;
    if (consumer->settings.prefetch == 0) consumer->settings.prefetch = 1;
    consumer->queue = tern_copy_text(settings->queue);
    consumer->queue_type = tern_copy_text(settings->queue_type);
    consumer->owner = (struct tern_owner){.service = consumer->queue, .adopts = settings->adopt_queue};
    if (settings->store) tern_copy_whole(consumer->owner.store, TERN_UUID_SIZE, settings->store);
    consumer->clock = settings->link.clock ? settings->link.clock : &tern_clock_system;
    consumer->finished_size =
        (size_t)consumer->settings.prefetch + ASIDE_PREFETCH + 2; /* and the one of the first, narrow consumer */
    consumer->finished = tern_alloc(consumer->finished_size);
    tern_sync_init(&consumer->sync);
    if (create_link(consumer, err) < 0) {
        tern_consumer_destroy(consumer);
        return -1;
    }
    consumer->settings.link.url = NULL; /* the link has its own copies */
    *ret_consumer = consumer;
    return 0;
}

static void free_list(struct tern_delivery *delivery, bool with_content)
{
    while (delivery) {
        struct tern_delivery *next = delivery->next;
        if (with_content) free_content(delivery);
        free(delivery);
        delivery = next;
    }
}

void tern_consumer_destroy(struct tern_consumer *consumer)
{
    if (!consumer) return;
    tern_consumer_stop(consumer);
    free_list(tern_deliveries_take_finished(consumer->settings.deliveries), true);
    free_list(consumer->spare, false);
    tern_amqp_destroy(consumer->link);
    tern_sync_fini(&consumer->sync);
    free(consumer->finished);
    free(consumer->queue);
    free(consumer->queue_type);
    free(consumer);
}

static void *run(void *argument)
{
    struct tern_consumer *consumer = argument;
    tern_amqp_run(consumer->link);
    return NULL;
}

int tern_consumer_start(struct tern_consumer *consumer, struct tern_error *err)
{
    int status = tern_thread_start(&consumer->thread, "consumer", STACK_BYTES, run, consumer);
    if (status != 0) return tern_error_set(err, "the consumer's thread cannot be started: %s", strerror(status));
    consumer->started = true;
    return 0;
}

void tern_consumer_cancel(struct tern_consumer *consumer, int timeout_ms)
{
    if (!consumer) return;
    atomic_store(&consumer->cancel_wanted, true);
    if (!consumer->started || !tern_amqp_state(consumer->link).connected) return;
    tern_amqp_wake(consumer->link);
    const struct timespec deadline = tern_deadline(timeout_ms);
    tern_sync_lock(&consumer->sync);
    while (!consumer->cancelled && tern_sync_wait_until(&consumer->sync, deadline))
        continue;
    tern_sync_unlock(&consumer->sync);
}

void tern_consumer_stop(struct tern_consumer *consumer)
{
    if (!consumer || !consumer->started) return;
    tern_amqp_stop(consumer->link);
    (void)pthread_join(consumer->thread, NULL);
    consumer->started = false;
    tern_metric_set(consumer->settings.metrics, &TERN_METRIC_amqp_connected, 0, LINK_LABEL, NULL);
}

struct tern_amqp_link_state tern_consumer_state(const struct tern_consumer *consumer)
{
    return tern_amqp_state(consumer->link);
}
