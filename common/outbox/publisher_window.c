/* publisher_window.c - the ring of unconfirmed publications.
 *
 * Sequence numbers of a connection have no gaps, so a slot is found by its number alone; confirms may come in any order
 * and for ranges. New rows are opened in ascending seq, therefore the first open new row bounds what is answered. */
#include "publisher_parts.h"

#include <stdlib.h>
#include <string.h>

void publish_window_init(struct publish_window *window, size_t size)
{
    *window = (struct publish_window){.size = size, .first = 1, .next = 1};
    window->slots = tern_alloc(size * sizeof *window->slots);
}

void publish_window_fini(struct publish_window *window)
{
    free(window->slots);
}

struct publish_slot *publish_window_slot(struct publish_window *window, uint64_t sequence)
{
    TERN_ASSERT(sequence >= window->first && sequence < window->next, "a sequence number under way is asked for");
    return &window->slots[sequence % window->size];
}

struct publish_slot *publish_window_add(struct publish_window *window)
{
    TERN_ASSERT(publish_window_free(window) > 0, "the window has room");
    struct publish_slot *slot = &window->slots[window->next % window->size];
    *slot = (struct publish_slot){.open = true};
    window->next++;
    window->open++;
    return slot;
}

struct publish_slot *publish_window_find(struct publish_window *window, const char *event_id)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        struct publish_slot *slot = publish_window_slot(window, sequence);
        if (slot->open && !slot->returned && strcmp(slot->event_id, event_id) == 0) return slot;
    }
    return NULL;
}

void publish_window_close(struct publish_window *window, struct publish_slot *slot, bool confirmed)
{
    TERN_ASSERT(slot->open, "a publication is answered once");
    slot->open = false;
    slot->confirmed = confirmed;
    window->open--;
}

static bool counts(const struct publish_slot *slot)
{
    return slot->confirmed && !slot->held;
}

void publish_window_pass(struct publish_window *window)
{
    while (window->first < window->next) {
        const struct publish_slot *slot = publish_window_slot(window, window->first);
        if (slot->open) return;
        if (counts(slot)) window->settled++;
        window->first++;
    }
}

int64_t publish_window_frontier(struct publish_window *window, int64_t cursor)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        const struct publish_slot *slot = publish_window_slot(window, sequence);
        if (slot->open && !slot->held) return slot->seq - 1;
    }
    return cursor;
}

void publish_window_reset(struct publish_window *window, int64_t frontier)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        const struct publish_slot *slot = publish_window_slot(window, sequence);
        if (counts(slot) && slot->seq <= frontier) window->settled++; /* the others are sent, and counted, again */
    }
    window->first = window->next = 1;
    window->open = 0;
}
