/* lifecycle.c - the one start and the one stop of every service.
 *
 * Start: store, migrations, the service's own state, writer, job worker, HTTP, publisher, consumer: nothing from
 * outside comes in before everything behind it works. Stop drains in reverse: no new requests, no new deliveries; what
 * was begun is committed, what is committed is published, what is handled is acknowledged. A kill at any point is as
 * safe, only less polite. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "common/base/chaos.h"
#include "common/base/config_read.h"
#include "common/base/ids.h"
#include "common/base/log_setup.h"
#include "common/base/metrics_page.h"
#include "common/http/http_server.h"
#include "common/store/store.h"
#include "identity.h"
#include "settings.h"
#include "tern/version.h"

enum {
    EXIT_RUNTIME = 1,
    EXIT_STORAGE = 74,      /* EX_IOERR of sysexits.h */
    EXIT_CONFIG = 78,       /* EX_CONFIG */
    BODY_MAX = 1024 * 1024, /* bytes of an AMQP body that the link keeps; a larger one is dead-lettered */
    /* The stop: together less than the 10 s after which `docker stop` kills. */
    HTTP_DRAIN_MS = 2000,
    CANCEL_MS = 1000,
    FLUSH_MS = 4000
};

extern const struct tern_migration tern_core_migrations[];

static const char *text_of(const struct tern_app *app, const char *name)
{
    return tern_config_text(app->config, name);
}
static int64_t number_of(const struct tern_app *app, const char *name)
{
    return tern_config_number(app->config, name);
}

/* ---- the store ---- */

void tern_app_check_store(struct tern_app *app)
{
    struct tern_error err = {0};
    bool linked = false;
    if (tern_db_check(app->db, &linked, &err) < 0) tern_fatal(&app->fatal, &err);
    if (!linked || app->linked_said) return;
    app->linked_said = true;
    tern_log_warn(app->log, "another name leads to the store's file or log: what is read there is no backup",
                  TERN_STR("store", tern_db_path(app->db)));
}

/* In a transaction of its own: the writer does not run yet. */
static int load_identity(struct tern_app *app, struct tern_error *err)
{
    char fresh[TERN_UUID_SIZE];
    tern_ids_uuid(app->ids, fresh);
    if (tern_db_begin(app->db, err) < 0) return -1;
    if (tern_identity_load(app->db, fresh, app->store, err) == 0) return tern_db_commit(app->db, err);
    tern_db_rollback(app->db);
    return -1;
}

/* A connection for one part; all parts of the simulation share its store. */
static int open_reader(const struct tern_app *app, struct tern_db **ret_db, struct tern_error *err)
{
    *ret_db = app->seams.store;
    return *ret_db ? 0 : tern_db_open_reader(text_of(app, "DATABASE_URL"), ret_db, err);
}

/* The order matters: migrations before anything is read, the identity before the receipts that may adopt a queue. What
 * the publisher starts from is read here, before anybody else writes. */
static int open_store(struct tern_app *app, struct tern_outbox_state *ret_outbox, struct tern_error *err)
{
    app->db = app->seams.store;
    if (!app->db && tern_db_open(text_of(app, "DATABASE_URL"), &app->db, err) < 0) return -1;
    app->fatal.db = app->db;
    if (tern_db_is_new(app->db)) /* the only hint that its folder was renamed, or is not mounted */
        tern_log_warn(app->log, "a new, empty store was made", TERN_STR("store", tern_db_path(app->db)));
    if (tern_db_is_exposed(app->db))
        tern_log_warn(app->log, "other users have rights on the store's file, which cannot be taken from them",
                      TERN_STR("store", tern_db_path(app->db)));
    if (tern_db_migrate(app->db, "core", tern_core_migrations, err) < 0 ||
        tern_db_migrate(app->db, "service", app->service->migrations, err) < 0 || load_identity(app, err) < 0 ||
        tern_receipts_load(&app->receipts, app->db, tern_config_adopts_queue(app->config), err) < 0 ||
        tern_outbox_state(app->db, ret_outbox, err) < 0 || tern_links_load_online(&app->links, app->db, err) < 0 ||
        open_reader(app, &app->publisher_db, err) < 0 || open_reader(app, &app->worker_db, err) < 0)
        return -1;
    tern_running_init(&app->running);
    return tern_readers_init(&app->readers, text_of(app, "DATABASE_URL"));
}

