/* publish_control.h - control messages of this service: a beacon now and then, and requests to other producers.
 *
 * Control messages are no events (common/event/control.h): they take places in the window like everything that is published,
 * but their confirms mean nothing. A lost one comes again, or is asked for again. */
#ifndef TERN_OUTBOX_PUBLISH_CONTROL_H
#define TERN_OUTBOX_PUBLISH_CONTROL_H

#include "common/event/control.h"
#include "publish_send.h"

#include <pthread.h>

enum { PUBLISH_REQUESTS = 16 };

struct publish_control {
    const char *store;    /* UUID of the store, which a beacon names; NULL: no beacons */
    int64_t republish_ms; /* how much of the log can be published again, which a beacon says */
    int interval_ms;      /* between two beacons; negative: no beacons */
    int64_t beacon_ms;    /* steady: when the last beacon was due */
    atomic_bool waits;    /* there are requests */
    pthread_mutex_t mutex;
    struct tern_resend requests[PUBLISH_REQUESTS]; /* under the mutex */
    size_t count;                                  /* under the mutex */
};

/* `store` stays the caller's; an interval of 0 is the usual one. */
void tern_publish_control_init(struct publish_control *control, const char *store, int64_t republish_ms,
                               int interval_ms);
void tern_publish_control_fini(struct publish_control *control);
/* Any thread: a request to resend. One for which there is no room is dropped: the next beacon finds the same
 * missing. */
void tern_publish_control_ask(struct publish_control *control, const struct tern_resend *request);
/* The connection is new: a beacon is due at once, before any event. A producer that has lost numbers says so before
 * it gives them away a second time. */
void tern_publish_control_connected(struct publish_control *control);
/* Publishes the beacon when it is due, then the requests. */
int tern_publish_control_send(struct publish_control *control, const struct publish_sender *sender,
                              struct tern_db *reader, struct tern_error *err);

#endif
