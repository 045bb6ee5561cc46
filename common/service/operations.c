/* operations.c - the routes of every daemon: is it alive, is it ready and why not, its metrics, its version.
 *
 * They read atomics and registries only, never the store, so they answer whatever else is stuck. The format is that of
 * draft-inadarei-api-health-check: application/health+json with pass, warn, fail. */
#include <stdio.h>
#include <string.h>

#include "app.h"
#include "common/base/metrics_page.h"
#include "common/http/http_server.h"
#include "common/store/store.h"
#include "tern/version.h"

struct tern_readiness {
    struct tern_text checks; /* members of a JSON object */
    enum tern_check worst;
};

static const char *const check_names[] = {
    [TERN_CHECK_PASS] = "pass", [TERN_CHECK_WARN] = "warn", [TERN_CHECK_FAIL] = "fail"};

void tern_readiness_add(struct tern_readiness *readiness, const char *name, enum tern_check check, const char *why)
{
    struct tern_text *checks = &readiness->checks;
    if (!why) check = TERN_CHECK_PASS;
    if (check > readiness->worst) readiness->worst = check;
    tern_text_printf(checks, "%s\"%s\":{\"status\":\"%s\"", checks->length > 0 ? "," : "", name, check_names[check]);
    if (check != TERN_CHECK_PASS) {
        tern_text_add(checks, ",\"output\":");
        tern_json_write_string(checks, why);
    }
    tern_text_add(checks, "}");
}

enum { BECAUSE_SIZE = TERN_SENTENCE_SIZE + 40 }; /* a reason with its introduction */

/* Why the topology is not declared: the link's own reason, once the broker was reached at all. `text` is its space. */
static const char *undeclared_because(struct tern_app *app, char text[BECAUSE_SIZE])
{
    char why[TERN_SENTENCE_SIZE];
    const struct tern_amqp_link_state none = {0};
    struct tern_amqp_link_state link = app->consumer ? tern_consumer_state(app->consumer) : none;
    bool reached = link.connects > 0 || link.trouble > TERN_AMQP_UNREACHED;
    if (!tern_links_lost_because(&app->links, why) || !reached)
        return "not declared yet: the broker was not reached since the start";
    (void)snprintf(text, BECAUSE_SIZE, "not declared yet: %s", why);
    return text;
}

/* NULL: both links are up and the broker takes messages. */
static const char *broker_fault(struct tern_app *app, char text[BECAUSE_SIZE])
{
    const struct tern_links *links = &app->links;
    char why[TERN_SENTENCE_SIZE];
    if (atomic_load(&links->up[TERN_LINK_CONSUMER]) && atomic_load(&links->up[TERN_LINK_PUBLISHER]))
        return atomic_load(&links->blocked) ? "the broker takes no messages now" : NULL;
    bool known = tern_links_lost_because(&app->links, why);
    (void)snprintf(text, BECAUSE_SIZE, "not connected, trying again%s%s", known ? ": " : "", known ? why : "");
    return text;
}

/* A stall fills the backlog, so its reason is given with both. */
static void add_publishing(const struct tern_app *app, struct tern_readiness *readiness)
{
    struct tern_text stall = {0}, full = {0};
    char since[TERN_TIME_SIZE];
    const char *fault = tern_backlog_fault(&app->backlog);
    int64_t stalled_ms = app->publisher ? tern_publisher_stalled_ms(app->publisher) : 0;
    tern_time_format(tern_now(app->ctx.clock) - stalled_ms, since);
    if (stalled_ms != 0)
        tern_text_printf(&stall,
                         "the broker refuses or does not confirm what is published since %s: a queue bound by "
                         "somebody else may be full",
                         since);
    if (fault) tern_text_printf(&full, "%s%s%s", fault, stall.bytes ? ": " : "", stall.bytes ? stall.bytes : "");
    tern_readiness_add(readiness, "publishing", TERN_CHECK_WARN, stall.bytes);
    tern_readiness_add(readiness, "backlog", TERN_CHECK_FAIL, full.bytes);
    tern_text_fini(&stall);
    tern_text_fini(&full);
}

/* The checks of every service. FAIL only where orders cannot be accepted: a broker that is away is a warning, because
 * the backlog takes them. */
