/* publisher_parts.h - what the files of the publisher share, and its two lists.
 *
 * The window is a ring from the broker's sequence numbers to rows of the event log; it lives as long as a connection. The holds
 * are the rows that the broker returned or refused, and the later rows of their subjects behind them, sorted by
 * seq; they outlive connections. Both are plain data of the publisher's thread: no locks, no I/O. */
#ifndef TERN_OUTBOX_PUBLISHER_PARTS_H
#define TERN_OUTBOX_PUBLISHER_PARTS_H

#include "tern/publisher.h"

#include "tern/broker_memory.h"

#include <pthread.h>
#include <stdatomic.h>

/* ---- the window ---------------------------------------------------------------------------------------------- */

struct publish_again;

struct publish_slot {
    int64_t seq, sent_ms;
    const char *type; /* the catalogue's own text */
    char event_id[TERN_UUID_SIZE];
    char subject[TERN_ID_SIZE], correlation_id[TERN_UUID_SIZE];
    bool open;        /* the broker has not answered yet */
    bool confirmed;   /* it has, and well */
    bool returned;    /* came back: what follows is a confirm that means nothing */
    bool held;        /* another try of a held row, or said again: does not move the mark */
    bool control;     /* stands for no row: a beacon, or what somebody is asked for; then it is also `held` */
    bool republished; /* said again, and nobody is asked for an answer */
    struct publish_again *stream; /* said again: by which stream, and its position there; NULL: not */
    int64_t position;
};

struct publish_window {
    struct publish_slot *slots;
    size_t size;
    uint64_t first, next; /* sequences under way: [first, next); the slot of `first` is open unless empty */
    size_t open;
    int64_t settled; /* rows confirmed and passed since it was last asked */
};

void publish_window_init(struct publish_window *window, size_t size);
void publish_window_fini(struct publish_window *window);
static inline size_t publish_window_free(const struct publish_window *window)
{
    return window->size - (size_t)(window->next - window->first);
}
struct publish_slot *publish_window_slot(struct publish_window *window, uint64_t sequence);
/* Opens the next slot; there must be a free one. */
struct publish_slot *publish_window_add(struct publish_window *window);
/* The open slot of an event id, NULL when there is none. */
struct publish_slot *publish_window_find(struct publish_window *window, const char *event_id);
/* The broker's answer for one slot. */
void publish_window_close(struct publish_window *window, struct publish_slot *slot, bool confirmed);
/* Moves `first` over what is answered. */
void publish_window_pass(struct publish_window *window);
/* Every new row up to here is answered; `cursor` when nothing new is under way. */
int64_t publish_window_frontier(struct publish_window *window, int64_t cursor);
/* Another connection: whatever is open is unknown. Sequences begin at 1 again. */
void publish_window_reset(struct publish_window *window, int64_t frontier);

/* ---- what is said again ---------------------------------------------------------------------------------------- */

struct publish_again {
    int64_t cursor;   /* everything up to here was sent or needs not be */
    int64_t mark;     /* everything up to here is done with */
    int64_t told;     /* the mark that was reported */
    int64_t failed;   /* the lowest one that came back; 0: none */
    int64_t retry_ms; /* steady: from then on it, and all after it, are sent again */
    int64_t attempts; /* failures since something was confirmed */
    size_t open;      /* under way */
    bool more;        /* there may be rows that were not read */
    int64_t allowed;  /* how many may be sent now; grows with the time */
    int64_t allowed_ms;
};

/* Everything up to `mark` is done with. */
void publish_again_init(struct publish_again *again, int64_t mark);
/* How many may be sent now, so that new rows find room in the window and the broker is not flooded. */
size_t publish_again_room(struct publish_again *again, const struct publish_window *window, int per_s, int64_t now_ms);
void publish_again_sent(struct publish_again *again, struct publish_slot *slot, int64_t position);
void publish_again_confirmed(struct publish_again *again);
void publish_again_failed(struct publish_again *again, int64_t position, int64_t retry_ms);
/* Goes back to what came back, when its time has come. */
void publish_again_retry(struct publish_again *again, int64_t now_ms);
/* Moves the mark over what is answered. True when it has moved since it was told. */
bool publish_again_pass(struct publish_again *again, struct publish_window *window);
/* The connection is gone: before the window is reset. */
void publish_again_lost(struct publish_again *again, struct publish_window *window);

