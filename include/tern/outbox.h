/* tern/outbox.h - how a handler emits events, and makes foreign events part of a stream.
 *
 * Both are rows of the event log (tern/event_log.h), appended in the transaction of the unit of work. Own events are
 * published after its commit, in order, until the broker has confirmed them. Writer thread, inside a unit of work. All
 * calls answer 0, or -1 with `err` when the store failed: then the handler answers RETRY. */
#ifndef TERN_OUTBOX_H
#define TERN_OUTBOX_H

#include "tern/context.h"

/* What was emitted, for a caller that folds its own events at once. */
struct tern_emitted {
    struct tern_event event; /* the envelope's fields; no data, no body: nothing to free */
    int64_t seq;             /* place in the whole log */
    int64_t subject_version; /* place in the subject's stream: 1, 2, ... */
};

/* Appends an event of this service about `subject`, with `data_json` (a JSON object) as its data. The catalogue must
 * have the type with this service as its producer; anything else stops the process. `ret_emitted` may be NULL. */
int tern_emit(struct tern_context *ctx, const char *type, const char *subject, const char *data_json,
              struct tern_emitted *ret_emitted, struct tern_error *err);
/* The same in another version of the type that the catalogue's upcasters lift, for a time in which not every consumer
 * reads the newest. */
int tern_emit_version(struct tern_context *ctx, const char *type, const char *version, const char *subject,
                      const char *data_json, struct tern_emitted *ret_emitted, struct tern_error *err);
/* Makes a foreign event, with the body that it came with, part of its subject's stream; it is never published.
 * `ret_subject_version` may be NULL. */
int tern_append_foreign(struct tern_context *ctx, const struct tern_event *event, int64_t *ret_subject_version,
                        struct tern_error *err);
/* Publishes an own row of the event log once more, after the commit: same eventId, header x-tern-nudge, at least once,
 * without delaying new events. A consumer that has handled it republishes what it caused. For an answer that is
 * late. */
int tern_nudge(struct tern_context *ctx, int64_t seq, struct tern_error *err);
/* The same for an event that a consumer has missed: flagged as republished, and nobody answers it. */
int tern_republish(struct tern_context *ctx, int64_t seq, struct tern_error *err);

#endif
