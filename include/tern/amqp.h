/* tern/amqp.h - one connection to the broker with one channel, owned by one thread, with one recovery path.
 *
 * A link connects, logs in, lets its owner set up (declare, consume, select confirms), then pumps frames until
 * something goes wrong; whatever that is, it destroys the connection, tells the owner, waits (jittered back-off,
 * 0.2 to 10 s) and starts again. Its own frame loop (never amqp_consume_message), capabilities announced
 * (connection.blocked, consumer_cancel_notify, basic.nack, publisher_confirms), heartbeat 5 s, TCP_USER_TIMEOUT
 * 15 s, RPC and handshake timeouts 5 s, a watchdog that shuts the socket when one call lasts over 20 s, bodies
 * checked against `body_max` before anything is allocated, buffers released after every frame set, amqps with
 * peer and host name verified. Every callback runs on the link's thread; tern_amqp_wake and tern_amqp_stop may be
 * called from any. Threads that run a link need a stack of at least 16 MB (nested header tables). */
#ifndef TERN_AMQP_H
#define TERN_AMQP_H

#include "tern/clock.h"
#include "tern/error.h"

struct tern_amqp;

struct tern_amqp_header {
    const char *name;
    const char *value; /* strings only: other header types are shown as NULL value and may be ignored */
};

/* A message as it arrived. Everything is valid during the callback only. */
struct tern_amqp_delivery {
    uint64_t delivery_tag;
    bool redelivered;
    bool aside; /* came by tern_amqp_consume_aside */
    const char *exchange, *routing_key;
    const char *message_id, *type, *content_type, *correlation_id, *app_id; /* "" when absent */
    const struct tern_amqp_header *headers;
    size_t header_count;
    const void *body; /* NULL when it was over body_max: then only `body_length` says how long it was */
    size_t body_length;
};

/* A message to publish; persistent (delivery_mode 2) unless it is transient: of no use a minute later, then it
 * expires. */
struct tern_amqp_message {
    const char *exchange, *routing_key;
    const char *message_id, *type, *content_type, *correlation_id, *app_id;
    int64_t timestamp_s;
    const struct tern_amqp_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    bool mandatory, transient;
};

/* A mandatory message that no queue took; comes before its confirm. */
struct tern_amqp_returned {
    int reply_code;
    const char *reply_text, *exchange, *routing_key, *message_id;
};

/* What the owner wants to hear. NULL = not wanted. `ready` returns 0; -1 with `err`: then the link starts over; or a
 * number of milliseconds: the link stands by on this connection for so long up to twice that, or until it is woken, and
 * calls `ready` again. */
struct tern_amqp_owner {
    int (*ready)(void *self, struct tern_amqp *link, struct tern_error *err);
    void (*lost)(void *self, const char *why); /* also when an attempt to connect failed */
    int (*delivered)(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err);
    int (*confirmed)(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err);
    int (*returned)(void *self, const struct tern_amqp_returned *message, struct tern_error *err);
    void (*blocked)(void *self, bool blocked, const char *reason);
    /* Every probe_ms, and when tern_amqp_probe_soon asks for it: before the queue that is consumed is counted. */
    int (*probing)(void *self, struct tern_amqp *link, struct tern_error *err);
    /* A queue was counted, by that or by tern_amqp_count: what is ready in it, who consumes it. */
    int (*counted)(void *self, const char *queue, uint32_t messages, uint32_t consumers, struct tern_error *err);
    void (*cancelled)(void *self); /* the broker's answer to tern_amqp_cancel: no delivery comes after it */
    /* After tern_amqp_wake, after each handled burst of frames, and at least once a second while connected:
     * publish, acknowledge. -1 = start over. */
    int (*work)(void *self, struct tern_amqp *link, struct tern_error *err);
    void *self;
};

/* What the link's patience is; 0 = the usual. Tests shorten it. */
struct tern_amqp_limits {
    int heartbeat_s;     /* 5: asked of the broker; silence of twice that is a lost connection */
    int rpc_ms;          /* 5000: connect, handshake and each call of the set-up */
    int user_timeout_ms; /* 15000: TCP_USER_TIMEOUT */
    int watchdog_ms;     /* 20000: longest time of one call into the library */
    int backoff_min_ms;  /* 200 */
    int backoff_max_ms;  /* 10000 */
    int probe_ms;        /* 10000: how often the queue is asked whether it still knows its consumer */
};

struct tern_amqp_settings {
    const char *url;                /* amqp:// or amqps://user:password@host:port/vhost */
    const char *ca_file;            /* amqps; "" = /etc/ssl/certs/ca-certificates.crt */
    const char *connection_name;    /* shown by the broker: order-service-pub */
    size_t body_max;                /* bigger bodies are not kept */
    const struct tern_clock *clock; /* NULL: the machine's */
    struct tern_amqp_limits limits;
};

/* Why the last connection ended, or did not come to be. */
enum tern_amqp_trouble {
    TERN_AMQP_OTHER,
    TERN_AMQP_UNREACHED, /* nobody answers at that address */
    TERN_AMQP_LOGIN,     /* the broker does not know this user, or its password */
    TERN_AMQP_VHOST,     /* there is none of that name, or the user may not use it */
    TERN_AMQP_TOPOLOGY,  /* something that we declare exists with other settings */
    TERN_AMQP_RIGHT      /* the user lacks one */
};

struct tern_amqp_link_state {
    bool connected, blocked;
    enum tern_amqp_trouble trouble; /* as `lost` was called with its sentence */
    uint64_t connects;              /* how often it was connected so far; also the generation of delivery tags */
};

