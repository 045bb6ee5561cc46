/* fake_broker.c - one thread, one session at a time; frames are put together and taken apart by hand.
 *
 * Waits in poll(2) over the session and a stop eventfd, so that the end of a test never waits for a script. Knows
 * only what the tests need; answers every set-up with yes. */
#include "fake_broker.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { FRAME_ROOM = 256 * 1024, STEP_MS = 20000, FRAME_MAX = 131072, HEARTBEAT_S = 60 };

struct fake_broker {
    fake_script *const *scripts;
    size_t script_count;
    void *self;
    int listener, stop_fd;
    char url[64];
    pthread_t thread;
    atomic_int connections, markers;
};

struct fake_session {
    struct fake_broker *broker;
    int fd;
    size_t chunk;
    bool refuses_binds;
    bool answers, forgot;
    unsigned char in[FRAME_ROOM];
    size_t in_length, in_taken;
};

/* ---- bytes out ----------------------------------------------------------------------------------------------- */

struct bytes {
    unsigned char *at;
    size_t length, room;
};

static void add(struct bytes *out, const void *bytes, size_t length)
{
    if (out->length + length > out->room) {
        out->room = (out->length + length) * 2 + 256;
        out->at = realloc(out->at, out->room);
        TERN_ASSERT(out->at != NULL, "out of memory");
    }
    if (length > 0) memcpy(out->at + out->length, bytes, length);
    out->length += length;
}

static void add_number(struct bytes *out, uint64_t value, size_t size)
{
    unsigned char big_endian[8];
    for (size_t i = 0; i < size; i++)
        big_endian[i] = (unsigned char)(value >> (8 * (size - 1 - i)));
    add(out, big_endian, size);
}

static void add_short(struct bytes *out, const char *text)
{
    add_number(out, strlen(text), 1);
    add(out, text, strlen(text));
}

static void add_long(struct bytes *out, const char *text)
{
    add_number(out, strlen(text), 4);
    add(out, text, strlen(text));
}

void fake_raw(struct fake_session *session, const void *bytes, size_t length)
{
    const unsigned char *at = bytes;
    while (length > 0) {
        size_t piece = session->chunk > 0 && session->chunk < length ? session->chunk : length;
        ssize_t sent = send(session->fd, at, piece, MSG_NOSIGNAL);
        if (sent < 0) return; /* the client is gone; the next wait says so */
        at += sent;
        length -= (size_t)sent;
    }
}

static void send_frame(struct fake_session *session, unsigned type, unsigned channel, struct bytes *payload)
{
    struct bytes frame = {0};
    add_number(&frame, type, 1);
    add_number(&frame, channel, 2);
    add_number(&frame, payload->length, 4);
    add(&frame, payload->at, payload->length);
    add_number(&frame, 0xCE, 1);
    fake_raw(session, frame.at, frame.length);
    free(frame.at);
    free(payload->at);
    *payload = (struct bytes){0};
}

static struct bytes method(uint32_t number)
{
    struct bytes out = {0};
    add_number(&out, number, 4);
    return out;
}

static void send_method(struct fake_session *session, unsigned channel, uint32_t number)
{
    struct bytes out = method(number);
    send_frame(session, 1, channel, &out);
}

/* ---- bytes in ------------------------------------------------------------------------------------------------ */

uint64_t fake_number(const unsigned char *bytes, size_t size)
{
    uint64_t value = 0;
    for (size_t i = 0; i < size; i++)
        value = value << 8 | bytes[i];
    return value;
}

/* True when the fd can be read; false at the deadline, or when the test is over. */
static bool wait_readable(const struct fake_broker *broker, int fd, int timeout_ms)
{
    struct pollfd fds[2] = {
        {.fd = broker->stop_fd, .events = POLLIN},
        {.fd = fd,              .events = POLLIN}
    };
    int ready = poll(fds, fd >= 0 ? 2 : 1, timeout_ms);
    return ready > 0 && fds[0].revents == 0 && fd >= 0 && fds[1].revents != 0;
}

