/* sim_service.c - a real service in the simulation's hand: built, stepped, killed, built again on the same store.
 *
 * Its handlers are wrapped, so that they can be made to fail or to kill, and so that what they did is known. A kill is a
 * stop whose store takes nothing: whatever was in memory is let go and nothing of it is kept. */
#include <stdlib.h>
#include <string.h>

#include "common/base/config_read.h"
#include "common/service/settings.h"
#include "common/store/store.h"
#include "services/inventory/inventory.h"
#include "services/notification/notification.h"
#include "services/order/order_service.h"
#include "services/payment/payment.h"
#include "sim.h"

enum { HANDLERS_MAX = 16, STARTED_MS = 1795530600, MONTH_S = 30 * 24 * 3600 };

const char *const sim_names[SIM_SERVICES] = {SHOP_SERVICE_ORDER, SHOP_SERVICE_PAYMENT, SHOP_SERVICE_INVENTORY,
                                             SHOP_SERVICE_NOTIFICATION};

enum sim_who sim_who(const char *service)
{
    for (int i = 0; i < SIM_SERVICES; i++)
        if (strcmp(sim_names[i], service) == 0) return (enum sim_who)i;
    return SIM_SERVICES;
}

static const struct tern_service *real(enum sim_who who)
{
    static const struct tern_service *const services[SIM_SERVICES] = {&order_service, &payment_service,
                                                                      &inventory_service, &notification_service};
    return services[who];
}

/* ---- time ------------------------------------------------------------------------------------------------------ */

static int64_t read_wall(void *self)
{
    const struct sim_service *service = self;
    return (int64_t)STARTED_MS * 1000 + sim->now + service->wall_ahead_ms;
}

static int64_t read_steady(void *self)
{
    (void)self;
    return 1000000 + sim->now;
}

int64_t sim_service_online_ms(const struct sim_service *service)
{
    return service->online_ms + (service->online_since >= 0 ? sim->now - service->online_since : 0);
}

void sim_service_online(struct sim_service *service)
{
    const struct tern_amqp_link_state off = {0};
    struct tern_amqp_link_state consumer = service->links[0] ? tern_amqp_state(service->links[0]) : off;
    struct tern_amqp_link_state publisher = service->links[1] ? tern_amqp_state(service->links[1]) : off;
    bool online = consumer.connected && publisher.connected && !publisher.blocked;
    service->online_ms = sim_service_online_ms(service);
    service->online_since = online ? sim->now : -1;
}

/* ---- handlers -------------------------------------------------------------------------------------------------- */

static enum sim_fate draw_fate(struct sim_event *event, enum sim_who who)
{
    enum sim_fate fate = SIM_FINE;
    if (sim_happens(SIM_FAULT_handler_fails))
        fate = SIM_FAILS;
    else if (sim_happens(SIM_FAULT_handler_kills))
        fate = SIM_KILLS;
    else if (sim_happens(SIM_FAULT_poison))
        fate = SIM_POISON;
    event->fate_left[who] = fate == SIM_POISON ? INT32_MAX : 1 + (int)sim_below(fate == SIM_KILLS ? 8 : 4);
    return fate;
}

static const struct tern_handler *real_handler(enum sim_who who, const char *type)
{
    const struct tern_service *service = real(who);
    for (size_t i = 0; i < service->handler_count; i++)
        if (strcmp(service->handlers[i].type->name, type) == 0) return &service->handlers[i];
    return NULL;
}

static bool is_done(const struct sim_service *service, int index)
{
    for (int i = 0; i < service->done_count; i++)
        if (service->done[i] == index) return true;
    return false;
}

/* A later message of a subject may not run while an earlier one is held. */
static void watch_order(const struct sim_service *service, int index)
{
    const struct sim_event *event = &sim->events[index];
    int first = sim->subjects[event->subject].failed[service->who];
    if (first >= 0 && is_done(service, first)) first = -1; /* in this batch */
    SIM_CHECK(I15, first < 0 || first == index, sim->subjects[event->subject].id,
              "%s: %s %s overtook %s %s, which is held", sim_names[service->who], event->type, event->id,
              first < 0 ? "" : sim->events[first].type, first < 0 ? "" : sim->events[first].id);
}

