/* projection_store.h - the positions of projections. Inside the caller's transaction where it writes. */
#ifndef TERN_PROJECTION_STORE_H
#define TERN_PROJECTION_STORE_H

#include "tern/db.h"

/* 0 for a projection that has never been folded. -1 with `err`. */
int tern_projection_position(struct tern_db *db, const char *name, int64_t *ret_position, struct tern_error *err);
int tern_projection_save(struct tern_db *db, const char *name, int64_t position, struct tern_error *err);

#endif
