/* publish_window.h - the publications that the broker has not answered yet.
 *
 * A ring from the broker's sequence numbers (1, 2, ... per connection, no gaps) to what was published under them. It
 * lives as long as a connection. Plain data of the publisher's thread: no locks, no I/O. */
#ifndef TERN_OUTBOX_PUBLISH_WINDOW_H
#define TERN_OUTBOX_PUBLISH_WINDOW_H

#include "tern/event.h"

enum { PUBLISH_WINDOW_MAX = 65535 };

/* Why something was published, and what its position counts. */
enum publish_kind {
    PUBLISH_NEW,       /* a row in the order of the log; its seq */
    PUBLISH_RETURNED,  /* another try of a row that came back; its seq */
    PUBLISH_ASKED_FOR, /* republished because somebody asked for the row; its id in republish_request */
    PUBLISH_LOST,      /* republished because the broker lost queues; its seq */
    PUBLISH_CONTROL    /* no row: a beacon or a request to resend; 0 */
};

struct publish_slot {
    enum publish_kind kind;
    bool open;      /* the broker has not answered yet */
    bool confirmed; /* it has, and took the publication */
    bool returned;  /* no queue took it: the confirm that follows means nothing */
    bool nudge;     /* asks its consumers to republish what it caused */
    int64_t position;
    int64_t sent_ms;  /* steady */
    const char *type; /* static text, or the catalogue's */
    char event_id[TERN_UUID_SIZE], subject[TERN_ID_SIZE], correlation_id[TERN_UUID_SIZE];
};

struct publish_window {
    struct publish_slot *slots; /* `size` of them; sequence n lies in slot n % size */
    size_t size;
    uint64_t first, next; /* sequences under way: [first, next); the slot of `first` is open unless there are none */
    size_t open;          /* how many slots are open */
    int64_t confirmed;    /* new rows that were confirmed and passed since the last take */
};

void tern_publish_window_init(struct publish_window *window, size_t size);
void tern_publish_window_fini(struct publish_window *window);
/* How many more can be published. */
static inline size_t publish_window_room(const struct publish_window *window)
{
    return window->size - (size_t)(window->next - window->first);
}
/* The slot of a sequence number that is under way. */
struct publish_slot *tern_publish_window_slot(const struct publish_window *window, uint64_t sequence);
/* Opens the slot of the next sequence number. There must be room. */
struct publish_slot *tern_publish_window_open(struct publish_window *window, enum publish_kind kind, int64_t position,
                                              int64_t now_ms);
/* The open slot of an event id that was not returned yet, or NULL. */
struct publish_slot *tern_publish_window_find(const struct publish_window *window, const char *event_id);
/* The broker's answer for one slot. */
void tern_publish_window_close(struct publish_window *window, struct publish_slot *slot, bool confirmed);
/* Moves `first` over what is answered. */
void tern_publish_window_pass(struct publish_window *window);
/* The last position, `through` at most, up to which nothing of a kind is open. */
int64_t tern_publish_window_frontier(const struct publish_window *window, enum publish_kind kind, int64_t through);
/* How many new rows were confirmed since the last call. */
int64_t tern_publish_window_take_confirmed(struct publish_window *window);
/* The connection is gone: the fate of every open publication is unknown, new rows above the frontier are published
 * again and count then. Sequence numbers begin at 1 again. */
void tern_publish_window_reset(struct publish_window *window, int64_t frontier);

#endif
