/* tern/event_log.h - the append-only log of a service's events: audit trail, event store and outbox in one table.
 *
 * Rows are numbered 1.. over the whole log (`seq`), 1..n per subject (`subject_version`, no gaps), and own ones 1..n
 * per type (`number`, no gaps): by these a receiver knows what it has missed. A row is either emitted (origin OWN:
 * published to the broker) or taken in (origin TAKEN: a foreign event that became part of a subject's stream; never
 * published). What is published is kept beside the rows, so that rows never change: every OWN row up to the position is
 * confirmed by the broker, except those in the list of returned ones (returned or nacked, with their next try). After a
 * crash the rows above the position are published again; the inboxes drop what they have seen. All calls run on the
 * caller's connection; the writing ones inside its transaction. Logs nothing. */
#ifndef TERN_EVENT_LOG_H
#define TERN_EVENT_LOG_H

#include "tern/db.h"
#include "tern/event.h"

enum tern_origin { TERN_ORIGIN_FOREIGN = 0, TERN_ORIGIN_OWN = 1 };

/* A row as read. Texts live until the visitor returns. */
struct tern_log_row {
    int64_t seq, subject_version, logged_at_ms;
    int64_t number; /* 0: a foreign event */
    enum tern_origin origin;
    const char *event_id, *type, *subject, *correlation_id, *causation_id, *traceparent;
    const char *body; /* the envelope, NUL-terminated */
    size_t body_length;
};
/* Returns 0 to go on, 1 to stop, -1 with `err`. */
typedef int tern_log_visitor(void *self, const struct tern_log_row *row, struct tern_error *err);

/* A subject's stream in order, after a version, at most `limit` rows. Returns the number of rows visited or -1. */
int tern_event_log_stream(struct tern_db *db, const char *subject, int64_t after_version, int limit,
                          tern_log_visitor *visit, void *self, struct tern_error *err);
/* The newest OWN row of a type in a subject's stream: 1 and its seq, 0 when there is none, -1. */
int tern_event_log_newest(struct tern_db *db, const char *subject, const char *type, int64_t *ret_seq,
                          struct tern_error *err);
/* Whether a row with this event id is in the subject's stream: 1, 0 or -1. */
int tern_event_log_has(struct tern_db *db, const char *subject, const char *event_id, struct tern_error *err);
/* Every row in seq order after a seq (projections are rebuilt from it), at most `limit`. */
int tern_event_log_all(struct tern_db *db, int64_t after_seq, int limit, tern_log_visitor *visit, void *self,
                       struct tern_error *err);

#endif
