/* work.h - a unit of work, the kinds there are, and the queue in which it waits for the writer.
 *
 * Works (deliveries, commands, job outcomes, publishing progress) are submitted from any thread. The writer
 * (service/writer.h) takes what has arrived and runs it as one transaction; each work runs in a savepoint, so that one that
 * fails undoes itself alone. Only after the commit are the works finished: the delivery acknowledged, the HTTP request
 * answered. A store without room fails the whole batch: its works are finished LATER.
 *
 * The queue is the one thing that all parts know of the writer. What a part has to tell a higher one it leaves in its own
 * object and wakes the writer, which passes it on. */
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

struct tern_work_kind {
    const char *name;
    /* Inside the work's savepoint. Sets ctx->conversation itself. */
    enum tern_outcome (*run)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* After a RETRY or REJECT was undone, inside the transaction: keeps what must not be lost. NULL: nothing to keep, the work
     * is finished UNDONE; otherwise it is finished DONE when this returned 0. */
    int (*keep)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* After the end of the transaction; the work is the kind's again (may be freed or queued again). */
    void (*finish)(struct tern_work *work, enum tern_work_end end);
    bool lazy; /* never begins a batch of its own: joins the next one, or waits TERN_LAZY_MS */
};

struct tern_work {
    struct tern_work *next;
    const struct tern_work_kind *kind;
    enum tern_outcome outcome;
    struct tern_error err;
};

enum { TERN_LAZY_MS = 20, TERN_FULL_PAUSE_MS = 500 /* between a batch that was lost and the next */ };

/* ---- one unit ---- */

/* What a unit had done before: a unit that fails is undone to here, in the store, in the log, and in what the context
 * has counted; the rest of the batch stands. One at a time. */
struct tern_unit_start {
    size_t log;
    int64_t emitted, last_seq, jobs_added, timers_set, republished;
};
int tern_unit_begin(struct tern_context *ctx, struct tern_unit_start *ret_start, struct tern_error *err);
int tern_unit_undo(struct tern_context *ctx, const struct tern_unit_start *mark, struct tern_error *err);

/* Something was undone: what was counted may be no more. */
void tern_context_forget_numbers(struct tern_context *ctx);

/* ---- the queue ---- */

struct tern_work_list {
    struct tern_work *first, *last;
};

struct tern_work_queue {
    const struct tern_clock *clock;
    /* Lets a writer without a thread take a step, for whoever waits for a command: the simulation. False: the command will
     * not come to its end. NULL: the writer has its thread. */
    bool (*step)(void *self);
    void *self; /* of `step` */

    struct tern_sync sync; /* guards what follows; only the writer waits for a change */
    struct tern_work_list works;
    size_t waiting;        /* works */
    size_t urgent;         /* of these, works that are not lazy */
    int64_t lazy_until_ms; /* steady: when lazy works stop waiting */
    bool woken, stopping;

    struct tern_work_list requeued; /* of the batch that is being finished; writer thread */
    atomic_bool draining;           /* the service stops: what fails is not submitted anew */
};

/* `clock` outlives the queue. */
void tern_work_init(struct tern_work_queue *queue, const struct tern_clock *clock);
void tern_work_fini(struct tern_work_queue *queue);

/* Any thread; takes the work until it is finished. */
void tern_work_submit(struct tern_work_queue *queue, struct tern_work *work);
/* For `finish` after LATER only: queues the work again, at its old place before everything that came later. */
void tern_work_requeue(struct tern_work_queue *queue, struct tern_work *work);
/* Any thread: takes a work back that has not begun. False when it has: then it will be finished. */
bool tern_work_withdraw(struct tern_work_queue *queue, struct tern_work *work);
/* Any thread: works queued and not begun. */
size_t tern_work_waiting(struct tern_work_queue *queue);
/* Any thread: the writer checks what is due, and what the other parts have to tell. */
void tern_work_wake(struct tern_work_queue *queue);
/* Any thread, once: the service stops. */
void tern_work_drain(struct tern_work_queue *queue);
bool tern_work_draining(const struct tern_work_queue *queue);

/* Blocks the calling thread until the command is committed or undone; takes it back when it has not begun within
 * TERN_COMMAND_DEADLINE_MS. `argument` is used on the writer thread meanwhile. */
enum { TERN_COMMAND_DEADLINE_MS = 5000 };
enum tern_command_result tern_work_command(struct tern_work_queue *queue, tern_command *run, void *argument,
                                           const struct tern_conversation *conversation, struct tern_error *err);

/* ---- for the writer ---- */

/* Takes up to `most` works off the front: a list, or NULL. */
struct tern_work *tern_work_take(struct tern_work_queue *queue, int most, int *ret_count);
/* After a batch is finished: what was requeued goes in front. */
void tern_work_rejoin(struct tern_work_queue *queue);
/* True once after each wake, or several. */
bool tern_work_take_wake(struct tern_work_queue *queue);
/* How long the queue alone would let the writer wait, in ms: 0: something urgent is there; INT64_MAX: nothing is. */
int64_t tern_work_patience(struct tern_work_queue *queue);
/* Waits for a change, but for no longer than most_ms and the queue's own patience; `paused`: than most_ms. False, without
 * any wait: there is something to do. */
bool tern_work_wait(struct tern_work_queue *queue, int64_t most_ms, bool paused);
/* Whether the writer's thread is to end; it does when nothing is queued any more. */
void tern_work_set_stopping(struct tern_work_queue *queue, bool stopping);
bool tern_work_is_stopping(struct tern_work_queue *queue);

#endif
