/* http_admission.c - decides whether one more connection is admitted.
 *
 * At a limit the longest idle connection (of the same address, or of all) makes room, so that a load balancer that
 * keeps its connections open still gets its health probe answered. A connection is idle when no request line has
 * arrived and no byte waits in its socket. It is ended by SHUT_RD alone, so that a request that arrives at this moment
 * is still answered. When none is idle, the new connection is refused and counted. libmicrohttpd's own limits reset
 * connections silently; they are higher, and never reached. Runs on the accepting thread, which alone adds connections
 * to the list, under the sweeper's mutex. Never closes a connection with a request under way, or waits. */
#include "http_internal.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

void tern_http_address_key(const struct sockaddr *address, unsigned char key[HTTP_ADDRESS_KEY])
{
    static const unsigned char mapped[] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    struct sockaddr_in four;
    struct sockaddr_in6 six;
    memset(key, 0, HTTP_ADDRESS_KEY);
    if (address->sa_family == AF_INET) {
        memcpy(&four, address, sizeof four);
        memcpy(key, mapped, sizeof mapped);
        memcpy(key + sizeof mapped, &four.sin_addr, sizeof four.sin_addr);
    } else if (address->sa_family == AF_INET6) {
        memcpy(&six, address, sizeof six);
        memcpy(key, &six.sin6_addr, sizeof six.sin6_addr);
    }
}

/* NULL: any address. */
static bool is_from(const struct http_connection *one, const unsigned char *key)
{
    return !key || memcmp(one->address, key, HTTP_ADDRESS_KEY) == 0;
}

/* Ends the longest idle connection of one address, or of all (NULL). False: none is idle. Of two that are idle for
 * equally long the older one goes: the list begins with the newest. */
static bool make_room(struct http_sweeper *sweeper, const unsigned char *key)
{
    struct http_connection *longest = NULL;
    for (struct http_connection *one = sweeper->first; one; one = one->after) {
        char byte;
        if (one->leaving || atomic_load(&one->in_request) || !is_from(one, key)) continue;
        if (longest && atomic_load(&one->idle_since_ms) > atomic_load(&longest->idle_since_ms)) continue;
        /* A byte that waits may be the start of a request. */
        if (recv(one->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) <= 0) longest = one;
    }
    if (!longest) return false;
    longest->leaving = true;
    (void)shutdown(longest->fd, SHUT_RD); /* wakes its thread, which ends it */
    return true;
}

/* The limit of the address comes first: a client at its limit replaces one of its own connections, not another
 * client's. */
enum http_admission tern_http_admit(struct http_sweeper *sweeper, const struct http_limits *limits,
                                    const struct sockaddr *address)
{
    unsigned char key[HTTP_ADDRESS_KEY];
    enum http_admission result = HTTP_ADMITTED;
    unsigned all = 0, same = 0, leaving = 0;
    tern_http_address_key(address, key);
    tern_sync_lock(&sweeper->sync);
    for (const struct http_connection *one = sweeper->first; one; one = one->after) {
        leaving += one->leaving;
        all += !one->leaving;
        same += !one->leaving && is_from(one, key);
    }
    bool may_replace = leaving < HTTP_LEAVING_MOST;
    if (same >= limits->per_address)
        result = may_replace && make_room(sweeper, key) ? HTTP_REPLACES : HTTP_REFUSED_ADDRESS;
    else if (all >= limits->all)
        result = may_replace && make_room(sweeper, NULL) ? HTTP_REPLACES : HTTP_REFUSED_TOTAL;
    if (result >= HTTP_REFUSED_ADDRESS) {
        sweeper->refused++;
        memcpy(sweeper->refused_last, key, sizeof key);
        tern_sync_signal(&sweeper->sync);
    }
    tern_sync_unlock(&sweeper->sync);
    return result;
}

void tern_http_address_print(const unsigned char key[HTTP_ADDRESS_KEY], char text[TERN_HTTP_PEER_SIZE])
{
    struct in6_addr six;
    memcpy(&six, key, sizeof six);
    bool four = IN6_IS_ADDR_V4MAPPED(&six);
    if (!inet_ntop(four ? AF_INET : AF_INET6, four ? key + 12 : key, text, TERN_HTTP_PEER_SIZE)) text[0] = '\0';
}
