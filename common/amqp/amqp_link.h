/* amqp_link.h - what the files of the AMQP link share. Only common/amqp/ includes it.
 *
 *   amqp.c           life of a link: connect, serve, lose, wait, again; wake and stop
 *   amqp_connect.c   address, socket, TLS, login, orderly close
 *   amqp_resolve.c   the addresses of the broker's name
 *   amqp_frames.c    what comes in: the frame loop
 *   amqp_url.c       the broker's address, taken apart
 *   amqp_send.c      what goes out: one buffer, one send(2) per burst, heartbeats
 *   amqp_setup.c     calls that wait for the broker's answer: declare, bind, consume; sentences of its refusals
 *   amqp_watchdog.c  shuts the socket under a call that lasts too long
 *
 * rabbitmq-c reads, decodes and encodes, and makes the calls of the set-up. Its own heartbeats are switched off
 * after the login, and bursts are written by us, because it would wait for ever in a send and would put a heartbeat
 * into the middle of a half-sent burst. TLS is the exception: there it writes frame by frame. */
#ifndef TERN_AMQP_AMQP_LINK_H
#define TERN_AMQP_AMQP_LINK_H

#include "common/base/sync.h"
#include "rabbitmq_c.h"
#include "tern/amqp.h"

#include <stdatomic.h>

#define TERN_AMQP_ASIDE_TAG "tern-aside"
enum { TERN_AMQP_CHANNEL = 1, TERN_AMQP_FRAME_MAX = 131072, TERN_AMQP_HEADERS_MAX = 32, TERN_AMQP_SHORT_SIZE = 256 };

/* Odd while the link's thread is inside the library: the watchdog sees whether it moves. */
struct tern_amqp_watchdog {
    pthread_t thread;
    struct tern_sync sync; /* guards `fd` and `ending` */
    int fd;                /* the socket to shut; -1: none */
    bool ending;
    bool running;     /* there is a thread; the link's thread only */
    atomic_uint beat; /* odd while a call lasts */
    int limit_ms;     /* the longest that one call may last */
};