static void watch_start(struct sim_service *service, int index)
{
    struct sim_event *event = &sim->events[index];
    int starts = ++event->starts[service->who];
    watch_order(service, index);
    SIM_CHECK(I14, service->forgot || !(event->handled >> service->who & 1), sim->subjects[event->subject].id,
              "%s handles %s %s, which took effect before", sim_names[service->who], event->type, event->id);
    if (event->fate[service->who] == SIM_KILLS)
        SIM_CHECK(I15, starts <= sim->plan.attempts + 1 + event->copies[service->who], sim->subjects[event->subject].id,
                  "%s: %s %s killed the process %d times and is not parked", sim_names[service->who], event->type,
                  event->id, starts - 1);
}

static void note(int *list, int *count, int index)
{
    TERN_ASSERT(*count < 256, "a batch has at most so many messages");
    list[(*count)++] = index;
}

static enum tern_outcome wrapped(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    enum sim_who who = sim_who(ctx->service);
    struct sim_service *service = &sim->services[who];
    int index = sim_event_index(event->event_id, event->type, event->subject);
    struct sim_event *known = &sim->events[index];
    watch_start(service, index);
    if (known->fate[who] == SIM_UNDECIDED) known->fate[who] = draw_fate(known, who);
    if (known->fate[who] != SIM_FINE && known->fate_left[who] > 0 &&
        !(sim->healing && known->fate[who] != SIM_POISON)) {
        known->fate_left[who]--;
        sim_tell(sim_names[who], event->subject, "%s %s %s",
                 known->fate[who] == SIM_KILLS ? "is killed by" : "fails at", event->type, event->event_id);
        if (known->fate[who] == SIM_KILLS) {
            service->killed = true;
            (void)tern_error_fault(err, TERN_FAULT_FULL, "the process is killed");
            return TERN_RETRY;
        }
        note(service->failed, &service->failed_count, index);
        (void)tern_error_set(err, "made to fail");
        return TERN_RETRY;
    }
    enum tern_outcome outcome = real_handler(who, event->type)->handle(ctx, event, err);
    if (outcome == TERN_DONE)
        note(service->done, &service->done_count, index);
    else
        note(service->failed, &service->failed_count, index);
    return outcome;
}

/* ---- the service's own state ------------------------------------------------------------------------------------ */

static int open_payment(const struct tern_config *config, struct tern_log *log, void **ret_self, struct tern_error *err)
{
    if (payment_open(config, log, ret_self, err) < 0) return -1;
    sim_gateway_attach(&((struct payment_state *)*ret_self)->gateway);
    return 0;
}

static int open_inventory(const struct tern_config *config, struct tern_log *log, void **ret_self,
                          struct tern_error *err)
{
    struct inventory_state *state;
    if (inventory_open(config, log, ret_self, err) < 0) return -1;
    state = *ret_self;
    state->file.count = (size_t)sim->plan.products;
    for (int i = 0; i < sim->plan.products; i++)
        tern_text_printf(&state->file.text, "%s{\"productId\":\"PROD-%d\",\"name\":\"Product %d\",\"quantity\":%lld}",
                         i > 0 ? "," : "[", i, i, (long long)sim->plan.stock[i]);
    tern_text_add(&state->file.text, "]");
    return 0;
}

static int open_notification(const struct tern_config *config, struct tern_log *log, void **ret_self,
                             struct tern_error *err)
{
    if (notification_open(config, log, ret_self, err) < 0) return -1;
    sim_mail_attach(*ret_self);
    return 0;
}

/* ---- building -------------------------------------------------------------------------------------------------- */

