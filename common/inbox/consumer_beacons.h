/* consumer_beacons.h - beacons that wait until what they speak of must have arrived.
 *
 * A beacon comes beside the queue and overtakes it. After it has come the queue is counted: what was confirmed before the
 * beacon is delivered by then, or on its way to us (at most a prefetch, which no count tells), or ready. When so many more
 * were delivered, or when two counts find nothing ready and nothing has come between, and all of it is taken in, the beacon is
 * ripe: what it names and was not taken in did not arrive. No clock is asked. Plain data of the consumer's thread. */
#ifndef TERN_INBOX_CONSUMER_BEACONS_H
#define TERN_INBOX_CONSUMER_BEACONS_H

#include "common/event/control.h"

enum { BEACONS_MAX = 8 }; /* producers whose events are consumed */

struct beacon_list {
    size_t count;
    struct tern_beacon items[BEACONS_MAX]; /* the newest of each producer */
};

struct consumer_beacons {
    struct beacon_list waiting; /* for the queue to be counted */
    struct beacon_list counted; /* for the messages that were ahead of them */
    uint64_t ahead;             /* how many of these were not delivered yet, at most */
    uint64_t last_tag;          /* ahead is 0: the last of them */
    bool quiet;                 /* the count before found nothing ready, when quiet_tag was the newest */
    uint64_t quiet_tag;
    int counts; /* at once, one after the other */
};

/* Another connection: what was counted on the last one means nothing. */
void tern_beacons_reset(struct consumer_beacons *beacons);
/* True when the queue should be counted. */
bool tern_beacons_came(struct consumer_beacons *beacons, const struct tern_beacon *beacon);
/* The queue was counted, `newest_tag` being the newest that was delivered. True when it should be counted again at once. */
bool tern_beacons_counted(struct consumer_beacons *beacons, uint32_t ready, uint16_t prefetch, uint64_t newest_tag);
/* A message of the queue was delivered. */
void tern_beacons_delivered(struct consumer_beacons *beacons, uint64_t tag);
/* Everything up to `done_tag` is taken in: the beacons that are ripe now, to be emptied by the caller; or NULL. */
struct beacon_list *tern_beacons_ripe(struct consumer_beacons *beacons, uint64_t done_tag);

#endif
