/* fuzz_amqp.c - the frame loop of the AMQP link, behind a broker that says anything.
 *
 * The input is frames without their envelope: type, channel, two bytes of length, payload; the envelope is put around
 * them here, since rabbitmq-c 0.11 asks for as much memory as any frame announces. They come through a socket pair
 * whose far end then closes. What the owner is told is whole: texts that end, headers within their table, a body of the
 * announced size or none when it is too big. The loop ends, with an error that has a sentence or with nothing more. */
#include "fuzz.h"

#include "common/amqp/amqp_link.h"
#include "tern/text.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BODY_MAX = 512, INPUT_MAX = 65536 };

static int on_delivered(void *self, const struct tern_amqp_delivery *delivery, struct tern_error *err)
{
    (void)self;
    (void)err;
    size_t length = strlen(delivery->message_id) + strlen(delivery->type) + strlen(delivery->content_type) +
                    strlen(delivery->correlation_id) + strlen(delivery->app_id) + strlen(delivery->exchange) +
                    strlen(delivery->routing_key);
    TERN_ASSERT(length < 7 * (size_t)TERN_AMQP_SHORT_SIZE, "short texts are short");
    TERN_ASSERT(delivery->header_count <= TERN_AMQP_HEADERS_MAX, "headers fit into their table");
    for (size_t i = 0; i < delivery->header_count; i++) {
        length += strlen(delivery->headers[i].name);
        if (delivery->headers[i].value != NULL) length += strlen(delivery->headers[i].value);
    }
    TERN_ASSERT(length < INPUT_MAX, "nothing is longer than what came");
    TERN_ASSERT((delivery->body != NULL) == (delivery->body_length <= BODY_MAX), "a body is kept unless it is too big");
    uint8_t copy[BODY_MAX]; /* read, so that the sanitizer sees each byte */
    if (delivery->body != NULL && delivery->body_length > 0) memcpy(copy, delivery->body, delivery->body_length);
    return 0;
}

static int on_returned(void *self, const struct tern_amqp_returned *returned, struct tern_error *err)
{
    (void)self;
    (void)err;
    TERN_ASSERT(strlen(returned->message_id) < TERN_AMQP_SHORT_SIZE &&
                    strlen(returned->reply_text) < TERN_AMQP_SHORT_SIZE,
                "short texts are short");
    return 0;
}

static void write_frames(int fd, const uint8_t *data, size_t size)
{
    struct tern_text wire = {0};
    while (size >= 4) {
        size_t length = (size_t)data[2] << 8 | data[3];
        if (length > size - 4) length = size - 4;
        const uint8_t head[7] = {data[0], 0, data[1], 0, 0, (uint8_t)(length >> 8), (uint8_t)length};
        tern_text_add_bytes(&wire, head, sizeof head);
        tern_text_add_bytes(&wire, data + 4, length);
        tern_text_add_bytes(&wire, "\xCE", 1);
        data += 4 + length;
        size -= 4 + length;
    }
    if (wire.length > 0)
        TERN_ASSERT(send(fd, wire.bytes, wire.length, MSG_NOSIGNAL) == (ssize_t)wire.length, "a socket pair has room");
    tern_text_fini(&wire);
    TERN_ASSERT(shutdown(fd, SHUT_WR) == 0, "nothing more to say");
}

static void receive_all(struct tern_amqp *link)
{
    struct tern_error err = {0};
    bool more = true;
    int rc = 0;
    for (int round = 0; rc == 0; round++) {
        TERN_ASSERT(round < INPUT_MAX, "the loop comes to the end of what was said");
        rc = tern_amqp_link_receive(link, &more, &err);
    }
    TERN_ASSERT(err.text[0] != '\0', "the end has a sentence");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    int pair[2];
    struct tern_amqp *link = tern_alloc(sizeof *link);
    if (size > INPUT_MAX) size = INPUT_MAX;
    TERN_ASSERT(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0, "a socket pair");
    link->settings.body_max = BODY_MAX;
    link->owner.delivered = on_delivered;
    link->owner.returned = on_returned;
    link->consumer_number = 1;
    link->fd = pair[0];
    link->connection = amqp_new_connection();
    amqp_socket_t *socket = amqp_tcp_socket_new(link->connection);
    TERN_ASSERT(socket != NULL, "a socket of the library");
    amqp_tcp_socket_set_sockfd(socket, pair[0]);
    write_frames(pair[1], data, size);
    receive_all(link);
    amqp_destroy_connection(link->connection); /* and pair[0] */
    (void)close(pair[1]);
    tern_amqp_incoming_fini(&link->in);
    tern_amqp_outgoing_fini(&link->out);
    free(link);
    return 0;
}
