/* control.h - what services tell each other about their events, beside the events: beacons and requests to resend.
 *
 * A beacon says up to which number the broker has confirmed each type of its producer's events, and from which on they can
 * be published again. A resend asks a producer for ranges of numbers. Both travel over the exchange of the events, with keys
 * of their own (tern.beacon.<producer>, tern.resend.<producer>); they are no events: transient, not mandatory, in no
 * catalogue, and whoever does not know them ignores them. They never stand in a service's queue. Pure: no store, no broker. */
#ifndef TERN_EVENT_CONTROL_H
#define TERN_EVENT_CONTROL_H

#include "common/amqp/amqp.h"
#include "tern/catalogue.h"
#include "tern/event.h"

enum { TERN_CONTROL_KEY_SIZE = 96, TERN_RESEND_RANGES = 16, TERN_RESEND_MOST = 2000 };

/* How often a producer publishes a beacon. */
enum { TERN_BEACON_MS = 10000 };

#define TERN_CONTROL_BEACON "tern.beacon"
#define TERN_CONTROL_RESEND "tern.resend"

struct tern_beacon_type {
    const struct tern_event_type *type;
    int64_t first; /* the lowest number that can be published again; last + 1: none */
    int64_t last;  /* every number up to here was confirmed by the broker; 0: none */
};
struct tern_beacon {
    char producer[TERN_NAME_SIZE];
    char store[TERN_UUID_SIZE]; /* whose numbers these are: another store has counted anew */
    size_t count;
    struct tern_beacon_type types[TERN_TYPES_MAX];
};

struct tern_number_range {
    int64_t from, to; /* both included */
};
struct tern_resend {
    const struct tern_event_type *type;
    size_t count;
    struct tern_number_range ranges[TERN_RESEND_RANGES]; /* together at most TERN_RESEND_MOST numbers */
};

/* What came in. */
struct tern_control {
    bool is_beacon; /* else a resend */
    struct tern_beacon beacon;
    struct tern_resend resend;
};

/* `kind` is one of the two names above. */
void tern_control_key(const char *kind, const char *producer, char ret_key[TERN_CONTROL_KEY_SIZE]);
void tern_beacon_encode(const struct tern_beacon *beacon, struct tern_text *out);
void tern_resend_encode(const struct tern_resend *resend, struct tern_text *out);
/* Everything in `ret_message` points into the arguments. */
void tern_control_message(const char *exchange, const char *kind, const char *key, const char *sender,
                          const struct tern_text *body, int64_t now_ms, struct tern_amqp_message *ret_message);
/* Types that the catalogue does not know, or not as this producer's, are left out of a beacon, and are an error in a resend. */
int tern_control_decode(const struct tern_catalogue *catalogue, const char *kind, const void *body, size_t length,
                        struct tern_control *ret_control, struct tern_error *err);

#endif
