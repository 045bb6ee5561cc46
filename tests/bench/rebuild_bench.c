/* How fast the read models of order-service are rebuilt from its log: rebuild_bench [folder] [orders].
 *
 * Fills a store with the events of so many orders of two lines, five each, of which IN_FLIGHT are under way at a time, and
 * rebuilds as order-service --rebuild-projections does, which prints events per second. Then it counts what is in the tables.
 * Writes into a folder of its own below `folder` (default /tmp; about 5 KB for each order) and removes it. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/config_read.h"
#include "common/base/ids.h"
#include "common/outbox/log_store.h"
#include "common/service/app.h"
#include "common/service/settings.h"
#include "common/store/store.h"
#include "services/order/order_service.h"
#include "shop/catalogue.h"

extern const struct tern_migration tern_core_migrations[];
extern const struct tern_migration order_migrations[];

enum { BATCH = 5000, IN_FLIGHT = 500, EVENTS = 5 };

#define FIRST_MS INT64_C(1795000000000)

struct placed_order {
    char id[TERN_SORTABLE_ID_SIZE], correlation_id[TERN_UUID_SIZE], last_event_id[TERN_UUID_SIZE];
};

struct bench {
    char folder[512], url[640];
    struct tern_db *db;
    struct tern_ids *ids;
    struct placed_order *orders;
    int64_t events; /* appended */
    struct tern_error err;
};

static void give_up(const char *why)
{
    fprintf(stderr, "rebuild_bench: %s\n", why);
    exit(1);
}

/* ---- the log ----------------------------------------------------------------------------------------------------- */

static const enum shop_event story[EVENTS] = {SHOP_ORDER_PLACED, SHOP_PAYMENT_PROCESSED, SHOP_ORDER_UPDATED,
                                              SHOP_INVENTORY_RESERVED, SHOP_ORDER_UPDATED};

union payload {
    struct shop_order_placed placed;
    struct shop_payment_processed processed;
    struct shop_order_updated updated;
    struct shop_inventory_reserved reserved;
};

static void make_placed(struct shop_order_placed *placed, const char *id, int64_t at_ms)
{
    /* clang-format off */
    *placed = (struct shop_order_placed){.items = {2, {{.product_id = "PROD-101", .quantity = 2, .price_minor = 9999}, {.product_id = "PROD-102", .quantity = 1, .price_minor = 1999}}},
                                         .total_amount_minor = 21997,
                                         .currency = "USD",
                                         .status = SHOP_STATUS_CREATED,
                                         .created_at_ms = at_ms,
                                         .customer = {true, "somebody.somewhere@example.com", "+15551234567"},
                                         .shipping_address = {true, "1 Main Street", "Springfield", "OR", "97475"}};
    /* clang-format on */
    strcpy(placed->order_id, id);
    (void)snprintf(placed->customer_id, sizeof placed->customer_id, "CUST-%lld", (long long)(at_ms % 5003));
}

static void make_payload(union payload *payload, const char *id, int step, int64_t at_ms)
{
    memset(payload, 0, sizeof *payload);
    switch (story[step]) {
    case SHOP_ORDER_PLACED: make_placed(&payload->placed, id, at_ms); return;
    case SHOP_PAYMENT_PROCESSED:
        payload->processed = (struct shop_payment_processed){.amount_minor = 21997,
                                                             .status = "SUCCESS",
                                                             .transaction_id = "tx_0123456789abcdef",
                                                             .processed_at_ms = at_ms};
        break;
    case SHOP_ORDER_UPDATED:
        payload->updated = (struct shop_order_updated){.updated_at_ms = at_ms};
        strcpy(payload->updated.previous_status, step == 2 ? SHOP_STATUS_CREATED : SHOP_STATUS_PAID);
        strcpy(payload->updated.status, step == 2 ? SHOP_STATUS_PAID : SHOP_STATUS_READY_FOR_SHIPMENT);
        break;
    default:
        /* clang-format off */
        payload->reserved = (struct shop_inventory_reserved){.items = {2, {{"PROD-101", 2}, {"PROD-102", 1}}}, .reserved_at_ms = at_ms};
        /* clang-format on */
    }
    strcpy((char *)payload, id); /* each begins with the order's id, then the customer's */
    if (story[step] != SHOP_INVENTORY_RESERVED) strcpy(payload->updated.customer_id, "CUST-1");
}

static void append(struct bench *bench, struct placed_order *order, int step)
{
    const struct tern_event_type *type = &shop_event_types[story[step]];
    const bool own = strcmp(type->producer, SHOP_SERVICE_ORDER) == 0;
    int64_t at_ms = FIRST_MS + bench->events++, seq, version;
    struct tern_event event = {.timestamp_ms = at_ms};
    struct tern_text data = {0}, body = {0};
    union payload payload;
    make_payload(&payload, order->id, step, at_ms);
    tern_ids_uuid(bench->ids, event.event_id);
    strcpy(event.type, type->name);
    strcpy(event.producer, type->producer);
    const char *written_as =
        story[step] == SHOP_ORDER_PLACED ? "1.0" : type->version; /* as the service has published it */
    strcpy(event.version, written_as);
    strcpy(event.subject, order->id);
    strcpy(event.correlation_id, order->correlation_id);
    strcpy(event.causation_id, order->last_event_id);
    strcpy(order->last_event_id, event.event_id);
    tern_ids_traceparent(bench->ids, NULL, event.traceparent);
    if (shop_encode(story[step], written_as, &payload, &data, &bench->err) < 0) give_up(bench->err.text);
    tern_event_encode(&event, data.bytes, &body);
    if (tern_event_log_append(bench->db, &event, own ? TERN_ORIGIN_OWN : TERN_ORIGIN_FOREIGN, body.bytes, body.length,
                              (struct tern_log_time){at_ms, at_ms - FIRST_MS}, &seq, &version, &bench->err) < 0)
        give_up(bench->err.text);
    tern_text_fini(&data);
    tern_text_fini(&body);
}

