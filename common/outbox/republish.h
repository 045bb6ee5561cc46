/* republish.h - rows of the log that are published once more, beside the new ones.
 *
 * A publisher has two of these walks: over the rows that somebody asked for (the list republish_request; a position is
 * its id) and, after a queue loss, over the recent part of the log (a position is a seq). Each uses at most a quarter
 * of the window and a bounded rate, because new rows go first. Plain data of the publisher's thread; only
 * tern_republish_read uses the store. */
#ifndef TERN_OUTBOX_REPUBLISH_H
#define TERN_OUTBOX_REPUBLISH_H

#include "publish_window.h"
#include "queue_markers.h"
#include "tern/event_log.h"
#include "tern/log.h"

struct republish {
    enum publish_kind kind;           /* PUBLISH_ASKED_FOR or PUBLISH_LOST */
    int per_s;                        /* rows per second, at most */
    struct tern_republish_range loss; /* PUBLISH_LOST: the range of the log; id 0: there is none */
    int64_t position;                 /* everything up to here was sent, or need not be */
    int64_t confirmed_through;        /* everything up to here is confirmed, or need not be */
    int64_t reported_through;         /* confirmed_through as last reported */
    int64_t failed;                   /* the lowest position that came back; 0: none */
    int64_t retry_ms;                 /* steady: when the walk goes back to `failed` */
    int64_t attempts;                 /* failures since the last confirm; for the back-off */
    int64_t count;                    /* rows confirmed since tern_republish_begin; for the log */
    size_t under_way;                 /* publications without an answer */
    bool more;                        /* there may be rows above the position */
    int64_t allowed, allowed_ms;      /* rows that the rate allows; steady: when that was computed */
};

void tern_republish_init(struct republish *republish, enum publish_kind kind, int per_s);
/* PUBLISH_LOST: walks this range from now on; id 0: none. */
void tern_republish_begin(struct republish *republish, const struct tern_republish_range *loss);
/* How many rows may be published now. */
size_t tern_republish_room(struct republish *republish, const struct publish_window *window, int64_t now_ms);

/* One row to publish: 0, or -1 with `err`. `nudge`: it asks its consumers to republish what it caused. */
typedef int republish_visitor(void *self, const struct tern_log_row *row, int64_t position, bool nudge,
                              struct tern_error *err);
/* Visits the next rows, `limit` at most, and moves the position over them. */
int tern_republish_read(struct republish *republish, struct tern_db *reader, size_t limit, republish_visitor *visit,
                        void *self, struct tern_error *err);
/* A publication was sent, and later its answer: confirmed, or it came back. Then it and everything after it is
 * published again from retry_ms (steady) on; publishing twice is harmless. */
void tern_republish_sent(struct republish *republish);
void tern_republish_confirmed(struct republish *republish);
void tern_republish_failed(struct republish *republish, int64_t position, int64_t retry_ms);
/* Takes the position back to the failed row when its time has come. */
void tern_republish_retry(struct republish *republish, int64_t now_ms);
/* Moves confirmed_through over what is answered. True when it has grown since the last report. */
bool tern_republish_pass(struct republish *republish, const struct publish_window *window);
/* Returns confirmed_through and counts it as reported. At the end of a range: logs it, and the range is over. */
int64_t tern_republish_report(struct republish *republish, struct tern_log *log);
/* The connection is gone, and the window not yet reset: goes back to what is not confirmed. */
void tern_republish_reset(struct republish *republish, const struct publish_window *window);

#endif
