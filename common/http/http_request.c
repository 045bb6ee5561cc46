/* http_request.c - what a handler can read of a request that the validator has accepted.
 *
 * Everything that is returned lives as long as the handler runs. Never decodes, checks or changes the request. */
#include "http_internal.h"

#include <netdb.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *tern_http_method(const struct tern_http_request *request)
{
    return request->method;
}

const char *tern_http_idempotency_key(const struct tern_http_request *request)
{
    return request->key;
}

const char *tern_http_path(const struct tern_http_request *request)
{
    return request->target.path;
}

const char *tern_http_parameter(const struct tern_http_request *request, const char *name)
{
    size_t length = strlen(name);
    for (size_t i = 0; i < request->route->segment_count; i++) {
        const char *pattern = request->route->segments[i];
        if (pattern[0] == '{' && strncmp(pattern + 1, name, length) == 0 && pattern[1 + length] == '}')
            return request->target.segments[i];
    }
    tern_broken(__FILE__, __LINE__, "a handler asks for parameters of its own route only");
}

const char *tern_http_query(const struct tern_http_request *request, const char *name)
{
    return tern_http_find(request->target.query, request->target.query_count, name, false);
}

const char *tern_http_header(const struct tern_http_request *request, const char *name)
{
    return tern_http_find(request->headers, request->header_count, name, true);
}

const char *tern_http_body(const struct tern_http_request *request, size_t *ret_length)
{
    *ret_length = request->body.length;
    return request->body.bytes ? request->body.bytes : "";
}

const char *tern_http_traceparent(const struct tern_http_request *request)
{
    return request->traceparent;
}

const char *tern_http_request_id(const struct tern_http_request *request)
{
    return request->request_id;
}

/* Asks the socket of the connection, which the request is part of. */
void tern_http_peer(const struct tern_http_request *request, char peer[TERN_HTTP_PEER_SIZE])
{
    const struct http_connection *connection =
        (const void *)((const char *)request - offsetof(struct http_connection, request));
    struct sockaddr_storage address;
    socklen_t length = sizeof address;
    peer[0] = '\0';
    if (getpeername(connection->fd, (struct sockaddr *)&address, &length) == 0 &&
        getnameinfo((struct sockaddr *)&address, length, peer, TERN_HTTP_PEER_SIZE, NULL, 0, NI_NUMERICHOST) != 0)
        peer[0] = '\0';
}

const char *tern_http_unknown_query(const struct tern_http_request *request, const char *const *known)
{
    for (size_t i = 0; i < request->target.query_count; i++) {
        const char *const *name = known;
        while (*name && strcmp(*name, request->target.query[i].name) != 0)
            name++;
        if (!*name) return request->target.query[i].name;
    }
    return NULL;
}

/* Frees what one request needed; the connection reuses the struct for its next one. */
void tern_http_request_reset(struct tern_http_request *request)
{
    tern_http_target_fini(&request->target);
    tern_text_fini(&request->body);
    tern_text_fini(&request->answer.body);
    tern_text_fini(&request->answer.headers);
    free(request->raw_target);
    memset(request, 0, sizeof *request);
}
