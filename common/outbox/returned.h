/* returned.h - rows that the broker returned or refused, and the later rows of their subjects behind them.
 *
 * Order within a subject is kept: only its first row here is tried, with back-off; the next one is due when the
 * broker has confirmed that. The rows outlive connections, and restarts as rows of outbox_returned: the writer learns of
 * every change, and the outbox's mark may pass a row only when the writer knows that it is here. Usually empty.
 * Times are steady, so a wall clock that is set makes no row wait. Plain data of the publisher's thread. */
#ifndef TERN_OUTBOX_RETURNED_H
#define TERN_OUTBOX_RETURNED_H

#include "publisher.h"

enum { PUBLISH_RETURNED_MAX = 2048 }; /* beyond that nothing new is published: the routes are broken as a whole */

struct returned_row {
    int64_t seq;
    int64_t attempts; /* how often it came back */
    int64_t next_try_ms;
    int64_t since_ms; /* when it came back first */
    char subject[TERN_ID_SIZE];
    const char *reason; /* static text: return, nack, behind */
    bool behind;        /* waits for an earlier row of its subject */
    bool in_flight;     /* another try is under way */
    bool confirmed;     /* kept until the writer knows and the position has passed it */
    bool unreported;    /* the writer does not know the latest state */
    bool reported;      /* the writer knows that the row is here */
};

struct publish_returned {
    struct returned_row *rows; /* ascending seq */
    size_t count, room;
    size_t unreported, confirmed; /* how many of the rows are */
};

void tern_publish_returned_fini(struct publish_returned *returned);
/* At the start: what an earlier run left in the store, and its writer therefore knows. */
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
/* The topology was declared anew: what no queue took is due. */
void tern_publish_returned_retry_unrouted(struct publish_returned *returned, int64_t now_ms);
/* The broker confirms again: every row that is first of its subject is due. */
void tern_publish_returned_retry_all(struct publish_returned *returned, int64_t now_ms);
/* So much time does not count as waiting. */
void tern_publish_returned_shift(struct publish_returned *returned, int64_t by_ms);
/* Since when the row waits that came back first; INT64_MAX when none does. */
int64_t tern_publish_returned_oldest_ms(const struct publish_returned *returned);
/* The lowest seq that the writer does not know to be here; INT64_MAX when it knows all. */
int64_t tern_publish_returned_lowest_unreported(const struct publish_returned *returned);
/* Adds as many changes to the progress as it has room for; `to_wall_ms` turns steady times into those of the store. */
void tern_publish_returned_report(struct publish_returned *returned, int64_t to_wall_ms,
                                  struct tern_publish_progress *progress);
/* Forgets the rows up to the position that are confirmed and reported: how many. */
size_t tern_publish_returned_pass(struct publish_returned *returned, int64_t mark);

#endif