/* ---- what the broker forgot ------------------------------------------------------------------------------------- */

struct publish_marker {
    const char *queue; /* the catalogue's own text */
    char name[160];
    bool noted;
};

struct publish_memory {
    struct publish_marker markers[TERN_NEWS_QUEUES];
    size_t count;
    int64_t probed_ms;
    struct tern_republish republish; /* what is said again; id 0: nothing */
    struct publish_again stream;     /* its positions are seqs */
    int64_t said;                    /* rows */
};

/* ---- the holds ----------------------------------------------------------------------------------------------- */

enum { PUBLISH_HOLDS_MAX = 2048 }; /* beyond that nothing new is sent: the broker's routes are broken as a whole */

struct publish_held {
    int64_t seq, attempts;
    int64_t next_try_ms; /* steady, as all times here: no jump of the wall clock makes a row wait */
    int64_t since_ms;    /* when it came back for the first time */
    char subject[TERN_ID_SIZE];
    const char *reason; /* return, nack, behind */
    bool behind;        /* an earlier row of its subject is held */
    bool in_flight;     /* tried again right now */
    bool released;      /* confirmed; goes when the writer has been told, and the mark has passed it */
    bool dirty;         /* the writer has not been told the latest */
    bool recorded;      /* the writer has been told something: the mark may pass it */
};

struct publish_holds {
    struct publish_held *items;
    size_t count, room, dirty, released;
};

void publish_holds_fini(struct publish_holds *holds);
struct publish_held *publish_holds_find(struct publish_holds *holds, int64_t seq);
bool publish_holds_has_subject(const struct publish_holds *holds, const char *subject);
/* From the store, at the start: known to the writer already. */
void publish_holds_load(struct publish_holds *holds, const struct tern_outbox_held *row);
/* A row came back (once more), now: tried again at next_try_ms. */
void publish_holds_failed(struct publish_holds *holds, int64_t seq, const char *subject, const char *reason,
                          int64_t now_ms, int64_t next_try_ms);
/* A row that must wait for an earlier one of its subject. */
void publish_holds_behind(struct publish_holds *holds, int64_t seq, const char *subject, int64_t next_try_ms);
/* The broker confirmed it, or it is not in the log any more: the next one of its subject is due at now_ms. */
void publish_holds_release(struct publish_holds *holds, int64_t seq, int64_t now_ms);
/* The connection is gone: nothing is under way, and everything behind the cursor is sent again. */
void publish_holds_reset(struct publish_holds *holds, int64_t cursor, int64_t now_ms);
/* What was returned is due at now_ms. */
void publish_holds_retry_returned(struct publish_holds *holds, int64_t now_ms);
/* Whatever came back is due at now_ms. */
void publish_holds_retry_all(struct publish_holds *holds, int64_t now_ms);
/* That much time did not count. */
void publish_holds_shift(struct publish_holds *holds, int64_t by_ms);
/* Since when the row waits that came back first; INT64_MAX when none does. */
int64_t publish_holds_oldest_ms(const struct publish_holds *holds);
/* The first row that is due, NULL when none. */
struct publish_held *publish_holds_due(struct publish_holds *holds, int64_t now_ms);
/* Lowest seq the writer has not been told of; INT64_MAX when none. */
int64_t publish_holds_lowest_unrecorded(const struct publish_holds *holds);
/* Moves as much news as fits into the progress. */
void publish_holds_report(struct publish_holds *holds, struct tern_publish_progress *progress);
/* Forgets what was released up to the mark: how many rows. What is above it is sent once more after a lost connection. */
size_t publish_holds_pass(struct publish_holds *holds, int64_t mark);

