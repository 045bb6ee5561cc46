/* publish_control.h - the control messages that a service publishes: its beacons, and requests to other producers to
 * resend.
 *
 * They are no events (common/event/control.h). They take slots of the window like everything that is published, but
 * nothing depends on their confirms: a lost beacon is followed by the next, a lost request is made again. */
#ifndef TERN_OUTBOX_PUBLISH_CONTROL_H
#define TERN_OUTBOX_PUBLISH_CONTROL_H

#include "common/event/control.h"
#include "publish_send.h"

#include <pthread.h>

enum { PUBLISH_REQUESTS = 16 }; /* one for each type that a beacon may find missing */

struct publish_control {
    const char *store;     /* UUID of the store, which a beacon names; the caller's; NULL: no beacons */
    int64_t republish_ms;  /* REPUBLISH_WINDOW_S: how much of the log can be resent */
    int interval_ms;       /* between two beacons; negative: no beacons */
    int64_t beacon_ms;     /* steady: when the last beacon was sent; publisher's thread */
    atomic_bool waits;     /* the list is not empty: spares a round the mutex */
    pthread_mutex_t mutex; /* guards the rest */
    struct tern_resend requests[PUBLISH_REQUESTS];
    size_t count;
};

/* `store` stays the caller's; interval_ms 0 means TERN_BEACON_MS. */
void tern_publish_control_init(struct publish_control *control, const char *store, int64_t republish_ms,
                               int interval_ms);
void tern_publish_control_fini(struct publish_control *control);
/* Any thread: adds a request to resend. Dropped without a word when the list is full. */
void tern_publish_control_ask(struct publish_control *control, const struct tern_resend *request);
/* A new connection: a beacon is due before any event. A producer whose store lost numbers (an older copy) says so
 * before it uses them a second time. */
void tern_publish_control_connected(struct publish_control *control);
/* Publishes the beacon when it is due, then the requests. */
int tern_publish_control_send(struct publish_control *control, const struct publish_sender *sender,
                              struct tern_db *reader, struct tern_error *err);

#endif
