/* beacon.h - reads the content of a producer's beacon from its log. On any connection to the store; writes nothing.
 *
 * A beacon says, for each type with consumers, which numbers are confirmed and which of these can be republished
 * (docs/adr/0010). */
#ifndef TERN_OUTBOX_BEACON_H
#define TERN_OUTBOX_BEACON_H

#include "common/event/control.h"
#include "tern/db.h"

/* Fills all but `ret_beacon->store`. window_ms is REPUBLISH_WINDOW_S, in online time. */
int tern_beacon_read(struct tern_db *db, const struct tern_catalogue *catalogue, const char *producer,
                     int64_t window_ms, struct tern_beacon *ret_beacon, struct tern_error *err);
/* The rows after this seq, up to `through_seq`, can be republished: window_ms, but no more than an inbox remembers. */
int tern_beacon_first_seq(struct tern_db *db, int64_t through_seq, int64_t window_ms, int64_t *ret_after_seq,
                          struct tern_error *err);

#endif