/* Every order takes its next step in turn with those that are under way. */
static void fill(struct bench *bench, int64_t orders)
{
    if (tern_db_open(bench->url, &bench->db, &bench->err) < 0 ||
        tern_db_migrate(bench->db, "core", tern_core_migrations, &bench->err) < 0 ||
        tern_db_migrate(bench->db, "service", order_migrations, &bench->err) < 0 ||
        tern_db_begin(bench->db, &bench->err) < 0)
        give_up(bench->err.text);
    for (int64_t number = 0; number < orders + (EVENTS - 1) * IN_FLIGHT; number++) {
        for (int step = 0; step < EVENTS; step++) {
            int64_t of = number - step * IN_FLIGHT;
            if (of < 0 || of >= orders) continue;
            if (step == 0) {
                tern_ids_sortable(bench->ids, "ORD-", bench->orders[of].id);
                tern_ids_uuid(bench->ids, bench->orders[of].correlation_id);
            }
            append(bench, &bench->orders[of], step);
        }
        if (number % BATCH != 0) continue;
        if (tern_db_commit(bench->db, &bench->err) < 0 || tern_db_maintain(bench->db, false, &bench->err) < 0 ||
            tern_db_begin(bench->db, &bench->err) < 0)
            give_up(bench->err.text);
    }
    if (tern_db_commit(bench->db, &bench->err) < 0 || tern_db_maintain(bench->db, true, &bench->err) < 0)
        give_up(bench->err.text);
    tern_db_close(bench->db);
}

/* ---- the rebuild ------------------------------------------------------------------------------------------------- */

static void count(struct tern_app *app, const char *what, const char *sql)
{
    struct tern_error err = {0};
    int64_t rows = 0;
    if (tern_db_get_int(app->projector_db, sql, TERN_DB_NO_ARGS, &rows, &err) < 0) give_up(err.text);
    printf("%s %lld\n", what, (long long)rows);
}

static void rebuild(struct bench *bench)
{
    static struct tern_app app;
    static const struct tern_app_seams machine = {.clock = &tern_clock_system, .log_fd = STDERR_FILENO};
    const struct tern_config_key *const tables[] = {tern_common_settings, order_service.config, NULL};
    char setting[700], level[] = "LOG_LEVEL=error", program[] = "order-service";
    char *environment[] = {setting, level, NULL}, *arguments[] = {program, NULL};
    enum tern_config_action action;
    struct tern_text faults = {0};
    bool usage;
    (void)snprintf(setting, sizeof setting, "DATABASE_URL=%s", bench->url);
    struct tern_config *config = tern_config_read(tables, 1, arguments, environment, &action, &faults, &usage);
    if (!config || tern_app_build(&app, &order_service, config, &machine, &bench->err) != 0) give_up(bench->err.text);
    if (tern_app_rebuild(&app) != 0) give_up("it could not be rebuilt");
    count(&app, "orders", "SELECT count(*) FROM orders");
    count(&app, "products of orders", "SELECT count(*) FROM order_products");
    count(&app, "in the figures", "SELECT sum(orders) FROM order_stats");
    tern_app_stop(&app);
    tern_config_destroy(config);
}

int main(int argc, char **argv)
{
    struct bench bench = {.ids = tern_ids_create(&tern_clock_system, 7)};
    int64_t orders = argc > 2 ? strtoll(argv[2], NULL, 10) : 100000;
    static const char *const endings[] = {"", "-wal", "-shm", ".lock", ".ballast"};
    char name[700];
    (void)snprintf(bench.folder, sizeof bench.folder, "%s/tern-bench-XXXXXX", argc > 1 ? argv[1] : "/tmp");
    if (orders < 1 || !mkdtemp(bench.folder)) give_up("cannot make a folder, or too few orders");
    (void)snprintf(bench.url, sizeof bench.url, "sqlite:%s/x.db", bench.folder);
    bench.orders = tern_alloc((size_t)orders * sizeof bench.orders[0]);
    fill(&bench, orders);
    printf("a log of %lld events\n", (long long)bench.events);
    rebuild(&bench);
    for (size_t i = 0; i < TERN_COUNT(endings); i++) {
        (void)snprintf(name, sizeof name, "%s/x.db%s", bench.folder, endings[i]);
        (void)unlink(name);
    }
    (void)rmdir(bench.folder);
    tern_ids_destroy(bench.ids);
    free(bench.orders);
    return 0;
}
