/* projector.c - the projector's thread: whose turn it is, pages for those that lag, rebuilds one after the other.
 *
 * Invariants: only this thread advances a position, by a command that commits rows and position together; a fold that
 * fails stops its own projection, which is tried again later from its position. Never reads through the writer's
 * connection, never waits under the lock. */
#include "projector.h"

#include <stdlib.h>
#include <string.h>

#include "log_page.h"
#include "projection_store.h"
#include "rebuild.h"
#include "tern/backoff.h"

enum {
    ROOM = 128,            /* events of a page */
    PAUSE_MS = 250,        /* between two pages once it has caught up: what comes meanwhile is folded together */
    RETRY_BASE_MS = 500,   /* after a failure, with back-off */
    CLEAN_AGAIN_MS = 5000, /* after a failure */
    REST_MS = 60000        /* longest sleep */
};

static const struct tern_conversation silent;

/* A projection as it stands. */
struct standing {
    const struct tern_projection *projection;

    /* Guarded by the projector's lock; written by its thread. */
    struct tern_projector_status status; /* progress.behind is worked out when it is asked for */
    int64_t rebuild_since_ms;            /* steady */

    /* Its thread. */
    int64_t failures; /* in a row */
    int64_t retry_ms; /* steady; not before */
    bool cleaned;     /* nothing of a rebuild is left that a crash cut off */
};

struct tern_projector {
    struct tern_projector_settings settings;
    pthread_t thread;
    bool running; /* the thread; of whoever starts and stops */

    struct tern_sync sync; /* guards the next three, and what the standings say */
    int64_t last_seq;      /* of the log, committed */
    bool stopping;
    bool woken; /* something was asked for */

    struct standing *standings; /* owned */
    size_t count;

    /* Its thread. */
    struct tern_log_page page;
    struct tern_rebuild *rebuild; /* of `rebuilding`; NULL: none runs */
    struct standing *rebuilding;
    int64_t rest_ms;  /* steady: no live page before */
    int64_t clean_ms; /* steady: nothing is cleaned up before */
};

struct tern_projector *tern_projector_create(const struct tern_projector_settings *settings, struct tern_error *err)
{
    struct tern_projector *projector = tern_alloc(sizeof *projector);
    projector->settings = *settings;
    projector->last_seq = settings->last_seq;
    tern_sync_init(&projector->sync);
    tern_log_page_init(&projector->page, settings->catalogue, ROOM);
    while (settings->projections[projector->count].name)
        projector->count++;
    projector->standings = tern_alloc(projector->count * sizeof projector->standings[0]);
    for (size_t i = 0; i < projector->count; i++) {
        struct standing *standing = &projector->standings[i];
        standing->projection = standing->status.projection = &settings->projections[i];
        if (standing->projection->in_unit) continue;
        if (tern_projection_position(settings->reader, standing->projection->name, &standing->status.progress.position,
                                     err) == 0)
            continue;
        tern_projector_destroy(projector);
        return NULL;
    }
    return projector;
}

void tern_projector_destroy(struct tern_projector *projector)
{
    if (!projector) return;
    tern_log_page_fini(&projector->page);
    tern_sync_fini(&projector->sync);
    free(projector->standings);
    free(projector);
}

/* ---- a page for a projection that lags ---- */

struct live_page {
    const struct tern_projection *projection;
    const struct tern_log_page *page;
};

static enum tern_outcome fold_live(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct live_page *live = argument;
    const struct tern_projection *projection = live->projection;
    struct tern_fold fold = {.db = ctx->db, .side = TERN_LIVE, .state = tern_alloc(projection->state_size + 1)};
    int status = tern_log_page_fold(live->page, projection, &fold, err);
    if (status == 0 && projection->write) status = projection->write(&fold, true, err);
    if (status == 0) status = tern_projection_save(ctx->db, projection->name, live->page->last_seq, err);
    if (projection->fini) projection->fini(fold.state);
    free(fold.state);
    return status < 0 ? TERN_REJECT : TERN_DONE;
}

