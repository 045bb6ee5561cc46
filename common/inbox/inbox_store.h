/* inbox_store.h - which events were handled. Inside the caller's transaction, writer thread. Times are online time. */
#ifndef TERN_INBOX_INBOX_STORE_H
#define TERN_INBOX_INBOX_STORE_H

#include "tern/inbox.h"

/* Records an event as handled. 1 when it is new, 0 when it was handled before, -1 when the store failed: then nothing
 * is recorded. */
int tern_inbox_add(struct tern_db *db, const char *event_id, int64_t online_ms, struct tern_error *err);
/* 1 when it was handled, 0 when not, -1. */
int tern_inbox_has(struct tern_db *db, const char *event_id, struct tern_error *err);
/* Forgets at most `limit` rows handled before `before_online_ms`. Returns how many, or -1. */
int tern_inbox_purge(struct tern_db *db, int64_t before_online_ms, int limit, struct tern_error *err);

#endif
