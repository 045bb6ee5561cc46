/* amqp_link.h - what the files of the AMQP link share. Private to common/amqp.
 *
 *   amqp.c           life of a link: connect, serve, lose, wait, again; wake and stop
 *   amqp_connect.c   address, socket, TLS, login, orderly close
 *   amqp_resolve.c   the addresses of the broker's name
 *   amqp_frames.c    receives: the frame loop
 *   amqp_url.c       parses the broker's URL
 *   amqp_send.c      sends: one buffer, one send(2) per burst, heartbeats
 *   amqp_setup.c     calls that wait for the broker's answer: declare, bind, consume; explains its refusals
 *   amqp_watchdog.c  shuts the socket under a call that lasts too long
 *
 * rabbitmq-c reads, decodes, encodes, and makes the calls of the set-up. Its heartbeats are switched off after the
 * login and we write the bursts, because it would wait for ever in a send, and put a heartbeat into the middle of a
 * half-sent burst. With TLS it writes frame by frame. */
#ifndef TERN_AMQP_AMQP_LINK_H
#define TERN_AMQP_AMQP_LINK_H

#include "amqp.h"
#include "common/base/sync.h"
#include "rabbitmq_c.h"

#include <stdatomic.h>

#define TERN_AMQP_ASIDE_TAG "tern-aside" /* consumer tag of tern_amqp_consume_aside */

enum {
    TERN_AMQP_CHANNEL = 1,        /* the only one of a connection; 0 is the connection itself */
    TERN_AMQP_FRAME_MAX = 131072, /* bytes that we propose, RabbitMQ's own default */
    TERN_AMQP_HEADERS_MAX = 32,   /* of a message; others that arrive are dropped */
    TERN_AMQP_SHORT_SIZE = 256    /* a short string of the protocol and its NUL */
};

/* Watches the calls into the library. */
struct tern_amqp_watchdog {
    pthread_t thread;
    struct tern_sync sync; /* guards `fd` and `ending` */
    int fd;                /* the socket to shut; -1: none */
    bool ending;           /* the thread is to end */
    bool running;          /* there is a thread; the link's thread only */
    atomic_uint beat;      /* odd while a call lasts */
    int limit_ms;          /* the longest that one call may last */
};

