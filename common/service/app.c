/* app.c - what routes and jobs may ask of a running service: commands, read connections, whether the door is open.
 *
 * A command lives on the caller's stack: the caller waits until it is settled, or takes it back before it has begun.
 * Nothing here touches the writing connection. */
#include "app.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

void *tern_app_self(const struct tern_app *app)
{
    return app->self;
}
const struct tern_config *tern_app_config(const struct tern_app *app)
{
    return app->config;
}
const struct tern_clock *tern_app_clock(const struct tern_app *app)
{
    return app->ctx.clock;
}
struct tern_ids *tern_app_ids(const struct tern_app *app)
{
    return app->ids;
}
struct tern_log *tern_app_log(const struct tern_app *app)
{
    return app->log;
}
struct tern_metrics *tern_app_metrics(const struct tern_app *app)
{
    return app->metrics;
}

/* ---- commands ---- */

struct command_work {
    struct tern_work work;
    tern_command *run;
    void *argument;
    const struct tern_conversation *conversation;
    pthread_mutex_t lock;
    pthread_cond_t ended;
    bool settled;
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

/* Whatever somebody does to the wall clock, a wait is as long as it says. */
static void init_condition(pthread_cond_t *condition)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(condition, &attributes);
    pthread_condattr_destroy(&attributes);
}

