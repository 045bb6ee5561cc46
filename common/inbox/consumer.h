/* consumer.h - the consumer: takes messages from the service's queue, and acknowledges them when they are finished.
 *
 * One thread with one AMQP connection. Each message is decoded off the writer thread and submitted as a delivery
 * (deliveries.h). After its transaction it comes back finished, and only then it is acknowledged, cumulatively up to
 * the lowest finished tag. Deliveries of an earlier connection are dropped: the broker redelivers them and the inbox
 * knows them. With a `store` it consumes only while it owns the queue, of which it informs the publisher. After a
 * start it begins with a prefetch of 1 and widens once something was finished, so that a poison message is redelivered
 * alone. */
#ifndef TERN_INBOX_CONSUMER_H
#define TERN_INBOX_CONSUMER_H

#include "common/amqp/amqp.h"
#include "deliveries.h"
#include "tern/metrics.h"

struct tern_consumer;
struct tern_links;
struct tern_publisher;
struct tern_receipts;

/* All texts but `counts` are copied; everything else that is pointed to outlives the consumer. */
struct tern_consumer_settings {
    struct tern_amqp_settings link; /* connection_name is chosen here: <queue>-con; bodies up to body_max are kept */
    const char *queue;              /* also the name of the service */
    const char *queue_type;         /* of the topology: quorum or classic */
    uint16_t prefetch;              /* messages without an acknowledgement, at most */
    const struct tern_catalogue *catalogue;
    const char *store;  /* UUID of the store that is to own the queue; NULL: the queue is not owned */
    bool adopt_queue;   /* --adopt-queue: replaces the claim of another store */
    const char *counts; /* another queue whose messages are counted for `receipts`; NULL: none */
    struct tern_deliveries *deliveries;
    struct tern_links *links;         /* is told the state of the link, and of the queue */
    struct tern_publisher *publisher; /* is told whether the queue is ours; may be NULL */
    /* Gets the control messages of a service with a `store`: requests at once; a beacon when everything that the
     * broker had for us when it was published is finished. NULL: none are listened for. */
    struct tern_receipts *receipts;
    struct tern_metrics *metrics; /* may be NULL */
};

int tern_consumer_create(const struct tern_consumer_settings *settings, struct tern_consumer **ret_consumer,
                         struct tern_error *err);
void tern_consumer_destroy(struct tern_consumer *consumer);
/* Starts its thread (16 MB stack). */
int tern_consumer_start(struct tern_consumer *consumer, struct tern_error *err);
/* Any thread: deliveries were finished, one or many: acknowledges them soon. NULL is fine. */
void tern_consumer_flush(struct tern_consumer *consumer);
/* Drain, step 1: no new deliveries; waits at most timeout_ms for the broker's basic.cancel-ok. NULL is fine. */
void tern_consumer_cancel(struct tern_consumer *consumer, int timeout_ms);
/* Drain, step 2: sends the acknowledgements that are due, closes, joins the thread. NULL and twice are fine. */
void tern_consumer_stop(struct tern_consumer *consumer);
struct tern_amqp_link_state tern_consumer_state(const struct tern_consumer *consumer);

#endif
