/* control.h - messages between services about their events: beacons and requests to resend.
 *
 * A beacon names, for each type of its producer's events, the highest number that the broker has confirmed and the
 * lowest that can be published again. A resend asks a producer for ranges of numbers. Both use the exchange of the
 * events with routing keys of their own (tern.beacon.<producer>, tern.resend.<producer>). They are not events:
 * transient, not mandatory, in no catalogue, never in a service's queue, and ignored by services that do not know
 * them. Pure: no store, no broker. */
#ifndef TERN_EVENT_CONTROL_H
#define TERN_EVENT_CONTROL_H

#include "common/amqp/amqp.h"
#include "tern/catalogue.h"
#include "tern/event.h"

enum {
    TERN_CONTROL_KEY_SIZE = 96, /* of a routing key, with its NUL */
    TERN_RESEND_RANGES = 16,    /* in one request */
    TERN_RESEND_MOST = 2000     /* events in one request */
};

/* How often a producer publishes a beacon. */
enum { TERN_BEACON_MS = 10000 };

#define TERN_CONTROL_BEACON "tern.beacon"
#define TERN_CONTROL_RESEND "tern.resend"

struct tern_beacon_type {
    const struct tern_event_type *type; /* the catalogue's row */
    int64_t first;                      /* the lowest number that can be published again; last + 1: none */
    int64_t last;                       /* every number up to here was confirmed by the broker; 0: none */
};
struct tern_beacon {
    char producer[TERN_NAME_SIZE];
    char store[TERN_UUID_SIZE]; /* the store that counts: a new store of the producer starts at 1 again */
    size_t count;
    struct tern_beacon_type types[TERN_TYPES_MAX];
};

struct tern_number_range {
    int64_t from, to; /* both included */
};
struct tern_resend {
    const struct tern_event_type *type; /* the catalogue's row */
    size_t count;
    struct tern_number_range ranges[TERN_RESEND_RANGES]; /* together at most TERN_RESEND_MOST numbers */
};

/* A decoded message. */
struct tern_control {
    bool is_beacon; /* `beacon` is filled; else `resend` */
    struct tern_beacon beacon;
    struct tern_resend resend;
};

/* The routing key "<kind>.<producer>"; `kind` is one of the two names above. */
void tern_control_key(const char *kind, const char *producer, char ret_key[TERN_CONTROL_KEY_SIZE]);
/* Append the body of the message. */
void tern_beacon_encode(const struct tern_beacon *beacon, struct tern_text *out);
void tern_resend_encode(const struct tern_resend *resend, struct tern_text *out);
/* The message around a body; its pointers lead into the arguments, which must outlive it. */
void tern_control_message(const char *exchange, const char *kind, const char *key, const char *sender,
                          const struct tern_text *body, int64_t now_ms, struct tern_amqp_message *ret_message);
/* `kind` is the AMQP type. Types that the catalogue does not have, or has from another producer, are left out of a
 * beacon; in a resend an unknown type is an error. Returns 0, or -1 with a sentence. */
int tern_control_decode(const struct tern_catalogue *catalogue, const char *kind, const void *body, size_t length,
                        struct tern_control *ret_control, struct tern_error *err);

#endif
