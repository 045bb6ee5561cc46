/* parked_http.c - the admin calls of every daemon about deferred messages: list, show, retry, discard, retry many.
 *
 * Looking uses a read connection. Acting is a command on the writer thread, in the transaction that also writes the
 * audit; at its end the deferred messages are counted anew, so that what became due runs at once. A message that is
 * being tried or waits behind another one is never changed: 409. Bodies are shown masked (parked_print.c). */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "app.h"
#include "common/inbox/parked.h"
#include "common/inbox/parked_print.h"

enum {
    LIST_DEFAULT = 50, /* rows of a page */
    LIST_MAX = 200,
    RETRY_DEFAULT = 1000, /* messages tried again by one call */
    RETRY_MAX = 10000,    /* one transaction holds them all */
    WORD_SIZE = 65        /* bytes of a filter's word, NUL included */
};

/* ---- filters -------------------------------------------------------------------------------------------------- */

/* "90s", "15m", "2h", "7d" (so long ago), or a time. */
static int read_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    size_t digits = strspn(text, "0123456789");
    const char *unit = digits > 0 && digits < 8 && text[digits] != '\0' ? strchr(units, text[digits]) : NULL;
    int64_t amount = 0;
    if (!unit || text[digits + 1] != '\0') return tern_time_parse(text, ret_ms, NULL);
    for (size_t i = 0; i < digits; i++)
        amount = amount * 10 + (text[i] - '0');
    *ret_ms = now_ms - amount * unit_ms[unit - units];
    return 0;
}

/* The readers below answer false when the request was answered with 400. A parameter that is not given changes
 * nothing. */
static bool refuse_query(struct tern_http_answer *answer, const char *name, const char *must)
{
    tern_http_problem(answer, 400, "Invalid query", "%s must be %s.", name, must);
    return false;
}

static bool read_word(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                      const char **ret_word)
{
    *ret_word = tern_http_query(request, name);
    if (!*ret_word || tern_id_valid(*ret_word)) return true;
    return refuse_query(answer, name, "1 to 64 characters of A-Z a-z 0-9 . _ -");
}

static bool read_when(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                      int64_t now_ms, int64_t *ret_ms)
{
    const char *text = tern_http_query(request, name);
    if (!text || read_time(text, now_ms, ret_ms) == 0) return true;
    return refuse_query(answer, name, "a time like 2026-11-23T14:30:00Z, or an age like 90s, 15m, 2h, 7d");
}

/* One page of the list. */
struct page {
    struct tern_parked_filter filter;
    int64_t behind; /* the cursor: rows after this position; then the last one shown */
    int limit;      /* rows */
    int shown;
    bool more; /* there is a row after the last one shown */
    struct tern_http_answer *answer;
};

static bool read_limit(const struct tern_http_request *request, struct page *page)
{
    const char *text = tern_http_query(request, "limit");
    int limit = 0;
    page->limit = LIST_DEFAULT;
    if (!text) return true;
    for (; *text >= '0' && *text <= '9' && limit <= LIST_MAX; text++)
        limit = limit * 10 + (*text - '0');
    if (*text != '\0' || limit < 1 || limit > LIST_MAX)
        return refuse_query(page->answer, "limit", "a whole number of 1 to 200");
    page->limit = limit;
    return true;
}

/* The last position shown, as sixteen hex digits, so that clients take it as opaque. The first is at most 7: it is
 * signed. */
static bool read_cursor(const struct tern_http_request *request, struct page *page)
{
    const char *text = tern_http_query(request, "cursor");
    if (!text) return true;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16 || text[0] > '7')
        return refuse_query(page->answer, "cursor", "one that an answer gave");
    page->behind = strtoll(text, NULL, 16);
    return true;
}

static bool read_state(const struct tern_http_request *request, struct page *page)
{
    const char *text = tern_http_query(request, "state");
    page->filter.state = text ? tern_parked_state_read(text) : TERN_PARKED_ANY_STATE;
    if (!text || page->filter.state >= 0) return true;
    return refuse_query(page->answer, "state", "PARKED, BEHIND or RETRY");
}

