/* links.h - the state of the two links to the broker, of the service's queue, and the time that passes while both are up.
 *
 * Consumer and publisher report it what happens, on their own threads; a cause is logged once, not once per attempt. Any thread
 * reads it: the job worker and the HTTP API whether anything may begin, /readyz why not, the writer the time online. What the
 * writer has to act on wakes it. */
#ifndef TERN_WORK_LINKS_H
#define TERN_WORK_LINKS_H

#include "common/event/topology.h"
#include "work.h"

enum tern_link { TERN_LINK_CONSUMER, TERN_LINK_PUBLISHER, TERN_LINKS };

enum {
    TERN_SENTENCE_SIZE = 240,
    TERN_LOST_LINK_MS =
        30000 /* so long a broker may take a connection of ours that was cut in silence for one that lives */
};

struct tern_link_state {
    char why
        [TERN_SENTENCE_SIZE]; /* why it is not up, as its last attempt has found; "": it is up, or was not tried yet */
    bool reported;
    enum tern_amqp_trouble trouble; /* that was reported */
};

/* Why the service's queue is not ours, while somebody else has it. */
struct tern_standby {
    char why[TERN_SENTENCE_SIZE]; /* "": it is, or we do not know */
    int64_t since_ms;             /* steady */
    bool reported;
};

/* Time that passes only while both links are up, and the broker takes messages: nobody can answer while it is away, so
 * patience is measured with this time. It goes on from where the last run saved it, and no jump of a clock moves it. */
struct tern_online {
    int64_t total_ms; /* up to since_ms */
    int64_t since_ms; /* steady */
    int64_t saved_ms; /* the total that is in the store; writer thread */
};

struct tern_links {
    const struct tern_clock *clock;
    struct tern_log *log;
    struct tern_metrics *metrics;
    struct tern_work_queue *queue;
    const char *service; /* whose queue it is */
    const char *store;   /* its UUID */

    atomic_bool up[TERN_LINKS];
    atomic_bool declared;   /* topology declared once since the start */
    atomic_bool blocked;    /* the broker takes no messages now */
    atomic_bool owned_once; /* the queue on the broker was ours since the start: work from outside is taken in */
    atomic_bool shared;     /* somebody else consumes from the queue */
    atomic_bool refused;    /* it is another store's: no more is */
    atomic_bool displaced;  /* the broker says for so long that somebody else owns it that it is no old link of ours */
    atomic_bool owned_news; /* it has become ours, and the writer has not passed it on yet */
    atomic_uint lacks;      /* what was reported of missing rights: bits by enum tern_lack */
    atomic_uint lacking;    /* those that are missing on the consumer's connection that there is */

    pthread_mutex_t lock;
    /* Under the lock. */
    struct tern_link_state state[TERN_LINKS];
    struct tern_standby standby;
    struct tern_online online;
};

/* Everything that is passed outlives it; `service` and `store` may be set later, before anything is reported. */
void tern_links_init(struct tern_links *links, struct tern_work_queue *queue, struct tern_log *log,
                     struct tern_metrics *metrics);
void tern_links_fini(struct tern_links *links);

/* ---- links.c: what consumer and publisher report ---- */

void tern_links_connected(struct tern_links *links, enum tern_link link);
void tern_links_lost(struct tern_links *links, enum tern_link link, enum tern_amqp_trouble trouble, const char *why);
void tern_links_blocked(struct tern_links *links, bool blocked, const char *reason);
/* A right that our user of the broker lacks, and to what. */
void tern_links_lacks(struct tern_links *links, enum tern_lack lack, const char *names);
/* Why a link is not up, the consumer's first. False: they are, or were not tried yet. */
bool tern_links_lost_because(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE]);

/* ---- ownership.c: the service's queue ---- */

/* It is ours (`adopted`: it was another store's), or may not be any more. */
void tern_links_owned(struct tern_links *links, bool owned, bool adopted);
/* It is not, and why; `refused`: it is another store's. For every try in vain. */
void tern_links_stands_by(struct tern_links *links, bool refused, const char *why);
/* Somebody else consumes from it too, or nobody does any more. */
void tern_links_shared(struct tern_links *links, bool shared);
/* Why it is not ours: 0: nobody else has it; 1: our own lost connection may; 2: somebody does. */
int tern_links_standby(struct tern_links *links, char ret_why[TERN_SENTENCE_SIZE]);
/* What may go wrong with it unseen, or does: a sentence; NULL: nothing. */
const char *tern_links_unguarded(const struct tern_links *links);
/* Whether effects on the world outside may begin. */
bool tern_links_may_act(const struct tern_links *links);
/* Writer thread: true once after the queue has become ours. */
bool tern_links_take_owned(struct tern_links *links);

/* ---- online.c: the time online ---- */

bool tern_links_online(struct tern_links *links);
int64_t tern_links_online_ms(struct tern_links *links);
/* One of the flags that make it changes to this: the time so far is kept. True: the service has just come online. */
bool tern_links_set_flag(struct tern_links *links, atomic_bool *flag, bool value);
/* From the store, at the start. */
int tern_links_load_online(struct tern_links *links, struct tern_db *db, struct tern_error *err);
/* Writer thread, inside a batch: keeps ctx->online_ms now and then. What a crash loses only makes the service more patient. */
int tern_links_save_online(struct tern_links *links, struct tern_context *ctx, struct tern_error *err);
/* How long the service was connected in all its runs, as the store has it. Saving a smaller one changes nothing. */
int tern_online_load(struct tern_db *db, int64_t *ret_total_ms, struct tern_error *err);
int tern_online_save(struct tern_db *db, int64_t total_ms, struct tern_error *err);

#endif
