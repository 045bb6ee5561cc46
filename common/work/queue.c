/* queue.c - the queue of works: a list under a lock, and the writer that waits at its end.
 *
 * Invariants: the order of submission is the order of execution, also for works that a lost batch gave back; a work is in
 * the queue or out of it, never both. No lock is held while anybody works. Knows nothing of what the works do. */
#include <errno.h>
#include <time.h>

#include "work.h"

void tern_work_init(struct tern_work_queue *queue, const struct tern_clock *clock)
{
    pthread_condattr_t attributes;
    *queue = (struct tern_work_queue){.clock = clock};
    pthread_mutex_init(&queue->lock, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&queue->changed, &attributes);
    pthread_condattr_destroy(&attributes);
}

void tern_work_fini(struct tern_work_queue *queue)
{
    TERN_ASSERT(!queue->works.first, "a queue ends only when everything in it was settled");
    pthread_cond_destroy(&queue->changed);
    pthread_mutex_destroy(&queue->lock);
}

static void append(struct tern_work_list *list, struct tern_work *work)
{
    work->next = NULL;
    work->outcome = TERN_DONE;
    work->err = (struct tern_error){0};
    if (list->last)
        list->last->next = work;
    else
        list->first = work;
    list->last = work;
}

static void count_in(struct tern_work_queue *queue, const struct tern_work *work)
{
    if (!work->kind->lazy) queue->urgent++;
    if (queue->waiting++ == 0) queue->lazy_until_ms = tern_steady(queue->clock) + TERN_LAZY_MS;
}

static void count_off(struct tern_work_queue *queue, const struct tern_work *work)
{
    queue->waiting--;
    if (!work->kind->lazy) queue->urgent--;
}

void tern_work_submit(struct tern_work_queue *queue, struct tern_work *work)
{
    pthread_mutex_lock(&queue->lock);
    append(&queue->works, work);
    count_in(queue, work);
    if (queue->urgent == 1 || queue->waiting == 1) pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void tern_work_requeue(struct tern_work_queue *queue, struct tern_work *work)
{
    append(&queue->requeued, work);
}

void tern_work_rejoin(struct tern_work_queue *queue)
{
    struct tern_work_list *requeued = &queue->requeued, *works = &queue->works;
    if (!requeued->first) return;
    pthread_mutex_lock(&queue->lock);
    for (const struct tern_work *work = requeued->first; work; work = work->next)
        count_in(queue, work);
    requeued->last->next = works->first;
    works->first = requeued->first;
    if (!works->last) works->last = requeued->last;
    *requeued = (struct tern_work_list){0};
    pthread_mutex_unlock(&queue->lock);
}

bool tern_work_withdraw(struct tern_work_queue *queue, struct tern_work *work)
{
    struct tern_work_list *works = &queue->works;
    struct tern_work *before = NULL;
    bool found = false;
    pthread_mutex_lock(&queue->lock);
    for (struct tern_work *item = works->first; item && !found; before = item, item = item->next) {
        if (item != work) continue;
        if (before)
            before->next = item->next;
        else
            works->first = item->next;
        if (works->last == item) works->last = before;
        count_off(queue, item);
        found = true;
    }
    pthread_mutex_unlock(&queue->lock);
    return found;
}

size_t tern_work_waiting(struct tern_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    size_t waiting = queue->waiting;
    pthread_mutex_unlock(&queue->lock);
    return waiting;
}

void tern_work_wake(struct tern_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    queue->woken = true;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

void tern_work_drain(struct tern_work_queue *queue)
{
    atomic_store(&queue->draining, true);
}

bool tern_work_draining(const struct tern_work_queue *queue)
{
    return atomic_load(&queue->draining);
}

/* ---- for the writer ---- */

struct tern_work *tern_work_take(struct tern_work_queue *queue, int most, int *ret_count)
{
    struct tern_work_list *works = &queue->works;
    struct tern_work *last = NULL;
    int count = 0;
    pthread_mutex_lock(&queue->lock);
    struct tern_work *batch = works->first;
    for (struct tern_work *item = batch; item && count < most; item = item->next, count++) {
        count_off(queue, item);
        last = item;
    }
    if (last) {
        works->first = last->next;
        if (!works->first) works->last = NULL;
        last->next = NULL;
    }
    pthread_mutex_unlock(&queue->lock);
    *ret_count = count;
    return last ? batch : NULL;
}

bool tern_work_take_wake(struct tern_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool woken = queue->woken;
    queue->woken = false;
    pthread_mutex_unlock(&queue->lock);
    return woken;
}

/* The lock is held. */
static int64_t patience(const struct tern_work_queue *queue)
{
    if (queue->urgent > 0 || queue->woken) return 0;
    if (queue->waiting == 0) return INT64_MAX;
    int64_t ms = queue->lazy_until_ms - tern_steady(queue->clock);
    return ms > 0 ? ms : 0;
}

int64_t tern_work_patience(struct tern_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    int64_t ms = patience(queue);
    pthread_mutex_unlock(&queue->lock);
    return ms;
}

bool tern_work_wait(struct tern_work_queue *queue, int64_t most_ms, bool paused)
{
    struct timespec until;
    pthread_mutex_lock(&queue->lock);
    int64_t ms = paused ? INT64_MAX : patience(queue);
    if (ms > most_ms) ms = most_ms;
    if (queue->stopping) ms = 0;
    if (ms > 0) {
        clock_gettime(CLOCK_MONOTONIC, &until);
        until.tv_sec += ms / 1000;
        until.tv_nsec += (ms % 1000) * 1000000;
        if (until.tv_nsec >= 1000000000) {
            until.tv_sec++;
            until.tv_nsec -= 1000000000;
        }
        (void)pthread_cond_timedwait(&queue->changed, &queue->lock, &until);
    }
    pthread_mutex_unlock(&queue->lock);
    return ms > 0;
}

void tern_work_set_stopping(struct tern_work_queue *queue, bool stopping)
{
    pthread_mutex_lock(&queue->lock);
    queue->stopping = stopping;
    pthread_cond_signal(&queue->changed);
    pthread_mutex_unlock(&queue->lock);
}

bool tern_work_is_stopping(struct tern_work_queue *queue)
{
    pthread_mutex_lock(&queue->lock);
    bool stopping = queue->stopping;
    pthread_mutex_unlock(&queue->lock);
    return stopping;
}
