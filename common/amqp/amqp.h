/* amqp.h - one connection to the broker with one channel, owned by one thread, with one recovery path.
 *
 * A link connects, logs in, lets its owner set up (declare, consume, select confirms), and then handles frames until an
 * error. After any error it destroys the connection, tells the owner, waits (jittered back-off, 0.2 to 10 s) and starts
 * again. It has its own frame loop (never amqp_consume_message), announces its capabilities (connection.blocked,
 * consumer_cancel_notify, basic.nack, publisher_confirms), uses a heartbeat of 5 s, TCP_USER_TIMEOUT 15 s, RPC and
 * handshake limits of 5 s, and a watchdog that shuts the socket when one call lasts over 20 s. Bodies are checked
 * against `body_max` before anything is allocated; rabbitmq-c's buffers are released after every frame; amqps verifies
 * the peer and its name. Every callback runs on the link's thread; only tern_amqp_wake, tern_amqp_stop and
 * tern_amqp_state may be called from any thread. A thread that runs a link needs a stack of at least 16 MB, because
 * rabbitmq-c decodes nested header tables recursively. */
#ifndef TERN_AMQP_AMQP_H
#define TERN_AMQP_AMQP_H

#include "tern/clock.h"
#include "tern/error.h"

struct tern_amqp;

/* A header of a message (AMQP's field table). */
struct tern_amqp_header {
    const char *name;
    const char *value; /* NULL: not a string */
};

/* A received message. Everything is valid during the callback only. */
struct tern_amqp_delivery {
    uint64_t delivery_tag;              /* of this connection only: a tag of an earlier one means nothing */
    bool redelivered;                   /* the broker has delivered it before, perhaps to another consumer */
    bool aside;                         /* of the consumer of tern_amqp_consume_aside */
    const char *exchange, *routing_key; /* that it was published to */
    const char *message_id, *type, *content_type, *correlation_id, *app_id; /* "" when absent */
    const struct tern_amqp_header *headers;
    size_t header_count;
    const void *body; /* NULL: longer than body_max, and dropped */
    size_t body_length;
};

/* A message to publish; everything is the caller's, and copied or sent before the call returns. Persistent
 * (delivery_mode 2); a transient one is not, and expires after a minute. */
struct tern_amqp_message {
    const char *exchange, *routing_key;
    const char *message_id, *type, *content_type, *correlation_id, *app_id; /* no NULL; "" is sent, too */
    int64_t timestamp_s;                                                    /* UTC seconds since 1970 */
    const struct tern_amqp_header *headers;
    size_t header_count;
    const void *body;
    size_t body_length;
    bool mandatory; /* the broker returns it when it is routed to no queue */
    bool transient; /* lost when the broker restarts, or after a minute */
};

/* A mandatory message that was routed to no queue; arrives before its confirm. */
struct tern_amqp_returned {
    int reply_code;
    const char *reply_text, *exchange, *routing_key, *message_id;
};

/* The owner's callbacks, each of which may be NULL. `ready` returns 0; or -1 with `err`, and the link starts over; or a
 * number of milliseconds, and the link waits on this connection, for that time up to twice as long or until it is
 * woken, and calls `ready` again. */
struct tern_amqp_owner {
    /* Connected and logged in: declare, bind, consume, select confirms. */
    int (*ready)(void *self, struct tern_amqp *link, struct tern_error *err);
    void (*lost)(void *self, const char *why); /* also when an attempt to connect failed */
    /* A whole message of one of the link's consumers. */
    int (*delivered)(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err);
    /* A publication was stored (`acked`) or refused; `multiple`: all of them up to that number. */
    int (*confirmed)(void *self, uint64_t sequence, bool multiple, bool acked, struct tern_error *err);
    /* A mandatory publication that no queue takes; its confirm follows. */
    int (*returned)(void *self, const struct tern_amqp_returned *message, struct tern_error *err);
    /* The broker is short of memory or disk and takes no publications, or takes them again. */
    void (*blocked)(void *self, bool blocked, const char *reason);
    /* Before each probe: every probe_ms, and after tern_amqp_probe_soon. A probe counts the queue that is consumed. */
    int (*probing)(void *self, struct tern_amqp *link, struct tern_error *err);
    /* The result of a probe or of tern_amqp_count: ready messages and consumers of a queue. */
    int (*counted)(void *self, const char *queue, uint32_t messages, uint32_t consumers, struct tern_error *err);
    void (*cancelled)(void *self); /* tern_amqp_cancel has taken effect: no delivery comes after it */
    /* Publish and acknowledge here. Called after tern_amqp_wake, after each burst of frames, and once a second at least
     * while connected. -1: start over. */
    int (*work)(void *self, struct tern_amqp *link, struct tern_error *err);
    void *self;
};

