/* held_row.h - the columns of a held message in the order in which they are read; for held.c and parked.c. */
#ifndef TERN_INBOX_HELD_ROW_H
#define TERN_INBOX_HELD_ROW_H

#include "tern/held.h"

#define HELD_HEAD                                                                                              \
    "position, event_id, type, subject, state, attempts, next_try_ms, first_at_ms, last_at_ms, reason, error," \
    " traceparent"
#define HELD_COLUMNS HELD_HEAD ", body"

/* Fills `held` from a row of HELD_COLUMNS; it owns its body then. */
void tern_held_read(const struct tern_db_rows *rows, struct tern_held *held);

#endif
