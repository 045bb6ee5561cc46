/* consumer_read.c - from an AMQP message to a delivery, on the consumer's thread.
 *
 * Whatever a stranger publishes to the queue ends in a delivery: an event, or raw bytes with a parking reason. Nothing
 * of a message that is shown to people (type, headers) is taken over unchecked. Touches neither link nor store. */
#include "consumer_read.h"

#include <stdlib.h>
#include <string.h>

#include "common/event/event_message.h"
#include "deferred.h"

static const char *header(const struct tern_amqp_delivery *message, const char *name)
{
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0)
            return message->headers[i].value ? message->headers[i].value : "";
    return NULL;
}

/* A traceparent that is not valid by W3C Trace Context is ignored, as that standard asks. */
static void read_headers(struct tern_event *event, const struct tern_amqp_delivery *message)
{
    const char *traceparent = header(message, "traceparent");
    if (traceparent && tern_traceparent_valid(traceparent))
        tern_copy_whole(event->traceparent, sizeof event->traceparent, traceparent);
    const char *nudge = header(message, "x-tern-nudge");
    event->republished = nudge && strcmp(nudge, TERN_NUDGE_REPUBLISHED) == 0;
    event->nudge = nudge && !event->republished;
}

/* The event's number among those of its type. An unreadable message has one too: it will be parked, so it did
 * arrive. */
static void read_number(const struct tern_catalogue *catalogue, const struct tern_amqp_delivery *message,
                        struct tern_delivery *delivery)
{
    const char *digits = header(message, "x-tern-n");
    const struct tern_event_type *type = tern_catalogue_find(catalogue, message->type);
    if (!digits || !type || strcmp(type->producer, message->app_id) != 0) return;
    char *end;
    long long number = strtoll(digits, &end, 10);
    if (*end != '\0' || number <= 0 || number > INT64_MAX / 2) return;
    delivery->numbered = type;
    delivery->number = delivery->event.number = number;
}

static void make_unreadable(struct tern_delivery *delivery, const struct tern_amqp_delivery *message,
                            const char *reason)
{
    size_t length = message->body ? message->body_length : 0;
    tern_event_fini(&delivery->event);
    memset(&delivery->event, 0, sizeof delivery->event);
    delivery->readable = false;
    delivery->reason = reason;
    delivery->raw = tern_copy_bytes(length > 0 ? message->body : "", length);
    delivery->raw_length = length;
    delivery->not_kept = !message->body && message->body_length > 0;
    /* The type goes into logs and metrics: what is not a visible ASCII character becomes '?'. */
    for (size_t i = 0; i < TERN_TYPE_SIZE - 1 && message->type[i] != '\0'; i++)
        delivery->raw_type[i] = (message->type[i] > ' ' && message->type[i] < 0x7f) ? message->type[i] : '?';
}

void tern_delivery_read(const struct tern_catalogue *catalogue, const struct tern_amqp_delivery *message,
                        struct tern_delivery *delivery)
{
    const char *reason = TERN_PARKED_OVERSIZED;
    delivery->readable = true;
    /* The link keeps no body over its body_max: then there are no bytes, only their number. */
    if (!message->body || message->body_length > TERN_EVENT_MAX_BYTES)
        (void)tern_error_set(&delivery->why, "%zu bytes, and an event has at most %d; message id \"%.64s\"",
                             message->body_length, (int)TERN_EVENT_MAX_BYTES, message->message_id);
    else
        reason = tern_inbox_read(catalogue, message->body, message->body_length, &delivery->event, &delivery->why);
    if (reason)
        make_unreadable(delivery, message, reason);
    else
        read_headers(&delivery->event, message);
    read_number(catalogue, message, delivery);
}

void tern_delivery_fini(struct tern_delivery *delivery)
{
    tern_event_fini(&delivery->event);
    free(delivery->raw);
}
