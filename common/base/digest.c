/* digest.c - SHA-256 by OpenSSL.
 *
 * Compares contents: a request with the one before, a backup with the store. Never used for passwords or signatures. */
#include "digest.h"

#include <errno.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <unistd.h>

enum { ASK_BYTES = 1024 * 1024 }; /* after how many bytes `goes_on` is asked */

void tern_sha256(const void *bytes, size_t length, unsigned char digest[TERN_SHA256_SIZE])
{
    const unsigned char *made = SHA256(bytes, length, digest);
    TERN_ASSERT(made == digest, "a digest of bytes in memory can always be made");
}

int tern_sha256_file(int fd, bool (*goes_on)(void *self), void *self, unsigned char digest[TERN_SHA256_SIZE])
{
    unsigned char piece[16384];
    off_t at = 0;
    ssize_t got = 0;
    EVP_MD_CTX *hash = EVP_MD_CTX_new();
    TERN_ASSERT(hash && EVP_DigestInit_ex(hash, EVP_sha256(), NULL) == 1, "a digest can always be begun");
    while ((got = pread(fd, piece, sizeof piece, at)) > 0 || (got < 0 && errno == EINTR)) {
        if (got < 0) continue;
        TERN_ASSERT(EVP_DigestUpdate(hash, piece, (size_t)got) == 1, "a digest takes any bytes");
        at += got;
        if (at % ASK_BYTES < got && !goes_on(self)) break;
    }
    int made = EVP_DigestFinal_ex(hash, digest, NULL);
    EVP_MD_CTX_free(hash);
    TERN_ASSERT(made == 1, "a digest that was begun can be ended");
    if (got > 0) errno = ECANCELED;
    return got == 0 ? 0 : -1;
}