static void add_own(struct tern_app *app, struct tern_readiness *readiness)
{
    char text[BECAUSE_SIZE], standby[TERN_SENTENCE_SIZE];
    tern_readiness_add(readiness, "service", TERN_CHECK_FAIL, tern_work_draining(&app->queue) ? "stopping" : NULL);
    const char *store = atomic_load(&app->status.disk_low) ? "the disk is nearly full" : NULL;
    if (atomic_load(&app->status.store_refused)) store = "the last transaction did not commit";
    tern_readiness_add(readiness, "store", TERN_CHECK_FAIL, store);
    tern_readiness_add(readiness, "topology", TERN_CHECK_FAIL,
                       atomic_load(&app->links.declared) ? NULL : undeclared_because(app, text));
    int owner = tern_links_standby(&app->links, standby);
    tern_readiness_add(readiness, "owner", owner > 1 ? TERN_CHECK_FAIL : TERN_CHECK_WARN,
                       owner > 0 ? standby : tern_links_unguarded(&app->links));
    tern_readiness_add(readiness, "broker", TERN_CHECK_WARN, broker_fault(app, text));
    add_publishing(app, readiness);
    if (atomic_load(&app->admin_closed))
        tern_readiness_add(readiness, "adminToken", TERN_CHECK_WARN,
                           "the admin token must not be used, the log says why: the admin calls are closed");
}

static void add_projections(struct tern_app *app, struct tern_readiness *readiness)
{
    struct tern_projector_status status;
    struct tern_text why = {0};
    if (!app->projector) return;
    for (size_t i = 0; tern_projector_status(app->projector, i, &status); i++)
        if (status.stalled[0] != '\0')
            tern_text_printf(&why, "%s%s stands at event %lld: %s", why.length > 0 ? "; " : "", status.projection->name,
                             (long long)status.progress.position, status.stalled);
    tern_readiness_add(readiness, "projections", TERN_CHECK_WARN, why.bytes);
    tern_text_fini(&why);
}

/* What did not arrive, and what the broker gave up. */
static void add_receipts(struct tern_app *app, struct tern_readiness *readiness)
{
    char why[TERN_RECEIPTS_SIZE];
    long long dead = atomic_load(&app->receipts.dead);
    tern_receipts_why(&app->receipts, why);
    tern_readiness_add(readiness, "events", TERN_CHECK_WARN, why[0] != '\0' ? why : NULL);
    if (!app->service->watches_dead_letters) return;
    (void)snprintf(why, sizeof why, "%lld messages lie in %s", dead, app->service->catalogue->dead_letter_exchange);
    tern_readiness_add(readiness, "deadLetters", TERN_CHECK_WARN, dead > 0 ? why : NULL);
}

/* A warning does not take a service out of a load balancer; one failure does. */
static void get_readyz(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_readiness readiness = {.worst = TERN_CHECK_PASS};
    (void)request;
    add_own(app, &readiness);
    add_receipts(app, &readiness);
    add_projections(app, &readiness);
    if (app->service->checks) app->service->checks(app, &readiness);
    answer->status = readiness.worst == TERN_CHECK_FAIL ? 503 : 200;
    answer->content_type = "application/health+json";
    tern_text_printf(&answer->body, "{\"status\":\"%s\",\"service\":\"%s\",\"checks\":{%s}}\n",
                     check_names[readiness.worst], app->service->name, readiness.checks.bytes);
    tern_text_fini(&readiness.checks);
}

/* That it answers is the answer. */
static void get_livez(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    (void)request;
    answer->content_type = "application/health+json";
    tern_text_add(&answer->body, "{\"status\":\"pass\"}\n");
}

/* Gauges that only reading brings up to date are set here. */
static void get_metrics(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    (void)request;
    tern_metric_set(app->metrics, &TERN_METRIC_outbox_pending, (double)atomic_load(&app->backlog.pending), NULL, NULL);
    tern_metric_set(app->metrics, &TERN_METRIC_outbox_oldest_age_seconds,
                    (double)tern_backlog_oldest_age_ms(&app->backlog) / 1000, NULL, NULL);
    tern_metric_set(app->metrics, &TERN_METRIC_publish_stalled_seconds,
                    (double)tern_publisher_stalled_ms(app->publisher) / 1000, NULL, NULL);
    tern_metric_set(app->metrics, &TERN_METRIC_online_seconds, (double)tern_links_online_ms(&app->links) / 1000, NULL,
                    NULL);
    struct tern_projector_status status;
    for (size_t i = 0; tern_projector_status(app->projector, i, &status); i++)
        tern_metric_set(app->metrics, &TERN_METRIC_projection_behind_events, (double)status.progress.behind,
                        status.projection->name, NULL);
    if (app->service->gauges) app->service->gauges(app);
    answer->content_type = "text/plain; version=0.0.4; charset=utf-8";
    tern_metrics_print(app->metrics, &answer->body);
}

/* The libraries as loaded, not as compiled against. */
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
