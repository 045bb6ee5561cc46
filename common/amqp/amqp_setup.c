/* amqp_setup.c - the calls of the set-up, which wait for the broker's answer, and the sentences of its refusals.
 *
 * They run only inside the owner's `ready`, when nothing else is under way, each with the RPC limit. What a consumer
 * needs later (another prefetch, a cancel, a probe) is sent as a frame, and its answer arrives in the frame loop: no
 * call that is made while messages flow waits for anything. */
#include "amqp_link.h"

#include <stdio.h>
#include <string.h>

/* Reply codes by which the broker closes a channel (AMQP 0-9-1, constants of the class "soft-error"). */
enum { ACCESS_REFUSED = 403, NOT_FOUND = 404, RESOURCE_LOCKED = 405, PRECONDITION_FAILED = 406 };

enum { ARGUMENTS_MAX = 8 }; /* of a queue */

/* The reply code of a refusal that closed the channel; 0 for any other reply. */
static int close_code(amqp_rpc_reply_t reply)
{
    if (reply.reply_type != AMQP_RESPONSE_SERVER_EXCEPTION || reply.reply.id != AMQP_CHANNEL_CLOSE_METHOD) return 0;
    return ((const amqp_channel_close_t *)reply.reply.decoded)->reply_code;
}

/* Every call stands between rpc_begins and rpc_ends or answer_of_rpc, which read the reply that rabbitmq-c has kept. */
static void rpc_begins(struct tern_amqp *link)
{
    TERN_ASSERT(link->in_set_up, "declaring, binding and consuming happen in `ready` only");
    tern_amqp_call_begins(&link->watchdog);
}

/* The sentence of a reply for which close_code is not 0. */
static void close_text(amqp_rpc_reply_t reply, char text[TERN_AMQP_SHORT_SIZE])
{
    const amqp_channel_close_t *closed = reply.reply.decoded;
    (void)snprintf(text, TERN_AMQP_SHORT_SIZE, "%.*s", (int)closed->reply_text.len,
                   (const char *)closed->reply_text.bytes);
}

/* Picks the argument and the values out of "PRECONDITION_FAILED - inequivalent arg 'x' for queue 'q' in vhost '/':
 * received 'a' but current is 'b'". */
static int explain_difference(struct tern_amqp *link, struct tern_error *err, amqp_rpc_reply_t reply, const char *name)
{
    static const char before[] = "inequivalent arg '";
    char text[TERN_AMQP_SHORT_SIZE];
    close_text(reply, text);
    const char *argument = strstr(text, before), *received = strstr(text, ": received ");
    if (argument && received)
        (void)tern_error_set(
            err,
            "\"%s\" exists with other settings: its %.*s is not ours (%s); delete it when it is empty, or set ours to match",
            name, (int)strcspn(argument + sizeof before - 1, "'"), argument + sizeof before - 1, received + 2);
    else
        (void)tern_error_set(err,
                             "\"%s\" exists with other settings (%s); delete it when it is empty, or set ours to match",
                             name, text);
    return tern_amqp_link_trouble(link, TERN_AMQP_TOPOLOGY);
}

/* Ends a call. Returns 0 when the broker granted it. */
static int rpc_ends(struct tern_amqp *link, struct tern_error *err, const char *doing, const char *name)
{
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->connection);
    int result = 0;
    tern_amqp_call_ends(&link->watchdog);
    link->received_ms = link->sent_ms = tern_steady(link->settings.clock);
    if (close_code(reply) == PRECONDITION_FAILED) {
        result = explain_difference(link, err, reply, name);
    } else if (reply.reply_type != AMQP_RESPONSE_NORMAL) {
        char what[128];
        (void)snprintf(what, sizeof what, "%s \"%.80s\"", doing, name);
        result = tern_amqp_link_reply(err, reply, what);
        if (close_code(reply) == ACCESS_REFUSED) (void)tern_amqp_link_trouble(link, TERN_AMQP_RIGHT);
    }
    amqp_maybe_release_buffers(link->connection);
    return result;
}

int tern_amqp_link_open_channel(struct tern_amqp *link, struct tern_error *err)
{
    tern_amqp_call_begins(&link->watchdog);
    (void)amqp_channel_open(link->connection, TERN_AMQP_CHANNEL);
    amqp_rpc_reply_t reply = amqp_get_rpc_reply(link->connection);
    tern_amqp_call_ends(&link->watchdog);
    return reply.reply_type == AMQP_RESPONSE_NORMAL ? 0 : tern_amqp_link_reply(err, reply, "opening a channel");
}

