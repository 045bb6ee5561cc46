/* work.h - a unit of work, the kinds there are, and the queue in which it waits for the writer.
 *
 * Works (deliveries, commands, job outcomes, publishing progress) are submitted from any thread. The writer
 * (service/writer.h) takes everything that has arrived and runs it as one transaction, each work in a savepoint of its
 * own, so that one that fails is undone alone. Works are finished only after the commit: then the delivery is
 * acknowledged and the HTTP request answered. A store without room fails the whole batch, whose works are finished
 * LATER.
 *
 * The queue is all that other parts know of the writer. News for a higher part stay in the object that has them; it
 * wakes the writer, which passes them on (docs/adr/0014). */
#ifndef TERN_WORK_WORK_H
#define TERN_WORK_WORK_H

#include <stdatomic.h>

#include "common/base/sync.h"
#include "tern/context.h"

struct tern_work;

enum tern_work_end {
    TERN_WORK_DONE,   /* committed */
    TERN_WORK_UNDONE, /* its savepoint was undone: work->outcome and work->err say why; the rest committed */
    TERN_WORK_LATER   /* the store could not commit: nothing changed, work->err says why */
};

/* What is to be done with a work; one constant for each kind. All three run on the writer thread. */
struct tern_work_kind {
    const char *name;
    /* Inside the work's savepoint. Sets ctx->conversation itself. */
    enum tern_outcome (*run)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* Inside the transaction, after a RETRY or REJECT was undone: stores what must not be lost. On 0 the work is
     * finished DONE; -1 loses the whole batch. NULL: there is nothing to keep, the work is finished UNDONE. */
    int (*keep)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* After the end of the transaction. The work is the kind's again: it may be freed or submitted again. */
    void (*finish)(struct tern_work *work, enum tern_work_end end);
    bool lazy; /* does not wake the writer: joins the next batch, or begins one after TERN_LAZY_MS */
};

/* Embedded in what a kind submits, as its first member. Owned by the queue and the writer until it is finished. */
struct tern_work {
    struct tern_work *next; /* in the queue, or in the batch */
    const struct tern_work_kind *kind;
    enum tern_outcome outcome; /* of `run` */
    struct tern_error err;     /* why, unless DONE */
};

enum {
    TERN_LAZY_MS = 20,
    TERN_FULL_PAUSE_MS = 500 /* between a batch that the store refused and the next one */
};

/* ---- one unit ---- */

/* The state before a unit. A unit that fails goes back to it: in the store, in the log, and in the context's counts;
 * the rest of the batch stands. Units do not nest. */
struct tern_unit_start {
    size_t log; /* position in the buffered log */
    int64_t emitted, last_seq, jobs_added, timers_set, republished;
};
/* Opens a savepoint. 0 or -1; the transaction is the caller's. */
int tern_unit_begin(struct tern_context *ctx, struct tern_unit_start *ret_start, struct tern_error *err);
/* Undoes everything since `start`, and the context's event numbers with it. 0 or -1: then the batch is lost. */
int tern_unit_undo(struct tern_context *ctx, const struct tern_unit_start *start, struct tern_error *err);

/* After anything was undone: the next number of each type is read from the log again, so that none is left out. */
void tern_context_forget_numbers(struct tern_context *ctx);

/* ---- the queue ---- */

struct tern_work_list {
    struct tern_work *first, *last;
};

struct tern_work_queue {
    const struct tern_clock *clock;
    /* For the simulation, whose writer has no thread: whoever waits for a command runs a step of the writer by it.
     * False: no step is left and the command will not end. NULL: the writer has its thread. */
    bool (*step)(void *self);
    void *self; /* of `step` */

    struct tern_sync sync; /* guards the next six; only the writer waits on it */
    struct tern_work_list works;
    size_t waiting;        /* works in the list */
    size_t urgent;         /* of these, not lazy */
    int64_t lazy_until_ms; /* steady: then the lazy works of the list begin a batch */
    bool woken;            /* tern_work_wake was called since the last take */
    bool stopping;         /* the writer's thread ends when the list is empty */

    struct tern_work_list requeued; /* given back by the batch that is being finished; writer thread */
    atomic_bool draining;           /* the service stops: failed works are not submitted again */
};

/* `clock` outlives the queue. */
void tern_work_init(struct tern_work_queue *queue, const struct tern_clock *clock);
void tern_work_fini(struct tern_work_queue *queue);

/* Any thread; takes the work until its `finish`. */
void tern_work_submit(struct tern_work_queue *queue, struct tern_work *work);
/* Inside `finish` after LATER only: queues the work again, before everything that was submitted after it. */
void tern_work_requeue(struct tern_work_queue *queue, struct tern_work *work);
/* Any thread: removes a work that the writer has not taken. False: it has, and will finish it. */
bool tern_work_withdraw(struct tern_work_queue *queue, struct tern_work *work);
/* Any thread: works in the queue. */
size_t tern_work_waiting(struct tern_work_queue *queue);
/* Any thread: the writer checks what is due, and collects the news of the other parts. */
void tern_work_wake(struct tern_work_queue *queue);
/* Any thread, once: the service stops. */
void tern_work_drain(struct tern_work_queue *queue);
bool tern_work_draining(const struct tern_work_queue *queue);

enum { TERN_COMMAND_DEADLINE_MS = 5000 };

/* A command, and whoever waits for its end. The submitter's memory, which the writer thread uses meanwhile. */
struct tern_command_work {
    struct tern_work work; /* first: the writer's view of it */
    tern_command *run;
    void *argument;                               /* of `run` */
    const struct tern_conversation *conversation; /* of the events that it emits */

    struct tern_sync sync; /* guards the rest; the submitter waits on it */
    bool finished;
    enum tern_work_end how; /* valid once finished */
};
/* Submits a command of which `run`, `argument` and `conversation` are filled. It must be awaited. */
void tern_work_command_begin(struct tern_work_queue *queue, struct tern_command_work *command);
/* Blocks the calling thread until the command is committed or undone. One that the writer has not taken within
 * TERN_COMMAND_DEADLINE_MS is withdrawn: TERN_UNAVAILABLE. */
enum tern_command_result tern_work_command_await(struct tern_work_queue *queue, struct tern_command_work *command,
                                                 struct tern_error *err);
/* Both, one after the other. */
enum tern_command_result tern_work_command(struct tern_work_queue *queue, tern_command *run, void *argument,
                                           const struct tern_conversation *conversation, struct tern_error *err);

/* ---- for the writer ---- */

/* Takes up to `most` works off the front: a list, or NULL. */
struct tern_work *tern_work_take(struct tern_work_queue *queue, int most, int *ret_count);
/* After a batch is finished: what was requeued goes in front. */
void tern_work_rejoin(struct tern_work_queue *queue);
/* True once after one or more wakes. */
bool tern_work_take_wake(struct tern_work_queue *queue);
/* How long the queue lets the writer wait, in ms. 0: something urgent is queued; INT64_MAX: nothing is. */
int64_t tern_work_patience(struct tern_work_queue *queue);
/* Waits for a change, at most most_ms and at most the queue's patience; `paused` ignores the patience. False: it did
 * not wait, there is something to do. */
bool tern_work_wait(struct tern_work_queue *queue, int64_t most_ms, bool paused);
/* Tells the writer's thread to end once the queue is empty. */
void tern_work_set_stopping(struct tern_work_queue *queue, bool stopping);
bool tern_work_is_stopping(struct tern_work_queue *queue);

#endif
