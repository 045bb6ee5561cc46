/* consumer_beacons.c - holds a beacon until everything that it speaks of must have arrived.
 *
 * Counts messages and reads no clock. Two groups: beacons that wait for a count of the queue, and beacons that were
 * counted and wait for the messages ahead of them. */
#include "consumer_beacons.h"

#include <string.h>

enum { COUNTS_AT_ONCE = 4 }; /* counts one directly after the other; then the next probe asks */

void tern_beacons_reset(struct consumer_beacons *beacons)
{
    beacons->waiting.count = beacons->counted.count = 0;
    beacons->quiet = false;
}

bool tern_beacons_came(struct consumer_beacons *beacons, const struct tern_beacon *beacon)
{
    struct beacon_list *list = &beacons->waiting;
    size_t index = 0;
    while (index < list->count && strcmp(list->items[index].producer, beacon->producer) != 0)
        index++;
    if (index == BEACONS_MAX) return false;
    if (index == list->count) list->count++;
    list->items[index] = *beacon;
    beacons->counts = 0;
    return true;
}

/* All that wait begin together; those that come later wait for the next round. */
static void begin(struct consumer_beacons *beacons)
{
    beacons->counted = beacons->waiting;
    beacons->waiting.count = 0;
    beacons->ahead = UINT64_MAX;
    beacons->quiet = false;
    beacons->counts = 0;
}

bool tern_beacons_counted(struct consumer_beacons *beacons, uint32_t ready, uint16_t prefetch, uint64_t newest_tag)
{
    if (beacons->counted.count == 0 && beacons->waiting.count > 0) begin(beacons);
    if (beacons->counted.count == 0 || beacons->ahead == 0) return false;
    /* Later counts include younger messages, so the lowest one is the best bound. */
    if (ready + (uint64_t)prefetch < beacons->ahead) beacons->ahead = ready + (uint64_t)prefetch;
    if (ready == 0 && beacons->quiet && beacons->quiet_tag == newest_tag) {
        beacons->ahead = 0;
        beacons->last_tag = newest_tag;
        return false;
    }
    beacons->quiet = ready == 0;
    beacons->quiet_tag = newest_tag;
    return beacons->quiet && beacons->counts++ < COUNTS_AT_ONCE;
}

void tern_beacons_delivered(struct consumer_beacons *beacons, uint64_t tag)
{
    if (beacons->counted.count == 0 || beacons->ahead == 0) return;
    beacons->ahead--;
    beacons->last_tag = tag;
}

struct beacon_list *tern_beacons_ripe(struct consumer_beacons *beacons, uint64_t done_tag)
{
    if (beacons->counted.count == 0 || beacons->ahead > 0 || done_tag < beacons->last_tag) return NULL;
    return &beacons->counted;
}
