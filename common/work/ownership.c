/* ownership.c - whether the service owns its queue, which it must before it acts on the outside world (docs/adr/0011).
 *
 * A service accepts no work and begins no job until it has owned its queue once since its start. Losing the broker
 * later changes nothing: the store's lock still keeps a second process away. It stops again when another store has
 * claimed the queue, or when somebody else has owned it for longer than a lost connection of our own can last. */
#include <string.h>

#include "links.h"

enum { REPORTED_AFTER_MS = 1000 }; /* a restart meets the old process's connection for a moment: not worth a line */

void tern_links_stands_by(struct tern_links *links, bool refused, const char *why)
{
    struct tern_standby *standby = &links->standby;
    int64_t now_ms = tern_steady(links->clock);
    atomic_store(&links->declared, true); /* the queue is asked for only after the topology was declared */
    atomic_store(&links->refused, refused);
    (void)pthread_mutex_lock(&links->lock);
    if (standby->why[0] == '\0') {
        standby->since_ms = now_ms;
        standby->reported = false;
    }
    tern_copy_cut(standby->why, sizeof standby->why, why);
    int64_t stood_ms = now_ms - standby->since_ms;
    bool report = !standby->reported && (refused || stood_ms >= REPORTED_AFTER_MS);
    standby->reported |= report;
    (void)pthread_mutex_unlock(&links->lock);
    if (report) tern_log_warn(links->log, "does not own its queue", TERN_STR("err", why));
    if (stood_ms < TERN_LOST_LINK_MS) return;
    /* An old connection of ours would be gone by now. */
    if (!atomic_exchange(&links->displaced, true) && atomic_load(&links->owned_once))
        tern_log_warn(links->log, "somebody else took its queue, no work is taken in and no job begins",
                      TERN_STR("err", why));
}

/* Clears every reason against acting, and wakes the writer, which tells worker and timers. */
static void begin_to_own(struct tern_links *links, bool adopted)
{
    struct tern_standby *standby = &links->standby;
    (void)pthread_mutex_lock(&links->lock);
    bool waited = standby->why[0] != '\0' && standby->reported;
    standby->why[0] = '\0';
    (void)pthread_mutex_unlock(&links->lock);
    atomic_store(&links->refused, false);
    atomic_store(&links->displaced, false);
    atomic_store(&links->owned_once, true);
    atomic_store(&links->owned_news, true);
    tern_work_wake(links->queue);
    if (adopted)
        tern_log_warn(links->log, "took its queue over from another store", TERN_STR("store", links->store));
    else if (waited)
        tern_log_info(links->log, "owns its queue now", TERN_STR("store", links->store));
}

void tern_links_owned(struct tern_links *links, bool owned, bool adopted)
{
    if (owned) begin_to_own(links, adopted);
    tern_metric_set(links->metrics, &TERN_METRIC_queue_owned, owned ? 1 : 0, NULL, NULL);
}

bool tern_links_take_owned(struct tern_links *links)
{
    return atomic_exchange(&links->owned_news, false);
}

int tern_links_standby(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE])
{
    const struct tern_standby *standby = &links->standby;
    (void)pthread_mutex_lock(&links->lock);
    memcpy(ret_why, standby->why, sizeof standby->why);
    (void)pthread_mutex_unlock(&links->lock);
    if (ret_why[0] == '\0') return 0;
    return tern_links_may_act(links) ? 1 : 2;
}

bool tern_links_may_act(const struct tern_links *links)
{
    return atomic_load(&links->owned_once) && !atomic_load(&links->refused) && !atomic_load(&links->displaced);
}

/* ---- what else takes from the queue ---- */

void tern_links_shared(struct tern_links *links, bool shared)
{
    atomic_store(&links->shared, shared);
    if (shared)
        tern_log_warn(links->log, "somebody else consumes from our queue, what it takes is missing here",
                      TERN_STR("queue", links->service));
    else
        tern_log_info(links->log, "nobody else consumes from our queue any more", TERN_STR("queue", links->service));
}

const char *tern_links_unguarded(const struct tern_links *links)
{
    const unsigned guards = 1U << TERN_LACKS_OWNER | 1U << TERN_LACKS_CLAIM; /* either one notices a second store */
    if (atomic_load(&links->shared)) return "somebody else consumes from our queue, what it takes is missing here";
    if ((atomic_load(&links->lacking) & guards) == guards)
        return "a second store on this queue will not be noticed: our user of the broker may neither own nor mark it";
    return NULL;
}
