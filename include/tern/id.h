/* tern/id.h - makes the ids of events, orders and traces, and checks ids that come from outside.
 *
 * Event ids are UUIDs of version 7 (RFC 9562, section 5.7, with the monotonic counter of section 6.2): in one process
 * they ascend, also within a millisecond and when the wall clock steps back, which keeps the indexes of a store
 * compact. Random bits come from getrandom(2). A generator may be used by any thread, but not on both sides of fork(2),
 * which would repeat ids. */
#ifndef TERN_ID_H
#define TERN_ID_H

#include "tern/clock.h"

enum {
    TERN_UUID_SIZE = 37,        /* 36 characters, lower case, and the NUL */
    TERN_SORTABLE_ID_SIZE = 48, /* room for prefix + 26 characters + NUL */
    TERN_TRACEPARENT_SIZE = 56  /* "00-<32 hex>-<16 hex>-01" and the NUL */
};

struct tern_ids;

/* A new time-ordered UUID. */
void tern_ids_uuid(struct tern_ids *ids, char uuid[TERN_UUID_SIZE]);
/* `prefix`, at most 21 characters, followed by a time-ordered UUID as 26 characters of Crockford's base 32: sorts by
 * time, and is unique across processes. */
void tern_ids_sortable(struct tern_ids *ids, const char *prefix, char id[TERN_SORTABLE_ID_SIZE]);
/* W3C trace context (level 1): a fresh trace, or a fresh span of the trace of `parent` when that is valid. */
void tern_ids_traceparent(struct tern_ids *ids, const char *parent, char traceparent[TERN_TRACEPARENT_SIZE]);
/* A random number below `bound` (bound > 0), each with the same probability. */
uint64_t tern_ids_random(struct tern_ids *ids, uint64_t bound);

/* Checks a UUID in its 36-character form, either case, and writes it in lower case. Returns 0 or -1. */
int tern_uuid_normalise(const char *text, char uuid[TERN_UUID_SIZE]);
/* The UUID of a name (RFC 9562, version 5): the same name in the same `space`, itself a UUID, always gives the same
 * one. */
void tern_uuid_named(const char *space, const char *name, char uuid[TERN_UUID_SIZE]);
/* Whether it is a traceparent of version 00: lower-case hex, no id of zeros (W3C Trace Context, section 3.2). */
bool tern_traceparent_valid(const char *text);
/* Whether it can be the id of an order, customer or product: 1 to 64 characters of A-Z a-z 0-9 . _ - */
bool tern_id_valid(const char *text);

#endif
