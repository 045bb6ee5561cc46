/* lifecycle.c - the one start and stop sequence of every service, and the wires between its lanes.
 *
 * Start: store, migrations, the service's own state, writer, job lane, HTTP, publisher, consumer. Stop: the reverse,
 * draining: no new requests, no new deliveries, what is in hand is committed, what is committed is published,
 * what is handled is acknowledged. A kill at any point is as safe as this, only less polite. */
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "app.h"
#include "settings.h"
#include "tern/chaos.h"
#include "tern/identity.h"
#include "tern/version.h"

enum {
    EXIT_RUNTIME = 1,
    EXIT_STORAGE = 74,
    EXIT_CONFIG = 78,
    BODY_MAX = 1024 * 1024,
    HTTP_DRAIN_MS = 2000,
    CANCEL_MS = 1000,
    NO_ROOM_LOOK_MS = 1000,
    FLUSH_MS = 4000
};

extern const struct tern_migration tern_core_migrations[];

/* ---- the writer's wires ---- */

static int on_begun(void *self, struct tern_context *ctx, struct tern_error *err)
{
    struct tern_app *app = self;
    ctx->online_ms = tern_app_online_ms(app);
    if (tern_app_refresh_numbers(app, ctx, err) < 0) return -1;
    return tern_app_save_online(app, ctx, err);
}

static int on_ending(void *self, struct tern_context *ctx, struct tern_error *err)
{
    struct tern_app *app = self;
    return tern_numbers_save(&app->receipts.numbers, ctx->db, err);
}

static int on_due(void *self, struct tern_context *ctx, struct tern_error *err)
{
    const struct tern_app *app = self;
    return tern_units_due(app->units, ctx, err);
}

static int64_t on_next_due(void *self, struct tern_context *ctx)
{
    struct tern_app *app = self;
    int64_t due_ms = tern_units_next_due(app->units, ctx), look_ms = tern_now(ctx->clock) + NO_ROOM_LOOK_MS;
    bool shut = atomic_load(&app->status.store_refused) || atomic_load(&app->status.disk_low);
    /* A shut door brings no work: without looking by itself the writer would never see that there is room again. */
    return shut && look_ms < due_ms ? look_ms : due_ms;
}

static void add_pending(struct tern_app *app, const struct tern_context *ctx)
{
    if (atomic_load(&app->status.pending) == 0) tern_app_note_oldest(app, ctx->now_ms);
    atomic_fetch_add(&app->status.pending, ctx->emitted);
}

static void on_committed(void *self, const struct tern_context *ctx, int units)
{
    struct tern_app *app = self;
    (void)units;
    atomic_store(&app->status.store_refused, false);
    if (ctx->emitted > 0) {
        add_pending(app, ctx);
        tern_publisher_committed(app->publisher, ctx->last_seq);
    }
    if (ctx->said_again > 0) tern_publisher_said_again(app->publisher);
    if (ctx->jobs_added > 0) tern_job_lane_wake(app->lane);
    tern_units_committed(app->units);
}

static void on_failed(void *self)
{
    struct tern_app *app = self;
    atomic_store(&app->status.store_refused, true);
    tern_units_failed(app->units);
    app->receipts.numbers.stale = true;
}

static void on_fatal(void *self, const struct tern_error *err)
{
    struct tern_app *app = self;
    struct tern_error cause = {0};
    bool linked;
    while (atomic_exchange(&app->dying, true))
        pause(); /* another thread has seen it too: one sentence is enough */
    /* Whoever reads a log that was cut short sees an I/O error: the next start has to know why. */
    if (app->db && tern_db_check(app->db, &linked, &cause) < 0) err = &cause;
    tern_log_error(app->log, "the store is damaged or its disk fails: stopping", TERN_STR("err", err->text));
    _exit(EXIT_STORAGE);
}

void tern_app_check_store(struct tern_app *app)
{
    struct tern_error err = {0};
    bool linked = false;
    if (tern_db_check(app->db, &linked, &err) < 0) app->fatal(app, &err);
    if (!linked || app->linked_said) return;
    app->linked_said = true;
    tern_log_warn(app->log, "another name leads to the store's file or log: what is read there is no backup",
                  TERN_STR("store", tern_db_path(app->db)));
}

