/* numbers.c - sets of received numbers, as a line and a few ranges above it, and what a beacon says against them.
 *
 * A set holds a bounded number of ranges. What does not fit is forgotten from above: those events are asked for once
 * more and dropped by the inbox, while gaps close from below. Forgetting is always safe, claiming too much never is. */
#include "numbers.h"

#include <string.h>

void tern_numbers_init(struct tern_numbers *numbers, const struct tern_catalogue *catalogue, const char *service,
                       int64_t steady_ms)
{
    memset(numbers, 0, sizeof *numbers);
    numbers->asked_at_start_ms = steady_ms;
    TERN_ASSERT(catalogue->type_count <= TERN_TYPES_MAX, "a catalogue has few types");
    for (size_t i = 0; i < catalogue->type_count; i++)
        if (tern_catalogue_consumes(&catalogue->types[i], service))
            numbers->types[numbers->count++].type = &catalogue->types[i];
}

struct tern_numbers_type *tern_numbers_find(struct tern_numbers *numbers, const struct tern_event_type *type)
{
    for (size_t i = 0; i < numbers->count; i++)
        if (numbers->types[i].type == type) return &numbers->types[i];
    return NULL;
}

/* ---- the set --------------------------------------------------------------------------------------------------- */

static void remove_range(struct tern_numbers_type *type, size_t index)
{
    type->count--;
    memmove(&type->ranges[index], &type->ranges[index + 1], (type->count - index) * sizeof type->ranges[0]);
}

/* Everything up to here counts as received. */
static void raise(struct tern_numbers_type *type, int64_t through)
{
    if (through > type->through) type->through = through;
    while (type->count > 0 && type->ranges[0].from <= type->through + 1) {
        if (type->ranges[0].to > type->through) type->through = type->ranges[0].to;
        remove_range(type, 0);
    }
}

/* Nothing above here counts as received. */
static void lower(struct tern_numbers_type *type, int64_t last)
{
    while (type->count > 0 && type->ranges[type->count - 1].from > last)
        type->count--;
    if (type->count > 0 && type->ranges[type->count - 1].to > last) type->ranges[type->count - 1].to = last;
    if (type->through > last) type->through = last;
}

/* The first range that ends at `number` - 1 or later. */
static size_t place_of(const struct tern_numbers_type *type, int64_t number)
{
    size_t index = type->count;
    while (index > 0 && type->ranges[index - 1].to >= number - 1)
        index--;
    return index;
}

/* A range of one number before `index`; the highest range gives way when there is no room. */
static void insert_range(struct tern_numbers_type *type, size_t index, int64_t number)
{
    if (index == TERN_NUMBERS_RANGES) return;
    if (type->count == TERN_NUMBERS_RANGES) type->count--;
    memmove(&type->ranges[index + 1], &type->ranges[index], (type->count - index) * sizeof type->ranges[0]);
    type->ranges[index] = (struct tern_number_range){number, number};
    type->count++;
}

/* Adds a number above the line + 1: a range grows, two ranges join, or there is a new one. */
static void add_above(struct tern_numbers_type *type, int64_t number)
{
    size_t index = place_of(type, number);
    struct tern_number_range *range = &type->ranges[index];
    if (index == type->count || range->from > number + 1) {
        insert_range(type, index, number);
        return;
    }
    if (number < range->from) range->from = number;
    if (number > range->to) range->to = number;
    if (index + 1 < type->count && type->ranges[index + 1].from == range->to + 1) {
        range->to = type->ranges[index + 1].to;
        remove_range(type, index + 1);
    }
}

void tern_numbers_take(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number)
{
    struct tern_numbers_type *known = tern_numbers_find(numbers, type);
    if (!known || number <= 0) return;
    if (!known->known) known->through = numbers->from_first ? 0 : number - 1;
    known->known = true;
    if (number <= known->through) return;
    known->dirty = true;
    if (number == known->through + 1)
        raise(known, number);
    else
        add_above(known, number);
}

bool tern_numbers_misses(struct tern_numbers *numbers, const struct tern_event_type *type, int64_t number)
{
    const struct tern_numbers_type *known = tern_numbers_find(numbers, type);
    if (!known || number <= known->through || number > known->reported_through) return false;
    size_t index = place_of(known, number);
    return index == known->count || number < known->ranges[index].from || number > known->ranges[index].to;
}

/* How many numbers up to `last` were not received. */
static int64_t count_missing(const struct tern_numbers_type *type, int64_t last)
{
    int64_t missing = last > type->through ? last - type->through : 0;
    for (size_t i = 0; i < type->count && type->ranges[i].from <= last; i++)
        missing -= (type->ranges[i].to < last ? type->ranges[i].to : last) - type->ranges[i].from + 1;
    return missing;
}

/* ---- what a beacon says ------------------------------------------------------------------------------------------ */

/* Whose numbers these are: the first beacon, another store that counts anew, or an older copy of the store we know,
 * which will use some numbers a second time. */
