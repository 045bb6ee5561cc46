/* app.h - a running service, from the inside: what start and stop build and take down, piece by piece. */
#ifndef TERN_SERVICE_APP_H
#define TERN_SERVICE_APP_H

#include <pthread.h>
#include <stdatomic.h>

#include "admin_token.h"
#include "common/inbox/consumer.h"
#include "common/inbox/receipts.h"
#include "common/jobs/timers.h"
#include "common/jobs/worker.h"
#include "common/outbox/backlog.h"
#include "common/outbox/publisher.h"
#include "common/work/fatal.h"
#include "common/work/links.h"
#include "once.h"
#include "tern/service.h"
#include "upkeep.h"
#include "writer.h"

enum { TERN_READERS = 4 };

/* Read-only connections for HTTP requests: opened when needed, lent, given back. */
struct tern_readers {
    const char *url;
    struct tern_sync sync; /* guards what follows; whoever waits does so for one that is given back */
    struct tern_db *idle[TERN_READERS];
    int idle_count, open_count;
};

/* What the writer found of the store. Any thread reads it. */
struct tern_status {
    atomic_bool store_refused; /* the last batch did not commit */
    atomic_bool disk_low;
};

/* What stands in the place of the machine when several services live in one process without threads (simulation). */
struct tern_app_seams {
    const struct tern_clock *clock;
    uint64_t seed; /* of ids and jitter; 0: the kernel's random numbers */
    int log_fd;    /* stays the caller's */
    /* Lets the writer, which has no thread, take a step: somebody waits for it. False: in vain, it will not come to that. */
    bool (*step)(void *self);
    void *self;
    int beacon_ms; /* how often beacons are published; 0: the usual; -1: never */
    struct tern_db
        *store; /* open, in memory: all its connections are this one, and it stays the caller's; NULL: DATABASE_URL */
};

struct tern_app {
    const struct tern_service *service;
    const struct tern_config *config;
    struct tern_app_seams seams;
    struct tern_log *log, *writer_log;
    struct tern_metrics *metrics;
    struct tern_ids *ids;
    struct tern_db *db, *publisher_db, *worker_db;
    char store[TERN_UUID_SIZE]; /* its identity */
    void *self;                 /* the service's own state */

    /* What the parts share; lower parts never know the app. */
    struct tern_context ctx; /* the writer's */
    struct tern_fatal fatal;
    struct tern_work_queue queue;
    struct tern_links links;
    struct tern_backlog backlog;
    struct tern_receipts receipts;

    struct tern_writer *writer;
    struct tern_retries *retries;
    struct tern_deliveries *deliveries;
    struct tern_timers timers;
    struct tern_job_worker *worker; /* NULL: the service has no jobs */
    struct tern_consumer *consumer;
    struct tern_publisher *publisher;
    struct tern_http_server *http;
    struct tern_readers readers;
    struct tern_running running;
    struct tern_status status;
    struct tern_upkeep upkeep;
    atomic_bool backing_up;   /* one POST /admin/backup at a time */
    atomic_bool admin_closed; /* the token beside the store must not be used */
    bool linked_said;         /* main thread */
};

/* The routes that every daemon has; their `self` is the app. */
extern const struct tern_http_route tern_operations_routes[];
extern const struct tern_http_route tern_parked_routes[];
extern const struct tern_http_route tern_backup_routes[];

int tern_readers_init(struct tern_readers *readers, const char *url);
void tern_readers_fini(struct tern_readers *readers);

/* The token of the admin calls by these settings (app_admin.c); "": they are closed. -1: the settings
 * are at fault, or, at a reload, the file beside the store must not be used. */
int tern_app_admin_token(struct tern_app *app, const struct tern_config *config, char ret_token[TERN_ADMIN_TOKEN_SIZE],
                         struct tern_error *err);

/* Builds all the parts and starts none of their threads: the caller steps the writer and the job worker, and the links are his.
 * Fails as tern_app_start; tern_app_stop takes it down. */
int tern_app_build(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   const struct tern_app_seams *seams, struct tern_error *err);
/* Builds everything and begins to work. On failure whatever was built is taken down again. Returns 0, or the
 * exit code that fits (1, 74, 78) with `err`. */
int tern_app_start(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   struct tern_error *err);
/* Main thread, about once a second: ends the process when the store's files have been taken from under it (exit 74). */
void tern_app_check_store(struct tern_app *app);
/* On the main thread, once started: takes over from `now` what may change while it runs, and logs one line about it;
 * `before` is what was read last. -1: something is at fault, and nothing has changed. */
int tern_app_reload(struct tern_app *app, const struct tern_config *before, const struct tern_config *now,
                    struct tern_error *err);
/* Drains and closes everything; safe on an app that was started only in part. */
void tern_app_stop(struct tern_app *app);

#endif
