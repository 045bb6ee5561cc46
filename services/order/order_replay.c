/* order_replay.c - reads a stream page by page and folds it through order_apply.
 *
 * What it returns equals the row of `orders`: a test compares them after every order of arrival. Writes nothing. */
#include "order_replay.h"

#include <stdlib.h>

#include "tern/event_log.h"

enum { ORDER_REPLAY_PAGE = 100 };

struct order_replayer {
    struct order_state order;
    int64_t through_version;
    void *payload; /* room for any payload of the catalogue */
};

static int order_replay_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct order_replayer *replayer = self;
    struct tern_event event;
    struct order_change change = {.event = shop_event_named(row->type),
                                  .payload = replayer->payload,
                                  .correlation_id = row->correlation_id,
                                  .version = row->subject_version,
                                  .at_ms = row->logged_at_ms};
    int result;

    if (replayer->through_version >= 0 && row->subject_version > replayer->through_version) return 1;
    if (change.event == SHOP_EVENT_COUNT) return tern_error_set(err, "a stream holds the unknown event %s", row->type);
    if (tern_event_decode(row->body, row->body_length, &event, err) < 0) return -1;
    result = shop_decode(change.event, &event, replayer->payload, err);
    if (result == 0) order_apply(&replayer->order, &change);
    tern_event_fini(&event);
    return result;
}

static size_t order_replay_room(void)
{
    size_t room = 0;

    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const size_t size = shop_shape((enum shop_event)event)->size;

        if (size > room) room = size;
    }
    return room;
}

int order_replay(struct tern_db *db, const char *order_id, int64_t through_version, struct order_state *ret_order,
                 struct tern_error *err)
{
    struct order_replayer replayer = {.through_version = through_version, .payload = tern_alloc(order_replay_room())};
    int visited;

    do {
        visited = tern_event_log_stream(db, order_id, replayer.order.version, ORDER_REPLAY_PAGE, order_replay_row,
                                        &replayer, err);
    } while (visited == ORDER_REPLAY_PAGE && replayer.order.version != through_version);
    free(replayer.payload);
    if (visited < 0 || replayer.order.version == 0) {
        order_fini(&replayer.order);
        return visited < 0 ? -1 : 0;
    }
    *ret_order = replayer.order;
    return 1;
}
