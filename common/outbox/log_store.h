/* log_store.h - the library's half of the event log: appending, and the rows that are to be published. */
#ifndef TERN_OUTBOX_LOG_STORE_H
#define TERN_OUTBOX_LOG_STORE_H

#include "common/event/event_message.h"
#include "tern/event_log.h"

/* When a row is written. */
struct tern_log_time {
    int64_t wall_ms;   /* UTC */
    int64_t online_ms; /* how long the service had been connected to the broker, in all its runs */
};
/* An inbox forgets what is TERN_INBOX_DAYS old: rows close to that age are never published again. */
#define TERN_REPUBLISH_MOST_MS (INT64_C(86400000) * (TERN_INBOX_DAYS - 2))

/* Appends. `body` is the envelope. An OWN row has event->number, which must be the next of its type; 0: it is looked
 * up. Refuses bodies over TERN_EVENT_MAX_BYTES. Returns 0 and the row's numbers. */
int tern_event_log_append(struct tern_db *db, const struct tern_event *event, enum tern_origin origin, const char *body,
                          size_t body_length, struct tern_log_time at, int64_t *ret_seq, int64_t *ret_subject_version,
                          struct tern_error *err);
/* OWN rows with after < seq <= through (through < 0: no bound), ascending, at most `limit`. */
int tern_event_log_own(struct tern_db *db, int64_t after_seq, int64_t through_seq, int limit, tern_log_visitor *visit,
                       void *self, struct tern_error *err);
/* OWN rows that `causation_id` caused: what a nudge asks for. */
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
/* What can be published again: the rows after the seq that is returned, written at most window_ms before the newest
 * OWN row up to through_seq and not before earliest_ms, all in online time. A window of 0, or no OWN row:
 * through_seq. */
int tern_event_log_window(struct tern_db *db, int64_t window_ms, int64_t earliest_ms, int64_t through_seq,
                          int64_t *ret_after_seq, struct tern_error *err);
/* The outbox half. */
struct tern_outbox_state {
    int64_t confirmed_through; /* every OWN row with seq <= mark is confirmed or returned */
    int64_t last_seq;          /* newest row of the log */
    int64_t pending;           /* OWN rows not confirmed, returned ones included */
    int64_t oldest_at_ms;      /* logged_at of the oldest of them, 0 when none */
};
int tern_outbox_state(struct tern_db *db, struct tern_outbox_state *ret_state, struct tern_error *err);
/* Only oldest_at_ms, without counting. */
int tern_outbox_oldest(struct tern_db *db, int64_t *ret_at_ms, struct tern_error *err);
/* What a beacon may speak of: every OWN row up to here is confirmed, none is returned. */
int tern_outbox_confirmed(struct tern_db *db, int64_t *ret_through_seq, struct tern_error *err);
int tern_outbox_advance(struct tern_db *db, int64_t confirmed_through, struct tern_error *err);
/* A row that came back (return, nack): returned until next_try_ms, its attempts counted. Again for the same seq:
 * updated. */
int tern_outbox_return(struct tern_db *db, int64_t seq, const char *subject, const char *reason, int64_t next_try_ms,
                       struct tern_error *err);
/* The broker confirmed a returned row. */
int tern_outbox_end_return(struct tern_db *db, int64_t seq, struct tern_error *err);
struct tern_outbox_returned {
    int64_t seq, attempts, next_try_ms;
    char subject[TERN_ID_SIZE];
};
/* Returned rows in seq order, at most `limit`. Returns how many, or -1. */
int tern_outbox_returned(struct tern_db *db, struct tern_outbox_returned *ret_deferred, int limit,
                         struct tern_error *err);

/* Rows that are to be published once more, whatever was confirmed: a list beside the position, in order of asking. Asked
 * for again while it is still in the list, a row moves to its end: where it stood it may have been sent already, and
 * would be removed with what was asked for before. */
struct tern_outbox_request {
    int64_t id, seq;
    bool republished; /* nobody is asked for an answer: somebody has missed the event itself */
};
/* Asked for in both ways, a row goes out as what asks for answers. */
int tern_outbox_request_add(struct tern_db *db, int64_t seq, bool republished, struct tern_error *err);
int tern_outbox_request_count(struct tern_db *db, int64_t *ret_count, struct tern_error *err);
/* Those after an id, at most `limit`. Returns how many, or -1. */
int tern_outbox_request_list(struct tern_db *db, int64_t after_id, struct tern_outbox_request *ret_rows, int limit,
                             struct tern_error *err);
/* Everything up to `through_id` is confirmed. */
int tern_outbox_request_done(struct tern_db *db, int64_t through_id, struct tern_error *err);

#endif
