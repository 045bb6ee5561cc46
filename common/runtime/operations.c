/* operations.c - the routes of every daemon: is it alive, is it ready and why not, its metrics, its version.
 *
 * They read atomics and registries only, never the store, so they answer whatever else is stuck. */
#include <string.h>

#include "app.h"
#include "tern/version.h"

static void add_check(struct tern_text *body, bool *first, const char *name, const char *status, const char *why)
{
    tern_text_printf(body, "%s\"%s\":{\"status\":\"%s\"", *first ? "" : ",", name, status);
    if (why) {
        tern_text_add(body, ",\"output\":");
        tern_json_write_string(body, why);
    }
    tern_text_add(body, "}");
    *first = false;
}

/* One line of readiness: a name, what is wrong with it, and how bad that is. */
struct check {
    const char *name;
    const char *why; /* NULL: pass */
    bool fails;      /* else only a warning */
};

static const char *undeclared_because(const struct tern_app *app)
{
    if (app->consumer && tern_consumer_state(app->consumer).connects > 0)
        return "not declared yet: the broker was reached but has not accepted it, the log says why";
    return "not declared yet: the broker was not reached since the start";
}

static size_t checks_of(const struct tern_app *app, struct check checks[5])
{
    const struct tern_status *status = &app->status;
    size_t n = 0;
    bool up = atomic_load(&status->consumer_up) && atomic_load(&status->publisher_up);
    checks[n++] = (struct check){"service", atomic_load(&status->draining) ? "stopping" : NULL, true};
    checks[n++] = (struct check){"store",
                                 atomic_load(&status->store_refused) ? "the last transaction did not commit"
                                 : atomic_load(&status->disk_low)    ? "the disk is nearly full"
                                                                     : NULL,
                                 true};
    checks[n++] = (struct check){"topology", atomic_load(&status->declared) ? NULL : undeclared_because(app), true};
    checks[n++] = (struct check){"broker",
                                 !up                             ? "not connected, trying again"
                                 : atomic_load(&status->blocked) ? "the broker takes no messages now"
                                                                 : NULL,
                                 false};
    checks[n++] = (struct check){"backlog", tern_app_backlog_fault(app), true};
    return n;
}

static void get_readyz(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    struct check checks[5];
    size_t count = checks_of(app, checks);
    const char *overall = "pass";
    struct tern_text body = {0};
    bool first = true;
    (void)request;
    for (size_t i = 0; i < count; i++) {
        const char *status = !checks[i].why ? "pass" : checks[i].fails ? "fail" : "warn";
        if (checks[i].why && strcmp(overall, "fail") != 0) overall = status;
        add_check(&body, &first, checks[i].name, status, checks[i].why);
    }
    answer->status = strcmp(overall, "fail") == 0 ? 503 : 200;
    answer->content_type = "application/health+json";
    tern_text_printf(&answer->body, "{\"status\":\"%s\",\"service\":\"%s\",\"checks\":{%s}}\n", overall,
                     app->service->name, body.bytes);
    tern_text_fini(&body);
}

static void get_livez(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    answer->content_type = "application/health+json";
    tern_text_add(&answer->body, "{\"status\":\"pass\"}\n");
}

static void get_metrics(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    (void)request;
    tern_metric_set(app->metrics, &TERN_METRIC_outbox_pending, (double)atomic_load(&app->status.pending), NULL, NULL);
    tern_metric_set(app->metrics, &TERN_METRIC_outbox_oldest_age_seconds, (double)tern_app_oldest_age_ms(app) / 1000,
                    NULL, NULL);
    tern_metric_set(app->metrics, &TERN_METRIC_online_seconds,
                    (double)tern_online_ms(&app->online, tern_steady(app->ctx.clock)) / 1000, NULL, NULL);
    if (app->service->gauges) app->service->gauges(app);
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    tern_metrics_print(app->metrics, &answer->body);
}

static void get_version(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct tern_app *app = self;
    (void)request;
    tern_text_printf(
        &answer->body,
        "{\"service\":\"%s\",\"version\":\"%s\",\"revision\":\"%s\",\"libraries\":[\"%s\",\"%s\",\"cJSON %s\",\"%s\"",
        app->service->name, TERN_VERSION, TERN_REVISION, tern_amqp_version(), tern_http_version(), tern_json_version(),
        tern_db_version());
    if (app->service->library) tern_text_printf(&answer->body, ",\"%s\"", app->service->library());
    tern_text_add(&answer->body, "]}\n");
}

const struct tern_http_route tern_operations_routes[] = {
    {"GET", "/livez",   get_livez,   TERN_HTTP_OPEN, "the process runs"                               },
    {"GET", "/readyz",  get_readyz,  TERN_HTTP_OPEN, "the service can do what it is asked, or why not"},
    {"GET", "/healthz", get_readyz,  TERN_HTTP_OPEN, "the same"                                       },
    {"GET", "/metrics", get_metrics, TERN_HTTP_OPEN, "Prometheus text"                                },
    {"GET", "/version", get_version, TERN_HTTP_OPEN, "what runs, and on which libraries"              },
    {NULL,  NULL,       NULL,        0,              NULL                                             },
};