/* Does nothing when it runs already. -1: no thread could be started. */
int tern_amqp_watchdog_start(struct tern_amqp_watchdog *watchdog, int limit_ms, struct tern_error *err);
void tern_amqp_watchdog_stop(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_init(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_fini(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_set_fd(struct tern_amqp_watchdog *watchdog, int fd);
/* Ends whatever the link waits for on its socket. Any thread. */
void tern_amqp_watchdog_shut(struct tern_amqp_watchdog *watchdog);

/* Around every call into the library that may wait. */
static inline void tern_amqp_call_begins(struct tern_amqp_watchdog *watchdog)
{
    atomic_store_explicit(&watchdog->beat, atomic_load_explicit(&watchdog->beat, memory_order_relaxed) | 1U,
                          memory_order_release);
}

static inline void tern_amqp_call_ends(struct tern_amqp_watchdog *watchdog)
{
    atomic_store_explicit(&watchdog->beat, (atomic_load_explicit(&watchdog->beat, memory_order_relaxed) | 1U) + 1U,
                          memory_order_release);
}

enum tern_amqp_expects { TERN_AMQP_EXPECTS_METHOD, TERN_AMQP_EXPECTS_HEADER, TERN_AMQP_EXPECTS_BODY };

/* The message that is being received. Texts are copies, so that the library's buffers can be released at any time. */
struct tern_amqp_incoming {
    enum tern_amqp_expects expects;     /* kind of the next frame */
    bool is_return;                     /* basic.return, not basic.deliver */
    struct tern_amqp_delivery delivery; /* points into the members below */
    struct tern_amqp_returned returned;
    char exchange[TERN_AMQP_SHORT_SIZE], routing_key[TERN_AMQP_SHORT_SIZE], reply_text[TERN_AMQP_SHORT_SIZE];
    struct tern_amqp_header headers[TERN_AMQP_HEADERS_MAX];
    char *texts;                     /* of properties and headers, each with a NUL; owned */
    size_t texts_length, texts_room; /* used, allocated */
    uint64_t body_size, body_seen;   /* announced, received */
    bool body_kept;                  /* not dropped for its size */
    unsigned char *body;             /* only for a body that came in more than one frame; owned */
    size_t body_room;                /* allocated */
};

/* Encoded frames that are not sent yet: bytes[start, end). */
struct tern_amqp_outgoing {
    unsigned char *bytes;    /* owned */
    size_t start, end, room; /* of what is unsent; allocated */
};

enum { TERN_AMQP_ADDRESSES_MAX = 8, TERN_AMQP_ADDRESS_SIZE = 64 };
struct tern_amqp_addresses {
    size_t count;
    char text[TERN_AMQP_ADDRESSES_MAX][TERN_AMQP_ADDRESS_SIZE]; /* in numbers */
};
struct tern_amqp_question;

struct tern_amqp {
    struct tern_amqp_settings settings;             /* the texts are our copies */
    struct tern_amqp_owner owner;                   /* the callbacks */
    struct amqp_connection_info address;            /* points into address_text */
    char *address_text, *ca_file, *connection_name; /* copies of the settings; owned */
    size_t address_size;                            /* of the text that is overwritten at the end */
    struct tern_amqp_question *question;            /* under way, for the addresses of the broker's name; NULL: none */
    struct tern_amqp_watchdog watchdog;

    int wake_fd;                         /* eventfd that ends a poll(2) */
    atomic_bool stopping, woken, asleep; /* asked to stop, asked to wake, in poll(2) */
    atomic_bool connected, blocked;      /* for tern_amqp_state */
    atomic_int trouble;                  /* enum tern_amqp_trouble */
    atomic_uint_fast64_t connects;       /* connections so far */

    /* The rest belongs to the link's thread, and to one connection. */
    amqp_connection_state_t connection;                    /* NULL: none */
    int fd;                                                /* its socket; -1: none */
    bool tls;                                              /* amqps: the library owns reading and writing */
    bool in_set_up;                                        /* inside `ready` */
    bool was_woken;                                        /* the last sleep was ended by a wake */
    int heartbeat_ms;                                      /* agreed with the broker */
    int connect_ms;                                        /* limit of one connect(2) */
    int64_t now_ms;                                        /* steady time of this round, as are the next */
    int64_t received_ms, sent_ms, probed_ms, connected_ms; /* when that last happened; connected_ms 0: not yet */
    uint64_t next_sequence;                                /* of the next publisher confirm */
    unsigned consumer_number;                              /* 0: none; the tag is "tern-<number>" */
    char queue[TERN_AMQP_SHORT_SIZE];                      /* that is consumed */
    struct tern_amqp_incoming in;
    struct tern_amqp_outgoing out;
};

/* amqp_url.c: cuts `text` into pieces in place; the URL points into it. */
struct tern_amqp_url {
    struct amqp_connection_info parts;
    int heartbeat_s, connection_timeout_ms; /* 0: not given */
};
int tern_amqp_url_parse(char *text, struct tern_amqp_url *ret_url, struct tern_error *err);

/* amqp_connect.c: the steps from the URL to a login, an orderly close, and the end of any connection. */
int tern_amqp_link_parse_url(struct tern_amqp *link, struct tern_error *err);
int tern_amqp_link_connect(struct tern_amqp *link, struct tern_error *err);
void tern_amqp_link_say_goodbye(struct tern_amqp *link);
void tern_amqp_link_disconnect(struct tern_amqp *link);

/* Notes the kind of an error. Always returns -1. */
static inline int tern_amqp_link_trouble(struct tern_amqp *link, enum tern_amqp_trouble trouble)
{
    atomic_store(&link->trouble, (int)trouble);
    return -1;
}

/* amqp_resolve.c: waits for the RPC limit at most, and not at all once the link is to stop. */
int tern_amqp_link_resolve(struct tern_amqp *link, struct tern_amqp_addresses *ret_addresses, struct tern_error *err);
void tern_amqp_link_forget_question(struct tern_amqp *link);

/* amqp_frames.c: handles what has arrived; *ret_more: there is more than one round should handle. */
int tern_amqp_link_receive(struct tern_amqp *link, bool *ret_more, struct tern_error *err);
void tern_amqp_incoming_reset(struct tern_amqp_incoming *incoming);
void tern_amqp_incoming_fini(struct tern_amqp_incoming *incoming);

/* amqp_send.c: adds a method to the burst; with TLS it is sent at once. `decoded` is rabbitmq-c's struct for `id`. */
int tern_amqp_link_send_method(struct tern_amqp *link, amqp_channel_t channel, amqp_method_number_t id, void *decoded,
                               struct tern_error *err);
int tern_amqp_link_heartbeat(struct tern_amqp *link, struct tern_error *err);
/* Sends what the socket takes without waiting. */
int tern_amqp_link_flush(struct tern_amqp *link, struct tern_error *err);
static inline size_t tern_amqp_link_unsent(const struct tern_amqp *link)
{
    return link->out.end - link->out.start;
}
void tern_amqp_outgoing_fini(struct tern_amqp_outgoing *outgoing);

/* amqp_setup.c */
int tern_amqp_link_open_channel(struct tern_amqp *link, struct tern_error *err);
/* Asks whether the queue still has its consumer; the answer arrives in the frame loop. */
int tern_amqp_link_probe(struct tern_amqp *link, struct tern_error *err);

/* amqp_error.c: explain a negative status, a reply, a close by the broker. Always return -1. */
int tern_amqp_link_status(struct tern_error *err, int status, const char *doing);
int tern_amqp_link_reply(struct tern_error *err, amqp_rpc_reply_t reply, const char *doing);
int tern_amqp_link_closed(struct tern_error *err, const amqp_method_t *method, const char *doing);

#endif
