/* publish_stall.h - notices a broker that is there and confirms nothing.
 *
 * A broker confirms an event when every queue that it goes to has taken it, queues of strangers too: a full one that
 * refuses, or one whose process hangs, stops every publisher of the exchange. Time without a connection, and time in
 * which the broker has said that it takes nothing (a pause), does not count: that is reported elsewhere. Logs begin
 * and end once. */
#ifndef TERN_OUTBOX_PUBLISH_STALL_H
#define TERN_OUTBOX_PUBLISH_STALL_H

#include "tern/log.h"

#include <stdatomic.h>

struct publish_stall {
    struct tern_log *log;
    atomic_llong since_ms;   /* since when (steady) nothing is confirmed; 0: there is no stall */
    int64_t progress_ms;     /* when the broker confirmed last, or nothing waited */
    int64_t paused_ms;       /* since when there is a pause; 0: there is none */
    int64_t stalled_last_ms; /* when there was a stall last */
    bool logged;             /* its begin was, and its end was not */
};

/* Begins with a pause. */
void tern_publish_stall_init(struct publish_stall *stall, struct tern_log *log, int64_t now_ms);
/* After each round: how many publications are open, how many rows came back and wait, and since when the oldest of
 * these does (INT64_MAX: none). */
void tern_publish_stall_watch(struct publish_stall *stall, int64_t now_ms, size_t open, size_t returned,
                              int64_t oldest_ms);
/* The broker confirmed something. True when it had not for so long that back-offs have grown: a reason to try all at
 * once. */
bool tern_publish_stall_confirmed(struct publish_stall *stall, int64_t now_ms);
void tern_publish_stall_pause(struct publish_stall *stall, int64_t now_ms);
/* The end of a pause: how long it was, 0 when there was none. */
int64_t tern_publish_stall_resume(struct publish_stall *stall, int64_t now_ms);
/* Any thread: for how long the broker has confirmed nothing; 0: there is no stall. */
int64_t tern_publish_stall_ms(const struct publish_stall *stall, int64_t now_ms);

#endif
