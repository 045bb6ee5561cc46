/* amqp_connect.c - from an address to a logged-in connection, and back.
 *
 * Every step is bounded: connect, TLS handshake and login by the RPC limit, the socket by TCP_USER_TIMEOUT. TLS is 1.2
 * or newer and verifies the peer and its name. Our capabilities are announced, or the broker would not report that it
 * blocks us or has cancelled our consumer. A broken connection is destroyed, never closed in order: that would be one
 * more call to wait for. */
#include "amqp_link.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define DEFAULT_CA_FILE "/etc/ssl/certs/ca-certificates.crt"

enum { GOODBYE_MS = 1000 };                       /* for the broker's answer to an orderly close */
enum { ACCESS_REFUSED = 403, NOT_ALLOWED = 530 }; /* reply codes by which it refuses a login */

/* Cuts the URL into pieces; its parameters win over the limits of the settings. */
int tern_amqp_link_parse_url(struct tern_amqp *link, struct tern_error *err)
{
    struct tern_amqp_url url;
    if (tern_amqp_url_parse(link->address_text, &url, err) < 0) return -1;
    link->address = url.parts;
    link->tls = url.parts.ssl != 0;
    if (url.heartbeat_s > 0) link->settings.limits.heartbeat_s = url.heartbeat_s;
    link->connect_ms = url.connection_timeout_ms > 0 ? url.connection_timeout_ms : link->settings.limits.rpc_ms;
    return 0;
}

int tern_amqp_check_url(const char *url, const char *ca_file, struct tern_error *err)
{
    struct tern_amqp_url address;
    char *text = tern_copy_text(url);
    int status = tern_amqp_url_parse(text, &address, err);
    bool tls = status == 0 && address.parts.ssl != 0;
    explicit_bzero(text, strlen(url));
    free(text);
    if (tls && ca_file[0] != '\0' && access(ca_file, R_OK) != 0)
        return tern_error_set(err, "the file of certificates %s cannot be read (AMQP_CA_FILE): %s", ca_file,
                              strerror(errno));
    return status;
}

static struct timeval milliseconds(int ms)
{
    return (struct timeval){.tv_sec = ms / 1000, .tv_usec = (ms % 1000) * 1000};
}

/* The connection owns the socket. NULL with `err`. */
static amqp_socket_t *new_tls_socket(struct tern_amqp *link, struct tern_error *err)
{
    const char *ca_file = link->ca_file[0] != '\0' ? link->ca_file : DEFAULT_CA_FILE;
    amqp_socket_t *socket = amqp_ssl_socket_new(link->connection);
    if (!socket) {
        (void)tern_error_set(err, "TLS cannot be set up");
        return NULL;
    }
    if (amqp_ssl_socket_set_cacert(socket, ca_file) != AMQP_STATUS_OK) {
        (void)tern_error_set(err, "the file of certificates %s cannot be read (AMQP_CA_FILE)", ca_file);
        return NULL;
    }
    amqp_ssl_socket_set_verify_peer(socket, 1);
    amqp_ssl_socket_set_verify_hostname(socket, 1);
    if (amqp_ssl_socket_set_ssl_versions(socket, AMQP_TLSv1_2, AMQP_TLSvLATEST) != AMQP_STATUS_OK) {
        (void)tern_error_set(err, "TLS 1.2 or newer is not available");
        return NULL;
    }
    return socket;
}

/* A sentence about a status of the library. Always returns -1. */
static int explain_connect(struct tern_amqp *link, int status, struct tern_error *err)
{
    const char *why = amqp_error_string2(status);
    if (status == AMQP_STATUS_SSL_PEER_VERIFY_FAILED)
        why = "its certificate is not signed by an authority that we trust (AMQP_CA_FILE), or has expired";
    else if (status == AMQP_STATUS_SSL_HOSTNAME_VERIFY_FAILED)
        why = "its certificate names another host";
    else if (status == AMQP_STATUS_SOCKET_ERROR)
        why = "nobody answers there";
    (void)tern_error_set(err, "cannot connect to the broker at %s:%d: %s", link->address.host, link->address.port, why);
    return tern_amqp_link_trouble(link, TERN_AMQP_UNREACHED);
}

/* Connects a socket with the options that the library would set; the library would not report why it failed. Returns -1
 * with errno. */