/* Time limits of a link; 0: the default. Tests shorten them. */
struct tern_amqp_limits {
    int heartbeat_s;     /* 5: proposed to the broker; silence of twice that ends the connection */
    int rpc_ms;          /* 5000: connect, handshake and each call of the set-up */
    int user_timeout_ms; /* 15000: TCP_USER_TIMEOUT */
    int watchdog_ms;     /* 20000: longest call into the library */
    int backoff_min_ms;  /* 200 */
    int backoff_max_ms;  /* 10000 */
    int probe_ms;        /* 10000: between two checks that the queue still has its consumer */
};

struct tern_amqp_settings {
    const char *url;                /* amqp:// or amqps://user:password@host:port/vhost */
    const char *ca_file;            /* amqps; "" = /etc/ssl/certs/ca-certificates.crt */
    const char *connection_name;    /* shown by the broker: order-service-pub */
    size_t body_max;                /* longer bodies are dropped */
    const struct tern_clock *clock; /* NULL: the machine's */
    struct tern_amqp_limits limits; /* zeroes: the defaults */
};

/* Why the last connection ended or failed. */
enum tern_amqp_trouble {
    TERN_AMQP_OTHER,
    TERN_AMQP_UNREACHED, /* nothing answers at that address */
    TERN_AMQP_LOGIN,     /* unknown user, or wrong password */
    TERN_AMQP_VHOST,     /* unknown vhost, or no permission for it */
    TERN_AMQP_TOPOLOGY,  /* an exchange or queue exists with other settings */
    TERN_AMQP_RIGHT      /* a missing permission */
};

struct tern_amqp_link_state {
    bool connected;                 /* set up, and serving */
    bool blocked;                   /* the broker takes no publications */
    enum tern_amqp_trouble trouble; /* of the last sentence that `lost` got */
    uint64_t connects;              /* connections so far; also the generation of delivery tags */
};

/* Whether a link can use this URL; nothing is opened, `ca_file` must be readable for amqps. */
int tern_amqp_check_url(const char *url, const char *ca_file, struct tern_error *err);
/* Copies the settings and the owner. An invalid URL is an error. */
int tern_amqp_create(const struct tern_amqp_settings *settings, const struct tern_amqp_owner *owner,
                     struct tern_amqp **ret_link, struct tern_error *err);
void tern_amqp_destroy(struct tern_amqp *link);
/* Runs on the calling thread until tern_amqp_stop. */
void tern_amqp_run(struct tern_amqp *link);
void tern_amqp_wake(struct tern_amqp *link);
void tern_amqp_stop(struct tern_amqp *link);
struct tern_amqp_link_state tern_amqp_state(const struct tern_amqp *link); /* any thread */

/* The broker's answer to a call whose refusal does not end the connection. */
enum tern_amqp_answer {
    TERN_AMQP_GRANTED,
    TERN_AMQP_TAKEN,    /* it belongs to another connection or owner */
    TERN_AMQP_FORBIDDEN /* our user lacks the permission */
};

/* Set-up, inside `ready` only. An argument of a queue is a text or a whole number. */
struct tern_amqp_argument {
    const char *name;
    const char *text; /* NULL: number */
    int64_t number;
};
/* Return an answer, or -1. FORBIDDEN: a declared thing exists, but was not compared with ours; a binding or marker was
 * not made. */
