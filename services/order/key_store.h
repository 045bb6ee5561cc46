/* key_store.h - the first answers to requests that came with an Idempotency-Key.
 *
 * An answer is kept in the transaction of what it answers, so a key is known exactly when its effect is. Keys are
 * kept for KEY_STORE_DAYS of the time that the service spends with its broker (ctx->online_ms); each new one clears away two that are older, so the table cannot grow without end.
 * Only what succeeded is kept: a request that was refused may be mended and sent again with its key.
 * Writer's connection, inside its transaction. Logs nothing. */
#ifndef ORDER_KEY_STORE_H
#define ORDER_KEY_STORE_H

#include "tern/db.h"
#include "tern/text.h"

enum { KEY_STORE_DAYS = 30, KEY_FINGERPRINT_SIZE = 32, KEY_SIZE = 256 };

struct key_request {
    const char *operation; /* "POST /orders" */
    const char *key;
    const unsigned char *fingerprint; /* KEY_FINGERPRINT_SIZE bytes: what the request asks for */
};

struct key_answer {
    int status;
    const char *headers, *body;
};

enum key_found {
    KEY_BROKEN = -1, /* the store failed: `err` */
    KEY_NEW,
    KEY_ANSWERED, /* the same request was answered before: here is that answer */
    KEY_MISUSED   /* the key belongs to another request */
};

/* For KEY_ANSWERED: the status, and headers and body appended to the texts. */
enum key_found key_store_find(struct tern_db *db, const struct key_request *request, int64_t online_ms, int *ret_status,
                              struct tern_text *headers, struct tern_text *body, struct tern_error *err);
int key_store_keep(struct tern_db *db, const struct key_request *request, const struct key_answer *answer,
                   int64_t online_ms, struct tern_error *err);

#endif
