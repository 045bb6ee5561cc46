/* amqp_send.c - sends: frames are gathered in one buffer, and a burst costs one send(2).
 *
 * rabbitmq-c encodes the payloads. It would make three system calls per message, and wait for ever when the broker
 * stops reading; we give the socket what it takes and keep the rest until poll(2) reports room. Frames leave whole and
 * in order: nobody else writes while bytes wait here. With TLS the socket belongs to the library, so each frame goes
 * straight through it, under the watchdog. */
#include "amqp_link.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#define TRANSIENT_MS "60000" /* expiration of a transient message, in any queue */

enum {
    FRAME_HEADER = 7,        /* type, channel, length of the payload (AMQP 0-9-1, section 4.2.3) */
    FRAME_END = 1,           /* the byte 0xCE behind the payload */
    METHOD_ROOM = 4096,      /* the largest method that is sent here: names have at most 255 bytes */
    BURST_BYTES = 64 * 1024, /* sent without waiting for the end of the callback */
    UNSENT_MAX = 256 * 1024  /* beyond it nothing is published until the socket has taken some */
};

void tern_amqp_outgoing_fini(struct tern_amqp_outgoing *outgoing)
{
    free(outgoing->bytes);
}

/* Makes room for `wanted` more bytes behind the end. */
static void make_room(struct tern_amqp_outgoing *out, size_t wanted)
{
    if (out->start == out->end) out->start = out->end = 0;
    if (out->room - out->end >= wanted) return;
    if (out->start > 0) memmove(out->bytes, out->bytes + out->start, out->end - out->start);
    out->end -= out->start;
    out->start = 0;
    if (out->room - out->end >= wanted) return;
    size_t room = out->end + wanted + BURST_BYTES;
    out->bytes = realloc(out->bytes, room);
    TERN_ASSERT(out->bytes, "out of memory");
    out->room = room;
}

/* Big-endian, as all numbers of the protocol. */
static void put(unsigned char *target, uint64_t value, size_t bytes)
{
    while (bytes-- > 0) {
        target[bytes] = (unsigned char)(value & 0xFFU);
        value >>= 8;
    }
}

/* Completes the frame whose payload is already in place behind the room for its header. */
static void finish_frame(struct tern_amqp_outgoing *out, unsigned type, amqp_channel_t channel, size_t payload)
{
    unsigned char *frame = out->bytes + out->end;
    put(frame, type, 1);
    put(frame + 1, channel, 2);
    put(frame + 3, payload, 4);
    frame[FRAME_HEADER + payload] = AMQP_FRAME_END;
    out->end += FRAME_HEADER + payload + FRAME_END;
}

/* A frame with a method: its number, its arguments. */
static int add_method(struct tern_amqp *link, amqp_channel_t channel, amqp_method_number_t id, void *decoded,
                      struct tern_error *err)
{
    struct tern_amqp_outgoing *out = &link->out;
    make_room(out, METHOD_ROOM);
    unsigned char *payload = out->bytes + out->end + FRAME_HEADER;
    put(payload, id, 4);
    amqp_bytes_t rest = {.len = METHOD_ROOM - FRAME_HEADER - FRAME_END - 4, .bytes = payload + 4};
    int length = amqp_encode_method(id, decoded, rest);
    if (length < 0) return tern_amqp_link_status(err, length, "writing to the broker");
    finish_frame(out, AMQP_FRAME_METHOD, channel, 4 + (size_t)length);
    return 0;
}

/* A frame with the header of a message: class, weight 0, size of the body, properties of at most `room` bytes. */
static int add_header(struct tern_amqp *link, amqp_basic_properties_t *properties, size_t room, size_t body_length,
                      struct tern_error *err)
{
    struct tern_amqp_outgoing *out = &link->out;
    make_room(out, FRAME_HEADER + 12 + room + FRAME_END);
    unsigned char *payload = out->bytes + out->end + FRAME_HEADER;
    put(payload, AMQP_BASIC_CLASS, 2);
    put(payload + 2, 0, 2);
    put(payload + 4, body_length, 8);
    int length = amqp_encode_properties(AMQP_BASIC_CLASS, properties, (amqp_bytes_t){room, payload + 12});
    if (length < 0) return tern_amqp_link_status(err, length, "writing to the broker");
    finish_frame(out, AMQP_FRAME_HEADER, TERN_AMQP_CHANNEL, 12 + (size_t)length);
    return 0;
}

