/* owner.c - claims the service's queue for this store, and owns it for this connection.
 *
 * The claim comes first: a foreign claim is a mistake that somebody must hear of, while a foreign owner may be our own
 * old connection that the broker has not given up yet. A foreign claim is replaced only by whoever owns the queue, so
 * never under a process that works on it. Logs nothing. */
#include "owner.h"

#include "common/base/chaos.h"

#include <stdio.h>
#include <string.h>

enum {
    QUICK_TRIES = 4, /* the connection of a process that has just ended is gone soon */
    QUICK_MS = 200,
    AGAIN_MS = 1000, /* then another process owns the queue */
    REFUSED_AGAIN_MS = 5000,
    NAME_SIZE = TERN_OWNER_NAME_SIZE
};

struct names {
    char claim[NAME_SIZE]; /* the marker: <service>.owned */
    char store[NAME_SIZE]; /* what it carries: <service>.owner.<UUID of the store> */
    char queue[NAME_SIZE]; /* the exclusive queue: <service>.owner */
};

void tern_owner_queue(const char *service, char ret_name[TERN_OWNER_NAME_SIZE])
{
    (void)snprintf(ret_name, TERN_OWNER_NAME_SIZE, "%.100s.owner", service);
}

/* The queue carries another store's claim, which `other` names. AMQP limits the broker's text to 255 bytes: with a
 * long name of a service or vhost the other store's UUID may be cut. */
static int refuse(struct tern_owner *owner, const char *other, struct tern_error *err)
{
    const char *dot = strrchr(other, '.');
    bool known = dot && strlen(dot + 1) == TERN_UUID_SIZE - 1;
    owner->refused = true;
    (void)tern_error_set(err,
                         "the broker's queue %s belongs to another store%s%s; this one, %s, works only after a start "
                         "with --adopt-queue",
                         owner->service, known ? ", " : "", known ? dot + 1 : "", owner->store);
    return REFUSED_AGAIN_MS;
}

/* The claim is gone, because the queue was lost or deleted. In this run another store was the right one; it still
 * is. */
static int stay_refused(const struct tern_owner *owner, struct tern_error *err)
{
    (void)tern_error_set(err,
                         "the broker's queue %s belonged to another store and is now nobody's; this one (%s) takes it "
                         "only after another start",
                         owner->service, owner->store);
    return REFUSED_AGAIN_MS;
}

/* Somebody else owns the queue now. */
static int stand_by(struct tern_owner *owner, struct tern_error *err)
{
    (void)tern_error_set(err, "another %s is connected to this broker and owns its queue; standing by", owner->service);
    return ++owner->tries <= QUICK_TRIES ? QUICK_MS : AGAIN_MS;
}

/* We own the queue, and --adopt-queue was given. A store that makes its claim between our two calls wins: then the
 * connection is given up, and the set-up begins anew. */
static int replace_claim(struct tern_owner *owner, struct tern_amqp *link, const struct names *names,
                         char other[TERN_AMQP_OWNER_SIZE], struct tern_error *err)
{
    if (tern_amqp_drop_marker(link, names->claim, err) < 0) return -1;
    TERN_CHAOS_POINT("adopt.before_claim");
    int answer = tern_amqp_claim_queue(link, owner->service, names->claim, names->store, other, err);
    if (answer < 0) return -1;
    if (answer == TERN_AMQP_TAKEN) return tern_error_set(err, "another store was quicker to claim the queue");
    TERN_CHAOS_POINT("adopt.after_claim");
    owner->adopted = true;
    return 0;
}

int tern_owner_take(struct tern_owner *owner, struct tern_amqp *link, struct tern_error *err)
{
    struct names names;
    char other[TERN_AMQP_OWNER_SIZE]; /* the claim that is there */
    (void)snprintf(names.claim, NAME_SIZE, "%.100s.owned", owner->service);
    (void)snprintf(names.store, NAME_SIZE, "%.100s.owner.%s", owner->service, owner->store);
    tern_owner_queue(owner->service, names.queue);
    owner->adopted = false;
    if (owner->refused && !owner->adopts) {
        int there = tern_amqp_has_marker(link, names.claim, err);
        if (there <= 0) return there < 0 ? -1 : stay_refused(owner, err);
    }
    int claim = tern_amqp_claim_queue(link, owner->service, names.claim, names.store, other, err);
    if (claim < 0) return -1;
    if (claim == TERN_AMQP_TAKEN && !owner->adopts) return refuse(owner, other, err);
    int owned = tern_amqp_own_queue(link, names.queue, err);
    if (owned < 0) return -1;
    if (owned == TERN_AMQP_TAKEN) return stand_by(owner, err);
    owner->has_queue = owned == TERN_AMQP_GRANTED;
    owner->has_claim = claim != TERN_AMQP_FORBIDDEN;
    int replaced = claim == TERN_AMQP_TAKEN ? replace_claim(owner, link, &names, other, err) : 0;
    if (replaced != 0) return replaced;
    owner->adopts = owner->refused = false;
    owner->tries = 0;
    return 0;
}
