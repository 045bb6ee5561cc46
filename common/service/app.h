/* app.h - a running service, from the inside: what start and stop build and take down, piece by piece. */
#ifndef TERN_SERVICE_APP_H
#define TERN_SERVICE_APP_H

#include <pthread.h>
#include <stdatomic.h>

#include "admin_token.h"
#include "job_lane.h"
#include "once.h"
#include "online.h"
#include "tern/consumer.h"
#include "tern/numbers.h"
#include "tern/publisher.h"
#include "tern/service.h"
#include "unit_of_work.h"
#include "upkeep.h"
#include "writer.h"

enum { TERN_SENTENCE_SIZE = 240 };
enum { TERN_READERS = 4, TERN_COMMAND_DEADLINE_MS = 5000, TERN_CHECKPOINT_PAGES = 2000 };

/* Read-only connections for HTTP requests: opened when needed, lent, given back. */
struct tern_readers {
    const char *url;
    pthread_mutex_t lock;
    pthread_cond_t given_back;
    struct tern_db *idle[TERN_READERS];
    int idle_count, open_count;
};

/* What the operations routes tell, and what decides whether the door is open. Written by the lanes, read by any thread. */
struct tern_status {
    atomic_bool draining;
    atomic_bool declared;      /* topology declared once since the start */
    atomic_bool store_refused; /* the last batch did not commit */
    atomic_bool disk_low;
    atomic_bool consumer_up, publisher_up, blocked;
    atomic_bool owned_once; /* the queue on the broker was ours since the start: work from outside is taken in */
    atomic_uint lacks;      /* what was told of missing rights: bits by enum tern_lack */
    atomic_uint lacking;    /* those that are missing on the consumer's connection that there is */
    atomic_bool shared;     /* somebody else consumes from the queue */
    atomic_bool refused;    /* it is another store's: no more is */
    atomic_bool displaced;  /* the broker says for so long that somebody else owns it that it is no old link of ours */
    atomic_llong pending;   /* committed events that are not confirmed */
    atomic_llong oldest_ms; /* since when the oldest of them waits, of the steady clock: no set clock shuts the door */
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
        *store; /* open, in memory: writer and lanes share it, and it stays the caller's; NULL: DATABASE_URL */
};

/* Why the links are not up, as their last attempt has found. */
struct tern_lost {
    pthread_mutex_t lock;
    char why[TERN_ONLINE_LINKS][TERN_SENTENCE_SIZE]; /* "": it is up, or was not tried yet */
    bool told[TERN_ONLINE_LINKS];
    enum tern_amqp_trouble trouble[TERN_ONLINE_LINKS]; /* that was told */
};

/* Why the service's queue is not ours, while somebody else has it. */
struct tern_standby {
    pthread_mutex_t lock;
    char why[TERN_SENTENCE_SIZE]; /* "": it is, or we do not know */
    int64_t since_ms;             /* of the steady clock */
    bool told;
};

/* What the service should have got, and has. */
enum { TERN_RECEIPTS_SIZE = 240 };
struct tern_receipts {
    struct tern_numbers numbers; /* writer thread */
    pthread_mutex_t lock;
    char why[TERN_RECEIPTS_SIZE]; /* under the lock; "": nothing is missing */
    atomic_bool deaf;             /* the broker's user may not listen for beacons */
    atomic_int controls;          /* control messages on their way through the writer */
    atomic_llong dead;            /* messages in the dead-letter queue */
};

struct tern_app {
    const struct tern_service *service;
    const struct tern_config *config;
    struct tern_app_seams seams;
    /* Any thread: the store is damaged or its disk fails. Ends the process (exit 74). */
    void (*fatal)(void *self, const struct tern_error *err);
    struct tern_log *log, *writer_log;
    struct tern_metrics *metrics;
    struct tern_ids *ids;
    struct tern_db *db, *publisher_db, *lane_db;
    void *self;

    struct tern_context ctx; /* the writer's */
    struct tern_writer *writer;
    struct tern_units *units;
    struct tern_job_lane *lane;
    struct tern_consumer *consumer;
    struct tern_publisher *publisher;
    struct tern_http_server *http;
    struct tern_readers readers;
    struct tern_running running;
    struct tern_status status;
    struct tern_lost lost;
    struct tern_standby standby;
    struct tern_receipts receipts;
    char store[TERN_UUID_SIZE]; /* its identity */
    struct tern_online online;
    int64_t online_saved_ms; /* writer thread */