static bool fill(struct fake_session *session, size_t wanted, int timeout_ms)
{
    if (session->in_taken > 0) {
        memmove(session->in, session->in + session->in_taken, session->in_length - session->in_taken);
        session->in_length -= session->in_taken;
        session->in_taken = 0;
    }
    while (session->in_length < wanted) {
        if (!wait_readable(session->broker, session->fd, timeout_ms)) return false;
        ssize_t got = recv(session->fd, session->in + session->in_length, sizeof session->in - session->in_length, 0);
        if (got <= 0) return false;
        session->in_length += (size_t)got;
    }
    return true;
}

static bool read_frame(struct fake_session *session, struct fake_frame *frame, int timeout_ms)
{
    if (!fill(session, 7, timeout_ms)) return false;
    size_t length = (size_t)fake_number(session->in + 3, 4);
    TERN_ASSERT(length + 8 <= sizeof session->in, "the client keeps to the frame size agreed on");
    if (!fill(session, length + 8, timeout_ms)) return false;
    TERN_ASSERT(session->in[length + 7] == 0xCE, "the client's frames end as they should");
    *frame = (struct fake_frame){.type = session->in[0],
                                 .channel = (unsigned)fake_number(session->in + 1, 2),
                                 .payload = session->in + 7,
                                 .length = length};
    if (frame->type == 1) {
        frame->method = (uint32_t)fake_number(frame->payload, 4);
        frame->payload += 4;
        frame->length -= 4;
    } else if (frame->type == 8) {
        frame->method = FAKE_HEARTBEAT;
    }
    session->in_taken = length + 8;
    return true;
}

/* ---- what a broker says -------------------------------------------------------------------------------------- */

void fake_count(struct fake_session *session, const char *queue, unsigned consumers)
{
    struct bytes out = method(0x0032000B);
    add_short(&out, queue);
    add_number(&out, 0, 4);
    add_number(&out, consumers, 4);
    send_frame(session, 1, 1, &out);
}

void fake_declare_ok(struct fake_session *session, unsigned consumers)
{
    fake_count(session, "queue", consumers);
}

void fake_cancel_ok(struct fake_session *session)
{
    struct bytes out = method(0x003C001F);
    add_short(&out, "tern-1");
    send_frame(session, 1, 1, &out);
}

static void deliver_head(struct fake_session *session, const char *consumer, uint64_t tag, bool redelivered)
{
    struct bytes out = method(0x003C003C);
    add_short(&out, consumer);
    add_number(&out, tag, 8);
    add_number(&out, redelivered ? 1 : 0, 1);
    add_short(&out, "events");
    add_short(&out, "order.placed");
    send_frame(session, 1, 1, &out);
}

void fake_deliver_head(struct fake_session *session, uint64_t tag)
{
    deliver_head(session, "tern-1", tag, false);
}

void fake_redeliver_head(struct fake_session *session, uint64_t tag)
{
    deliver_head(session, "tern-1", tag, true);
}

static struct bytes header_start(uint64_t body_size, unsigned flags)
{
    struct bytes out = {0};
    add_number(&out, 60, 2);
    add_number(&out, 0, 2);
    add_number(&out, body_size, 8);
    add_number(&out, flags, 2);
    return out;
}

void fake_header(struct fake_session *session, uint64_t body_size, const char *type)
{
    struct bytes out = header_start(body_size, 0x8000 | 0x2000 | 0x0080 | 0x0020); /* content type, headers, id, type */
    struct bytes table = {0};
    add_short(&table, "traceparent");
    add(&table, "S", 1);
    add_long(&table, "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01");
    add_short(&table, "x-tern-nudge");
    add(&table, "S", 1);
    add_long(&table, "1");
    add_short(&table, "x-delivery-count");
    add(&table, "l", 1);
    add_number(&table, 3, 8);
    add_short(&out, "application/json");
    add_number(&out, table.length, 4);
    add(&out, table.at, table.length);
    add_short(&out, "message-1");
    add_short(&out, type);
    free(table.at);
    send_frame(session, 2, 1, &out);
}

