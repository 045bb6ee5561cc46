/* sim_check.c - what must hold at the end, when everything is at rest: read from stores and ledgers with SQL and arithmetic of
 * its own, so that no mistake of the services is repeated here. */
#include <stdlib.h>
#include <string.h>

#include "services/order/order_replay.h"
#include "services/order/order_store.h"
#include "sim.h"

/* ---- reading --------------------------------------------------------------------------------------------------- */

static struct tern_db *store(enum sim_who who)
{
    return sim->services[who].db;
}

static void open_rows(struct tern_db_rows *rows, enum sim_who who, const char *sql, const char *text)
{
    struct tern_error err;
    int status = text ? tern_db_query(store(who), rows, sql, TERN_DB_ARGS(tern_db_text(text)), &err)
                      : tern_db_query(store(who), rows, sql, TERN_DB_NO_ARGS, &err);
    if (status < 0) tern_broken(__FILE__, __LINE__, err.text);
}

static bool next_row(struct tern_db_rows *rows)
{
    struct tern_error err;
    int got = tern_db_next(rows, &err);
    if (got < 0) tern_broken(__FILE__, __LINE__, err.text);
    if (got == 0) tern_db_done(rows);
    return got > 0;
}

/* ---- what each order came to ------------------------------------------------------------------------------------ */

enum status { CREATED, PAID, READY, FAILED, ISSUE, CANCELLING, CANCELLED, STATUSES };
static const char *const words[STATUSES] = {"CREATED",         "PAID",       "READY_FOR_SHIPMENT", "PAYMENT_FAILED",
                                            "INVENTORY_ISSUE", "CANCELLING", "CANCELLED"};

static enum status status_of(const char *word)
{
    int status = 0;
    while (status < STATUSES && strcmp(words[status], word) != 0)
        status++;
    return (enum status)status;
}

/* By the client's number of the order. */
struct outcome {
    char id[TERN_ID_SIZE];
    int rows;
    enum status status;
    int64_t version, captured, refunded;
    int captures, refunds;
};

static struct outcome outcomes[SIM_ORDERS_MAX];

static void read_outcomes(void)
{
    static const char all[] = "SELECT order_id, status, version, total_minor, currency FROM orders";
    struct tern_db_rows rows;
    memset(outcomes, 0, sizeof outcomes);
    open_rows(&rows, SIM_ORDER, all, NULL);
    while (next_row(&rows)) {
        const char *id = tern_db_column_text(&rows, 0);
        int order = sim_map_get(&sim->order_map, id);
        SIM_CHECK(I2, order >= 0, id, "an order that no client placed");
        if (order < 0) continue;
        struct outcome *outcome = &outcomes[order];
        outcome->rows++;
        tern_copy_whole(outcome->id, sizeof outcome->id, id);
        outcome->status = status_of(tern_db_column_text(&rows, 1));
        outcome->version = tern_db_column_int(&rows, 2);
        SIM_CHECK(I4, tern_db_column_int(&rows, 3) == sim->orders[order].total_minor, id,
                  "a total of %lld, and it is %lld", (long long)tern_db_column_int(&rows, 3),
                  (long long)sim->orders[order].total_minor);
    }
}