static struct tern_config *configure(const struct sim_service *service)
{
    const struct tern_config_key *const tables[] = {tern_common_settings, service->value.config, NULL};
    const struct sim_plan *plan = &sim->plan;
    char texts[8][24], *arguments[20];
    char *empty[] = {NULL};
    int count = 0, text = 0;
    enum tern_config_action action;
    struct tern_text faults = {0};
    bool usage;
#define SAY(flag, number)                                                         \
    (void)snprintf(texts[text], sizeof texts[text], "%lld", (long long)(number)); \
    arguments[count++] = (flag);                                                  \
    arguments[count++] = texts[text++]
    arguments[count++] = "sim";
    arguments[count++] = "--database-url";
    arguments[count++] = "sqlite::memory:";
    arguments[count++] = "--log-level";
    arguments[count++] = sim->trace ? "info" : "error";
    SAY("--batch-max", plan->batch);
    SAY("--prefetch", plan->prefetch);
    SAY("--publish-window", plan->window);
    SAY("--retry-max-attempts", plan->attempts);
    if (service->who == SIM_PAYMENT) {
        SAY("--payment-late-check-s", 60);
    }
    if (service->who == SIM_ORDER) {
        SAY("--order-nudge-s", plan->nudge_ms / 1000);
        SAY("--order-deadline-s", plan->off == SIM_HEALER_deadline ? MONTH_S : plan->deadline_ms / 1000);
    }
#undef SAY
    struct tern_config *config = tern_config_read(tables, count, arguments, empty, &action, &faults, &usage);
    if (config == NULL) tern_broken(__FILE__, __LINE__, faults.bytes);
    tern_text_fini(&faults);
    return config;
}

/* One store for each service, used again by the next run: making one costs as much as a hundred orders. */
static struct tern_db *stores[SIM_SERVICES];

static const char list_tables[] = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT IN "
                                  "('schema_migration', 'outbox_position', 'online_time', 'numbers_begin')"
                                  " AND name NOT LIKE '%_rebuilt' AND name NOT LIKE '%_replaced'"
                                  " ORDER BY name = 'event_log'"; /* others refer to its rows */

static void must(int status, const struct tern_error *err)
{
    if (status < 0) tern_broken(__FILE__, __LINE__, err->text);
}

static void run_text(struct tern_db *db, const char *sql)
{
    struct tern_error err;
    must(tern_db_run(db, sql, TERN_DB_NO_ARGS, &err), &err);
}

enum { TABLES_MAX = 24 };
static char *empty_texts[SIM_SERVICES][TABLES_MAX]; /* statements are found by the address of their text */

static void learn_tables(enum sim_who who)
{
    struct tern_db_rows rows;
    struct tern_error err;
    int count = 0;
    must(tern_db_query(stores[who], &rows, list_tables, TERN_DB_NO_ARGS, &err), &err);
    while (tern_db_next(&rows, &err) > 0) {
        struct tern_text sql = {0};
        TERN_ASSERT(count < TABLES_MAX, "a service has few tables");
        tern_text_printf(&sql, "DELETE FROM %s", tern_db_column_text(&rows, 0));
        empty_texts[who][count++] = tern_text_take(&sql);
    }
    tern_db_done(&rows);
}

/* What a rebuild has left that the last run cut off. */
static void drop_leftovers(struct tern_db *db)
{
    static const char *const left[] = {"orders_rebuilt",          "orders_replaced",     "order_products_rebuilt",
                                       "order_products_replaced", "order_stats_rebuilt", "order_stats_replaced",
                                       "money_stats_rebuilt",     "money_stats_replaced"};
    struct tern_error err = {0};
    for (size_t i = 0; i < TERN_COUNT(left); i++) {
        int gone = 0;
        while (gone == 0)
            must(gone = tern_db_table_drop(db, left[i], &err), &err);
    }
}

static struct tern_db *fresh_store(enum sim_who who)
{
    static const char mark[] = "UPDATE outbox_position SET confirmed_through = 0",
                      online[] = "UPDATE online_time SET total_ms = 0";
    struct tern_error err = {0};
    if (stores[who] == NULL) {
        must(tern_db_open("sqlite::memory:", &stores[who], &err), &err);
        return stores[who];
    }
    if (empty_texts[who][0] == NULL) learn_tables(who);
    must(tern_db_begin(stores[who], &err), &err);
    drop_leftovers(stores[who]);
    for (int i = 0; i < TABLES_MAX && empty_texts[who][i] != NULL; i++)
        run_text(stores[who], empty_texts[who][i]);
    run_text(stores[who], mark);
    run_text(stores[who], online);
    must(tern_db_commit(stores[who], &err), &err);
    return stores[who];
}

