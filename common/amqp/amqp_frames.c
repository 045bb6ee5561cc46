/* amqp_frames.c - the frame loop: turns the broker's frames into calls of the owner.
 *
 * Handles single frames and never waits: a message may arrive in any pieces at any time. The announced size of a body
 * is checked before anything is allocated; a body that is too large is dropped frame by frame. Texts are copied, so the
 * library's buffers are released after every frame and memory stays constant. An unexpected frame, and every close by
 * the broker, is an error: the link starts over. */
#include "amqp_link.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum {
    FRAMES_PER_ROUND = 512, /* then the owner works, and heartbeats are sent */
    LAST_WORDS_MS = 1000    /* for the broker to handle a dead-lettering before the connection ends */
};

void tern_amqp_incoming_reset(struct tern_amqp_incoming *incoming)
{
    incoming->expects = TERN_AMQP_EXPECTS_METHOD;
}

void tern_amqp_incoming_fini(struct tern_amqp_incoming *incoming)
{
    free(incoming->texts);
    free(incoming->body);
}

/* Copies a short string of the protocol, which has at most 255 bytes. Returns `target`. */
static const char *keep_short(char target[TERN_AMQP_SHORT_SIZE], amqp_bytes_t bytes)
{
    size_t length = bytes.len < TERN_AMQP_SHORT_SIZE ? bytes.len : TERN_AMQP_SHORT_SIZE - 1;
    if (length > 0) memcpy(target, bytes.bytes, length);
    target[length] = '\0';
    return target;
}

/* Grows a block that is reused from message to message; never shrinks it. */
static void *room_for(void *block, size_t *room, size_t wanted)
{
    if (wanted <= *room) return block;
    void *bigger = realloc(block, wanted);
    TERN_ASSERT(bigger, "out of memory");
    *room = wanted;
    return bigger;
}

/* Every text of the header frame fits: each takes more bytes on the wire than its copy. */
static const char *keep_text(struct tern_amqp_incoming *in, amqp_bytes_t bytes)
{
    TERN_ASSERT(bytes.len < in->texts_room - in->texts_length, "the texts of a frame fit into its size");
    char *copy = in->texts + in->texts_length;
    if (bytes.len > 0) memcpy(copy, bytes.bytes, bytes.len);
    copy[bytes.len] = '\0';
    in->texts_length += bytes.len + 1;
    return copy;
}

/* "" when the flag says that the property is absent. */
static const char *keep_property(struct tern_amqp_incoming *in, const amqp_basic_properties_t *properties,
                                 amqp_flags_t flag, amqp_bytes_t value)
{
    return properties->_flags & flag ? keep_text(in, value) : "";
}

/* The first TERN_AMQP_HEADERS_MAX headers; those that are not text keep their name only. */
static void keep_headers(struct tern_amqp_incoming *in, const amqp_table_t *table)
{
    size_t count = 0;
    for (int i = 0; i < table->num_entries && count < TERN_AMQP_HEADERS_MAX; i++) {
        const amqp_table_entry_t *entry = &table->entries[i];
        bool text = entry->value.kind == AMQP_FIELD_KIND_UTF8 || entry->value.kind == AMQP_FIELD_KIND_BYTES;
        in->headers[count++] = (struct tern_amqp_header){
            .name = keep_text(in, entry->key),
            .value = text ? keep_text(in, entry->value.value.bytes) : NULL,
        };
    }
    in->delivery.header_count = count;
}

/* The texts of a message lie in one block, whose size the frame tells. Absent properties share a static "". */
static void keep_properties(struct tern_amqp_incoming *in, const amqp_basic_properties_t *p, size_t wire_size)
{
    in->texts = room_for(in->texts, &in->texts_room, wire_size + 64);
    in->texts_length = 0;
    struct tern_amqp_delivery *delivery = &in->delivery;
    delivery->message_id = keep_property(in, p, AMQP_BASIC_MESSAGE_ID_FLAG, p->message_id);
    delivery->type = keep_property(in, p, AMQP_BASIC_TYPE_FLAG, p->type);
    delivery->content_type = keep_property(in, p, AMQP_BASIC_CONTENT_TYPE_FLAG, p->content_type);
    delivery->correlation_id = keep_property(in, p, AMQP_BASIC_CORRELATION_ID_FLAG, p->correlation_id);
    delivery->app_id = keep_property(in, p, AMQP_BASIC_APP_ID_FLAG, p->app_id);
    delivery->headers = in->headers;
    delivery->header_count = 0;
    if (p->_flags & AMQP_BASIC_HEADERS_FLAG) keep_headers(in, &p->headers);
}

