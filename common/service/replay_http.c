/* replay_http.c - the event log published again to one queue: POST, GET and DELETE /admin/replay, and --replay-to for a
 * service that does not run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "tern/schema.h"

enum { EXIT_RUNTIME = 1, LOOK_MS = 200, MOMENT_SIZE = 64, TYPES_SIZE = 1024 };

/* A request as texts, from a body or from settings. */
struct asked {
    char queue[TERN_REPLAY_QUEUE_SIZE];
    char since[MOMENT_SIZE], until[MOMENT_SIZE]; /* a time or an age; "": not given */
    int64_t from, rate;                          /* 0: not given */
    char types[TYPES_SIZE], subject[TERN_ID_SIZE];
};

static const struct tern_field asked_fields[] = {
    TERN_FIELD(struct asked, "queue", queue, TERN_KIND_TEXT, required, 1, TERN_REPLAY_QUEUE_SIZE - 1),
    TERN_FIELD(struct asked, "since", since, TERN_KIND_TEXT, optional, 0, MOMENT_SIZE - 1),
    TERN_FIELD(struct asked, "until", until, TERN_KIND_TEXT, optional, 0, MOMENT_SIZE - 1),
    TERN_FIELD(struct asked, "from", from, TERN_KIND_COUNT, optional, 1, INT64_MAX / 2),
    TERN_FIELD(struct asked, "rate", rate, TERN_KIND_COUNT, optional, 1, TERN_REPLAY_RATE_MOST),
    TERN_FIELD(struct asked, "types", types, TERN_KIND_TEXT, optional, 0, TYPES_SIZE - 1),
    TERN_FIELD(struct asked, "subject", subject, TERN_KIND_ID, optional, 0, 0),
};
static const struct tern_schema asked_schema = TERN_SCHEMA_OF(struct asked, asked_fields);

/* A moment that has passed, or `otherwise` when it was not given. False with a fault. */
static bool read_moment(const char *text, const char *pointer, int64_t now_ms, int64_t otherwise, int64_t *ret_ms,
                        struct tern_schema_faults *faults)
{
    *ret_ms = otherwise;
    if (text[0] == '\0') return true;
    if (tern_http_read_time(text, now_ms, ret_ms) == 0 && *ret_ms <= now_ms) return true;
    tern_schema_fault(faults, "bad_format", pointer, "must be %s, not in the future", TERN_HTTP_TIME);
    return false;
}

/* Adds what is wrong to `faults`. */
static void read_asked(const struct tern_app *app, const struct asked *asked, struct tern_replay_request *request,
                       struct tern_schema_faults *faults)
{
    const struct tern_replay_settings names = {.service = app->service->name, .catalogue = app->service->catalogue};
    struct tern_error err = {0};
    int64_t now_ms = tern_now(app->ctx.clock);
    tern_copy_whole(request->queue, sizeof request->queue, asked->queue);
    tern_copy_whole(request->subject, sizeof request->subject, asked->subject);
    request->from = asked->from;
    request->rate = asked->rate > 0 ? asked->rate : TERN_REPLAY_RATE;
    (void)read_moment(asked->since, "#/since", now_ms, 0, &request->since_ms, faults);
    (void)read_moment(asked->until, "#/until", now_ms, INT64_MAX, &request->until_ms, faults);
    if ((asked->from > 0) == (asked->since[0] != '\0'))
        tern_schema_fault(faults, "missing", "#/since", "must be given, or from: one of the two");
    if (tern_replay_types(&names, asked->types, &request->types, &err) < 0)
        tern_schema_fault(faults, "bad_format", "#/types", "must be names with commas between them: %s", err.text);
}

/* ---- the admin calls ---- */

static const char *const state_names[] = {[TERN_REPLAY_IDLE] = "idle",
                                          [TERN_REPLAY_RUNS] = "running",
                                          [TERN_REPLAY_DONE] = "done",
                                          [TERN_REPLAY_FAILED] = "failed",
                                          [TERN_REPLAY_STOPPED] = "stopped"};

static void print_status(const struct tern_app *app, const struct tern_replay_status *status, struct tern_text *out)
{
    const struct tern_catalogue *catalogue = app->service->catalogue;
    bool first = true;
    tern_text_printf(out, "{\"state\":\"%s\"", state_names[status->state]);
    if (status->state != TERN_REPLAY_IDLE) {
        tern_json_add_text(out, "queue", status->request.queue);
        tern_text_printf(out,
                         ",\"dryRun\":%s,\"rate\":%" PRId64 ",\"from\":%" PRId64 ",\"through\":%" PRId64
                         ",\"position\":%" PRId64 ",\"published\":%" PRId64 ",\"byType\":{",
                         status->request.dry_run ? "true" : "false", status->request.rate, status->first, status->last,
                         status->position, status->published);
        for (size_t i = 0; i < catalogue->type_count; i++) {
            if (status->by_type[i] == 0) continue;
            tern_text_printf(out, "%s\"%s\":%" PRId64, first ? "" : ",", catalogue->types[i].name, status->by_type[i]);
            first = false;
        }
        tern_text_add(out, "}");
        tern_json_add_text(out, "error", status->fault);
    }
    tern_text_add(out, "}\n");
}

