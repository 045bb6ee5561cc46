/* numbers.h - which events a service has received, by the numbers that their producers gave them, and which it misses.
 *
 * For each type that the service consumes: every number up to `through`, and ranges above it. An event counts as
 * received when the inbox has recorded it, or when it is deferred or parked. A beacon (common/event/control.h) says
 * which numbers there are; the caller hands it over only once everything that the broker had for the service at that
 * time was received, so what it names and was not received did not arrive. Numbers never decide that an event is
 * dropped: the inbox does, by eventId. Forgetting a number costs a repetition and nothing else. Stored once per batch.
 * Writer thread only. Logs nothing. */
#ifndef TERN_INBOX_NUMBERS_H
#define TERN_INBOX_NUMBERS_H

#include "common/event/control.h"
#include "tern/db.h"

/* Missing events are asked for again after AGAIN_MS, then after twice as long, and so on up to AGAIN_MOST_MS. */
enum { TERN_NUMBERS_RANGES = 64, TERN_NUMBERS_AGAIN_MS = 8000, TERN_NUMBERS_AGAIN_MOST_MS = 300000 };

struct tern_numbers_type {
    const struct tern_event_type *type; /* the catalogue's */
    bool known;                         /* a number was seen, or a beacon: `through` means something */
    int64_t through;                    /* every number up to here was received */
    size_t count;
    struct tern_number_range ranges[TERN_NUMBERS_RANGES]; /* received above `through`; ascending, never adjacent */
    char store[TERN_UUID_SIZE];                           /* the producer's store; "": no beacon has named it */
    int64_t reported_through;                             /* the last number of the last beacon */
    bool dirty;                                           /* differs from its row */

    /* Of this run only; times are steady. */
    int64_t missing;     /* numbers up to `reported_through` that were not received, at the last beacon */
    int64_t opened_ms;   /* since when there are any; 0: there are none */
    int64_t complete_ms; /* when there were none, last */
    int64_t ask_ms;      /* when they are asked for next */
    int64_t asks;        /* how often they were asked for */
    int64_t ask_for;     /* the lowest of them, as last asked for */
    int64_t copy_until;  /* the producer runs on an older copy of its store until it reaches this number; 0: no */
};

struct tern_numbers {
    size_t count;
    struct tern_numbers_type types[TERN_TYPES_MAX]; /* only those that the service consumes */
    bool from_first;           /* a type without a row begins at the first number there is; false: at the first seen */
    bool stale;                /* a batch was lost: the rows have to be loaded again */
    int64_t asked_at_start_ms; /* steady: begin of this run */
};

/* What a beacon means for one type. */
struct tern_numbers_news {
    bool other_store;     /* the producer counts anew: what it had published before is not asked for */
    bool older_copy;      /* the same store with fewer events than it had reported: an older copy was put back */
    int64_t was_reported; /* older copy: the last number that it had reported before */
    int64_t missed;       /* numbers found missing now, and not before */
    int64_t healed;       /* numbers that were missing and have arrived since the last beacon */
    int64_t lost;         /* missing numbers that cannot be had any more: left behind */
    bool opened;          /* from nothing missing to something missing */
    bool closed;          /* the reverse */
    int64_t for_ms;       /* opened: since when none was known to be missing; closed: how long some were */
    int64_t low, high;    /* opened: the lowest and the highest missing number */
    int64_t lost_low, lost_high;
    struct tern_resend ask; /* to be asked for now; count 0: nothing */
};

void tern_numbers_init(struct tern_numbers *numbers, const struct tern_catalogue *catalogue, const char *service,
                       int64_t steady_ms);
/* NULL: the service does not consume the type. */
struct tern_numbers_type *tern_numbers_find(struct tern_numbers *numbers, const struct tern_event_type *type);
/* Event `number` of the type was received; 0 is no number. */
void tern_numbers_take(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number);
/* Whether a beacon has shown that event `number` of the type did not arrive. */
bool tern_numbers_misses(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number);
/* Compares with one type of a ripe beacon. `ret_news` is all zero for a type that the service does not consume. */
void tern_numbers_compare(struct tern_numbers *numbers, const struct tern_beacon *beacon,
                          const struct tern_beacon_type *reported, int64_t steady_ms,
                          struct tern_numbers_news *ret_news);

/* numbers_store.c, inside the caller's transaction. */
int tern_numbers_load(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);
int tern_numbers_save(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);
/* The store has taken over a queue that another one had worked on: types without a row begin at the first number
 * seen. */
int tern_numbers_adopt(struct tern_numbers *numbers, struct tern_db *db, struct tern_error *err);

#endif
