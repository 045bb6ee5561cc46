/* owner.c - claims the service's queue for this store, and owns it for this connection.
 *
 * The claim is asked for first: a foreign one is a mistake that somebody must hear of, while an owner that is merely
 * connected may be our own connection that the broker has not given up yet. A foreign claim is replaced only by whoever
 * owns the queue, so never under a process that works on it. */
#include "owner.h"

#include "common/base/chaos.h"

#include <stdio.h>
#include <string.h>

/* A process that ended a moment ago is gone soon; another that lives is asked about seldom. */
enum { QUICK_TRIES = 4, QUICK_MS = 200, AGAIN_MS = 1000, REFUSED_AGAIN_MS = 5000, NAME_SIZE = TERN_OWNER_NAME_SIZE };

struct names {
    char claim[NAME_SIZE], store[NAME_SIZE], queue[NAME_SIZE];
};

void tern_owner_queue(const char *service, char ret_name[TERN_OWNER_NAME_SIZE])
{
    (void)snprintf(ret_name, TERN_OWNER_NAME_SIZE, "%.100s.owner", service);
}

static void make_names(const struct tern_owner *owner, struct names *names)
{
    (void)snprintf(names->claim, NAME_SIZE, "%.100s.owned", owner->service);
    (void)snprintf(names->store, NAME_SIZE, "%.100s.owner.%s", owner->service, owner->store);
    tern_owner_queue(owner->service, names->queue);
}

/* The broker's refusal holds 255 bytes at most: with a long name of a service or vhost the other store's id is cut. */
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

/* The queue was lost or deleted while somebody else's store was the right one: that is no reason to become it. */
static int stay_refused(const struct tern_owner *owner, struct tern_error *err)
{
    (void)tern_error_set(err,
                         "the broker's queue %s belonged to another store and is now nobody's; this one (%s) takes it "
                         "only after another start",
                         owner->service, owner->store);
    return REFUSED_AGAIN_MS;
}

static int stand_by(struct tern_owner *owner, struct tern_error *err)
{
    (void)tern_error_set(err, "another %s is connected to this broker and owns its queue; standing by", owner->service);
    return ++owner->tries <= QUICK_TRIES ? QUICK_MS : AGAIN_MS;
}

/* Whoever comes between the two finds no claim and makes its own: then we give up the queue, and begin anew. */
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
    char other[TERN_AMQP_OWNER_SIZE];
    make_names(owner, &names);
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
