/* publish_window.h - the publications that the broker has not answered yet.
 *
 * A ring that maps publisher-confirm sequence numbers (1, 2, ... on each channel, no gaps) to what was published under
 * them. Its content is valid for one connection. Plain data of the publisher's thread: no locks, no I/O. */
#ifndef TERN_OUTBOX_PUBLISH_WINDOW_H
#define TERN_OUTBOX_PUBLISH_WINDOW_H

#include "tern/event.h"

enum { PUBLISH_WINDOW_MAX = 65535 }; /* slots */

/* Why something was published; after the semicolon, what its position is. */
enum publish_kind {
    PUBLISH_NEW,       /* a row in the order of the log; its seq */
    PUBLISH_RETURNED,  /* another try of a returned row; its seq */
    PUBLISH_ASKED_FOR, /* republished on request; the request's id in republish_request */
    PUBLISH_LOST,      /* republished after a queue loss; its seq */
    PUBLISH_CONTROL    /* no row: a beacon or a request to resend; 0 */
};

struct publish_slot {
    enum publish_kind kind;
    bool open;      /* the broker has not answered yet */
    bool confirmed; /* answered with an ack, and not returned */
    bool returned;  /* basic.return came: the ack that follows does not count */
    bool nudge;     /* asks its consumers to republish what it caused */
    int64_t position;
    int64_t sent_ms;  /* steady */
    const char *type; /* static text, or the catalogue's */
    char event_id[TERN_UUID_SIZE], subject[TERN_ID_SIZE], correlation_id[TERN_UUID_SIZE]; /* for the log lines */
};

struct publish_window {
    struct publish_slot *slots; /* owned; `size` of them; sequence n lies in slot n % size */
    size_t size;
    uint64_t first, next; /* under way: [first, next). The slot of `first` is open, or there is none */
    size_t open;          /* open slots: at most next - first */
    int64_t confirmed;    /* new rows confirmed and passed since tern_publish_window_take_confirmed */
};

void tern_publish_window_init(struct publish_window *window, size_t size);
void tern_publish_window_fini(struct publish_window *window);
/* How many more publications fit. A confirm in the middle makes no room: `first` bounds it. */
static inline size_t publish_window_room(const struct publish_window *window)
{
    return window->size - (size_t)(window->next - window->first);
}
/* The slot of a sequence number in [first, next). */
struct publish_slot *tern_publish_window_slot(const struct publish_window *window, uint64_t sequence);
/* Opens the slot of the next sequence number. The window must have room. */
struct publish_slot *tern_publish_window_open(struct publish_window *window, enum publish_kind kind, int64_t position,
                                              int64_t now_ms);
/* The open slot of an event id that was not returned yet, or NULL. */
struct publish_slot *tern_publish_window_find(const struct publish_window *window, const char *event_id);
/* The broker's answer for one slot, which must be open. */
void tern_publish_window_close(struct publish_window *window, struct publish_slot *slot, bool confirmed);
/* Moves `first` over the answered slots. */
void tern_publish_window_pass(struct publish_window *window);
/* The last position, at most `through`, up to which no publication of this kind is open. */
int64_t tern_publish_window_frontier(const struct publish_window *window, enum publish_kind kind, int64_t through);
/* How many new rows were confirmed since the last call. */
int64_t tern_publish_window_take_confirmed(struct publish_window *window);
/* The connection is gone, and with it the answers of all open slots. New rows above the frontier will be published
 * again and count then; confirmed ones up to it count now. Sequence numbers begin at 1 again. */
void tern_publish_window_reset(struct publish_window *window, int64_t frontier);

#endif