static bool equals(amqp_bytes_t bytes, const char *text)
{
    return bytes.len == strlen(text) && memcmp(bytes.bytes, text, bytes.len) == 0;
}

/* The first frame of a delivery; its header and its body follow. */
static int on_deliver(struct tern_amqp *link, const amqp_basic_deliver_t *method)
{
    struct tern_amqp_incoming *in = &link->in;
    in->delivery = (struct tern_amqp_delivery){
        .delivery_tag = method->delivery_tag,
        .redelivered = method->redelivered != 0,
        .aside = equals(method->consumer_tag, TERN_AMQP_ASIDE_TAG),
        .exchange = keep_short(in->exchange, method->exchange),
        .routing_key = keep_short(in->routing_key, method->routing_key),
    };
    in->is_return = false;
    in->expects = TERN_AMQP_EXPECTS_HEADER;
    return 0;
}

/* The first frame of a publication that comes back, with header and body like a delivery. */
static int on_return(struct tern_amqp *link, const amqp_basic_return_t *method)
{
    struct tern_amqp_incoming *in = &link->in;
    in->returned = (struct tern_amqp_returned){
        .reply_code = method->reply_code,
        .reply_text = keep_short(in->reply_text, method->reply_text),
        .exchange = keep_short(in->exchange, method->exchange),
        .routing_key = keep_short(in->routing_key, method->routing_key),
    };
    in->is_return = true;
    in->expects = TERN_AMQP_EXPECTS_HEADER;
    return 0;
}

/* Passes the complete message to the owner. */
static int message_done(struct tern_amqp *link, struct tern_error *err)
{
    struct tern_amqp_incoming *in = &link->in;
    in->expects = TERN_AMQP_EXPECTS_METHOD;
    in->delivery.body_length = (size_t)in->body_size;
    if (!in->is_return) return link->owner.delivered ? link->owner.delivered(link->owner.self, &in->delivery, err) : 0;
    in->returned.message_id = in->delivery.message_id;
    return link->owner.returned ? link->owner.returned(link->owner.self, &in->returned, err) : 0;
}

/* The second frame of a message: its properties and the size of its body. */
static int on_header(struct tern_amqp *link, const amqp_frame_t *frame, struct tern_error *err)
{
    struct tern_amqp_incoming *in = &link->in;
    if (in->expects != TERN_AMQP_EXPECTS_HEADER || frame->payload.properties.class_id != AMQP_BASIC_CLASS)
        return tern_error_set(err, "the broker sent a header that belongs to no message");
    keep_properties(in, frame->payload.properties.decoded, frame->payload.properties.raw.len);
    in->body_size = frame->payload.properties.body_size;
    in->body_seen = 0;
    in->body_kept = !in->is_return && in->body_size <= link->settings.body_max;
    in->delivery.body = in->body_kept ? "" : NULL;
    in->expects = TERN_AMQP_EXPECTS_BODY;
    return in->body_size == 0 ? message_done(link, err) : 0;
}

/* A piece of the body. A body in one frame is passed on where it lies; only a longer one is put together in memory. */
static int on_body(struct tern_amqp *link, const amqp_frame_t *frame, struct tern_error *err)
{
    struct tern_amqp_incoming *in = &link->in;
    amqp_bytes_t piece = frame->payload.body_fragment;
    if (in->expects != TERN_AMQP_EXPECTS_BODY || piece.len > in->body_size - in->body_seen)
        return tern_error_set(err, "the broker sent more of a message than it announced");
    bool whole = piece.len == in->body_size;
    if (in->body_kept && whole) in->delivery.body = piece.bytes;
    if (in->body_kept && !whole) {
        in->body = room_for(in->body, &in->body_room, (size_t)in->body_size);
        memcpy(in->body + in->body_seen, piece.bytes, piece.len);
        in->delivery.body = in->body;
    }
    in->body_seen += piece.len;
    return in->body_seen == in->body_size ? message_done(link, err) : 0;
}

