/* republish.c - a second walk through the log, with a position of its own.
 *
 * confirmed_through never passes a row without a confirm. When a row is returned, the walk goes back to it and
 * publishes it and everything after it again; the inboxes drop what they know. Never sends anything: publisher.c does,
 * and reports it here. */
#include "republish.h"
#include "log_store.h"

enum { PAGE = 32 }; /* rows read at a time */

void tern_republish_init(struct republish *republish, enum publish_kind kind, int per_s)
{
    *republish = (struct republish){.kind = kind, .per_s = per_s, .more = kind == PUBLISH_ASKED_FOR};
}

void tern_republish_begin(struct republish *republish, const struct tern_republish_range *loss)
{
    tern_republish_init(republish, republish->kind, republish->per_s);
    republish->loss = *loss;
    republish->position = republish->confirmed_through = republish->reported_through = loss->after_seq;
    republish->more = loss->id > 0;
}

/* A token bucket that holds one second's worth of rows, and a quarter of the window. */
size_t tern_republish_room(struct republish *republish, const struct publish_window *window, int64_t now_ms)
{
    size_t share = window->size / 4 > 0 ? window->size / 4 : 1;
    int64_t gained = (now_ms - republish->allowed_ms) * republish->per_s / 1000;
    if (gained > 0) {
        republish->allowed =
            gained > republish->per_s - republish->allowed ? republish->per_s : republish->allowed + gained;
        republish->allowed_ms = now_ms;
    }
    size_t room = republish->under_way < share ? share - republish->under_way : 0;
    if (room > publish_window_room(window)) room = publish_window_room(window);
    return room > (size_t)republish->allowed ? (size_t)republish->allowed : room;
}

struct visit {
    struct republish *republish;
    republish_visitor *visit;
    void *self;       /* of `visit` */
    int64_t position; /* PUBLISH_ASKED_FOR: the request's id */
    bool nudge;       /* PUBLISH_ASKED_FOR: the request's */
};

static int visit_asked(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    const struct visit *visit = self;
    return visit->visit(visit->self, row, visit->position, visit->nudge, err);
}

static int visit_lost(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    const struct visit *visit = self;
    struct republish *republish = visit->republish;
    republish->position = row->seq;
    return visit->visit(visit->self, row, row->seq, false, err);
}

/* Each request is a lookup of its own: the requested rows lie anywhere in the log. A row that is gone is passed
 * over. */
static int read_asked(struct republish *republish, struct tern_db *reader, int limit, struct visit *visit,
                      struct tern_error *err)
{
    struct tern_outbox_request rows[PAGE];
    int count = tern_outbox_request_list(reader, republish->position, rows, limit, err);
    for (int i = 0; i < count; i++) {
        visit->position = rows[i].id;
        visit->nudge = !rows[i].republished;
        if (tern_event_log_own(reader, rows[i].seq - 1, rows[i].seq, 1, visit_asked, visit, err) < 0) return -1;
        republish->position = rows[i].id;
    }
    if (count < limit) republish->more = false;
    return count < 0 ? -1 : 0;
}

int tern_republish_read(struct republish *republish, struct tern_db *reader, size_t limit, republish_visitor *visit,
                        void *self, struct tern_error *err)
{
    struct visit each = {.republish = republish, .visit = visit, .self = self};
    int page = limit < PAGE ? (int)limit : PAGE;
    if (republish->kind == PUBLISH_ASKED_FOR) return read_asked(republish, reader, page, &each, err);
    int64_t through_seq = republish->loss.through_seq;
    int visited = tern_event_log_own(reader, republish->position, through_seq, page, visit_lost, &each, err);
    if (visited < 0) return -1;
    if (visited == page) return 0;
    republish->more = false;
    republish->position = through_seq; /* only foreign rows are left up to there */
    return 0;
}

void tern_republish_sent(struct republish *republish)
{
    republish->under_way++;
    republish->allowed--;
}

void tern_republish_confirmed(struct republish *republish)
{
    republish->under_way--;
    republish->attempts = 0;
    republish->count++;
}

void tern_republish_failed(struct republish *republish, int64_t position, int64_t retry_ms)
{
    republish->under_way--;
    republish->attempts++;
    republish->retry_ms = retry_ms;
    if (republish->failed == 0 || position < republish->failed) republish->failed = position;
}

void tern_republish_retry(struct republish *republish, int64_t now_ms)
{
    if (republish->failed == 0 || now_ms < republish->retry_ms) return;
    republish->position = republish->failed - 1;
    republish->failed = 0;
    republish->more = true;
}

bool tern_republish_pass(struct republish *republish, const struct publish_window *window)
{
    int64_t through = republish->position;
    if (republish->confirmed_through < through) {
        if (republish->failed > 0 && republish->failed <= through) through = republish->failed - 1;
        if (republish->under_way > 0) through = tern_publish_window_frontier(window, republish->kind, through);
        if (through > republish->confirmed_through) republish->confirmed_through = through;
    }
    return republish->confirmed_through > republish->reported_through;
}

/* The store ends a range at the same position (tern_republish_range_advance), so it can be forgotten here. */
int64_t tern_republish_report(struct republish *republish, struct tern_log *log)
{
    republish->reported_through = republish->confirmed_through;
    if (republish->loss.id > 0 && republish->confirmed_through >= republish->loss.through_seq) {
        tern_log_info(log, "the recent log is republished", TERN_INT("events", republish->count));
        republish->loss.id = 0;
    }
    return republish->reported_through;
}

void tern_republish_reset(struct republish *republish, const struct publish_window *window)
{
    (void)tern_republish_pass(republish, window);
    republish->position = republish->confirmed_through;
    republish->failed = 0;
    republish->under_way = 0;
    republish->more = republish->kind == PUBLISH_ASKED_FOR || republish->loss.id > 0;
}
