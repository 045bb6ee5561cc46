/* publish_progress.c - the report under its mutex, and the store's side of it.
 *
 * Nothing that was added is lost between two takes: counts add up, positions move on, and the list of returned rows
 * is never overwritten. */
#include "publish_progress.h"

#include <errno.h>
#include <time.h>

void publish_progress_init(struct publish_progress *progress, int64_t mark)
{
    pthread_condattr_t attributes;
    progress->report.mark = mark;
    TERN_ASSERT(pthread_mutex_init(&progress->mutex, NULL) == 0, "a mutex can be made");
    (void)pthread_condattr_init(&attributes);
    (void)pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    TERN_ASSERT(pthread_cond_init(&progress->changed, &attributes) == 0, "a condition can be made");
    (void)pthread_condattr_destroy(&attributes);
}

void publish_progress_fini(struct publish_progress *progress)
{
    (void)pthread_cond_destroy(&progress->changed);
    (void)pthread_mutex_destroy(&progress->mutex);
}

struct tern_publish_progress *publish_progress_open(struct publish_progress *progress)
{
    (void)pthread_mutex_lock(&progress->mutex);
    return &progress->report;
}

bool publish_progress_close(struct publish_progress *progress, bool added, size_t open, int64_t read_through)
{
    progress->waits = progress->waits || added;
    progress->idle = open == 0;
    progress->idle_through = read_through;
    if (progress->idle) (void)pthread_cond_broadcast(&progress->changed);
    bool announce = progress->waits && !progress->announced;
    progress->announced = progress->announced || announce;
    (void)pthread_mutex_unlock(&progress->mutex);
    return announce;
}

bool publish_progress_take(struct publish_progress *progress, struct tern_publish_progress *ret_report)
{
    struct tern_publish_progress *report = publish_progress_open(progress);
    bool waits = progress->waits;
    if (waits) {
        *ret_report = *report;
        report->confirmed = 0;
        report->hold_count = 0;
        report->again_done = 0;
        report->republish_id = 0;
    }
    progress->waits = progress->announced = false;
    (void)pthread_mutex_unlock(&progress->mutex);
    return waits;
}

void publish_progress_await_idle(struct publish_progress *progress, const atomic_int_fast64_t *committed,
                                 const atomic_bool *connected, int timeout_ms)
{
    struct timespec until;
    (void)clock_gettime(CLOCK_MONOTONIC, &until);
    int64_t until_ns = until.tv_nsec + (int64_t)timeout_ms * 1000000;
    until.tv_sec += until_ns / 1000000000;
    until.tv_nsec = until_ns % 1000000000;
    (void)pthread_mutex_lock(&progress->mutex);
    while ((!progress->idle || progress->idle_through < atomic_load(committed)) && atomic_load(connected))
        if (pthread_cond_timedwait(&progress->changed, &progress->mutex, &until) == ETIMEDOUT) break;
    (void)pthread_mutex_unlock(&progress->mutex);
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
