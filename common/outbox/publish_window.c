/* publish_window.c - the ring of publications without an answer.
 *
 * A slot is found by its sequence number alone, in whatever order the broker confirms. New rows are opened in
 * ascending seq, so everything below the first open one is answered. Republished rows may go back to an earlier
 * position: for them the whole ring is searched. */
#include "publish_window.h"

#include <stdlib.h>
#include <string.h>

void tern_publish_window_init(struct publish_window *window, size_t size)
{
    *window = (struct publish_window){.size = size, .first = 1, .next = 1};
    window->slots = tern_alloc(size * sizeof *window->slots);
}

void tern_publish_window_fini(struct publish_window *window)
{
    free(window->slots);
}

struct publish_slot *tern_publish_window_slot(const struct publish_window *window, uint64_t sequence)
{
    TERN_ASSERT(sequence >= window->first && sequence < window->next, "only a sequence number under way has a slot");
    return &window->slots[sequence % window->size];
}

struct publish_slot *tern_publish_window_open(struct publish_window *window, enum publish_kind kind, int64_t position,
                                              int64_t now_ms)
{
    TERN_ASSERT(publish_window_room(window) > 0, "the window has room");
    struct publish_slot *slot = &window->slots[window->next % window->size];
    *slot = (struct publish_slot){.kind = kind, .open = true, .position = position, .sent_ms = now_ms};
    window->next++;
    window->open++;
    return slot;
}

/* A walk: returns are rare, and a published event id is under way once, or a few times when it is republished. */
struct publish_slot *tern_publish_window_find(const struct publish_window *window, const char *event_id)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        struct publish_slot *slot = tern_publish_window_slot(window, sequence);
        if (slot->open && !slot->returned && strcmp(slot->event_id, event_id) == 0) return slot;
    }
    return NULL;
}

void tern_publish_window_close(struct publish_window *window, struct publish_slot *slot, bool confirmed)
{
    TERN_ASSERT(slot->open, "a publication is answered once");
    slot->open = false;
    slot->confirmed = confirmed;
    window->open--;
}

/* Only new rows leave the backlog by a confirm in the window; returned.c counts the returned ones. */
static bool counts(const struct publish_slot *slot)
{
    return slot->confirmed && slot->kind == PUBLISH_NEW;
}

void tern_publish_window_pass(struct publish_window *window)
{
    while (window->first < window->next) {
        const struct publish_slot *slot = tern_publish_window_slot(window, window->first);
        if (slot->open) return;
        if (counts(slot)) window->confirmed++;
        window->first++;
    }
}

int64_t tern_publish_window_frontier(const struct publish_window *window, enum publish_kind kind, int64_t through)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        const struct publish_slot *slot = tern_publish_window_slot(window, sequence);
        if (!slot->open || slot->kind != kind) continue;
        if (slot->position <= through) through = slot->position - 1;
        if (kind == PUBLISH_NEW) break; /* the others are above it */
    }
    return through;
}

int64_t tern_publish_window_take_confirmed(struct publish_window *window)
{
    int64_t confirmed = window->confirmed;
    window->confirmed = 0;
    return confirmed;
}

/* Rows above the frontier are published and counted again, so of the confirmed slots only those up to it count now. */
void tern_publish_window_reset(struct publish_window *window, int64_t frontier)
{
    for (uint64_t sequence = window->first; sequence < window->next; sequence++) {
        const struct publish_slot *slot = tern_publish_window_slot(window, sequence);
        if (counts(slot) && slot->position <= frontier) window->confirmed++;
    }
    window->first = window->next = 1;
    window->open = 0;
}
