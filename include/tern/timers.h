/* tern/timers.h - durable timers: rows that say when something is to be done in a transaction of the writer.
 *
 * A timer has a kind (which function), a key (which thing) and a due time in wall milliseconds; setting the same
 * kind and key again moves it. Fired exactly once per commit: the row is removed in the transaction in which its
 * function runs. Runs inside the caller's transaction, on the writer thread. */
#ifndef TERN_TIMERS_H
#define TERN_TIMERS_H

#include "tern/context.h"
#include "tern/schema.h"

struct tern_timer {
    char kind[32];
    char key[TERN_ID_SIZE];
    int64_t due_ms;
    char payload[256]; /* a small JSON text of the owner's, or "" */
};

struct tern_timer_kind {
    const char *name; /* NULL ends a table */
    enum tern_outcome (*fire)(struct tern_context *ctx, const struct tern_timer *timer, struct tern_error *err);
};

/* Sets a timer that is due delay_ms after the unit's begin, and lets the writer know: what tern_timer_set alone does not. The
 * same kind and key again moves it. */
int tern_timer_arm(struct tern_context *ctx, const char *kind, const char *key, int64_t delay_ms, const char *payload,
                   struct tern_error *err);
/* Sets a timer without a payload unless one of this kind and key is there. 0, or -1. For the start of a service: it does
 * not wake the writer. */
int tern_timer_set_missing(struct tern_db *db, const char *kind, const char *key, int64_t due_ms,
                           struct tern_error *err);
/* Moves each timer of this kind that is due after `latest_ms` to that time. 0, or -1. For the start of a service. */
int tern_timer_pull_in(struct tern_db *db, const char *kind, int64_t latest_ms, struct tern_error *err);
/* Returns the number of timers removed (0 or 1), or -1. */
int tern_timer_clear(struct tern_db *db, const char *kind, const char *key, struct tern_error *err);
#endif