static bool on_settled(void *self)
{
    struct tern_app *app = self;
    struct tern_error err = {0};
    if (app->settled_deliveries) tern_consumer_flush(app->consumer);
    app->settled_deliveries = false;
    if (tern_db_maintain(app->db, false, &err) < 0 && err.fault == TERN_FAULT_BROKEN) on_fatal(app, &err);
    if (!atomic_load(&app->status.draining)) tern_upkeep_purge(&app->upkeep, &app->ctx);
    bool low = atomic_load(&app->status.disk_low);
    return atomic_exchange(&app->status.disk_low, tern_upkeep_look(&app->upkeep, &app->ctx, low)) != low;
}

static bool delivery_is_current(void *self, const struct tern_delivery *delivery)
{
    const struct tern_app *app = self;
    return tern_consumer_is_current(app->consumer, delivery);
}

static void on_delivery_settled(void *self, struct tern_delivery *delivery)
{
    struct tern_app *app = self;
    app->settled_deliveries = true;
    tern_consumer_settle(app->consumer, delivery);
}

/* ---- the consumer's wires ---- */

static void on_delivery(void *self, struct tern_delivery *delivery)
{
    struct tern_app *app = self;
    tern_units_deliver(app->units, delivery);
}

static void on_consumer_connected(void *self)
{
    struct tern_app *app = self;
    tern_app_set_online(app, TERN_ONLINE_CONSUMER, true);
    atomic_store(&app->status.declared, true);
    tern_app_connected(app, TERN_ONLINE_CONSUMER);
}

static void on_consumer_lost(void *self, const char *why)
{
    struct tern_app *app = self;
    tern_app_set_online(app, TERN_ONLINE_CONSUMER, false);
    tern_app_lost(app, TERN_ONLINE_CONSUMER, tern_consumer_state(app->consumer).trouble, why);
}

/* ---- the publisher's wires ---- */

/* What the broker confirmed, on its way into the store. Reports are recorded in the order in which they were taken: the
 * mark of a later one would pass the rows that an earlier one says are held, and nobody would ever send those again. */
struct progress_work {
    struct tern_work work;
    struct tern_app *app;
    bool taken;
    struct tern_publish_progress report;
};

static enum tern_outcome run_progress(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct progress_work *item = (struct progress_work *)work;
    struct tern_app *app = item->app;
    int64_t oldest = 0;
    if (app->report_dropped) return TERN_DONE;
    if (app->report_open && app->report_open != item) return TERN_RETRY;
    if (!item->taken) item->taken = tern_publisher_take(app->publisher, &item->report);
    if (!item->taken) return TERN_DONE;
    app->report_open = item;
    if (tern_publisher_record(ctx->db, &item->report, err) < 0) return TERN_RETRY;
    if (tern_outbox_oldest(ctx->db, &oldest, err) < 0) return TERN_RETRY;
    tern_app_note_oldest(app, oldest > 0 ? oldest : ctx->now_ms); /* nothing waits: what this batch adds may */
    app->report_open = NULL;
    return TERN_DONE;
}

static void settle_progress(struct tern_work *work, enum tern_settled settled)
{
    struct progress_work *item = (struct progress_work *)work;
    if (settled != TERN_SETTLED_DONE && !atomic_load(&item->app->status.draining)) {
        if (settled == TERN_SETTLED_LATER)
            tern_writer_again(item->app->writer, work);
        else
            tern_writer_submit(item->app->writer, work);
        return;
    }
    if (settled != TERN_SETTLED_DONE && item->taken) item->app->report_dropped = true;
    if (item->taken) atomic_fetch_sub(&item->app->status.pending, item->report.confirmed);
    free(item);
}

static const struct tern_work_kind progress_kind = {
    .name = "progress", .run = run_progress, .settle = settle_progress, .lazy = true};

static void on_progress(void *self)
{
    struct tern_app *app = self;
    struct progress_work *item = tern_alloc(sizeof *item);
    item->work.kind = &progress_kind;
    item->app = app;
    tern_writer_submit(app->writer, &item->work);
}

static void on_publisher_connected(void *self)
{
    struct tern_app *app = self;
    atomic_store(&app->status.blocked, false);
    tern_app_set_online(app, TERN_ONLINE_PUBLISHER, true);
    tern_app_connected(app, TERN_ONLINE_PUBLISHER);
}