static int advance(struct tern_projector *projector, const struct standing *standing, struct tern_error *err)
{
    const struct tern_projector_settings *settings = &projector->settings;
    struct live_page live = {standing->projection, &projector->page};
    if (tern_log_page_read(&projector->page, settings->reader, standing->projection, standing->status.progress.position,
                           err) < 0)
        return -1;
    return tern_work_command(settings->queue, fold_live, &live, &silent, err) == TERN_COMMITTED ? 0 : -1;
}

/* Logged once for each time that it comes to a stand. */
static void note_page(struct tern_projector *projector, struct standing *standing, const struct tern_error *err)
{
    struct tern_projector_status *status = &standing->status;
    bool stood = status->stalled[0] != '\0';
    tern_sync_lock(&projector->sync);
    if (err)
        tern_copy_cut(status->stalled, sizeof status->stalled, err->text);
    else
        status->stalled[0] = '\0';
    if (!err) status->progress.position = projector->page.last_seq;
    tern_sync_unlock(&projector->sync);
    standing->failures = err ? standing->failures + 1 : 0;
    if (err)
        standing->retry_ms = tern_steady(projector->settings.clock) +
                             tern_backoff_ms(RETRY_BASE_MS, standing->failures, (uint64_t)standing->failures);
    if (err && !stood)
        tern_log_error(projector->settings.log, "a projection stands still, and is tried again",
                       TERN_STR("projection", standing->projection->name),
                       TERN_INT("position", status->progress.position), TERN_STR("err", err->text));
    if (!err && stood)
        tern_log_info(projector->settings.log, "a projection goes on",
                      TERN_STR("projection", standing->projection->name));
}

static bool lags(const struct tern_projector *projector, const struct standing *standing, int64_t now_ms)
{
    return !standing->projection->in_unit && standing->status.progress.position < projector->last_seq &&
           (standing->failures == 0 || now_ms >= standing->retry_ms);
}

/* One page for each projection that lags. Whether there was one. */
static bool catch_up(struct tern_projector *projector)
{
    int64_t now_ms = tern_steady(projector->settings.clock);
    bool did = false, more = false;
    for (size_t i = 0; i < projector->count; i++) {
        struct standing *standing = &projector->standings[i];
        struct tern_error err = {0};
        tern_sync_lock(&projector->sync);
        bool due = lags(projector, standing, now_ms);
        tern_sync_unlock(&projector->sync);
        if (!due) continue;
        bool failed = advance(projector, standing, &err) < 0;
        note_page(projector, standing, failed ? &err : NULL);
        more = more || (!failed && projector->page.read == projector->page.room);
        did = true;
    }
    if (did && !more) projector->rest_ms = tern_steady(projector->settings.clock) + PAUSE_MS;
    return did;
}

/* ---- rebuilds ---- */

static void set_rebuild(struct tern_projector *projector, struct standing *standing, enum tern_rebuild_state state,
                        const char *fault)
{
    struct tern_projector_status *status = &standing->status;
    int64_t now_ms = tern_steady(projector->settings.clock);
    tern_sync_lock(&projector->sync);
    if (state == TERN_REBUILD_RUNS && status->rebuild != state) standing->rebuild_since_ms = now_ms;
    status->rebuild = state;
    status->rebuild_ms = now_ms - standing->rebuild_since_ms;
    status->rebuilt_events = projector->rebuild ? tern_rebuild_position(projector->rebuild) : 0;
    if (state == TERN_REBUILD_DONE && !standing->projection->in_unit)
        status->progress.position = status->rebuilt_events;
    tern_copy_cut(status->rebuild_fault, sizeof status->rebuild_fault, fault);
    tern_sync_unlock(&projector->sync);
}

