/* identity.h - which store this is: a UUID that it is given at its first start and keeps.
 *
 * Runs on the caller's connection, inside its transaction. Logs nothing. */
#ifndef TERN_SERVICE_IDENTITY_H
#define TERN_SERVICE_IDENTITY_H

#include "tern/db.h"
#include "tern/id.h"

/* The store's UUID; a store that has none yet gets `fresh`. */
int tern_identity_load(struct tern_db *db, const char *fresh, char ret_uuid[TERN_UUID_SIZE], struct tern_error *err);

#endif
