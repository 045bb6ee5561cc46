/* digest.c - the one place that asks OpenSSL for a hash. Never used for passwords or as a signature. */
#include "tern/digest.h"

#include <openssl/sha.h>

void tern_sha256(const void *bytes, size_t length, unsigned char digest[TERN_SHA256_SIZE])
{
    const unsigned char *made = SHA256(bytes, length, digest);

    TERN_ASSERT(made == digest, "a digest of bytes in memory can always be made");
}
