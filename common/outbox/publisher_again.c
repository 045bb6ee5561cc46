/* publisher_again.c - rows that are said again: a stream beside the new rows, with a cursor and a mark of its own.
 *
 * There are two: what somebody asked for, and what the broker forgot. Each may take a quarter of the window and so many rows a second, never more: what is new goes first. Nothing passes
 * its mark unconfirmed; what comes back is sent again later with all that came after it, because twice is harmless. */
#include "publisher_parts.h"
#include "tern/bug.h"

void publish_again_init(struct publish_again *again, int64_t mark)
{
    *again = (struct publish_again){.cursor = mark, .mark = mark, .told = mark, .more = true};
}

size_t publish_again_room(struct publish_again *again, const struct publish_window *window, int per_s, int64_t now_ms)
{
    size_t share = window->size / 4 > 0 ? window->size / 4 : 1;
    int64_t gained = (now_ms - again->allowed_ms) * per_s / 1000;
    if (gained > 0) {
        again->allowed = gained > per_s - again->allowed ? per_s : again->allowed + gained;
        again->allowed_ms = now_ms;
    }
    size_t room = again->open < share ? share - again->open : 0;
    if (room > publish_window_free(window)) room = publish_window_free(window);
    return room > (size_t)again->allowed ? (size_t)again->allowed : room;
}

void publish_again_sent(struct publish_again *again, struct publish_slot *slot, int64_t position)
{
    slot->held = true;
    slot->stream = again;
    slot->position = position;
    again->open++;
    again->allowed--;
}

void publish_again_confirmed(struct publish_again *again)
{
    again->open--;
    again->attempts = 0;
}

void publish_again_failed(struct publish_again *again, int64_t position, int64_t retry_ms)
{
    again->open--;
    again->retry_ms = retry_ms;
    if (again->failed == 0 || position < again->failed) again->failed = position;
}

void publish_again_retry(struct publish_again *again, int64_t now_ms)
{
    if (again->failed == 0 || now_ms < again->retry_ms) return;
    again->cursor = again->failed - 1;
    again->failed = 0;
    again->more = true;
}

bool publish_again_pass(struct publish_again *again, struct publish_window *window)
{
    int64_t mark = again->failed > 0 && again->failed <= again->cursor ? again->failed - 1 : again->cursor;
    if (again->mark == again->cursor) return again->mark > again->told;
    for (uint64_t sequence = window->first; again->open > 0 && sequence < window->next; sequence++) {
        const struct publish_slot *slot = publish_window_slot(window, sequence);
        if (slot->open && slot->stream == again && slot->position <= mark) mark = slot->position - 1;
    }
    if (mark > again->mark) again->mark = mark;
    return again->mark > again->told;
}

void publish_again_lost(struct publish_again *again, struct publish_window *window)
{
    (void)publish_again_pass(again, window);
    if (TERN_BUG(again_forgotten)) again->mark = again->cursor;
    again->cursor = again->mark;
    again->failed = 0;
    again->open = 0;
    again->more = true;
}