static int connect_to(const char *address, int port, int timeout_ms)
{
    const struct addrinfo numbers = {.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV, .ai_socktype = SOCK_STREAM};
    struct addrinfo *found = NULL;
    char service[16];
    int yes = 1;
    (void)snprintf(service, sizeof service, "%d", port);
    if (getaddrinfo(address, service, &numbers, &found) != 0) {
        errno = EINVAL;
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int error = fd < 0 || connect(fd, found->ai_addr, found->ai_addrlen) == 0 ? 0 : errno;
    freeaddrinfo(found);
    if (error == EINPROGRESS) { /* the result comes when the socket is writable (connect(2)) */
        struct pollfd writable = {.fd = fd, .events = POLLOUT};
        socklen_t size = sizeof error;
        if (poll(&writable, 1, timeout_ms) <= 0)
            error = ETIMEDOUT;
        else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) != 0)
            error = errno;
    }
    if (fd >= 0 && error == 0 && setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes) == 0 &&
        setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &yes, sizeof yes) == 0)
        return fd;
    if (fd >= 0) (void)close(fd);
    if (error != 0) errno = error;
    return -1;
}

/* With TLS the library needs the name and resolves it again; the resolver has just answered it, so it answers at
 * once. */
static int open_any(struct tern_amqp *link, amqp_socket_t *socket, struct tern_error *err)
{
    struct timeval timeout = milliseconds(link->connect_ms);
    struct tern_amqp_addresses addresses;
    int fd = -1;
    if (tern_amqp_link_resolve(link, &addresses, err) < 0) return tern_amqp_link_trouble(link, TERN_AMQP_UNREACHED);
    if (link->tls) {
        int status = amqp_socket_open_noblock(socket, link->address.host, link->address.port, &timeout);
        return status == AMQP_STATUS_OK ? 0 : explain_connect(link, status, err);
    }
    for (size_t i = 0; fd < 0 && i < addresses.count && !atomic_load(&link->stopping); i++)
        fd = connect_to(addresses.text[i], link->address.port, link->connect_ms);
    if (fd < 0) {
        (void)tern_error_set(err, "cannot connect to the broker at %s:%d: %s", link->address.host, link->address.port,
                             strerror(errno));
        return tern_amqp_link_trouble(link, TERN_AMQP_UNREACHED);
    }
    amqp_tcp_socket_set_sockfd(socket, fd);
    return 0;
}

/* TCP_USER_TIMEOUT ends a connection whose sent bytes stay unacknowledged (tcp(7)); retransmission would go on
 * for a quarter of an hour. */
static int open_socket(struct tern_amqp *link, struct tern_error *err)
{
    amqp_socket_t *socket = link->tls ? new_tls_socket(link, err) : amqp_tcp_socket_new(link->connection);
    if (!socket) return link->tls ? -1 : tern_error_set(err, "a socket cannot be made");
    if (open_any(link, socket, err) < 0) return -1;
    link->fd = amqp_get_sockfd(link->connection);
    unsigned user_timeout_ms = (unsigned)link->settings.limits.user_timeout_ms;
    if (setsockopt(link->fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &user_timeout_ms, sizeof user_timeout_ms) != 0)
        return tern_error_set(err, "the socket refuses TCP_USER_TIMEOUT: %s", strerror(errno));
    tern_amqp_watchdog_set_fd(&link->watchdog, link->fd);
    return 0;
}

static amqp_table_entry_t yes(const char *name)
{
    return (amqp_table_entry_t){
        .key = amqp_cstring_bytes(name), .value = {.kind = AMQP_FIELD_KIND_BOOLEAN, .value.boolean = 1}
    };
}

/* Announces our capabilities and negotiates the size of frames and the heartbeat. */
static amqp_rpc_reply_t log_in(struct tern_amqp *link)
{
    amqp_table_entry_t capabilities[] = {yes("connection.blocked"), yes("consumer_cancel_notify"), yes("basic.nack"),
                                         yes("publisher_confirms")};
    amqp_table_entry_t entries[] = {
        {.key = amqp_cstring_bytes("product"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes("tern")}               },
        {.key = amqp_cstring_bytes("connection_name"),
         .value = {.kind = AMQP_FIELD_KIND_UTF8, .value.bytes = amqp_cstring_bytes(link->connection_name)}},
        {.key = amqp_cstring_bytes("capabilities"),
         .value = {.kind = AMQP_FIELD_KIND_TABLE, .value.table = {TERN_COUNT(capabilities), capabilities}}},
    };
    amqp_table_t properties = {TERN_COUNT(entries), entries};
    return amqp_login_with_properties(link->connection, link->address.vhost, TERN_AMQP_CHANNEL, TERN_AMQP_FRAME_MAX,
                                      link->settings.limits.heartbeat_s, &properties, AMQP_SASL_METHOD_PLAIN,
                                      link->address.user, link->address.password);
}

