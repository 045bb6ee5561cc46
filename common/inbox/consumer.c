/* consumer.c - the consumer: messages to deliveries on its own thread, acknowledgements back to the broker.
 *
 * A message is decoded here (consumer_read.c), off the writer's thread; a delivery's memory is reused after it was
 * finished. Acknowledged is only the unbroken run of finished tags of the present connection, with one cumulative ack
 * per round: a tag of an earlier connection means nothing to the broker and is dropped. Never decides what a delivery
 * means; never blocks on anything but the broker. */
#include "consumer.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/chaos.h"
#include "common/base/sync.h"
#include "common/event/event_message.h"
#include "common/event/topology.h"
#include "common/outbox/publisher.h"
#include "common/work/links.h"
#include "consumer_aside.h"
#include "consumer_beacons.h"
#include "consumer_read.h"
#include "owner.h"
#include "receipts.h"

enum {
    STACK_BYTES = 16 * 1024 * 1024,
    SPARE_MAX = 512 /* finished deliveries kept for reuse */
};

#define LINK_LABEL "consumer"

/* What is to be done about a tag. */
enum finished { NOT_YET, ACKNOWLEDGE, DEAD_LETTER };

struct tern_consumer {
    struct tern_consumer_settings settings;
    struct tern_amqp *link;   /* owned */
    char *queue, *queue_type; /* owned copies; the queue has the service's name */
    const struct tern_clock *clock;
    pthread_t thread;
    bool started;

    /* Any thread. */
    atomic_bool cancel_wanted; /* draining: no new deliveries */
    struct tern_sync sync;     /* guards `cancelled`, and signals it */
    bool cancelled;            /* the broker sends no more */

    /* The consumer's thread only. */
    uint64_t generation;         /* of the connection */
    struct tern_delivery *spare; /* a list of finished ones for reuse, by `next` */
    size_t spare_count;
    uint64_t newest_tag, acked_tag; /* delivery tags: the last one received, the last one acknowledged */
    unsigned char *finished;        /* owned; enum finished, by tag % finished_size; valid in (acked_tag, newest_tag] */
    size_t finished_size;
    int64_t crowded_ms; /* steady: since when the queue has another consumer; 0: it has none */
    bool shared;        /* it has, for longer than a lost connection of ours can last */
    bool proved;        /* a delivery was finished since the start: a poison message would have ended us before */
    bool up;            /* connected and set up */
    bool cancel_sent;   /* basic.cancel, on this connection */
    bool ack_sent;      /* in the last round */
    bool owned;         /* as reported to the publisher and the links */
    bool listens;       /* for control messages */
    uint16_t prefetch;  /* of this connection: 1 until proved */
    struct tern_owner owner;
    struct tern_topology_gaps gaps; /* missing rights, as this connection has found */
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

static void give_back(struct tern_consumer *consumer, struct tern_delivery *delivery)
{
    tern_delivery_fini(delivery);
    if (consumer->spare_count >= SPARE_MAX) {
        free(delivery);
        return;
    }
    delivery->next = consumer->spare;
    consumer->spare = delivery;
    consumer->spare_count++;
}

/* Delivery tags count 1, 2, ... on each channel, ours and the control messages' together. */
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

/* One that cannot be read is dropped: beacons come again, and so do requests. */
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
    tern_delivery_read(consumer->settings.catalogue, message, delivery);
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

/* Ends the narrow begin. Consumes anew with the full prefetch, before the ack: with a prefetch of 1 no other message
 * is under way now, so nothing can be overtaken or redelivered. */
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

/* One cumulative ack for each run of tags that end the same way; it must never include a tag that is to be
 * dead-lettered. */
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

/* Tells links and publisher when it has changed. */
static void set_owned(struct tern_consumer *consumer, bool owned)
{
    if (consumer->owned == owned) return;
    consumer->owned = owned;
    tern_links_owned(consumer->settings.links, owned, owned && consumer->owner.adopted);
    if (consumer->settings.publisher) tern_publisher_own(consumer->settings.publisher, owned);
    consumer->owner.adopted = false;
}

/* Every beacon that is ripe goes to the receipts; those that came later are counted for next. */
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
    /* A broker that is silent may have given up our connection, and the queue with it. */
    set_owned(consumer, tern_amqp_alive(link));
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

/* Tags start at 1 again; deliveries of earlier connections are the broker's. */
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

/* Without the right to it the service works on, and says that missing events will not be noticed. */
static int listen_aside(struct tern_consumer *consumer, struct tern_amqp *link, struct tern_error *err)
{
    consumer->listens = false;
    if (!consumer->settings.receipts || !consumer->settings.store) return 0;
    int answer = consumer->owner.has_queue ? tern_aside_listen(link, consumer->queue, consumer->settings.catalogue, err)
                                           : TERN_AMQP_FORBIDDEN;
    if (answer < 0) return -1;
    consumer->listens = answer == TERN_AMQP_GRANTED;
    if (!consumer->listens) tern_receipts_deaf(consumer->settings.receipts);
    return 0;
}

/* Before each probe of the queue. A binding that somebody has removed is back before the next probe; what was not
 * routed meanwhile shows up as missing numbers. */
static int on_probing(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    const struct tern_catalogue *catalogue = consumer->settings.catalogue;
    bool may_bind = !strstr(consumer->gaps.not_bound, consumer->queue); /* a refusal would cost the channel */
    if (may_bind && tern_topology_bind_again(link, catalogue, consumer->queue, err) < 0) return -1;
    if (consumer->settings.counts && tern_amqp_count(link, consumer->settings.counts, err) < 0) return -1;
    return consumer->listens ? tern_aside_bind_again(link, consumer->queue, catalogue, err) : 0;
}

static void set_shared(struct tern_consumer *consumer, bool shared)
{
    if (consumer->shared == shared) return;
    consumer->shared = shared;
    tern_links_shared(consumer->settings.links, shared);
}

/* Whether the count of the queue says nothing yet. A second consumer may be a lost connection of ours that the broker
 * has not noticed: what it was sent will be redelivered. One that stays is somebody else, and keeps what it gets. */
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

/* The answer to a passive declare: messages ready, consumers. */
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

/* The rights that our user of the broker lacks. */
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

/* Sets a new connection up: the topology, then the queue must become ours, then control messages, then consuming. */
static int on_ready(void *self, struct tern_amqp *link, struct tern_error *err)
{
    struct tern_consumer *consumer = self;
    begin_generation(consumer, link);
    if (tern_topology_declare(link, consumer->settings.catalogue, consumer->queue_type, &consumer->gaps, err) < 0)
        return -1;
    int wait_ms = consumer->settings.store ? tern_owner_take(&consumer->owner, link, err) : 0;
    if (wait_ms > 0) tern_links_stands_by(consumer->settings.links, consumer->owner.refused, err->text);
    if (wait_ms != 0) return wait_ms;
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
    /* All tags that can be under way: both prefetches, and the one message of the narrow begin. */
    consumer->finished_size = (size_t)consumer->settings.prefetch + TERN_ASIDE_PREFETCH + 2;
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
        if (with_content) tern_delivery_fini(delivery);
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
