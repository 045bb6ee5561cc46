/* owner.h - who may work on a service's queue: one store, and one process at a time.
 *
 * The claim is a marker on the queue, <service>.owned, that carries the UUID of the store; it goes with the queue. The
 * ownership is an exclusive queue <service>.owner on the consumer's connection; it goes with the connection. Both are
 * guards against people, not fences: the fence is the lock of the store (docs/adr/0011). */
#ifndef TERN_INBOX_OWNER_H
#define TERN_INBOX_OWNER_H

#include "common/amqp/amqp.h"
#include "tern/id.h"

enum { TERN_OWNER_NAME_SIZE = 160 };

struct tern_owner {
    const char *service;
    char store[TERN_UUID_SIZE];
    bool adopts;    /* a claim of another store is replaced, once */
    bool refused;   /* another store's claim was met: in this run only our own, or `adopts`, makes us the owner */
    bool has_queue; /* the queue of our own is there; else the broker's user may not have one */
    bool has_claim; /* the marker is there; else the broker's user may not make it */
    bool adopted;   /* another store's claim was replaced just now */
    int tries;      /* in vain, since it was owned last */
};

/* The name of the queue of our own. */
void tern_owner_queue(const char *service, char ret_name[TERN_OWNER_NAME_SIZE]);
/* Inside `ready`, when the queue is declared: 0: it is ours; milliseconds: it is not, for the reason in `err`; -1. */
int tern_owner_take(struct tern_owner *owner, struct tern_amqp *link, struct tern_error *err);

#endif
