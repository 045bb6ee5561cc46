/* tern/service.h - a service as one value, and what its routes and jobs may ask of it while it runs.
 *
 * A daemon's main.c declares a struct tern_service (its name, settings, schema, handlers, jobs, timers, routes) and
 * calls tern_service_main, which does everything else in one fixed order: settings, log, store, migrations, the
 * service's own state, writer, job worker, HTTP, publisher, consumer; on SIGTERM, SIGINT or a terminal that hangs up the
 * reverse (drain), a second SIGTERM or SIGINT stops at once; on any other SIGHUP the settings are read again. Exit codes: 0 clean stop, 1 runtime failure, 2 usage, 74 storage, 78 bad configuration.
 * Every daemon has /livez /readyz /healthz /metrics /version besides its own routes. */
#ifndef TERN_SERVICE_H
#define TERN_SERVICE_H

#include "tern/context.h"
#include "tern/http.h"
#include "tern/inbox.h"
#include "tern/jobs.h"
#include "tern/outbox.h"
#include "tern/timers.h"

struct tern_app; /* a running service */

/* The answer of /readyz while it is made. */
struct tern_readiness;
enum tern_check { TERN_CHECK_PASS, TERN_CHECK_WARN, TERN_CHECK_FAIL };
/* One line of it: passes when `why` is NULL, else is as bad as `check`, for that reason. `why` is copied. */
void tern_readiness_add(struct tern_readiness *readiness, const char *name, enum tern_check check, const char *why);

struct tern_service {
    const char *name;                     /* "order-service": queue, producer, log */
    const char *purpose;                  /* one line of --help */
    const struct tern_config_key *config; /* its own keys, and its defaults of PORT and DATABASE_URL */
    const struct tern_migration *migrations;
    const struct tern_catalogue *catalogue;
    const struct tern_handler *handlers;
    size_t handler_count;
    const struct tern_job_kind *jobs;         /* NULL: none */
    const struct tern_timer_kind *timers;     /* NULL: none */
    bool watches_dead_letters;                /* says when something lies in the dead-letter queue: one service does */
    bool timers_need_broker;                  /* they fire only while the service is connected */
    const struct tern_http_route *routes;     /* their `self` is the struct tern_app */
    const struct tern_metric *const *metrics; /* NULL: none */
    /* Makes the service's own state (ctx->self, tern_app_self) from its settings; no store yet; also when
     * only the configuration is checked. `log` (may be NULL) outlives the state. May be NULL. */
    int (*open)(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err);
    /* Runs in one transaction at every start, before anything else may write (first stock, say). May be NULL. */
    int (*prepare)(struct tern_context *ctx, struct tern_error *err);
    /* Sets the gauges that are read from the store, before the metrics page is printed; HTTP thread. May be NULL. */
    void (*gauges)(struct tern_app *app);
    /* Adds the service's own lines to /readyz; HTTP thread, reads no store and does not block. May be NULL. */
    void (*checks)(struct tern_app *app, struct tern_readiness *readiness);
    /* Takes over the settings named in `reloads` (NULL-terminated) from a configuration that `open` would take; main
     * thread, while everything runs. 0, or -1 when nothing was changed. `ret_kept`, NULL before: the one of them that stays as
     * it was until the next start. Both may be NULL. */
    int (*reload)(void *self, const struct tern_config *config, const char **ret_kept, struct tern_error *err);
    const char *const *reloads;
    void (*close)(void *self);
    const char *(*library)(void); /* "libcurl 7.88.1": of a library that only this service loads. May be NULL. */
};

int tern_service_main(const struct tern_service *service, int argc, char **argv);

/* For routes and jobs, on any thread. */
void *tern_app_self(const struct tern_app *app);
const struct tern_config *tern_app_config(const struct tern_app *app);
const struct tern_clock *tern_app_clock(const struct tern_app *app);
struct tern_ids *tern_app_ids(const struct tern_app *app);
struct tern_log *tern_app_log(const struct tern_app *app);
struct tern_metrics *tern_app_metrics(const struct tern_app *app);

/* Blocks until the command is committed or undone. `argument` is used on the writer thread meanwhile. */
enum tern_command_result tern_app_command(struct tern_app *app, tern_command *run, void *argument,
                                          const struct tern_conversation *conversation, struct tern_error *err);
/* What a request does and how it is answered, so that it takes effect once per Idempotency-Key. */
struct tern_once {
    tern_command *run;
    void *argument;
    /* Writes the answer from what `run` left in its argument. With a key on the writer's thread, in the same transaction. */
    void (*answer)(const void *argument, struct tern_http_answer *answer);
    const struct tern_text *asked; /* what the body asks for, spelled in one way only; NULL: there is none */
    void (*count)(
        struct tern_context *ctx); /* counts what was done, last in the unit: what is undone does not count; or NULL */
};
/* Runs the command of a route that is marked TERN_HTTP_ONCE, and answers. A key that was answered before gets that answer again,
 * byte for byte, with Idempotency-Replayed: true, and nothing runs; a key of another body is 422; one whose first request
 * still runs when this one's patience ends is 409. Only an answer of 200 to 299 is kept. False: the command undid itself,
 * nothing was kept, and the caller answers; `err`. */
bool tern_app_answer_once(struct tern_app *app, const struct tern_http_request *request, const struct tern_once *once,
                          const struct tern_conversation *conversation, struct tern_http_answer *answer,
                          struct tern_error *err);
/* For a route that is marked so and does its work outside the store, where once more is no harm. It lets no other request of its
 * own in between. True: answered, as its key was before, or because the store cannot say. */
bool tern_app_answered_before(struct tern_app *app, const struct tern_http_request *request,
                              struct tern_http_answer *answer);
/* Keeps this answer of 200 to 299 with the key, if one came. -1: it is not kept, and the next request with the key works again. */
int tern_app_keep_answer(struct tern_app *app, const struct tern_http_request *request,
                         const struct tern_http_answer *answer, struct tern_error *err);
/* 503 with Retry-After and the sentence of `err`. */
void tern_app_unavailable(struct tern_http_answer *answer, const struct tern_error *err);
/* False, with a sentence, while no new work from outside may come in: draining, backlog at its cap, disk nearly full. */
bool tern_app_accepts(struct tern_app *app, struct tern_error *err);

/* A read-only connection for the length of one request. NULL with `err` when there is none: answer 503. */
struct tern_db *tern_app_reader(struct tern_app *app, struct tern_error *err);
void tern_app_reader_done(struct tern_app *app, struct tern_db *db);

#endif
