/* tern/inbox.h - what a service does about an event, and which events it has handled already.
 *
 * One row per eventId in the service's own store, kept for a stated window (30 days of the time with a broker,
 * whatever somebody does to the clock; purged in small steps); money and stock do not lean on it: their rows carry UNIQUE keys for ever. Runs inside the caller's transaction, on the
 * writer thread. Logs nothing. */
#ifndef TERN_INBOX_H
#define TERN_INBOX_H

#include "tern/context.h"

/* What the service does about an event it consumes. Events without a row here are recorded and done. */
struct tern_handler {
    const struct tern_event_type *type;
    enum tern_outcome (*handle)(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err);
};

/* Records an event as handled. Returns 1 when it is new, 0 when it was handled before, and -1 with `err` when the
 * store failed; then nothing is recorded. */
int tern_inbox_add(struct tern_db *db, const char *event_id, int64_t online_ms, struct tern_error *err);
/* 1 when it was handled, 0 when not, -1. */
int tern_inbox_has(struct tern_db *db, const char *event_id, struct tern_error *err);
/* Forgets at most `limit` rows handled before `before_online_ms`. Returns how many, or -1. */
int tern_inbox_purge(struct tern_db *db, int64_t before_online_ms, int limit, struct tern_error *err);

#endif
