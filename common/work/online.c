/* online.c - the time online: one sum, and the steady time up to which it is added, under a lock.
 *
 * It never goes back, in whatever order reports arrive: every change of a flag first adds the time since the last one.
 * Only the steady clock is read, so a wall clock that is set does not move it. */
#include "links.h"

enum { SAVE_MS = 5000 }; /* at most so much is lost in a crash */

static const char load_online[] = "SELECT total_ms FROM online_time WHERE id = 1";
static const char save_online[] = "UPDATE online_time SET total_ms = ?1 WHERE id = 1 AND total_ms < ?1";

/* The three flags that make the service online; the lock keeps them together with the sum. */
static bool both(const struct tern_links *links)
{
    return atomic_load(&links->up[TERN_LINK_CONSUMER]) && atomic_load(&links->up[TERN_LINK_PUBLISHER]) &&
           !atomic_load(&links->blocked);
}

/* The sum up to `steady_ms`. The lock is held. */
static int64_t total(const struct tern_links *links, int64_t steady_ms)
{
    const struct tern_online *online = &links->online;
    return both(links) && steady_ms > online->since_ms ? online->total_ms + steady_ms - online->since_ms
                                                       : online->total_ms;
}

bool tern_links_set_flag(struct tern_links *links, atomic_bool *flag, bool value)
{
    int64_t steady_ms = tern_steady(links->clock);
    (void)pthread_mutex_lock(&links->lock);
    bool before = both(links);
    links->online.total_ms = total(links, steady_ms);
    links->online.since_ms = steady_ms;
    atomic_store(flag, value);
    bool came = !before && both(links);
    (void)pthread_mutex_unlock(&links->lock);
    return came;
}

bool tern_links_online(struct tern_links *links)
{
    (void)pthread_mutex_lock(&links->lock);
    bool now = both(links);
    (void)pthread_mutex_unlock(&links->lock);
    return now;
}

int64_t tern_links_online_ms(struct tern_links *links)
{
    int64_t steady_ms = tern_steady(links->clock);
    (void)pthread_mutex_lock(&links->lock);
    int64_t ms = total(links, steady_ms);
    (void)pthread_mutex_unlock(&links->lock);
    return ms;
}

/* `online` is the writer's alone here: no link reports before the service has started. */
int tern_links_load_online(struct tern_links *links, struct tern_db *db, struct tern_error *err)
{
    struct tern_online *online = &links->online;
    if (tern_online_load(db, &online->saved_ms, err) < 0) return -1;
    online->total_ms = online->saved_ms;
    return 0;
}

int tern_links_save_online(struct tern_links *links, struct tern_context *ctx, struct tern_error *err)
{
    if (ctx->online_ms - links->online.saved_ms < SAVE_MS) return 0;
    if (tern_online_save(ctx->db, ctx->online_ms, err) < 0) return -1;
    links->online.saved_ms = ctx->online_ms;
    return 0;
}

int tern_online_load(struct tern_db *db, int64_t *ret_total_ms, struct tern_error *err)
{
    return tern_db_get_int(db, load_online, TERN_DB_NO_ARGS, ret_total_ms, err) < 0 ? -1 : 0;
}

int tern_online_save(struct tern_db *db, int64_t total_ms, struct tern_error *err)
{
    return tern_db_run(db, save_online, TERN_DB_ARGS(tern_db_int(total_ms)), err) < 0 ? -1 : 0;
}