static void check_orders(void)
{
    static const char placed[] =
        "SELECT count(*) FROM event_log WHERE subject = ?1 AND type = 'OrderPlaced' AND origin = 1";
    for (int i = 0; i < sim->order_count; i++) {
        const struct sim_order *order = &sim->orders[i];
        const struct outcome *outcome = &outcomes[i];
        SIM_CHECK(I2, outcome->rows <= 1, outcome->id, "request %d became %d orders", i, outcome->rows);
        if (order->placed) {
            SIM_CHECK(I1, outcome->rows == 1 && strcmp(order->order_id, outcome->id) == 0, order->order_id,
                      "an accepted order is not there");
            SIM_CHECK(I16, outcome->version >= order->version, order->order_id, "version %lld after %lld",
                      (long long)outcome->version, (long long)order->version);
        }
        if (outcome->rows == 0) continue;
        SIM_CHECK(I1, sim_number(store(SIM_ORDER), placed, outcome->id) == 1, outcome->id,
                  "not exactly one OrderPlaced");
        bool final = outcome->status == READY || outcome->status == FAILED || outcome->status == CANCELLED;
        SIM_CHECK(I9, final, outcome->id, "is %s at the end", words[outcome->status]);
        sim->counts->ended += final;
        sim->counts->lines += order->line_count;
        sim->counts->large += order->line_count == SHOP_LINES_MAX && outcome->status == READY;
    }
    SIM_CHECK(I1, sim_number(store(SIM_ORDER), "SELECT count(*) FROM orders", NULL) == (int64_t)sim->order_map.count,
              NULL, "orders were placed that are gone");
}

/* ---- money ----------------------------------------------------------------------------------------------------- */

static void add_charge(const struct sim_charge *charge)
{
    int order = sim_map_get(&sim->order_map, charge->order_id);
    SIM_CHECK(I5, order >= 0, charge->order_id, "money of an order that is not there");
    if (order < 0 || charge->declined) return;
    struct outcome *outcome = &outcomes[order];
    SIM_CHECK(I4, charge->amount_minor == sim->orders[order].total_minor, charge->order_id,
              "%lld moved, and the total is %lld", (long long)charge->amount_minor,
              (long long)sim->orders[order].total_minor);
    if (charge->refund) {
        outcome->refunds++;
        outcome->refunded += charge->amount_minor;
        SIM_CHECK(I6, outcome->refunded <= outcome->captured, charge->order_id, "more was given back than taken");
    } else {
        outcome->captures++;
        outcome->captured += charge->amount_minor;
        SIM_CHECK(I4, strcmp(charge->currency, sim->orders[order].currency) == 0, charge->order_id, "charged in %s",
                  charge->currency);
    }
}

/* The totals of the largest orders come near to what 64 bits hold when there are many. */
static void add_exactly(int64_t *sum, int64_t amount)
{
    TERN_ASSERT(!__builtin_add_overflow(*sum, amount, sum), "all the money of a world fits");
}

static void check_money(void)
{
    int64_t kept = 0, due = 0;
    for (int i = 0; i < sim->charge_count; i++) {
        const struct sim_charge *charge = &sim->charges[i];
        add_charge(charge);
        if (!charge->declined) add_exactly(&kept, charge->refund ? -charge->amount_minor : charge->amount_minor);
    }
    for (int i = 0; i < sim->order_count; i++) {
        const struct outcome *outcome = &outcomes[i];
        if (outcome->rows == 0) continue;
        SIM_CHECK(I4, outcome->captures <= 1, outcome->id, "charged %d times", outcome->captures);
        bool keeps = outcome->status == READY;
        if (keeps) add_exactly(&due, sim->orders[i].total_minor);
        SIM_CHECK(I6, outcome->captured - outcome->refunded == (keeps ? sim->orders[i].total_minor : 0), outcome->id,
                  "is %s, and %lld of %lld was given back", words[outcome->status], (long long)outcome->refunded,
                  (long long)outcome->captured);
    }
    SIM_CHECK(I6, kept == due, NULL, "the gateway has %lld of all orders, and %lld are due", (long long)kept,
              (long long)due);
}

/* ---- stock ----------------------------------------------------------------------------------------------------- */

/* No beacon tells of what is lost. */
static bool is_excused(void)
{
    return sim->small || sim->plan.no_numbers;
}

/* What order-service shows of a product is what inventory said last. */
static void check_read_model(const char *id, int64_t quantity)
{
    static const char shown[] = "SELECT quantity FROM products WHERE product_id = ?1";
    int index = sim_map_get(&sim->subject_map, id);
    for (int i = 0; i < sim->event_count; i++)
        if (is_excused() && sim->events[i].subject == index && (sim->events[i].lost >> SIM_ORDER & 1)) return;
    SIM_CHECK(I12, sim_number(store(SIM_ORDER), shown, id) == quantity, id,
              "%lld are free, and order-service shows %lld", (long long)quantity,
              (long long)sim_number(store(SIM_ORDER), shown, id));
}

