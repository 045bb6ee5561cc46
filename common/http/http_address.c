/* http_address.c - addresses as text: to bind, to compare, to listen on.
 *
 * Takes numbers only (and "localhost", which is 127.0.0.1), because a name server could delay a start or a health
 * check. */
#include "http_internal.h"
#include "http_server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

enum { BACKLOG = 128 }; /* connections that the kernel accepts ahead of us */

int tern_http_address_read(const char *address, uint16_t port, struct sockaddr_storage *ret_storage,
                           socklen_t *ret_length, struct tern_error *err)
{
    struct sockaddr_in four = {.sin_family = AF_INET, .sin_port = htons(port)};
    struct sockaddr_in6 six = {.sin6_family = AF_INET6, .sin6_port = htons(port)};
    const char *numbers = strcasecmp(address, "localhost") == 0 ? "127.0.0.1" : address;
    memset(ret_storage, 0, sizeof *ret_storage);
    if (inet_pton(AF_INET, numbers, &four.sin_addr) == 1) {
        memcpy(ret_storage, &four, sizeof four);
        *ret_length = sizeof four;
        return 0;
    }
    if (inet_pton(AF_INET6, numbers, &six.sin6_addr) == 1) {
        memcpy(ret_storage, &six, sizeof six);
        *ret_length = sizeof six;
        return 0;
    }
    return tern_error_set(err, "\"%s\" is not an IPv4 or IPv6 address", address);
}

/* Splits "[::1]:3001" into "::1" and 3001. False: too long for a host name, or no valid port. */
static bool split_authority(const char *authority, char ret_host[256], uint16_t *ret_port)
{
    bool bracketed = authority[0] == '[';
    const char *host = authority + bracketed;
    size_t length = strcspn(host, bracketed ? "]" : ":");
    const char *rest = host + length;
    if (length == 0 || length >= 256 || (bracketed && *rest++ != ']')) return false;
    memcpy(ret_host, host, length);
    ret_host[length] = '\0';
    *ret_port = 80;
    if (*rest == '\0') return true;
    size_t digits = strspn(rest + 1, "0123456789");
    if (*rest != ':' || digits > 5 || rest[1 + digits] != '\0') return false;
    unsigned long port = digits > 0 ? strtoul(rest + 1, NULL, 10) : 80;
    *ret_port = (uint16_t)port;
    return port <= UINT16_MAX;
}

bool tern_http_authority_same(const char *one, const char *other)
{
    char hosts[2][256];
    uint16_t ports[2];
    return split_authority(one, hosts[0], &ports[0]) && split_authority(other, hosts[1], &ports[1]) &&
           strcasecmp(hosts[0], hosts[1]) == 0 && ports[0] == ports[1];
}

/* Compares numbers: "localhost" is 127.0.0.1, and IPv4 may arrive over an IPv6 socket. */
bool tern_http_authority_is_own(const char *authority, const char *address, uint16_t port)
{
    struct sockaddr_storage storages[2];
    unsigned char keys[2][HTTP_ADDRESS_KEY];
    char host[256];
    uint16_t named;
    socklen_t length;
    if (!split_authority(authority, host, &named) || named != port) return false;
    if (strcasecmp(host, "localhost") == 0 && strcmp(address, "::1") == 0) return true;
    if (tern_http_address_read(host, 0, &storages[0], &length, NULL) < 0 ||
        tern_http_address_read(address, 0, &storages[1], &length, NULL) < 0)
        return false;
    for (int i = 0; i < 2; i++)
        tern_http_address_key((const struct sockaddr *)&storages[i], keys[i]);
    return memcmp(keys[0], keys[1], sizeof keys[0]) == 0;
}

int tern_http_check_address(const char *address, struct tern_error *err)
{
    struct sockaddr_storage storage;
    socklen_t length;
    return tern_http_address_read(address, 0, &storage, &length, err);
}

/* The port that the kernel has chosen. */
static uint16_t port_of(int listener)
{
    struct sockaddr_storage storage = {0};
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    socklen_t length = sizeof storage;
    (void)getsockname(listener, (struct sockaddr *)&storage, &length);
    memcpy(&four, &storage, sizeof four);
    memcpy(&six, &storage, sizeof six);
    return ntohs(storage.ss_family == AF_INET6 ? six.sin6_port : four.sin_port);
}

/* SO_REUSEADDR: a daemon that starts again must not wait for the TIME_WAIT of its last connections. */
int tern_http_address_listen(const char *address, uint16_t port, uint16_t *ret_port, struct tern_error *err)
{
    struct sockaddr_storage storage;
    socklen_t length = 0;
    int on = 1;
    if (tern_http_address_read(address, port, &storage, &length, err) < 0) return -1;
    int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) return tern_error_set(err, "no socket for %s: %s", address, strerror(errno));
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(fd, (struct sockaddr *)&storage, length) == 0 && listen(fd, BACKLOG) == 0) {
        *ret_port = port_of(fd);
        return fd;
    }
    int reason = errno;
    (void)close(fd);
    if (reason == EADDRINUSE) return tern_error_set(err, "port %u of %s is in use by another program", port, address);
    return tern_error_set(err, "cannot listen on port %u of %s: %s", port, address, strerror(reason));
}
