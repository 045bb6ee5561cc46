/* returned.c - the list of returned rows, sorted by seq.
 *
 * Every search but the one by seq walks the list, because it is usually empty. A confirmed row stays in the list until
 * the position has passed it: after a lost connection it would be published once more among the new ones, and must be
 * known then. Never sends anything. */
#include "returned.h"

#include "publish_window.h"
#include "tern/backoff.h"

#include <stdlib.h>
#include <string.h>

void tern_publish_returned_fini(struct publish_returned *returned)
{
    free(returned->rows);
}

/* Index of the first row whose seq is not lower. */
static size_t index_of(const struct publish_returned *returned, int64_t seq)
{
    size_t low = 0, high = returned->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (returned->rows[middle].seq < seq)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct returned_row *tern_publish_returned_find(const struct publish_returned *returned, int64_t seq)
{
    size_t index = index_of(returned, seq);
    return index < returned->count && returned->rows[index].seq == seq ? &returned->rows[index] : NULL;
}

/* The first row of a subject that is not confirmed, or NULL. */
static struct returned_row *first_of(const struct publish_returned *returned, const char *subject)
{
    for (size_t i = 0; i < returned->count; i++)
        if (!returned->rows[i].confirmed && strcmp(returned->rows[i].subject, subject) == 0) return &returned->rows[i];
    return NULL;
}

bool tern_publish_returned_has_subject(const struct publish_returned *returned, const char *subject)
{
    return publish_returned_waiting(returned) > 0 && first_of(returned, subject);
}

/* The writer has to learn of the row's new state. */
static void set_unreported(struct publish_returned *returned, struct returned_row *row)
{
    if (!row->unreported) returned->unreported++;
    row->unreported = true;
}

/* Moves rows: pointers into the list are invalid afterwards. */
static struct returned_row *insert(struct publish_returned *returned, int64_t seq, const char *subject)
{
    if (returned->count == returned->room) {
        size_t room = returned->room > 0 ? returned->room * 2 : 16;
        returned->rows = realloc(returned->rows, room * sizeof *returned->rows);
        TERN_ASSERT(returned->rows, "out of memory");
        returned->room = room;
    }
    size_t index = index_of(returned, seq);
    struct returned_row *row = &returned->rows[index];
    memmove(row + 1, row, (returned->count - index) * sizeof *row);
    *row = (struct returned_row){.seq = seq};
    tern_copy_whole(row->subject, sizeof row->subject, subject);
    returned->count++;
    return row;
}

/* Order within a subject: all its rows but the first wait behind it. One that has just become the first is due at
 * once. */
static void order_subject(struct publish_returned *returned, const char *subject, int64_t now_ms)
{
    const struct returned_row *first = first_of(returned, subject);
    for (size_t i = 0; i < returned->count; i++) {
        struct returned_row *row = &returned->rows[i];
        if (row->confirmed || strcmp(row->subject, subject) != 0) continue;
        if (row == first && row->behind) row->next_try_ms = now_ms;
        row->behind = row != first;
    }
}

int tern_publish_returned_load(struct publish_returned *returned, struct tern_db *reader,
                               const struct tern_clock *clock, struct tern_error *err)
{
    const int limit = PUBLISH_RETURNED_MAX + PUBLISH_WINDOW_MAX; /* the last run may have had the largest window */
    struct tern_outbox_returned *stored = tern_alloc((size_t)limit * sizeof *stored);
    int count = tern_outbox_returned(reader, stored, limit, err);
    for (int i = 0; i < count; i++) {
        /* The store has wall time. If that clock was set back since, no row may wait longer than the longest
         * back-off. */
        int64_t delay_ms = stored[i].next_try_ms - tern_now(clock);
        if (delay_ms > TERN_BACKOFF_MOST_MS) delay_ms = TERN_BACKOFF_MOST_MS;
        struct returned_row *row = insert(returned, stored[i].seq, stored[i].subject);
        row->attempts = stored[i].attempts;
        row->next_try_ms = row->since_ms = tern_steady(clock) + delay_ms;
        row->reason = "return";
        row->reported = true;
        order_subject(returned, row->subject, row->next_try_ms);
    }
    free(stored);
    return count < 0 ? -1 : 0;
}

void tern_publish_returned_add(struct publish_returned *returned, int64_t seq, const char *subject, const char *reason,
                               int64_t now_ms, int64_t next_try_ms)
{
    char name[TERN_ID_SIZE]; /* `subject` may lie in the list, which may move */
    tern_copy_whole(name, sizeof name, subject);
    struct returned_row *row = tern_publish_returned_find(returned, seq);
    if (!row) row = insert(returned, seq, name);
    if (row->attempts == 0) row->since_ms = now_ms;
    row->attempts++;
    row->next_try_ms = next_try_ms;
    row->reason = reason;
    row->in_flight = false;
    set_unreported(returned, row);
    order_subject(returned, name, next_try_ms);
}

void tern_publish_returned_add_behind(struct publish_returned *returned, int64_t seq, const char *subject,
                                      int64_t next_try_ms)
{
    struct returned_row *row = insert(returned, seq, subject);
    row->next_try_ms = next_try_ms;
    row->reason = "behind";
    row->behind = true;
    set_unreported(returned, row);
}

struct returned_row *tern_publish_returned_due(const struct publish_returned *returned, int64_t now_ms)
{
    for (size_t i = 0; i < returned->count; i++) {
        struct returned_row *row = &returned->rows[i];
        if (!row->behind && !row->in_flight && !row->confirmed && row->next_try_ms <= now_ms) return row;
    }
    return NULL;
}

void tern_publish_returned_confirm(struct publish_returned *returned, int64_t seq, int64_t now_ms)
{
    struct returned_row *row = tern_publish_returned_find(returned, seq);
    TERN_ASSERT(row && !row->confirmed, "only a returned row that waits is confirmed");
    row->confirmed = true;
    row->in_flight = false;
    returned->confirmed++;
    set_unreported(returned, row);
    order_subject(returned, row->subject, now_ms);
}

/* Removes the rows with after < seq <= through that are confirmed and reported; how many. */
static size_t forget_confirmed(struct publish_returned *returned, int64_t after, int64_t through)
{
    size_t kept = 0, before = returned->count;
    if (returned->confirmed == 0) return 0;
    for (size_t i = 0; i < before; i++) {
        const struct returned_row *row = &returned->rows[i];
        if (row->confirmed && !row->unreported && row->seq > after && row->seq <= through)
            returned->confirmed--;
        else
            returned->rows[kept++] = *row;
    }
    returned->count = kept;
    return before - kept;
}

void tern_publish_returned_reset(struct publish_returned *returned, int64_t position, int64_t now_ms)
{
    (void)forget_confirmed(returned, position, INT64_MAX);
    for (size_t i = 0; i < returned->count; i++) {
        struct returned_row *row = &returned->rows[i];
        row->in_flight = false;
        if (!row->confirmed || row->seq <= position) continue;
        row->confirmed = false; /* not reported yet: without the connection the confirm is lost, the row waits again */
        returned->confirmed--;
        order_subject(returned, row->subject, now_ms);
    }
}

void tern_publish_returned_retry_unrouted(struct publish_returned *returned, int64_t now_ms)
{
    for (size_t i = 0; i < returned->count; i++)
        if (strcmp(returned->rows[i].reason, "return") == 0) returned->rows[i].next_try_ms = now_ms;
}

void tern_publish_returned_retry_all(struct publish_returned *returned, int64_t now_ms)
{
    for (size_t i = 0; i < returned->count; i++)
        if (!returned->rows[i].behind) returned->rows[i].next_try_ms = now_ms;
}

void tern_publish_returned_shift(struct publish_returned *returned, int64_t by_ms)
{
    for (size_t i = 0; i < returned->count; i++)
        returned->rows[i].since_ms += by_ms;
}

int64_t tern_publish_returned_oldest_ms(const struct publish_returned *returned)
{
    int64_t oldest_ms = INT64_MAX;
    for (size_t i = 0; i < returned->count; i++) {
        const struct returned_row *row = &returned->rows[i];
        if (!row->behind && !row->confirmed && row->since_ms < oldest_ms) oldest_ms = row->since_ms;
    }
    return oldest_ms;
}

int64_t tern_publish_returned_lowest_unreported(const struct publish_returned *returned)
{
    for (size_t i = 0; returned->unreported > 0 && i < returned->count; i++)
        if (!returned->rows[i].reported) return returned->rows[i].seq;
    return INT64_MAX;
}

/* What does not fit stays unreported and waits for the next round; a take wakes the publisher for it. */
void tern_publish_returned_report(struct publish_returned *returned, int64_t to_wall_ms,
                                  struct tern_publish_progress *progress)
{
    for (size_t i = 0; returned->unreported > 0 && i < returned->count; i++) {
        struct returned_row *row = &returned->rows[i];
        if (progress->return_count == TERN_PROGRESS_RETURNS) return;
        if (!row->unreported) continue;
        struct tern_publish_return *change = &progress->returns[progress->return_count++];
        *change = (struct tern_publish_return){.seq = row->seq,
                                               .next_try_ms = row->confirmed ? 0 : row->next_try_ms + to_wall_ms};
        tern_copy_whole(change->subject, sizeof change->subject, row->subject);
        tern_copy_whole(change->reason, sizeof change->reason, row->reason);
        row->unreported = false;
        row->reported = true;
        returned->unreported--;
    }
}

size_t tern_publish_returned_pass(struct publish_returned *returned, int64_t through)
{
    return forget_confirmed(returned, 0, through);
}
