/* tern/context.h - what a handler may use, and how it says that something happened.
 *
 * One context per service on its writer thread; the runtime fills it before each unit of work. A handler reads and
 * writes its own tables through `db`, and says what happened with tern_emit: the event is appended to the event
 * log in the same transaction and published after the commit. A handler never blocks, never calls the network,
 * never begins or ends a transaction. Lines logged through `log` appear only when the unit was committed. */
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
    int64_t said_again;
    struct tern_text scratch; /* envelope being written */
    /* The last number of each type of the catalogue that this service emits, as the open transaction has it; 0: not known, the
     * log is asked. Forgotten whenever something is undone, so that no number is left out. */
    int64_t numbers[TERN_TYPES_MAX];
};

/* What was emitted, for callers that want it (the order's fold). */
struct tern_emitted {
    struct tern_event event; /* header fields; no data, no body */
    int64_t seq, subject_version;
};

/* Appends an event of this service about `subject` with `data_json` (an object). The type must be in the catalogue with this
 * service as its producer. `ret_emitted` may be NULL. */
int tern_emit(struct tern_context *ctx, const char *type, const char *subject, const char *data_json,
              struct tern_emitted *ret_emitted, struct tern_error *err);
/* Something was undone: what was counted may be no more. */
void tern_context_forget_numbers(struct tern_context *ctx);
/* Makes a foreign event part of its subject's stream (never published). Returns its subject_version in
 * `ret_subject_version` (may be NULL). */
int tern_take_in(struct tern_context *ctx, const struct tern_event *event, int64_t *ret_subject_version,
                 struct tern_error *err);
/* Asks for an own row of the event log to be published once more: same eventId, header x-tern-nudge, after the commit,
 * at least once, without holding up anything new. Whoever has handled it says again what it caused. */
int tern_say_again(struct tern_context *ctx, int64_t seq, struct tern_error *err);
/* The same for an event that somebody has missed: flagged as republished, nobody answers it. */
int tern_republish(struct tern_context *ctx, int64_t seq, struct tern_error *err);
/* Sets a durable timer (tern/timers.h) that is due delay_ms after the unit's begin, and lets the writer know: what
 * tern_timer_set alone does not. The same kind and key again moves it. */
int tern_timer_arm(struct tern_context *ctx, const char *kind, const char *key, int64_t delay_ms, const char *payload,
                   struct tern_error *err);

#endif
