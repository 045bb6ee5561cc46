/* idempotency_store.c - the rows of `idempotent_answers`.
 *
 * With one writer, two requests with the same key never run at the same time: the second one waits for its turn and
 * then finds the first one's answer. An expired answer counts as never given. Age is time online: a wall clock that
 * was set back and put right again would expire everything at once. */
#include "idempotency.h"

#include <string.h>

static const int64_t keep_ms = (int64_t)TERN_IDEMPOTENCY_DAYS * 24 * 60 * 60 * 1000;

static const char find_key[] = "SELECT fingerprint, status, headers, body FROM idempotent_answers "
                               "WHERE operation = ?1 AND key = ?2 AND kept_online_ms > ?3";

enum tern_idempotency tern_idempotency_find(struct tern_db *db, const struct tern_keyed_request *request,
                                            int64_t online_ms, struct tern_kept_answer *ret_answer,
                                            struct tern_error *err)
{
    const struct tern_db_value values[] = {tern_db_text(request->operation), tern_db_text(request->key),
                                           tern_db_int(online_ms - keep_ms)};
    struct tern_db_rows rows;
    if (tern_db_query(db, &rows, find_key, values, TERN_COUNT(values), err) < 0) return TERN_KEY_BROKEN;
    int got = tern_db_next(&rows, err);
    enum tern_idempotency found = got < 0 ? TERN_KEY_BROKEN : TERN_KEY_NEW;
    if (got > 0) {
        size_t length;
        const void *fingerprint = tern_db_column_bytes(&rows, 0, &length);
        found = TERN_KEY_MISUSED;
        if (length == TERN_SHA256_SIZE && memcmp(fingerprint, request->fingerprint, length) == 0) {
            ret_answer->status = (int)tern_db_column_int(&rows, 1);
            tern_text_add(&ret_answer->headers, tern_db_column_text(&rows, 2));
            tern_text_add(&ret_answer->body, tern_db_column_text(&rows, 3));
            found = TERN_KEY_ANSWERED;
        }
    }
    tern_db_done(&rows);
    return found;
}

static const char forget_key[] = "DELETE FROM idempotent_answers WHERE operation = ?1 AND key = ?2";
static const char forget_oldest[] = "DELETE FROM idempotent_answers WHERE kept_online_ms <= ?1 AND position IN "
                                    "(SELECT position FROM idempotent_answers ORDER BY position LIMIT 2)";
static const char keep_key[] =
    "INSERT INTO idempotent_answers (operation, key, fingerprint, status, headers, body, kept_online_ms) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";

int tern_idempotency_keep(struct tern_db *db, const struct tern_keyed_request *request,
                          const struct tern_kept_answer *answer, int64_t online_ms, struct tern_error *err)
{
    const struct tern_db_value values[] = {
        tern_db_text(request->operation),
        tern_db_text(request->key),
        tern_db_bytes(request->fingerprint, sizeof request->fingerprint),
        tern_db_int(answer->status),
        tern_db_text_bytes(answer->headers.bytes, answer->headers.length),
        tern_db_text_bytes(answer->body.bytes, answer->body.length),
        tern_db_int(online_ms),
    };
    if (tern_db_run(db, forget_key, values, 2, err) < 0 || /* an expired one of this key */
        tern_db_run(db, forget_oldest, TERN_DB_ARGS(tern_db_int(online_ms - keep_ms)), err) < 0)
        return -1;
    return tern_db_run(db, keep_key, values, TERN_COUNT(values), err) < 0 ? -1 : 0;
}
