/* deferred.h - messages that could not be handled yet: waiting for their next try, behind an earlier one, or parked.
 *
 * They live in the service's own store with their bytes, so the broker's queue never blocks and nothing is lost. Order
 * per subject is kept: while one message of a subject is here, later ones of that subject wait behind it; other
 * subjects flow on. A parked message waits for a person, and so does everything behind it. Unreadable messages have no
 * subject and hold up nothing. Runs inside the caller's transaction, on the writer thread. */
#ifndef TERN_INBOX_DEFERRED_H
#define TERN_INBOX_DEFERRED_H

#include "tern/db.h"
#include "tern/event.h"

enum tern_deferred_state {
    TERN_DEFERRED_RETRY = 0,  /* tried again at next_try */
    TERN_DEFERRED_BEHIND = 1, /* waits for an earlier message of its subject */
    TERN_DEFERRED_PARKED = 2  /* waits for a person */
};

/* Why a message was parked: stored, a metric's label, and shown in the admin API. */
#define TERN_PARKED_MALFORMED       "malformed"
#define TERN_PARKED_OVERSIZED       "oversized"
#define TERN_PARKED_UNKNOWN_TYPE    "unknown_type"
#define TERN_PARKED_UNKNOWN_VERSION "unknown_version"
#define TERN_PARKED_REJECTED        "rejected"
#define TERN_PARKED_EXHAUSTED       "attempts_exhausted"

struct tern_deferred {
    int64_t position;              /* order of arrival; the row's key */
    char event_id[TERN_UUID_SIZE]; /* "" when it could not be read */
    char type[TERN_TYPE_SIZE];
    char subject[TERN_ID_SIZE]; /* "" when unknown */
    enum tern_deferred_state state;
    int64_t attempts;    /* begun so far, whatever became of them */
    int64_t next_try_ms; /* UTC; of TERN_DEFERRED_RETRY */
    int64_t first_at_ms; /* UTC: when it came here */
    int64_t last_at_ms;  /* UTC: its last attempt, or when it was parked */
    char reason[32];     /* TERN_PARKED_*, or "retry" */
    char error[240];     /* the sentence of the last failure */
    char traceparent[TERN_TRACEPARENT_SIZE];
    char *body; /* as it came, NUL-terminated; owned once read: tern_deferred_fini */
    size_t body_length;
};
void tern_deferred_fini(struct tern_deferred *deferred);

/* Keeps a message, whose body stays the caller's; sets `deferred->position`. 1; 0 when this event id is kept already;
 * -1. */
int tern_deferred_add(struct tern_db *db, struct tern_deferred *deferred, struct tern_error *err);
/* 1 when the message at this position is still kept, 0 when it is gone, -1. */
int tern_deferred_is_kept(struct tern_db *db, int64_t position, struct tern_error *err);
/* 1 when one of the newest messages without an event id has the same bytes, 0, -1. */
int tern_deferred_has_raw(struct tern_db *db, const void *body, size_t length, struct tern_error *err);
/* 1 when some message of this subject is here, 0 when none ("" never is), -1. */
int tern_deferred_has_subject(struct tern_db *db, const char *subject, struct tern_error *err);
/* How many there are of each state, by enum tern_deferred_state. Walks the table. */
int tern_deferred_count(struct tern_db *db, int64_t ret_counts[3], struct tern_error *err);
/* The earliest next_try of all RETRY rows: 1 and the time, 0 when none, -1. */
int tern_deferred_next_due(struct tern_db *db, int64_t *ret_next_try_ms, struct tern_error *err);
/* The next RETRY row that is due, oldest next_try first: 1 with `ret_deferred` filled, 0 when none, -1. */
int tern_deferred_take_due(struct tern_db *db, int64_t now_ms, struct tern_deferred *ret_deferred,
                           struct tern_error *err);
/* Counts an attempt before it is made; next_try_ms is for the case that the process dies in it. */
int tern_deferred_attempt(struct tern_db *db, int64_t position, int64_t now_ms, int64_t next_try_ms,
                          struct tern_error *err);
/* It failed for now: due again at next_try_ms. */
int tern_deferred_retry(struct tern_db *db, int64_t position, int64_t next_try_ms, const char *error,
                        struct tern_error *err);
int tern_deferred_park(struct tern_db *db, int64_t position, const char *reason, const char *error, int64_t now_ms,
                       struct tern_error *err);
/* Handled: removes it; the next one of its subject, if any, becomes due at now_ms. 1 when one did, 0, -1. */
int tern_deferred_remove(struct tern_db *db, int64_t position, const char *subject, int64_t now_ms,
                         struct tern_error *err);
/* The wall clock jumped by by_ms: every next try stays as far away as it was. */
int tern_deferred_shift(struct tern_db *db, int64_t by_ms, struct tern_error *err);
/* No next try is later than latest_ms. */
int tern_deferred_pull_in(struct tern_db *db, int64_t latest_ms, struct tern_error *err);

#endif
