/* publish_progress.h - carries the broker's confirms from the publisher's thread to the writer's.
 *
 * One report behind a mutex, which grows until it is taken. The publisher adds to it after each round and learns
 * whether to announce it; the writer takes all of it; a draining service waits here until the publisher is idle. */
#ifndef TERN_OUTBOX_PUBLISH_PROGRESS_H
#define TERN_OUTBOX_PUBLISH_PROGRESS_H

#include "common/base/sync.h"
#include "log_store.h"

#include <stdatomic.h>

struct tern_amqp;

/* The news for the writer since it took them last. */
enum { TERN_PROGRESS_RETURNS = 64 };
struct tern_publish_return {
    int64_t seq;
    int64_t next_try_ms; /* UTC; 0: the broker has confirmed this returned row */
    char subject[TERN_ID_SIZE];
    char reason[16]; /* return, nack, behind */
};
struct tern_publish_progress {
    int64_t confirmed_through; /* every OWN row up to here is confirmed, or returned by this or an earlier report */
    int64_t confirmed;         /* number of rows confirmed since the last take */
    int64_t republish_id;      /* range of a queue loss with progress; 0: none */
    int64_t republished;       /* rows of that range up to this seq are republished and confirmed */
    int64_t again_done;        /* requests up to this id of republish_request are confirmed; 0: no news */
    size_t return_count;
    struct tern_publish_return returns[TERN_PROGRESS_RETURNS]; /* returned rows whose state changed */
};

struct publish_progress {
    struct tern_sync sync; /* guards the rest; signals that the publisher became idle */
    struct tern_publish_progress report;
    bool waits;             /* there is something to take */
    bool announced;         /* the writer was woken for it */
    bool idle;              /* no publication is without an answer */
    int64_t idle_through;   /* a seq: every committed row up to here was read */
    bool more;              /* the publisher has more returned rows than the report has room for */
    struct tern_amqp *link; /* woken by a take when there is more; the publisher's */
};

/* Begins with `confirmed_through` of the store. */
void tern_publish_progress_init(struct publish_progress *progress, int64_t confirmed_through);
void tern_publish_progress_fini(struct publish_progress *progress);
/* Publisher's thread: the report, to be added to; locked until tern_publish_progress_close. */
struct tern_publish_progress *tern_publish_progress_open(struct publish_progress *progress);
/* Whether something was `added`, whether there is `more` than fitted, how many publications are `open`, and the seq up to
 * which the log was read. True when the writer has to be woken: once for each take. */
bool tern_publish_progress_close(struct publish_progress *progress, bool added, bool more, size_t open,
                                 int64_t read_through);
/* Writer thread: true with the report, whose differences start at 0 again. False: there was no news. */
bool tern_publish_progress_take(struct publish_progress *progress, struct tern_publish_progress *ret_report);
/* Any thread: waits until everything committed was read and answered; at most timeout_ms, and only while connected. */
void tern_publish_progress_await_idle(struct publish_progress *progress, const atomic_int_fast64_t *committed,
                                      const atomic_bool *connected, int timeout_ms);
/* Writes a report that was taken into the store, inside the caller's transaction. */
int tern_publish_progress_record(struct tern_db *db, const struct tern_publish_progress *report,
                                 struct tern_error *err);

#endif