/* Last, when nobody writes: a service that worked checks that its files are still those that it opened. */
static void close_store(struct tern_app *app)
{
    struct tern_error err = {0};
    tern_db_close(app->projector_db);
    tern_db_close(app->worker_db);
    tern_db_close(app->publisher_db);
    if (app->http && app->db && tern_db_check_unchanged(app->db, &err) < 0) tern_fatal(&app->fatal, &err);
    tern_db_close(app->db);
}

/* ---- the parts ---- */

/* What all other parts depend on; needs no store, so a failure after it can always be logged. */
static void init_shared(struct tern_app *app)
{
    const struct tern_service *service = app->service;
    const struct tern_app_seams *seams = &app->seams;
    enum tern_log_level level = TERN_LOG_INFO;
    enum tern_log_format format = TERN_LOG_AUTO;
    (void)tern_log_level_parse(text_of(app, "LOG_LEVEL"), &level);
    (void)tern_log_format_parse(text_of(app, "LOG_FORMAT"), &format);
    app->log = tern_log_create(service->name, level, format, seams->log_fd, seams->clock);
    app->writer_log = tern_log_create_buffered(app->log);
    app->ids = tern_ids_create(seams->clock, seams->seed);
    app->metrics = tern_metrics_create(service->metrics);
    tern_metric_set(app->metrics, &TERN_METRIC_build_info, 1, TERN_VERSION, TERN_REVISION);
    app->fatal.log = app->log;
    tern_work_init(&app->queue, seams->clock);
    app->queue.step = seams->step;
    app->queue.self = seams->self;
    tern_links_init(&app->links, &app->queue, app->log, app->metrics);
    app->links.service = service->name;
    app->links.store = app->store;
    tern_receipts_init(&app->receipts, &app->queue, service->catalogue, service->name);
    app->receipts.log = app->log;
    app->receipts.metrics = app->metrics;
}

/* The writer, and the parts that it calls. */
static void create_writer(struct tern_app *app, const struct tern_outbox_state *outbox)
{
    const struct tern_service *service = app->service;
    const struct tern_handlers handlers = {service->handlers, service->handler_count};
    int64_t backoff_ms = number_of(app, "RETRY_BACKOFF_MS"), most_attempts = number_of(app, "RETRY_MAX_ATTEMPTS");
    app->ctx = (struct tern_context){.db = app->db,
                                     .clock = app->seams.clock,
                                     .ids = app->ids,
                                     .log = app->writer_log,
                                     .metrics = app->metrics,
                                     .config = app->config,
                                     .catalogue = service->catalogue,
                                     .service = service->name,
                                     .self = app->self,
                                     .last_seq = outbox->last_seq,
                                     .online_ms = app->links.online.saved_ms};
    tern_backlog_init(&app->backlog, &app->queue, outbox);
    app->backlog.most = number_of(app, "BACKLOG_MAX");
    app->backlog.most_age_ms = number_of(app, "BACKLOG_MAX_AGE_S") * 1000;
    app->timers = (struct tern_timers){
        .kinds = service->timers, .links = service->timers_need_broker ? &app->links : NULL, .backoff_ms = backoff_ms};
    app->retries = tern_retries_create(&(struct tern_retries_settings){
        .queue = &app->queue, .handlers = handlers, .most_attempts = most_attempts, .backoff_ms = backoff_ms});
    app->deliveries = tern_deliveries_create(&(struct tern_deliveries_settings){
        .queue = &app->queue, .retries = app->retries, .handlers = handlers, .numbers = &app->receipts.numbers});
    tern_upkeep_init(&app->upkeep, &app->queue);
    app->writer = tern_writer_create(app, (int)number_of(app, "BATCH_MAX"));
    if (!service->jobs) return;
    app->worker = tern_job_worker_create(&(struct tern_job_worker_settings){.kinds = service->jobs,
                                                                            .self = app->self,
                                                                            .queue = &app->queue,
                                                                            .reader = app->worker_db,
                                                                            .clock = app->seams.clock,
                                                                            .ids = app->ids,
                                                                            .metrics = app->metrics,
                                                                            .backoff_ms = backoff_ms,
                                                                            .most_attempts = most_attempts,
                                                                            .log = app->log,
                                                                            .fatal = &app->fatal,
                                                                            .links = &app->links});
}

