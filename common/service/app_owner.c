/* app_owner.c - a running service and the queue that it must own before it does anything to the world outside.
 *
 * Until it was the owner once since its start a service takes no work and begins no job; later a lost broker does not close
 * the door. It closes again when we know that nothing we do is wanted: at the claim of another store, and when the queue
 * has an owner for longer than a lost connection of our own can last. */
#include <string.h>

#include "app.h"

enum { TOLD_AFTER_MS = 1000 }; /* a process that ended a moment ago is not worth a line */

static void begin_standby(struct tern_standby *standby, int64_t now_ms, const char *why)
{
    if (standby->why[0] == '\0') {
        standby->since_ms = now_ms;
        standby->told = false;
    }
    (void)tern_copy(standby->why, sizeof standby->why, why);
}

/* How long the broker has said so; `ret_tell`: it is worth a line now. */
static int64_t stand(struct tern_standby *standby, int64_t now_ms, bool refused, const char *why, bool *ret_tell)
{
    (void)pthread_mutex_lock(&standby->lock);
    begin_standby(standby, now_ms, why);
    int64_t stood_ms = now_ms - standby->since_ms;
    *ret_tell = !standby->told && (refused || stood_ms >= TOLD_AFTER_MS);
    standby->told |= *ret_tell;
    (void)pthread_mutex_unlock(&standby->lock);
    return stood_ms;
}

/* It is no old connection of ours any more that the broker speaks of. */
static void be_displaced(struct tern_app *app, const char *why)
{
    if (atomic_exchange(&app->status.displaced, true) || !atomic_load(&app->status.owned_once)) return;
    tern_log_warn(app->log, "somebody else took its queue, no work is taken in and no job begins",
                  TERN_STR("err", why));
}

void tern_app_stands_by(void *self, bool refused, const char *why)
{
    struct tern_app *app = self;
    bool tell;
    atomic_store(&app->status.declared, true); /* the topology is, or we would not have come so far */
    atomic_store(&app->status.refused, refused);
    int64_t stood_ms = stand(&app->standby, tern_steady(app->ctx.clock), refused, why, &tell);
    if (tell) tern_log_warn(app->log, "does not own its queue", TERN_STR("err", why));
    if (stood_ms >= TERN_CONSUMER_LOST_MS) be_displaced(app, why);
}

static bool end_standby(struct tern_standby *standby)
{
    (void)pthread_mutex_lock(&standby->lock);
    bool told = standby->why[0] != '\0' && standby->told;
    standby->why[0] = '\0';
    (void)pthread_mutex_unlock(&standby->lock);
    return told;
}

static void begin_to_own(struct tern_app *app, bool adopted)
{
    bool waited = end_standby(&app->standby);
    atomic_store(&app->status.refused, false);
    atomic_store(&app->status.displaced, false);
    atomic_store(&app->status.owned_once, true);
    tern_job_lane_wake(app->lane);
    if (adopted)
        tern_log_warn(app->log, "took its queue over from another store", TERN_STR("store", app->store));
    else if (waited)
        tern_log_info(app->log, "owns its queue now", TERN_STR("store", app->store));
}

void tern_app_owned(void *self, bool owned, bool adopted)
{
    struct tern_app *app = self;
    if (owned) begin_to_own(app, adopted);
    tern_metric_set(app->metrics, &TERN_METRIC_queue_owned, owned ? 1 : 0, NULL, NULL);
    tern_publisher_own(app->publisher, owned);
}

int tern_app_standby(struct tern_app *app, char *ret_why)
{
    struct tern_standby *standby = &app->standby;
    (void)pthread_mutex_lock(&standby->lock);
    memcpy(ret_why, standby->why, sizeof standby->why);
    (void)pthread_mutex_unlock(&standby->lock);
    if (ret_why[0] == '\0') return 0;
    return tern_app_may_act(app) ? 1 : 2;
}

bool tern_app_may_act(void *self)
{
    const struct tern_status *status = &((const struct tern_app *)self)->status;
    return atomic_load(&status->owned_once) && !atomic_load(&status->refused) && !atomic_load(&status->displaced);
}

/* ---- what else takes from the queue ---- */

void tern_app_shared(void *self, bool shared)
{
    struct tern_app *app = self;
    atomic_store(&app->status.shared, shared);
    if (shared)
        tern_log_warn(app->log, "somebody else consumes from our queue, what it takes is missing here",
                      TERN_STR("queue", app->service->name));
    else
        tern_log_info(app->log, "nobody else consumes from our queue any more", TERN_STR("queue", app->service->name));
}

const char *tern_app_unguarded(const struct tern_app *app)
{
    const unsigned guards = 1U << TERN_LACKS_OWNER | 1U << TERN_LACKS_CLAIM;
    if (atomic_load(&app->status.shared)) return "somebody else consumes from our queue, what it takes is missing here";
    if ((atomic_load(&app->status.lacking) & guards) == guards)
        return "a second store on this queue will not be noticed: our user of the broker may neither own nor mark it";
    return NULL;
}
