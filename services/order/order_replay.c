/* order_replay.c - reads a stream in pages and folds it with order_apply.
 *
 * The result equals the row of `orders`: a test compares them for every order in which answers can arrive. Writes
 * nothing. */
#include "order_replay.h"

#include <stdlib.h>

#include "tern/event_log.h"

enum { PAGE = 100 }; /* events read at once */

struct replay {
    struct order_state order;
    struct order_bound bound;
    order_step *step; /* may be NULL */
    void *self;       /* of `step` */
    bool ended;       /* the next event is beyond the bound */
    void *payload;    /* room for any payload of the catalogue; owned */
};

/* What updatedAt will be after the event: as order_apply has it. */
static int64_t time_of(const struct replay *replay, const struct order_change *change)
{
    if (change->event == SHOP_ORDER_PLACED) return ((const struct shop_order_placed *)change->payload)->created_at_ms;
    return change->at_ms > replay->order.updated_at_ms ? change->at_ms : replay->order.updated_at_ms;
}

static int apply_event(struct replay *replay, const struct tern_log_row *row, const struct tern_event *event,
                       struct tern_error *err)
{
    const struct shop_order_updated *updated = replay->payload;
    struct order_change change = {.event = shop_event_named(row->type),
                                  .payload = replay->payload,
                                  .correlation_id = row->correlation_id,
                                  .version = row->subject_version,
                                  .at_ms = row->logged_at_ms};
    if (change.event == SHOP_EVENT_COUNT) return tern_error_set(err, "a stream holds the unknown event %s", row->type);
    if (shop_decode(change.event, event, replay->payload, err) < 0) return -1;
    if (change.event == SHOP_ORDER_UPDATED && order_status_parse(updated->status, &change.status) < 0)
        return tern_error_set(err, "a stream holds the unknown status %s", updated->status);
    replay->ended = time_of(replay, &change) > replay->bound.at_ms;
    if (replay->ended) return 1;
    order_apply(&replay->order, &change);
    return replay->step ? replay->step(replay->self, event, &replay->order, err) : 0;
}

/* A visit of the stream. 1: the bound is reached, stop. */
static int apply_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct replay *replay = self;
    struct tern_event event;
    replay->ended = row->subject_version > replay->bound.version;
    if (replay->ended) return 1;
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    int answer = apply_event(replay, row, &event, err);
    tern_event_fini(&event);
    return answer;
}

int order_replay(struct tern_db *db, const char *order_id, struct order_bound bound, order_step *step, void *self,
                 struct order_state *ret_order, struct tern_error *err)
{
    struct replay replay = {.bound = bound, .step = step, .self = self};
    size_t room = 0;
    int visited;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        if (shop_schema((enum shop_event)event)->size > room) room = shop_schema((enum shop_event)event)->size;
    replay.payload = tern_alloc(room);
    do {
        visited = tern_event_log_stream(db, order_id, replay.order.version, PAGE, apply_row, &replay, err);
    } while (visited == PAGE && !replay.ended);
    free(replay.payload);
    if (visited < 0 || replay.order.version == 0) {
        order_fini(&replay.order);
        return visited < 0 ? -1 : 0;
    }
    *ret_order = replay.order;
    return 1;
}