void fake_header_nested(struct fake_session *session, uint64_t body_size, int depth)
{
    struct bytes out = header_start(body_size, 0x2000);
    size_t level = 7; /* one character of name with its length, the kind, the length of what is inside */
    add_number(&out, (uint64_t)depth * level, 4);
    for (int i = 1; i <= depth; i++) {
        add_short(&out, "a");
        add(&out, "F", 1);
        add_number(&out, (uint64_t)(depth - i) * level, 4);
    }
    send_frame(session, 2, 1, &out);
}

void fake_body(struct fake_session *session, const void *bytes, size_t length)
{
    struct bytes out = {0};
    add(&out, bytes, length);
    send_frame(session, 3, 1, &out);
}

void fake_deliver(struct fake_session *session, uint64_t tag, const char *type, const void *body, size_t length)
{
    fake_deliver_head(session, tag);
    fake_header(session, length, type);
    if (length > 0) fake_body(session, body, length);
}

void fake_deliver_aside(struct fake_session *session, uint64_t tag, const char *type, const void *body, size_t length)
{
    deliver_head(session, "tern-aside", tag, false);
    fake_header(session, length, type);
    fake_body(session, body, length);
}

void fake_confirm(struct fake_session *session, uint64_t sequence, bool multiple, bool acked)
{
    struct bytes out = method(acked ? 0x003C0050 : 0x003C0078);
    add_number(&out, sequence, 8);
    add_number(&out, multiple ? 1 : 0, 1);
    send_frame(session, 1, 1, &out);
}

void fake_return(struct fake_session *session, const char *message_id)
{
    struct bytes out = method(0x003C0032);
    add_number(&out, 312, 2);
    add_short(&out, "NO_ROUTE");
    add_short(&out, "events");
    add_short(&out, "order.placed");
    send_frame(session, 1, 1, &out);
    struct bytes header = header_start(2, 0x0080);
    add_short(&header, message_id);
    send_frame(session, 2, 1, &header);
    fake_body(session, "{}", 2);
}

void fake_blocked(struct fake_session *session, bool blocked)
{
    struct bytes out = method(blocked ? 0x000A003C : 0x000A003D);
    if (blocked) add_short(&out, "low on memory");
    send_frame(session, 1, 0, &out);
}

void fake_cancel_consumer(struct fake_session *session)
{
    struct bytes out = method(0x003C001E);
    add_short(&out, "tern-1");
    add_number(&out, 1, 1);
    send_frame(session, 1, 1, &out);
}

static void send_close(struct fake_session *session, unsigned channel, uint32_t number, unsigned code, const char *text)
{
    struct bytes out = method(number);
    add_number(&out, code, 2);
    add_short(&out, text);
    add_number(&out, 0, 4);
    send_frame(session, 1, channel, &out);
}

void fake_close_channel(struct fake_session *session, unsigned code, const char *text)
{
    send_close(session, 1, 0x00140028, code, text);
}

void fake_close_connection(struct fake_session *session, unsigned code, const char *text)
{
    send_close(session, 0, 0x000A0032, code, text);
}

void fake_heartbeat(struct fake_session *session)
{
    struct bytes nothing = {0};
    send_frame(session, 8, 0, &nothing);
}

/* ---- the client's calls -------------------------------------------------------------------------------------- */

static void open_channel_ok(struct fake_session *session)
{
    struct bytes out = method(0x0014000B);
    add_long(&out, "");
    send_frame(session, 1, 1, &out);
}

static void consume_ok(struct fake_session *session)
{
    struct bytes out = method(0x003C0015);
    add_short(&out, "tern-1");
    send_frame(session, 1, 1, &out);
}

/* The bits: 1 asks only whether it is there, 4 goes with its queue, 16 wants no answer. */
static void exchange_declared(struct fake_session *session, unsigned bits)
{
    if ((bits & 4U) != 0) {
        atomic_fetch_add(&session->broker->markers, 1);
        session->forgot = false;
    }
    if ((bits & 1U) != 0 && session->forgot)
        fake_close_channel(session, 404, "NOT_FOUND - no exchange");
    else if ((bits & 16U) == 0)
        send_method(session, 1, 0x0028000B);
}

