/* online.c - one sum and one mark under a lock.
 *
 * It never goes back, whatever is said in whatever order. It does not save itself. */
#include "online.h"

void tern_online_init(struct tern_online *online, int64_t total_ms)
{
    *online = (struct tern_online){.total_ms = total_ms};
    TERN_ASSERT(pthread_mutex_init(&online->lock, NULL) == 0, "a mutex can be made");
}

void tern_online_fini(struct tern_online *online)
{
    (void)pthread_mutex_destroy(&online->lock);
}

static bool both(const struct tern_online *online)
{
    return online->up[TERN_ONLINE_CONSUMER] && online->up[TERN_ONLINE_PUBLISHER];
}

static int64_t total(const struct tern_online *online, int64_t steady_ms)
{
    return both(online) && steady_ms > online->since_ms ? online->total_ms + steady_ms - online->since_ms
                                                        : online->total_ms;
}

bool tern_online_set(struct tern_online *online, enum tern_online_link link, bool up, int64_t steady_ms)
{
    (void)pthread_mutex_lock(&online->lock);
    bool before = both(online);
    online->total_ms = total(online, steady_ms);
    online->since_ms = steady_ms;
    online->up[link] = up;
    bool came = !before && both(online);
    (void)pthread_mutex_unlock(&online->lock);
    return came;
}

bool tern_online_now(struct tern_online *online)
{
    (void)pthread_mutex_lock(&online->lock);
    bool now = both(online);
    (void)pthread_mutex_unlock(&online->lock);
    return now;
}

int64_t tern_online_ms(struct tern_online *online, int64_t steady_ms)
{
    (void)pthread_mutex_lock(&online->lock);
    int64_t ms = total(online, steady_ms);
    (void)pthread_mutex_unlock(&online->lock);
    return ms;
}
