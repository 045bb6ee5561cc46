/* tern/consumer.h - the consumer lane: takes deliveries from the service's queue, decodes them, settles them when told.
 *
 * Runs on one thread with one AMQP connection. Each message is decoded off the writer thread and handed over as a
 * delivery; the receiver gives it back with tern_consumer_settle after its transaction is committed, and only then
 * it is acknowledged: cumulatively up to the lowest finished tag. Deliveries of an earlier connection are
 * dropped silently when settled (the broker delivers them again, the inbox knows them). With a `store` it consumes only
 * while it owns the queue, of which a publisher must be told (tern_publisher_own). After a start it begins
 * with a prefetch of 1 and widens once something was handled, so that a poison message costs no innocent ones. */
#ifndef TERN_CONSUMER_H
#define TERN_CONSUMER_H

#include "tern/amqp.h"
#include "tern/control.h"
#include "tern/event.h"
#include "tern/metrics.h"
#include "tern/topology.h"

struct tern_consumer;

/* So long a broker may take a connection of ours that was cut in silence for one that lives. */
enum { TERN_CONSUMER_LOST_MS = 30000 };

/* A message on its way through the service. Owned by whoever holds it; given back exactly once. */
struct tern_delivery {
    struct tern_delivery *next; /* for the holder's own list */
    uint64_t tag, generation;
    bool redelivered;
    int64_t received_steady_ms;
    bool readable; /* false: `event` is empty, `why` says what is wrong, `reason` is a parking reason */
    struct tern_event event;
    const struct tern_event_type *numbered; /* its number is `number` among those of this type; NULL: none was told */
    int64_t number;
    const char *reason;
    struct tern_error why;
    char *raw; /* unreadable only: the bytes, NUL-terminated; none when there were more than link.body_max */
    size_t raw_length;
    bool not_kept; /* there were: when it is settled it goes to the dead-letter exchange, which keeps them */
    char raw_type[TERN_TYPE_SIZE]; /* AMQP `type` property of an unreadable one, cleaned */
};

struct tern_consumer_settings {
    struct tern_amqp_settings link; /* connection_name is ours to choose: <queue>-con; bodies up to body_max are kept */
    const char *queue;
    const char *queue_type;
    uint16_t prefetch;
    const struct tern_catalogue *catalogue;
    /* On the consumer's thread. Takes the delivery; must not block. */
    void (*deliver)(void *self, struct tern_delivery *delivery);
    /* On the consumer's thread: connected (set-up complete) or lost, with the reason. Called on changes only... `lost`
     * is called for every failed attempt; the receiver says it once. */
    void (*connected)(void *self);
    void (*lost)(void *self, const char *why);
    const char *store; /* its UUID; NULL: the queue is nobody's in particular */
    bool adopt_queue;  /* even when another store has claimed it */
    /* On the consumer's thread: the queue is ours from now on (`adopted`: it was another store's), or may not be any more. */
    void (*owned)(void *self, bool owned, bool adopted);
    /* On the consumer's thread, for every try in vain: it is not ours, and why; `refused`: it is another store's. */
    void (*stands_by)(void *self, bool refused, const char *why);
    /* On the consumer's thread, when it changes: somebody else consumes from the queue too, for longer than a lost
     * connection of ours can last. May be NULL. */
    void (*shared)(void *self, bool shared);
    /* On the consumer's thread, when the service has a `store`. NULL: control messages are not listened for.
     * `control`: somebody asks this service to publish events again; or a beacon, and everything that the broker had for us when
     * it was published has been settled. `deaf`: the broker's user may not listen for them. `counted`: the messages in
     * `counts`, a queue that is to be watched (NULL: none). */
    void (*control)(void *self, const struct tern_control *control);
    void (*deaf)(void *self);
    const char *counts;
    void (*counted)(void *self, uint32_t messages);
    /* On the consumer's thread, at each set-up: our user of the broker lacks a right to these. May be NULL. */
    void (*lacks)(void *self, enum tern_lack lack, const char *names);
    struct tern_metrics *metrics; /* may be NULL */
    void *self;
};

/* Decodes a body, and looks its type and version up: NULL with `ret_event` filled, or the parking reason why it cannot be
 * read, with a sentence. */
const char *tern_consumer_read(const struct tern_catalogue *catalogue, const void *body, size_t length,
                               struct tern_event *ret_event, struct tern_error *why);

int tern_consumer_create(const struct tern_consumer_settings *settings, struct tern_consumer **ret_consumer,
                         struct tern_error *err);
void tern_consumer_destroy(struct tern_consumer *consumer);
/* Starts its thread (16 MB stack). */
int tern_consumer_start(struct tern_consumer *consumer, struct tern_error *err);
/* Any thread; takes the delivery. Many may be settled before one wake: call tern_consumer_flush after the last. */
void tern_consumer_settle(struct tern_consumer *consumer, struct tern_delivery *delivery);
void tern_consumer_flush(struct tern_consumer *consumer);
/* Any thread: whether it came on the connection that there is now. One that did not is sent again by the broker. */
bool tern_consumer_is_current(const struct tern_consumer *consumer, const struct tern_delivery *delivery);
/* Drain, step 1: no new deliveries (waits at most timeout_ms for the broker's word). */
void tern_consumer_cancel(struct tern_consumer *consumer, int timeout_ms);
/* Drain, step 2: sends the acknowledgements that are due, closes, joins the thread. NULL and twice are fine. */
void tern_consumer_stop(struct tern_consumer *consumer);
struct tern_amqp_link_state tern_consumer_state(const struct tern_consumer *consumer);

#endif
