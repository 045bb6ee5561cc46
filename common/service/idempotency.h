/* idempotency.h - stores the first answers to requests that came with an Idempotency-Key.
 *
 * An answer is stored in the transaction of what it answers, so a key is known exactly when its effect is. A key
 * belongs to a method and a path. It is kept for TERN_IDEMPOTENCY_DAYS of time online (ctx->online_ms); each new one
 * removes two that are older, so the table stays bounded. Only success is kept: a request that was refused may be
 * corrected and sent again with its key. Finding works on any connection; keeping inside the writer's transaction.
 * Logs nothing. */
#ifndef TERN_SERVICE_IDEMPOTENCY_H
#define TERN_SERVICE_IDEMPOTENCY_H

#include "common/base/digest.h"
#include "tern/db.h"
#include "tern/text.h"

enum { TERN_IDEMPOTENCY_DAYS = 30 };

struct tern_keyed_request {
    const char *operation;                       /* "POST /orders" */
    const char *key;                             /* the Idempotency-Key */
    unsigned char fingerprint[TERN_SHA256_SIZE]; /* of what the body asks for, in one spelling */
};

/* An HTTP answer. Owner of the texts: whoever declared it. */
struct tern_kept_answer {
    int status;
    struct tern_text headers, body;
};

enum tern_idempotency {
    TERN_KEY_BROKEN = -1, /* the store failed: `err` */
    TERN_KEY_NEW,         /* never answered, or too long ago */
    TERN_KEY_ANSWERED,    /* the same request was answered before: `ret_answer` */
    TERN_KEY_MISUSED      /* the key belongs to a request with another body */
};

/* On TERN_KEY_ANSWERED: fills the status, and appends headers and body to the texts. */
enum tern_idempotency tern_idempotency_find(struct tern_db *db, const struct tern_keyed_request *request,
                                            int64_t online_ms, struct tern_kept_answer *ret_answer,
                                            struct tern_error *err);
/* Stores an answer under its key, replacing one that has expired. 0 or -1. */
int tern_idempotency_keep(struct tern_db *db, const struct tern_keyed_request *request,
                          const struct tern_kept_answer *answer, int64_t online_ms, struct tern_error *err);

#endif
