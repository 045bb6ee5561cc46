/* publish_stall.c - a stall is: something has waited for half a minute, and nothing was confirmed in that time.
 *
 * When the cause is gone, everything that was refused is published at once, and some of it may be refused once more.
 * The end of a stall is therefore logged only after a few calm seconds. Sends nothing and changes no row. */
#include "publish_stall.h"

enum {
    STALLED_AFTER_MS = 30000, /* a healthy quorum queue confirms within milliseconds */
    CALM_MS = 5000            /* so long without a stall before its end is logged */
};

void tern_publish_stall_init(struct publish_stall *stall, struct tern_log *log, int64_t now_ms)
{
    stall->log = log;
    stall->progress_ms = stall->paused_ms = now_ms;
}

void tern_publish_stall_watch(struct publish_stall *stall, int64_t now_ms, size_t open, size_t returned,
                              int64_t oldest_ms)
{
    if (open == 0 && returned == 0) stall->progress_ms = now_ms;
    if (stall->paused_ms != 0) return;
    int64_t since_ms = oldest_ms < stall->progress_ms ? oldest_ms : stall->progress_ms;
    bool stalled = now_ms - since_ms >= STALLED_AFTER_MS;
    atomic_store(&stall->since_ms, stalled ? since_ms : 0);
    if (stalled) stall->stalled_last_ms = now_ms;
    bool lasts = stalled || (stall->logged && now_ms - stall->stalled_last_ms < CALM_MS);
    if (lasts && !stall->logged)
        tern_log_warn(
            stall->log,
            "the broker refuses or does not confirm what is published: a queue bound by somebody else may be full",
            TERN_INT("unconfirmed", open), TERN_INT("refused", returned));
    if (!lasts && stall->logged) tern_log_info(stall->log, "the broker confirms what is published again", TERN_LOG_END);
    stall->logged = lasts;
}

bool tern_publish_stall_confirmed(struct publish_stall *stall, int64_t now_ms)
{
    bool stalled = now_ms - stall->progress_ms >= STALLED_AFTER_MS;
    stall->progress_ms = now_ms;
    return stalled;
}

void tern_publish_stall_pause(struct publish_stall *stall, int64_t now_ms)
{
    if (stall->paused_ms == 0) stall->paused_ms = now_ms;
}

int64_t tern_publish_stall_resume(struct publish_stall *stall, int64_t now_ms)
{
    int64_t paused_ms = stall->paused_ms == 0 ? 0 : now_ms - stall->paused_ms;
    stall->progress_ms += paused_ms;
    stall->paused_ms = 0;
    return paused_ms;
}

int64_t tern_publish_stall_ms(const struct publish_stall *stall, int64_t now_ms)
{
    int64_t since_ms = atomic_load(&stall->since_ms);
    return since_ms == 0 ? 0 : now_ms - since_ms;
}
