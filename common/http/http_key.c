/* http_key.c - reads the header Idempotency-Key: a quoted string as in draft-ietf-httpapi-idempotency-key-header-07, or
 * bare. */
#include "http_internal.h"

#include <string.h>

int tern_http_key_read(const char *header, char ret_key[TERN_HTTP_KEY_SIZE])
{
    const bool quoted = header[0] == '"';
    const char *at = header + (quoted ? 1 : 0);
    char key[TERN_HTTP_KEY_SIZE];
    size_t length = 0;
    for (; *at != '\0' && *at != '"'; at++) {
        if (quoted && *at == '\\') {
            at++;
            if (*at != '"' && *at != '\\') return -1;
        }
        if (*at <= ' ' || *at >= 0x7f || length == TERN_HTTP_KEY_SIZE - 1) return -1;
        key[length++] = *at;
    }
    if (length == 0 || *at != (quoted ? '"' : '\0') || (quoted && at[1] != '\0')) return -1;
    key[length] = '\0';
    memcpy(ret_key, key, length + 1);
    return 0;
}
