/* tern/event_log.h - the append-only log of a service's events: audit trail, event store and outbox in one table.
 *
 * Rows are numbered 1.. over the whole log (`seq`), 1..n within a subject (`subject_version`, no gaps), and own ones
 * 1..n within their type (`number`, no gaps), by which a receiver knows what it has missed. A row is either emitted
 * (origin OWN: published to the broker) or appended foreign (origin FOREIGN: an event of another service that became
 * part of a subject's stream; never published).
 *
 * What was published is kept beside the rows, so that rows never change: every OWN row up to a position is confirmed
 * by the broker, except those in a list of returned ones. After a crash the rows above the position are published
 * again, and the inboxes drop what they know. Handlers append by tern/outbox.h; this header reads, on any connection
 * to the store. Logs nothing. */
#ifndef TERN_EVENT_LOG_H
#define TERN_EVENT_LOG_H

#include "tern/db.h"
#include "tern/event.h"

enum tern_origin { TERN_ORIGIN_FOREIGN = 0, TERN_ORIGIN_OWN = 1 };

/* A row as read. Texts are valid until the visitor returns. */
struct tern_log_row {
    int64_t seq, subject_version;
    int64_t logged_at_ms; /* UTC */
    int64_t number;       /* 0: a foreign event */
    enum tern_origin origin;
    const char *event_id, *type, *subject, *correlation_id, *causation_id, *traceparent;
    const char *body; /* the envelope as published, NUL-terminated */
    size_t body_length;
};
/* Called for each row. 0: go on; 1: stop; -1 with `err`. */
typedef int tern_log_visitor(void *self, const struct tern_log_row *row, struct tern_error *err);

/* Visits a subject's stream in order, after a version, at most `limit` rows. How many were visited, or -1. */
int tern_event_log_stream(struct tern_db *db, const char *subject, int64_t after_version, int limit,
                          tern_log_visitor *visit, void *self, struct tern_error *err);
/* The newest OWN row of a type in a subject's stream: 1 and its seq, 0 when there is none, -1. */
int tern_event_log_newest(struct tern_db *db, const char *subject, const char *type, int64_t *ret_seq,
                          struct tern_error *err);
/* Whether a row with this event id is in the subject's stream: 1, 0 or -1. */
int tern_event_log_has(struct tern_db *db, const char *subject, const char *event_id, struct tern_error *err);
/* Visits all rows in seq order, after a seq, at most `limit`: projections are rebuilt from it. How many, or -1. */
int tern_event_log_all(struct tern_db *db, int64_t after_seq, int limit, tern_log_visitor *visit, void *self,
                       struct tern_error *err);

#endif