/* By product: what the orders that are ready hold, and what the reservations say. */
static int64_t promised[SIM_PRODUCTS_MAX], held[SIM_PRODUCTS_MAX];

static int product_of(const char *id)
{
    char *end;
    long product = strncmp(id, "PROD-", 5) == 0 ? strtol(id + 5, &end, 10) : -1;
    bool known = product >= 0 && product < sim->plan.products && *end == '\0';
    SIM_CHECK(I7, known, id, "a product that nobody has");
    return known ? (int)product : 0;
}

static void add_up_stock(void)
{
    static const char all[] = "SELECT json_extract(item.value, '$.productId'),"
                              " sum(json_extract(item.value, '$.quantity')) FROM reservation,"
                              " json_each(reservation.items, '$.items') AS item WHERE state = 'RESERVED' GROUP BY 1";
    struct tern_db_rows rows;
    memset(promised, 0, sizeof promised);
    memset(held, 0, sizeof held);
    for (int i = 0; i < sim->order_count; i++)
        for (int line = 0; line < sim->orders[i].line_count && outcomes[i].rows > 0 && outcomes[i].status == READY;
             line++)
            promised[sim->orders[i].lines[line].product] += sim->orders[i].lines[line].quantity;
    open_rows(&rows, SIM_INVENTORY, all, NULL);
    while (next_row(&rows))
        held[product_of(tern_db_column_text(&rows, 0))] += tern_db_column_int(&rows, 1);
}

static void check_product(int product, const char *id, int64_t quantity, int64_t reserved)
{
    int64_t there = sim->plan.stock[product] + sim->restocked[product];
    check_read_model(id, quantity);
    SIM_CHECK(I7, quantity >= 0 && reserved >= 0 && quantity + reserved == there, id,
              "%lld free and %lld promised of %lld", (long long)quantity, (long long)reserved, (long long)there);
    SIM_CHECK(I7, reserved == promised[product], id, "%lld are promised, and the orders hold %lld", (long long)reserved,
              (long long)promised[product]);
    SIM_CHECK(I7, held[product] == reserved, id, "%lld are promised, and the reservations hold %lld",
              (long long)reserved, (long long)held[product]);
    SIM_CHECK(I8, promised[product] <= there, id, "%lld are sold, and there are %lld", (long long)promised[product],
              (long long)there);
}

/* The door is shut by the age of the backlog: it must be the age of something that waits. */
static void check_backlog(const struct sim_service *service)
{
    struct tern_error err;
    int64_t oldest_at_ms = 0;
    if (service->app == NULL || sim->plan.rate[SIM_FAULT_clock_jump] > 0) return;
    if (tern_outbox_oldest(service->db, &oldest_at_ms, &err) < 0) tern_broken(__FILE__, __LINE__, err.text);
    int64_t waits_ms = oldest_at_ms > 0 ? tern_now(&service->clock) - oldest_at_ms : 0;
    SIM_CHECK(I18, tern_backlog_oldest_age_ms(&service->app->backlog) <= waits_ms, NULL,
              "%s says that an event has waited for %lld ms, and the oldest has for %lld", sim_names[service->who],
              (long long)tern_backlog_oldest_age_ms(&service->app->backlog), (long long)waits_ms);
}

