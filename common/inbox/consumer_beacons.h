/* consumer_beacons.h - beacons that wait until everything they speak of must have arrived.
 *
 * A beacon comes beside the queue and overtakes the events in it. So the queue is counted after the beacon came: what
 * was confirmed before the beacon has been delivered, or is on its way to us (at most a prefetch, which no count
 * shows), or is ready in the queue. A beacon is ripe when that many more messages were delivered, or when two counts
 * find nothing ready and nothing was delivered in between, and all of that is acknowledged. What a ripe beacon names
 * and was not received did not arrive. Plain data of the consumer's thread. */
#ifndef TERN_INBOX_CONSUMER_BEACONS_H
#define TERN_INBOX_CONSUMER_BEACONS_H

#include "common/event/control.h"

enum { BEACONS_MAX = 8 }; /* producers whose events are consumed */

struct beacon_list {
    size_t count;
    struct tern_beacon items[BEACONS_MAX]; /* the newest of each producer */
};

struct consumer_beacons {
    struct beacon_list waiting; /* for a count of the queue */
    struct beacon_list counted; /* for the messages that may be ahead of them */
    uint64_t ahead;             /* messages that are still to be delivered before these are ripe, at most */
    uint64_t last_tag;          /* the last delivered of them; all of them once `ahead` is 0 */
    bool quiet;                 /* the last count found nothing ready */
    uint64_t quiet_tag;         /* the newest tag at that count */
    int counts;                 /* made directly one after the other */
};

/* A new connection: counts of the last one mean nothing. */
void tern_beacons_reset(struct consumer_beacons *beacons);
/* A beacon came; it replaces an older one of its producer. True when the queue should be counted. */
bool tern_beacons_came(struct consumer_beacons *beacons, const struct tern_beacon *beacon);
/* The queue was counted: messages ready in it, the newest tag delivered so far. True when it should be counted again at
 * once. */
bool tern_beacons_counted(struct consumer_beacons *beacons, uint32_t ready, uint16_t prefetch, uint64_t newest_tag);
/* A message of the queue was delivered. */
void tern_beacons_delivered(struct consumer_beacons *beacons, uint64_t tag);
/* Everything up to `done_tag` is acknowledged: the beacons that are ripe now, for the caller to empty; or NULL. */
struct beacon_list *tern_beacons_ripe(struct consumer_beacons *beacons, uint64_t done_tag);

#endif
