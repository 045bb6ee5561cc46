/* log_store.h - the library's half of the event log: appending, and the outbox beside the rows.
 *
 * The outbox is one position, the list of returned rows, and the list of rows to republish (tern/event_log.h). All
 * calls run on the caller's connection, the writing ones inside its transaction. Unless said otherwise they answer 0
 * or -1 with `err`. A seq is a row's place in the whole log, a number its place among the OWN rows of its type. Logs
 * nothing. */
#ifndef TERN_OUTBOX_LOG_STORE_H
#define TERN_OUTBOX_LOG_STORE_H

#include "common/event/event_message.h"
#include "tern/event_log.h"

/* When a row is written. */
struct tern_log_time {
    int64_t wall_ms;   /* UTC */
    int64_t online_ms; /* the service's time online over all its runs */
};
/* An inbox forgets an event id after TERN_INBOX_DAYS of time online. Rows close to that age are never published again:
 * they would take effect twice. */
#define TERN_REPUBLISH_MOST_MS (INT64_C(86400000) * (TERN_INBOX_DAYS - 2))

/* ---- appending and reading ---- */

/* Appends a row with `body` as its envelope. An OWN row gets event->number, which must be the next of its type; 0: the
 * next one is looked up. Refuses bodies over TERN_EVENT_MAX_BYTES. */
int tern_event_log_append(struct tern_db *db, const struct tern_event *event, enum tern_origin origin, const char *body,
                          size_t body_length, struct tern_log_time at, int64_t *ret_seq, int64_t *ret_subject_version,
                          struct tern_error *err);
/* OWN rows with after < seq <= through (through < 0: no bound), ascending, at most `limit`. */
int tern_event_log_own(struct tern_db *db, int64_t after_seq, int64_t through_seq, int limit, tern_log_visitor *visit,
                       void *self, struct tern_error *err);
/* OWN rows with this causation id: the answers that a nudge asks for. */
int tern_event_log_caused(struct tern_db *db, const char *causation_id, tern_log_visitor *visit, void *self,
                          struct tern_error *err);
/* OWN rows of a type with from <= number <= to, ascending. */
int tern_event_log_numbered(struct tern_db *db, const char *type, int64_t from, int64_t to, tern_log_visitor *visit,
                            void *self, struct tern_error *err);
/* The highest number of an OWN row of a type up to a seq, 0 when there is none. */
int tern_event_log_number_through(struct tern_db *db, const char *type, int64_t through_seq, int64_t *ret_number,
                                  struct tern_error *err);
/* The number of the newest OWN row of a type, 0 when there is none. */
int tern_event_log_last_number(struct tern_db *db, const char *type, int64_t *ret_number, struct tern_error *err);
/* Where the part of the log that can be republished begins: rows after `ret_after_seq` were written at most window_ms
 * before the newest OWN row up to through_seq, and not before earliest_ms, all in online time. A window of 0, or no
 * OWN row: through_seq, which is nothing. */
int tern_event_log_window(struct tern_db *db, int64_t window_ms, int64_t earliest_ms, int64_t through_seq,
                          int64_t *ret_after_seq, struct tern_error *err);

/* Where the rows begin that were logged at `since_ms` (UTC) or later: after `ret_after_seq`. Found by halves, which
 * holds as long as the clock was not set back in between. */
int tern_event_log_since(struct tern_db *db, int64_t since_ms, int64_t through_seq, int64_t *ret_after_seq,
                         struct tern_error *err);

/* ---- the outbox: position and returned rows ---- */

struct tern_outbox_state {
    int64_t confirmed_through; /* every OWN row up to this seq is confirmed or returned */
    int64_t last_seq;          /* newest row of the log */
    int64_t pending;           /* OWN rows without a confirm, returned ones included */
    int64_t oldest_at_ms;      /* UTC: when the oldest of them was written; 0 when there is none */
};
/* Counts all rows above the position: for the start and for people, not for every batch. */
int tern_outbox_state(struct tern_db *db, struct tern_outbox_state *ret_state, struct tern_error *err);
/* oldest_at_ms alone: two index lookups. */
int tern_outbox_oldest(struct tern_db *db, int64_t *ret_at_ms, struct tern_error *err);
/* How far a beacon may speak: every OWN row up to here is confirmed, and none of them returned. */
int tern_outbox_confirmed(struct tern_db *db, int64_t *ret_through_seq, struct tern_error *err);
/* Moves the position forward; never back. */
int tern_outbox_advance(struct tern_db *db, int64_t confirmed_through, struct tern_error *err);
/* Notes a row that the broker returned or refused, to be tried at next_try_ms (UTC). Each call counts an attempt. */
int tern_outbox_return(struct tern_db *db, int64_t seq, const char *subject, const char *reason, int64_t next_try_ms,
                       struct tern_error *err);
/* The broker confirmed a returned row. */
int tern_outbox_end_return(struct tern_db *db, int64_t seq, struct tern_error *err);
struct tern_outbox_returned {
    int64_t seq, attempts, next_try_ms;
    char subject[TERN_ID_SIZE];
};
/* Returned rows in seq order, at most `limit`. How many, or -1. */
int tern_outbox_returned(struct tern_db *db, struct tern_outbox_returned *ret_rows, int limit, struct tern_error *err);

/* ---- the outbox: rows to republish ---- */

/* A row to be published once more although it was confirmed: a list in order of request. A row that is requested again
 * while it is in the list moves to its end under a new id: at its old place it may have been sent already, and would
 * be removed together with the requests before it. */
struct tern_outbox_request {
    int64_t id; /* ascending in order of request */
    int64_t seq;
    bool republished; /* somebody missed the event itself; false: a nudge, which asks for its answers */
};
/* A row requested in both ways goes out as a nudge. */
int tern_outbox_request_add(struct tern_db *db, int64_t seq, bool republished, struct tern_error *err);
int tern_outbox_request_count(struct tern_db *db, int64_t *ret_count, struct tern_error *err);
/* Requests after an id, at most `limit`. How many, or -1. */
int tern_outbox_request_list(struct tern_db *db, int64_t after_id, struct tern_outbox_request *ret_rows, int limit,
                             struct tern_error *err);
/* Removes the requests up to `through_id`: the broker has confirmed them. */
int tern_outbox_request_done(struct tern_db *db, int64_t through_id, struct tern_error *err);

#endif