    bool settled_deliveries; /* writer thread: acknowledgements to flush */
    const void *report_open; /* writer thread: the publisher's report that was taken and is not recorded yet */
    bool report_dropped;     /* writer thread: one was lost while stopping; what comes after it is for the next start */
    struct tern_upkeep upkeep;
    atomic_bool backing_up;                  /* one POST /admin/backup at a time */
    atomic_bool admin_closed;                /* the token beside the store must not be used */
    atomic_bool dying;                       /* a thread is ending the process */
    bool linked_said;                        /* main thread */
    int64_t backlog_max, backlog_max_age_ms; /* the age 0: any */
};

/* The routes that every daemon has; their `self` is the app. */
extern const struct tern_http_route tern_operations_routes[];
extern const struct tern_http_route tern_parked_routes[];
extern const struct tern_http_route tern_backup_routes[];

int tern_readers_init(struct tern_readers *readers, const char *url);
void tern_readers_fini(struct tern_readers *readers);

/* The oldest event that the broker has not confirmed was written then. */
void tern_app_note_oldest(struct tern_app *app, int64_t logged_at_ms);
/* 0 when none waits. */
int64_t tern_app_oldest_age_ms(const struct tern_app *app);
/* NULL, or in what way more waits for the broker than may. */
const char *tern_app_backlog_fault(const struct tern_app *app);

/* The links (app_links.c): one is up, or is not. */
void tern_app_connected(struct tern_app *app, enum tern_online_link link);
void tern_app_lost(struct tern_app *app, enum tern_online_link link, enum tern_amqp_trouble trouble, const char *why);
/* Why a link is not up, the consumer's first. False: they are, or were not tried yet. */
bool tern_app_lost_because(struct tern_app *app, char ret_why[TERN_SENTENCE_SIZE]);

/* A right that our user of the broker lacks, and to what. */
void tern_app_lacks(void *self, enum tern_lack lack, const char *names);

/* The service's queue (app_owner.c): it is ours, or may not be any more; somebody else has it. */
void tern_app_owned(void *self, bool owned, bool adopted);
void tern_app_stands_by(void *self, bool refused, const char *why);
/* Why it is not ours, as text (TERN_SENTENCE_SIZE): 0: nobody else has it; 1: our own lost connection may; 2: somebody does. */
int tern_app_standby(struct tern_app *app, char *ret_why);
/* Somebody else consumes from it too, or nobody does any more. */
void tern_app_shared(void *self, bool shared);
/* What may go wrong with it unseen, or does: a sentence; NULL: nothing. */
const char *tern_app_unguarded(const struct tern_app *app);
/* Whether effects on the world outside may begin. */
bool tern_app_may_act(void *self);

/* The numbers of the events that it hears (app_numbers.c): at the start; in a batch, before its works. */
int tern_app_load_numbers(struct tern_app *app, struct tern_error *err);
int tern_app_refresh_numbers(struct tern_app *app, struct tern_context *ctx, struct tern_error *err);
/* The consumer's: a control message; none can be listened for; the dead-letter queue was counted. */
void tern_app_control(void *self, const struct tern_control *control);
void tern_app_deaf(void *self);
void tern_app_dead_letters(void *self, uint32_t messages);
/* Its lines of /readyz. */
void tern_app_add_receipts(struct tern_app *app, struct tern_readiness *readiness);

/* The service's time (app_online.c). Any thread: a link came up or went away. */
void tern_app_set_online(struct tern_app *app, enum tern_online_link link, bool up);
bool tern_app_is_online(void *self);
int64_t tern_app_online_ms(void *self);
/* The writer's: inside a batch, now and then. What a crash loses only makes the service more patient. */
int tern_app_save_online(struct tern_app *app, struct tern_context *ctx, struct tern_error *err);
int tern_app_jumped(void *self, struct tern_context *ctx, int64_t by_ms, struct tern_error *err);

/* The token of the admin calls by these settings (app_admin.c); "": they are closed. -1: the settings
 * are at fault, or, at a reload, the file beside the store must not be used. */
int tern_app_admin_token(struct tern_app *app, const struct tern_config *config, char ret_token[TERN_ADMIN_TOKEN_SIZE],
                         struct tern_error *err);

/* Builds all the parts and starts none of their threads: the caller steps the writer and the lane, and the links are his.
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
