/* publish_stall.h - notices a broker that is connected and confirms nothing.
 *
 * RabbitMQ confirms a message when every queue that it was routed to has taken it, also queues that somebody else has
 * bound: one that is full and rejects, or one whose process hangs, stops every publisher of the exchange. Time without
 * a connection and time in which the broker is blocked (a pause) does not count: both are reported elsewhere. Begin
 * and end of a stall are logged once each. */
#ifndef TERN_OUTBOX_PUBLISH_STALL_H
#define TERN_OUTBOX_PUBLISH_STALL_H

#include "tern/log.h"

#include <stdatomic.h>

struct publish_stall {
    struct tern_log *log;
    atomic_llong since_ms; /* steady, as all times here: since when nothing is confirmed; 0: no stall */

    /* Publisher's thread only. */
    int64_t progress_ms;     /* the last confirm, or the last moment at which nothing waited */
    int64_t paused_ms;       /* begin of the present pause; 0: there is none */
    int64_t stalled_last_ms; /* the last moment of a stall */
    bool logged;             /* the begin was logged, and the end was not */
};

/* Begins with a pause: there is no connection yet. */
void tern_publish_stall_init(struct publish_stall *stall, struct tern_log *log, int64_t now_ms);
/* After each round: how many publications are open, how many returned rows wait, and when the oldest of these came back
 * (INT64_MAX: none). */
void tern_publish_stall_watch(struct publish_stall *stall, int64_t now_ms, size_t open, size_t returned,
                              int64_t oldest_ms);
/* The broker confirmed something. True at the end of a stall: back-offs have grown, so all returned rows are due at
 * once. */
bool tern_publish_stall_confirmed(struct publish_stall *stall, int64_t now_ms);
void tern_publish_stall_pause(struct publish_stall *stall, int64_t now_ms);
/* Ends a pause; its length in ms, 0 when there was none. */
int64_t tern_publish_stall_resume(struct publish_stall *stall, int64_t now_ms);
/* Any thread: the length of the present stall in ms; 0: there is none. */
int64_t tern_publish_stall_ms(const struct publish_stall *stall, int64_t now_ms);

#endif
