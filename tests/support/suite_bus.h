/* suite_bus.h - a participant of the tests' own on the broker: hears every event, and publishes whatever it likes.
 *
 * Its queue is bound to the exchange with "#" and vanishes by itself a moment after it was closed. Every event is kept
 * once, by its message id, in the order of arrival. Made for a broker that stays up meanwhile. */
#ifndef TERN_TEST_SUITE_BUS_H
#define TERN_TEST_SUITE_BUS_H

#include <stdbool.h>
#include <stddef.h>

struct suite_bus;

struct suite_heard {
    char key[128], type[64], message_id[64], app_id[64];
    char *body;
    size_t length;
    bool replayed, numbered; /* has the header x-tern-replay, x-tern-n */
};

/* Connects and binds. With `echo` every event is published once more as soon as it is heard for the first time. */
struct suite_bus *suite_bus_open(const char *url, bool echo);
/* Instead: one more consumer of the queue of a service. It takes one message and gives it back when it is closed. */
struct suite_bus *suite_bus_open_thief(const char *url, const char *queue);
/* Instead: the consumer of a new queue that is bound to nothing. */
struct suite_bus *suite_bus_open_queue(const char *url, const char *queue);
void suite_bus_close(struct suite_bus *bus);
/* Publishes to the exchange and waits for the broker's confirm; fails the test when no queue took it. */
void suite_bus_publish(struct suite_bus *bus, const char *key, const char *type, const char *message_id,
                       const void *body, size_t length);
/* How many events were heard; [0, count) may be looked at from then on. */
size_t suite_bus_count(struct suite_bus *bus);
const struct suite_heard *suite_bus_heard(struct suite_bus *bus, size_t index);
/* How many services hear the first `count` of them, added up, by the catalogue: what republishing them delivers. */
size_t suite_bus_hearers(struct suite_bus *bus, size_t count);

#endif