/* What a rebuild has left, before the next one and after each. Whether there was anything to do. */
static bool clean_up(struct tern_projector *projector)
{
    for (size_t i = 0; i < projector->count; i++) {
        struct standing *standing = &projector->standings[i];
        if (standing->cleaned || standing == projector->rebuilding) continue;
        if (tern_steady(projector->settings.clock) < projector->clean_ms) return false;
        int clean = tern_rebuild_clean(standing->projection, projector->settings.queue, NULL);
        standing->cleaned = clean > 0;
        if (clean < 0) projector->clean_ms = tern_steady(projector->settings.clock) + CLEAN_AGAIN_MS; /* a full disk */
        return clean >= 0;
    }
    return false;
}

static void end_rebuild(struct tern_projector *projector, enum tern_rebuild_state state, const struct tern_error *err)
{
    struct standing *standing = projector->rebuilding;
    const char *name = standing->projection->name;
    set_rebuild(projector, standing, state, err->text);
    tern_metric_add(projector->settings.metrics, &TERN_METRIC_projection_rebuilds_total, 1, name,
                    state == TERN_REBUILD_DONE ? "done" : "failed", NULL);
    if (state == TERN_REBUILD_DONE)
        tern_log_info(projector->settings.log, "a projection was rebuilt", TERN_STR("projection", name),
                      TERN_INT("events", standing->status.rebuilt_events), TERN_INT("ms", standing->status.rebuild_ms));
    else
        tern_log_error(projector->settings.log, "a projection was not rebuilt; its tables are as they were",
                       TERN_STR("projection", name), TERN_STR("err", err->text));
    tern_rebuild_destroy(projector->rebuild);
    projector->rebuild = NULL;
    projector->rebuilding = NULL;
    standing->cleaned = false;
}

static struct standing *next_rebuild(struct tern_projector *projector)
{
    struct standing *next = NULL;
    tern_sync_lock(&projector->sync);
    for (size_t i = projector->count; i > 0; i--)
        if (projector->standings[i - 1].status.rebuild == TERN_REBUILD_WAITS) next = &projector->standings[i - 1];
    tern_sync_unlock(&projector->sync);
    return next;
}

/* One step. False: none is wanted. */
static bool rebuild(struct tern_projector *projector)
{
    struct tern_error err = {0};
    if (!projector->rebuild) {
        struct standing *next = next_rebuild(projector);
        if (!next) return false;
        projector->rebuilding = next;
        projector->rebuild = tern_rebuild_begin(next->projection, &projector->settings);
        set_rebuild(projector, next, TERN_REBUILD_RUNS, "");
        tern_log_info(projector->settings.log, "rebuilding a projection",
                      TERN_STR("projection", next->projection->name));
    }
    enum tern_rebuild_state state = tern_rebuild_step(projector->rebuild, &err);
    if (state == TERN_REBUILD_RUNS)
        set_rebuild(projector, projector->rebuilding, state, "");
    else
        end_rebuild(projector, state, &err);
    return true;
}

/* ---- the thread ---- */

bool tern_projector_step(struct tern_projector *projector)
{
    if (!projector) return false;
    bool caught_up = catch_up(projector);
    return clean_up(projector) || rebuild(projector) || caught_up;
}

/* Until the earliest thing that a clock decides. The lock is held. */
static int64_t patience(const struct tern_projector *projector, int64_t now_ms)
{
    int64_t most_ms = REST_MS;
    for (size_t i = 0; i < projector->count; i++) {
        const struct standing *standing = &projector->standings[i];
        if (standing->projection->in_unit || standing->status.progress.position >= projector->last_seq) continue;
        int64_t due_ms = standing->failures > 0 ? standing->retry_ms : projector->rest_ms;
        if (due_ms - now_ms < most_ms) most_ms = due_ms - now_ms;
    }
    for (size_t i = 0; i < projector->count; i++)
        if (!projector->standings[i].cleaned && projector->clean_ms - now_ms < most_ms)
            most_ms = projector->clean_ms - now_ms;
    return most_ms > 0 ? most_ms : 0;
}