static void on_publisher_lost(void *self, const char *why)
{
    struct tern_app *app = self;
    tern_app_set_online(app, TERN_ONLINE_PUBLISHER, false);
    tern_app_lost(app, TERN_ONLINE_PUBLISHER, tern_publisher_state(app->publisher).trouble, why);
}

static void on_blocked(void *self, bool blocked, const char *reason)
{
    struct tern_app *app = self;
    atomic_store(&app->status.blocked, blocked);
    tern_app_set_online(app, TERN_ONLINE_PUBLISHER, !blocked);
    if (blocked)
        tern_log_warn(app->log, "the broker takes no messages now", TERN_STR("err", reason));
    else
        tern_log_info(app->log, "the broker takes messages again", TERN_STR("link", "publisher"));
}

/* On the publisher's thread, which waits: until the loss of a queue is on disk nothing may hide it. */
static enum tern_outcome run_remember(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct tern_broker_news *news = argument;
    int64_t window_ms = tern_config_number(ctx->config, "REPUBLISH_WINDOW_S") * 1000, since_ms;
    if (tern_broker_memory_since(ctx->db, news->through_seq, ctx->now_ms, window_ms, &since_ms, err) < 0)
        return TERN_RETRY;
    return tern_broker_memory_record(ctx->db, news, since_ms, err) < 0 ? TERN_RETRY : TERN_DONE;
}

static int on_remember(void *self, struct tern_broker_news *news, struct tern_error *err)
{
    const struct tern_conversation silent = {0};
    if (tern_app_command(self, run_remember, news, &silent, err) == TERN_COMMITTED) return 0;
    return tern_error_prefix(err, "what the broker has cannot be noted");
}

/* ---- building the parts ---- */

static const char *text_of(const struct tern_app *app, const char *name)
{
    return tern_config_text(app->config, name);
}
static int64_t number_of(const struct tern_app *app, const char *name)
{
    return tern_config_number(app->config, name);
}

static int open_connection(struct tern_app *app, bool reader, struct tern_db **ret_db, struct tern_error *err)
{
    const char *url = text_of(app, "DATABASE_URL");
    *ret_db = app->seams.store;
    if (*ret_db) return 0;
    return reader ? tern_db_open_reader(url, ret_db, err) : tern_db_open(url, ret_db, err);
}

static int load_identity(struct tern_app *app, struct tern_error *err)
{
    char fresh[TERN_UUID_SIZE];
    tern_ids_uuid(app->ids, fresh);
    if (tern_db_begin(app->db, err) < 0) return -1;
    if (tern_identity_load(app->db, fresh, app->store, err) == 0) return tern_db_commit(app->db, err);
    tern_db_rollback(app->db);
    return -1;
}

static int open_store(struct tern_app *app, struct tern_outbox_state *ret_outbox, struct tern_error *err)
{
    if (open_connection(app, false, &app->db, err) < 0) return -1;
    if (tern_db_is_new(app->db)) /* after its folder was renamed, or not mounted, nothing else tells */
        tern_log_warn(app->log, "a new, empty store was made", TERN_STR("store", tern_db_path(app->db)));
    if (tern_db_is_exposed(app->db))
        tern_log_warn(app->log, "other users have rights on the store's file, which cannot be taken from them",
                      TERN_STR("store", tern_db_path(app->db)));
    if (tern_db_migrate(app->db, "core", tern_core_migrations, err) < 0) return -1;
    if (tern_db_migrate(app->db, "service", app->service->migrations, err) < 0) return -1;
    if (load_identity(app, err) < 0 || tern_app_load_numbers(app, err) < 0) return -1;
    if (tern_outbox_state(app->db, ret_outbox, err) < 0) return -1;
    if (tern_online_load(app->db, &app->online_saved_ms, err) < 0) return -1;
    app->online.total_ms = app->online_saved_ms;
    if (open_connection(app, true, &app->publisher_db, err) < 0) return -1;
    if (open_connection(app, true, &app->lane_db, err) < 0) return -1;
    tern_running_init(&app->running);
    return tern_readers_init(&app->readers, text_of(app, "DATABASE_URL"));
}