void sim_pool_close(void)
{
    for (int i = 0; i < SIM_SERVICES; i++) {
        tern_db_close(stores[i]);
        stores[i] = NULL;
        for (int k = 0; k < TABLES_MAX; k++) {
            free(empty_texts[i][k]);
            empty_texts[i][k] = NULL;
        }
    }
}

void sim_service_open(struct sim_service *service, enum sim_who who)
{
    static struct tern_handler handlers[SIM_SERVICES][HANDLERS_MAX];
    service->who = who;
    service->value = *real(who);
    TERN_ASSERT(service->value.handler_count <= HANDLERS_MAX, "a service has few handlers");
    for (size_t i = 0; i < service->value.handler_count; i++)
        handlers[who][i] = (struct tern_handler){real(who)->handlers[i].type, wrapped};
    service->value.handlers = handlers[who];
    if (who == SIM_PAYMENT) service->value.open = open_payment;
    if (who == SIM_INVENTORY) service->value.open = open_inventory;
    if (who == SIM_NOTIFICATION) service->value.open = open_notification;
    service->clock = (struct tern_clock){read_wall, read_steady, service};
    service->online_since = -1;
    service->db = fresh_store(who);
    service->config = configure(service);
}

static void note_committed(struct sim_service *service, bool disturbed);

/* Inside a call of a link, which waits for a command: a service that is killed here keeps nothing any more, and dies
 * when the call is over (sim_run.c). */
static bool step_for_a_waiter(void *self)
{
    struct sim_service *service = self;
    (void)tern_writer_step(service->app->writer);
    if (service->killed) {
        tern_db_fail_at(service->db, TERN_DB_EVERY_CALL, TERN_FAULT_FULL);
        return false;
    }
    if (!atomic_load(&service->app->status.store_refused)) {
        note_committed(service, true);
        sim_owed_watch(service);
    }
    service->done_count = service->failed_count = 0;
    return true;
}

void sim_service_start(struct sim_service *service)
{
    struct tern_error err = {0};
    const struct tern_app_seams seams = {.clock = &service->clock,
                                         .seed = sim->plan.seed * 1000003 + (uint64_t)service->who * 101 +
                                                 (uint64_t)++service->incarnation * 10007 + 1,
                                         .log_fd = sim->trace ? fileno(sim->trace) : -1,
                                         .beacon_ms = sim->small ? -1 : 0,
                                         .step = step_for_a_waiter,
                                         .self = service,
                                         .store = service->db};
    if (sim->trace) (void)fflush(sim->trace);
    service->app = tern_alloc(sizeof *service->app);
    if (tern_app_build(service->app, &service->value, service->config, &seams, &err) != 0)
        tern_broken(__FILE__, __LINE__, err.text);
    service->writer_at = service->lane_at = sim->now;
}

static void stop(struct sim_service *service)
{
    for (int i = 0; i < 2; i++)
        if (service->links[i] != NULL) sim_link_detach(service->links[i]);
    sim_service_online(service);
    tern_db_fail_at(service->db, TERN_DB_EVERY_CALL, TERN_FAULT_FULL);
    tern_app_stop(service->app);
    tern_db_fail_at(service->db, 0, TERN_FAULT_OTHER);
    free(service->app);
    service->app = NULL;
    service->done_count = service->failed_count = service->nudge_count = 0;
    service->killed = false;
    service->stalled_until = 0;
}

void sim_service_crash(struct sim_service *service)
{
    sim_tell(sim_names[service->who], NULL, "is killed");
    stop(service);
    service->restart_at = sim->now + (sim->small ? 10 : 200 + sim_below(sim_below(4) == 0 ? 20000 : 2000));
}

void sim_service_close(struct sim_service *service)
{
    if (service->app != NULL) stop(service);
    free(service->owed);
    tern_config_destroy(service->config);
}

/* ---- stepping -------------------------------------------------------------------------------------------------- */

static int64_t not_before(int64_t at, int64_t earliest)
{
    return at < earliest ? earliest : at;
}

