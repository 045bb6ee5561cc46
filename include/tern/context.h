/* tern/context.h - what a handler may use, and what it answers.
 *
 * One context per service on its writer thread; the runtime fills it before each unit of work. A handler reads and
 * writes its own tables through `db`, and emits events (tern/outbox.h), adds jobs (tern/jobs.h) and sets timers
 * (tern/timers.h) in the same transaction. A handler never blocks, never calls the network, never begins or ends a
 * transaction. Lines logged through `log` appear only when the unit was committed. */
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
    TERN_RETRY, /* something passing: undo, try again later */
    TERN_REJECT /* will never work: undo, park it with the reason in `err` */
};

/* Why a unit of work runs: the conversation that its events belong to. */
struct tern_conversation {
    char correlation_id[TERN_UUID_SIZE];
    char causation_id[TERN_UUID_SIZE]; /* "" when no event caused it */
    char traceparent[TERN_TRACEPARENT_SIZE];
};

struct tern_context {
    struct tern_db *db;
    const struct tern_clock *clock;
    struct tern_ids *ids;
    struct tern_log *log;
    struct tern_metrics *metrics;
    const struct tern_config *config;
    const struct tern_catalogue *catalogue;
    const char *service; /* producer of what is emitted */
    void *self;          /* the service's own state */

    struct tern_conversation conversation; /* of this unit */
    int64_t now_ms;                        /* wall time at the unit's begin: one time for all it writes */
    int64_t online_ms;                     /* how long the service has been connected to the broker, in all its runs */

    /* What the unit has done so far; read by the runtime after it, reset before. */
    int64_t emitted;
    int64_t last_seq; /* of the newest row of the event log */
    int64_t jobs_added;
    int64_t timers_set;
    int64_t republished;
    struct tern_text scratch; /* envelope being written */
    /* The last number of each type of the catalogue that this service emits, as the open transaction has it; 0: not known, the
     * log is asked. Forgotten whenever something is undone, so that no number is left out. */
    int64_t numbers[TERN_TYPES_MAX];
};

/* A command: runs on the writer thread inside the next transaction, in a savepoint of its own. DONE commits; REJECT and RETRY
 * undo it (the command says why in its own argument, or in `err`). */
typedef enum tern_outcome tern_command(struct tern_context *ctx, void *argument, struct tern_error *err);

enum tern_command_result {
    TERN_COMMITTED,  /* on disk */
    TERN_REFUSED,    /* the command undid itself: its argument or `err` says why; nothing was changed */
    TERN_UNAVAILABLE /* store full, backlog full, draining, or not begun within 5 s: nothing was changed; 503 */
};

#endif
