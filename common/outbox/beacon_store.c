/* beacon_store.c - what a producer's log has to say about itself: by type, which numbers the broker has confirmed.
 *
 * Read from what is committed, so that no crash makes a later beacon say less than an earlier one did. A few lookups
 * per type, whatever the log holds. */
#include "beacon.h"

#include "log_store.h"
#include "tern/event_log.h"

#include <string.h>

static int add_type(struct tern_db *db, const struct tern_event_type *type, int64_t after_seq, int64_t through_seq,
                    struct tern_beacon *beacon, struct tern_error *err)
{
    struct tern_beacon_type *numbers = &beacon->types[beacon->count];
    int64_t before;
    *numbers = (struct tern_beacon_type){.type = type};
    if (tern_event_log_number_through(db, type->name, through_seq, &numbers->last, err) < 0 ||
        tern_event_log_number_through(db, type->name, after_seq, &before, err) < 0)
        return -1;
    numbers->first = before + 1;
    beacon->count++;
    return 0;
}

int tern_beacon_first_seq(struct tern_db *db, int64_t through_seq, int64_t window_ms, int64_t *ret_after_seq,
                          struct tern_error *err)
{
    if (window_ms > TERN_REPUBLISH_MOST_MS) window_ms = TERN_REPUBLISH_MOST_MS;
    return tern_event_log_window(db, window_ms, INT64_MIN, through_seq, ret_after_seq, err);
}

int tern_beacon_read(struct tern_db *db, const struct tern_catalogue *catalogue, const char *producer,
                     int64_t window_ms, struct tern_beacon *ret_beacon, struct tern_error *err)
{
    int64_t through_seq = 0, after_seq = 0;
    ret_beacon->count = 0;
    tern_copy_whole(ret_beacon->producer, sizeof ret_beacon->producer, producer);
    if (tern_outbox_confirmed(db, &through_seq, err) < 0 ||
        tern_beacon_first_seq(db, through_seq, window_ms, &after_seq, err) < 0)
        return -1;
    for (size_t i = 0; i < catalogue->type_count; i++) {
        const struct tern_event_type *type = &catalogue->types[i];
        if (type->consumers[0] == NULL || strcmp(type->producer, producer) != 0) continue;
        if (add_type(db, type, after_seq, through_seq, ret_beacon, err) < 0) return -1;
    }
    return 0;
}
