/* digest.h - SHA-256 (FIPS 180-4) of bytes and files, by OpenSSL. Pure; any thread. */
#ifndef TERN_BASE_DIGEST_H
#define TERN_BASE_DIGEST_H

#include "tern/base.h"

enum { TERN_SHA256_SIZE = 32 };

void tern_sha256(const void *bytes, size_t length, unsigned char digest[TERN_SHA256_SIZE]);
/* Of a whole file, wherever its offset stands. Returns 0, or -1 with errno. `goes_on` is asked once per MiB; false ends
 * it with ECANCELED. */
int tern_sha256_file(int fd, bool (*goes_on)(void *self), void *self, unsigned char digest[TERN_SHA256_SIZE]);

#endif
