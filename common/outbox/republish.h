/* republish.h - rows of the log that are published once more, beside the new ones.
 *
 * A publisher has two of these: the rows that somebody asked for (the list republish_request, positions are its ids) and,
 * after a loss of queues, the recent part of the log (positions are seqs). Each takes a quarter of the window and so
 * many rows a second at most, because new rows go first. Plain data of the publisher's thread; only republish_read
 * uses the store. */
#ifndef TERN_OUTBOX_REPUBLISH_H
#define TERN_OUTBOX_REPUBLISH_H

#include "publish_window.h"
#include "queue_markers.h"
#include "tern/event_log.h"
#include "tern/log.h"

struct republish {
    enum publish_kind kind;           /* PUBLISH_ASKED_FOR or PUBLISH_LOST */
    int per_s;                        /* most rows in a second */
    struct tern_republish_range loss; /* PUBLISH_LOST: the range of the log; id 0: there is none */
    int64_t position;                 /* everything up to here was published, or need not be */
    int64_t confirmed_through;        /* everything up to here is confirmed, or need not be */
    int64_t reported_through;         /* confirmed_through as last reported */
    int64_t failed;                   /* the lowest position that came back; 0: none */
    int64_t retry_ms;                 /* steady: from then on that one and all after it are published again */
    int64_t attempts;                 /* failures since something was confirmed */
    int64_t count;                    /* rows confirmed since republish_begin */
    size_t under_way;                 /* publications that are not answered */
    bool more;                        /* there may be rows above the position */
    int64_t allowed, allowed_ms;      /* rows that the rate allows now, and when that was computed */
};

void tern_republish_init(struct republish *republish, enum publish_kind kind, int per_s);
/* PUBLISH_LOST: from now on this range; id 0: nothing. */
void tern_republish_begin(struct republish *republish, const struct tern_republish_range *loss);
/* How many rows may be published now. */
size_t tern_republish_room(struct republish *republish, const struct publish_window *window, int64_t now_ms);

/* One row to publish: 0, or -1 with `err`. `nudge`: as a question, whose consumers republish what the row caused. */
typedef int republish_visitor(void *self, const struct tern_log_row *row, int64_t position, bool nudge,
                              struct tern_error *err);
/* Visits the next rows, `limit` at most, and moves the position over them. */
int tern_republish_read(struct republish *republish, struct tern_db *reader, size_t limit, republish_visitor *visit,
                        void *self, struct tern_error *err);
void tern_republish_sent(struct republish *republish);
void tern_republish_confirmed(struct republish *republish);
/* The publication of a position came back: it and all after it are published again from retry_ms on, twice is
 * harmless. */
void tern_republish_failed(struct republish *republish, int64_t position, int64_t retry_ms);
/* Goes back to what came back when its time has come. */
void tern_republish_retry(struct republish *republish, int64_t now_ms);
/* Moves confirmed_through over what is answered. True when there is more to report than last time. */
bool tern_republish_pass(struct republish *republish, const struct publish_window *window);
/* confirmed_through, which counts as reported from now on. The end of a range is logged, and there is none any more. */
int64_t tern_republish_report(struct republish *republish, struct tern_log *log);
/* The connection is gone, and the window not yet reset: what is not confirmed is published again. */
void tern_republish_reset(struct republish *republish, const struct publish_window *window);

#endif