static void queue_bound(struct fake_session *session)
{
    if (session->refuses_binds)
        fake_close_channel(session, 403, "ACCESS_REFUSED - access to queue refused");
    else
        send_method(session, 1, 0x00320015);
}

/* True when the frame was a call of a set-up and is answered. */
static bool answered(struct fake_session *session, const struct fake_frame *frame)
{
    switch (frame->method) {
    case FAKE_EXCHANGE_DECLARE: exchange_declared(session, frame->payload[frame->length - 5]); return true;
    case FAKE_QUEUE_DECLARE: fake_declare_ok(session, 1); return true;
    case FAKE_QUEUE_BIND: queue_bound(session); return true;
    case FAKE_QOS: send_method(session, 1, 0x003C000B); return true;
    case FAKE_SELECT: send_method(session, 1, 0x0055000B); return true;
    case FAKE_CHANNEL_OPEN: open_channel_ok(session); return true;
    case FAKE_CONSUME:
        if ((frame->payload[frame->length - 5] & 8U) == 0) consume_ok(session); /* the bit says: no answer wanted */
        return true;
    default: return false;
    }
}

bool fake_next(struct fake_session *session, struct fake_frame *frame, int timeout_ms)
{
    do {
        if (!read_frame(session, frame, timeout_ms)) return false;
        if (frame->method == FAKE_CONNECTION_CLOSE) {
            send_method(session, 0, 0x000A0033);
            return false;
        }
    } while (session->answers && answered(session, frame));
    return true;
}

bool fake_wait(struct fake_session *session, enum fake_method wanted, struct fake_frame *frame)
{
    while (read_frame(session, frame, STEP_MS)) {
        bool found = frame->method == (uint32_t)wanted;
        if (session->answers) (void)answered(session, frame);
        if (found) return true;
    }
    return false;
}

void fake_until_gone(struct fake_session *session)
{
    struct fake_frame frame;
    while (fake_next(session, &frame, -1))
        ;
}

bool fake_stay_silent(struct fake_session *session, int ms)
{
    struct pollfd stop = {.fd = session->broker->stop_fd, .events = POLLIN};
    return poll(&stop, 1, ms) == 0;
}

void fake_chunk(struct fake_session *session, size_t bytes)
{
    session->chunk = bytes;
}

void fake_forget(struct fake_session *session, bool forgot)
{
    session->forgot = forgot;
}

int fake_broker_markers(const struct fake_broker *broker)
{
    return atomic_load(&broker->markers);
}

void fake_refuse_binds(struct fake_session *session)
{
    session->refuses_binds = true;
}

void fake_no_answers(struct fake_session *session)
{
    session->answers = false;
}

static void send_start(struct fake_session *session)
{
    struct bytes out = method(0x000A000A);
    add_number(&out, 9, 2); /* version 0-9 */
    add_number(&out, 0, 4);
    add_long(&out, "PLAIN");
    add_long(&out, "en_US");
    send_frame(session, 1, 0, &out);
}

static void send_tune(struct fake_session *session)
{
    struct bytes out = method(0x000A001E);
    add_number(&out, 2047, 2);
    add_number(&out, FRAME_MAX, 4);
    add_number(&out, HEARTBEAT_S, 2);
    send_frame(session, 1, 0, &out);
}

static bool introduction(struct fake_session *session, struct fake_frame *frame)
{
    if (!fill(session, 8, STEP_MS)) return false;
    session->in_taken = 8;
    send_start(session);
    return read_frame(session, frame, STEP_MS) && frame->method == FAKE_START_OK;
}

