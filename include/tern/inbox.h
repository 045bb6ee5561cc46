/* tern/inbox.h - what a service does about an event.
 *
 * The runtime calls a handler once for each eventId: it records handled events in the service's own store, in the
 * handler's transaction, and keeps them for 30 days of time online (a wall clock that is set changes nothing).
 * Payments and stock do not depend on that window: their rows carry UNIQUE keys for ever. */
#ifndef TERN_INBOX_H
#define TERN_INBOX_H

#include "tern/context.h"

/* A row of a service's table of handlers. A consumed type without a row is recorded as handled, and nothing else. */
struct tern_handler {
    const struct tern_event_type *type; /* of the catalogue; this service is one of its consumers */
    /* On the writer thread, inside the unit of work. `event` is the runtime's. */
    enum tern_outcome (*handle)(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err);
};

#endif
