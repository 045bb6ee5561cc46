/* admin_token.h - the admin token that a daemon makes for itself when none is configured.
 *
 * It lies beside the store as <store>.token: one line of 32 to 256 characters of A-Z a-z 0-9 - _, readable by its owner
 * alone. Nothing here logs; no error names the token. */
#ifndef TERN_SERVICE_ADMIN_TOKEN_H
#define TERN_SERVICE_ADMIN_TOKEN_H

#include "tern/error.h"

enum { TERN_ADMIN_TOKEN_MOST = 256, TERN_ADMIN_TOKEN_SIZE = TERN_ADMIN_TOKEN_MOST + 1 };

/* 1 with the token of the file at `path`; 0: there is no file; -1: the file must not be used, because it is a symbolic
 * link or no regular file, readable by others, empty, or holds no token. */
int tern_admin_token_read(const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE], struct tern_error *err);
/* Writes 256 random bits into a new file at `path`: complete and on disk, or not there at all. 0 or -1. One process at
 * a time: the caller holds the store's lock. */
int tern_admin_token_make(const char *path, char ret_token[TERN_ADMIN_TOKEN_SIZE], struct tern_error *err);

#endif