static struct timespec deadline(int64_t ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += ms / 1000;
    until.tv_nsec += (ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    return until;
}

/* Waits for the end; takes the command back when it has not begun within the deadline. False: taken back. */
static bool await_end(struct tern_app *app, struct command_work *command)
{
    struct timespec until = deadline(TERN_COMMAND_DEADLINE_MS);
    bool begun = false;
    while (app->seams.step && !command->settled)
        if (!app->seams.step(app->seams.self)) return !tern_writer_withdraw(app->writer, &command->work);
    pthread_mutex_lock(&command->lock);
    while (!command->settled) {
        int waited = begun ? pthread_cond_wait(&command->ended, &command->lock)
                           : pthread_cond_timedwait(&command->ended, &command->lock, &until);
        if (waited != ETIMEDOUT || command->settled) continue;
        pthread_mutex_unlock(&command->lock);
        if (tern_writer_withdraw(app->writer, &command->work)) return false;
        begun = true; /* the writer holds it: its end is near, and the only safe thing to wait for */
        pthread_mutex_lock(&command->lock);
    }
    pthread_mutex_unlock(&command->lock);
    return true;
}

enum tern_command_result tern_app_command(struct tern_app *app, tern_command *run, void *argument,
                                          const struct tern_conversation *conversation, struct tern_error *err)
{
    struct command_work command = {
        .work.kind = &command_kind, .run = run, .argument = argument, .conversation = conversation};
    enum tern_command_result result = TERN_UNAVAILABLE;
    pthread_mutex_init(&command.lock, NULL);
    init_condition(&command.ended);
    tern_writer_submit(app->writer, &command.work);
    if (!await_end(app, &command)) {
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

void tern_app_unavailable(struct tern_http_answer *answer, const struct tern_error *err)
{
    tern_http_problem(answer, 503, "Service unavailable", "%s", err->text[0] ? err->text : "try again in a moment");
    tern_http_set_header(answer, "Retry-After", "%d", 2);
}

/* ---- what waits for the broker ---- */

void tern_app_note_oldest(struct tern_app *app, int64_t logged_at_ms)
{
    int64_t age_ms = tern_now(app->ctx.clock) - logged_at_ms;
    atomic_store(&app->status.oldest_ms, tern_steady(app->ctx.clock) - (age_ms > 0 ? age_ms : 0));
}

int64_t tern_app_oldest_age_ms(const struct tern_app *app)
{
    if (atomic_load(&app->status.pending) <= 0) return 0;
    int64_t age_ms = tern_steady(app->ctx.clock) - atomic_load(&app->status.oldest_ms);
    return age_ms > 0 ? age_ms : 0;
}

const char *tern_app_backlog_fault(const struct tern_app *app)
{
    if (atomic_load(&app->status.pending) >= app->backlog_max) return "too many events wait for the broker";
    if (app->backlog_max_age_ms > 0 && tern_app_oldest_age_ms(app) >= app->backlog_max_age_ms)
        return "an event has waited too long for the broker";
    return NULL;
}

static bool refuse_work(struct tern_app *app, struct tern_error *err)
{
    char why[TERN_SENTENCE_SIZE];
    if (tern_app_standby(app, why) == 0)
        (void)tern_copy(why, sizeof why, "the broker was not reached since the start; nothing is taken in before");
    return tern_error_set(err, "%s", why) == 0;
}

bool tern_app_accepts(struct tern_app *app, struct tern_error *err)
{
    if (atomic_load(&app->status.draining)) return tern_error_set(err, "the service is stopping") == 0;
    if (!tern_app_may_act(app)) return refuse_work(app, err);
    if (atomic_load(&app->status.store_refused) || atomic_load(&app->status.disk_low))
        return tern_error_set(err, "the store has no room") == 0;
    const char *fault = tern_app_backlog_fault(app);
    if (fault) return tern_error_set(err, "%s; no more can be taken in now", fault) == 0;
    return true;
}

/* ---- read connections ---- */

int tern_readers_init(struct tern_readers *readers, const char *url)
{
    memset(readers, 0, sizeof *readers);
    readers->url = url;
    pthread_mutex_init(&readers->lock, NULL);
    init_condition(&readers->given_back);
    return 0;
}

void tern_readers_fini(struct tern_readers *readers)
{
    if (!readers->url) return;
    TERN_ASSERT(readers->idle_count == readers->open_count, "every read connection was given back before the end");
    for (int i = 0; i < readers->idle_count; i++)
        tern_db_close(readers->idle[i]);
    pthread_cond_destroy(&readers->given_back);
    pthread_mutex_destroy(&readers->lock);
    readers->url = NULL;
}

/* A place in the pool is free again; the lock is held. */
static void leave_pool(struct tern_readers *readers)
{
    readers->open_count--;
    pthread_cond_signal(&readers->given_back);
}

/* For a place that is taken already: opening reads the disk, and nobody else is to wait for that. */
static struct tern_db *open_for_pool(struct tern_readers *readers, struct tern_error *err)
{
    struct tern_db *db = NULL;
    if (tern_db_open_reader(readers->url, &db, err) == 0) return db;
    pthread_mutex_lock(&readers->lock);
    leave_pool(readers);
    pthread_mutex_unlock(&readers->lock);
    return NULL;
}

struct tern_db *tern_app_reader(struct tern_app *app, struct tern_error *err)
{
    struct tern_readers *readers = &app->readers;
    struct timespec until = deadline(TERN_COMMAND_DEADLINE_MS);
    struct tern_db *db = NULL;
    pthread_mutex_lock(&readers->lock);
    while (readers->idle_count == 0 && readers->open_count == TERN_READERS) {
        if (pthread_cond_timedwait(&readers->given_back, &readers->lock, &until) != ETIMEDOUT) continue;
        pthread_mutex_unlock(&readers->lock);
        (void)tern_error_set(err, "every read connection was busy for %d seconds", TERN_COMMAND_DEADLINE_MS / 1000);
        return NULL;
    }
    if (readers->idle_count > 0)
        db = readers->idle[--readers->idle_count];
    else
        readers->open_count++;
    pthread_mutex_unlock(&readers->lock);
    return db ? db : open_for_pool(readers, err);
}

/* A connection that saw damage or a failing disk answers nothing any more, and what it saw is true for all of them. */
static void drop_broken(struct tern_app *app, struct tern_db *db)
{
    struct tern_error err = {0};
    tern_db_close(db);
    pthread_mutex_lock(&app->readers.lock);
    leave_pool(&app->readers);
    pthread_mutex_unlock(&app->readers.lock);
    (void)tern_error_fault(&err, TERN_FAULT_BROKEN, "a request could not be read from the store");
    app->fatal(app, &err);
}

void tern_app_reader_done(struct tern_app *app, struct tern_db *db)
{
    struct tern_readers *readers = &app->readers;
    if (!db) return;
    if (tern_db_is_broken(db)) {
        drop_broken(app, db);
        return;
    }
    pthread_mutex_lock(&readers->lock);
    readers->idle[readers->idle_count++] = db;
    pthread_cond_signal(&readers->given_back);
    pthread_mutex_unlock(&readers->lock);
}