static void compare_store(const struct tern_numbers *numbers, struct tern_numbers_type *type,
                          const struct tern_beacon *beacon, const struct tern_beacon_type *reported,
                          struct tern_numbers_news *news)
{
    bool first = type->store[0] == '\0', same = strcmp(type->store, beacon->store) == 0;
    if (first) {
        if (!type->known) type->through = numbers->from_first ? 0 : reported->last;
        if (numbers->from_first) raise(type, reported->first - 1); /* older than can be had: before our time */
        type->known = true;
    } else if (!same) {
        news->other_store = true;
        type->count = 0;
        type->through = reported->last;
        type->missing = type->copy_until = 0;
    } else if (reported->last < type->reported_through) {
        news->older_copy = true;
        news->was_reported = type->reported_through;
        if (type->copy_until < type->reported_through) type->copy_until = type->reported_through;
        lower(type, reported->last);
        type->missing = count_missing(type, reported->last);
    }
    if (reported->last >= type->copy_until) type->copy_until = 0;
    type->dirty |= !same || type->reported_through != reported->last;
    tern_copy_whole(type->store, sizeof type->store, beacon->store);
}

/* What the producer cannot publish again any more is lost: it is reported once and then counts as received. */
static void leave_behind(struct tern_numbers_type *type, const struct tern_beacon_type *reported,
                         struct tern_numbers_news *news)
{
    int64_t before = reported->first - 1 < reported->last ? reported->first - 1 : reported->last;
    news->lost = count_missing(type, before);
    if (news->lost == 0) return;
    news->lost_low = type->through + 1;
    news->lost_high = before;
    type->dirty = true;
    raise(type, before);
}

/* Adds a gap to the request, as far as the request has room. */
static void add_to_ask(struct tern_resend *ask, int64_t from, int64_t to, int64_t *room)
{
    if (to - from + 1 > *room) to = from + *room - 1;
    if (from > to || ask->count == TERN_RESEND_RANGES) return;
    ask->ranges[ask->count++] = (struct tern_number_range){from, to};
    *room -= to - from + 1;
}

/* Fills the request when it is time for one. The wait doubles as long as the lowest gap stays the same. */
static void ask(struct tern_numbers_type *type, int64_t steady_ms, struct tern_numbers_news *news)
{
    int64_t from = type->through + 1, room = TERN_RESEND_MOST;
    if (type->ask_for != from) type->asks = type->ask_ms = 0; /* the last request was answered */
    if (steady_ms < type->ask_ms) return;
    int64_t wait_ms = TERN_NUMBERS_AGAIN_MS;
    for (int64_t i = 0; i < type->asks && wait_ms < TERN_NUMBERS_AGAIN_MOST_MS; i++)
        wait_ms *= 2;
    type->ask_ms = steady_ms + (wait_ms < TERN_NUMBERS_AGAIN_MOST_MS ? wait_ms : TERN_NUMBERS_AGAIN_MOST_MS);
    type->ask_for = from;
    type->asks++;
    news->ask.type = type->type;
    for (size_t i = 0; i < type->count && type->ranges[i].from <= type->reported_through; i++) {
        add_to_ask(&news->ask, from, type->ranges[i].from - 1, &room);
        from = type->ranges[i].to + 1;
    }
    add_to_ask(&news->ask, from, type->reported_through, &room);
}

/* Counts what changed since the last beacon: newly missing, and arrived since. `before`: how many were missing then. */
static void compare(struct tern_numbers_type *type, const struct tern_beacon_type *reported, int64_t before,
                    struct tern_numbers_news *news)
{
    int64_t still =
        count_missing(type, type->reported_through < reported->last ? type->reported_through : reported->last);
    news->healed = before - still - news->lost > 0 ? before - still - news->lost : 0;
    type->reported_through = reported->last;
    type->missing = count_missing(type, reported->last);
    news->missed = type->missing - still;
}

/* For the log line of a gap that opens. */
static int64_t highest_missing(const struct tern_numbers_type *type)
{
    int64_t high = type->reported_through;
    for (size_t i = type->count; i > 0; i--)
        if (type->ranges[i - 1].from <= high && type->ranges[i - 1].to >= high) high = type->ranges[i - 1].from - 1;
    return high;
}

void tern_numbers_compare(struct tern_numbers *numbers, const struct tern_beacon *beacon,
                          const struct tern_beacon_type *reported, int64_t steady_ms,
                          struct tern_numbers_news *ret_news)
{
    struct tern_numbers_type *type = tern_numbers_find(numbers, reported->type);
    *ret_news = (struct tern_numbers_news){0};
    if (!type) return;
    compare_store(numbers, type, beacon, reported, ret_news);
    int64_t before = type->missing;
    leave_behind(type, reported, ret_news);
    compare(type, reported, before, ret_news);
    ret_news->opened = type->missing > 0 && type->opened_ms == 0;
    ret_news->closed = type->missing == 0 && type->opened_ms != 0;
    if (ret_news->opened) {
        ret_news->for_ms = steady_ms - (type->complete_ms > 0 ? type->complete_ms : numbers->asked_at_start_ms);
        ret_news->low = type->through + 1;
        ret_news->high = highest_missing(type);
        type->opened_ms = steady_ms;
    }
    if (ret_news->closed) ret_news->for_ms = steady_ms - type->opened_ms;
    if (type->missing > 0) {
        ask(type, steady_ms, ret_news);
        return;
    }
    type->opened_ms = type->asks = type->ask_ms = 0;
    type->complete_ms = steady_ms;
}