int64_t sim_writer_wants(struct sim_service *service)
{
    if (service->app == NULL) return INT64_MAX;
    int64_t at = sim->now + tern_writer_patience(service->app->writer);
    return not_before(not_before(at, service->writer_at), service->stalled_until);
}

int64_t sim_lane_wants(const struct sim_service *service)
{
    if (service->app == NULL || service->app->worker == NULL) return INT64_MAX;
    return not_before(service->lane_at, service->stalled_until);
}

int64_t sim_number(struct tern_db *db, const char *sql, const char *text)
{
    struct tern_error err;
    int64_t number = -1;
    int got = text ? tern_db_get_int(db, sql, TERN_DB_ARGS(tern_db_text(text)), &number, &err)
                   : tern_db_get_int(db, sql, TERN_DB_NO_ARGS, &number, &err);
    if (got < 0) tern_broken(__FILE__, __LINE__, err.text);
    return got > 0 ? number : -1;
}

/* What a nudge asks for is on its way: not published yet, held, to be said again, or said again before for another nudge. */
static void watch_nudge(struct sim_service *service, const struct sim_event *event)
{
    static const char caused[] =
        "SELECT event_id FROM event_log WHERE origin = 1 AND causation_id = ?1 AND seq <= (SELECT confirmed_through FROM outbox_position)"
        " AND seq NOT IN (SELECT seq FROM outbox_returned) AND seq NOT IN (SELECT seq FROM republish_request)";
    static const char held[] = "SELECT 1 FROM deferred WHERE event_id = ?1";
    struct tern_db_rows rows;
    struct tern_error err;
    if (service->forgot || sim_number(service->db, held, event->id) > 0) return;
    must(tern_db_query(service->db, &rows, caused, TERN_DB_ARGS(tern_db_text(event->id)), &err), &err);
    while (tern_db_next(&rows, &err) > 0) {
        int index = sim_map_get(&sim->event_map, tern_db_column_text(&rows, 0));
        SIM_CHECK(S1, index >= 0 && sim->events[index].sent > 1, sim->subjects[event->subject].id,
                  "%s was asked again about %s %s, and does not repeat its answer", sim_names[service->who],
                  event->type, event->id);
    }
    tern_db_done(&rows);
}

static void watch_nudges(struct sim_service *service)
{
    for (int i = 0; i < service->nudge_count; i++)
        watch_nudge(service, &sim->events[service->nudges[i]]);
}

/* From here on an order waits for its stock. */
static void note_paid(const struct sim_service *service, const struct sim_event *event)
{
    if (service->who != SIM_ORDER || strcmp(event->type, "PaymentProcessed") != 0) return;
    int order = sim_map_get(&sim->order_map, sim->subjects[event->subject].id);
    if (order >= 0 && sim->orders[order].paid_ms == 0) sim->orders[order].paid_ms = sim_service_online_ms(service);
}

/* The batch was committed: what its handlers did is true now. */
static void note_committed(struct sim_service *service, bool disturbed)
{
    static const char in_inbox[] = "SELECT 1 FROM inbox WHERE event_id = ?1";
    static const char in_held[] = "SELECT 1 FROM deferred WHERE event_id = ?1";
    for (int i = 0; i < service->done_count; i++) {
        struct sim_event *event = &sim->events[service->done[i]];
        if (disturbed && sim_number(service->db, in_inbox, event->id) < 0) continue;
        event->handled |= 1u << service->who;
        note_paid(service, event);
        int *failed = &sim->subjects[event->subject].failed[service->who];
        if (*failed == service->done[i]) *failed = -1;
    }
    for (int i = 0; i < service->failed_count; i++) {
        const struct sim_event *event = &sim->events[service->failed[i]];
        int *failed = &sim->subjects[event->subject].failed[service->who];
        if (*failed < 0 && sim_number(service->db, in_held, event->id) > 0) *failed = service->failed[i];
    }
}

