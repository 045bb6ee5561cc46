/* topology.c - declares what the catalogue names: exchanges, queues, bindings, and the dead-letter safety net.
 *
 * Every daemon declares everything on every connection; AMQP 0-9-1 allows the same declaration any number of times.
 * Arguments are few and never change between versions: a broker that has the queue already refuses another value
 * (PRECONDITION_FAILED). Classic queues are for brokers without quorum queues; they dead-letter without confirms. */
#include "topology.h"

#include <stdio.h>
#include <string.h>

enum { ARGUMENTS_MAX = 5 };

static struct tern_amqp_argument text_argument(const char *name, const char *text)
{
    return (struct tern_amqp_argument){.name = name, .text = text};
}

/* The queue type and, for quorum queues, an explicit delivery limit: RabbitMQ 4.0 and later drop a message after 20
 * deliveries by default, and ours are redelivered for as long as the store is full. */
static size_t common_arguments(const char *queue_type, struct tern_amqp_argument *arguments)
{
    size_t count = 0;
    arguments[count++] = text_argument("x-queue-type", queue_type);
    if (strcmp(queue_type, "quorum") == 0)
        arguments[count++] = (struct tern_amqp_argument){.name = "x-delivery-limit", .number = TERN_DELIVERY_LIMIT};
    return count;
}

/* Takes an answer of the broker: -1 for an error, else 0. What the user has no right to is no error; its name is added
 * to the gaps, once: events.dead is an exchange and a queue. */
static int took(int answer, char names[TERN_NAMES_SIZE], const char *name)
{
    if (answer == TERN_AMQP_FORBIDDEN) {
        size_t length = strlen(names), own = strlen(name);
        bool there = length >= own && strcmp(names + length - own, name) == 0;
        if (!there) (void)snprintf(names + length, TERN_NAMES_SIZE - length, "%s%s", length > 0 ? ", " : "", name);
    }
    return answer < 0 ? -1 : 0;
}

/* An exchange and a queue of the same name, for messages that the broker gives up. */
static int declare_safety_net(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *queue_type,
                              struct tern_topology_gaps *gaps, struct tern_error *err)
{
    struct tern_amqp_argument arguments[ARGUMENTS_MAX];
    const char *name = catalogue->dead_letter_exchange;
    size_t count = common_arguments(queue_type, arguments);
    if (took(tern_amqp_declare_exchange(link, name, "fanout", err), gaps->not_compared, name) < 0 ||
        took(tern_amqp_declare_queue(link, name, arguments, count, err), gaps->not_compared, name) < 0)
        return -1;
    return took(tern_amqp_bind(link, name, name, "", err), gaps->not_bound, name);
}

/* tern_amqp_bind, which waits for the answer, or tern_amqp_bind_again, which does not. */
typedef int bind_call(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                      struct tern_error *err);

/* Binds the service's queue to each type that it consumes. Stops at the first answer that is not GRANTED: the right to
 * bind is the same for all keys. */
static int bind_what_it_consumes(struct tern_amqp *link, bind_call *bind, const struct tern_catalogue *catalogue,
                                 const char *service, struct tern_error *err)
{
    for (size_t i = 0; i < catalogue->type_count; i++) {
        char key[TERN_ROUTING_KEY_SIZE];
        if (!tern_catalogue_consumes(&catalogue->types[i], service)) continue;
        tern_routing_key(catalogue->types[i].name, key);
        int bound = bind(link, service, catalogue->exchange, key, err);
        if (bound != TERN_AMQP_GRANTED) return bound;
    }
    return TERN_AMQP_GRANTED;
}

int tern_topology_declare(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *queue_type,
                          struct tern_topology_gaps *ret_gaps, struct tern_error *err)
{
    /* At-least-once dead-lettering holds a message until the dead-letter queue has confirmed it, and needs
     * reject-publish (rabbitmq.com/docs/quorum-queues). */
    struct tern_amqp_argument arguments[ARGUMENTS_MAX];
    size_t count = common_arguments(queue_type, arguments);
    arguments[count++] = text_argument("x-dead-letter-exchange", catalogue->dead_letter_exchange);
    if (strcmp(queue_type, "quorum") == 0) {
        arguments[count++] = text_argument("x-dead-letter-strategy", "at-least-once");
        arguments[count++] = text_argument("x-overflow", "reject-publish");
    }

    *ret_gaps = (struct tern_topology_gaps){0};
    if (declare_safety_net(link, catalogue, queue_type, ret_gaps, err) < 0 ||
        took(tern_amqp_declare_exchange(link, catalogue->exchange, "topic", err), ret_gaps->not_compared,
             catalogue->exchange) < 0)
        return -1;
    for (const char *const *service = catalogue->services; *service; service++)
        if (took(tern_amqp_declare_queue(link, *service, arguments, count, err), ret_gaps->not_compared, *service) <
                0 ||
            took(bind_what_it_consumes(link, tern_amqp_bind, catalogue, *service, err), ret_gaps->not_bound, *service) <
                0)
            return -1;
    return 0;
}

int tern_topology_bind_again(struct tern_amqp *link, const struct tern_catalogue *catalogue, const char *service,
                             struct tern_error *err)
{
    return bind_what_it_consumes(link, tern_amqp_bind_again, catalogue, service, err);
}
