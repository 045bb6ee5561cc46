/* retries.h - messages that are kept in the store: deferred (in retry, or behind an earlier one) and parked.
 *
 * Knows their number by state, tries what is due with back-off, and parks what was tried often enough. An attempt is
 * counted in one transaction and runs in the next, so that a message that crashes the process is parked after a few
 * starts. Writer thread, except tern_retries_drain. */
#ifndef TERN_INBOX_RETRIES_H
#define TERN_INBOX_RETRIES_H

#include "handle.h"

struct tern_retries;

struct tern_retries_settings {
    struct tern_work_queue *queue;
    struct tern_handlers handlers;
    int64_t most_attempts; /* RETRY_MAX_ATTEMPTS: then it is parked */
    int64_t backoff_ms;    /* before the second attempt; doubles */
};

struct tern_retries *tern_retries_create(const struct tern_retries_settings *settings);
void tern_retries_destroy(struct tern_retries *retries);
/* Counts the rows anew: before the start, and at the end of a command that changed them. Sets the gauges. */
int tern_retries_load(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err);

/* Inside a batch: counts anew if a lost batch may have made the counts wrong. */
int tern_retries_refresh(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err);
/* Whether some message of the subject is kept: 1, 0 or -1. Asks the store only when any is kept at all. */
int tern_retries_has_subject(const struct tern_retries *retries, struct tern_context *ctx, const char *subject,
                             struct tern_error *err);

/* The next four keep an event in the store; its bytes are copied. 0 or -1. */

/* Behind an earlier one of its subject. `error`: why it failed itself, or "". */
int tern_retries_keep_behind(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                             const char *error, struct tern_error *err);
/* Before its first attempt, which is counted like any other: due at once. */
int tern_retries_keep_due(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                          struct tern_error *err);
/* After its first attempt failed: due after a back-off. When no more attempts are allowed it is parked:
 * `ret_parked`. */
int tern_retries_keep_failed(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                             const char *error, bool *ret_parked, struct tern_error *err);
/* Until a person acts. `reason` is one of TERN_PARKED_*. */
int tern_retries_park(struct tern_retries *retries, struct tern_context *ctx, const struct tern_event *event,
                      const char *reason, const char *error, struct tern_error *err);

/* Inside a batch: counts the attempt of one due message. 1 when it did, 0 when none is to be tried now, -1. */
int tern_retries_due(struct tern_retries *retries, struct tern_context *ctx, struct tern_error *err);
/* When tern_retries_due will have something to do: UTC ms; INT64_MAX: never. */
int64_t tern_retries_next_due(const struct tern_retries *retries, struct tern_context *ctx);
/* After a commit: queues the messages whose attempt was counted in it. */
void tern_retries_committed(struct tern_retries *retries);
/* The batch was lost: forgets what was counted in it. */
void tern_retries_failed(struct tern_retries *retries);
/* Any thread: nothing is tried again from now on. */
void tern_retries_drain(struct tern_retries *retries);

#endif
