/* fuzz_http_target.c - the head of a request: target, routes and the strict validator, without a socket.
 *
 * The input is "METHOD target version\n", then "Name: value\n" lines. A target that passed is a clean path that means
 * the same when it is written and read again; whatever the validator refuses has a status of 4xx or 5xx (or is an answered
 * OPTIONS), and whatever it lets through has a route. A problem is JSON that our own validator takes. */
#include "fuzz.h"

#include "common/base/ids.h"
#include "common/http/http_internal.h"
#include "services/order/order_http.h"
#include "tern/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OWN_ADDRESS "127.0.0.1"
enum { OWN_PORT = 3001 };

/* ---- the target --------------------------------------------------------------------------------------------- */

static void assert_clean(const char *text)
{
    for (; *text != '\0'; text++)
        TERN_ASSERT(*text >= ' ' && *text < 0x7f, "what was decoded is visible ASCII");
}

/* Everything but letters and digits as %XX; the slashes of the path stay. */
static void write_encoded(struct tern_text *out, const char *text, bool keeps_slashes)
{
    for (; *text != '\0'; text++) {
        bool plain = (*text >= '0' && *text <= '9') || ((*text | 0x20) >= 'a' && (*text | 0x20) <= 'z');
        bool slash = *text == '/' && keeps_slashes;
        tern_text_printf(out, plain || slash ? "%c" : "%%%02X", (unsigned char)*text);
    }
}

static void write_target(const struct http_target *target, struct tern_text *out)
{
    write_encoded(out, target->path, true);
    for (size_t i = 0; i < target->query_count; i++) {
        tern_text_add(out, i == 0 ? "?" : "&");
        write_encoded(out, target->query[i].name, false);
        tern_text_add(out, "=");
        write_encoded(out, target->query[i].value, false);
    }
}

static void assert_same(const struct http_target *a, const struct http_target *b)
{
    TERN_ASSERT(strcmp(a->path, b->path) == 0, "the same path");
    TERN_ASSERT(a->segment_count == b->segment_count && a->query_count == b->query_count, "the same parts");
    for (size_t i = 0; i < a->segment_count && i < HTTP_SEGMENTS_MAX; i++)
        TERN_ASSERT(strcmp(a->segments[i], b->segments[i]) == 0, "the same segment");
    for (size_t i = 0; i < a->query_count; i++)
        TERN_ASSERT(strcmp(a->query[i].name, b->query[i].name) == 0 &&
                        strcmp(a->query[i].value, b->query[i].value) == 0,
                    "the same argument");
}

static bool holds_slash(const struct http_target *target)
{
    for (size_t i = 0; i < target->query_count; i++)
        if (strchr(target->query[i].name, '/') != NULL || strchr(target->query[i].value, '/') != NULL) return true;
    return false;
}

static void check_authority(const struct tern_http_request *request)
{
    const char *authority = request->target.authority, *host = tern_http_header(request, "Host");
    if (authority == NULL) return;
    TERN_ASSERT(authority[strcspn(authority, "/?#@")] == '\0', "an authority is a host and perhaps a port");
    TERN_ASSERT((host != NULL && tern_http_authority_same(authority, host)) ||
                    tern_http_authority_is_own(authority, OWN_ADDRESS, OWN_PORT),
                "what was meant for another host is not answered");
}

static void check_target(const char *raw, const struct http_target *target)
{
    struct tern_error err = {0};
    struct http_target again = {0};
    struct tern_text written = {0};
    TERN_ASSERT(strcasestr(raw, "%2f") == NULL, "no slash is hidden");
    TERN_ASSERT(target->path[0] == '/' && strstr(target->path, "//") == NULL, "a path without empty segments");
    assert_clean(target->path);
    for (size_t i = 0; i < target->segment_count && i < HTTP_SEGMENTS_MAX; i++)
        TERN_ASSERT(strcmp(target->segments[i], ".") != 0 && strcmp(target->segments[i], "..") != 0, "no dot segment");
    for (size_t i = 0; i < target->query_count; i++) {
        assert_clean(target->query[i].name);
        assert_clean(target->query[i].value);
    }
    write_target(target, &written);
    if (!holds_slash(target)) { /* %2F is refused everywhere, a plain slash in the query is not */
        TERN_ASSERT(tern_http_target_parse(written.bytes, &again, &err) == 0, "a target written again is taken");
        assert_same(target, &again);
    }
    tern_http_target_fini(&again);
    tern_text_fini(&written);
}

