/* tern/service.h - a service as one value, and what its routes and jobs may ask of it while it runs.
 *
 * A daemon's main.c declares a struct tern_service (name, settings, schema, handlers, jobs, timers, routes) and calls
 * tern_service_main, which does everything else in one fixed order: settings, log, store, migrations, the service's
 * own state, writer, job worker, HTTP, publisher, consumer. SIGTERM, SIGINT or a terminal that hangs up drain, in
 * reverse; a second SIGTERM or SIGINT stops at once; any other SIGHUP reads the settings again. Exit codes: 0 clean
 * stop, 1 runtime failure, 2 usage, 74 storage, 78 configuration. Every daemon has /livez /readyz /healthz /metrics
 * /version and the admin calls besides its own routes. */
#ifndef TERN_SERVICE_H
#define TERN_SERVICE_H

#include "tern/context.h"
#include "tern/http.h"
#include "tern/inbox.h"
#include "tern/jobs.h"
#include "tern/outbox.h"
#include "tern/projection.h"
#include "tern/timers.h"

struct tern_app; /* a running service */

/* The answer of /readyz while it is made. */
struct tern_readiness;
enum tern_check { TERN_CHECK_PASS, TERN_CHECK_WARN, TERN_CHECK_FAIL }; /* one FAIL makes it 503 */
/* Adds a check. It passes when `why` is NULL; else it is as bad as `check`, for that reason. `why` is copied. */
void tern_readiness_add(struct tern_readiness *readiness, const char *name, enum tern_check check, const char *why);

/* A service. Everything that it points to is constant and lives as long as the process. */
struct tern_service {
    const char *name;                        /* "order-service": its queue, producer, log name */
    const char *purpose;                     /* one line of --help */
    const struct tern_config_key *config;    /* its own keys, and its defaults of PORT and DATABASE_URL */
    const struct tern_migration *migrations; /* of its own tables; run after those of the library */
    const struct tern_catalogue *catalogue;  /* all services of a suite have the same */
    const struct tern_handler *handlers;     /* `handler_count` rows, in any order */
    size_t handler_count;
    const struct tern_job_kind *jobs;          /* ends with a NULL name; NULL: no jobs */
    const struct tern_timer_kind *timers;      /* ends with a NULL name; NULL: no timers */
    const struct tern_projection *projections; /* ends with a NULL name; NULL: no read model has its own position */
    bool watches_dead_letters;                 /* reports the dead-letter queue; one service of a suite does */
    bool timers_need_broker;                   /* timers fire only while the service is online */
    const struct tern_http_route *routes;      /* their `self` is the struct tern_app; NULL: none of its own */
    const struct tern_metric *const *metrics;  /* ends with NULL; NULL: none of its own */
    /* Makes the service's own state (ctx->self, tern_app_self) from its settings, before there is a store; also when
     * the configuration is only checked. `log` (may be NULL) outlives the state. May be NULL. */
    int (*open)(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
    /* Runs in one transaction at every start, before anything else writes (the first stock, for example). May be
     * NULL. */
    int (*prepare)(struct tern_context *ctx, struct tern_error *err);
    /* Sets the gauges that are read from the store, before /metrics is printed; HTTP thread. May be NULL. */
    void (*gauges)(struct tern_app *app);
    /* Adds the service's own checks to /readyz; HTTP thread, reads no store and does not block. May be NULL. */
    void (*checks)(struct tern_app *app, struct tern_readiness *readiness);
    /* Takes over the settings named in `reloads` (NULL-terminated) from a configuration that `open` has accepted; main
     * thread, while everything runs. 0, or -1 and nothing has changed. `ret_kept` (NULL before): the name of one of
     * them that needs a restart after all. Both may be NULL. */
    int (*reload)(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err);
    const char *const *reloads;
    void (*close)(void *self);    /* frees what `open` made; also when it is NULL. May be NULL. */
    const char *(*library)(void); /* "libcurl 7.88.1": a library that only this service loads. May be NULL. */
};

/* Runs the service until it is asked to stop. The exit code of the process. */
int tern_service_main(const struct tern_service *service, int argc, char **argv);

/* For routes and jobs, on any thread. What they return is the app's. */
void *tern_app_self(const struct tern_app *app);
const struct tern_config *tern_app_config(const struct tern_app *app);
const struct tern_clock *tern_app_clock(const struct tern_app *app);
struct tern_ids *tern_app_ids(const struct tern_app *app);
struct tern_log *tern_app_log(const struct tern_app *app);
struct tern_metrics *tern_app_metrics(const struct tern_app *app);

/* ---- commands ---- */

/* Runs a command on the writer thread, and blocks until it is committed or undone, 5 s at most unless it has begun.
 * `argument` is used on the writer thread meanwhile. */
enum tern_command_result tern_app_command(struct tern_app *app, tern_command *run, void *argument,
                                          const struct tern_conversation *conversation, struct tern_error *err);
/* What a request does and how it is answered, so that it takes effect once per Idempotency-Key. */
struct tern_once {
    tern_command *run;
    void *argument; /* of all three functions; the caller's */
    /* Writes the answer from what `run` left in its argument. With a key: on the writer thread, in the same
     * transaction. */
    void (*answer)(const void *argument, struct tern_http_answer *answer);
    const struct tern_text *asked; /* the request's body in one canonical spelling; NULL: it has none */
    /* Counts metrics, last in the unit: what is undone does not count. May be NULL. */
    void (*count)(struct tern_context *ctx);
};
/* Runs the command of a route that is marked TERN_HTTP_ONCE, and answers. A key that was answered before gets that
 * answer byte for byte, with Idempotency-Replayed: true, and nothing runs; a key with another body gets 422; a key
 * whose first request still runs when this one's 5 s are over gets 409. Only answers of 200 to 299 are stored. False:
 * the command undid itself, nothing was stored, and the caller answers from `err`. */
bool tern_app_answer_once(struct tern_app *app, const struct tern_http_request *request, const struct tern_once *once,
                          const struct tern_conversation *conversation, struct tern_http_answer *answer,
                          struct tern_error *err);
/* For a route marked TERN_HTTP_ONCE whose work lies outside the store and may be repeated, before the work. The route
 * itself lets only one request work at a time. True: it is answered, as its key was before, or with 503. */
bool tern_app_answered_before(struct tern_app *app, const struct tern_http_request *request,
                              struct tern_http_answer *answer);
/* After that work: stores an answer of 200 to 299 with the request's key, if it has one. -1: it is not stored, and the
 * next request with the key works again. */
int tern_app_keep_answer(struct tern_app *app, const struct tern_http_request *request,
                         const struct tern_http_answer *answer, struct tern_error *err);
/* Answers 503 with Retry-After and the sentence of `err`. */
void tern_app_unavailable(struct tern_http_answer *answer, const struct tern_error *err);
/* False with a sentence while no new work from outside is accepted: draining, queue not owned, backlog at its cap,
 * store full. */
bool tern_app_accepts(struct tern_app *app, struct tern_error *err);

/* Committed events that the broker has not confirmed yet. */
int64_t tern_app_backlog(const struct tern_app *app);

/* ---- reading ---- */

/* A read-only connection for the length of one request; give it back with tern_app_reader_done, which accepts NULL.
 * NULL with `err`: none was free within 5 s, or the store cannot be opened: answer 503. */
struct tern_db *tern_app_reader(struct tern_app *app, struct tern_error *err);
void tern_app_reader_done(struct tern_app *app, struct tern_db *db);
/* How far a projection has come. False: the service has none of that name. */
bool tern_app_projection(struct tern_app *app, const char *name, struct tern_projection_progress *ret_progress);

#endif
