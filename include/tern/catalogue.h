/* tern/catalogue.h - which events exist, in which version, who produces and who consumes them: constant tables.
 *
 * From the same rows come routing keys, queues and bindings, the mandatory flag, and the check of what arrives.
 * The library knows no event by name; the shop's own table is in include/shop/catalogue.h. */
#ifndef TERN_CATALOGUE_H
#define TERN_CATALOGUE_H

#include "tern/error.h"

/* A routing key has room for any type that fits, even one that is all capitals. */
enum { TERN_TYPE_SIZE = 48, TERN_ROUTING_KEY_SIZE = 2 * TERN_TYPE_SIZE, TERN_TYPES_MAX = 32 };

struct cJSON;

/* Lifts the data of one major version to the next. */
struct tern_upcaster {
    int from_major; /* 0 ends a table */
    /* Changes `data` in place: what the newer version has otherwise; members that it does not know stay. 0, or -1 with
     * `err`: it is no data of that version. Pure; any thread. */
    int (*lift)(struct cJSON *data, struct tern_error *err);
};

struct tern_event_type {
    const char *name;                      /* "OrderPlaced" */
    const char *version;                   /* newest schema version of its data, which handlers read: "1.0" */
    const char *producer;                  /* "order-service" */
    const char *const *consumers;          /* NULL-terminated names of services; empty: no service consumes it */
    const struct tern_upcaster *upcasters; /* from each older major version that is still read; NULL: there is none */
};

struct tern_catalogue {
    const char *exchange;                /* "events" */
    const char *dead_letter_exchange;    /* "events.dead"; also the name of its queue */
    const struct tern_event_type *types; /* at most TERN_TYPES_MAX */
    size_t type_count;
    const char *const *services; /* NULL-terminated: every service, each with a queue of its name */
    /* NULL-terminated: types that are republished as a nudge when an answer to them is late; NULL: none. */
    const char *const *questions;
};

/* NULL when the catalogue has no such event. */
const struct tern_event_type *tern_catalogue_find(const struct tern_catalogue *catalogue, const char *type);
/* Whether a nudge of this type asks for an answer; a nudge of any other type is an answer. */
bool tern_catalogue_asks(const struct tern_catalogue *catalogue, const char *type);
/* Whether the service is among the consumers of the type. */
bool tern_catalogue_consumes(const struct tern_event_type *type, const char *service);
/* Whether the service consumes at least one event of this producer. */
bool tern_catalogue_consumes_from(const struct tern_catalogue *catalogue, const char *service, const char *producer);
/* OrderPlaced -> order.placed: every capital letter opens a new lower-case word. Publisher and bindings both use it. */
void tern_routing_key(const char *type, char key[TERN_ROUTING_KEY_SIZE]);
/* The upcaster from a major version, or NULL. */
const struct tern_upcaster *tern_catalogue_upcaster(const struct tern_event_type *type, int from_major);
/* Whether "1.4" can be read by a reader of "1.0": same major number, both well formed. */
bool tern_version_compatible(const char *theirs, const char *ours);
/* 1 of "1.4"; 0 when the version is not well formed, or has a major number of more than six digits. */
int tern_version_major(const char *version);

#endif