/* What counts as published now was vouched for by the broker. */
static void watch_mark(struct sim_service *service)
{
    static const char read_mark[] = "SELECT confirmed_through FROM outbox_position";
    static const char passed[] =
        "SELECT event_id, type, subject FROM event_log WHERE origin = 1 AND seq > ?1 AND seq <= ?2"
        " AND seq NOT IN (SELECT seq FROM outbox_returned)";
    int64_t confirmed_through = sim_number(service->db, read_mark, NULL);
    struct tern_db_rows rows;
    struct tern_error err;
    if (confirmed_through == service->confirmed_through) return;
    must(tern_db_query(service->db, &rows, passed,
                       TERN_DB_ARGS(tern_db_int(service->confirmed_through), tern_db_int(confirmed_through)), &err),
         &err);
    while (tern_db_next(&rows, &err) > 0) {
        int index = sim_map_get(&sim->event_map, tern_db_column_text(&rows, 0));
        SIM_CHECK(I13, index >= 0 && sim->events[index].accepted > 0, tern_db_column_text(&rows, 2),
                  "%s %s counts as published, and the broker has not taken it", tern_db_column_text(&rows, 1),
                  tern_db_column_text(&rows, 0));
    }
    tern_db_done(&rows);
    service->confirmed_through = confirmed_through;
}

static bool disturb(struct sim_service *service)
{
    if (sim_happens(SIM_FAULT_commit_fails))
        tern_db_fail_at(service->db, TERN_DB_NEXT_COMMIT, TERN_FAULT_FULL);
    else if (sim_happens(SIM_FAULT_store_busy))
        tern_db_fail_at(service->db, 1 + sim_below(60), TERN_FAULT_BUSY);
    else
        return false;
    return true;
}

void sim_writer_step(struct sim_service *service)
{
    bool dies = sim_happens(SIM_FAULT_crash_in_batch);
    if (dies) tern_db_fail_at(service->db, TERN_DB_NEXT_COMMIT, TERN_FAULT_FULL);
    bool disturbed = dies || disturb(service);
    size_t waiting = tern_work_waiting(&service->app->queue);
    sim_mix((uint64_t)waiting);
    (void)tern_writer_step(service->app->writer);
    if (disturbed) tern_db_fail_at(service->db, 0, TERN_FAULT_OTHER);
    if (service->killed || dies) {
        sim_service_crash(service);
        return;
    }
    bool committed = !atomic_load(&service->app->status.store_refused);
    if (committed) {
        note_committed(service, disturbed);
        watch_mark(service);
        sim_owed_watch(service);
    }
    service->done_count = service->failed_count = 0;
    if (committed && tern_work_waiting(&service->app->queue) == 0) watch_nudges(service);
    service->nudge_count = 0; /* what is still under way is not looked at */
    service->writer_at = sim->now + sim_below(sim->plan.commit_ms + 1);
    service->lane_at = sim->now;
}

void sim_lane_step(struct sim_service *service)
{
    service->lane_at = sim->now + tern_job_worker_step(service->app->worker);
}

/* ---- commands -------------------------------------------------------------------------------------------------- */

static enum tern_outcome run_request(struct tern_context *ctx, struct tern_work *work, struct tern_error *err)
{
    struct sim_request *request = (struct sim_request *)work;
    ctx->conversation = request->conversation;
    return request->run(ctx, request->argument, err);
}

static void finish_request(struct tern_work *work, enum tern_work_end end)
{
    struct sim_request *request = (struct sim_request *)work;
    SIM_CHECK(I1, !tern_db_in_transaction(request->service->db), NULL, "%s answers before its commit",
              sim_names[request->service->who]);
    request->answered(request, end);
}

static const struct tern_work_kind request_kind = {.name = "command", .run = run_request, .finish = finish_request};

bool sim_command(struct sim_service *service, struct sim_request *request)
{
    struct tern_error err;
    if (service->app == NULL || service->stalled_until > sim->now || !tern_app_accepts(service->app, &err))
        return false;
    request->work.kind = &request_kind;
    request->service = service;
    tern_ids_uuid(service->app->ids, request->conversation.correlation_id);
    tern_ids_traceparent(service->app->ids, NULL, request->conversation.traceparent);
    tern_work_submit(&service->app->queue, &request->work);
    return true;
}
