/* deliveries.h - the one protocol by which every message takes effect.
 *
 *     inbox: seen this eventId?          yes: done, nothing happens twice; a nudge: what it caused is republished
 *     subject held?                      yes: kept behind the earlier message, in order
 *     came a second time?                yes: its attempts are counted, in a transaction before the handler runs
 *     handler                            DONE: its effects and events commit with the inbox row
 *                                        RETRY: undone, kept, tried again with back-off, then parked
 *                                        REJECT, unreadable, unknown: parked with the reason
 *     commit, then: acknowledge
 *
 * The consumer submits a delivery, which is a unit of work of the writer; after its transaction it is finished: it lies here
 * until the consumer takes it back and acknowledges it, or leaves it to the broker. Counts outcomes; logs the story's lines. */
#ifndef TERN_INBOX_DELIVERIES_H
#define TERN_INBOX_DELIVERIES_H

#include "numbers.h"
#include "retries.h"

struct tern_deliveries;

/* A message on its way through the service. Owned by whoever holds it; given back exactly once. */
struct tern_delivery {
    struct tern_work work;      /* first: while it is the writer's */
    struct tern_delivery *next; /* in the holder's own list */
    uint64_t tag;
    uint64_t generation; /* of the connection it came on; 0: of none, it is left to the broker */
    int64_t received_steady_ms;
    bool redelivered;
    bool readable; /* false: `event` is empty, `why` says what is wrong, `reason` is a parking reason */
    bool
        not_kept; /* unreadable, and too large for `raw`: when finished it goes to the dead-letter exchange, which keeps it */
    bool left; /* to the broker; writer thread */
    struct tern_error why;
    struct tern_event event;
    const struct tern_event_type *numbered; /* its number is `number` among those of this type; NULL: it has none */
    int64_t number;
    const char *reason;
    char *raw; /* unreadable only: the bytes, NUL-terminated; none when there were more than link.body_max */
    size_t raw_length;
    char raw_type[TERN_TYPE_SIZE]; /* AMQP `type` property of an unreadable one, cleaned */

    /* Of its unit of work; writer thread. */
    struct tern_deliveries *deliveries;
    const struct tern_context *ctx; /* once it ran */
    const char *result;             /* for the metric */
    const char *layer;              /* what republished it, for the metric; NULL: it is the first publication */
};

struct tern_deliveries_settings {
    struct tern_work_queue *queue;
    struct tern_retries *retries;
    struct tern_handlers handlers;
    struct tern_numbers *numbers; /* of what was taken in; NULL: not counted */
};

struct tern_deliveries *tern_deliveries_create(const struct tern_deliveries_settings *settings);
void tern_deliveries_destroy(struct tern_deliveries *deliveries);

/* Consumer's thread: takes the delivery; never blocks. */
void tern_deliveries_submit(struct tern_deliveries *deliveries, struct tern_delivery *delivery);
/* Consumer's thread: the deliveries of this connection can be acknowledged; the broker sends those of earlier ones again. */
void tern_deliveries_connected(struct tern_deliveries *deliveries, uint64_t generation);
/* Any thread: whether it came on the connection that there is now. */
bool tern_deliveries_is_current(const struct tern_deliveries *deliveries, const struct tern_delivery *delivery);
/* Any thread: gives a delivery back. */
void tern_deliveries_finish(struct tern_deliveries *deliveries, struct tern_delivery *delivery);
/* Consumer's thread: takes those that were given back; a list by `next`, whose order does not matter. */
struct tern_delivery *tern_deliveries_take_finished(struct tern_deliveries *deliveries);
/* Writer thread: true once after a batch gave some back: the consumer has to be woken. */
bool tern_deliveries_take_news(struct tern_deliveries *deliveries);
/* Any thread: what cannot commit from now on is left to the broker. */
void tern_deliveries_drain(struct tern_deliveries *deliveries);

#endif