static int on_confirm(struct tern_amqp *link, uint64_t sequence, bool multiple, bool acked, struct tern_error *err)
{
    return link->owner.confirmed ? link->owner.confirmed(link->owner.self, sequence, multiple, acked, err) : 0;
}

/* The answer to a probe, or to another count. */
static int on_declare_ok(struct tern_amqp *link, const amqp_queue_declare_ok_t *answer, struct tern_error *err)
{
    char queue[TERN_AMQP_SHORT_SIZE];
    if (link->consumer_number > 0 && answer->consumer_count == 0 && equals(answer->queue, link->queue))
        return tern_error_set(err, "the queue \"%s\" has forgotten its consumer", link->queue);
    if (!link->owner.counted) return 0;
    (void)keep_short(queue, answer->queue);
    return link->owner.counted(link->owner.self, queue, answer->message_count, answer->consumer_count, err);
}

/* Methods between the frames of a message are an error of the broker, except for a close. */
static int on_channel_method(struct tern_amqp *link, const amqp_method_t *method, struct tern_error *err)
{
    const amqp_basic_ack_t *ack = method->decoded;
    const amqp_basic_nack_t *nack = method->decoded;
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD)
        return tern_amqp_link_closed(err, method, "the broker closed the channel");
    if (link->in.expects != TERN_AMQP_EXPECTS_METHOD)
        return tern_error_set(err, "the broker broke off in the middle of a message");
    switch (method->id) {
    case AMQP_BASIC_DELIVER_METHOD: return on_deliver(link, method->decoded);
    case AMQP_BASIC_RETURN_METHOD: return on_return(link, method->decoded);
    case AMQP_BASIC_ACK_METHOD: return on_confirm(link, ack->delivery_tag, ack->multiple != 0, true, err);
    case AMQP_BASIC_NACK_METHOD: return on_confirm(link, nack->delivery_tag, nack->multiple != 0, false, err);
    case AMQP_BASIC_CANCEL_METHOD:
        return tern_error_set(err, "the broker cancelled the consumer of \"%s\": the queue was deleted or moved",
                              link->queue);
    case AMQP_BASIC_CANCEL_OK_METHOD:
        if (link->consumer_number == 0 && link->owner.cancelled) link->owner.cancelled(link->owner.self);
        return 0;
    case AMQP_QUEUE_DECLARE_OK_METHOD: return on_declare_ok(link, method->decoded, err);
    case AMQP_BASIC_QOS_OK_METHOD:
    case AMQP_BASIC_CONSUME_OK_METHOD: return 0;
    default: return tern_error_set(err, "the broker sent something unexpected (%s)", amqp_method_name(method->id));
    }
}

/* connection.blocked, an extension of RabbitMQ: its memory or disk is short, and it reads no more publications. */
static int on_blocked(struct tern_amqp *link, bool blocked, const amqp_connection_blocked_t *method)
{
    char reason[TERN_AMQP_SHORT_SIZE] = "";
    atomic_store(&link->blocked, blocked);
    if (blocked) (void)keep_short(reason, method->reason);
    if (link->owner.blocked) link->owner.blocked(link->owner.self, blocked, reason);
    return 0;
}

static int on_connection_method(struct tern_amqp *link, const amqp_method_t *method, struct tern_error *err)
{
    switch (method->id) {
    case AMQP_CONNECTION_BLOCKED_METHOD: return on_blocked(link, true, method->decoded);
    case AMQP_CONNECTION_UNBLOCKED_METHOD: return on_blocked(link, false, NULL);
    case AMQP_CONNECTION_CLOSE_METHOD: return tern_amqp_link_closed(err, method, "the broker closed the connection");
    default: return tern_error_set(err, "the broker sent something unexpected (%s)", amqp_method_name(method->id));
    }
}

