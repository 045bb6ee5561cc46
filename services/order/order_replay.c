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
    int64_t through_version; /* the last one that is applied; negative: no bound */
    void *payload;           /* room for any payload of the catalogue; owned */
};

/* A visit of the stream. 1: the bound is reached, stop. */
static int apply_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct replay *replay = self;
    const struct shop_order_updated *updated = replay->payload;
    struct tern_event event;
    struct order_change change = {.event = shop_event_named(row->type),
                                  .payload = replay->payload,
                                  .correlation_id = row->correlation_id,
                                  .version = row->subject_version,
                                  .at_ms = row->logged_at_ms};
    if (replay->through_version >= 0 && row->subject_version > replay->through_version) return 1;
    if (change.event == SHOP_EVENT_COUNT) return tern_error_set(err, "a stream holds the unknown event %s", row->type);
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    int status = shop_decode(change.event, &event, replay->payload, err);
    tern_event_fini(&event);
    if (status < 0) return -1;
    if (change.event == SHOP_ORDER_UPDATED && order_status_parse(updated->status, &change.status) < 0)
        return tern_error_set(err, "a stream holds the unknown status %s", updated->status);
    order_apply(&replay->order, &change);
    return 0;
}

int order_replay(struct tern_db *db, const char *order_id, int64_t through_version, struct order_state *ret_order,
                 struct tern_error *err)
{
    struct replay replay = {.through_version = through_version};
    size_t room = 0;
    int visited;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++)
        if (shop_schema((enum shop_event)event)->size > room) room = shop_schema((enum shop_event)event)->size;
    replay.payload = tern_alloc(room);
    do {
        visited = tern_event_log_stream(db, order_id, replay.order.version, PAGE, apply_row, &replay, err);
    } while (visited == PAGE && replay.order.version != through_version);
    free(replay.payload);
    if (visited < 0 || replay.order.version == 0) {
        order_fini(&replay.order);
        return visited < 0 ? -1 : 0;
    }
    *ret_order = replay.order;
    return 1;
}
