/* ids.h - makes and ends a generator of ids. */
#ifndef TERN_BASE_IDS_H
#define TERN_BASE_IDS_H

#include "tern/id.h"

/* `clock` must outlive the generator. A `seed` other than 0 makes the ids repeatable (tests and simulation only). */
struct tern_ids *tern_ids_create(const struct tern_clock *clock, uint64_t seed);
void tern_ids_destroy(struct tern_ids *ids);

#endif
