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

#endif
