/* app_owner.c - a running service and the queue that it must own before it does anything to the world outside.
 *
 * Until it was the owner once since its start a service takes no work and begins no job; later a lost broker does not close
 * the door. A store that meets the claim of another one knows that nothing it does is wanted: its door closes again. */
#include <string.h>

#include "app.h"

enum {
    TOLD_AFTER_MS = 1000, /* a process that ended a moment ago is not worth a line */
    LOST_ONE_MS = 30000   /* so long a broker may hold the queue of a connection that was cut in silence */
};

static void begin_standby(struct tern_standby *standby, int64_t now_ms, const char *why)
{
    if (standby->why[0] == '\0') {
        standby->since_ms = now_ms;
        standby->told = false;
    }
    (void)tern_copy(standby->why, sizeof standby->why, why);
}

void tern_app_stands_by(void *self, bool refused, const char *why)
{
    struct tern_app *app = self;
    struct tern_standby *standby = &app->standby;
    int64_t now_ms = tern_steady(app->ctx.clock);
    atomic_store(&app->status.declared, true); /* the topology is, or we would not have come so far */
    atomic_store(&app->status.refused, refused);
    (void)pthread_mutex_lock(&standby->lock);
    begin_standby(standby, now_ms, why);
    bool tell = !standby->told && (refused || now_ms - standby->since_ms >= TOLD_AFTER_MS);
    standby->told |= tell;
    (void)pthread_mutex_unlock(&standby->lock);
    if (tell) tern_log_warn(app->log, "does not own its queue", TERN_STR("err", why));
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
    int64_t since_ms = standby->since_ms;
    (void)pthread_mutex_unlock(&standby->lock);
    if (ret_why[0] == '\0') return 0;
    bool may_be_ours = atomic_load(&app->status.owned_once) && !atomic_load(&app->status.refused);
    return may_be_ours && tern_steady(app->ctx.clock) - since_ms < LOST_ONE_MS ? 1 : 2;
}

bool tern_app_may_act(void *self)
{
    const struct tern_app *app = self;
    return atomic_load(&app->status.owned_once) && !atomic_load(&app->status.refused);
}
