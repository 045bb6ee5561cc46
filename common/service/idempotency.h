/* idempotency.h - the first answers to requests that came with an Idempotency-Key.
 *
 * An answer is kept in the transaction of what it answers, so a key is known exactly when its effect is. A key belongs to
 * a method and a path. Keys are kept for TERN_IDEMPOTENCY_DAYS of the time that the service spends with its broker
 * (ctx->online_ms); each new one clears away two that are older, so the table cannot grow without end. Only what
 * succeeded is kept: a request that was refused may be mended and sent again with its key.
 * Writer's connection, inside its transaction. Logs nothing. */
#ifndef TERN_SERVICE_IDEMPOTENCY_H
#define TERN_SERVICE_IDEMPOTENCY_H

#include "common/base/digest.h"
#include "tern/db.h"
#include "tern/text.h"

enum { TERN_IDEMPOTENCY_DAYS = 30 };

struct tern_keyed_request {
    const char *operation; /* "POST /orders" */
    const char *key;
    unsigned char fingerprint[TERN_SHA256_SIZE]; /* of what the request asks for */
};

struct tern_kept_answer {
    int status;
    struct tern_text headers, body;
};

enum tern_idempotency {
    TERN_KEY_BROKEN = -1, /* the store failed: `err` */
    TERN_KEY_NEW,
    TERN_KEY_ANSWERED, /* the same request was answered before: here is that answer */
    TERN_KEY_MISUSED   /* the key belongs to another request */
};

/* For TERN_KEY_ANSWERED: the status, and headers and body appended to the texts. */
enum tern_idempotency tern_idempotency_find(struct tern_db *db, const struct tern_keyed_request *request,
                                            int64_t online_ms, struct tern_kept_answer *ret_answer,
                                            struct tern_error *err);
int tern_idempotency_keep(struct tern_db *db, const struct tern_keyed_request *request,
                          const struct tern_kept_answer *answer, int64_t online_ms, struct tern_error *err);

#endif
