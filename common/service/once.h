/* once.h - a command that takes effect once per Idempotency-Key, from the inside: for once.c, and for tests and the
 * simulation, which have no HTTP request. */
#ifndef TERN_SERVICE_ONCE_H
#define TERN_SERVICE_ONCE_H

#include <pthread.h>

#include "idempotency.h"
#include "tern/service.h"

/* One request on its way. Starts as {0} with `once`; ends with tern_once_fini. */
struct tern_once_work {
    const struct tern_once *once;
    struct tern_keyed_request request; /* key "": the request has none */
    struct tern_kept_answer answer;    /* out: with a key, after TERN_DONE, unless misused */
    const char *content_type;          /* out: of `answer`; NULL: JSON, as of all answers that are stored */
    bool replayed;                     /* out: `answer` was stored before, nothing ran */
    bool misused;                      /* out: the key belongs to another body, nothing ran */
    struct tern_once_work *next;       /* in struct tern_running */
};

/* Fills `request` for a key that may be "". `operation` and `key` must outlive the work. */
void tern_once_ask(struct tern_once_work *work, const char *operation, const char *key);
/* The command: its argument is a struct tern_once_work. */
tern_command tern_once_run;
void tern_once_fini(struct tern_once_work *work);

/* The requests with a key that are with the writer, or wait for it: tells a slow first request from a full store. */
struct tern_running {
    pthread_mutex_t lock; /* guards the list */
    struct tern_once_work *first;
};
void tern_running_init(struct tern_running *running);
void tern_running_fini(struct tern_running *running);

#endif
