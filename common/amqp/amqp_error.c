/* amqp_error.c - what went wrong, as a sentence: a status of rabbitmq-c, a reply, a close by the broker. */
#include "amqp_link.h"

int tern_amqp_link_status(struct tern_error *err, int status, const char *doing)
{
    if (status == AMQP_STATUS_TIMEOUT) return tern_error_set(err, "%s: no answer in time", doing);
    if (status == AMQP_STATUS_CONNECTION_CLOSED || status == AMQP_STATUS_SOCKET_ERROR ||
        status == AMQP_STATUS_SOCKET_CLOSED)
        return tern_error_set(err, "%s: the connection is gone", doing);
    return tern_error_set(err, "%s: %s", doing, amqp_error_string2(status));
}

/* The broker's own code and sentence, which name the queue, the argument or the missing right. */
int tern_amqp_link_closed(struct tern_error *err, const amqp_method_t *method, const char *doing)
{
    int code = 0;
    amqp_bytes_t text = amqp_empty_bytes;
    if (method->id == AMQP_CHANNEL_CLOSE_METHOD) {
        const amqp_channel_close_t *closed = method->decoded;
        code = closed->reply_code;
        text = closed->reply_text;
    } else if (method->id == AMQP_CONNECTION_CLOSE_METHOD) {
        const amqp_connection_close_t *closed = method->decoded;
        code = closed->reply_code;
        text = closed->reply_text;
    }
    return tern_error_set(err, "%s: %d %.*s", doing, code, (int)text.len, text.len > 0 ? (const char *)text.bytes : "");
}

int tern_amqp_link_reply(struct tern_error *err, amqp_rpc_reply_t reply, const char *doing)
{
    if (reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION) return tern_amqp_link_closed(err, &reply.reply, doing);
    if (reply.reply_type == AMQP_RESPONSE_LIBRARY_EXCEPTION)
        return tern_amqp_link_status(err, reply.library_error, doing);
    return tern_error_set(err, "%s: no answer", doing);
}