static int create_projector(struct tern_app *app, struct tern_error *err)
{
    if (!app->service->projections) return 0;
    if (open_reader(app, &app->projector_db, err) < 0) return -1;
    app->projector = tern_projector_create(&(struct tern_projector_settings){.projections = app->service->projections,
                                                                             .catalogue = app->service->catalogue,
                                                                             .queue = &app->queue,
                                                                             .reader = app->projector_db,
                                                                             .log = app->log,
                                                                             .metrics = app->metrics,
                                                                             .clock = app->seams.clock,
                                                                             .last_seq = app->ctx.last_seq},
                                           err);
    return app->projector ? 0 : -1;
}

/* The service's first state, in one transaction. The last line moves schema and state from the WAL into the database
 * file, so that a copy of that file alone is a store from the first day on. */
static int prepare(struct tern_app *app, struct tern_error *err)
{
    struct tern_context *ctx = &app->ctx;
    ctx->now_ms = tern_now(ctx->clock);
    tern_ids_uuid(app->ids, ctx->conversation.correlation_id);
    tern_ids_traceparent(app->ids, NULL, ctx->conversation.traceparent);
    if (tern_retries_load(app->retries, ctx, err) < 0) return -1;
    if (tern_db_begin(app->db, err) < 0) return -1;
    if (app->service->prepare && app->service->prepare(ctx, err) < 0) {
        tern_db_rollback(app->db);
        return -1;
    }
    if (tern_db_commit(app->db, err) < 0) return -1;
    tern_log_flush(app->writer_log);
    tern_backlog_add(&app->backlog, ctx);
    return tern_db_maintain(app->db, true, err) < 0 && err->fault == TERN_FAULT_BROKEN ? -1 : 0;
}

/* Publisher before consumer, which reports to it. */
static int create_links(struct tern_app *app, const struct tern_outbox_state *outbox, struct tern_error *err)
{
    const struct tern_service *service = app->service;
    const struct tern_amqp_settings link = {.url = text_of(app, "AMQP_URL"),
                                            .ca_file = text_of(app, "AMQP_CA_FILE"),
                                            .body_max = BODY_MAX,
                                            .clock = app->seams.clock};
    const struct tern_publisher_settings publisher = {.link = link,
                                                      .service = service->name,
                                                      .queue_type = text_of(app, "QUEUE_TYPE"),
                                                      .window = (unsigned)number_of(app, "PUBLISH_WINDOW"),
                                                      .catalogue = service->catalogue,
                                                      .reader = app->publisher_db,
                                                      .start = *outbox,
                                                      .retry_base_ms = number_of(app, "RETRY_BACKOFF_MS"),
                                                      .seed = app->seams.seed,
                                                      .backlog = &app->backlog,
                                                      .links = &app->links,
                                                      .fatal = &app->fatal,
                                                      .queue = &app->queue,
                                                      .needs_queue = true,
                                                      .store = app->store,
                                                      .republish_ms = number_of(app, "REPUBLISH_WINDOW_S") * 1000,
                                                      .beacon_ms = app->seams.beacon_ms,
                                                      .log = app->log,
                                                      .metrics = app->metrics};
    if (tern_publisher_create(&publisher, &app->publisher, err) < 0) return -1;
    app->receipts.publisher = app->publisher;
    app->replay = tern_replay_create(&(struct tern_replay_settings){.link = link,
                                                                    .database_url = text_of(app, "DATABASE_URL"),
                                                                    .service = service->name,
                                                                    .catalogue = service->catalogue,
                                                                    .log = app->log});
    const struct tern_consumer_settings consumer = {
        .link = link,
        .queue = service->name,
        .queue_type = text_of(app, "QUEUE_TYPE"),
        .prefetch = (uint16_t)number_of(app, "PREFETCH"),
        .catalogue = service->catalogue,
        .store = app->store,
        .adopt_queue = tern_config_adopts_queue(app->config),
        .counts = service->watches_dead_letters ? service->catalogue->dead_letter_exchange : NULL,
        .deliveries = app->deliveries,
        .links = &app->links,
        .publisher = app->publisher,
        .receipts = &app->receipts,
        .metrics = app->metrics};
    return tern_consumer_create(&consumer, &app->consumer, err);
}