/* Channel 0 is the connection itself, and has methods only. The library keeps heartbeats to itself. */
static int on_frame(struct tern_amqp *link, const amqp_frame_t *frame, struct tern_error *err)
{
    if (frame->channel > TERN_AMQP_CHANNEL || (frame->channel == 0 && frame->frame_type != AMQP_FRAME_METHOD))
        return tern_error_set(err, "the broker sent a frame on channel %u", (unsigned)frame->channel);
    switch (frame->frame_type) {
    case AMQP_FRAME_METHOD:
        return frame->channel == 0 ? on_connection_method(link, &frame->payload.method, err)
                                   : on_channel_method(link, &frame->payload.method, err);
    case AMQP_FRAME_HEADER: return on_header(link, frame, err);
    case AMQP_FRAME_BODY: return on_body(link, frame, err);
    default: return tern_error_set(err, "the broker sent a frame of type %u", (unsigned)frame->frame_type);
    }
}

/* Reads past the library and drops, until the broker closes the connection: then it has handled our last frame. */
static void wait_for_its_end(struct tern_amqp *link)
{
    char bytes[4096];
    struct pollfd in = {.fd = link->fd, .events = POLLIN};
    int64_t until_ms = tern_steady(&tern_clock_system) + LAST_WORDS_MS;
    int64_t left_ms = LAST_WORDS_MS;
    (void)shutdown(link->fd, SHUT_WR);
    while (left_ms > 0 && poll(&in, 1, (int)left_ms) > 0 && recv(link->fd, bytes, sizeof bytes, 0) > 0)
        left_ms = until_ms - tern_steady(&tern_clock_system);
}

/* The library cannot decode the headers of a delivery (newer versions refuse deep tables). The broker would redeliver
 * it for ever, so a redelivered one goes to the dead-letter exchange; the first time may be an error of
 * transmission. */
static int cannot_decode(struct tern_amqp *link, struct tern_error *err)
{
    struct tern_error ignored;
    if (!link->in.delivery.redelivered)
        return tern_error_set(err, "a delivery of \"%s\" has headers that cannot be decoded", link->queue);
    if (tern_amqp_dead_letter(link, link->in.delivery.delivery_tag, &ignored) == 0 &&
        tern_amqp_link_flush(link, &ignored) == 0 && !link->tls)
        wait_for_its_end(link);
    return tern_error_set(err, "a delivery of \"%s\" has headers that cannot be decoded: dead-lettered", link->queue);
}

/* A round ends when nothing is there, or after FRAMES_PER_ROUND frames: the owner must come to its work, too. */
int tern_amqp_link_receive(struct tern_amqp *link, bool *ret_more, struct tern_error *err)
{
    const struct timeval at_once = {0, 0};
    for (int i = 0; i < FRAMES_PER_ROUND; i++) {
        amqp_frame_t frame;
        tern_amqp_call_begins(&link->watchdog);
        int status = amqp_simple_wait_frame_noblock(link->connection, &frame, &at_once);
        tern_amqp_call_ends(&link->watchdog);
        if (status == AMQP_STATUS_TIMEOUT) {
            *ret_more = false;
            return 0;
        }
        if (status != AMQP_STATUS_OK) {
            bool of_delivery = link->in.expects == TERN_AMQP_EXPECTS_HEADER && !link->in.is_return;
            if (status == AMQP_STATUS_BAD_AMQP_DATA && of_delivery) return cannot_decode(link, err);
            return tern_amqp_link_status(err, status, "reading from the broker");
        }
        if (on_frame(link, &frame, err) < 0) return -1;
        amqp_maybe_release_buffers(link->connection);
        /* Frames may wait inside the library, where poll(2) does not see them; with TLS only a read that finds none is
         * sure. */
        if (!link->tls && !amqp_frames_enqueued(link->connection) && !amqp_data_in_buffer(link->connection)) {
            *ret_more = false;
            return 0;
        }
    }
    *ret_more = true;
    return 0;
}
