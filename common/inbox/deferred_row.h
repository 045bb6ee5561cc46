/* deferred_row.h - the columns of a deferred message in the order in which they are read. For deferred.c and
 * parked.c. */
#ifndef TERN_INBOX_DEFERRED_ROW_H
#define TERN_INBOX_DEFERRED_ROW_H

#include "deferred.h"

#define DEFERRED_HEAD                                                                                          \
    "position, event_id, type, subject, state, attempts, next_try_ms, first_at_ms, last_at_ms, reason, error," \
    " traceparent"
#define DEFERRED_COLUMNS DEFERRED_HEAD ", body"

/* Fills `deferred` from a row of DEFERRED_COLUMNS; it owns its body then. */
void tern_deferred_read(const struct tern_db_rows *rows, struct tern_deferred *deferred);

#endif
