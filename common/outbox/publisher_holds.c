/* publisher_holds.c - rows that came back, and what waits behind them.
 *
 * Sorted by seq. Of each subject only the first row may be tried; the others are behind it and become due when it is
 * confirmed. The writer is told of every change through the progress; the mark may pass a row only when the
 * writer knows that it is held. Usually empty, so every search is a plain walk. */
#include "publisher_parts.h"

#include <stdlib.h>
#include <string.h>

void publish_holds_fini(struct publish_holds *holds)
{
    free(holds->items);
}

/* Index of the first row whose seq is not lower. */
static size_t position_of(const struct publish_holds *holds, int64_t seq)
{
    size_t low = 0, high = holds->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (holds->items[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct publish_held *publish_holds_find(struct publish_holds *holds, int64_t seq)
{
    size_t position = position_of(holds, seq);
    return position < holds->count && holds->items[position].seq == seq ? &holds->items[position] : NULL;
}

static struct publish_held *first_of(const struct publish_holds *holds, const char *subject)
{
    for (size_t i = 0; i < holds->count; i++)
        if (!holds->items[i].released && strcmp(holds->items[i].subject, subject) == 0) return &holds->items[i];
    return NULL;
}

bool publish_holds_has_subject(const struct publish_holds *holds, const char *subject)
{
    return holds->count > holds->released && first_of(holds, subject) != NULL;
}

static void set_dirty(struct publish_holds *holds, struct publish_held *held)
{
    if (!held->dirty) holds->dirty++;
    held->dirty = true;
}

static struct publish_held *insert(struct publish_holds *holds, int64_t seq, const char *subject)
{
    if (holds->count == holds->room) {
        size_t room = holds->room > 0 ? holds->room * 2 : 16;
        holds->items = realloc(holds->items, room * sizeof *holds->items);
        TERN_ASSERT(holds->items != NULL, "out of memory");
        holds->room = room;
    }
    size_t position = position_of(holds, seq);
    struct publish_held *held = &holds->items[position];
    memmove(held + 1, held, (holds->count - position) * sizeof *held);
    *held = (struct publish_held){.seq = seq};
    (void)tern_copy(held->subject, sizeof held->subject, subject);
    holds->count++;
    return held;
}

/* Only the first row of a subject is not behind; one that has just become the first is due at once. */
static void order_subject(struct publish_holds *holds, const char *subject, int64_t now_ms)
{
    const struct publish_held *first = first_of(holds, subject);
    for (size_t i = 0; i < holds->count; i++) {
        struct publish_held *held = &holds->items[i];
        if (held->released || strcmp(held->subject, subject) != 0) continue;
        if (held == first && held->behind) held->next_try_ms = now_ms;
        held->behind = held != first;
    }
}

void publish_holds_load(struct publish_holds *holds, const struct tern_outbox_held *row)
{
    struct publish_held *held = insert(holds, row->seq, row->subject);
    held->attempts = row->attempts;
    held->next_try_ms = held->since_ms = row->next_try_ms;
    held->reason = "return";
    held->recorded = true;
    order_subject(holds, row->subject, row->next_try_ms);
}

void publish_holds_failed(struct publish_holds *holds, int64_t seq, const char *subject, const char *reason,
                          int64_t now_ms, int64_t next_try_ms)
{
    char name[TERN_ID_SIZE]; /* `subject` may stand in the list that is about to move */
    (void)tern_copy(name, sizeof name, subject);
    struct publish_held *held = publish_holds_find(holds, seq);
    if (held == NULL) held = insert(holds, seq, name);
    if (held->attempts == 0) held->since_ms = now_ms;
    held->attempts++;
    held->next_try_ms = next_try_ms;
    held->reason = reason;
    held->in_flight = false;
    set_dirty(holds, held);
    order_subject(holds, name, next_try_ms);
}

void publish_holds_behind(struct publish_holds *holds, int64_t seq, const char *subject, int64_t next_try_ms)
{
    struct publish_held *held = insert(holds, seq, subject);
    held->next_try_ms = next_try_ms;
    held->reason = "behind";
    held->behind = true;
    set_dirty(holds, held);
}

void publish_holds_release(struct publish_holds *holds, int64_t seq, int64_t now_ms)
{
    struct publish_held *held = publish_holds_find(holds, seq);
    TERN_ASSERT(held != NULL && !held->released, "only a held row is released");
    held->released = true;
    held->in_flight = false;
    holds->released++;
    set_dirty(holds, held);
    order_subject(holds, held->subject, now_ms);
}

/* Takes away what is released, told, and in (after, through]; how many these were. */
static size_t forget_released(struct publish_holds *holds, int64_t after, int64_t through)
{
    size_t kept = 0, before = holds->count;
    if (holds->released == 0) return 0;
    for (size_t i = 0; i < before; i++) {
        const struct publish_held *held = &holds->items[i];
        if (held->released && !held->dirty && held->seq > after && held->seq <= through)
            holds->released--;
        else
            holds->items[kept++] = *held;
    }
    holds->count = kept;
    return before - kept;
}

void publish_holds_reset(struct publish_holds *holds, int64_t cursor, int64_t now_ms)
{
    (void)forget_released(holds, cursor, INT64_MAX);
    for (size_t i = 0; i < holds->count; i++) {
        struct publish_held *held = &holds->items[i];
        held->in_flight = false;
        if (!held->released || held->seq <= cursor) continue;
        held->released = false; /* the writer has not heard of it: it is held, as before */
        holds->released--;
        order_subject(holds, held->subject, now_ms);
    }
}

void publish_holds_retry_returned(struct publish_holds *holds, int64_t now_ms)
{
    for (size_t i = 0; i < holds->count; i++)
        if (strcmp(holds->items[i].reason, "return") == 0) holds->items[i].next_try_ms = now_ms;
}

void publish_holds_retry_all(struct publish_holds *holds, int64_t now_ms)
{
    for (size_t i = 0; i < holds->count; i++)
        if (!holds->items[i].behind) holds->items[i].next_try_ms = now_ms;
}

void publish_holds_shift(struct publish_holds *holds, int64_t by_ms)
{
    for (size_t i = 0; i < holds->count; i++)
        holds->items[i].since_ms += by_ms;
}

int64_t publish_holds_oldest_ms(const struct publish_holds *holds)
{
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < holds->count; i++) {
        const struct publish_held *held = &holds->items[i];
        if (!held->behind && !held->released && held->since_ms < oldest_ms) oldest_ms = held->since_ms;
    }
    return oldest_ms;
}

struct publish_held *publish_holds_due(struct publish_holds *holds, int64_t now_ms)
{
    for (size_t i = 0; i < holds->count; i++) {
        struct publish_held *held = &holds->items[i];
        if (!held->behind && !held->in_flight && !held->released && held->next_try_ms <= now_ms) return held;
    }
    return NULL;
}

int64_t publish_holds_lowest_unrecorded(const struct publish_holds *holds)
{
    for (size_t i = 0; holds->dirty > 0 && i < holds->count; i++)
        if (!holds->items[i].recorded) return holds->items[i].seq;
    return INT64_MAX;
}

static void tell(const struct publish_held *held, struct tern_publish_progress *progress)
{
    struct tern_publish_hold *news = &progress->holds[progress->hold_count++];
    *news = (struct tern_publish_hold){.seq = held->seq, .next_try_ms = held->released ? 0 : held->next_try_ms};
    (void)tern_copy(news->subject, sizeof news->subject, held->subject);
    (void)tern_copy(news->reason, sizeof news->reason, held->reason);
}

void publish_holds_report(struct publish_holds *holds, struct tern_publish_progress *progress)
{
    for (size_t i = 0; holds->dirty > 0 && i < holds->count; i++) {
        struct publish_held *held = &holds->items[i];
        if (held->dirty && progress->hold_count < TERN_PROGRESS_HOLDS) {
            tell(held, progress);
            held->dirty = false;
            held->recorded = true;
            holds->dirty--;
        }
    }
}

size_t publish_holds_pass(struct publish_holds *holds, int64_t mark)
{
    return forget_released(holds, 0, mark);
}
