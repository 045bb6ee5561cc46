/* numbers.h - which events a service has taken in, by the numbers that their producers gave them, and which it misses.
 *
 * For each type that the service consumes: every number up to `through`, and ranges above it. "Taken in" is what the inbox has
 * recorded, what is deferred and what is parked. A beacon (common/event/control.h) says what there was to take in; the caller hands one
 * over when everything that the broker had for the service at that time was taken in: then what the beacon names and was
 * not, did not arrive. Numbers never decide that an event is dropped: that is the inbox's, by eventId; forgetting a number
 * costs a repetition and nothing else. Kept in the service's store, written once per batch. Writer thread only. Logs
 * nothing. */
#ifndef TERN_INBOX_NUMBERS_H
#define TERN_INBOX_NUMBERS_H

#include "common/event/control.h"
#include "tern/db.h"

/* What was asked for and has not come is asked for again after that long, then after twice as long, and so on. */
enum { TERN_NUMBERS_RANGES = 64, TERN_NUMBERS_AGAIN_MS = 8000, TERN_NUMBERS_AGAIN_MOST_MS = 300000 };

struct tern_numbers_type {
    const struct tern_event_type *type;
    bool known; /* a number was seen, or a beacon */
    int64_t through;
    size_t count;
    struct tern_number_range ranges[TERN_NUMBERS_RANGES]; /* taken in above `through`; ascending, never adjacent */
    char store[TERN_UUID_SIZE];                           /* whose numbers these are; "": no beacon has said */
    int64_t reported_through;                             /* the last number of the last beacon */
    bool dirty;                                           /* the store has it otherwise */

    /* Of this run only. */
    int64_t missing;               /* numbers up to `reported_through` that were not taken in, at the last beacon */
    int64_t opened_ms;             /* steady: since when there are any */
    int64_t complete_ms;           /* steady: when there were none, last */
    int64_t ask_ms, asks, ask_for; /* when they are asked for next, how often they were, and the lowest of them */
    int64_t copy_until;            /* the producer runs on an older copy of its store, until it is here again; 0: no */
};

struct tern_numbers {
    size_t count;
    struct tern_numbers_type types[TERN_TYPES_MAX]; /* only those that the service consumes */
    bool from_first;           /* what is not known begins at the first number that can be had, not at the first seen */
    bool stale;                /* a batch was lost: to be loaded again */
    int64_t asked_at_start_ms; /* steady: begin of this run */
};

/* What a beacon means for one type. */
struct tern_numbers_news {
    bool other_store; /* the producer counts anew: what it had published before is not looked for any more */
    bool
        older_copy; /* it has the same store with fewer events than it had reported_through: somebody put an older copy back */
    int64_t was_reported; /* older copy: the number that it had reported_through before */
    int64_t missed;       /* numbers that are found to be missing now and were not before */
    int64_t healed;       /* that were missing and have arrived since the last beacon */
    int64_t lost;         /* that cannot be had any more: left behind */
    bool opened, closed;  /* now some are missing; now none is */
    int64_t for_ms;       /* opened: since when none was known to be missing, closed: how long some were */
    int64_t low, high;    /* opened: of those that are missing, the lowest and the highest */
    int64_t lost_low, lost_high;
    struct tern_resend ask; /* to be asked for now; count 0: nothing */
};

void tern_numbers_init(struct tern_numbers *numbers, const struct tern_catalogue *catalogue, const char *service,
                       int64_t steady_ms);
/* NULL when the service does not consume it. */
struct tern_numbers_type *tern_numbers_find(struct tern_numbers *numbers, const struct tern_event_type *type);
/* Event `number` of the type was taken in; 0 is no number. */
void tern_numbers_take(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number);
/* Whether event `number` of the type should have arrived by what a beacon has reported_through, and has not. */
bool tern_numbers_misses(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number);
void tern_numbers_compare(struct tern_numbers *numbers, const struct tern_beacon *beacon,
                          const struct tern_beacon_type *reported_through, int64_t steady_ms,
                          struct tern_numbers_news *ret_news);

/* numbers_store.c, inside the caller's transaction. */
int tern_numbers_load(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);
int tern_numbers_save(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);
/* The store has taken over a queue that another one had worked on: what is not known begins at the first seen. */
int tern_numbers_adopt(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);

#endif