static bool read_page(struct tern_app *app, const struct tern_http_request *request, struct page *page)
{
    static const char *const known[] = {"type",      "subject", "reason", "state", "olderThan",
                                        "newerThan", "limit",   "cursor", NULL};
    int64_t now_ms = tern_now(app->ctx.clock);
    return tern_http_query_known(request, page->answer, known) &&
           read_word(request, page->answer, "type", &page->filter.type) &&
           read_word(request, page->answer, "subject", &page->filter.subject) &&
           read_word(request, page->answer, "reason", &page->filter.reason) && read_state(request, page) &&
           read_when(request, page->answer, "olderThan", now_ms, &page->filter.before_ms) &&
           read_when(request, page->answer, "newerThan", now_ms, &page->filter.since_ms) && read_limit(request, page) &&
           read_cursor(request, page);
}

/* ---- list ------------------------------------------------------------------------------------------------------ */

/* One row more than the page has was asked for: it is not shown, it only says that there is another page. */
static int show_row(void *self, const struct tern_deferred *deferred, struct tern_error *err)
{
    struct page *page = self;
    (void)err;
    page->more = page->shown == page->limit;
    if (page->more) return 1;
    if (page->shown++ > 0) tern_text_add(&page->answer->body, ",");
    tern_parked_print_row(deferred, &page->answer->body);
    tern_text_add(&page->answer->body, "}");
    page->behind = deferred->position;
    return 0;
}

/* RFC 8288: the same query with the cursor. Values are words, times and ages; of their characters only + and : need
 * encoding. */
static void link_next(const struct tern_http_request *request, const struct page *page)
{
    static const char *const kept[] = {"type", "subject", "reason", "state", "olderThan", "newerThan"};
    struct tern_text query = {0};
    tern_text_printf(&query, "limit=%d&cursor=%016" PRIx64, page->limit, (uint64_t)page->behind);
    for (size_t i = 0; i < TERN_COUNT(kept); i++) {
        const char *value = tern_http_query(request, kept[i]);
        if (!value) continue;
        tern_text_printf(&query, "&%s=", kept[i]);
        for (; *value != '\0'; value++)
            tern_text_printf(&query, strchr("+:", *value) ? "%%%02X" : "%c", (unsigned)*value);
    }
    tern_http_set_header(page->answer, "Link", "</admin/parked?%s>; rel=\"next\"", query.bytes);
    tern_text_fini(&query);
}

