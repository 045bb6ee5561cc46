/* publisher.h - publishes what was committed, in order, and reports what the broker confirmed.
 *
 * One thread with one AMQP connection and a read-only connection to the store. It is woken when something was
 * committed, reads the event log above its position in pages (memory stays bounded, a restart is the same path) and
 * publishes with a window of several hundred unconfirmed, `mandatory` when the catalogue names a consumer. A row
 * counts as published from its confirm only; a return comes before the confirm and means: not published. Returned
 * and nacked rows are tried again with back-off, and later rows of the same subject wait behind them. When the
 * connection is lost every open confirm is unknown: those rows are published again, same eventId. A confirm that
 * takes over 30 s is a lost connection. Rows that somebody asked for (tern_nudge) are republished beside the new
 * ones, flagged, at a bounded rate; one that fails is tried again later. When the broker has lost a queue that
 * consumes events of this service, the recent log is republished in the same way (common/outbox/queue_markers.h). The writer
 * takes the progress and records it. */
#ifndef TERN_OUTBOX_PUBLISHER_H
#define TERN_OUTBOX_PUBLISHER_H

#include "common/amqp/amqp.h"
#include "common/event/control.h"
#include "common/event/topology.h"
#include "common/work/work.h"
#include "log_store.h"
#include "queue_markers.h"
#include "tern/event_log.h"
#include "tern/log.h"
#include "tern/metrics.h"

struct tern_backlog;
struct tern_fatal;
struct tern_links;
struct tern_publisher;
struct tern_work_queue;

struct tern_publisher_settings {
    struct tern_amqp_settings link; /* connection_name is ours to choose: <service>-pub */
    const char *service;
    const char *queue_type;
    unsigned window;
    const struct tern_catalogue *catalogue;
    struct tern_db *reader;         /* used on the publisher's thread only; stays the caller's */
    struct tern_outbox_state start; /* as read from the store before the start */
    int64_t retry_base_ms;
    uint64_t seed;                /* of the jitter; 0: the kernel's random numbers */
    int republish_per_s;          /* most rows republished in a second; 0: the usual 500 */
    struct tern_backlog *backlog; /* counts what waits, and takes the progress */
    struct tern_links *links;     /* the state of the link */
    struct tern_fatal *fatal;     /* called when the reader saw damage or a failing disk; does not return */
    /* Where the news of a broker that forgot is written down during a set-up. NULL: nothing is remembered of the broker, and no
     * loss of a queue noticed. */
    struct tern_work_queue *queue;
    bool needs_queue; /* sends nothing, and does not set up, but while tern_publisher_own says that the queue is ours */
    const char *store;    /* its UUID: a beacon is published now and then (common/event/control.h); NULL: none is */
    int64_t republish_ms; /* how much of the log can be republished: the beacon says so */
    int beacon_ms;        /* how often; 0: every 10 s; -1: never */
    struct tern_log
        *log; /* reconnects are not logged here; returned and nacked events are, one a minute; may be NULL */
    struct tern_metrics *metrics; /* may be NULL */
};

/* What happened since it was last taken. */
enum { TERN_PROGRESS_RETURNS = 64 };
struct tern_publish_return {
    int64_t seq, next_try_ms; /* UTC; next_try_ms 0: the broker confirmed this returned row */
    char subject[TERN_ID_SIZE];
    char reason[16]; /* return, nack, behind */
};
struct tern_publish_progress {
    int64_t
        confirmed_through; /* every OWN row up to here is confirmed, or returned as this or an earlier report says */
    int64_t confirmed;     /* how many rows were confirmed since the last take */
    int64_t republish_id;  /* of a loss; 0: no news */
    int64_t republished;   /* of that loss the rows up to this seq are republished and confirmed */
    int64_t again_done;    /* rows asked for, up to this id of republish_request, are confirmed; 0: no news */
    size_t return_count;
    struct tern_publish_return returns[TERN_PROGRESS_RETURNS]; /* what changed about returned rows */
};

int tern_publisher_create(const struct tern_publisher_settings *settings, struct tern_publisher **ret_publisher,
                          struct tern_error *err);
void tern_publisher_destroy(struct tern_publisher *publisher);
int tern_publisher_start(struct tern_publisher *publisher, struct tern_error *err);
/* Any thread: rows up to last_seq are committed. */
void tern_publisher_committed(struct tern_publisher *publisher, int64_t last_seq);
/* Any thread: the service's queue is ours, or is not. */
void tern_publisher_own(struct tern_publisher *publisher, bool owned);
/* Any thread: the list of rows to be republished has grown, and that is committed. */
void tern_publisher_asked(struct tern_publisher *publisher);
/* Any thread: asks the producer of the type for these events. Best effort. */
void tern_publisher_ask(struct tern_publisher *publisher, const struct tern_resend *resend);
/* Writer thread: takes what there is. Returns true when there was something. */
bool tern_publisher_take(struct tern_publisher *publisher, struct tern_publish_progress *ret_progress);
/* Writes a taken progress into the store, inside the caller's transaction. */
int tern_publisher_record(struct tern_db *db, const struct tern_publish_progress *progress, struct tern_error *err);
/* Drain: waits at most timeout_ms until everything sent is confirmed and everything committed was sent. */
void tern_publisher_flush(struct tern_publisher *publisher, int timeout_ms);
/* Any thread: for how long the broker has refused, or not confirmed, what is published, half a minute at least; 0:
 * it confirms. */
int64_t tern_publisher_stalled_ms(const struct tern_publisher *publisher);
void tern_publisher_stop(struct tern_publisher *publisher);
struct tern_amqp_link_state tern_publisher_state(const struct tern_publisher *publisher);

#endif
