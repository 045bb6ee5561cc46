/* tern/jobs.h - durable jobs: effects on the outside world, written in a transaction, run after its commit.
 *
 * Charging a card or sending a mail never happens inside a transaction. A handler adds a job (kind, key, payload);
 * after the commit the job worker runs it on a thread of its own, with the key as idempotency key; the outcome comes
 * back to the writer, where `finish` runs in a new transaction that also removes the job. A crash anywhere repeats the
 * run with the same key. A run that must wait (a slow gateway) does not sleep: it answers WAIT and is called again, so
 * thousands wait at once without a thread each; what it waits for may wake it. */
#ifndef TERN_JOBS_H
#define TERN_JOBS_H

#include "tern/context.h"

enum { TERN_JOB_KEY_SIZE = 96, TERN_JOB_PAYLOAD_SIZE = 4096 }; /* bytes, NUL included */

struct tern_job {
    int64_t id; /* ascending, never used twice */
    char kind[32];
    char key[TERN_JOB_KEY_SIZE]; /* idempotency key; unique per kind while the job exists */
    char subject[TERN_ID_SIZE];  /* for the log */
    char correlation_id[TERN_UUID_SIZE], causation_id[TERN_UUID_SIZE], traceparent[TERN_TRACEPARENT_SIZE];
    int64_t attempts;                    /* runs so far that ended in AGAIN */
    int64_t next_try_ms;                 /* UTC */
    int64_t added_at_ms;                 /* UTC */
    char payload[TERN_JOB_PAYLOAD_SIZE]; /* JSON, the kind's own */
};

enum tern_job_verdict {
    TERN_JOB_FINISHED, /* the outcome is known: `finish` runs */
    TERN_JOB_WAIT,     /* call again in wait_ms; nothing is recorded */
    TERN_JOB_AGAIN     /* outcome unknown, or failed for now: counted, run again later with the same key */
};

struct tern_job_worker;

/* What a run gets and hands back. Everything but the first two is zero before each call. */
struct tern_job_run {
    int step;                       /* 0 on the first call of a run; then 1, 2, ... after each WAIT */
    struct tern_job_worker *worker; /* for tern_job_worker_wake_job; outlives the service's own state */
    int64_t wait_ms;                /* WAIT: for how long */
    int code;                       /* FINISHED: the kind's own, for `finish` */
    char result[1024];              /* FINISHED: the kind's own small text for `finish` */
    struct tern_error error;        /* AGAIN: why */
};

struct tern_job_kind {
    const char *name; /* NULL ends a table */
    /* On the job worker's thread, outside any transaction; must not block: all jobs share the thread. `self` is the
     * service's own state. */
    enum tern_job_verdict (*run)(void *self, const struct tern_job *job, struct tern_job_run *run);
    /* On the writer thread, inside a transaction: after FINISHED; or after the last AGAIN, when most_attempts is
     * reached (then run->error says why). Answers DONE, or RETRY: undone, and the job runs again. */
    enum tern_outcome (*finish)(struct tern_context *ctx, const struct tern_job *job, const struct tern_job_run *run,
                                struct tern_error *err);
    int most_attempts; /* a number, or one of the two below */
};
enum {
    TERN_JOB_FOR_EVER = 0,   /* never gives up */
    TERN_JOB_CONFIGURED = -1 /* RETRY_MAX_ATTEMPTS */
};

/* Adds a job inside the handler's transaction; it belongs to the context's conversation. Adds nothing while a job of
 * this kind and key exists, which is no error. It runs after the commit, delay_ms later. 0 or -1. */
int tern_job_add(struct tern_context *ctx, const char *kind, const char *key, const char *subject, const char *payload,
                 int64_t delay_ms, struct tern_error *err);
/* Removes a job. 1, 0 when there is none (finished, or never added), -1. A run under way still ends, and its `finish`
 * is called: what to do then is decided there. */
int tern_job_remove(struct tern_context *ctx, const char *kind, const char *key, struct tern_error *err);

/* Replaces a job's payload; a run that waits finds it at its next step. 1, 0 when there is no such job, -1. */
int tern_job_amend(struct tern_context *ctx, const char *kind, const char *key, const char *payload,
                   struct tern_error *err);

/* Any thread: what the job waits for has come, so its WAIT is over and its next step follows at once. Without a wake
 * the step comes after wait_ms, so a lost wake loses nothing. Does nothing to a job that is not in a WAIT (the pause
 * before another attempt is none). */
void tern_job_worker_wake_job(struct tern_job_worker *worker, int64_t job_id);

struct tern_job_counts {
    int64_t pending; /* jobs of a kind in the store */
    int64_t failing; /* of these, with an attempt that ended in AGAIN */
};
/* On any connection to the store. 0 or -1. */
int tern_job_count(struct tern_db *db, const char *kind, struct tern_job_counts *ret_counts, struct tern_error *err);

#endif