static void on_connections_refused(void *self, uint64_t connections, const char *peer)
{
    const struct tern_app *app = self;
    tern_log_warn(app->log, "HTTP connections refused: the limit is reached and none is idle",
                  TERN_INT("connections", connections), TERN_STR("lastFrom", peer));
}

/* A service without routes of its own has those of every daemon. */
static int start_http(struct tern_app *app, const char *admin_token, struct tern_error *err)
{
    const struct tern_http_settings settings = {.address = text_of(app, "HTTP_ADDR"),
                                                .port = (uint16_t)number_of(app, "PORT"),
                                                .admin_token = admin_token,
                                                .connection_limit = (unsigned)number_of(app, "HTTP_CONNECTIONS"),
                                                .per_address_limit =
                                                    (unsigned)number_of(app, "HTTP_CONNECTIONS_PER_ADDRESS"),
                                                .header_deadline_ms = 10000,
                                                .request_deadline_ms = 30000,
                                                .clock = app->seams.clock,
                                                .ids = app->ids,
                                                .metrics = app->metrics,
                                                .refused = on_connections_refused,
                                                .self = app};
    const struct tern_http_routes routes[] = {
        {app->service->routes,   app},
        {tern_operations_routes, app},
        {tern_parked_routes,     app},
        {tern_backup_routes,     app},
        {tern_projection_routes, app},
        {tern_replay_routes,     app},
    };
    size_t count = TERN_COUNT(routes);
    bool own = app->service->routes;
    return tern_http_start(&settings, own ? routes : routes + 1, own ? count : count - 1, &app->http, err);
}

/* ---- start ---- */

/* One line with every version and address: what a bug report needs. */
static void say_hello(struct tern_app *app)
{
    struct tern_text broker = {0};
    tern_config_mask_url(text_of(app, "AMQP_URL"), &broker);
    tern_log_info(app->log, "started", TERN_STR("version", TERN_VERSION), TERN_STR("revision", TERN_REVISION),
                  TERN_STR("http", text_of(app, "HTTP_ADDR")), TERN_INT("port", tern_http_port(app->http)),
                  TERN_STR("broker", broker.bytes), TERN_STR("store", text_of(app, "DATABASE_URL")),
                  TERN_STR("rabbitmqC", tern_amqp_version()), TERN_STR("libmicrohttpd", tern_http_version()),
                  TERN_STR("cjson", tern_json_version()), TERN_STR("sqlite", tern_db_version()),
                  TERN_STR("library", app->service->library ? app->service->library() : NULL));
    tern_text_fini(&broker);
}

/* Until the writer's thread starts, this thread is the writer. */
int tern_app_build(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   const struct tern_app_seams *seams, struct tern_error *err)
{
    struct tern_outbox_state outbox;
    memset(app, 0, sizeof *app);
    app->service = service;
    app->config = config;
    app->seams = *seams;
    init_shared(app);
    if (open_store(app, &outbox, err) < 0) return EXIT_STORAGE;
    TERN_CHAOS_POINT("start.after_open");
    if (service->open && service->open(config, app->log, &app->self, err) < 0) return EXIT_CONFIG;
    create_writer(app, &outbox);
    if (prepare(app, err) < 0 || create_projector(app, err) < 0 || create_links(app, &outbox, err) < 0)
        return err->fault == TERN_FAULT_OTHER ? EXIT_CONFIG : EXIT_STORAGE;
    tern_publisher_committed(app->publisher, app->ctx.last_seq); /* from here on the context is the writer's alone */
    return 0;
}