/* What holds in every snapshot, also in the middle of trouble. */
void sim_check_laws(void)
{
    static const char units[] = "SELECT coalesce(sum(quantity + reserved), 0) FROM product";
    static const char negative[] = "SELECT count(*) FROM product WHERE quantity < 0 OR reserved < 0";
    static const char kept[] = "SELECT count(*) FROM payment WHERE cancel_wanted = 1 AND status = 'SUCCESS'";
    int64_t there = 0;
    for (int i = 0; i < sim->plan.products; i++)
        there += sim->plan.stock[i] + sim->restocked[i];
    SIM_CHECK(I7, sim_number(store(SIM_INVENTORY), units, NULL) == there, NULL, "%lld units, and there should be %lld",
              (long long)sim_number(store(SIM_INVENTORY), units, NULL), (long long)there);
    SIM_CHECK(I7, sim_number(store(SIM_INVENTORY), negative, NULL) == 0, NULL, "stock below zero");
    SIM_CHECK(I6, sim_number(store(SIM_PAYMENT), kept, NULL) == 0, NULL,
              "money of an order that was cancelled is kept and not on its way back");
    for (int i = 0; i < SIM_SERVICES; i++)
        check_backlog(&sim->services[i]);
    sim_heal_check();
    sim_owed_check();
}

static void check_stock(void)
{
    static const char late[] =
        "SELECT count(*) FROM event_log AS reserved JOIN event_log AS released USING (subject) WHERE"
        " reserved.type = 'InventoryReserved' AND released.type = 'InventoryReleased'"
        " AND reserved.subject_version > released.subject_version";
    SIM_CHECK(I7, sim_number(store(SIM_INVENTORY), late, NULL) == 0, NULL,
              "something was reserved after it was released");
    static const char all[] = "SELECT product_id, quantity, reserved FROM product";
    struct tern_db_rows rows;
    int products = 0;
    add_up_stock();
    open_rows(&rows, SIM_INVENTORY, all, NULL);
    for (; next_row(&rows); products++) {
        const char *id = tern_db_column_text(&rows, 0);
        check_product(product_of(id), id, tern_db_column_int(&rows, 1), tern_db_column_int(&rows, 2));
    }
    SIM_CHECK(I7, products == sim->plan.products, NULL, "%d products", products);
}

/* ---- histories -------------------------------------------------------------------------------------------------- */

/* Of the stream that is being read. */
struct history {
    char subject[TERN_ID_SIZE];
    enum status status;
    int64_t version;
    bool paid, pay_failed, settled, reserved, out, released, customer;
    int moves;
};

/* The contract's section 3, written once more. */
static bool may_move(const struct history *history, enum status to)
{
    switch (history->status) {
    case CREATED: return (to == PAID && history->paid) || (to == FAILED && history->pay_failed) || to == CANCELLING;
    case PAID: return (to == READY && history->reserved) || (to == ISSUE && history->out) || to == CANCELLING;
    case READY: return to == CANCELLING;
    case ISSUE: return to == CANCELLED && history->settled;
    case CANCELLING: return to == CANCELLED && (history->settled || history->pay_failed) && history->released;
    default: return false;
    }
}

static void move_on(struct history *history, const char *from, const char *to)
{
    enum status next = status_of(to);
    SIM_CHECK(I11, status_of(from) == history->status && may_move(history, next), history->subject,
              "version %lld: from %s to %s", (long long)history->version, words[history->status], to);
    if (history->status == READY && next == CANCELLING) {
        int order = sim_map_get(&sim->order_map, history->subject);
        SIM_CHECK(I11, order >= 0 && sim->orders[order].cancel_asked, history->subject,
                  "was ready, and nobody asked to cancel it");
    }
    history->status = next;
    history->moves++;
}

static void hear(struct history *history, const struct tern_db_rows *rows)
{
    const char *type = tern_db_column_text(rows, 1);
    if (strcmp(type, "OrderPlaced") == 0) history->status = CREATED;
    if (strcmp(type, "PaymentProcessed") == 0) history->paid = true;
    if (strcmp(type, "PaymentFailed") == 0) history->pay_failed = true;
    if (strcmp(type, "PaymentRefunded") == 0 || strcmp(type, "PaymentVoided") == 0) history->settled = true;
    if (strcmp(type, "InventoryReserved") == 0) history->reserved = true;
    if (strcmp(type, "ProductOutOfStock") == 0) history->out = true;
    if (strcmp(type, "InventoryReleased") == 0) history->released = true;
    if (strcmp(type, "OrderUpdated") == 0) move_on(history, tern_db_column_text(rows, 4), tern_db_column_text(rows, 3));
}

