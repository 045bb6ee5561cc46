/* publisher_beacon.c - control messages on the publisher's connection: the beacon now and then, and what others are asked for.
 *
 * They take places in the window like everything that is published, but stand for no row: their confirms mean nothing. One
 * that is lost comes again, or is asked for again. */
#include "publisher_parts.h"

#include "tern/beacon.h"

#include <stdlib.h>
#include <string.h>

static int send_control(struct tern_publisher *publisher, const char *kind, const char *to,
                        const struct tern_text *body, struct tern_error *err)
{
    char key[TERN_CONTROL_KEY_SIZE];
    struct tern_amqp_message message;
    uint64_t sequence;
    tern_control_key(kind, to, key);
    tern_control_message(publisher->settings.catalogue->exchange, kind, key, publisher->service, body,
                         tern_now(publisher->clock), &message);
    if (tern_amqp_publish(publisher->link, &message, &sequence, err) < 0) return -1;
    TERN_ASSERT(sequence == publisher->window.next, "the window counts as the broker does");
    struct publish_slot *slot = publish_window_add(&publisher->window);
    slot->control = slot->held = true;
    slot->sent_ms = publisher->now_ms;
    slot->type = kind;
    return 0;
}

static bool beacon_is_due(const struct tern_publisher *publisher)
{
    int wait_ms = publisher->settings.beacon_ms > 0 ? publisher->settings.beacon_ms : TERN_BEACON_MS;
    return publisher->settings.store != NULL && publisher->settings.beacon_ms >= 0 &&
           publisher->now_ms - publisher->beacon_ms >= wait_ms;
}

/* The first of a connection goes before anything new: a producer that has forgotten numbers says so before it gives them
 * away a second time. */
static int send_beacon(struct tern_publisher *publisher, struct tern_error *err)
{
    struct tern_beacon beacon = {.count = 0};
    struct tern_text body = {0};
    if (!beacon_is_due(publisher)) return 0;
    publisher->beacon_ms = publisher->now_ms;
    (void)tern_copy(beacon.store, sizeof beacon.store, publisher->settings.store);
    if (tern_beacon_read(publisher->settings.reader, publisher->settings.catalogue, publisher->service,
                         publisher->settings.republish_ms, &beacon, err) < 0)
        return -1;
    if (beacon.count == 0) return 0;
    tern_beacon_encode(&beacon, &body);
    int sent = send_control(publisher, TERN_CONTROL_BEACON, publisher->service, &body, err);
    tern_text_fini(&body);
    return sent;
}

/* ---- what others are asked for ------------------------------------------------------------------------------------ */

void tern_publisher_ask(struct tern_publisher *publisher, const struct tern_resend *resend)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    if (publisher->ask_count < PUBLISH_ASKS) publisher->asks[publisher->ask_count++] = *resend;
    (void)pthread_mutex_unlock(&publisher->mutex);
    atomic_store(&publisher->ask_waits, true);
    tern_amqp_wake(publisher->link);
}

static size_t take_asks(struct tern_publisher *publisher, struct tern_resend asks[PUBLISH_ASKS])
{
    (void)pthread_mutex_lock(&publisher->mutex);
    size_t count = publisher->ask_count;
    memcpy(asks, publisher->asks, count * sizeof *asks);
    publisher->ask_count = 0;
    (void)pthread_mutex_unlock(&publisher->mutex);
    return count;
}

/* For which there is no room now: the next beacon finds the same missing. */
static int send_asks(struct tern_publisher *publisher, struct tern_error *err)
{
    struct tern_resend asks[PUBLISH_ASKS];
    if (!atomic_exchange(&publisher->ask_waits, false)) return 0;
    size_t count = take_asks(publisher, asks);
    for (size_t i = 0; i < count && publisher_may_send(publisher); i++) {
        struct tern_text body = {0};
        tern_resend_encode(&asks[i], &body);
        int sent = send_control(publisher, TERN_CONTROL_RESEND, asks[i].type->producer, &body, err);
        tern_text_fini(&body);
        if (sent < 0) return -1;
    }
    return 0;
}

int publisher_send_control(struct tern_publisher *publisher, struct tern_error *err)
{
    if (!publisher_may_send(publisher)) return 0;
    return send_beacon(publisher, err) < 0 ? -1 : send_asks(publisher, err);
}