enum { PUBLISH_ASKS = 16 };

/* ---- the publisher ------------------------------------------------------------------------------------------- */

struct tern_publisher {
    struct tern_publisher_settings settings;
    struct tern_amqp *link;
    char *service, *queue_type;
    const struct tern_clock *clock;
    pthread_t thread;

    atomic_int_fast64_t committed;
    bool started;
    atomic_bool again_waits; /* rows to be said again were committed */
    atomic_bool ask_waits;   /* somebody is to be asked for events */
    atomic_bool news_waits;  /* more holds than a progress has room for */
    atomic_bool up;          /* connected and set up */
    atomic_bool owned;       /* the service's queue is ours */
    atomic_bool flushing;    /* only what is new goes out any more */
    atomic_llong stalled_ms; /* since when (steady) something waits and nothing is confirmed; 0: that is not so */
    pthread_mutex_t mutex;
    pthread_cond_t changed;
    /* Under the mutex. */
    struct tern_publish_progress progress;
    struct tern_resend asks[PUBLISH_ASKS];
    size_t ask_count;
    bool has_progress, announced;
    bool idle; /* nothing under way, and everything up to idle_through was sent */
    int64_t idle_through;

    /* The publisher's thread only. */
    struct tern_ids *chance; /* for the jitter */
    struct tern_log *story;  /* lines of a burst of confirms, written at once */
    struct publish_window window;
    struct publish_holds holds;
    struct publish_again again;
    struct publish_memory memory;
    int64_t cursor;  /* every OWN row up to here was sent or held */
    int64_t read_to; /* everything committed up to here was read */
    int64_t mark;
    int64_t now_ms, unblocked_ms, declared_ms;
    int64_t beacon_ms;       /* when the last one was sent */
    int64_t progress_ms;     /* when the broker confirmed something at last, or nothing waited */
    int64_t paused_ms;       /* since when the connection is lost or blocked; 0: it is not */
    int64_t stalled_last_ms; /* when it was stalled at last */
    struct tern_log_quota came_back;
    bool stall_told, blocked, redeclare;
};

enum publish_nudge { PUBLISH_NEW, PUBLISH_NUDGE, PUBLISH_REPUBLISHED };
/* publisher.c: opens a slot for a row, whose meaning the caller notes; whether it is new or held, and so goes out by
 * itself; whether there is room for one more. */
struct publish_slot *publisher_send_row(struct tern_publisher *publisher, const struct tern_log_row *row,
                                        enum publish_nudge nudge, struct tern_error *err);
bool publisher_is_on_its_way(struct tern_publisher *publisher, int64_t seq);
bool publisher_may_send(struct tern_publisher *publisher);

/* publisher_memory.c: what is remembered is read at the start. `recall` is part of a set-up, when the topology stands. */
int publisher_memory_load(struct tern_publisher *publisher, struct tern_error *err);
int publisher_recall(struct tern_publisher *publisher, struct tern_error *err);
/* Now and then, while connected: whether the queues are still those. */
int publisher_probe_markers(struct tern_publisher *publisher, struct tern_error *err);
int publisher_republish(struct tern_publisher *publisher, struct tern_error *err);
/* The mark of the stream has moved to the end of the range, and that is reported. */
void publisher_republish_passed(struct tern_publisher *publisher);

/* publisher_beacon.c: what is not events. */
int publisher_send_control(struct tern_publisher *publisher, struct tern_error *err);

/* publisher_stall.c: whether the broker takes nothing although it is there. After each round; with each confirm; when the
 * connection is lost or stands, and when the broker blocks or does not any more. */
void publisher_stall_watch(struct tern_publisher *publisher);
void publisher_stall_confirmed(struct tern_publisher *publisher);
void publisher_stall_pause(struct tern_publisher *publisher, bool paused);

/* publisher_progress.c: after each round, on the publisher's thread. */
void publisher_report(struct tern_publisher *publisher);

#endif