static void close_history(const struct history *history)
{
    int order = history->subject[0] ? sim_map_get(&sim->order_map, history->subject) : -1;
    if (order < 0) return;
    SIM_CHECK(I12, history->version == outcomes[order].version && history->status == outcomes[order].status,
              history->subject, "its stream says %s in version %lld, its row %s in version %lld",
              words[history->status], (long long)history->version, words[outcomes[order].status],
              (long long)outcomes[order].version);
}

static void check_histories(void)
{
    static const char streams[] =
        "SELECT subject, type, subject_version, json_extract(body, '$.data.status'),"
        " json_extract(body, '$.data.previousStatus'), json_extract(body, '$.subject') FROM event_log"
        " ORDER BY subject, subject_version";
    static const char twice[] = "SELECT count(*) - count(DISTINCT subject || ' ' || event_id) FROM event_log";
    struct tern_db_rows rows;
    struct history history = {0};
    SIM_CHECK(I14, sim_number(store(SIM_ORDER), twice, NULL) == 0, NULL, "an event stands in a stream twice");
    open_rows(&rows, SIM_ORDER, streams, NULL);
    while (next_row(&rows)) {
        const char *subject = tern_db_column_text(&rows, 0);
        if (strcmp(subject, history.subject) != 0) {
            close_history(&history);
            history = (struct history){0};
            tern_copy_whole(history.subject, sizeof history.subject, subject);
            SIM_CHECK(I11, strcmp(tern_db_column_text(&rows, 1), "OrderPlaced") == 0, subject, "begins with %s",
                      tern_db_column_text(&rows, 1));
        }
        SIM_CHECK(I10, tern_db_column_int(&rows, 2) == ++history.version, subject, "version %lld where %lld was due",
                  (long long)tern_db_column_int(&rows, 2), (long long)history.version);
        SIM_CHECK(I10, strcmp(tern_db_column_text(&rows, 5), subject) == 0, subject, "an event of another subject");
        hear(&history, &rows);
    }
    close_history(&history);
}

static void check_replays(void)
{
    for (int i = 0; i < sim->order_count; i++) {
        struct order_state row = {0}, told = {0};
        struct tern_error err;
        if (outcomes[i].rows == 0) continue;
        int found = order_store_load(store(SIM_ORDER), TERN_LIVE, outcomes[i].id, &row, &err) +
                    order_replay(store(SIM_ORDER), outcomes[i].id, ORDER_AS_IT_IS, NULL, NULL, &told, &err);
        bool same = found == 2 && row.saga.status == told.saga.status && row.saga.money == told.saga.money &&
                    row.saga.stock == told.saga.stock && row.saga.released == told.saga.released &&
                    row.version == told.version && row.total_minor == told.total_minor &&
                    row.updated_at_ms == told.updated_at_ms && strcmp(row.reason, told.reason) == 0 &&
                    strcmp(row.transaction_id, told.transaction_id) == 0 &&
                    strcmp(row.product_id, told.product_id) == 0 && strcmp(row.details.bytes, told.details.bytes) == 0;
        SIM_CHECK(I12, same, outcomes[i].id, "told again, its stream is not its row");
        order_fini(&row);
        order_fini(&told);
    }
}

/* ---- read models ----------------------------------------------------------------------------------------------- */

