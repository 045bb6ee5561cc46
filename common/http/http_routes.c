/* http_routes.c - the route table: finds the row of a method and a path, and answers when there is none.
 *
 * The first matching row wins, in the order of the tables. GET rows serve HEAD; OPTIONS is answered here. A parameter
 * matches exactly one segment that is not empty. Looks at nothing of a request but its method and its path. */
#include "http_internal.h"

#include <stdlib.h>
#include <string.h>

/* Cuts a copy of the row's path at its slashes. */
static void split_pattern(struct http_route *route)
{
    TERN_ASSERT(route->row->path[0] == '/', "the path of a route begins with a slash");
    route->memory = tern_copy_text(route->row->path + 1);
    char *text = route->memory;
    while (*text != '\0') {
        TERN_ASSERT(route->segment_count < HTTP_SEGMENTS_MAX, "the path of a route has at most twelve segments");
        char *slash = strchrnul(text, '/');
        char *next = *slash == '/' ? slash + 1 : slash;
        *slash = '\0';
        route->segments[route->segment_count++] = text;
        text = next;
    }
}

void tern_http_routes_compile(struct http_rules *rules, const struct tern_http_routes *tables, size_t table_count)
{
    size_t count = 0;
    for (size_t i = 0; i < table_count; i++)
        for (const struct tern_http_route *row = tables[i].table; row->method; row++)
            count++;
    rules->routes = tern_alloc((count + 1) * sizeof rules->routes[0]);
    for (size_t i = 0; i < table_count; i++)
        for (const struct tern_http_route *row = tables[i].table; row->method; row++) {
            struct http_route *route = &rules->routes[rules->route_count++];
            route->row = row;
            route->self = tables[i].self;
            split_pattern(route);
        }
}

void tern_http_routes_fini(struct http_rules *rules)
{
    for (size_t i = 0; i < rules->route_count; i++)
        free(rules->routes[i].memory);
    free(rules->routes);
}

/* Segment by segment. segment_count may exceed the array of the target, but then no route is as long. */
static bool path_fits(const struct http_route *route, const struct http_target *target)
{
    if (route->segment_count != target->segment_count) return false;
    for (size_t i = 0; i < route->segment_count; i++) {
        const char *pattern = route->segments[i];
        bool fits = pattern[0] == '{' ? target->segments[i][0] != '\0' : strcmp(pattern, target->segments[i]) == 0;
        if (!fits) return false;
    }
    return true;
}

/* Sets Allow: the methods of the rows that match the path, such as "GET, HEAD, POST, OPTIONS". */
static void allow(const struct http_rules *rules, struct tern_http_request *request)
{
    struct tern_text methods = {0};
    tern_text_add(&methods, "");
    for (size_t i = 0; i < rules->route_count; i++) {
        const char *method = rules->routes[i].row->method;
        if (path_fits(&rules->routes[i], &request->target) && !strstr(methods.bytes, method))
            tern_text_printf(&methods, "%s, ", strcmp(method, "GET") == 0 ? "GET, HEAD" : method);
    }
    tern_http_set_header(&request->answer, "Allow", "%sOPTIONS", methods.bytes);
    tern_text_fini(&methods);
}

/* A path that exists names the pattern for the metrics, even when the method does not fit. */
bool tern_http_routes_choose(const struct http_rules *rules, struct tern_http_request *request)
{
    const char *method = strcmp(request->method, "HEAD") == 0 ? "GET" : request->method;
    bool path_known = false;
    for (size_t i = 0; i < rules->route_count && !request->route; i++) {
        const struct http_route *route = &rules->routes[i];
        if (!path_fits(route, &request->target)) continue;
        if (!path_known) request->pattern = route->row->path;
        path_known = true;
        if (strcmp(route->row->method, method) == 0) request->route = route;
    }
    if (request->route) {
        request->pattern = request->route->row->path;
        return true;
    }
    if (!path_known) return tern_http_refuse(request, 404, "Not Found", "There is nothing at this path.");
    if (strcmp(method, "OPTIONS") == 0) {
        request->answer.status = 204;
        request->refused = true; /* no handler runs */
    } else {
        (void)tern_http_refuse(request, 405, "Method Not Allowed", "This path does not take that method; see Allow.");
    }
    allow(rules, request);
    return false;
}
