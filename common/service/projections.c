/* projections.c - how far the read models are, and rebuilding them: GET /admin/projections, POST
 * /admin/projections/rebuild, and --rebuild-projections for a service that does not run. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "app.h"
#include "common/store/store.h"
#include "tern/schema.h"

enum { EXIT_RUNTIME = 1, LOOK_MS = 200, RESERVE_BYTES = 32 * 1024 * 1024 /* left free */ };

static const char *const state_names[] = {[TERN_REBUILD_NONE] = "none",
                                          [TERN_REBUILD_WAITS] = "waiting",
                                          [TERN_REBUILD_RUNS] = "running",
                                          [TERN_REBUILD_DONE] = "done",
                                          [TERN_REBUILD_FAILED] = "failed"};

bool tern_app_projection(struct tern_app *app, const char *name, struct tern_projection_progress *ret_progress)
{
    struct tern_projector_status status;
    for (size_t i = 0; tern_projector_status(app->projector, i, &status); i++) {
        if (strcmp(status.projection->name, name) != 0) continue;
        *ret_progress = status.progress;
        return true;
    }
    return false;
}

/* A rebuild that filled the disk would stop the service from taking anything in. The tables are a part of the store, so
 * as much as all of it is enough. -1 with a sentence. */
static int check_room(const struct tern_app *app, struct tern_error *err)
{
    struct tern_db_room room;
    tern_db_room(app->db, &room);
    int64_t needed = room.store_bytes + room.log_bytes + RESERVE_BYTES;
    if (room.free_bytes >= needed) return 0;
    return tern_error_fault(err, TERN_FAULT_FULL,
                            "a rebuild needs room for a second copy of the tables: %" PRId64
                            " bytes are free on the disk of the store, %" PRId64 " would be enough",
                            room.free_bytes, needed);
}

/* ---- the admin calls ---- */

static void print_status(const struct tern_projector_status *status, struct tern_text *out)
{
    const struct tern_projection_progress *progress = &status->progress;
    tern_text_printf(out, "{\"name\":\"%s\",\"inUnit\":%s,\"position\":%" PRId64 ",\"behind\":%" PRId64,
                     status->projection->name, status->projection->in_unit ? "true" : "false", progress->position,
                     progress->behind);
    tern_json_add_text(out, "stalled", status->stalled);
    tern_text_printf(out, ",\"rebuild\":{\"state\":\"%s\"", state_names[status->rebuild]);
    if (status->rebuild > TERN_REBUILD_WAITS)
        tern_text_printf(out, ",\"events\":%" PRId64 ",\"of\":%" PRId64 ",\"ms\":%" PRId64, status->rebuilt_events,
                         progress->position + progress->behind, status->rebuild_ms);
    tern_json_add_text(out, "error", status->rebuild_fault);
    tern_text_add(out, "}}");
}

static void get_projections(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    struct tern_projector_status status;
    (void)request;
    tern_text_add(&answer->body, "{\"projections\":[");
    for (size_t i = 0; tern_projector_status(app->projector, i, &status); i++) {
        if (i > 0) tern_text_add(&answer->body, ",");
        print_status(&status, &answer->body);
    }
    tern_text_add(&answer->body, "]}\n");
}

struct rebuild_body {
    char projection[TERN_ID_SIZE];
};
static const struct tern_field rebuild_fields[] = {
    TERN_FIELD(struct rebuild_body, "projection", projection, TERN_KIND_ID, optional, 0, 0),
};
static const struct tern_schema rebuild_schema = TERN_SCHEMA_OF(struct rebuild_body, rebuild_fields);

static void post_rebuild(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    struct rebuild_body asked = {""};
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    size_t length;
    const char *body = tern_http_body(request, &length);
    if (length > 0 && tern_schema_read_body(&rebuild_schema, body, length, &asked, &faults, &err) < 0) {
        tern_http_problem_body(answer, "Invalid rebuild", &faults, &err);
        return;
    }
    if (check_room(app, &err) < 0) {
        tern_http_problem(answer, 507, "Insufficient storage", "%s", err.text);
        return;
    }
    const char *name = asked.projection[0] ? asked.projection : NULL;
    switch (tern_projector_rebuild(app->projector, name)) {
    case TERN_REBUILD_BEGUN:
        answer->status = 202;
        get_projections(self, request, answer);
        tern_http_set_header(answer, "Location", "/admin/projections");
        break;
    case TERN_REBUILD_RUNS_ALREADY:
        tern_http_problem(answer, 409, "Rebuild in progress", "A rebuild runs already: see GET /admin/projections.");
        break;
    case TERN_REBUILD_UNKNOWN:
        tern_http_problem(answer, 404, "Projection not found", "%s has no projection%s%s: see GET /admin/projections.",
                          app->service->name, name ? " " : "", name ? name : "");
        break;
    }
}

const struct tern_http_route tern_projection_routes[] = {
    {"GET",  "/admin/projections",         get_projections, TERN_HTTP_ADMIN,
     "how far the read models have folded the log, and how their rebuilds went"                            },
    {"POST", "/admin/projections/rebuild", post_rebuild,    TERN_HTTP_ADMIN | TERN_HTTP_JSON_OPTIONAL,
     "rebuilds them from the log while the service goes on; {projection} for one"                          },
    {NULL,   NULL,                         NULL,            0,                                         NULL},
};

/* ---- the command line ---- */

/* A line for each projection at its end. */
static bool report(struct tern_app *app)
{
    struct tern_projector_status status;
    bool good = true;
    for (size_t i = 0; tern_projector_status(app->projector, i, &status); i++) {
        bool done = status.rebuild == TERN_REBUILD_DONE;
        int64_t ms = status.rebuild_ms > 0 ? status.rebuild_ms : 1;
        if (done)
            printf("%s: rebuilt from %" PRId64 " events in %" PRId64 ".%" PRId64 " s (%" PRId64 " events/s)\n",
                   status.projection->name, status.rebuilt_events, ms / 1000, ms % 1000 / 100,
                   status.rebuilt_events * 1000 / ms);
        else
            (void)fprintf(stderr, "%s: not rebuilt: %s\n", status.projection->name, status.rebuild_fault);
        good = good && done;
    }
    return good;
}

int tern_app_rebuild(struct tern_app *app)
{
    static const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    struct tern_error err = {0};
    if (!app->projector) {
        printf("%s has no projections: there is nothing to rebuild\n", app->service->name);
        return 0;
    }
    if (check_room(app, &err) < 0 || tern_writer_start(app->writer, &err) < 0 ||
        tern_projector_start(app->projector, &err) < 0) {
        (void)fprintf(stderr, "%s\n", err.text);
        return EXIT_RUNTIME;
    }
    (void)tern_projector_rebuild(app->projector, NULL);
    while (tern_projector_rebuilding(app->projector))
        (void)nanosleep(&look, NULL);
    return report(app) ? 0 : EXIT_RUNTIME;
}