/* As many frames as the agreed size demands; none for an empty body. */
static void add_body(struct tern_amqp *link, const unsigned char *body, size_t length)
{
    struct tern_amqp_outgoing *out = &link->out;
    size_t piece_max = (size_t)amqp_get_frame_max(link->connection) - FRAME_HEADER - FRAME_END;
    while (length > 0) {
        size_t piece = length < piece_max ? length : piece_max;
        make_room(out, FRAME_HEADER + piece + FRAME_END);
        memcpy(out->bytes + out->end + FRAME_HEADER, body, piece);
        finish_frame(out, AMQP_FRAME_BODY, TERN_AMQP_CHANNEL, piece);
        body += piece;
        length -= piece;
    }
}

int tern_amqp_link_flush(struct tern_amqp *link, struct tern_error *err)
{
    struct tern_amqp_outgoing *out = &link->out;
    while (out->start < out->end) {
        ssize_t sent = send(link->fd, out->bytes + out->start, out->end - out->start, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR) continue;
        if (sent < 0 && errno == EAGAIN) return 0;
        if (sent < 0) return tern_error_set(err, "writing to the broker: %s", strerror(errno));
        out->start += (size_t)sent;
        link->sent_ms = link->now_ms;
    }
    return 0;
}

/* Ends a call with which the library has sent something. */
static int sent_by_library(struct tern_amqp *link, int status, struct tern_error *err)
{
    tern_amqp_call_ends(&link->watchdog);
    link->sent_ms = link->now_ms;
    return status == AMQP_STATUS_OK ? 0 : tern_amqp_link_status(err, status, "writing to the broker");
}

int tern_amqp_link_send_method(struct tern_amqp *link, amqp_channel_t channel, amqp_method_number_t id, void *decoded,
                               struct tern_error *err)
{
    if (!link->tls) return add_method(link, channel, id, decoded, err);
    tern_amqp_call_begins(&link->watchdog);
    return sent_by_library(link, amqp_send_method(link->connection, channel, id, decoded), err);
}

int tern_amqp_link_heartbeat(struct tern_amqp *link, struct tern_error *err)
{
    if (!link->tls) {
        make_room(&link->out, FRAME_HEADER + FRAME_END);
        if (tern_amqp_link_unsent(link) == 0) /* waiting bytes are as good a sign of life */
            finish_frame(&link->out, AMQP_FRAME_HEARTBEAT, 0, 0);
        return 0;
    }
    const amqp_frame_t frame = {.frame_type = AMQP_FRAME_HEARTBEAT};
    tern_amqp_call_begins(&link->watchdog);
    return sent_by_library(link, amqp_send_frame(link->connection, &frame), err);
}

bool tern_amqp_alive(const struct tern_amqp *link)
{
    return link->now_ms - link->received_ms <= link->heartbeat_ms;
}

/* With TLS nothing waits here, so the socket itself is asked: a call into the library must not wait for room. */
bool tern_amqp_may_publish(const struct tern_amqp *link)
{
    if (atomic_load_explicit(&link->blocked, memory_order_relaxed) || !tern_amqp_alive(link)) return false;
    if (!link->tls) return tern_amqp_link_unsent(link) < UNSENT_MAX;
    struct pollfd out = {.fd = link->fd, .events = POLLOUT};
    return poll(&out, 1, 0) == 1 && (out.revents & POLLOUT) != 0;
}

/* Fills the properties, which point into the message and `entries`. Returns the largest possible size of their encoded
 * form, in bytes. */
