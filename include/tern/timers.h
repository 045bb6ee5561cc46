/* tern/timers.h - durable timers: rows that say when something is to be done in a transaction of the writer.
 *
 * A timer has a kind (which function), a key (about what) and a due time; setting the same kind and key again moves
 * it. It fires once: its row is removed in the transaction in which its function runs. When the wall clock is set,
 * timers stay as far away as they were. All calls run inside the caller's transaction, on the writer thread. */
#ifndef TERN_TIMERS_H
#define TERN_TIMERS_H

#include "tern/context.h"
#include "tern/schema.h"

struct tern_timer {
    char kind[32];
    char key[TERN_ID_SIZE];
    int64_t due_ms;    /* UTC */
    char payload[256]; /* a small text of the service's, or "" */
};

struct tern_timer_kind {
    const char *name; /* NULL ends a table */
    /* On the writer thread, in a unit of work of its own. Anything but DONE: undone, and it fires again after a
     * back-off. */
    enum tern_outcome (*fire)(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err);
};

/* Sets a timer that is due delay_ms after the unit's begin, or moves it. `payload` may be NULL. 0, or -1; a text that
 * does not fit is an error too. */
int tern_timer_arm(struct tern_context *ctx, const char *kind, const char *key, int64_t delay_ms, const char *payload,
                   struct tern_error *err);
/* Sets a timer without a payload, unless one of this kind and key is there; due_ms is UTC. 0 or -1. For the start of a
 * service (`prepare`): the writer does not learn of it. */
int tern_timer_set_missing(struct tern_db *db, const char *kind, const char *key, int64_t due_ms,
                           struct tern_error *err);
/* Moves every timer of this kind that is due after `latest_ms` (UTC) to that time. 0 or -1. For the start of a
 * service. */
int tern_timer_pull_in(struct tern_db *db, const char *kind, int64_t latest_ms, struct tern_error *err);
/* Removes a timer. How many there were (0 or 1), or -1. */
int tern_timer_clear(struct tern_db *db, const char *kind, const char *key, struct tern_error *err);

#endif
