/* writer.h - the writer: the one thread that changes the store, many units of work per transaction.
 *
 * Works (deliveries, commands, job outcomes, publishing progress) are queued from any thread. The writer takes
 * what has arrived, up to batch_max, and runs it as one transaction with one flush of the disk; each work runs in
 * a savepoint, so that one that fails undoes itself alone. Only after the commit are the works settled: the
 * delivery acknowledged, the HTTP request answered, the lanes woken. A store without room fails the whole
 * batch (settled LATER); a broken store is handed to `fatal`, which must not return. */
#ifndef TERN_SERVICE_WRITER_H
#define TERN_SERVICE_WRITER_H

#include "tern/context.h"

struct tern_writer;
struct tern_work;

enum tern_settled {
    TERN_SETTLED_DONE,   /* committed */
    TERN_SETTLED_UNDONE, /* its savepoint was undone: work->outcome and work->err say why; the rest committed */
    TERN_SETTLED_LATER   /* the store could not commit: nothing changed, work->err says why */
};

struct tern_work_kind {
    const char *name;
    /* Inside the work's savepoint. Sets ctx->conversation itself. */
    enum tern_outcome (*run)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* After a RETRY or REJECT was undone, inside the transaction: keeps what must not be lost. NULL: nothing to keep, the work
     * is settled UNDONE; otherwise it is settled DONE when this returned 0. */
    int (*keep)(struct tern_context *ctx, struct tern_work *work, struct tern_error *err);
    /* After the end of the transaction; the work is the kind's again (may be freed or queued again). */
    void (*settle)(struct tern_work *work, enum tern_settled settled);
    bool lazy; /* never begins a batch of its own: joins the next one, or waits TERN_LAZY_MS */
};

struct tern_work {
    struct tern_work *next;
    const struct tern_work_kind *kind;
    enum tern_outcome outcome;
    struct tern_error err;
};

enum { TERN_LAZY_MS = 20, TERN_FULL_PAUSE_MS = 500, TERN_JUMP_MS = 60000 };

/* What a unit had done before: a unit that fails is undone to here, in the store, in the log, and in what the context
 * has counted; the rest of the batch stands. One at a time. */
struct tern_unit_mark {
    size_t log;
    int64_t emitted, last_seq, jobs_added, timers_set, said_again;
};
int tern_unit_begin(struct tern_context *ctx, struct tern_unit_mark *ret_mark, struct tern_error *err);
int tern_unit_undo(struct tern_context *ctx, const struct tern_unit_mark *mark, struct tern_error *err);

/* What the runtime wants to hear, all on the writer thread. */
struct tern_writer_owner {
    /* Runs one piece of work that is due by the clock inside the open batch: 1 when it did one, 0 when none is due, -1:
     * the store failed. */
    int (*due)(void *self, struct tern_context *ctx, struct tern_error *err);
    /* When something will be due: wall ms, INT64_MAX = nothing. Asked after `due` ran, after timers were set, and after a
     * batch that failed; always when the works are settled. */
    int64_t (*next_due)(void *self, struct tern_context *ctx);
    /* Inside a batch, before its works: sets ctx->online_ms, keeps what must not be lost. -1: the store failed. May be NULL. */
    int (*begun)(void *self, struct tern_context *ctx, struct tern_error *err);
    /* Inside a batch, after its works: writes what they have gathered. -1: the store failed. May be NULL. */
    int (*ending)(void *self, struct tern_context *ctx, struct tern_error *err);
    /* Inside a batch: the wall clock has jumped by more than a minute since the last one. -1: the store failed. May be
     * NULL. */
    int (*jumped)(void *self, struct tern_context *ctx, int64_t by_ms, struct tern_error *err);
    /* After a commit, before the works are settled. */
    void (*committed)(void *self, const struct tern_context *ctx, int units);
    /* The store took nothing of the batch; before the works are settled LATER. */
    void (*failed)(void *self);
    /* After the works are settled; outside any transaction. True: `next_due` may say something else now. */
    bool (*settled)(void *self);
    /* The store is broken: stop the process. */
    void (*fatal)(void *self, const struct tern_error *err);
    void *self;
};

/* `ctx` is used on the writer thread only from the start on. */
struct tern_writer *tern_writer_create(struct tern_context *ctx, const struct tern_writer_owner *owner, int batch_max);
void tern_writer_destroy(struct tern_writer *writer);
int tern_writer_start(struct tern_writer *writer, struct tern_error *err);
/* Runs everything queued, then ends the thread. What is queued after that is run, on the calling thread, by another
 * call: once nobody submits any more, a last one leaves nothing behind. */
void tern_writer_stop(struct tern_writer *writer);
/* Any thread; takes the work until it is settled. */
void tern_writer_submit(struct tern_writer *writer, struct tern_work *work);
/* For `settle` after LATER only: queues the work again, at its old place before everything that came later. */
void tern_writer_again(struct tern_writer *writer, struct tern_work *work);
/* Any thread: takes a work back that has not begun. False when it has: then it will be settled. */
bool tern_writer_withdraw(struct tern_writer *writer, struct tern_work *work);
/* Works queued and not begun. */
size_t tern_writer_waiting(struct tern_writer *writer);
/* One batch on the calling thread, for single-threaded use (tests, simulation). Returns how many works were taken. */
int tern_writer_step(struct tern_writer *writer);
/* How long the thread would wait now before its next batch, in ms; 0: it would not. */
int64_t tern_writer_patience(struct tern_writer *writer);

#endif