/* Sleeps until there is something to do, or it is to stop: false. */
static bool rest(struct tern_projector *projector)
{
    tern_sync_lock(&projector->sync);
    for (;;) {
        int64_t ms = patience(projector, tern_steady(projector->settings.clock));
        if (projector->stopping || projector->woken || ms == 0) break;
        (void)tern_sync_wait_until(&projector->sync, tern_deadline(ms));
    }
    projector->woken = false;
    bool goes_on = !projector->stopping;
    tern_sync_unlock(&projector->sync);
    return goes_on;
}

static bool is_stopping(struct tern_projector *projector)
{
    tern_sync_lock(&projector->sync);
    bool stopping = projector->stopping;
    tern_sync_unlock(&projector->sync);
    return stopping;
}

static void *projector_thread(void *argument)
{
    struct tern_projector *projector = argument;
    while (clean_up(projector) && !is_stopping(projector))
        continue;
    while (rest(projector)) {
        int64_t now_ms = tern_steady(projector->settings.clock);
        do {
            if (now_ms >= projector->rest_ms) (void)catch_up(projector);
            now_ms = tern_steady(projector->settings.clock);
        } while ((clean_up(projector) || rebuild(projector)) && !is_stopping(projector));
    }
    return NULL;
}

int tern_projector_start(struct tern_projector *projector, struct tern_error *err)
{
    if (!projector) return 0;
    int error = tern_thread_start(&projector->thread, "projector", 0, projector_thread, projector);
    if (error) return tern_error_set(err, "the projector's thread could not be started (error %d)", error);
    projector->running = true;
    return 0;
}

static void wake(struct tern_projector *projector)
{
    projector->woken = true;
    tern_sync_signal(&projector->sync);
}

void tern_projector_stop(struct tern_projector *projector)
{
    if (!projector) return;
    if (projector->running) {
        tern_sync_lock(&projector->sync);
        projector->stopping = true;
        wake(projector);
        tern_sync_unlock(&projector->sync);
        pthread_join(projector->thread, NULL);
    }
    projector->running = false;
    tern_rebuild_destroy(projector->rebuild);
    projector->rebuild = NULL;
}

/* Wakes the thread only when it has nothing to do: it finds out by itself what has come since. */
void tern_projector_committed(struct tern_projector *projector, int64_t last_seq)
{
    if (!projector) return;
    tern_sync_lock(&projector->sync);
    if (projector->last_seq < last_seq) {
        projector->last_seq = last_seq;
        tern_sync_signal(&projector->sync);
    }
    tern_sync_unlock(&projector->sync);
}

/* ---- any thread ---- */

enum tern_rebuild_request tern_projector_rebuild(struct tern_projector *projector, const char *name)
{
    enum tern_rebuild_request answer = TERN_REBUILD_UNKNOWN;
    if (!projector) return answer;
    if (tern_projector_rebuilding(projector)) return TERN_REBUILD_RUNS_ALREADY;
    tern_sync_lock(&projector->sync);
    for (size_t i = 0; i < projector->count; i++) {
        struct tern_projector_status *status = &projector->standings[i].status;
        if (name && strcmp(name, status->projection->name) != 0) continue;
        status->rebuild = TERN_REBUILD_WAITS;
        answer = TERN_REBUILD_BEGUN;
    }
    wake(projector);
    tern_sync_unlock(&projector->sync);
    return answer;
}

bool tern_projector_status(struct tern_projector *projector, size_t at, struct tern_projector_status *ret_status)
{
    if (!projector || at >= projector->count) return false;
    tern_sync_lock(&projector->sync);
    *ret_status = projector->standings[at].status;
    if (ret_status->projection->in_unit) ret_status->progress.position = projector->last_seq;
    ret_status->progress.behind = projector->last_seq - ret_status->progress.position;
    tern_sync_unlock(&projector->sync);
    return true;
}

bool tern_projector_rebuilding(struct tern_projector *projector)
{
    struct tern_projector_status status;
    for (size_t i = 0; tern_projector_status(projector, i, &status); i++)
        if (status.rebuild == TERN_REBUILD_WAITS || status.rebuild == TERN_REBUILD_RUNS) return true;
    return false;
}