static void fill_context(struct tern_app *app, const struct tern_outbox_state *outbox)
{
    app->ctx = (struct tern_context){.db = app->db,
                                     .clock = app->seams.clock,
                                     .ids = app->ids,
                                     .log = app->writer_log,
                                     .metrics = app->metrics,
                                     .config = app->config,
                                     .catalogue = app->service->catalogue,
                                     .service = app->service->name,
                                     .self = app->self,
                                     .last_seq = outbox->last_seq,
                                     .online_ms = app->online_saved_ms};
    atomic_store(&app->status.pending, outbox->pending);
    tern_app_note_oldest(app, outbox->oldest_at_ms);
    app->backlog_max = number_of(app, "BACKLOG_MAX");
    app->backlog_max_age_ms = number_of(app, "BACKLOG_MAX_AGE_S") * 1000;
}

/* Schema and first state go into the file itself at once: a copy of it alone is a store from the first day on. */
static int prepare(struct tern_app *app, struct tern_error *err)
{
    struct tern_context *ctx = &app->ctx;
    ctx->now_ms = tern_now(ctx->clock);
    tern_ids_uuid(app->ids, ctx->conversation.correlation_id);
    tern_ids_traceparent(app->ids, NULL, ctx->conversation.traceparent);
    if (tern_units_load(app->units, ctx, err) < 0) return -1;
    if (tern_db_begin(app->db, err) < 0) return -1;
    if (app->service->prepare && app->service->prepare(ctx, err) < 0) {
        tern_db_rollback(app->db);
        return -1;
    }
    if (tern_db_commit(app->db, err) < 0) return -1;
    tern_log_flush(app->writer_log);
    add_pending(app, ctx);
    return tern_db_maintain(app->db, true, err) < 0 && err->fault == TERN_FAULT_BROKEN ? -1 : 0;
}

static void build_writer(struct tern_app *app)
{
    const struct tern_writer_owner owner = {.due = on_due,
                                            .next_due = on_next_due,
                                            .begun = on_begun,
                                            .ending = on_ending,
                                            .jumped = tern_app_jumped,
                                            .committed = on_committed,
                                            .failed = on_failed,
                                            .settled = on_settled,
                                            .fatal = on_fatal,
                                            .self = app};
    app->writer = tern_writer_create(&app->ctx, &owner, (int)number_of(app, "BATCH_MAX"));
    tern_upkeep_init(&app->upkeep, app->writer);
    app->units = tern_units_create(&(struct tern_units_settings){.service = app->service,
                                                                 .writer = app->writer,
                                                                 .most_attempts = number_of(app, "RETRY_MAX_ATTEMPTS"),
                                                                 .backoff_ms = number_of(app, "RETRY_BACKOFF_MS"),
                                                                 .settle = on_delivery_settled,
                                                                 .current = delivery_is_current,
                                                                 .online = tern_app_is_online,
                                                                 .numbers = &app->receipts.numbers,
                                                                 .self = app});
    if (!app->service->jobs) return;
    app->lane =
        tern_job_lane_create(&(struct tern_job_lane_settings){.kinds = app->service->jobs,
                                                              .self = app->self,
                                                              .writer = app->writer,
                                                              .reader = app->lane_db,
                                                              .clock = app->seams.clock,
                                                              .ids = app->ids,
                                                              .metrics = app->metrics,
                                                              .backoff_ms = number_of(app, "RETRY_BACKOFF_MS"),
                                                              .most_attempts = number_of(app, "RETRY_MAX_ATTEMPTS"),
                                                              .log = app->log,
                                                              .broken = on_fatal,
                                                              .may_begin = tern_app_may_act,
                                                              .owner = app});
}

