/* Who may use the routes marked TERN_HTTP_ADMIN.
 *
 * With a token configured: whoever sends it as Authorization: Bearer (RFC 6750: 401 both without and with a wrong
 * one). Without: whoever reaches a server that is bound to loopback, but not a web page of somebody else that a
 * browser on this machine shows: its requests carry a foreign Origin, or a Host that is not this machine.
 * Never: tells by its timing how much of a token was right. */
#include "http_internal.h"

#include <string.h>
#include <strings.h>

/* "127.0.0.1:3001", "[::1]:3001", "localhost". */
static bool host_is_loopback(const char *host)
{
    char name[64];
    bool bracketed = host[0] == '[';
    host += bracketed;
    size_t length = strcspn(host, bracketed ? "]" : ":");
    if (length >= sizeof name) return false;
    memcpy(name, host, length);
    name[length] = '\0';
    return http_address_is_loopback(name);
}

static bool same_site(const struct tern_http_request *request)
{
    const char *host = tern_http_header(request, "Host");
    const char *origin = tern_http_header(request, "Origin");
    if (host != NULL && !host_is_loopback(host)) return false;
    if (origin == NULL) return true;
    return host != NULL && strncasecmp(origin, "http://", 7) == 0 && strcasecmp(origin + 7, host) == 0;
}

/* Takes as long for a wrong token as for the right one of the same length. */
static bool token_matches(const char *given, const char *token)
{
    size_t given_length = strlen(given);
    size_t length = strlen(token);
    volatile unsigned char difference = given_length != length;
    for (size_t i = 0; i < given_length; i++)
        difference = difference | (unsigned char)(given[i] ^ token[i % length]);
    return difference == 0;
}

static bool refuse_unauthorized(struct tern_http_request *request, const char *challenge, const char *detail)
{
    (void)http_refuse(request, 401, "Unauthorized", "%s", detail);
    tern_http_set_header(&request->answer, "WWW-Authenticate", "%s", challenge);
    return false;
}

static bool bearer_allowed(const struct http_rules *rules, struct tern_http_request *request)
{
    const char *given = tern_http_header(request, "Authorization");
    if (given == NULL || strncasecmp(given, "Bearer ", 7) != 0)
        return refuse_unauthorized(request, "Bearer realm=\"tern\"",
                                   "This call needs the header Authorization: Bearer with the admin token.");
    given += 7 + strspn(given + 7, " ");
    if (!token_matches(given, rules->admin_token))
        return refuse_unauthorized(request, "Bearer realm=\"tern\", error=\"invalid_token\"",
                                   "The admin token is not the right one.");
    return true;
}

bool http_admin_allowed(const struct http_rules *rules, struct tern_http_request *request)
{
    if (rules->admin_token[0] != '\0') return bearer_allowed(rules, request);
    if (!rules->loopback)
        return http_refuse(request, 403, "Forbidden",
                           "This call is closed: no ADMIN_TOKEN is set, and the service is not bound to loopback.");
    if (!same_site(request))
        return http_refuse(
            request, 403, "Forbidden",
            "Without an ADMIN_TOKEN this call answers requests made to this machine by its own name only.");
    return true;
}