/* The broker has closed the channel; after our close-ok the same number can be opened again. */
static int reopen_channel(struct tern_amqp *link, struct tern_error *err)
{
    amqp_channel_close_ok_t answer = {0};
    int status = amqp_send_method(link->connection, TERN_AMQP_CHANNEL, AMQP_CHANNEL_CLOSE_OK_METHOD, &answer);
    if (status != AMQP_STATUS_OK) return tern_amqp_link_status(err, status, "opening a channel");
    return tern_amqp_link_open_channel(link, err);
}

enum { NONE = -1 }; /* no reply code means TAKEN */

/* Ends a call whose refusal closes the channel; the channel is open again afterwards. Reply code `taken` means
 * TAKEN. */
static int answer_of_rpc(struct tern_amqp *link, int taken, struct tern_error *err, const char *doing, const char *name)
{
    int code = close_code(amqp_get_rpc_reply(link->connection));
    if (code != taken && code != ACCESS_REFUSED) return rpc_ends(link, err, doing, name);
    if (reopen_channel(link, err) < 0) return -1;
    return code == taken ? TERN_AMQP_TAKEN : TERN_AMQP_FORBIDDEN;
}

/* After a refused declaration: the thing exists already, or an operator must declare it. */
static int forbidden(struct tern_amqp *link, int there, const char *name, struct tern_error *err)
{
    if (there == TERN_AMQP_GRANTED) return TERN_AMQP_FORBIDDEN;
    if (there < 0) return -1;
    if (there == TERN_AMQP_TAKEN)
        (void)tern_error_set(err, "\"%s\" is not on the broker, and our user has no right to declare it (configure)",
                             name);
    return tern_amqp_link_trouble(link, TERN_AMQP_RIGHT);
}

/* A user without the right to configure may still check: a passive declaration says whether the exchange exists, but
 * compares nothing. */
int tern_amqp_declare_exchange(struct tern_amqp *link, const char *name, const char *type, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_exchange_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                                0, 1, 0, 0, amqp_empty_table);
    int answer = answer_of_rpc(link, NONE, err, "declaring the exchange", name);
    if (answer != TERN_AMQP_FORBIDDEN) return answer;
    rpc_begins(link);
    (void)amqp_exchange_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(name), amqp_cstring_bytes(type),
                                1, 0, 0, 0, amqp_empty_table);
    return forbidden(link, answer_of_rpc(link, NOT_FOUND, err, "looking for the exchange", name), name, err);
}

/* As for an exchange: passive when our user may not declare it. */
int tern_amqp_declare_queue(struct tern_amqp *link, const char *name, const struct tern_amqp_argument *arguments,
                            size_t count, struct tern_error *err)
{
    amqp_table_entry_t entries[ARGUMENTS_MAX];
    TERN_ASSERT(count <= ARGUMENTS_MAX, "a queue has few arguments");
    for (size_t i = 0; i < count; i++) {
        amqp_field_value_t *value = &entries[i].value;
        entries[i].key = amqp_cstring_bytes(arguments[i].name);
        value->kind = arguments[i].text ? AMQP_FIELD_KIND_UTF8 : AMQP_FIELD_KIND_I64;
        if (arguments[i].text)
            value->value.bytes = amqp_cstring_bytes(arguments[i].text);
        else
            value->value.i64 = arguments[i].number;
    }
    rpc_begins(link);
    (void)amqp_queue_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(name), 0, 1, 0, 0,
                             (amqp_table_t){(int)count, entries});
    int answer = answer_of_rpc(link, NONE, err, "declaring the queue", name);
    if (answer != TERN_AMQP_FORBIDDEN) return answer;
    rpc_begins(link);
    (void)amqp_queue_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(name), 1, 0, 0, 0,
                             amqp_empty_table);
    return forbidden(link, answer_of_rpc(link, NOT_FOUND, err, "looking for the queue", name), name, err);
}

int tern_amqp_mark_queue(struct tern_amqp *link, const char *queue, const char *marker, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_exchange_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(marker),
                                amqp_cstring_bytes("fanout"), 0, 1, 1, 1, amqp_empty_table);
    int answer = answer_of_rpc(link, NONE, err, "declaring the marker", marker);
    return answer == TERN_AMQP_GRANTED ? tern_amqp_bind(link, queue, marker, "", err) : answer;
}

