/* event_message.h - an event as an AMQP message: properties, and headers of CloudEvents and of Tern. */
#ifndef TERN_EVENT_EVENT_MESSAGE_H
#define TERN_EVENT_EVENT_MESSAGE_H

#include "common/amqp/amqp.h"
#include "tern/event.h"

/* Value of the header x-tern-nudge: a service whose consumer lost a queue, or missed an event, republishes; nobody has to answer. */
#define TERN_NUDGE_REPUBLISHED "republished"

/* So long a consumer remembers what it has handled: what is older is never published again. */
enum { TERN_INBOX_DAYS = 30 };
enum { TERN_EVENT_HEADERS = 10, TERN_NUMBER_SIZE = 24 };
/* AMQP properties and headers of an event (CloudEvents binary attributes, traceparent, x-tern-n, x-tern-nudge). Everything
 * in `message` points into `event`, `storage` and `body`. */
struct tern_event_headers {
    struct tern_amqp_header items[TERN_EVENT_HEADERS];
    char source[TERN_NAME_SIZE + 1], time[TERN_TIME_SIZE], routing_key[TERN_ROUTING_KEY_SIZE], number[TERN_NUMBER_SIZE];
};
void tern_event_message(const struct tern_event *event, const char *exchange, bool mandatory, const void *body,
                        size_t body_length, struct tern_event_headers *storage, struct tern_amqp_message *ret_message);

#endif
