/* command.c - a work whose submitter waits for its end.
 *
 * A command lives on the caller's stack: the caller waits until it is settled, or takes it back before it has begun.
 * Never touches the writing connection. */
#include <errno.h>
#include <time.h>

#include "work.h"

struct command_work {
    struct tern_work work;
    tern_command *run;
    void *argument;
    const struct tern_conversation *conversation;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool settled; /* under the lock, as `how` */
    enum tern_settled how;
};

static enum tern_outcome run_command(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct command_work *command = (struct command_work *)work;
    ctx->conversation = *command->conversation;
    return command->run(ctx, command->argument, err);
}

static void settle_command(struct tern_work *work, enum tern_settled settled)
{
    struct command_work *command = (struct command_work *)work;
    pthread_mutex_lock(&command->lock);
    command->settled = true;
    command->how = settled;
    pthread_cond_signal(&command->ended); /* under the lock: the waiter's stack goes away after it */
    pthread_mutex_unlock(&command->lock);
}

static const struct tern_work_kind command_kind = {.name = "command", .run = run_command, .settle = settle_command};

/* Waits for the end; takes the command back when it has not begun within the deadline. False: taken back. */
static bool await_end(struct tern_work_queue *queue, struct command_work *command)
{
    struct timespec until;
    bool begun = false;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += TERN_COMMAND_DEADLINE_MS / 1000;
    while (queue->step && !command->settled)
        if (!queue->step(queue->self)) return !tern_work_withdraw(queue, &command->work);
    pthread_mutex_lock(&command->lock);
    while (!command->settled) {
        int waited = begun ? pthread_cond_wait(&command->ended, &command->lock)
                           : pthread_cond_timedwait(&command->ended, &command->lock, &until);
        if (waited != ETIMEDOUT || command->settled) continue;
        pthread_mutex_unlock(&command->lock);
        if (tern_work_withdraw(queue, &command->work)) return false;
        begun = true; /* the writer holds it: its end is near, and the only safe thing to wait for */
        pthread_mutex_lock(&command->lock);
    }
    pthread_mutex_unlock(&command->lock);
    return true;
}

enum tern_command_result tern_work_command(struct tern_work_queue *queue, tern_command *run, void *argument,
                                           const struct tern_conversation *conversation, struct tern_error *err)
{
    struct command_work command = {
        .work.kind = &command_kind, .run = run, .argument = argument, .conversation = conversation};
    enum tern_command_result result = TERN_UNAVAILABLE;
    pthread_condattr_t attributes;
    pthread_mutex_init(&command.lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC); /* a set wall clock makes no wait longer */
    pthread_cond_init(&command.ended, &attributes);
    pthread_condattr_destroy(&attributes);
    tern_work_submit(queue, &command.work);
    if (!await_end(queue, &command)) {
        (void)tern_error_set(err, "the store was busy for %d seconds; nothing was changed",
                             TERN_COMMAND_DEADLINE_MS / 1000);
    } else {
        if (err) *err = command.work.err;
        if (command.how == TERN_SETTLED_DONE) result = TERN_COMMITTED;
        if (command.how == TERN_SETTLED_UNDONE) result = TERN_REFUSED;
    }
    pthread_cond_destroy(&command.ended);
    pthread_mutex_destroy(&command.lock);
    return result;
}