int tern_amqp_has_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_exchange_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(marker),
                                amqp_cstring_bytes("fanout"), 1, 0, 0, 0, amqp_empty_table);
    if (close_code(amqp_get_rpc_reply(link->connection)) == NOT_FOUND) return reopen_channel(link, err);
    return rpc_ends(link, err, "looking for the marker", marker) < 0 ? -1 : 1;
}

/* An exclusive queue belongs to its connection and goes with it; another connection gets RESOURCE_LOCKED. */
int tern_amqp_own_queue(struct tern_amqp *link, const char *name, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_queue_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(name), 0, 0, 1, 0,
                             amqp_empty_table);
    return answer_of_rpc(link, RESOURCE_LOCKED, err, "declaring the queue", name);
}

/* Reads y out of "... received 'x' but current is 'y'". */
static void read_current(amqp_rpc_reply_t reply, char ret_owner[TERN_AMQP_OWNER_SIZE])
{
    static const char before[] = "but current is '";
    ret_owner[0] = '\0';
    if (close_code(reply) != PRECONDITION_FAILED) return;
    char text[TERN_AMQP_SHORT_SIZE];
    close_text(reply, text);
    const char *current = strstr(text, before);
    if (!current) return;
    current += sizeof before - 1;
    (void)snprintf(ret_owner, TERN_AMQP_OWNER_SIZE, "%.*s", (int)strcspn(current, "'"), current);
}

/* The declaration both checks and sets: for an existing exchange the broker compares the alternate exchange, and names
 * the current one. Nobody can publish to a marker, so its alternate exchange can hold the owner's name. */
int tern_amqp_claim_queue(struct tern_amqp *link, const char *queue, const char *marker, const char *owner,
                          char ret_owner[TERN_AMQP_OWNER_SIZE], struct tern_error *err)
{
    amqp_table_entry_t entry = {
        .key = amqp_cstring_bytes("alternate-exchange"),
        .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(owner)}
    };
    rpc_begins(link);
    (void)amqp_exchange_declare(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(marker),
                                amqp_cstring_bytes("fanout"), 0, 1, 1, 1, (amqp_table_t){1, &entry});
    read_current(amqp_get_rpc_reply(link->connection), ret_owner);
    int answer = answer_of_rpc(link, PRECONDITION_FAILED, err, "declaring the marker", marker);
    if (answer != TERN_AMQP_GRANTED) return answer;
    return tern_amqp_bind(link, queue, marker, "", err);
}

int tern_amqp_drop_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_exchange_delete(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(marker), 0);
    return rpc_ends(link, err, "deleting the marker", marker);
}

/* `taken`: the reply code that means TAKEN, or NONE. */
static int bind_queue(struct tern_amqp *link, const char *queue, const char *exchange, const char *key, int taken,
                      struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_queue_bind(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(exchange),
                          amqp_cstring_bytes(key), amqp_empty_table);
    return answer_of_rpc(link, taken, err, "binding the queue", queue);
}

int tern_amqp_bind(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                   struct tern_error *err)
{
    return bind_queue(link, queue, exchange, key, NONE, err);
}

int tern_amqp_consume_aside(struct tern_amqp *link, const char *queue, const char *exchange, const char *const *keys,
                            size_t count, uint16_t prefetch, struct tern_error *err)
{
    for (size_t i = 0; i < count; i++) {
        int bound = bind_queue(link, queue, exchange, keys[i], RESOURCE_LOCKED, err);
        if (bound != TERN_AMQP_GRANTED) return bound;
    }
    if (tern_amqp_prefetch(link, prefetch, err) < 0) return -1;
    rpc_begins(link);
    (void)amqp_basic_consume(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(queue),
                             amqp_cstring_bytes(TERN_AMQP_ASIDE_TAG), 0, 0, 1, amqp_empty_table);
    return answer_of_rpc(link, RESOURCE_LOCKED, err, "consuming from", queue);
}

int tern_amqp_prefetch(struct tern_amqp *link, uint16_t count, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_basic_qos(link->connection, TERN_AMQP_CHANNEL, 0, count, 0);
    return rpc_ends(link, err, "setting the prefetch of", link->settings.connection_name);
}

/* Our own tags, so that a consumer can be replaced without waiting for the broker to name the new one. */
static void consumer_tag(unsigned number, char tag[24])
{
    (void)snprintf(tag, 24, "tern-%u", number);
}