/* From here on we send the heartbeats (amqp_send.c). The login has ended with a whole frame, so none is in the
 * middle. */
static int take_over_heartbeats(struct tern_amqp *link, struct tern_error *err)
{
    link->heartbeat_ms = amqp_get_heartbeat(link->connection) * 1000;
    TERN_ASSERT(link->heartbeat_ms > 0, "a heartbeat was agreed on");
    if (amqp_get_frame_max(link->connection) < AMQP_FRAME_MIN_SIZE)
        return tern_error_set(err, "the broker wants frames of %d bytes only", amqp_get_frame_max(link->connection));
    int status = amqp_tune_connection(link->connection, amqp_get_channel_max(link->connection),
                                      amqp_get_frame_max(link->connection), 0);
    return status == AMQP_STATUS_OK ? 0 : tern_amqp_link_status(err, status, "tuning the connection");
}

/* RabbitMQ refuses a user with 403 and a vhost with 530. */
static int explain_login(struct tern_amqp *link, amqp_rpc_reply_t reply, struct tern_error *err)
{
    const struct amqp_connection_info *address = &link->address;
    char doing[240];
    bool closed = reply.reply_type == AMQP_RESPONSE_SERVER_EXCEPTION && reply.reply.id == AMQP_CONNECTION_CLOSE_METHOD;
    int code = closed ? ((const amqp_connection_close_t *)reply.reply.decoded)->reply_code : 0;
    if (code == NOT_ALLOWED)
        (void)snprintf(doing, sizeof doing, "the broker at %.60s:%d does not let \"%.30s\" into the vhost \"%.30s\"",
                       address->host, address->port, address->user, address->vhost);
    else
        (void)snprintf(doing, sizeof doing, "logging in at %.80s:%d as \"%.40s\"", address->host, address->port,
                       address->user);
    (void)tern_amqp_link_reply(err, reply, doing);
    return tern_amqp_link_trouble(link, code == ACCESS_REFUSED ? TERN_AMQP_LOGIN
                                        : code == NOT_ALLOWED  ? TERN_AMQP_VHOST
                                                               : TERN_AMQP_OTHER);
}

/* After an error the connection stays, half made, for tern_amqp_link_disconnect. A stop during the connect is noticed
 * before the login, which would wait for the broker. */
int tern_amqp_link_connect(struct tern_amqp *link, struct tern_error *err)
{
    TERN_ASSERT(!link->connection, "a link has one connection at a time");
    link->connection = amqp_new_connection();
    TERN_ASSERT(link->connection, "out of memory");
    tern_amqp_incoming_reset(&link->in);
    link->out.start = link->out.end = 0;
    link->next_sequence = 1;
    link->consumer_number = 0;
    tern_amqp_call_begins(&link->watchdog);
    int result = open_socket(link, err);
    if (result == 0 && atomic_load(&link->stopping)) result = tern_error_set(err, "stopping");
    if (result == 0) {
        struct timeval timeout = milliseconds(link->settings.limits.rpc_ms);
        (void)amqp_set_handshake_timeout(link->connection, &timeout);
        (void)amqp_set_rpc_timeout(link->connection, &timeout);
        amqp_rpc_reply_t reply = log_in(link);
        result = reply.reply_type == AMQP_RESPONSE_NORMAL ? take_over_heartbeats(link, err)
                                                          : explain_login(link, reply, err);
    }
    tern_amqp_call_ends(&link->watchdog);
    return result;
}

/* For a connection without unsent bytes, to a broker that reads: any other close would wait for nothing. */
void tern_amqp_link_say_goodbye(struct tern_amqp *link)
{
    struct timeval timeout = milliseconds(GOODBYE_MS);
    (void)amqp_set_rpc_timeout(link->connection, &timeout);
    tern_amqp_call_begins(&link->watchdog);
    (void)amqp_connection_close(link->connection, AMQP_REPLY_SUCCESS);
    tern_amqp_call_ends(&link->watchdog);
}

/* The watchdog forgets the descriptor before the library closes it, because its number may be used again at once. */
void tern_amqp_link_disconnect(struct tern_amqp *link)
{
    tern_amqp_watchdog_set_fd(&link->watchdog, -1);
    link->fd = -1;
    if (!link->connection) return;
    tern_amqp_call_begins(&link->watchdog);
    (void)amqp_destroy_connection(link->connection);
    tern_amqp_call_ends(&link->watchdog);
    link->connection = NULL;
}
