/* beacon.h - reads from a producer's log what its beacon says. On any connection to the store; writes nothing. */
#ifndef TERN_OUTBOX_BEACON_H
#define TERN_OUTBOX_BEACON_H

#include "common/event/control.h"
#include "tern/db.h"

/* The types with consumers; `ret_beacon->store` is the caller's to fill. window_ms is REPUBLISH_WINDOW_S, in online
 * time. */
int tern_beacon_read(struct tern_db *db, const struct tern_catalogue *catalogue, const char *producer,
                     int64_t window_ms, struct tern_beacon *ret_beacon, struct tern_error *err);
/* The seq after which what was published can be published again: no more than an inbox remembers. */
int tern_beacon_first_seq(struct tern_db *db, int64_t through_seq, int64_t window_ms, int64_t *ret_after_seq,
                          struct tern_error *err);

#endif