/* Whether a link can be made of this address at all; nothing is opened but `ca_file` for amqps. */
int tern_amqp_check_url(const char *url, const char *ca_file, struct tern_error *err);
/* Copies the settings. A URL that cannot be understood is an error. */
int tern_amqp_create(const struct tern_amqp_settings *settings, const struct tern_amqp_owner *owner,
                     struct tern_amqp **ret_link, struct tern_error *err);
void tern_amqp_destroy(struct tern_amqp *link);
/* Runs on the calling thread until tern_amqp_stop. */
void tern_amqp_run(struct tern_amqp *link);
void tern_amqp_wake(struct tern_amqp *link);
void tern_amqp_stop(struct tern_amqp *link);
struct tern_amqp_link_state tern_amqp_state(const struct tern_amqp *link); /* any thread */

/* What the broker may refuse without harm to the connection. */
enum tern_amqp_answer {
    TERN_AMQP_GRANTED,
    TERN_AMQP_TAKEN,    /* somebody else has it */
    TERN_AMQP_FORBIDDEN /* the broker's user has no right to it */
};

/* Set-up, inside `ready` only. Arguments of a queue are "name=value" pairs of text or whole numbers. */
struct tern_amqp_argument {
    const char *name;
    const char *text; /* NULL: number */
    int64_t number;
};
/* Each an answer, or -1. FORBIDDEN, of a declaration: it is there, but was not compared with ours; of a binding or a
 * marker: it was not made. */
int tern_amqp_declare_exchange(struct tern_amqp *link, const char *name, const char *type, struct tern_error *err);
int tern_amqp_declare_queue(struct tern_amqp *link, const char *name, const struct tern_amqp_argument *arguments,
                            size_t count, struct tern_error *err);
/* A marker is a durable exchange that nobody can publish to, bound to a queue: the broker deletes it with the queue. */
int tern_amqp_mark_queue(struct tern_amqp *link, const char *queue, const char *marker, struct tern_error *err);
/* 1: it is there, 0: it is not. A broker answers that by closing the channel: the link opens it again. */
int tern_amqp_has_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
/* A queue of this connection alone, which goes with it. An answer, or -1. */
int tern_amqp_own_queue(struct tern_amqp *link, const char *name, struct tern_error *err);
/* A marker that carries the name of the one who made it. TAKEN: it is there and carries another name, `ret_owner` (""
 * when it cannot be told). */
enum { TERN_AMQP_OWNER_SIZE = 128 };
int tern_amqp_claim_queue(struct tern_amqp *link, const char *queue, const char *marker, const char *owner,
                          char ret_owner[TERN_AMQP_OWNER_SIZE], struct tern_error *err);
int tern_amqp_drop_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
int tern_amqp_bind(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                   struct tern_error *err);
/* A second consumer on the channel, of a queue of this connection alone, with a prefetch of its own: its deliveries are
 * `aside`, their tags are of one row with the others. Bound to these keys first. An answer, or -1; before
 * tern_amqp_consume, since a refusal begins the channel anew. */
int tern_amqp_consume_aside(struct tern_amqp *link, const char *queue, const char *exchange, const char *const *keys,
                            size_t count, uint16_t prefetch, struct tern_error *err);
int tern_amqp_prefetch(struct tern_amqp *link, uint16_t count, struct tern_error *err);
int tern_amqp_consume(struct tern_amqp *link, const char *queue, struct tern_error *err);
int tern_amqp_select_confirms(struct tern_amqp *link, struct tern_error *err);

/* Inside any callback but `lost`. What is sent leaves in one burst when the callback is over, or when there is much.
 * Publishing gives the confirm's sequence number (1, 2, ... per connection). */
int tern_amqp_publish(struct tern_amqp *link, const struct tern_amqp_message *message, uint64_t *ret_sequence,
                      struct tern_error *err);
/* False while the broker blocks us, has been silent for longer than a heartbeat, or is slow to take what is there:
 * publish nothing then, `work` comes again. */
bool tern_amqp_may_publish(const struct tern_amqp *link);
/* False when it has been silent for longer than a heartbeat: it may have given this connection up already. */
bool tern_amqp_hears(const struct tern_amqp *link);
/* Inside `work`: the consumer of `queue` with another prefetch (a broker applies it to new consumers only). */
int tern_amqp_consume_again(struct tern_amqp *link, const char *queue, uint16_t prefetch, struct tern_error *err);
/* Inside any callback but `lost`: binds what may be bound already; nothing is answered. */
int tern_amqp_bind_again(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                         struct tern_error *err);
/* Inside any callback but `lost`: asks how many messages are ready in a queue that exists; `counted` is called. */
int tern_amqp_count(struct tern_amqp *link, const char *queue, struct tern_error *err);
/* Inside any callback but `lost`: probes the queue now, not only when it is time. */
void tern_amqp_probe_soon(struct tern_amqp *link);
/* Inside `work`: the link starts over when the marker is gone; nothing is answered when it is there. */
int tern_amqp_expect_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
int tern_amqp_ack(struct tern_amqp *link, uint64_t delivery_tag, bool multiple, struct tern_error *err);
/* Hands one delivery to the dead-letter exchange of its queue. */
int tern_amqp_dead_letter(struct tern_amqp *link, uint64_t delivery_tag, struct tern_error *err);
/* Stops deliveries (drain); what is under way still arrives, then `cancelled` is called. */
int tern_amqp_cancel(struct tern_amqp *link, struct tern_error *err);
/* "rabbitmq-c 0.11.0". */
const char *tern_amqp_version(void);

#endif
