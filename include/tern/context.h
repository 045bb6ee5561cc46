/* tern/context.h - what a handler may use, and what it answers.
 *
 * One context per service, on its writer thread; the runtime fills it before each unit of work. A handler reads and
 * writes its own tables through `db`; it emits events (tern/outbox.h), adds jobs (tern/jobs.h) and sets timers
 * (tern/timers.h) in the same transaction. A handler never blocks, never calls the network, never begins or ends a
 * transaction. Lines logged through `log` appear only once the unit is committed. */
#ifndef TERN_CONTEXT_H
#define TERN_CONTEXT_H

#include "tern/catalogue.h"
#include "tern/clock.h"
#include "tern/config.h"
#include "tern/db.h"
#include "tern/event.h"
#include "tern/id.h"
#include "tern/log.h"
#include "tern/metrics.h"

/* What a handler answers: a closed list. */
enum tern_outcome {
    TERN_DONE,  /* commit */
    TERN_RETRY, /* failed for now: undo, and try again later with back-off */
    TERN_REJECT /* will never work: undo, and park the event with the reason in `err` */
};

/* Why a unit of work runs: the conversation that its events belong to. */
struct tern_conversation {
    char correlation_id[TERN_UUID_SIZE];     /* of the whole conversation */
    char causation_id[TERN_UUID_SIZE];       /* eventId of the event that caused it; "": none did */
    char traceparent[TERN_TRACEPARENT_SIZE]; /* W3C Trace Context */
};

/* Every pointer is the runtime's, and valid as long as the service runs. */
struct tern_context {
    struct tern_db *db; /* the service's store, inside the open transaction */
    const struct tern_clock *clock;
    struct tern_ids *ids;
    struct tern_log *log; /* keeps its lines until the commit; an undone unit leaves none */
    struct tern_metrics *metrics;
    const struct tern_config *config;
    const struct tern_catalogue *catalogue;
    const char *service; /* producer of the events emitted here */
    void *self;          /* the service's own state, from its `open` */

    struct tern_conversation conversation; /* of this unit */
    int64_t now_ms;                        /* UTC at the begin of the batch: one time for all that it writes */
    int64_t online_ms;                     /* time online: both links to the broker up, over all runs of the service */

    /* What the units of the open batch have done so far. The runtime's: read after the commit, reset before the
     * batch. */
    int64_t emitted;          /* events */
    int64_t last_seq;         /* of the newest row of the event log */
    int64_t jobs_added;       /* jobs */
    int64_t timers_set;       /* timers, and other changes of what is due */
    int64_t republished;      /* requests to republish */
    struct tern_text scratch; /* the envelope being written; owned */
    /* By type of the catalogue: the last number that this service has used, as the open transaction has it; 0: not
     * known, the log is read. Forgotten whenever something is undone, so that no number is left out. */
    int64_t numbers[TERN_TYPES_MAX];
};

/* A command: runs on the writer thread inside the next transaction, in a savepoint of its own. DONE commits it; REJECT
 * and RETRY undo it, and the command says why in its own argument or in `err`. */
typedef enum tern_outcome tern_command(struct tern_context *ctx, void *argument, struct tern_error *err);

enum tern_command_result {
    TERN_COMMITTED,  /* on disk */
    TERN_REFUSED,    /* the command undid itself: its argument or `err` says why; nothing was changed */
    TERN_UNAVAILABLE /* store full, backlog full, draining, or not begun within 5 s: nothing was changed; 503 */
};

#endif