/* Nothing to do when it runs already; -1 when there is no thread to be had. */
int tern_amqp_watchdog_start(struct tern_amqp_watchdog *watchdog, int limit_ms, struct tern_error *err);
void tern_amqp_watchdog_stop(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_init(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_fini(struct tern_amqp_watchdog *watchdog);
void tern_amqp_watchdog_set_fd(struct tern_amqp_watchdog *watchdog, int fd);
/* Any thread: whatever the link waits for on its socket ends now. */
void tern_amqp_watchdog_shut(struct tern_amqp_watchdog *watchdog);

/* Every call into the library that may wait stands between these two. */
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

/* The message that is coming in. Texts are copies, so that the library's buffers can be released at any time. */
struct tern_amqp_incoming {
    enum tern_amqp_expects expects;
    bool is_return;
    struct tern_amqp_delivery delivery;
    struct tern_amqp_returned returned;
    char exchange[TERN_AMQP_SHORT_SIZE], routing_key[TERN_AMQP_SHORT_SIZE], reply_text[TERN_AMQP_SHORT_SIZE];
    struct tern_amqp_header headers[TERN_AMQP_HEADERS_MAX];
    char *texts; /* of properties and headers */
    size_t texts_length, texts_room;
    uint64_t body_size, body_seen;
    bool body_kept;
    unsigned char *body; /* only for a body that came in more than one frame */
    size_t body_room;
};

/* Encoded frames that the socket has not taken yet: bytes[start, end). */
struct tern_amqp_outgoing {
    unsigned char *bytes;
    size_t start, end, room;
};

enum { TERN_AMQP_ADDRESSES_MAX = 8, TERN_AMQP_ADDRESS_SIZE = 64 };
struct tern_amqp_addresses {
    size_t count;
    char text[TERN_AMQP_ADDRESSES_MAX][TERN_AMQP_ADDRESS_SIZE]; /* in numbers */
};
struct tern_amqp_question;

struct tern_amqp {
    struct tern_amqp_settings settings;
    struct tern_amqp_owner owner;
    struct amqp_connection_info address; /* points into address_text */
    char *address_text, *ca_file, *connection_name;
    size_t address_size;
    struct tern_amqp_question *question; /* for the addresses of the broker's name; may outlive a connection */
    struct tern_amqp_watchdog watchdog;

    int wake_fd;
    atomic_bool stopping, woken, asleep;
    atomic_bool connected, blocked;
    atomic_int trouble;
    atomic_uint_fast64_t connects;

    /* One connection. */
    amqp_connection_state_t connection;
    int fd;
    bool tls, in_set_up, was_woken;
    int heartbeat_ms;
    int connect_ms; /* patience with one connect(2) */
    int64_t now_ms, received_ms, sent_ms, probed_ms, connected_ms;
    uint64_t next_sequence;
    unsigned consumer_number; /* 0: none; the tag is "tern-<number>" */
    char queue[TERN_AMQP_SHORT_SIZE];
    struct tern_amqp_incoming in;
    struct tern_amqp_outgoing out;
};

/* amqp_url.c: cuts `text` into pieces in place. */
struct tern_amqp_url {
    struct amqp_connection_info parts;
    int heartbeat_s, connection_timeout_ms; /* 0: not given */
};
int tern_amqp_url_parse(char *text, struct tern_amqp_url *ret_url, struct tern_error *err);

/* amqp_connect.c */
int tern_amqp_link_parse_url(struct tern_amqp *link, struct tern_error *err);
int tern_amqp_link_connect(struct tern_amqp *link, struct tern_error *err);
void tern_amqp_link_say_goodbye(struct tern_amqp *link);
void tern_amqp_link_disconnect(struct tern_amqp *link);

/* Always -1: `err` is of that kind. */
static inline int tern_amqp_link_trouble(struct tern_amqp *link, enum tern_amqp_trouble trouble)
{
    atomic_store(&link->trouble, (int)trouble);
    return -1;
}

/* amqp_resolve.c: waits at most the RPC limit, and not at all once the link is to stop. */
int tern_amqp_link_resolve(struct tern_amqp *link, struct tern_amqp_addresses *ret_addresses, struct tern_error *err);
void tern_amqp_link_forget_question(struct tern_amqp *link);

/* amqp_frames.c: takes what has arrived; *ret_more when there is more than one round should take. */
int tern_amqp_link_receive(struct tern_amqp *link, bool *ret_more, struct tern_error *err);
void tern_amqp_incoming_reset(struct tern_amqp_incoming *incoming);
void tern_amqp_incoming_fini(struct tern_amqp_incoming *incoming);

/* amqp_send.c */
int tern_amqp_link_send_method(struct tern_amqp *link, amqp_channel_t channel, amqp_method_number_t id, void *decoded,
                               struct tern_error *err);
int tern_amqp_link_heartbeat(struct tern_amqp *link, struct tern_error *err);
/* Hands the socket what it takes without waiting. */
int tern_amqp_link_flush(struct tern_amqp *link, struct tern_error *err);
static inline size_t tern_amqp_link_unsent(const struct tern_amqp *link)
{
    return link->out.end - link->out.start;
}
void tern_amqp_outgoing_fini(struct tern_amqp_outgoing *outgoing);

/* amqp_setup.c */
int tern_amqp_link_open_channel(struct tern_amqp *link, struct tern_error *err);
/* Asks whether the queue still knows its consumer; the answer is a frame like any other. */
int tern_amqp_link_probe(struct tern_amqp *link, struct tern_error *err);
/* Always -1: the sentence of a negative status, of a reply, of a close by the broker. */
int tern_amqp_link_status(struct tern_error *err, int status, const char *doing);
int tern_amqp_link_reply(struct tern_error *err, amqp_rpc_reply_t reply, const char *doing);
int tern_amqp_link_closed(struct tern_error *err, const amqp_method_t *method, const char *doing);

#endif