int tern_amqp_declare_exchange(struct tern_amqp *link, const char *name, const char *type, struct tern_error *err);
int tern_amqp_declare_queue(struct tern_amqp *link, const char *name, const struct tern_amqp_argument *arguments,
                            size_t count, struct tern_error *err);
/* A marker is a durable internal exchange bound to a queue, with auto-delete: the broker deletes it with the queue. */
int tern_amqp_mark_queue(struct tern_amqp *link, const char *queue, const char *marker, struct tern_error *err);
/* 1: it exists, 0: it does not. The broker closes the channel over a missing one; the link opens it again. */
int tern_amqp_has_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
/* Declares an exclusive queue of this connection. An answer, or -1. */
int tern_amqp_own_queue(struct tern_amqp *link, const char *name, struct tern_error *err);
/* Declares a marker that carries the name of its owner. TAKEN: it exists and carries another name, `ret_owner` ("" when
 * the broker does not say). */
enum { TERN_AMQP_OWNER_SIZE = 128 };
int tern_amqp_claim_queue(struct tern_amqp *link, const char *queue, const char *marker, const char *owner,
                          char ret_owner[TERN_AMQP_OWNER_SIZE], struct tern_error *err);
int tern_amqp_drop_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
int tern_amqp_bind(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                   struct tern_error *err);
/* Binds a queue of this connection to the keys and consumes it beside the main queue, with a prefetch of its own: its
 * deliveries are `aside`, and share the sequence of delivery tags. An answer, or -1. Before tern_amqp_consume, because
 * a refusal reopens the channel. */
int tern_amqp_consume_aside(struct tern_amqp *link, const char *queue, const char *exchange, const char *const *keys,
                            size_t count, uint16_t prefetch, struct tern_error *err);
int tern_amqp_prefetch(struct tern_amqp *link, uint16_t count, struct tern_error *err);
int tern_amqp_consume(struct tern_amqp *link, const char *queue, struct tern_error *err);
int tern_amqp_select_confirms(struct tern_amqp *link, struct tern_error *err);

/* Inside any callback but `lost`. Frames leave in one burst after the callback, or earlier when there are many.
 * *ret_sequence is the sequence number of the confirm (1, 2, ... per connection). */
int tern_amqp_publish(struct tern_amqp *link, const struct tern_amqp_message *message, uint64_t *ret_sequence,
                      struct tern_error *err);
/* False while the broker blocks us, has been silent for longer than a heartbeat, or reads slowly: publish nothing then,
 * and wait for the next `work`. */
bool tern_amqp_may_publish(const struct tern_amqp *link);
/* False when the broker has been silent for longer than a heartbeat: it may have closed this connection. */
bool tern_amqp_alive(const struct tern_amqp *link);
/* Inside `work`: replaces the consumer of `queue` by one with another prefetch, which RabbitMQ applies to new consumers
 * only. */
int tern_amqp_consume_again(struct tern_amqp *link, const char *queue, uint16_t prefetch, struct tern_error *err);
/* Inside any callback but `lost`: repeats a binding, without an answer. */
int tern_amqp_bind_again(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                         struct tern_error *err);
/* Inside any callback but `lost`: counts the ready messages of an existing queue; `counted` gets the result. */
int tern_amqp_count(struct tern_amqp *link, const char *queue, struct tern_error *err);
/* Inside any callback but `lost`: probes the queue at once. */
void tern_amqp_probe_soon(struct tern_amqp *link);
/* Inside `work`: the link starts over when the marker is gone; there is no answer when it exists. */
int tern_amqp_expect_marker(struct tern_amqp *link, const char *marker, struct tern_error *err);
int tern_amqp_ack(struct tern_amqp *link, uint64_t delivery_tag, bool multiple, struct tern_error *err);
/* Rejects one delivery, which goes to the dead-letter exchange of its queue. */
int tern_amqp_dead_letter(struct tern_amqp *link, uint64_t delivery_tag, struct tern_error *err);
/* Stops deliveries (drain); those under way still arrive, then `cancelled` is called. */
int tern_amqp_cancel(struct tern_amqp *link, struct tern_error *err);
/* "rabbitmq-c 0.11.0". */
const char *tern_amqp_version(void);

#endif
