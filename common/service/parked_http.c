/* parked_http.c - the admin calls of every daemon about deferred messages: list, show, retry, discard, retry many.
 *
 * Looking uses a read connection. Acting is a command on the writer thread, in the transaction that also writes the
 * audit; at its end the deferred messages are counted anew, so that what became due runs at once. A message that is
 * being tried or waits behind another one is never changed: 409. Bodies are shown masked (parked_print.c). */
#include <string.h>

#include "app.h"
#include "common/inbox/parked.h"
#include "common/inbox/parked_print.h"
#include "parked_request.h"

/* ---- list ------------------------------------------------------------------------------------------------------ */

/* A page of the list on its way into the answer. */
struct list {
    struct tern_parked_page page; /* `behind` moves to the last row shown */
    int64_t shown;                /* rows */
    bool more;                    /* there is a row after the last one shown */
    struct tern_http_answer *answer;
};

/* One row more than the page has was asked for: it is not shown, it only says that there is another page. */
static int show_row(void *self, const struct tern_deferred *deferred, struct tern_error *err)
{
    struct list *list = self;
    (void)err;
    list->more = list->shown == list->page.limit;
    if (list->more) return 1;
    if (list->shown++ > 0) tern_text_add(&list->answer->body, ",");
    tern_parked_print_row(deferred, &list->answer->body);
    tern_text_add(&list->answer->body, "}");
    list->page.behind = deferred->position;
    return 0;
}

static void get_parked(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_error err = {0};
    struct list list = {.answer = answer};
    struct tern_parked_page *page = &list.page;
    char cursor[TERN_HTTP_CURSOR_SIZE] = "";
    if (!tern_parked_read_page(request, tern_now(app->ctx.clock), page, answer)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    tern_text_add(&answer->body, "{\"parked\":[");
    int status =
        db ? tern_parked_list(db, &page->filter, page->behind, (int)page->limit + 1, show_row, &list, &err) : -1;
    tern_app_reader_done(app, db);
    if (status < 0) {
        tern_app_unavailable(answer, &err);
        return;
    }
    tern_text_add(&answer->body, "]");
    if (list.more) {
        tern_http_cursor(request, tern_parked_query, &(struct tern_http_place){.number = page->behind}, cursor);
        tern_http_link_next(request, answer, tern_parked_query, "cursor", cursor);
    }
    tern_json_add_text_or_null(&answer->body, "nextCursor", cursor);
    tern_text_add(&answer->body, "}\n");
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
    struct tern_text asked;           /* many: the filter in one spelling, for the Idempotency-Key; the caller's */
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

static void post_retry_many(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    struct tern_parked_many many = {0};
    if (!tern_parked_read_many(request, tern_now(app->ctx.clock), &many, answer)) return;
    struct parked_command command = {.app = self, .filter = many.filter, .limit = many.limit, .asked = many.asked};
    act(&command, request, answer);
    tern_text_fini(&many.asked);
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