static int build_links(struct tern_app *app, const struct tern_outbox_state *outbox, struct tern_error *err)
{
    const struct tern_amqp_settings link = {.url = text_of(app, "AMQP_URL"),
                                            .ca_file = text_of(app, "AMQP_CA_FILE"),
                                            .body_max = BODY_MAX,
                                            .clock = app->seams.clock};
    const struct tern_consumer_settings consumer = {
        .link = link,
        .queue = app->service->name,
        .queue_type = text_of(app, "QUEUE_TYPE"),
        .prefetch = (uint16_t)number_of(app, "PREFETCH"),
        .catalogue = app->service->catalogue,
        .deliver = on_delivery,
        .connected = on_consumer_connected,
        .lost = on_consumer_lost,
        .store = app->store,
        .adopt_queue = tern_config_adopts_queue(app->config),
        .owned = tern_app_owned,
        .lacks = tern_app_lacks,
        .stands_by = tern_app_stands_by,
        .shared = tern_app_shared,
        .control = tern_app_control,
        .deaf = tern_app_deaf,
        .counts = app->service->watches_dead_letters ? app->service->catalogue->dead_letter_exchange : NULL,
        .counted = tern_app_dead_letters,
        .metrics = app->metrics,
        .self = app};
    const struct tern_publisher_settings publisher = {.link = link,
                                                      .service = app->service->name,
                                                      .queue_type = text_of(app, "QUEUE_TYPE"),
                                                      .window = (unsigned)number_of(app, "PUBLISH_WINDOW"),
                                                      .catalogue = app->service->catalogue,
                                                      .reader = app->publisher_db,
                                                      .start = *outbox,
                                                      .retry_base_ms = number_of(app, "RETRY_BACKOFF_MS"),
                                                      .seed = app->seams.seed,
                                                      .progress = on_progress,
                                                      .connected = on_publisher_connected,
                                                      .lost = on_publisher_lost,
                                                      .blocked = on_blocked,
                                                      .remember = on_remember,
                                                      .lacks = tern_app_lacks,
                                                      .needs_queue = true,
                                                      .store = app->store,
                                                      .republish_ms = number_of(app, "REPUBLISH_WINDOW_S") * 1000,
                                                      .beacon_ms = app->seams.beacon_ms,
                                                      .broken = on_fatal,
                                                      .log = app->log,
                                                      .metrics = app->metrics,
                                                      .self = app};
    if (tern_publisher_create(&publisher, &app->publisher, err) < 0) return -1;
    return tern_consumer_create(&consumer, &app->consumer, err);
}

static void on_connections_refused(void *self, uint64_t connections, const char *peer)
{
    const struct tern_app *app = self;
    tern_log_warn(app->log, "HTTP connections refused: the limit is reached and none is idle",
                  TERN_INT("connections", connections), TERN_STR("lastFrom", peer));
}

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
    };
    size_t count = TERN_COUNT(routes);
    bool own = app->service->routes != NULL;
    return tern_http_start(&settings, own ? routes : routes + 1, own ? count : count - 1, &app->http, err);
}

static int start_lanes(struct tern_app *app, struct tern_error *err)
{
    char admin_token[TERN_ADMIN_TOKEN_SIZE];
    if (tern_app_admin_token(app, app->config, admin_token, err) < 0) return EXIT_CONFIG;
    int status = tern_writer_start(app->writer, err);
    if (status == 0 && app->lane) status = tern_job_lane_start(app->lane, err);
    if (status == 0) status = start_http(app, admin_token, err);
    if (status == 0) status = tern_publisher_start(app->publisher, err);
    if (status == 0) status = tern_consumer_start(app->consumer, err);
    explicit_bzero(admin_token, sizeof admin_token);
    return status == 0 ? 0 : EXIT_RUNTIME;
}

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

static int build_parts(struct tern_app *app, struct tern_error *err)
{
    struct tern_outbox_state outbox;
    if (open_store(app, &outbox, err) < 0) return EXIT_STORAGE;
    TERN_CHAOS_POINT("start.after_open");
    if (app->service->open && app->service->open(app->config, app->log, &app->self, err) < 0) return EXIT_CONFIG;
    fill_context(app, &outbox);
    build_writer(app);
    if (prepare(app, err) < 0) return err->fault == TERN_FAULT_OTHER ? EXIT_CONFIG : EXIT_STORAGE;
    if (build_links(app, &outbox, err) < 0) return err->fault == TERN_FAULT_OTHER ? EXIT_CONFIG : EXIT_STORAGE;
    tern_publisher_committed(app->publisher, app->ctx.last_seq); /* from here on the context is the writer's alone */
    return 0;
}