static uint64_t hash_tables(void)
{
    static const char *const tables[] = {
        "SELECT quote(order_id) || quote(customer_id) || quote(correlation_id) || quote(version) || quote(status) ||"
        " quote(money) || quote(stock) || quote(released) || quote(reason) || quote(transaction_id) ||"
        " quote(product_id) || quote(total_minor) || quote(currency) || quote(created_at_ms) || quote(updated_at_ms) ||"
        " quote(details) || quote(note) FROM orders ORDER BY 1",
        "SELECT quote(ordered_id) || quote(placed_at_ms) || quote(order_id) FROM order_products ORDER BY 1",
        "SELECT quote(day) || quote(currency) || quote(status) || quote(orders) || quote(value_minor)"
        " FROM order_stats ORDER BY 1",
        "SELECT quote(day) || quote(currency) || quote(captured_minor) || quote(refunded_minor)"
        " FROM money_stats ORDER BY 1"};
    struct tern_text all = {0};
    for (size_t i = 0; i < TERN_COUNT(tables); i++) {
        struct tern_db_rows rows;
        open_rows(&rows, SIM_ORDER, tables[i], NULL);
        while (next_row(&rows))
            tern_text_printf(&all, "%s\n", tern_db_column_text(&rows, 0));
        tern_text_add(&all, "--\n");
    }
    uint64_t hash = sim_hash_of(all.bytes, all.length);
    tern_text_fini(&all);
    return hash;
}

/* What has grown with the orders, and what is folded from the log alone, are the same tables. */
static void check_rebuild(void)
{
    struct tern_projector *projector = sim->services[SIM_ORDER].app->projector;
    struct tern_projector_status status;
    while (tern_projector_step(projector))
        continue;
    uint64_t grown = hash_tables();
    (void)tern_projector_rebuild(projector, NULL);
    while (tern_projector_step(projector))
        continue;
    for (size_t i = 0; tern_projector_status(projector, i, &status); i++)
        SIM_CHECK(I12, status.progress.behind == 0 && status.rebuild == TERN_REBUILD_DONE, NULL,
                  "%s is %lld events behind, or was not rebuilt: %s%s", status.projection->name,
                  (long long)status.progress.behind, status.stalled, status.rebuild_fault);
    SIM_CHECK(I12, hash_tables() == grown, NULL, "the rebuilt read models are not those that have grown");
}

/* ---- events ---------------------------------------------------------------------------------------------------- */

static void check_event(enum sim_who who, const struct tern_db_rows *rows, unsigned char *logged)
{
    const char *id = tern_db_column_text(rows, 0), *type = tern_db_column_text(rows, 1);
    const char *subject = tern_db_column_text(rows, 2);
    size_t length;
    const void *body = tern_db_column_bytes(rows, 3, &length);
    int index = sim_map_get(&sim->event_map, id);
    SIM_CHECK(I13, index >= 0 && sim->events[index].accepted > 0, subject,
              "%s %s counts as published, and the broker never took it", type, id);
    if (index < 0) return;
    const struct sim_event *event = &sim->events[index];
    SIM_CHECK(I13, logged[index] == 0, subject, "%s %s stands in the log twice", type, id);
    logged[index] = 1;
    SIM_CHECK(I13, event->body_hash == sim_hash_of(body, length), subject, "%s %s was said otherwise than it is logged",
              type, id);
    const struct tern_event_type *known = tern_catalogue_find(&shop_catalogue, type);
    for (int i = 0; i < SIM_SERVICES; i++) {
        if (!tern_catalogue_consumes(known, sim_names[i])) continue;
        bool reached = (event->handled >> i & 1) != 0, lost = is_excused() && (event->lost >> i & 1) != 0;
        SIM_CHECK(I15, reached || lost, subject, "%s %s of %s never reached %s", type, id, sim_names[who],
                  sim_names[i]);
    }
}

