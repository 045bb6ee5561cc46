/* owner.h - who may work on a service's queue: one store, and one process at a time.
 *
 * The claim is a marker on the queue, <service>.owned, which carries the UUID of the store and disappears with the
 * queue. The ownership is an exclusive queue, <service>.owner, which disappears with the consumer's connection. Both
 * guard against mistakes of people. They are no fences: the fence is the lock on the store (docs/adr/0011). */
#ifndef TERN_INBOX_OWNER_H
#define TERN_INBOX_OWNER_H

#include "common/amqp/amqp.h"
#include "tern/id.h"

enum { TERN_OWNER_NAME_SIZE = 160 };

struct tern_owner {
    const char *service;        /* also the name of the queue; the consumer's */
    char store[TERN_UUID_SIZE]; /* ours */
    bool adopts;                /* --adopt-queue: the claim of another store is replaced, once */
    bool refused;   /* another store's claim was found: only our own claim, or `adopts`, ends that in this run */
    bool has_queue; /* the exclusive queue is there; false: our user of the broker may not have one */
    bool has_claim; /* the marker is there; false: our user may not make it */
    bool adopted;   /* another store's claim was replaced by the last call */
    int tries;      /* in vain, since the queue was last owned */
};

/* The name of the exclusive queue. */
void tern_owner_queue(const char *service, char ret_name[TERN_OWNER_NAME_SIZE]);
/* During a set-up, after the queue was declared. 0: it is ours; milliseconds until the next try: it is not, for the
 * reason in `err`; -1: the connection is to be given up. */
int tern_owner_take(struct tern_owner *owner, struct tern_amqp *link, struct tern_error *err);

#endif