static void get_replay(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    struct tern_replay_status status;
    (void)request;
    tern_replay_status(app->replay, &status);
    print_status(app, &status, &answer->body);
}

static bool read_dry_run(const struct tern_http_request *request, struct tern_http_answer *answer, bool *ret_dry_run)
{
    static const char *const known[] = {"dryRun", NULL};
    const char *text = tern_http_query(request, "dryRun");
    if (!tern_http_query_known(request, answer, known)) return false;
    *ret_dry_run = text && strcmp(text, "true") == 0;
    return !text || *ret_dry_run || strcmp(text, "false") == 0 ||
           tern_http_query_refuse(answer, "dryRun", "true or false");
}

static void post_replay(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct asked asked;
    struct tern_replay_request wanted = {.queue = ""};
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    size_t length;
    const char *body = tern_http_body(request, &length);
    if (!read_dry_run(request, answer, &wanted.dry_run)) return;
    if (tern_schema_read_body(&asked_schema, body, length, &asked, &faults, &err) == 0)
        read_asked(app, &asked, &wanted, &faults);
    if (err.text[0] || faults.count > 0) {
        tern_http_problem_body(answer, "Invalid replay", &faults, &err);
        return;
    }
    int begun = tern_replay_begin(app->replay, &wanted, &err);
    if (begun != 0) {
        tern_http_problem(answer, 409, begun > 0 ? "Replay in progress" : "Not replayed", "%s",
                          begun > 0 ? "A replay runs already: see GET /admin/replay." : err.text);
        return;
    }
    answer->status = 202;
    tern_http_set_header(answer, "Location", "/admin/replay");
    get_replay(self, request, answer);
}

static void delete_replay(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    tern_replay_stop(app->replay);
    get_replay(self, request, answer);
}

const struct tern_http_route tern_replay_routes[] = {
    {"GET",    "/admin/replay", get_replay,    TERN_HTTP_ADMIN,                  "how far the replay is, or how the last one ended"},
    {"POST",   "/admin/replay", post_replay,   TERN_HTTP_ADMIN | TERN_HTTP_JSON,
     "publishes own events again to one queue; ?dryRun=true counts"                                                                },
    {"DELETE", "/admin/replay", delete_replay, TERN_HTTP_ADMIN | TERN_HTTP_SLOW, "ends the replay"                                 },
    {NULL,     NULL,            NULL,          0,                                NULL                                              },
};

/* ---- the command line ---- */

static void copy_setting(const struct tern_app *app, const char *name, char *target, size_t size)
{
    tern_copy_cut(target, size, tern_config_text(app->config, name));
}

static int begin_by_settings(struct tern_app *app, struct tern_text *faults_text)
{
    struct asked asked = {.from = tern_config_number(app->config, "REPLAY_FROM"),
                          .rate = tern_config_number(app->config, "REPLAY_RATE")};
    struct tern_replay_request wanted = {.dry_run = strcmp(tern_config_text(app->config, "REPLAY_DRY_RUN"), "on") == 0};
    struct tern_schema_faults faults = {0};
    struct tern_error err = {0};
    copy_setting(app, "REPLAY_TO", asked.queue, sizeof asked.queue);
    copy_setting(app, "REPLAY_SINCE", asked.since, sizeof asked.since);
    copy_setting(app, "REPLAY_UNTIL", asked.until, sizeof asked.until);
    copy_setting(app, "REPLAY_TYPES", asked.types, sizeof asked.types);
    copy_setting(app, "REPLAY_SUBJECT", asked.subject, sizeof asked.subject);
    read_asked(app, &asked, &wanted, &faults);
    for (size_t i = 0; i < faults.count && i < TERN_SCHEMA_MAX_FAULTS; i++)
        tern_text_printf(faults_text, "--replay-%s %s\n", faults.items[i].pointer + 2, faults.items[i].detail);
    if (faults.count > 0) return -1;
    if (tern_replay_begin(app->replay, &wanted, &err) == 0) return 0;
    tern_text_printf(faults_text, "%s\n", err.text);
    return -1;
}

int tern_app_replay(struct tern_app *app)
{
    static const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    struct tern_replay_status status;
    struct tern_text text = {0};
    int begun = begin_by_settings(app, &text);
    if (begun < 0) (void)fputs(text.bytes, stderr);
    tern_text_fini(&text);
    if (begun < 0) return EXIT_RUNTIME;
    for (tern_replay_status(app->replay, &status); status.state == TERN_REPLAY_RUNS;
         tern_replay_status(app->replay, &status))
        (void)nanosleep(&look, NULL);
    print_status(app, &status, &text);
    (void)fputs(text.bytes, stdout);
    tern_text_fini(&text);
    return status.state == TERN_REPLAY_DONE ? 0 : EXIT_RUNTIME;
}
