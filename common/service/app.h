/* app.h - a running service from the inside: all its parts in one struct.
 *
 * lifecycle.c builds and takes them down. The writer and the HTTP routes of this room call the parts by name; the parts
 * themselves know nothing of the app (docs/adr/0014). */
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
#include "common/outbox/replay.h"
#include "common/projection/projector.h"
#include "common/work/fatal.h"
#include "common/work/links.h"
#include "once.h"
#include "tern/service.h"
#include "upkeep.h"
#include "writer.h"

enum { TERN_READERS = 4 }; /* connections; a request waits for one that is given back */

/* A pool of read-only connections for HTTP requests: opened when first needed, lent, given back. */
struct tern_readers {
    const char *url;                    /* DATABASE_URL; NULL: there is no pool */
    struct tern_sync sync;              /* guards the rest; signals that a connection or a place is free */
    struct tern_db *idle[TERN_READERS]; /* owned */
    int idle_count, open_count;         /* open_count: idle ones and lent ones */
};

/* What the writer found out about the store; any thread reads it. */
struct tern_status {
    atomic_bool store_refused; /* the last batch did not commit */
    atomic_bool disk_low;      /* nearly full */
};

/* What replaces the machine when several services live in one process without threads (simulation, tests). */
struct tern_app_seams {
    const struct tern_clock *clock;
    uint64_t seed; /* of ids and jitter; 0: the kernel's random numbers */
    int log_fd;    /* the caller's */
    /* Runs a step of the writer, which has no thread, for somebody who waits for a command. False: no step is left. */
    bool (*step)(void *self);
    void *self;            /* of `step` */
    int beacon_ms;         /* between two beacons; 0: the usual; -1: none */
    struct tern_db *store; /* the caller's, in memory: used for every connection; NULL: DATABASE_URL is opened */
};

struct tern_app {
    const struct tern_service *service;
    const struct tern_config *config; /* as read at the start; a reload does not change it */
    struct tern_app_seams seams;
    struct tern_log *log;        /* any thread */
    struct tern_log *writer_log; /* buffers the lines of a batch until it is committed */
    struct tern_metrics *metrics;
    struct tern_ids *ids;
    struct tern_db *db;           /* the one connection that writes: the writer's from the start on */
    struct tern_db *publisher_db; /* read-only, like worker_db; each for one thread */
    struct tern_db *worker_db;
    struct tern_db *projector_db;
    char store[TERN_UUID_SIZE]; /* identity of the store */
    void *self;                 /* the service's own state */

    /* What the parts share. */
    struct tern_context ctx; /* writer thread, from the start on */
    struct tern_fatal fatal;
    struct tern_work_queue queue;
    struct tern_links links;
    struct tern_backlog backlog;
    struct tern_receipts receipts;

    struct tern_writer *writer;
    struct tern_retries *retries;
    struct tern_deliveries *deliveries;
    struct tern_timers timers;
    struct tern_job_worker *worker;   /* NULL: the service has no jobs */
    struct tern_projector *projector; /* NULL: the service has no projections */
    struct tern_consumer *consumer;
    struct tern_publisher *publisher;
    struct tern_replay *replay;
    struct tern_http_server *http;
    struct tern_readers readers;
    struct tern_running running;
    struct tern_status status;
    struct tern_upkeep upkeep;
    atomic_bool backing_up;   /* POST /admin/backup runs */
    atomic_bool admin_closed; /* the token file must not be used: the admin calls are closed */
    bool linked_said;         /* a second name of the store's files was logged; main thread */
};

/* The routes of every daemon; their `self` is the app. */
extern const struct tern_http_route tern_operations_routes[];
extern const struct tern_http_route tern_parked_routes[];
extern const struct tern_http_route tern_backup_routes[];
extern const struct tern_http_route tern_projection_routes[];
extern const struct tern_http_route tern_replay_routes[];

int tern_readers_init(struct tern_readers *readers, const char *url);
void tern_readers_fini(struct tern_readers *readers);

/* The token that opens the admin calls under these settings (app_admin.c); "": they are closed. -1: the settings are
 * at fault, or at a reload the file beside the store must not be used. */
int tern_app_admin_token(struct tern_app *app, const struct tern_config *config, char ret_token[TERN_ADMIN_TOKEN_SIZE],
                         struct tern_error *err);

/* Builds all parts and starts none of their threads: the caller steps the writer and the job worker, and drives the
 * links. Fails like tern_app_start; tern_app_stop takes it down. */
int tern_app_build(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   const struct tern_app_seams *seams, struct tern_error *err);
/* Builds everything and begins to work. 0, or the exit code (1, 74, 78) with `err`; tern_app_stop takes down what
 * there is. */
int tern_app_start(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   struct tern_error *err);
/* Main thread, about once a second: ends the process (exit 74) when the store's files were removed or replaced. */
void tern_app_check_store(struct tern_app *app);
/* Main thread, once started: takes over from `now` what may change at run time, and logs one line; `before` is what
 * was read last. -1: something is at fault, and nothing has changed. */
int tern_app_reload(struct tern_app *app, const struct tern_config *before, const struct tern_config *now,
                    struct tern_error *err);
/* Rebuilds all projections of an app that was built and not started, and shows on standard output how far it is. The
 * exit code. */
int tern_app_rebuild(struct tern_app *app);
/* The same for a replay by the settings REPLAY_...; prints how it ended. */
int tern_app_replay(struct tern_app *app);
/* Drains and closes everything, also an app that was built only in part. */
void tern_app_stop(struct tern_app *app);

#endif
