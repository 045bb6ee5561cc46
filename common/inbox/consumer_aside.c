/* consumer_aside.c - which routing keys of control messages a service needs, and their bindings.
 *
 * The keys follow from the catalogue alone, so both calls make the same ones. Reads no message. */
#include "consumer_aside.h"

#include <string.h>

#include "common/event/control.h"
#include "consumer_beacons.h"
#include "owner.h"

struct control_keys {
    size_t count;
    char texts[BEACONS_MAX + 1][TERN_CONTROL_KEY_SIZE];
    const char *keys[BEACONS_MAX + 1]; /* of `texts`, as the link wants them */
};

/* Requests to resend that are meant for us, and the beacons of every producer that we consume from. */
static void make_keys(const struct tern_catalogue *catalogue, const char *service, struct control_keys *keys)
{
    const char *const *producer = catalogue->services;
    keys->count = 0;
    tern_control_key(TERN_CONTROL_RESEND, service, keys->texts[keys->count++]);
    for (; *producer && keys->count <= BEACONS_MAX; producer++)
        if (tern_catalogue_consumes_from(catalogue, service, *producer))
            tern_control_key(TERN_CONTROL_BEACON, *producer, keys->texts[keys->count++]);
    for (size_t i = 0; i < keys->count; i++)
        keys->keys[i] = keys->texts[i];
}

int tern_aside_listen(struct tern_amqp *link, const char *service, const struct tern_catalogue *catalogue,
                      struct tern_error *err)
{
    char queue[TERN_OWNER_NAME_SIZE];
    struct control_keys keys;
    tern_owner_queue(service, queue);
    make_keys(catalogue, service, &keys);
    return tern_amqp_consume_aside(link, queue, catalogue->exchange, keys.keys, keys.count, TERN_ASIDE_PREFETCH, err);
}

int tern_aside_bind_again(struct tern_amqp *link, const char *service, const struct tern_catalogue *catalogue,
                          struct tern_error *err)
{
    char queue[TERN_OWNER_NAME_SIZE];
    struct control_keys keys;
    tern_owner_queue(service, queue);
    make_keys(catalogue, service, &keys);
    for (size_t i = 0; i < keys.count; i++)
        if (tern_amqp_bind_again(link, queue, catalogue->exchange, keys.keys[i], err) < 0) return -1;
    return 0;
}