static void check_events(void)
{
    static const char own[] = "SELECT event_id, type, subject, body FROM event_log WHERE origin = 1 ORDER BY seq";
    static const char gaps[] =
        "SELECT count(*) FROM (SELECT count(*) AS rows, min(subject_version) AS low,"
        " max(subject_version) AS high FROM event_log GROUP BY subject) WHERE low <> 1 OR high <> rows";
    static const char left_out[] =
        "SELECT count(*) FROM (SELECT count(*) AS rows, max(number) AS high FROM event_log WHERE origin = 1 GROUP BY type)"
        " WHERE high <> rows";
    unsigned char *logged = tern_alloc((size_t)sim->event_count + 1);
    for (int who = 0; who < SIM_SERVICES; who++) {
        struct tern_db_rows rows;
        SIM_CHECK(I10, sim_number(store((enum sim_who)who), gaps, NULL) == 0, NULL, "%s has a stream with gaps",
                  sim_names[who]);
        SIM_CHECK(I10, sim_number(store((enum sim_who)who), left_out, NULL) == 0, NULL, "%s left a number out",
                  sim_names[who]);
        open_rows(&rows, (enum sim_who)who, own, NULL);
        while (next_row(&rows))
            check_event((enum sim_who)who, &rows, logged);
    }
    for (int i = 0; i < sim->event_count; i++)
        SIM_CHECK(I13, logged[i] || sim->events[i].sent == 0, sim->subjects[sim->events[i].subject].id,
                  "%s %s was said, and stands in no log", sim->events[i].type, sim->events[i].id);
    free(logged);
}

/* ---- messages that were held -------------------------------------------------------------------------------------- */

static void check_held(void)
{
    static const char left[] = "SELECT count(*) FROM deferred";
    for (int i = 0; i < SIM_SERVICES; i++)
        SIM_CHECK(I15, sim_number(store((enum sim_who)i), left, NULL) == 0, NULL, "%s still holds messages",
                  sim_names[i]);
}

/* ---- notifications ----------------------------------------------------------------------------------------------- */

static bool was_lost(const char *subject)
{
    int index = sim_map_get(&sim->subject_map, subject);
    if (!is_excused()) return false;
    for (int i = 0; i < sim->event_count; i++)
        if (sim->events[i].subject == index && (sim->events[i].lost >> SIM_NOTIFICATION & 1)) return true;
    return false;
}

static void check_notifications(void)
{
    static const char told[] = "SELECT count(*) FROM notification WHERE order_id = ?1 AND status IN ('SENT', 'FAILED')";
    static const char open[] =
        "SELECT count(*) FROM notification WHERE order_id = ?1 AND status NOT IN ('SENT', 'FAILED')";
    static const char sent[] = "SELECT id, sent, order_id FROM notification";
    static const char twice[] =
        "SELECT count(*) FROM (SELECT 1 FROM notification GROUP BY order_id, type, product_id, text"
        " HAVING count(*) > 1)";
    struct tern_db_rows rows;
    for (int i = 0; i < sim->order_count; i++) {
        if (outcomes[i].rows == 0) continue;
        bool all = sim_number(store(SIM_NOTIFICATION), told, outcomes[i].id) > 0 &&
                   sim_number(store(SIM_NOTIFICATION), open, outcomes[i].id) == 0;
        SIM_CHECK(I17, all || was_lost(outcomes[i].id), outcomes[i].id, "nobody was told");
    }
    SIM_CHECK(I17, sim_number(store(SIM_NOTIFICATION), twice, NULL) == 0, NULL, "somebody was told the same twice");
    open_rows(&rows, SIM_NOTIFICATION, sent, NULL);
    while (next_row(&rows)) {
        char methods[64], *rest = methods, key[96];
        tern_copy_whole(methods, sizeof methods, tern_db_column_text(&rows, 1));
        for (char *method = strtok_r(methods, " ", &rest); method; method = strtok_r(NULL, " ", &rest)) {
            (void)snprintf(key, sizeof key, "%lld:%s", (long long)tern_db_column_int(&rows, 0), method);
            SIM_CHECK(I17, sim_map_get(&sim->letter_map, key) >= 1, tern_db_column_text(&rows, 2), "%s counts as sent",
                      key);
        }
    }
}

void sim_check_end(void)
{
    read_outcomes();
    check_orders();
    check_money();
    check_stock();
    check_histories();
    check_replays();
    if (!sim->small) check_rebuild();
    check_events();
    check_held();
    check_notifications();
}