/* ---- the request -------------------------------------------------------------------------------------------- */

/* Cuts the next piece off at `end`, in place; "" when there is none. */
static char *cut(char **at, int end)
{
    char *piece = *at;
    char *stop = strchrnul(piece, end);
    *at = *stop != '\0' ? stop + 1 : stop;
    *stop = '\0';
    return piece;
}

static void read_head(char *text, struct tern_http_request *request)
{
    char *line = cut(&text, '\n');
    request->method = cut(&line, ' ');
    request->raw_target = tern_copy_text(cut(&line, ' '));
    request->version = line;
    while (*text != '\0') {
        line = cut(&text, '\n');
        char *name = cut(&line, ':');
        if (*line == ' ') line++;
        if (request->header_count == HTTP_HEADERS_MAX)
            request->headers_cut = true;
        else
            request->headers[request->header_count++] = (struct http_pair){name, line};
    }
}

static void check_answer(struct tern_http_request *request)
{
    struct tern_error err = {0};
    struct tern_http_answer *answer = &request->answer;
    TERN_ASSERT(request->refused, "what the validator holds back has its answer");
    TERN_ASSERT(answer->status == 204 || (answer->status >= 400 && answer->status < 600), "a refusal says so");
    if (answer->body.length == 0) return;
    tern_http_answer_complete(request, answer);
    TERN_ASSERT(tern_json_check(answer->body.bytes, answer->body.length, TERN_JSON_MAX_BYTES, &err) == 0,
                "a problem is sound JSON");
}

/* ---- the server's side, made once ---------------------------------------------------------------------------- */

static void answer_nothing(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    (void)answer;
}

static const struct tern_http_route admin_routes[] = {
    {"GET",  "/admin/parked",                 answer_nothing, TERN_HTTP_ADMIN,                  ""  },
    {"POST", "/admin/parked/{eventId}/retry", answer_nothing, TERN_HTTP_ADMIN | TERN_HTTP_JSON, ""  },
    {NULL,   NULL,                            NULL,           0,                                NULL},
};

static const struct http_rules *the_rules(bool with_token)
{
    static struct http_rules rules[2];
    static struct http_admin admin[2];
    struct http_rules *chosen = &rules[with_token];
    if (chosen->routes != NULL) return chosen;
    const struct tern_http_routes tables[] = {
        {order_routes, NULL},
        {admin_routes, NULL}
    };
    tern_http_routes_compile(chosen, tables, TERN_COUNT(tables));
    tern_http_admin_init(&admin[with_token], with_token ? "right" : "");
    chosen->admin = &admin[with_token];
    chosen->ids = tern_ids_create(&tern_clock_system, 1);
    return chosen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tern_http_request *request = tern_alloc(sizeof *request);
    char *text = tern_copy_bytes(data, size);
    bool with_token = size % 2 == 1;
    read_head(text, request);
    tern_copy_whole(request->own_address, sizeof request->own_address, OWN_ADDRESS);
    request->own_port = OWN_PORT;
    bool passed = tern_http_validate(the_rules(with_token), request);
    if (passed) check_authority(request);
    if (request->target.path != NULL) check_target(request->raw_target, &request->target);
    TERN_ASSERT(passed == (request->route != NULL && !request->refused), "what passes has a route and no answer yet");
    if (!passed) check_answer(request);
    tern_http_request_reset(request);
    free(request);
    free(text);
    return 0;
}