bool fake_login(struct fake_session *session, unsigned char *ret_start_ok, size_t *ret_length)
{
    struct fake_frame frame;
    if (!introduction(session, &frame)) return false;
    if (ret_start_ok != NULL) {
        TERN_ASSERT(frame.length <= 4096, "an introduction is short");
        memcpy(ret_start_ok, frame.payload, frame.length);
        *ret_length = frame.length;
    }
    send_tune(session);
    if (!read_frame(session, &frame, STEP_MS) || frame.method != FAKE_TUNE_OK) return false;
    if (!read_frame(session, &frame, STEP_MS) || frame.method != FAKE_OPEN) return false;
    struct bytes out = method(0x000A0029);
    add_short(&out, "");
    send_frame(session, 1, 0, &out);
    return fake_wait(session, FAKE_CHANNEL_OPEN, &frame);
}

bool fake_refuse_login(struct fake_session *session)
{
    struct fake_frame frame;
    if (!introduction(session, &frame)) return false;
    fake_close_connection(session, 403, "ACCESS_REFUSED - not you");
    return true;
}

void fake_message_id(const struct fake_frame *header, char *target, size_t size)
{
    const unsigned char *at = header->payload + 14;
    unsigned flags = (unsigned)fake_number(header->payload + 12, 2);
    target[0] = '\0';
    if (flags & 0x8000) at += 1 + at[0];              /* content type */
    if (flags & 0x4000) at += 1 + at[0];              /* content encoding */
    if (flags & 0x2000) at += 4 + fake_number(at, 4); /* headers */
    if (flags & 0x1000) at += 1;                      /* delivery mode */
    if (flags & 0x0800) at += 1;                      /* priority */
    if (flags & 0x0400) at += 1 + at[0];              /* correlation id */
    if (flags & 0x0200) at += 1 + at[0];              /* reply to */
    if (flags & 0x0100) at += 1 + at[0];              /* expiration */
    if (flags & 0x0080) (void)snprintf(target, size, "%.*s", (int)at[0], (const char *)at + 1);
}

/* ---- life ---------------------------------------------------------------------------------------------------- */

static void run_session(struct fake_broker *broker, int fd)
{
    size_t number = (size_t)atomic_fetch_add(&broker->connections, 1);
    const int one = 1;
    struct fake_session *session = tern_alloc(sizeof *session);
    session->broker = broker;
    session->fd = fd;
    session->answers = true;
    session->forgot = false;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    fake_script *script = broker->scripts[number < broker->script_count ? number : broker->script_count - 1];
    script(session, broker->self);
    (void)close(fd);
    free(session);
}

static void *run(void *argument)
{
    struct fake_broker *broker = argument;
    while (wait_readable(broker, broker->listener, -1)) {
        int fd = accept4(broker->listener, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0) run_session(broker, fd);
    }
    return NULL;
}

struct fake_broker *fake_broker_start(fake_script *const *scripts, size_t count, void *self)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t length = sizeof address;
    struct fake_broker *broker = tern_alloc(sizeof *broker);
    *broker = (struct fake_broker){.scripts = scripts, .script_count = count, .self = self};
    broker->stop_fd = eventfd(0, EFD_CLOEXEC);
    broker->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    TERN_ASSERT(bind(broker->listener, (struct sockaddr *)&address, length) == 0 && listen(broker->listener, 8) == 0 &&
                    getsockname(broker->listener, (struct sockaddr *)&address, &length) == 0,
                "a port of loopback is free");
    (void)snprintf(broker->url, sizeof broker->url, "amqp://guest:guest@127.0.0.1:%u/%%2f",
                   (unsigned)ntohs(address.sin_port));
    TERN_ASSERT(pthread_create(&broker->thread, NULL, run, broker) == 0, "a thread can be started");
    return broker;
}

void fake_broker_stop(struct fake_broker *broker)
{
    const uint64_t one = 1;
    TERN_ASSERT(write(broker->stop_fd, &one, sizeof one) == (ssize_t)sizeof one, "an eventfd takes a word");
    (void)pthread_join(broker->thread, NULL);
    (void)close(broker->listener);
    (void)close(broker->stop_fd);
    free(broker);
}

const char *fake_broker_url(const struct fake_broker *broker)
{
    return broker->url;
}

int fake_broker_connections(const struct fake_broker *broker)
{
    return atomic_load(&broker->connections);
}
