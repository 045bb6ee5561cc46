/* topology.c - declares what the catalogue names: exchanges, queues, bindings, and the dead-letter safety net.
 *
 * Everything is declared by everybody on every connection; a broker takes the same declaration any number of times.
 * Arguments are few and never change between versions: another value would be refused by a broker that has the
 * queue already. Classic queues are for brokers that know no quorum queues, and lose some of the net's promises. */
#include "topology.h"

#include <stdio.h>
#include <string.h>

enum { ARGUMENTS_MAX = 5 };

static struct tern_amqp_argument text_argument(const char *name, const char *text)
{
    return (struct tern_amqp_argument){.name = name, .text = text};
}

/* The queue type and, for quorum queues, the explicit limit without which a broker since 4.0 drops at 20. */
static size_t common_arguments(const char *queue_type, struct tern_amqp_argument *arguments)
{
    size_t count = 0;
    arguments[count++] = text_argument("x-queue-type", queue_type);
    if (strcmp(queue_type, "quorum") == 0)
        arguments[count++] = (struct tern_amqp_argument){.name = "x-delivery-limit", .number = TERN_DELIVERY_LIMIT};
    return count;
}

static size_t service_arguments(const struct tern_catalogue *catalogue, const char *queue_type,
                                struct tern_amqp_argument *arguments)
{
    size_t count = common_arguments(queue_type, arguments);
    arguments[count++] = text_argument("x-dead-letter-exchange", catalogue->dead_letter_exchange);
    if (strcmp(queue_type, "quorum") == 0) {
        arguments[count++] = text_argument("x-dead-letter-strategy", "at-least-once");
        arguments[count++] = text_argument("x-overflow", "reject-publish");
    }
    return count;
}

static void add_name(char names[TERN_NAMES_SIZE], const char *name)
{
    size_t length = strlen(names), own = strlen(name);
    if (length >= own && strcmp(names + length - own, name) == 0) return; /* events.dead is an exchange and a queue */
    (void)snprintf(names + length, TERN_NAMES_SIZE - length, "%s%s", length > 0 ? ", " : "", name);
}

/* An answer of the broker: -1 or 0. */
static int took(int answer, char names[TERN_NAMES_SIZE], const char *name)
{
    if (answer == TERN_AMQP_FORBIDDEN) add_name(names, name);
    return answer < 0 ? -1 : 0;
}

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

typedef int bind_call(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                      struct tern_error *err);

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
    struct tern_amqp_argument arguments[ARGUMENTS_MAX];
    size_t count = service_arguments(catalogue, queue_type, arguments);
    *ret_gaps = (struct tern_topology_gaps){0};
    if (declare_safety_net(link, catalogue, queue_type, ret_gaps, err) < 0 ||
        took(tern_amqp_declare_exchange(link, catalogue->exchange, "topic", err), ret_gaps->not_compared,
             catalogue->exchange) < 0)
        return -1;
    for (const char *const *service = catalogue->services; *service != NULL; service++)
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
