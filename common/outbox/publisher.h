/* publisher.h - publishes committed rows of the event log, in order, and reports what the broker confirmed.
 *
 * One thread with one AMQP connection and one read-only connection to the store. A commit wakes it; it reads the log
 * above its position in pages, so memory stays bounded and a restart takes the same path. Rows go out `mandatory` when
 * the catalogue names a consumer, with several hundred of them unconfirmed at a time. A row counts as published only
 * when it is confirmed and was not returned (RabbitMQ sends basic.return before the ack). Returned and nacked rows are
 * tried again with back-off, and later rows of the same subject wait behind them. After a lost connection all rows
 * with open confirms are published again, same eventId; a confirm that takes over 30 s is a lost connection.
 *
 * Rows that somebody asked for (tern_nudge, tern_republish), and the recent log after the broker has lost a queue
 * (queue_markers.h), are republished beside the new ones, flagged and at a bounded rate. */
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

/* `service`, `queue_type` and the texts of the link are copied; everything else that is pointed to outlives the
 * publisher. */
struct tern_publisher_settings {
    struct tern_amqp_settings link; /* connection_name is chosen here: <service>-pub */
    const char *service;            /* producer of the rows, and name of the service's queue */
    const char *queue_type;         /* of the topology: quorum or classic */
    unsigned window;                /* unconfirmed publications, at most */
    const struct tern_catalogue *catalogue;
    struct tern_db *reader;         /* used on the publisher's thread only */
    struct tern_outbox_state start; /* as read from the store before the start */
    int64_t retry_base_ms;          /* first back-off of a returned row; it doubles */
    uint64_t seed;                  /* of the jitter; 0: the kernel's random numbers */
    int republish_per_s;            /* rows republished on request per second; 0: the usual 500 */
    struct tern_backlog *backlog;   /* counts what waits, and takes the progress */
    struct tern_links *links;       /* is told the state of the link */
    struct tern_fatal *fatal;       /* ends the process when the reader finds damage or a failing disk */
    /* Where a queue loss is recorded during a set-up (queue_loss.h). NULL: no markers are made, and no loss of a queue
     * is noticed. */
    struct tern_work_queue *queue;
    bool needs_queue;     /* sets up and sends only while tern_publisher_own says that the queue is ours */
    const char *store;    /* UUID of the store, for beacons (common/event/control.h); NULL: no beacons */
    int64_t republish_ms; /* how much of the log can be resent: beacons say so */
    int beacon_ms;        /* between two beacons; 0: the usual 10 s; -1: none */
    /* Gets returned and nacked events, one line a minute, but no reconnects: links.h logs those. May be NULL. */
    struct tern_log *log;
    struct tern_metrics *metrics; /* may be NULL */
};

int tern_publisher_create(const struct tern_publisher_settings *settings, struct tern_publisher **ret_publisher,
                          struct tern_error *err);
void tern_publisher_destroy(struct tern_publisher *publisher);
/* Starts its thread (16 MB stack). */
int tern_publisher_start(struct tern_publisher *publisher, struct tern_error *err);
/* Any thread: rows up to last_seq are committed. */
void tern_publisher_committed(struct tern_publisher *publisher, int64_t last_seq);
/* Any thread: whether the service owns its queue. */
void tern_publisher_own(struct tern_publisher *publisher, bool owned);
/* Any thread: requests to republish were committed. */
void tern_publisher_asked(struct tern_publisher *publisher);
/* Any thread: asks the producer of the type to resend these events. Best effort. */
void tern_publisher_ask(struct tern_publisher *publisher, const struct tern_resend *resend);
/* Drain: waits at most timeout_ms until everything committed is sent and answered. NULL is fine. */
void tern_publisher_flush(struct tern_publisher *publisher, int timeout_ms);
/* Any thread: for how long (ms, at least half a minute) the broker has confirmed nothing that waits; 0: no stall. */
int64_t tern_publisher_stalled_ms(const struct tern_publisher *publisher);
/* Closes the connection and joins the thread. NULL and twice are fine. */
void tern_publisher_stop(struct tern_publisher *publisher);
struct tern_amqp_link_state tern_publisher_state(const struct tern_publisher *publisher);

#endif