/* Writer first, consumer last: deliveries come only when everything that they need runs. */
int tern_app_start(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   struct tern_error *err)
{
    const struct tern_app_seams machine = {.clock = &tern_clock_system, .log_fd = STDERR_FILENO};
    char admin_token[TERN_ADMIN_TOKEN_SIZE] = "";
    (void)mallopt(M_ARENA_MAX, 2); /* glibc: one heap per HTTP thread would cost far more than the contention */
    int status = tern_app_build(app, service, config, &machine, err);
    if (status != 0) goto failed;
    status = EXIT_CONFIG;
    if (tern_app_admin_token(app, config, admin_token, err) < 0) goto failed;
    status = EXIT_RUNTIME;
    if (tern_writer_start(app->writer, err) < 0 || tern_job_worker_start(app->worker, err) < 0 ||
        tern_projector_start(app->projector, err) < 0 || start_http(app, admin_token, err) < 0 ||
        tern_publisher_start(app->publisher, err) < 0 || tern_consumer_start(app->consumer, err) < 0)
        goto failed;
    explicit_bzero(admin_token, sizeof admin_token);
    say_hello(app);
    return 0;

failed:
    explicit_bzero(admin_token, sizeof admin_token);
    tern_log_error(app->log, "could not start", TERN_STR("err", err->text));
    return status;
}

/* ---- stop ---- */

/* A command that only waits for its turn. */
static enum tern_outcome nothing(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    (void)ctx;
    (void)argument;
    (void)err;
    return TERN_DONE;
}

/* Each part is drained before the parts that it hands its work to. Every call accepts a part that was never made. */
void tern_app_stop(struct tern_app *app)
{
    const struct tern_conversation silent = {0};
    const bool served = app->http; /* false: the start failed before HTTP */

    tern_work_drain(&app->queue);
    if (served) tern_log_info(app->log, "stopping: finishing what is in hand", TERN_LOG_END);
    tern_http_stop(app->http, HTTP_DRAIN_MS);
    tern_consumer_cancel(app->consumer, CANCEL_MS);
    tern_deliveries_drain(app->deliveries);
    tern_retries_drain(app->retries);
    TERN_CHAOS_POINT("stop.drained");
    tern_job_worker_stop(app->worker);
    tern_projector_stop(app->projector);
    tern_replay_destroy(app->replay);
    /* Waits until everything queued before it is committed, or the store takes nothing. */
    if (served) (void)tern_work_command(&app->queue, nothing, NULL, &silent, NULL);
    tern_publisher_flush(app->publisher, FLUSH_MS);
    tern_publisher_stop(app->publisher);
    tern_writer_stop(app->writer);
    tern_consumer_stop(app->consumer);
    tern_writer_stop(app->writer); /* deliveries of a broker that never answered the cancel */
    if (served) {
        tern_app_check_store(app); /* "stopped" promises that the next start has everything */
        tern_log_info(app->log, "stopped", TERN_INT("unpublished", atomic_load(&app->backlog.pending)));
    }
    if (app->service->close) app->service->close(app->self); /* before the worker, which its threads may still wake */

    tern_consumer_destroy(app->consumer);
    tern_publisher_destroy(app->publisher);
    tern_job_worker_destroy(app->worker);
    tern_projector_destroy(app->projector);
    tern_deliveries_destroy(app->deliveries);
    tern_retries_destroy(app->retries);
    tern_writer_destroy(app->writer);
    if (app->readers.url) tern_running_fini(&app->running);
    tern_readers_fini(&app->readers);
    if (!app->seams.store) close_store(app);
    tern_text_fini(&app->ctx.scratch);
    tern_receipts_fini(&app->receipts);
    tern_links_fini(&app->links);
    tern_work_fini(&app->queue);
    tern_metrics_destroy(app->metrics);
    tern_ids_destroy(app->ids);
    tern_log_destroy(app->writer_log);
    tern_log_destroy(app->log);
}
