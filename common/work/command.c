/* command.c - a work whose submitter waits for its end.
 *
 * A command lives in the submitter's memory. The submitter therefore never returns while the writer may still use it: it
 * waits for the end, or withdraws the work before the writer has taken it. Never touches the writing connection. */
#include "work.h"

static enum tern_outcome run_command(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct tern_command_work *command = (struct tern_command_work *)work;
    ctx->conversation = *command->conversation;
    return command->run(ctx, command->argument, err);
}

static void finish_command(struct tern_work *work, enum tern_work_end end)
{
    struct tern_command_work *command = (struct tern_command_work *)work;
    tern_sync_lock(&command->sync);
    command->finished = true;
    command->how = end;
    tern_sync_signal(&command->sync); /* under the lock: once released, the waiter may return, and `command` is gone */
    tern_sync_unlock(&command->sync);
}

static const struct tern_work_kind command_kind = {.name = "command", .run = run_command, .finish = finish_command};

/* Waits until the command is finished. One that the writer has not taken by the deadline is withdrawn: false. */
static bool await_end(struct tern_work_queue *queue, struct tern_command_work *command)
{
    const struct timespec deadline = tern_deadline(TERN_COMMAND_DEADLINE_MS);
    while (queue->step && !command->finished)
        if (!queue->step(queue->self)) return !tern_work_withdraw(queue, &command->work);
    tern_sync_lock(&command->sync);
    while (!command->finished && tern_sync_wait_until(&command->sync, deadline))
        continue;
    bool late = !command->finished;
    tern_sync_unlock(&command->sync);
    if (!late) return true;
    if (tern_work_withdraw(queue, &command->work)) return false;
    /* The writer has it and uses our memory: only its end makes a return safe. One batch is short. */
    tern_sync_lock(&command->sync);
    while (!command->finished)
        tern_sync_wait(&command->sync);
    tern_sync_unlock(&command->sync);
    return true;
}

void tern_work_command_begin(struct tern_work_queue *queue, struct tern_command_work *command)
{
    command->work = (struct tern_work){.kind = &command_kind};
    command->finished = false;
    tern_sync_init(&command->sync);
    tern_work_submit(queue, &command->work);
}

enum tern_command_result tern_work_command_await(struct tern_work_queue *queue, struct tern_command_work *command,
                                                 struct tern_error *err)
{
    enum tern_command_result result = TERN_UNAVAILABLE;
    if (!await_end(queue, command)) {
        (void)tern_error_set(err, "the store was busy for %d seconds; nothing was changed",
                             TERN_COMMAND_DEADLINE_MS / 1000);
    } else {
        if (err) *err = command->work.err;
        if (command->how == TERN_WORK_DONE) result = TERN_COMMITTED;
        if (command->how == TERN_WORK_UNDONE) result = TERN_REFUSED;
    }
    tern_sync_fini(&command->sync);
    return result;
}

enum tern_command_result tern_work_command(struct tern_work_queue *queue, tern_command *run, void *argument,
                                           const struct tern_conversation *conversation, struct tern_error *err)
{
    struct tern_command_work command = {.run = run, .argument = argument, .conversation = conversation};
    tern_work_command_begin(queue, &command);
    return tern_work_command_await(queue, &command, err);
}
