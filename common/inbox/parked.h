/* parked.h - what people may do about deferred messages: look, try again, discard; each act leaves an audit row.
 *
 * Looking works on any connection. Acting runs inside the caller's transaction on the writer thread, and only on a
 * message that is PARKED: any other may be under way. A message that is tried again keeps its place, eventId and
 * reason, and starts without attempts. A discarded one is noted in the inbox, so that no repetition brings it back;
 * the next of its subject becomes due. Messages are named by eventId; those without one by "raw-<position>", which is
 * never used twice. */
#ifndef TERN_INBOX_PARKED_H
#define TERN_INBOX_PARKED_H

#include "deferred.h"

enum { TERN_PARKED_NAME_SIZE = 40, TERN_PARKED_ANY_STATE = -1 };

/* Which messages. {.state = TERN_PARKED_ANY_STATE}: all that are deferred. */
struct tern_parked_filter {
    const char *type, *subject, *reason; /* NULL: any */
    int state;                           /* enum tern_deferred_state, or any */
    int64_t before_ms, since_ms;         /* UTC: when it came here; 0: any time */
};

/* Who acts, and when; for the audit. */
struct tern_parked_caller {
    int64_t now_ms;                  /* UTC */
    int64_t online_ms;               /* time online */
    const char *request_id, *remote; /* of the HTTP request; "" when unknown */
};

enum tern_parked_result {
    TERN_PARKED_NONE = 0,   /* no such message */
    TERN_PARKED_DONE = 1,   /* done, and in the audit */
    TERN_PARKED_REFUSED = 2 /* it is not parked: nothing changed but the audit */
};

/* A row of the audit. */
struct tern_parked_act {
    int64_t at_ms;   /* UTC */
    char action[16]; /* retry, discard */
    char result[16]; /* done, refused */
    char request_id[72], remote[64];
};

/* eventId, or raw-<position>. */
void tern_parked_name(const struct tern_deferred *deferred, char name[TERN_PARKED_NAME_SIZE]);

/* Visits at most `limit` deferred messages after `position` (0: from the oldest on), in order of arrival; a visitor
 * that does not answer 0 ends the walk. `body` is not read; body_length says how long it is. How many were visited, or
 * -1. */
typedef int tern_parked_visit(void *self, const struct tern_deferred *deferred, struct tern_error *err);
int tern_parked_list(struct tern_db *db, const struct tern_parked_filter *filter, int64_t position, int limit,
                     tern_parked_visit *visit, void *self, struct tern_error *err);
/* 1 with the message and its body (tern_deferred_fini), 0 when there is none of this name, -1. */
int tern_parked_find(struct tern_db *db, const char *name, struct tern_deferred *ret_deferred, struct tern_error *err);
/* What was done about the message so far, oldest first; at most 100. */
int tern_parked_acts(struct tern_db *db, const char *name,
                     int (*visit)(void *self, const struct tern_parked_act *act, struct tern_error *err), void *self,
                     struct tern_error *err);

/* An enum tern_parked_result, or -1. `ret_deferred`: the message as it was before (tern_deferred_fini), unless NONE or
 * -1. */
int tern_parked_retry(struct tern_db *db, const char *name, const struct tern_parked_caller *caller,
                      struct tern_deferred *ret_deferred, struct tern_error *err);
int tern_parked_discard(struct tern_db *db, const char *name, const struct tern_parked_caller *caller,
                        struct tern_deferred *ret_deferred, struct tern_error *err);
/* Tries the oldest `limit` parked messages again that pass the filter (its state is ignored). How many, or -1. */
int tern_parked_retry_many(struct tern_db *db, const struct tern_parked_filter *filter, int limit,
                           const struct tern_parked_caller *caller, struct tern_error *err);

#endif
