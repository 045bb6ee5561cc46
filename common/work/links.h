/* links.h - the state of the two links to the broker, who owns the service's queue, and the time online.
 *
 * Consumer and publisher report from their own threads. Any thread reads: the job worker and the HTTP API whether work
 * may begin, /readyz why not, the writer the time online. A change that the writer must act on wakes it. */
#ifndef TERN_WORK_LINKS_H
#define TERN_WORK_LINKS_H

#include "common/event/topology.h"
#include "work.h"

enum tern_link { TERN_LINK_CONSUMER, TERN_LINK_PUBLISHER, TERN_LINKS };

enum {
    TERN_SENTENCE_SIZE = 240, /* bytes of a reason shown to people, NUL included */
    /* How long the broker may keep a connection of ours that was cut without a word: until then its old consumer and
     * its exclusive queue may still be our own. */
    TERN_LOST_LINK_MS = 30000
};

struct tern_link_state {
    char why[TERN_SENTENCE_SIZE];   /* why the last attempt failed; "": it is up, or was not tried yet */
    bool reported;                  /* a loss was logged since it was last up */
    enum tern_amqp_trouble trouble; /* as logged */
};

/* Why the service does not own its queue. */
struct tern_standby {
    char why[TERN_SENTENCE_SIZE]; /* "": it does, or that is not known */
    int64_t since_ms;             /* steady: the first failed attempt */
    bool reported;                /* logged since then */
};

/* Time online passes only while both links are up and the broker takes messages. Nobody can answer while the broker is
 * away, so every patience of the suite is measured in it. It continues from the value that the last run saved; no jump
 * of a clock moves it. */
struct tern_online {
    int64_t total_ms; /* over all runs, up to since_ms */
    int64_t since_ms; /* steady: when total_ms was brought up to date */
    int64_t saved_ms; /* the total in the store; writer thread */
};

struct tern_links {
    const struct tern_clock *clock;
    struct tern_log *log;
    struct tern_metrics *metrics;
    struct tern_work_queue *queue;
    const char *service; /* also the name of its queue */
    const char *store;   /* UUID of the store */

    atomic_bool up[TERN_LINKS]; /* connected and set up */
    atomic_bool declared;       /* the topology was declared once since the start */
    atomic_bool blocked;        /* connection.blocked: the broker takes no messages now */
    atomic_bool owned_once;     /* owned since the start: work from outside is accepted, jobs may begin */
    atomic_bool shared;         /* somebody else consumes from the queue */
    atomic_bool refused;        /* the queue carries the claim of another store: nothing may begin */
    atomic_bool displaced;      /* somebody else has owned it for TERN_LOST_LINK_MS: not an old link of ours */
    atomic_bool owned_news;     /* it has become ours, and the writer has not passed that on yet */
    atomic_uint lacks;          /* missing rights that were logged: bits by enum tern_lack */
    atomic_uint lacking;        /* missing rights on the consumer's present connection */

    pthread_mutex_t lock; /* guards the rest */
    struct tern_link_state state[TERN_LINKS];
    struct tern_standby standby;
    struct tern_online online;
};

/* Every pointer passed outlives it. `service` and `store` may be set later, before the first report. */
void tern_links_init(struct tern_links *links, struct tern_work_queue *queue, struct tern_log *log,
                     struct tern_metrics *metrics);
void tern_links_fini(struct tern_links *links);

/* ---- links.c: what consumer and publisher report ---- */

/* The link is set up: its queue or its confirms are in place. */
void tern_links_connected(struct tern_links *links, enum tern_link link);
/* The link went down, or an attempt failed; called for every attempt. */
void tern_links_lost(struct tern_links *links, enum tern_link link, enum tern_amqp_trouble trouble, const char *why);
/* The publisher's connection.blocked and connection.unblocked. */
void tern_links_blocked(struct tern_links *links, bool blocked, const char *reason);
/* Our user of the broker lacks a right on the objects in `names`. */
void tern_links_lacks(struct tern_links *links, enum tern_lack lack, const char *names);
/* True with the reason why a link is down, the consumer's first. False: none is, or none was tried yet. */
bool tern_links_lost_because(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE]);

/* ---- ownership.c: the service's queue ---- */

/* The queue is ours (`adopted`: another store's claim was replaced), or may not be any longer. */
void tern_links_owned(struct tern_links *links, bool owned, bool adopted);
/* An attempt to own it failed; `refused`: it carries another store's claim. Called for every failed attempt. */
void tern_links_stands_by(struct tern_links *links, bool refused, const char *why);
/* Somebody else consumes from it too, or no longer does. */
void tern_links_shared(struct tern_links *links, bool shared);
/* Who has the queue instead of us, with the reason. 0: nobody; 1: perhaps our own lost connection; 2: somebody else. */
int tern_links_standby(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE]);
/* A sentence when a second store or consumer on the queue would go unnoticed, or is there; NULL: all is guarded. */
const char *tern_links_unguarded(const struct tern_links *links);
/* Whether effects on the outside world may begin. */
bool tern_links_may_act(const struct tern_links *links);
/* Writer thread: true once after the queue has become ours. */
bool tern_links_take_owned(struct tern_links *links);

/* ---- online.c: the time online ---- */

/* Whether both links are up and the broker takes messages. */
bool tern_links_online(struct tern_links *links);
/* Time online over all runs, now. */
int64_t tern_links_online_ms(struct tern_links *links);
/* Sets one of the flags `up` and `blocked`; the time so far is added up before. True: the service came online by it. */
bool tern_links_set_flag(struct tern_links *links, atomic_bool *flag, bool value);
/* Continues from the store's value; once, before any link is up. */
int tern_links_load_online(struct tern_links *links, struct tern_db *db, struct tern_error *err);
/* Writer thread, inside a batch: stores ctx->online_ms every few seconds. What a crash loses only makes the service
 * more patient. */
int tern_links_save_online(struct tern_links *links, struct tern_context *ctx, struct tern_error *err);
/* The store's value alone. Saving a smaller one changes nothing. */
int tern_online_load(struct tern_db *db, int64_t *ret_total_ms, struct tern_error *err);
int tern_online_save(struct tern_db *db, int64_t total_ms, struct tern_error *err);

#endif
