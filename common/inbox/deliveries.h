/* deliveries.h - the one protocol by which every message takes effect.
 *
 *     inbox: seen this eventId?          yes: done, nothing happens twice; a nudge: what it caused is republished
 *     subject deferred?                  yes: kept behind the earlier message, in order
 *     redelivered?                       yes: its attempts are counted, in a transaction before the handler runs
 *     handler                            DONE: its effects and events commit with the inbox row
 *                                        RETRY: undone, kept, tried again with back-off, then parked
 *                                        REJECT, unreadable, unknown: parked with the reason
 *     commit, then: acknowledge
 *
 * The consumer submits a delivery, which is a unit of work of the writer. After its transaction it is finished: it
 * lies here until the consumer takes it back, and acknowledges it or leaves it to the broker. Counts outcomes. */
#ifndef TERN_INBOX_DELIVERIES_H
#define TERN_INBOX_DELIVERIES_H

#include "numbers.h"
#include "retries.h"

struct tern_deliveries;

/* A message on its way through the service. Owned by whoever holds it; given back exactly once. */
struct tern_delivery {
    struct tern_work work;      /* first: the writer's view of it */
    struct tern_delivery *next; /* in the holder's own list */
    uint64_t tag;               /* delivery tag */
    uint64_t generation;        /* of the connection it came on; 0: it is left to the broker */
    int64_t received_steady_ms;
    bool redelivered; /* by the broker: it was sent before, to whomever */
    bool readable;    /* true: `event` is filled; false: `reason`, `why` and the raw fields are */
    bool not_kept;    /* too large for `raw`: once finished it is dead-lettered, so that the broker keeps it */
    bool left;        /* to the broker; writer thread */
    struct tern_event event;
    const struct tern_event_type *numbered; /* the type by which `number` counts; NULL: it has no number */
    int64_t number;
    const char *reason;    /* unreadable: TERN_PARKED_* */
    struct tern_error why; /* unreadable: a sentence */
    char *raw;             /* unreadable: owned bytes, NUL-terminated; "" when there were more than link.body_max */
    size_t raw_length;
    char raw_type[TERN_TYPE_SIZE]; /* unreadable: the AMQP property `type`, in visible characters */

    /* Of its unit of work; writer thread. */
    struct tern_deliveries *deliveries;
    const struct tern_context *ctx; /* once it ran */
    const char *result;             /* for the metric: done, duplicate, held, retry, parked */
    const char *layer;              /* for the metric: what republished it; NULL: nothing did */
};

struct tern_deliveries_settings {
    struct tern_work_queue *queue;
    struct tern_retries *retries;
    struct tern_handlers handlers;
    struct tern_numbers *numbers; /* numbers received; NULL: not kept */
};

struct tern_deliveries *tern_deliveries_create(const struct tern_deliveries_settings *settings);
void tern_deliveries_destroy(struct tern_deliveries *deliveries);

/* Consumer's thread: takes the delivery; never blocks. */
void tern_deliveries_submit(struct tern_deliveries *deliveries, struct tern_delivery *delivery);
/* Consumer's thread: a new connection. Only its deliveries can be acknowledged; the broker redelivers those of earlier
 * ones. */
void tern_deliveries_connected(struct tern_deliveries *deliveries, uint64_t generation);
/* Any thread: whether it came on the present connection. */
bool tern_deliveries_is_current(const struct tern_deliveries *deliveries, const struct tern_delivery *delivery);
/* Any thread: gives a delivery back. */
void tern_deliveries_finish(struct tern_deliveries *deliveries, struct tern_delivery *delivery);
/* Consumer's thread: takes all that were given back; a list by `next` in no order. */
struct tern_delivery *tern_deliveries_take_finished(struct tern_deliveries *deliveries);
/* Writer thread: true once after a batch gave some back, and the consumer has to be woken. */
bool tern_deliveries_take_news(struct tern_deliveries *deliveries);
/* Any thread: deliveries whose batch is lost from now on are left to the broker. */
void tern_deliveries_drain(struct tern_deliveries *deliveries);

#endif
