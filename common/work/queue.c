/* queue.c - the queue of works: a list under a lock, and the writer that waits at its end.
 *
 * Invariants: works run in the order of submission, also those that a lost batch gave back; a work is either in the
 * queue or with the writer. Lazy works do not wake the writer: they join the next batch, or begin one after
 * TERN_LAZY_MS. The lock is never held while a work runs. Knows nothing of what the works do. */
#include "work.h"

void tern_work_init(struct tern_work_queue *queue, const struct tern_clock *clock)
{
    *queue = (struct tern_work_queue){.clock = clock};
    tern_sync_init(&queue->sync);
}

void tern_work_fini(struct tern_work_queue *queue)
{
    TERN_ASSERT(!queue->works.first, "a queue ends only when everything in it was finished");
    tern_sync_fini(&queue->sync);
}

/* As new: what an earlier batch left in the work is cleared. */
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

/* The first work to wait sets how long lazy ones may. The lock is held, here and in count_off. */
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
    tern_sync_lock(&queue->sync);
    append(&queue->works, work);
    count_in(queue, work);
    /* Only the first urgent work, or the first at all, changes how long the writer waits. */
    if (queue->urgent == 1 || queue->waiting == 1) tern_sync_signal(&queue->sync);
    tern_sync_unlock(&queue->sync);
}

void tern_work_requeue(struct tern_work_queue *queue, struct tern_work *work)
{
    append(&queue->requeued, work);
}

/* In front: what was lost came before everything that was submitted meanwhile. */
void tern_work_rejoin(struct tern_work_queue *queue)
{
    struct tern_work_list *requeued = &queue->requeued, *works = &queue->works;
    if (!requeued->first) return;
    tern_sync_lock(&queue->sync);
    for (const struct tern_work *work = requeued->first; work; work = work->next)
        count_in(queue, work);
    requeued->last->next = works->first;
    works->first = requeued->first;
    if (!works->last) works->last = requeued->last;
    *requeued = (struct tern_work_list){0};
    tern_sync_unlock(&queue->sync);
}

/* A walk: only a submitter whose deadline has passed calls it. */
bool tern_work_withdraw(struct tern_work_queue *queue, struct tern_work *work)
{
    struct tern_work_list *works = &queue->works;
    struct tern_work *before = NULL;
    bool found = false;
    tern_sync_lock(&queue->sync);
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
    tern_sync_unlock(&queue->sync);
    return found;
}

size_t tern_work_waiting(struct tern_work_queue *queue)
{
    tern_sync_lock(&queue->sync);
    size_t waiting = queue->waiting;
    tern_sync_unlock(&queue->sync);
    return waiting;
}

void tern_work_wake(struct tern_work_queue *queue)
{
    tern_sync_lock(&queue->sync);
    queue->woken = true;
    tern_sync_signal(&queue->sync);
    tern_sync_unlock(&queue->sync);
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

/* Cuts the front off the list: it becomes the batch, still linked by `next`. */
struct tern_work *tern_work_take(struct tern_work_queue *queue, int most, int *ret_count)
{
    struct tern_work_list *works = &queue->works;
    struct tern_work *last = NULL;
    int count = 0;
    tern_sync_lock(&queue->sync);
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
    tern_sync_unlock(&queue->sync);
    *ret_count = count;
    return last ? batch : NULL;
}

bool tern_work_take_wake(struct tern_work_queue *queue)
{
    tern_sync_lock(&queue->sync);
    bool woken = queue->woken;
    queue->woken = false;
    tern_sync_unlock(&queue->sync);
    return woken;
}

/* How long the writer may wait, in ms; INT64_MAX: until something is submitted. The lock is held. */
static int64_t patience(const struct tern_work_queue *queue)
{
    if (queue->urgent > 0 || queue->woken) return 0;
    if (queue->waiting == 0) return INT64_MAX;
    int64_t ms = queue->lazy_until_ms - tern_steady(queue->clock);
    return ms > 0 ? ms : 0;
}

int64_t tern_work_patience(struct tern_work_queue *queue)
{
    tern_sync_lock(&queue->sync);
    int64_t ms = patience(queue);
    tern_sync_unlock(&queue->sync);
    return ms;
}

bool tern_work_wait(struct tern_work_queue *queue, int64_t most_ms, bool paused)
{
    tern_sync_lock(&queue->sync);
    int64_t ms = paused ? INT64_MAX : patience(queue); /* paused: works wait for a store that has no room */
    if (ms > most_ms) ms = most_ms;
    if (queue->stopping) ms = 0;
    if (ms > 0) (void)tern_sync_wait_until(&queue->sync, tern_deadline(ms));
    tern_sync_unlock(&queue->sync);
    return ms > 0;
}

void tern_work_set_stopping(struct tern_work_queue *queue, bool stopping)
{
    tern_sync_lock(&queue->sync);
    queue->stopping = stopping;
    tern_sync_signal(&queue->sync);
    tern_sync_unlock(&queue->sync);
}

bool tern_work_is_stopping(struct tern_work_queue *queue)
{
    tern_sync_lock(&queue->sync);
    bool stopping = queue->stopping;
    tern_sync_unlock(&queue->sync);
    return stopping;
}