int tern_amqp_consume(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    char tag[24];
    consumer_tag(1, tag);
    if (tern_copy(link->queue, sizeof link->queue, queue) < 0)
        return tern_error_set(err, "a queue's name has at most 255 characters");
    rpc_begins(link);
    (void)amqp_basic_consume(link->connection, TERN_AMQP_CHANNEL, amqp_cstring_bytes(queue), amqp_cstring_bytes(tag), 0,
                             0, 0, amqp_empty_table);
    if (rpc_ends(link, err, "consuming from", queue) < 0) return -1;
    link->consumer_number = 1;
    return 0;
}

int tern_amqp_select_confirms(struct tern_amqp *link, struct tern_error *err)
{
    rpc_begins(link);
    (void)amqp_confirm_select(link->connection, TERN_AMQP_CHANNEL);
    return rpc_ends(link, err, "selecting confirms for", link->settings.connection_name);
}

static int send_cancel(struct tern_amqp *link, bool answer, struct tern_error *err)
{
    char tag[24];
    consumer_tag(link->consumer_number, tag);
    amqp_basic_cancel_t cancel = {.consumer_tag = amqp_cstring_bytes(tag), .nowait = !answer};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_CANCEL_METHOD, &cancel, err);
}

/* The broker handles the three frames in their order, so no delivery falls between the consumers. */
int tern_amqp_consume_again(struct tern_amqp *link, const char *queue, uint16_t prefetch, struct tern_error *err)
{
    char tag[24];
    TERN_ASSERT(link->consumer_number > 0, "only a consumer can be given another prefetch");
    consumer_tag(link->consumer_number + 1, tag);
    amqp_basic_qos_t qos = {.prefetch_count = prefetch};
    amqp_basic_consume_t consume = {
        .queue = amqp_cstring_bytes(queue), .consumer_tag = amqp_cstring_bytes(tag), .nowait = 1};
    if (tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_QOS_METHOD, &qos, err) < 0 ||
        send_cancel(link, false, err) < 0 ||
        tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_BASIC_CONSUME_METHOD, &consume, err) < 0)
        return -1;
    link->consumer_number++;
    return 0;
}

/* Passive, without an answer: the broker closes the channel when the marker is missing, and that is an error. */
int tern_amqp_expect_marker(struct tern_amqp *link, const char *marker, struct tern_error *err)
{
    amqp_exchange_declare_t declare = {.exchange = amqp_cstring_bytes(marker),
                                       .type = amqp_cstring_bytes("fanout"),
                                       .passive = 1,
                                       .nowait = 1,
                                       .arguments = amqp_empty_table};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_EXCHANGE_DECLARE_METHOD, &declare, err);
}

/* Without a consumer there is no delivery to wait for. */
int tern_amqp_cancel(struct tern_amqp *link, struct tern_error *err)
{
    if (link->consumer_number == 0) {
        if (link->owner.cancelled) link->owner.cancelled(link->owner.self);
        return 0;
    }
    if (send_cancel(link, true, err) < 0) return -1;
    link->consumer_number = 0;
    return 0;
}

int tern_amqp_bind_again(struct tern_amqp *link, const char *queue, const char *exchange, const char *key,
                         struct tern_error *err)
{
    amqp_queue_bind_t bind = {.queue = amqp_cstring_bytes(queue),
                              .exchange = amqp_cstring_bytes(exchange),
                              .routing_key = amqp_cstring_bytes(key),
                              .nowait = 1,
                              .arguments = amqp_empty_table};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_QUEUE_BIND_METHOD, &bind, err);
}

/* The answer to a passive declaration has the numbers of ready messages and consumers. */
int tern_amqp_count(struct tern_amqp *link, const char *queue, struct tern_error *err)
{
    amqp_queue_declare_t declare = {.queue = amqp_cstring_bytes(queue), .passive = 1};
    return tern_amqp_link_send_method(link, TERN_AMQP_CHANNEL, AMQP_QUEUE_DECLARE_METHOD, &declare, err);
}

void tern_amqp_probe_soon(struct tern_amqp *link)
{
    link->probed_ms = INT64_MIN / 2;
}

int tern_amqp_link_probe(struct tern_amqp *link, struct tern_error *err)
{
    link->probed_ms = link->now_ms;
    if (link->owner.probing && link->owner.probing(link->owner.self, link, err) < 0) return -1;
    return tern_amqp_count(link, link->queue, err);
}
