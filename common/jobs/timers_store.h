/* timers_store.h - the library's half of timers: setting a row, and taking what is due. Inside the caller's
 * transaction. */
#ifndef TERN_JOBS_TIMERS_STORE_H
#define TERN_JOBS_TIMERS_STORE_H

#include "tern/timers.h"

/* Sets or moves a timer; `payload` may be NULL. A text that does not fit into struct tern_timer is an error. 0 or
 * -1. */
int tern_timer_set(struct tern_db *db, const char *kind, const char *key, int64_t due_ms, const char *payload,
                   struct tern_error *err);
/* 1 and the due time of the earliest timer (UTC), 0 when there is none, -1. */
int tern_timer_next_due(struct tern_db *db, int64_t *ret_due_ms, struct tern_error *err);
/* Removes and returns the earliest timer that is due: 1, 0 when none is, -1. */
int tern_timer_take_due(struct tern_db *db, int64_t now_ms, struct tern_timer *ret_timer, struct tern_error *err);
/* The wall clock jumped by by_ms: every timer stays as far away as it was. */
int tern_timer_shift(struct tern_db *db, int64_t by_ms, struct tern_error *err);

#endif
