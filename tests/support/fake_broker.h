/* fake_broker.h - a broker of test code that speaks just enough AMQP 0-9-1 to log a client in and then misbehave.
 *
 * It listens on a free port of loopback. Each connection runs the next script on the broker's thread; a script is a
 * plain function of the steps below. The calls of a set-up (declare, bind, consume, confirms ...) are answered by
 * themselves while a script waits for the client's next frame. The bytes are written by hand on purpose: the client's
 * library is not asked what is right. A step that waits has a deadline; when it fails the script should return. */
#ifndef TERN_TEST_FAKE_BROKER_H
#define TERN_TEST_FAKE_BROKER_H

#include "tern/base.h"

struct fake_broker;
struct fake_session;
typedef void fake_script(struct fake_session *session, void *self);

/* Connection number n runs scripts[n]; the last one is used again for all that follow. */
struct fake_broker *fake_broker_start(fake_script *const *scripts, size_t count, void *self);
/* Ends the session under way and joins the thread. */
void fake_broker_stop(struct fake_broker *broker);
const char *fake_broker_url(const struct fake_broker *broker);
int fake_broker_connections(const struct fake_broker *broker);

/* How many markers were made on it. */
int fake_broker_markers(const struct fake_broker *broker);

/* What a client sent: methods that the script did not want are answered and skipped. */
enum fake_method {
    FAKE_START_OK = 0x000A000B,
    FAKE_TUNE_OK = 0x000A001F,
    FAKE_OPEN = 0x000A0028,
    FAKE_CONNECTION_CLOSE = 0x000A0032,
    FAKE_CHANNEL_OPEN = 0x0014000A,
    FAKE_CHANNEL_CLOSE_OK = 0x00140029,
    FAKE_EXCHANGE_DECLARE = 0x0028000A,
    FAKE_QUEUE_DECLARE = 0x0032000A,
    FAKE_QUEUE_BIND = 0x00320014,
    FAKE_QOS = 0x003C000A,
    FAKE_CONSUME = 0x003C0014,
    FAKE_CANCEL = 0x003C001E,
    FAKE_PUBLISH = 0x003C0028,
    FAKE_ACK = 0x003C0050,
    FAKE_REJECT = 0x003C005A,
    FAKE_SELECT = 0x0055000A,
    FAKE_HEARTBEAT = 1 /* not a method */
};

struct fake_frame {
    unsigned type, channel;
    uint32_t method;              /* of a method frame; FAKE_HEARTBEAT of a heartbeat; 0 of header and body */
    const unsigned char *payload; /* behind the method's number; valid until the next wait */
    size_t length;
};

/* How this connection behaves. */
void fake_chunk(struct fake_session *session, size_t bytes); /* most bytes per write; 0 = all at once */
void fake_forget(struct fake_session *session, bool forgot); /* until one is made, markers are gone */
void fake_no_answers(struct fake_session *session);          /* to the calls of a set-up, from now on */
void fake_refuse_binds(struct fake_session *session);        /* the user lacks the right to, from now on */

/* Waits for the next frame, answering set-ups. False when the client is gone, the test is over or nothing came. */
bool fake_next(struct fake_session *session, struct fake_frame *frame, int timeout_ms);
/* Waits for a method, skipping the others. */
bool fake_wait(struct fake_session *session, enum fake_method method, struct fake_frame *frame);
/* Takes whatever comes until the client is gone. */
void fake_until_gone(struct fake_session *session);
/* Sleeps; false when the test is over. The client's bytes stay unread. */
bool fake_stay_silent(struct fake_session *session, int ms);

/* Everything up to the open channel. `ret_start_ok` (size 4096, may be NULL) gets the bytes of the client's introduction. */
bool fake_login(struct fake_session *session, unsigned char *ret_start_ok, size_t *ret_length);
/* A login, a set-up, and the client's consumer or first publication: whatever is not a set-up. */
bool fake_refuse_login(struct fake_session *session);

/* What a broker says. */
void fake_deliver(struct fake_session *session, uint64_t tag, const char *type, const void *body, size_t length);
void fake_deliver_aside(struct fake_session *session, uint64_t tag, const char *type, const void *body, size_t length);
void fake_deliver_head(struct fake_session *session, uint64_t tag);                   /* only the method */
void fake_redeliver_head(struct fake_session *session, uint64_t tag);                 /* flagged as redelivered */
void fake_header(struct fake_session *session, uint64_t body_size, const char *type); /* only the header */
void fake_header_nested(struct fake_session *session, uint64_t body_size, int depth); /* tables in tables */
void fake_body(struct fake_session *session, const void *bytes, size_t length);       /* one frame */
void fake_confirm(struct fake_session *session, uint64_t sequence, bool multiple, bool acked);
void fake_return(struct fake_session *session, const char *message_id);
void fake_blocked(struct fake_session *session, bool blocked);
void fake_count(struct fake_session *session, const char *queue, unsigned consumers); /* with nothing in it */
void fake_cancel_consumer(struct fake_session *session);
void fake_cancel_ok(struct fake_session *session);
void fake_declare_ok(struct fake_session *session, unsigned consumers);
void fake_close_channel(struct fake_session *session, unsigned code, const char *text);
void fake_close_connection(struct fake_session *session, unsigned code, const char *text);
void fake_heartbeat(struct fake_session *session);
void fake_raw(struct fake_session *session, const void *bytes, size_t length);

/* The message id in a content header, "" when there is none: what a publication was about. */
void fake_message_id(const struct fake_frame *header, char *target, size_t size);
uint64_t fake_number(const unsigned char *bytes, size_t size);

#endif
