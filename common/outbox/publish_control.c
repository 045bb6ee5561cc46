/* publish_control.c - publishes beacons when they are due, and requests to resend in the order of asking.
 *
 * Other threads only fill the list of requests, under its mutex. A request that finds no room in the list or in the
 * window is dropped: the next beacon finds the same numbers missing. */
#include "publish_control.h"

#include "beacon.h"

#include <string.h>

void tern_publish_control_init(struct publish_control *control, const char *store, int64_t republish_ms,
                               int interval_ms)
{
    control->store = store;
    control->republish_ms = republish_ms;
    control->interval_ms = interval_ms == 0 ? TERN_BEACON_MS : interval_ms;
    TERN_ASSERT(pthread_mutex_init(&control->mutex, NULL) == 0, "a mutex can be made");
}

void tern_publish_control_fini(struct publish_control *control)
{
    (void)pthread_mutex_destroy(&control->mutex);
}

void tern_publish_control_ask(struct publish_control *control, const struct tern_resend *request)
{
    (void)pthread_mutex_lock(&control->mutex);
    if (control->count < PUBLISH_REQUESTS) control->requests[control->count++] = *request;
    (void)pthread_mutex_unlock(&control->mutex);
    atomic_store(&control->waits, true);
}

void tern_publish_control_connected(struct publish_control *control)
{
    control->beacon_ms = INT64_MIN / 2; /* long ago, and no overflow when it is subtracted */
}

/* 0 also when none is due. Counts as sent before it is read: a store that fails is not asked again at once. */
static int send_beacon(struct publish_control *control, const struct publish_sender *sender, struct tern_db *reader,
                       struct tern_error *err)
{
    struct tern_beacon beacon = {.count = 0};
    struct tern_text body = {0};
    if (!control->store || control->interval_ms < 0 || sender->now_ms - control->beacon_ms < control->interval_ms)
        return 0;
    control->beacon_ms = sender->now_ms;
    tern_copy_whole(beacon.store, sizeof beacon.store, control->store);
    if (tern_beacon_read(reader, sender->catalogue, sender->service, control->republish_ms, &beacon, err) < 0)
        return -1;
    if (beacon.count == 0) return 0;
    tern_beacon_encode(&beacon, &body);
    int sent = tern_publish_send_control(sender, TERN_CONTROL_BEACON, sender->service, &body, err);
    tern_text_fini(&body);
    return sent;
}

/* Copies the list first: publishing may block on the socket, and the mutex is other threads' too. */
static int send_requests(struct publish_control *control, const struct publish_sender *sender, struct tern_error *err)
{
    struct tern_resend requests[PUBLISH_REQUESTS];
    if (!atomic_load(&control->waits) || !atomic_exchange(&control->waits, false)) return 0;
    (void)pthread_mutex_lock(&control->mutex);
    size_t count = control->count;
    memcpy(requests, control->requests, count * sizeof *requests);
    control->count = 0;
    (void)pthread_mutex_unlock(&control->mutex);
    for (size_t i = 0; i < count && tern_publish_may_send(sender); i++) {
        struct tern_text body = {0};
        tern_resend_encode(&requests[i], &body);
        int sent = tern_publish_send_control(sender, TERN_CONTROL_RESEND, requests[i].type->producer, &body, err);
        tern_text_fini(&body);
        if (sent < 0) return -1;
    }
    return 0;
}

/* Nothing while the window is full or the link is blocked: beacons and requests can wait. */
int tern_publish_control_send(struct publish_control *control, const struct publish_sender *sender,
                              struct tern_db *reader, struct tern_error *err)
{
    if (!tern_publish_may_send(sender)) return 0;
    return send_beacon(control, sender, reader, err) < 0 ? -1 : send_requests(control, sender, err);
}
