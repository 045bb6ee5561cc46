/* http_admin.c - checks the admin token of routes with TERN_HTTP_ADMIN: Authorization: Bearer (RFC 6750), 401 without
 * it or with a wrong one.
 *
 * No address is trusted: a request that a local proxy forwards, or that a page in a local browser makes, looks like a
 * local one. Without a token the routes are closed. The time of the check never reveals how much of a token was
 * right. */
#include "http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

void tern_http_admin_init(struct http_admin *admin, const char *token)
{
    pthread_mutex_init(&admin->lock, NULL);
    admin->token = tern_copy_text(token ? token : "");
}

void tern_http_admin_fini(struct http_admin *admin)
{
    tern_free_secret(admin->token);
    pthread_mutex_destroy(&admin->lock);
}

bool tern_http_admin_replace(struct http_admin *admin, const char *token)
{
    char *copy = tern_copy_text(token);
    pthread_mutex_lock(&admin->lock);
    char *old = admin->token;
    admin->token = copy;
    pthread_mutex_unlock(&admin->lock);
    bool other = strcmp(old, token) != 0;
    tern_free_secret(old);
    return other;
}

/* Takes equally long for all tokens of one length. */
static bool token_matches(const char *given, const char *token)
{
    size_t given_length = strlen(given);
    size_t length = strlen(token);
    volatile unsigned char difference = given_length != length;
    for (size_t i = 0; i < given_length; i++)
        difference = difference | (unsigned char)(given[i] ^ token[i % length]);
    return difference == 0;
}

/* RFC 6750, section 3: the challenge names an error only when a token was given. Always returns false. */
static bool refuse_unauthorized(struct tern_http_request *request, const char *challenge, const char *detail)
{
    (void)tern_http_refuse(request, 401, "Unauthorized", "%s", detail);
    tern_http_set_header(&request->answer, "WWW-Authenticate", "%s", challenge);
    return false;
}

bool tern_http_admin_allowed(struct http_admin *admin, struct tern_http_request *request)
{
    const char *given = tern_http_header(request, "Authorization");
    if (!given || strncasecmp(given, "Bearer ", 7) != 0)
        return refuse_unauthorized(request, "Bearer realm=\"tern\"",
                                   "This call needs the header Authorization: Bearer with the admin token.");
    given += 7 + strspn(given + 7, " ");
    pthread_mutex_lock(&admin->lock);
    bool closed = admin->token[0] == '\0';
    bool right = !closed && token_matches(given, admin->token);
    pthread_mutex_unlock(&admin->lock);
    if (closed)
        return tern_http_refuse(
            request, 403, "Forbidden",
            "This call is closed: the service has no admin token that it may use, and its log says why.");
    if (right) return true;
    return refuse_unauthorized(request, "Bearer realm=\"tern\", error=\"invalid_token\"",
                               "The admin token is not the right one.");
}
