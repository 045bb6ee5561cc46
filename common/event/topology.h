/* topology.h - declares, from the catalogue, everything on the broker that the services need.
 *
 * Exchange `events` (topic, durable), one durable queue per service with a binding per event it consumes, and the
 * dead-letter safety net. Every daemon declares all of it on every connection before it publishes or consumes, so no
 * event is lost because its consumer has never started. Few, stable arguments: x-queue-type, x-delivery-limit (large,
 * positive), x-dead-letter-exchange, -strategy at-least-once, x-overflow reject-publish (the last two: quorum only). */
#ifndef TERN_EVENT_TOPOLOGY_H
#define TERN_EVENT_TOPOLOGY_H

#include "common/amqp/amqp.h"
#include "tern/catalogue.h"

enum { TERN_DELIVERY_LIMIT = 1000000, TERN_NAMES_SIZE = 160 };

/* The rights that the broker's user may lack (rabbitmq.com/docs/access-control): the daemon works, with a warning. */
enum tern_lack {
    TERN_LACKS_COMPARING, /* the settings of existing queues and exchanges with ours */
    TERN_LACKS_BINDING,   /* of queues to the events that they consume */
    TERN_LACKS_OWNER,     /* the exclusive queue by which one daemon owns its service's queue */
    TERN_LACKS_CLAIM,     /* the marker by which a store claims its service's queue */
    TERN_LACKS_MARKERS    /* the markers on the queues that consume the service's events */
};

/* What could not be compared or bound: names with a comma between them, "" for none. */
struct tern_topology_gaps {
    char not_compared[TERN_NAMES_SIZE]; /* exchanges and queues */
    char not_bound[TERN_NAMES_SIZE];    /* queues */
};

/* Inside the link's `ready`. `queue_type` is "quorum" or "classic". An existing queue with other arguments is an
 * error whose sentence says what to do. */
int tern_topology_declare(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *queue_type,
                          struct tern_topology_gaps *ret_gaps, struct tern_error *err);
/* While connected: repeats the bindings of the service's queue, in case one was removed; does not wait for the
 * answers. */
int tern_topology_bind_again(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *service,
                             struct tern_error *err);

#endif
