/* topology.h - declares, from the catalogue, everything on the broker that the services need.
 *
 * Exchange `events` (topic, durable), one durable queue per service with a binding per event it consumes, and the dead-letter safety
 * net. Every daemon declares all of it on every connection before it publishes or consumes, so nothing is
 * published into the void because a consumer has not started yet. Few, stable arguments: x-queue-type, x-delivery-limit (large,
 * positive), x-dead-letter-exchange, -strategy at-least-once, x-overflow reject-publish (quorum only). */
#ifndef TERN_EVENT_TOPOLOGY_H
#define TERN_EVENT_TOPOLOGY_H

#include "common/amqp/amqp.h"
#include "tern/catalogue.h"

enum { TERN_DELIVERY_LIMIT = 1000000, TERN_NAMES_SIZE = 160 };

/* What a broker's user without all rights may not read or do. */
enum tern_lack {
    TERN_LACKS_COMPARING, /* the settings of what exists */
    TERN_LACKS_BINDING,   /* of queues to what they consume */
    TERN_LACKS_OWNER,     /* the exclusive queue of a service */
    TERN_LACKS_CLAIM,     /* the marker of a service's queue */
    TERN_LACKS_MARKERS    /* those on the queues that consume a service's events */
};

/* Of the topology: names with a comma between them, "" when nothing is lacking. */
struct tern_topology_gaps {
    char not_compared[TERN_NAMES_SIZE], not_bound[TERN_NAMES_SIZE];
};

/* Inside the link's `ready`. `queue_type` is "quorum" or "classic". An existing queue with other arguments is an
 * error whose sentence says what to do. */
int tern_topology_declare(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *queue_type,
                          struct tern_topology_gaps *ret_gaps, struct tern_error *err);
/* While connected: binds the service's queue to what it consumes, whether it is or not; nothing is waited for. */
int tern_topology_bind_again(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *service,
                             struct tern_error *err);

#endif
