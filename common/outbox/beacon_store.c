/* beacon_store.c - reads a beacon: by type, which numbers the broker has confirmed, and from which on they can be
 * resent.
 *
 * Only committed rows are read, so a crash never makes a later beacon say less than an earlier one. A few index
 * lookups for each type, however long the log is. */
#include "beacon.h"

#include "log_store.h"
#include "tern/event_log.h"

#include <string.h>

int tern_beacon_first_seq(struct tern_db *db, int64_t through_seq, int64_t window_ms, int64_t *ret_after_seq,
                          struct tern_error *err)
{
    if (window_ms > TERN_REPUBLISH_MOST_MS) window_ms = TERN_REPUBLISH_MOST_MS;
    return tern_event_log_window(db, window_ms, INT64_MIN, through_seq, ret_after_seq, err);
}

int tern_beacon_read(struct tern_db *db, const struct tern_catalogue *catalogue, const char *producer,
                     int64_t window_ms, struct tern_beacon *ret_beacon, struct tern_error *err)
{
    int64_t through_seq = 0, after_seq = 0, before = 0;
    ret_beacon->count = 0;
    tern_copy_whole(ret_beacon->producer, sizeof ret_beacon->producer, producer);
    if (tern_outbox_confirmed(db, &through_seq, err) < 0 ||
        tern_beacon_first_seq(db, through_seq, window_ms, &after_seq, err) < 0)
        return -1;
    for (size_t i = 0; i < catalogue->type_count; i++) {
        const struct tern_event_type *type = &catalogue->types[i];
        if (!type->consumers[0] || strcmp(type->producer, producer) != 0) continue;
        struct tern_beacon_type *numbers = &ret_beacon->types[ret_beacon->count++];
        *numbers = (struct tern_beacon_type){.type = type};
        if (tern_event_log_number_through(db, type->name, through_seq, &numbers->last, err) < 0 ||
            tern_event_log_number_through(db, type->name, after_seq, &before, err) < 0)
            return -1;
        numbers->first = before + 1;
    }
    return 0;
}