static size_t set_properties(const struct tern_amqp_message *message, amqp_table_entry_t *entries,
                             amqp_basic_properties_t *properties)
{
    size_t size = 7 * TERN_AMQP_SHORT_SIZE + 64;
    TERN_ASSERT(message->header_count <= TERN_AMQP_HEADERS_MAX, "a message has few headers");
    for (size_t i = 0; i < message->header_count; i++) {
        amqp_bytes_t value = amqp_cstring_bytes(message->headers[i].value);
        entries[i] = (amqp_table_entry_t){
            .key = amqp_cstring_bytes(message->headers[i].name),
            .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = value}
        };
        size += TERN_AMQP_SHORT_SIZE + 5 + value.len;
    }
    *properties = (amqp_basic_properties_t){
        ._flags = AMQP_BASIC_CONTENT_TYPE_FLAG | AMQP_BASIC_HEADERS_FLAG | AMQP_BASIC_DELIVERY_MODE_FLAG |
                  AMQP_BASIC_CORRELATION_ID_FLAG | AMQP_BASIC_MESSAGE_ID_FLAG | AMQP_BASIC_TIMESTAMP_FLAG |
                  AMQP_BASIC_TYPE_FLAG | AMQP_BASIC_APP_ID_FLAG,
        .content_type = amqp_cstring_bytes(message->content_type),
        .headers = {(int)message->header_count, entries},
        .delivery_mode = message->transient ? AMQP_DELIVERY_NONPERSISTENT : AMQP_DELIVERY_PERSISTENT,
        .expiration = amqp_cstring_bytes(TRANSIENT_MS),
        .correlation_id = amqp_cstring_bytes(message->correlation_id),
        .message_id = amqp_cstring_bytes(message->message_id),
        .timestamp = (uint64_t)message->timestamp_s,
        .type = amqp_cstring_bytes(message->type),
        .app_id = amqp_cstring_bytes(message->app_id),
    };
    if (message->transient) properties->_flags |= AMQP_BASIC_EXPIRATION_FLAG;
    return size;
}

static int publish_by_library(struct tern_amqp *link, const struct tern_amqp_message *message,
                              const amqp_basic_properties_t *properties, struct tern_error *err)
{
    union {
        const void *from;
        void *to;
    } body = {.from = message->body}; /* the library only reads it */
    tern_amqp_call_begins(&link->watchdog);
    int status = amqp_basic_publish(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(message->exchange),
                                    amqp_cstring_bytes(message->routing_key), message->mandatory, 0, properties,
                                    (amqp_bytes_t){message->body_length, body.to});
    return sent_by_library(link, status, err);
}

/* Adds the three parts of a message to the burst, and sends it once it is large. */
static int publish_in_burst(struct tern_amqp *link, const struct tern_amqp_message *message,
                            amqp_basic_properties_t *properties, size_t room, struct tern_error *err)
{
    amqp_basic_publish_t method = {
        .exchange = amqp_cstring_bytes(message->exchange),
        .routing_key = amqp_cstring_bytes(message->routing_key),
        .mandatory = message->mandatory,
    };
    size_t before = tern_amqp_link_unsent(link);
    if (add_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_PUBLISH_METHOD, &method, err) < 0 ||
        add_header(link, properties, room, message->body_length, err) < 0) {
        link->out.end = link->out.start + before; /* never half a message */
        return -1;
    }
    add_body(link, message->body, message->body_length);
    return tern_amqp_link_unsent(link) < BURST_BYTES ? 0 : tern_amqp_link_flush(link, err);
}

/* The broker counts publications from 1, after confirm.select; so do we, and only what was handed over completely. */
int tern_amqp_publish(struct tern_amqp *link, const struct tern_amqp_message *message, uint64_t *ret_sequence,
                      struct tern_error *err)
{
    amqp_table_entry_t entries[TERN_AMQP_HEADERS_MAX];
    amqp_basic_properties_t properties;
    size_t room = set_properties(message, entries, &properties);
    int sent = link->tls ? publish_by_library(link, message, &properties, err)
                         : publish_in_burst(link, message, &properties, room, err);
    if (sent < 0) return -1;
    *ret_sequence = link->next_sequence++;
    return 0;
}

int tern_amqp_ack(struct tern_amqp *link, uint64_t delivery_tag, bool multiple, struct tern_error *err)
{
    amqp_basic_ack_t method = {.delivery_tag = delivery_tag, .multiple = multiple};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_ACK_METHOD, &method, err);
}

int tern_amqp_dead_letter(struct tern_amqp *link, uint64_t delivery_tag, struct tern_error *err)
{
    amqp_basic_reject_t method = {.delivery_tag = delivery_tag, .requeue = 0};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_REJECT_METHOD, &method, err);
}
