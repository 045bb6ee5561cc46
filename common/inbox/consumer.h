/* consumer.h - the consumer: takes messages from the service's queue, decodes them, acknowledges them when they are finished.
 *
 * Runs on one thread with one AMQP connection. Each message is decoded off the writer thread and submitted as a delivery
 * (deliveries.h); after its transaction it comes back finished, and only then it is acknowledged: cumulatively up to the lowest
 * finished tag. Deliveries of an earlier connection are dropped silently (the broker delivers them again, the inbox knows
 * them). With a `store` it consumes only while it owns the queue, which the publisher has to know. After a start it begins
 * with a prefetch of 1 and widens once something was handled, so that a poison message costs no innocent ones. */
#ifndef TERN_INBOX_CONSUMER_H
#define TERN_INBOX_CONSUMER_H

#include "common/amqp/amqp.h"
#include "deliveries.h"
#include "tern/metrics.h"

struct tern_consumer;
struct tern_links;
struct tern_publisher;
struct tern_receipts;

struct tern_consumer_settings {
    struct tern_amqp_settings link; /* connection_name is ours to choose: <queue>-con; bodies up to body_max are kept */
    const char *queue;
    const char *queue_type;
    uint16_t prefetch;
    const struct tern_catalogue *catalogue;
    const char *store;  /* its UUID; NULL: the queue is nobody's in particular */
    bool adopt_queue;   /* even when another store has claimed it */
    const char *counts; /* a queue whose messages are to be counted, for `receipts`; NULL: none */
    struct tern_deliveries *deliveries;
    struct tern_links *links;         /* the state of the link and of the queue */
    struct tern_publisher *publisher; /* has to know whether the queue is ours; NULL: nobody publishes */
    /* Gets control messages, when the service has a `store`: requests at once; a beacon when everything that the broker had for
     * us when it was published is finished. NULL: they are not listened for. */
    struct tern_receipts *receipts;
    struct tern_metrics *metrics; /* may be NULL */
};

int tern_consumer_create(const struct tern_consumer_settings *settings, struct tern_consumer **ret_consumer,
                         struct tern_error *err);
void tern_consumer_destroy(struct tern_consumer *consumer);
/* Starts its thread (16 MB stack). */
int tern_consumer_start(struct tern_consumer *consumer, struct tern_error *err);
/* Any thread: deliveries were finished. Many may be before one wake. NULL is fine. */
void tern_consumer_flush(struct tern_consumer *consumer);
/* Drain, step 1: no new deliveries (waits at most timeout_ms for the broker's word). */
void tern_consumer_cancel(struct tern_consumer *consumer, int timeout_ms);
/* Drain, step 2: sends the acknowledgements that are due, closes, joins the thread. NULL and twice are fine. */
void tern_consumer_stop(struct tern_consumer *consumer);
struct tern_amqp_link_state tern_consumer_state(const struct tern_consumer *consumer);

#endif