int tern_app_build(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   const struct tern_app_seams *seams, struct tern_error *err)
{
    enum tern_log_level level = TERN_LOG_INFO;
    enum tern_log_format format = TERN_LOG_AUTO;
    memset(app, 0, sizeof *app);
    tern_online_init(&app->online, 0);
    (void)pthread_mutex_init(&app->lost.lock, NULL);
    (void)pthread_mutex_init(&app->standby.lock, NULL);
    (void)pthread_mutex_init(&app->receipts.lock, NULL);
    app->service = service;
    app->config = config;
    app->seams = *seams;
    app->fatal = on_fatal;
    (void)tern_log_level_parse(text_of(app, "LOG_LEVEL"), &level);
    (void)tern_log_format_parse(text_of(app, "LOG_FORMAT"), &format);
    app->log = tern_log_create(service->name, level, format, seams->log_fd, seams->clock);
    app->writer_log = tern_log_create_buffered(app->log);
    app->ids = tern_ids_create(seams->clock, seams->seed);
    app->metrics = tern_metrics_create(service->metrics);
    tern_metric_set(app->metrics, &TERN_METRIC_build_info, 1, TERN_VERSION, TERN_REVISION);

    return build_parts(app, err);
}

int tern_app_start(struct tern_app *app, const struct tern_service *service, const struct tern_config *config,
                   struct tern_error *err)
{
    const struct tern_app_seams machine = {.clock = &tern_clock_system, .log_fd = STDERR_FILENO};
    (void)mallopt(M_ARENA_MAX, 2); /* many HTTP threads must not mean many heaps */
    int status = tern_app_build(app, service, config, &machine, err);
    if (status == 0) status = start_lanes(app, err);
    if (status == 0)
        say_hello(app);
    else
        tern_log_error(app->log, "could not start", TERN_STR("err", err->text));
    return status;
}

/* ---- stop ---- */

static enum tern_outcome nothing(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    (void)ctx;
    (void)argument;
    (void)err;
    return TERN_DONE;
}

/* Until everything that was in hand is committed, or the store takes nothing. */
static void finish_works(struct tern_app *app)
{
    const struct tern_conversation silent = {0};
    if (app->http) (void)tern_app_command(app, nothing, NULL, &silent, NULL);
}

static void stop_lanes(struct tern_app *app)
{
    tern_http_stop(app->http, HTTP_DRAIN_MS);
    if (app->consumer) tern_consumer_cancel(app->consumer, CANCEL_MS);
    if (app->units) tern_units_drain(app->units);
    TERN_CHAOS_POINT("stop.drained");
    tern_job_lane_stop(app->lane);
    finish_works(app);
    if (app->publisher) tern_publisher_flush(app->publisher, FLUSH_MS);
    tern_publisher_stop(app->publisher);
    tern_writer_stop(app->writer);
    tern_consumer_stop(app->consumer);
    tern_writer_stop(app->writer); /* what a broker sent that never answered the cancel */
}

static void close_store(struct tern_app *app)
{
    struct tern_error err = {0};
    tern_db_close(app->lane_db);
    tern_db_close(app->publisher_db);
    if (app->http && app->db && tern_db_check_unchanged(app->db, &err) < 0) app->fatal(app, &err);
    tern_db_close(app->db);
}

void tern_app_stop(struct tern_app *app)
{
    atomic_store(&app->status.draining, true);
    if (app->http) tern_log_info(app->log, "stopping: finishing what is in hand", TERN_LOG_END);
    stop_lanes(app);
    if (app->http) tern_app_check_store(app); /* a clean end says that the next start has everything */
    if (app->http) tern_log_info(app->log, "stopped", TERN_INT("unpublished", atomic_load(&app->status.pending)));
    if (app->service->close) app->service->close(app->self); /* before the lane that it may still hurry */
    tern_consumer_destroy(app->consumer);
    tern_publisher_destroy(app->publisher);
    tern_job_lane_destroy(app->lane);
    tern_units_destroy(app->units);
    tern_writer_destroy(app->writer);
    if (app->readers.url) tern_running_fini(&app->running);
    tern_readers_fini(&app->readers);
    if (!app->seams.store) close_store(app);
    tern_text_fini(&app->ctx.scratch);
    tern_online_fini(&app->online);
    (void)pthread_mutex_destroy(&app->lost.lock);
    (void)pthread_mutex_destroy(&app->standby.lock);
    (void)pthread_mutex_destroy(&app->receipts.lock);
    tern_metrics_destroy(app->metrics);
    tern_ids_destroy(app->ids);
    tern_log_destroy(app->writer_log);
    tern_log_destroy(app->log);
}
