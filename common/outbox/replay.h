/* replay.h - publishes a part of the event log once more, to one queue: a new service is fed with history, or an old one
 * gets again what it may have lost.
 *
 * Through the durable direct exchange TERN_REPLAY_EXCHANGE, to which the queue is bound under its own name: nobody else
 * gets these messages. They have the ids, the bytes and the times of the first publication, so whoever knows them drops
 * them, and the header x-tern-replay; no x-tern-n: they are no news to count. Own events only: those of others are for
 * their producer to replay. At least once, in the order of the log, on a thread and connections of its own; new events
 * are not delayed. One at a time. It never writes to the store, and ends with a sentence and a position from which another
 * can go on. */
#ifndef TERN_OUTBOX_REPLAY_H
#define TERN_OUTBOX_REPLAY_H

#include "common/amqp/amqp.h"
#include "tern/event.h"
#include "tern/log.h"

#define TERN_REPLAY_EXCHANGE "events.replay"
enum {
    TERN_REPLAY_QUEUE_SIZE = 256, /* a queue's name has at most 255 bytes (AMQP 0-9-1, short string) */
    TERN_REPLAY_RATE = 1000,      /* events per second, unless said */
    TERN_REPLAY_RATE_MOST = 100000,
    TERN_REPLAY_FAULT_SIZE = 240
};

struct tern_replay;

struct tern_replay_settings {
    struct tern_amqp_settings link;
    const char *database_url; /* a read-only connection is opened for each replay */
    const char *service;
    const struct tern_catalogue *catalogue;
    struct tern_log *log;
};

/* What is replayed: events that pass all that is given. */
struct tern_replay_request {
    char queue[TERN_REPLAY_QUEUE_SIZE];
    int64_t from;               /* the first seq; 0: the first event logged at `since_ms` or later */
    int64_t since_ms, until_ms; /* UTC, when they were logged; both inclusive; 0, INT64_MAX: any */
    char subject[TERN_ID_SIZE]; /* "": any */
    uint32_t types;             /* a bit for each type of the catalogue; 0: any */
    int64_t rate;               /* events per second */
    bool dry_run;               /* count, publish nothing */
};

enum tern_replay_state {
    TERN_REPLAY_IDLE,
    TERN_REPLAY_RUNS,
    TERN_REPLAY_DONE,
    TERN_REPLAY_FAILED,
    TERN_REPLAY_STOPPED
};
/* The last replay since the start. */
struct tern_replay_status {
    enum tern_replay_state state;
    struct tern_replay_request request;
    int64_t first, last;                /* seqs between which it reads */
    int64_t position;                   /* everything up to here was confirmed, or passed over */
    int64_t published;                  /* confirmed; dry run: would be published */
    int64_t by_type[TERN_TYPES_MAX];    /* the same by type of the catalogue */
    char fault[TERN_REPLAY_FAULT_SIZE]; /* FAILED: why */
};

/* What the settings point to outlives it. */
struct tern_replay *tern_replay_create(const struct tern_replay_settings *settings);
/* Stops what runs. NULL is fine. */
void tern_replay_destroy(struct tern_replay *replay);
/* Reads the names of types ("OrderPlaced,OrderUpdated"; "" is any) into the bits of a request: those that the service
 * produces. 0, or -1 with a sentence. Pure. */
int tern_replay_types(const struct tern_replay_settings *settings, const char *names, uint32_t *ret_types,
                      struct tern_error *err);
/* Begins. 0; 1: another one runs; -1 with a sentence: it cannot be done. Any thread, like the next two. */
int tern_replay_begin(struct tern_replay *replay, const struct tern_replay_request *request, struct tern_error *err);
void tern_replay_status(struct tern_replay *replay, struct tern_replay_status *ret_status);
/* Ends it; returns when it has ended. What was under way may arrive, and counts as not published. */
void tern_replay_stop(struct tern_replay *replay);

#endif
