/* returned.h - rows that the broker returned or refused, and later rows of the same subjects, which wait behind them.
 *
 * Order within a subject is kept: only its first row here is tried, with back-off; the next one is due when the broker
 * has confirmed that. The list survives connections, and restarts as rows of outbox_returned: the writer is told of
 * every change, and the position may pass a row only when the writer knows that it is here. Usually empty. All times
 * are steady, so a wall clock that is set delays no row. Plain data of the publisher's thread. */
#ifndef TERN_OUTBOX_RETURNED_H
#define TERN_OUTBOX_RETURNED_H

#include "publish_progress.h"

enum { PUBLISH_RETURNED_MAX = 2048 }; /* rows; beyond, nothing new is published: the routes as a whole are broken */

struct returned_row {
    int64_t seq;
    int64_t attempts;    /* how often it came back */
    int64_t next_try_ms; /* unless `behind` */
    int64_t since_ms;    /* when it came back for the first time */
    char subject[TERN_ID_SIZE];
    const char *reason; /* static text: return, nack, behind */
    bool behind;        /* waits for an earlier row of its subject */
    bool in_flight;     /* sent once more, and not answered yet */
    bool confirmed;     /* kept until that is reported and the position has passed it */
    bool unreported;    /* the writer does not know its latest state */
    bool reported;      /* the writer knows that the row is here */
};

struct publish_returned {
    struct returned_row *rows; /* owned; ascending seq; `count` of them, space for `room` */
    size_t count, room;
    size_t unreported, confirmed; /* number of rows with this flag */
};

void tern_publish_returned_fini(struct publish_returned *returned);
/* At the start: the rows that the last run left in the store. */
int tern_publish_returned_load(struct publish_returned *returned, struct tern_db *reader,
                               const struct tern_clock *clock, struct tern_error *err);
/* How many rows the broker has not confirmed. */
static inline size_t publish_returned_waiting(const struct publish_returned *returned)
{
    return returned->count - returned->confirmed;
}
/* NULL: the row is not here. */
struct returned_row *tern_publish_returned_find(const struct publish_returned *returned, int64_t seq);
/* Whether a row of this subject waits, so that later ones must wait behind it. */
bool tern_publish_returned_has_subject(const struct publish_returned *returned, const char *subject);
/* A row came back, for the first time or once more. */
void tern_publish_returned_add(struct publish_returned *returned, int64_t seq, const char *subject, const char *reason,
                               int64_t now_ms, int64_t next_try_ms);
/* A new row that must wait for an earlier one of its subject. */
void tern_publish_returned_add_behind(struct publish_returned *returned, int64_t seq, const char *subject,
                                      int64_t next_try_ms);
/* The row to try now, or NULL. */
struct returned_row *tern_publish_returned_due(const struct publish_returned *returned, int64_t now_ms);
/* The broker confirmed the row, or the log does not have it any more. */
void tern_publish_returned_confirm(struct publish_returned *returned, int64_t seq, int64_t now_ms);
/* The connection is gone: no try is under way, and every row above `position` is published again with the new ones. */
void tern_publish_returned_reset(struct publish_returned *returned, int64_t position, int64_t now_ms);
/* The topology was declared again: every row that no queue took is due. */
void tern_publish_returned_retry_unrouted(struct publish_returned *returned, int64_t now_ms);
/* The broker confirms again: every row that is the first of its subject is due. */
void tern_publish_returned_retry_all(struct publish_returned *returned, int64_t now_ms);
/* A pause of this length ended: it does not count as waiting. */
void tern_publish_returned_shift(struct publish_returned *returned, int64_t by_ms);
/* When the row that waits longest came back; INT64_MAX: none waits. */
int64_t tern_publish_returned_oldest_ms(const struct publish_returned *returned);
/* The lowest seq of which the writer does not know that it is here; INT64_MAX: there is none. */
int64_t tern_publish_returned_lowest_unreported(const struct publish_returned *returned);
/* Adds as many changes to the progress as fit; steady + `to_wall_ms` is the wall time for the store. */
void tern_publish_returned_report(struct publish_returned *returned, int64_t to_wall_ms,
                                  struct tern_publish_progress *progress);
/* Forgets the confirmed and reported rows up to `through`; how many. */
size_t tern_publish_returned_pass(struct publish_returned *returned, int64_t through);

#endif
