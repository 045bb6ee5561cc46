/* tern/outbox.h - how a handler emits events, and makes foreign events part of a stream.
 *
 * Both are rows of the event log (tern/event_log.h), appended in the transaction of the unit of work and published after its
 * commit. Writer thread, inside a unit of work. */
#ifndef TERN_OUTBOX_H
#define TERN_OUTBOX_H

#include "tern/context.h"

/* What was emitted, for callers that want it (the order's fold). */
struct tern_emitted {
    struct tern_event event; /* header fields; no data, no body */
    int64_t seq, subject_version;
};

/* Appends an event of this service about `subject` with `data_json` (an object). The type must be in the catalogue with this
 * service as its producer. `ret_emitted` may be NULL. */
int tern_emit(struct tern_context *ctx, const char *type, const char *subject, const char *data_json,
              struct tern_emitted *ret_emitted, struct tern_error *err);
/* Makes a foreign event part of its subject's stream (never published). Returns its subject_version in
 * `ret_subject_version` (may be NULL). */
int tern_append_foreign(struct tern_context *ctx, const struct tern_event *event, int64_t *ret_subject_version,
                        struct tern_error *err);
/* Asks for an own row of the event log to be published once more: same eventId, header x-tern-nudge, after the commit,
 * at least once, without holding up anything new. Whoever has handled it republishes what it caused. */
int tern_nudge(struct tern_context *ctx, int64_t seq, struct tern_error *err);
/* The same for an event that somebody has missed: flagged as republished, nobody answers it. */
int tern_republish(struct tern_context *ctx, int64_t seq, struct tern_error *err);

#endif
