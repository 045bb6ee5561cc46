/* publisher_stall.c - notices that the broker takes nothing although it is there, and says so once.
 *
 * A broker confirms an event when every queue that it goes to has taken it, those of strangers too: a full one that refuses, or
 * one whose process hangs, stops every publisher of the exchange. Time without a connection, and time in which the broker has said
 * that it takes nothing, does not count: that is told elsewhere. */
#include "publisher_parts.h"

enum { STALLED_AFTER_MS = 30000, CALM_MS = 5000 };

static bool is_waiting(const struct tern_publisher *publisher)
{
    return publisher->window.open > 0 || publisher->holds.count > publisher->holds.released;
}

/* Since when nothing was confirmed, or the oldest row is refused that came back. */
static int64_t waiting_since(const struct tern_publisher *publisher)
{
    int64_t oldest_ms = publish_holds_oldest_ms(&publisher->holds);
    return oldest_ms < publisher->progress_ms ? oldest_ms : publisher->progress_ms;
}

static void say(struct tern_publisher *publisher, bool stalled)
{
    if (stalled)
        tern_log_warn(
            publisher->settings.log,
            "the broker refuses or does not confirm what is published: a queue bound by somebody else may be full",
            TERN_INT("unconfirmed", publisher->window.open), TERN_INT("refused", publisher->holds.count));
    else
        tern_log_info(publisher->settings.log, "the broker confirms what is published again", TERN_LOG_END);
}

/* When the cause is gone, all that was refused goes out at once, and some of it comes back: the end is told when it lasts. */
static void tell(struct tern_publisher *publisher, bool stalled)
{
    if (stalled) publisher->stalled_last_ms = publisher->now_ms;
    bool told = stalled || (publisher->stall_told && publisher->now_ms - publisher->stalled_last_ms < CALM_MS);
    if (told != publisher->stall_told) say(publisher, told);
    publisher->stall_told = told;
}

void publisher_stall_watch(struct tern_publisher *publisher)
{
    if (!is_waiting(publisher)) publisher->progress_ms = publisher->now_ms;
    if (publisher->blocked) return;
    int64_t since_ms = waiting_since(publisher);
    bool stalled = publisher->now_ms - since_ms >= STALLED_AFTER_MS;
    atomic_store(&publisher->stalled_ms, stalled ? since_ms : 0);
    tell(publisher, stalled);
}

/* What was refused for long has back-offs of minutes: the first confirm is a reason to try it all at once. */
void publisher_stall_confirmed(struct tern_publisher *publisher)
{
    if (publisher->now_ms - publisher->progress_ms >= STALLED_AFTER_MS)
        publish_holds_retry_all(&publisher->holds, publisher->now_ms);
    publisher->progress_ms = publisher->now_ms;
}

void publisher_stall_pause(struct tern_publisher *publisher, bool paused)
{
    int64_t now_ms = tern_steady(publisher->clock);
    if (paused && publisher->paused_ms == 0) publisher->paused_ms = now_ms;
    if (paused || publisher->paused_ms == 0) return;
    publisher->progress_ms += now_ms - publisher->paused_ms;
    publish_holds_shift(&publisher->holds, now_ms - publisher->paused_ms);
    publisher->paused_ms = 0;
}

int64_t tern_publisher_stalled_ms(const struct tern_publisher *publisher)
{
    int64_t since_ms = atomic_load(&publisher->stalled_ms);
    return since_ms == 0 ? 0 : tern_steady(publisher->clock) - since_ms;
}
