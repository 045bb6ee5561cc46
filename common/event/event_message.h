/* event_message.h - an event as an AMQP message: properties, and headers of CloudEvents and of Tern.
 *
 * The headers repeat the envelope by the AMQP binding of CloudEvents (binary mode, prefix "cloudEvents_"), so that
 * consumers outside the suite need not parse the body. Ours read the body, and of the headers traceparent and
 * x-tern-* only. */
#ifndef TERN_EVENT_EVENT_MESSAGE_H
#define TERN_EVENT_EVENT_MESSAGE_H

#include "common/amqp/amqp.h"
#include "tern/event.h"

/* Value of the header x-tern-nudge on an event that is published again because a queue was lost or an event missed:
 * unlike a nudge it asks for no answer. */
#define TERN_NUDGE_REPUBLISHED "republished"

/* For how long a consumer remembers the events that it has handled. An older event is never published again: its second
 * delivery would take effect twice. */
enum { TERN_INBOX_DAYS = 30 };

enum { TERN_EVENT_HEADERS = 11, TERN_NUMBER_SIZE = 24 };

/* Room for the headers of one event and the texts that they point to. */
struct tern_event_headers {
    struct tern_amqp_header items[TERN_EVENT_HEADERS];
    char source[TERN_NAME_SIZE + 1]; /* "/order-service" */
    char time[TERN_TIME_SIZE];
    char routing_key[TERN_ROUTING_KEY_SIZE];
    char number[TERN_NUMBER_SIZE]; /* decimal, of x-tern-n */
};

/* AMQP properties and headers of an event (CloudEvents binary attributes, traceparent, x-tern-n, x-tern-nudge). The
 * pointers in `ret_message` lead into `event`, `storage` and `body`, which must outlive it. */
void tern_event_message(const struct tern_event *event, const char *exchange, bool mandatory, const void *body,
                        size_t body_length, struct tern_event_headers *storage, struct tern_amqp_message *ret_message);

#endif