static void get_parked(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_error err = {0};
    struct page page = {.answer = answer};
    if (!read_page(app, request, &page)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    tern_text_add(&answer->body, "{\"parked\":[");
    int status = db ? tern_parked_list(db, &page.filter, page.behind, page.limit + 1, show_row, &page, &err) : -1;
    tern_app_reader_done(app, db);
    if (status < 0) {
        tern_app_unavailable(answer, &err);
        return;
    }
    if (page.more) {
        link_next(request, &page);
        tern_text_printf(&answer->body, "],\"nextCursor\":\"%016" PRIx64 "\"}\n", (uint64_t)page.behind);
    } else {
        tern_text_add(&answer->body, "],\"nextCursor\":null}\n");
    }
}

/* ---- show ------------------------------------------------------------------------------------------------------ */

static int show_act(void *self, const struct tern_parked_act *act, struct tern_error *err)
{
    struct tern_text *out = self;
    char time[TERN_TIME_SIZE];
    (void)err;
    tern_time_format(act->at_ms, time);
    if (out->bytes[out->length - 1] != '[') tern_text_add(out, ",");
    tern_text_printf(out, "{\"at\":\"%s\",\"action\":\"%s\",\"result\":\"%s\",\"requestId\":", time, act->action,
                     act->result);
    tern_json_write_string(out, act->request_id);
    tern_text_add(out, ",\"remote\":");
    tern_json_write_string(out, act->remote);
    tern_text_add(out, "}");
    return 0;
}

/* The row, the body, and what was done about it so far. 1, 0 when there is no such message, -1. */
static int show_one(struct tern_db *db, const char *name, struct tern_text *out, struct tern_error *err)
{
    struct tern_deferred deferred;
    char own_name[TERN_PARKED_NAME_SIZE];
    int found = tern_parked_find(db, name, &deferred, err);
    if (found <= 0) return found;
    tern_parked_name(&deferred, own_name);
    tern_parked_print_row(&deferred, out);
    tern_parked_print_message(deferred.body, deferred.body_length, out);
    tern_text_add(out, ",\"acts\":[");
    if (tern_parked_acts(db, own_name, show_act, out, err) < 0) found = -1;
    tern_text_add(out, "]}\n");
    tern_deferred_fini(&deferred);
    return found;
}

static void answer_unknown(struct tern_http_answer *answer, const char *name)
{
    tern_http_problem(answer, 404, "Message not found", "No message %.64s is deferred here.", name);
}

static void get_one(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_error err = {0};
    const char *name = tern_http_parameter(request, "eventId");
    struct tern_db *db = tern_app_reader(app, &err);
    int found = db ? show_one(db, name, &answer->body, &err) : -1;
    tern_app_reader_done(app, db);
    if (found < 0)
        tern_app_unavailable(answer, &err);
    else if (found == 0)
        answer_unknown(answer, name);
}

/* ---- retry and discard ------------------------------------------------------------------------------------------ */

/* The argument of run_parked: one message by name, or many by filter. */
struct parked_command {
    struct tern_app *app;
    const char *name; /* NULL: many */
    bool discards;    /* one: false tries it again */
    struct tern_parked_caller caller;
    struct tern_parked_filter filter; /* many */
    int limit;                        /* many: messages, at most */
    struct tern_text asked;           /* owned; many: the filter as given, for the fingerprint of the key */
    int result;                       /* out: enum tern_parked_result, or how many */
    enum tern_deferred_state state;   /* out: one: its state before */
};

static int act_on_one(struct tern_context *ctx, struct parked_command *command, struct tern_error *err)
{
    char name[TERN_PARKED_NAME_SIZE];
    struct tern_deferred deferred;
    int result = command->discards ? tern_parked_discard(ctx->db, command->name, &command->caller, &deferred, err)
                                   : tern_parked_retry(ctx->db, command->name, &command->caller, &deferred, err);
    if (result <= 0) return result;
    command->state = deferred.state;
    tern_parked_name(&deferred, name);
    if (result == TERN_PARKED_DONE)
        tern_log_info(ctx->log, command->discards ? "parked message discarded" : "parked message is tried again",
                      TERN_STR("eventType", deferred.type), TERN_STR("subject", deferred.subject),
                      TERN_STR("eventId", name), TERN_STR("requestId", command->caller.request_id),
                      TERN_STR("remote", command->caller.remote));
    tern_deferred_fini(&deferred);
    return result;
}

static int act_on_many(struct tern_context *ctx, struct parked_command *command, struct tern_error *err)
{
    int count = tern_parked_retry_many(ctx->db, &command->filter, command->limit, &command->caller, err);
    if (count > 0)
        tern_log_info(ctx->log, "parked messages are tried again", TERN_INT("count", count),
                      TERN_STR("requestId", command->caller.request_id), TERN_STR("remote", command->caller.remote));
    return count;
}

/* On the writer thread. */
static enum tern_outcome run_parked(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct parked_command *command = argument;
    command->caller.now_ms = ctx->now_ms;
    command->caller.online_ms = ctx->online_ms;
    command->result = command->name ? act_on_one(ctx, command, err) : act_on_many(ctx, command, err);
    if (command->result < 0 || tern_retries_load(command->app->retries, ctx, err) < 0) return TERN_RETRY;
    return TERN_DONE;
}

/* Also of the acts that were refused: their audit row is committed. */
static void answer_act(const void *argument, struct tern_http_answer *answer)
{
    const struct parked_command *command = argument;
    if (!command->name) {
        tern_text_printf(&answer->body, "{\"retried\":%d}\n", command->result);
    } else if (command->result == TERN_PARKED_NONE) {
        answer_unknown(answer, command->name);
    } else if (command->result == TERN_PARKED_REFUSED) {
        tern_http_problem(answer, 409, "Not parked", "The message is %s now: only a PARKED one can be %s.",
                          tern_parked_state_word(command->state), command->discards ? "discarded" : "tried again");
    } else if (command->discards) {
        answer->status = 204;
    } else {
        answer->status = 202;
        tern_text_printf(&answer->body, "{\"eventId\":\"%s\",\"state\":\"RETRY\"}\n", command->name);
    }
}

static void act(struct parked_command *command, const struct tern_http_request *request,
                struct tern_http_answer *answer)
{
    struct tern_error err = {0};
    const struct tern_conversation silent = {0};
    const struct tern_once once = {run_parked, command, answer_act, &command->asked, NULL};
    char peer[TERN_HTTP_PEER_SIZE];
    tern_http_peer(request, peer);
    command->caller.remote = peer;
    command->caller.request_id = tern_http_request_id(request);
    if (!tern_app_answer_once(command->app, request, &once, &silent, answer, &err)) tern_app_unavailable(answer, &err);
}

static void post_retry(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct parked_command command = {.app = self, .name = tern_http_parameter(request, "eventId")};
    act(&command, request, answer);
}

static void delete_one(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct parked_command command = {.app = self, .name = tern_http_parameter(request, "eventId"), .discards = true};
    act(&command, request, answer);
}

/* ---- retry many -------------------------------------------------------------------------------------------------- */

/* The body of POST /admin/parked/retry; all members are optional. */
struct many_body {
    char type[WORD_SIZE], subject[WORD_SIZE], reason[WORD_SIZE], older_than[WORD_SIZE], newer_than[WORD_SIZE];
    int64_t limit;
};

#define MANY(json, member, kind_)                                                 \
    {                                                                             \
        .name = (json), .kind = (kind_), .optional = true, .high = WORD_SIZE - 1, \
        .offset = offsetof(struct many_body, member), .size = WORD_SIZE           \
    }
static const struct tern_field many_fields[] = {
    MANY("type", type, TERN_KIND_TEXT),
    MANY("subject", subject, TERN_KIND_TEXT),
    MANY("reason", reason, TERN_KIND_TEXT),
    MANY("olderThan", older_than, TERN_KIND_TEXT),
    MANY("newerThan", newer_than, TERN_KIND_TEXT),
    {.name = "limit",
                                               .kind = TERN_KIND_COUNT,
                                               .optional = true,
                                               .offset = offsetof(struct many_body, limit),
                                               .size = sizeof(int64_t),
                                               .low = 1,
                                               .high = RETRY_MAX},
};
static const struct tern_schema many_schema = {many_fields, TERN_COUNT(many_fields), sizeof(struct many_body)};

static void fill_filter(struct tern_app *app, const struct many_body *body, struct parked_command *command,
                        struct tern_schema_faults *faults)
{
    static const char must[] = "must be a time like 2026-11-23T14:30:00Z, or an age like 90s, 15m, 2h, 7d";
    int64_t now_ms = tern_now(app->ctx.clock);
    struct tern_parked_filter *filter = &command->filter;
    *filter = (struct tern_parked_filter){.type = body->type, .subject = body->subject, .reason = body->reason};
    if (body->older_than[0] && read_time(body->older_than, now_ms, &filter->before_ms) < 0)
        tern_schema_fault(faults, "bad_format", "#/olderThan", "%s", must);
    if (body->newer_than[0] && read_time(body->newer_than, now_ms, &filter->since_ms) < 0)
        tern_schema_fault(faults, "bad_format", "#/newerThan", "%s", must);
    command->limit = body->limit > 0 ? (int)body->limit : RETRY_DEFAULT;
}

/* False: answered with 400. No body means an empty filter. */
static bool read_many(struct tern_app *app, const struct tern_http_request *request, struct many_body *body,
                      struct parked_command *command, struct tern_http_answer *answer)
{
    struct tern_error err = {0};
    struct tern_schema_faults faults = {0};
    size_t length;
    const char *text = tern_http_body(request, &length);
    bool read = length == 0 || tern_schema_read_body(&many_schema, text, length, body, &faults, &err) == 0;
    if (read) fill_filter(app, body, command, &faults);
    if (!read || faults.count > 0) tern_http_problem_body(answer, "Invalid filter", &faults, &err);
    return read && faults.count == 0;
}

static void post_retry_many(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct many_body body = {0};
    struct parked_command command = {.app = self};
    if (!read_many(self, request, &body, &command, answer)) return;
    tern_schema_encode(&many_schema, &body, &command.asked);
    act(&command, request, answer);
    tern_text_fini(&command.asked);
}

const struct tern_http_route tern_parked_routes[] = {
    {"GET",    "/admin/parked",                 get_parked,      TERN_HTTP_ADMIN,
     "messages that are deferred, oldest first; ?type= subject= reason= state= olderThan= newerThan= limit= cursor="                                     },
    {"GET",    "/admin/parked/{eventId}",       get_one,         TERN_HTTP_ADMIN,                                            "one of them, with its body"},
    {"DELETE", "/admin/parked/{eventId}",       delete_one,      TERN_HTTP_ADMIN,                                            "discards a parked message" },
    {"POST",   "/admin/parked/retry",           post_retry_many, TERN_HTTP_ADMIN | TERN_HTTP_JSON_OPTIONAL | TERN_HTTP_ONCE,
     "tries all that pass a filter again"                                                                                                                },
    {"POST",   "/admin/parked/{eventId}/retry", post_retry,      TERN_HTTP_ADMIN | TERN_HTTP_ONCE,
     "tries a parked message again"                                                                                                                      },
    {NULL,     NULL,                            NULL,            0,                                                          NULL                        },
};
