/* app.c - what routes and jobs may ask of a running service: commands, read connections, whether work is accepted.
 *
 * Any thread. Nothing here touches the writing connection. */
#include "app.h"
#include "common/store/store.h"

#include <string.h>

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

enum tern_command_result tern_app_command(struct tern_app *app, tern_command *run, void *argument,
                                          const struct tern_conversation *conversation, struct tern_error *err)
{
    return tern_work_command(&app->queue, run, argument, conversation, err);
}

void tern_app_unavailable(struct tern_http_answer *answer, const struct tern_error *err)
{
    tern_http_problem(answer, 503, "Service unavailable", "%s", err->text[0] ? err->text : "try again in a moment");
    tern_http_set_header(answer, "Retry-After", "%d", 2);
}

/* ---- whether work is accepted ---- */

static bool refuse(struct tern_error *err, const char *why)
{
    (void)tern_error_set(err, "%s", why);
    return false;
}

/* Checked before a request becomes a command: work that is accepted will be committed, and published in the end. */
bool tern_app_accepts(struct tern_app *app, struct tern_error *err)
{
    char why[TERN_SENTENCE_SIZE];
    if (tern_work_draining(&app->queue)) return refuse(err, "the service is stopping");
    if (!tern_links_may_act(&app->links))
        return refuse(err, tern_links_standby(&app->links, why) > 0
                               ? why
                               : "the broker was not reached since the start; nothing is taken in before");
    if (atomic_load(&app->status.store_refused) || atomic_load(&app->status.disk_low))
        return refuse(err, "the store has no room");
    const char *fault = tern_backlog_fault(&app->backlog);
    if (!fault) return true;
    (void)tern_error_set(err, "%s; no more can be taken in now", fault);
    return false;
}

int64_t tern_app_backlog(const struct tern_app *app)
{
    return atomic_load(&app->backlog.pending);
}

/* ---- read connections ---- */

int tern_readers_init(struct tern_readers *readers, const char *url)
{
    memset(readers, 0, sizeof *readers);
    readers->url = url;
    tern_sync_init(&readers->sync);
    return 0;
}

void tern_readers_fini(struct tern_readers *readers)
{
    if (!readers->url) return;
    TERN_ASSERT(readers->idle_count == readers->open_count, "every read connection was given back before the end");
    for (int i = 0; i < readers->idle_count; i++)
        tern_db_close(readers->idle[i]);
    tern_sync_fini(&readers->sync);
    readers->url = NULL;
}

/* An idle connection, a new one, or the next that is given back. */
struct tern_db *tern_app_reader(struct tern_app *app, struct tern_error *err)
{
    struct tern_readers *readers = &app->readers;
    const struct timespec deadline = tern_deadline(TERN_COMMAND_DEADLINE_MS);
    struct tern_db *db = NULL;
    tern_sync_lock(&readers->sync);
    while (readers->idle_count == 0 && readers->open_count == TERN_READERS) {
        if (tern_sync_wait_until(&readers->sync, deadline)) continue;
        tern_sync_unlock(&readers->sync);
        (void)tern_error_set(err, "every read connection was busy for %d seconds", TERN_COMMAND_DEADLINE_MS / 1000);
        return NULL;
    }
    if (readers->idle_count > 0)
        db = readers->idle[--readers->idle_count];
    else
        readers->open_count++;
    tern_sync_unlock(&readers->sync);
    /* Without the lock: opening reads the disk, and others need not wait for that. Its place is counted already. */
    if (db || tern_db_open_reader(readers->url, &db, err) == 0) return db;
    tern_sync_lock(&readers->sync);
    readers->open_count--;
    tern_sync_signal(&readers->sync);
    tern_sync_unlock(&readers->sync);
    return NULL;
}

void tern_app_reader_done(struct tern_app *app, struct tern_db *db)
{
    struct tern_readers *readers = &app->readers;
    struct tern_error err = {0};
    if (!db) return;
    bool broken = tern_db_is_broken(db);
    if (broken) tern_db_close(db);
    tern_sync_lock(&readers->sync);
    if (broken)
        readers->open_count--;
    else
        readers->idle[readers->idle_count++] = db;
    tern_sync_signal(&readers->sync);
    tern_sync_unlock(&readers->sync);
    if (!broken) return;
    /* It has seen damage or a failing disk, and every other connection reads the same files. */
    (void)tern_error_fault(&err, TERN_FAULT_BROKEN, "a request could not be read from the store");
    tern_fatal(&app->fatal, &err);
}
