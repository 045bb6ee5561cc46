/* identity.h - the identity of a store: a UUID that it gets at its first start and keeps, in every copy too.
 *
 * Runs on the caller's connection, inside its transaction. Logs nothing. */
#ifndef TERN_SERVICE_IDENTITY_H
#define TERN_SERVICE_IDENTITY_H

#include "tern/db.h"
#include "tern/id.h"

/* The store's UUID; a store without one gets `fresh`. 0 or -1. */
int tern_identity_load(struct tern_db *db, const char *fresh, char ret_uuid[TERN_UUID_SIZE], struct tern_error *err);

#endif
