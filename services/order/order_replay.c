/* order_replay.c - reads a stream in pages and folds it with order_apply.
 *
 * The result equals the row of `orders`: a test compares them for every order in which answers can arrive. Writes
 * nothing. */
#include "order_replay.h"

#include "tern/event_log.h"

enum { PAGE = 100 }; /* events read at once */

struct replay {
    struct order_state order;
    struct order_bound bound;
    order_step *step; /* may be NULL */
    void *self;       /* of `step` */
    bool ended;       /* the next event is beyond the bound */
    union order_payload payload;
};

/* What updatedAt will be after the event: as order_apply has it. */
static int64_t time_of(const struct replay *replay, const struct order_change *change)
{
    if (change->event == SHOP_ORDER_PLACED) return ((const struct shop_order_placed *)change->payload)->created_at_ms;
    return change->at_ms > replay->order.updated_at_ms ? change->at_ms : replay->order.updated_at_ms;
}

/* Whether order_apply reads the payload; of the others it needs the type alone. */
static bool tells_more(enum shop_event event)
{
    return event == SHOP_ORDER_PLACED || event == SHOP_ORDER_UPDATED || event == SHOP_ORDER_CANCELLED ||
           event == SHOP_PAYMENT_PROCESSED || event == SHOP_PRODUCT_OUT_OF_STOCK;
}

int order_read_change(const struct tern_fold_event *event, union order_payload *ret_payload,
                      struct order_change *ret_change, struct tern_error *err)
{
    const char *type = event->event->type, *status = ret_payload->order_updated.status;
    const enum shop_event known = shop_event_named(type);
    struct order_change change = {.event = known,
                                  .payload = ret_payload,
                                  .correlation_id = event->event->correlation_id,
                                  .version = event->subject_version,
                                  .at_ms = event->logged_at_ms};
    if (known == SHOP_EVENT_COUNT) return tern_error_set(err, "a stream holds the unknown event %s", type);
    if (tells_more(known) && shop_decode(known, event->event, ret_payload, err) < 0) return -1;
    if (known == SHOP_ORDER_UPDATED && order_status_parse(status, &change.status) < 0)
        return tern_error_set(err, "a stream holds the unknown status %s", status);
    *ret_change = change;
    return 0;
}

static int apply_event(struct replay *replay, const struct tern_fold_event *event, struct tern_error *err)
{
    struct order_change change = {.event = SHOP_EVENT_COUNT};
    if (order_read_change(event, &replay->payload, &change, err) < 0) return -1;
    replay->ended = time_of(replay, &change) > replay->bound.at_ms;
    if (replay->ended) return 1;
    order_apply(&replay->order, &change);
    return replay->step ? replay->step(replay->self, event->event, &replay->order, err) : 0;
}

/* A visit of the stream. 1: the bound is reached, stop. */
static int apply_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct replay *replay = self;
    struct tern_event event;
    replay->ended = row->subject_version > replay->bound.version;
    if (replay->ended) return 1;
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    const struct tern_event_type *type = tern_catalogue_find(&shop_catalogue, event.type);
    const struct tern_fold_event folded = {
        .event = &event, .subject_version = row->subject_version, .logged_at_ms = row->logged_at_ms};
    int answer = type ? tern_event_lift(&event, type, err) : 0; /* order_read_change refuses what is unknown */
    if (answer == 0) answer = apply_event(replay, &folded, err);
    tern_event_fini(&event);
    return answer;
}

int order_replay(struct tern_db *db, const char *order_id, struct order_bound bound, order_step *step, void *self,
                 struct order_state *ret_order, struct tern_error *err)
{
    struct replay replay = {.bound = bound, .step = step, .self = self};
    int visited;
    do {
        visited = tern_event_log_stream(db, order_id, replay.order.version, PAGE, apply_row, &replay, err);
    } while (visited == PAGE && !replay.ended);
    if (visited < 0 || replay.order.version == 0) {
        order_fini(&replay.order);
        return visited < 0 ? -1 : 0;
    }
    *ret_order = replay.order;
    return 1;
}
