/* publisher_progress.c - what the publisher tells the writer, and what others tell the publisher.
 *
 * The only part that other threads enter: everything here is under the mutex or atomic. The mark passes a row only
 * when the broker has confirmed it, or when the writer is told by the same progress that it is held. */
#include "publisher_parts.h"
#include "tern/bug.h"
#include "tern/chaos.h"

#include <errno.h>
#include <time.h>

static int64_t compute_mark(struct tern_publisher *publisher)
{
    int64_t mark = publish_window_frontier(&publisher->window, publisher->cursor);
    if (TERN_BUG(published_before_confirm)) mark = publisher->cursor;
    int64_t unrecorded = publish_holds_lowest_unrecorded(&publisher->holds);
    if (unrecorded <= mark) mark = unrecorded - 1;
    return mark > publisher->mark ? mark : publisher->mark;
}

/* News for the store, where times are of the wall clock. */
static void report_holds(struct tern_publisher *publisher, struct tern_publish_progress *progress)
{
    size_t told = progress->hold_count;
    int64_t drift_ms = tern_now(publisher->clock) - tern_steady(publisher->clock);
    publish_holds_report(&publisher->holds, progress);
    for (; told < progress->hold_count; told++)
        if (progress->holds[told].next_try_ms != 0) progress->holds[told].next_try_ms += drift_ms;
}

static void report_republished(struct tern_publisher *publisher, struct tern_publish_progress *progress)
{
    struct publish_memory *memory = &publisher->memory;
    progress->republish_id = memory->republish.id;
    progress->republished = memory->stream.told = memory->stream.mark;
    publisher->has_progress = true;
    publisher_republish_passed(publisher);
}

/* Under the mutex. True when the writer is to be told. */
static bool update_progress(struct tern_publisher *publisher)
{
    struct tern_publish_progress *progress = &publisher->progress;
    size_t holds_before = progress->hold_count;
    if (publisher->holds.dirty > 0) report_holds(publisher, progress);
    publisher->mark = compute_mark(publisher);
    publisher->window.settled += (int64_t)publish_holds_pass(&publisher->holds, publisher->mark);
    if (publisher->mark > progress->mark || publisher->window.settled > 0 || progress->hold_count > holds_before)
        publisher->has_progress = true;
    if (publish_again_pass(&publisher->again, &publisher->window)) {
        progress->again_done = publisher->again.told = publisher->again.mark;
        publisher->has_progress = true;
    }
    if (publisher->memory.republish.id > 0 && publish_again_pass(&publisher->memory.stream, &publisher->window))
        report_republished(publisher, progress);
    progress->mark = publisher->mark;
    progress->confirmed += publisher->window.settled;
    publisher->window.settled = 0;
    atomic_store(&publisher->news_waits, publisher->holds.dirty > 0);
    publisher->idle = publisher->window.open == 0;
    publisher->idle_through = publisher->read_to;
    if (publisher->idle) (void)pthread_cond_broadcast(&publisher->changed);
    bool announce = publisher->has_progress && !publisher->announced;
    publisher->announced = publisher->announced || announce;
    return announce;
}

void publisher_report(struct tern_publisher *publisher)
{
    tern_log_flush(publisher->story);
    (void)pthread_mutex_lock(&publisher->mutex);
    bool announce = update_progress(publisher);
    (void)pthread_mutex_unlock(&publisher->mutex);
    if (!announce) return;
    TERN_CHAOS_POINT("pub.after_confirm_before_mark");
    if (publisher->settings.progress) publisher->settings.progress(publisher->settings.self);
}

bool tern_publisher_take(struct tern_publisher *publisher, struct tern_publish_progress *ret_progress)
{
    (void)pthread_mutex_lock(&publisher->mutex);
    bool has = publisher->has_progress;
    if (has) {
        *ret_progress = publisher->progress;
        publisher->progress.confirmed = 0;
        publisher->progress.hold_count = 0;
        publisher->progress.again_done = 0;
        publisher->progress.republish_id = 0;
    }
    publisher->has_progress = publisher->announced = false;
    (void)pthread_mutex_unlock(&publisher->mutex);
    if (atomic_load(&publisher->news_waits)) tern_amqp_wake(publisher->link);
    return has;
}

int tern_publisher_record(struct tern_db *db, const struct tern_publish_progress *progress, struct tern_error *err)
{
    for (size_t i = 0; i < progress->hold_count; i++) {
        const struct tern_publish_hold *hold = &progress->holds[i];
        int result = hold->next_try_ms == 0
                         ? tern_outbox_release(db, hold->seq, err)
                         : tern_outbox_hold(db, hold->seq, hold->subject, hold->reason, hold->next_try_ms, err);
        if (result < 0) return -1;
    }
    if (progress->republish_id > 0 &&
        tern_republish_advance(db, progress->republish_id, progress->republished, err) < 0)
        return -1;
    if (progress->again_done > 0 && tern_outbox_again_done(db, progress->again_done, err) < 0) return -1;
    return tern_outbox_advance(db, progress->mark, err);
}

void tern_publisher_committed(struct tern_publisher *publisher, int64_t last_seq)
{
    int_fast64_t known = atomic_load_explicit(&publisher->committed, memory_order_relaxed);
    while (known < last_seq && !atomic_compare_exchange_weak(&publisher->committed, &known, last_seq))
        ;
    tern_amqp_wake(publisher->link);
}

void tern_publisher_own(struct tern_publisher *publisher, bool owned)
{
    atomic_store(&publisher->owned, owned);
    tern_amqp_wake(publisher->link);
}

void tern_publisher_said_again(struct tern_publisher *publisher)
{
    atomic_store(&publisher->again_waits, true);
    tern_amqp_wake(publisher->link);
}

void tern_publisher_flush(struct tern_publisher *publisher, int timeout_ms)
{
    struct timespec until;
    if (!publisher->started) return;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t until_ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    atomic_store(&publisher->flushing, true);
    tern_amqp_wake(publisher->link);
    (void)pthread_mutex_lock(&publisher->mutex);
    while ((!publisher->idle || publisher->idle_through < atomic_load(&publisher->committed)) &&
           atomic_load(&publisher->up)) /* without a broker there is nothing to wait for */
        if (pthread_cond_timedwait(&publisher->changed, &publisher->mutex, &until) == ETIMEDOUT) break;
    (void)pthread_mutex_unlock(&publisher->mutex);
}
