/* sim_client.c - the people at the doors: clients who order, order twice, and cancel; somebody who adds to the stock; and, at
 * the end, somebody who looks after what was parked.
 *
 * A request is the command of the HTTP route, with the door's own reading before it. A client that hears no answer sends
 * the request again when it has a key, and gives up when it has none. Everything that was asked and answered is kept. */
#include <stdlib.h>
#include <string.h>

#include "common/inbox/parked.h"
#include "common/service/once.h"
#include "services/inventory/inventory.h"
#include "services/order/cancel_order.h"
#include "services/order/order_metrics.h"
#include "services/order/place_order.h"
#include "sim.h"

/* ---- placing an order ------------------------------------------------------------------------------------------- */

struct placing {
    struct sim_request request;
    struct place_order place;
    struct tern_once once;
    struct tern_once_work work;
    int order;
    bool misuse;
};

/* A request as a route marked TERN_HTTP_ONCE makes it: `once` is filled, and `asked` written. */
static void ask_once(struct sim_request *request, const struct tern_once *once, struct tern_once_work *work,
                     const char *operation, const char *key)
{
    work->once = once;
    tern_once_ask(work, operation, key);
    request->run = tern_once_run;
    request->argument = work;
}

static void place(void *self, int64_t number);

static struct sim_line draw_usual_line(void)
{
    return (struct sim_line){.product = (int)sim_below(sim->plan.products),
                             .quantity = 1 + (int)sim_below(3),
                             .price_minor = 1 + sim_below(sim_below(4) == 0 ? SHOP_PRICE_MAX_MINOR : 20000)};
}

/* At the limits, or just below; `products`: of so many of the last ones, so that few of them come again and again. */
static struct sim_line draw_large_line(int products, bool full)
{
    struct sim_line line = {.product = sim->plan.products - 1 - (int)sim_below(products),
                            .quantity = SHOP_QUANTITY_MAX,
                            .price_minor = SHOP_PRICE_MAX_MINOR};
    if (full) return line;
    line.quantity -= (int)sim_below(sim_below(2) == 0 ? 3 : SHOP_QUANTITY_MAX);
    line.price_minor -= sim_below(sim_below(2) == 0 ? 3 : SHOP_PRICE_MAX_MINOR);
    return line;
}

static void draw_order(struct sim_order *order, int number)
{
    bool large = sim->plan.large && sim_below(4) == 0, full = large && sim_below(8) == 0;
    bool is_free = !large && sim_below(16) == 0;
    int64_t most = large ? SHOP_LINES_MAX : sim_below(3) == 0 ? 3 : 1;
    int products = sim_below(3) == 0 ? 1 : sim_below(8) == 0 ? sim->plan.products : sim->plan.products - SIM_SCARCE;
    *order = (struct sim_order){.line_count = full ? SHOP_LINES_MAX : 1 + (int)sim_below(most)};
    order->lines = tern_alloc((size_t)order->line_count * sizeof *order->lines);
    for (int i = 0; i < order->line_count; i++) {
        order->lines[i] = large ? draw_large_line(products, full) : draw_usual_line();
        if (is_free) order->lines[i].price_minor = 0;
        order->total_minor += order->lines[i].price_minor * order->lines[i].quantity;
    }
    (void)strcpy(order->currency, sim_below(2) == 0 ? "EUR" : "USD");
    if (sim_below(4) != 0) (void)snprintf(order->key, sizeof order->key, "key-%d", number);
}

static void write_body(const struct sim_order *order, bool misuse, struct tern_text *body)
{
    tern_text_add(body, "{\"customerId\":\"CUST-1\",\"items\":[");
    for (int i = 0; i < order->line_count; i++) {
        const struct sim_line *line = &order->lines[i];
        tern_text_printf(body, "%s{\"productId\":\"PROD-%d\",\"quantity\":%d,\"price\":%lld.%02d}", i > 0 ? "," : "",
                         line->product, misuse ? line->quantity % SHOP_QUANTITY_MAX + 1 : line->quantity,
                         (long long)(line->price_minor / 100), (int)(line->price_minor % 100));
    }
    tern_text_printf(body, "],\"currency\":\"%s\"}", order->currency);
}

static void try_again(struct sim_order *order, int number)
{
    order->given_up = order->key[0] == '\0' && order->sent; /* it may have been placed: nobody can know */
    if (!order->given_up) sim_at(sim->now + 500 + sim_below(3000), place, NULL, number);
}

static void cancel(void *self, int64_t number);

static void plan_cancel(int number)
{
    if (!sim_happens(SIM_FAULT_cancel)) return;
    sim_at(sim->now + sim_below(sim_below(3) == 0 ? 60000 : 3000), cancel, NULL, number);
}

static const char *answered_id(const struct placing *placing)
{
    static char id[TERN_ID_SIZE];
    const char *at = placing->work.answer.body.bytes ? strstr(placing->work.answer.body.bytes, "\"orderId\":\"") : NULL;
    if (placing->work.request.key[0] == '\0') return placing->place.order.order_id;
    size_t length = at ? strcspn(at + 11, "\"") : 0;
    (void)snprintf(id, sizeof id, "%.*s", (int)length, at ? at + 11 : "");
    return id;
}

/* 201, the first time or again. */
static void heard(struct placing *placing)
{
    struct sim_order *order = &sim->orders[placing->order];
    const char *id = answered_id(placing);
    if (order->placed) {
        SIM_CHECK(I3, strcmp(order->order_id, id) == 0, order->order_id, "the key %s is now order %s", order->key, id);
        return;
    }
    order->placed = true;
    tern_copy_whole(order->order_id, sizeof order->order_id, id);
    plan_cancel(placing->order);
    if (order->key[0] != '\0' && sim_happens(SIM_FAULT_key_again)) {
        order->repeated = true;
        sim_at(sim->now + sim_below(30000), place, NULL, placing->order);
    }
}

static void committed(struct placing *placing)
{
    const char *id = answered_id(placing);
    if (sim_map_get(&sim->order_map, id) < 0) {
        sim_map_put(&sim->order_map, id, placing->order);
        sim->orders[placing->order].online_ms = sim_service_online_ms(&sim->services[SIM_ORDER]);
        sim->orders[placing->order].status_ms = sim->orders[placing->order].online_ms;
        (void)strcpy(sim->orders[placing->order].status, SHOP_STATUS_CREATED);
        sim_tell("client", id, "order %d is placed", placing->order);
    }
    SIM_CHECK(I3, !placing->misuse && !placing->work.misused, id, "a key was taken for another order");
    if (sim_happens(SIM_FAULT_reply_lost))
        try_again(&sim->orders[placing->order], placing->order);
    else
        heard(placing);
}

static void drop_placing(struct placing *placing)
{
    tern_once_fini(&placing->work);
    place_order_fini(&placing->place);
    free(placing);
}

static void answered(struct sim_request *request, enum tern_work_end end)
{
    struct placing *placing = (struct placing *)request;
    struct sim_order *order = &sim->orders[placing->order];
    sim->requests_open--;
    if (placing->misuse && placing->work.misused)
        sim_checked(SIM_RULE_I3);
    else if (end == TERN_WORK_DONE)
        committed(placing);
    else if (!placing->misuse && !order->placed)
        try_again(order, placing->order);
    drop_placing(placing);
}

static bool send_order(int number, bool misuse)
{
    const struct sim_order *order = &sim->orders[number];
    struct sim_service *service = &sim->services[SIM_ORDER];
    struct placing *placing = tern_alloc(sizeof *placing);
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    struct tern_text body = {0};
    write_body(order, misuse, &body);
    placing->order = number;
    placing->misuse = misuse;
    placing->request.answered = answered;
    if (place_order_read(body.bytes, body.length, &placing->place.placed, &faults, &err) < 0)
        tern_broken(__FILE__, __LINE__, err.text);
    tern_text_fini(&body);
    place_order_spell(&placing->place);
    placing->once = (struct tern_once){place_order_run, &placing->place, place_order_answer, &placing->place.asked,
                                       order_metrics_placed};
    ask_once(&placing->request, &placing->once, &placing->work, "POST /orders", order->key);
    if (!sim_command(service, &placing->request)) {
        drop_placing(placing);
        return false;
    }
    place_order_prepare(&placing->place, service->app->ids, &service->clock,
                        placing->request.conversation.correlation_id, number % 2 ? "2.0" : "1.0");
    sim->requests_open++;
    return true;
}

static void place(void *self, int64_t number)
{
    struct sim_order *order = &sim->orders[number];
    (void)self;
    if (order->given_up || (order->sent && sim->month_over)) return;
    if (!send_order((int)number, false)) {
        try_again(order, (int)number); /* the door was shut: surely nothing happened */
        return;
    }
    order->sent = true;
    if (order->key[0] != '\0' && order->placed && sim_happens(SIM_FAULT_key_misused))
        (void)send_order((int)number, true);
}

/* ---- cancelling, reading, restocking ------------------------------------------------------------------------------ */

struct cancelling {
    struct sim_request request;
    struct cancel_order cancel;
    struct tern_once once;
    struct tern_once_work work;
    char operation[2 * TERN_ID_SIZE], key[32];
    int order;
};

static void drop_cancelling(struct cancelling *cancelling)
{
    tern_once_fini(&cancelling->work);
    free(cancelling);
}

/* What the first request with this key heard, every other one hears. */
static void compare_answers(struct sim_order *order, const struct tern_once_work *work)
{
    const char *headers = work->answer.headers.bytes ? work->answer.headers.bytes : "";
    if (work->answer.status != 202) return;
    SIM_CHECK(I3, work->replayed == (order->cancel_answer[0] != '\0') || sim->month_over, order->order_id,
              "a cancel with a key was done %s", work->replayed ? "never" : "twice");
    if (work->replayed)
        SIM_CHECK(I3, strcmp(order->cancel_answer, headers) == 0, order->order_id,
                  "the first cancel heard %s, this one %s", order->cancel_answer, headers);
    (void)snprintf(order->cancel_answer, sizeof order->cancel_answer, "%s", headers);
}

static void cancel_answered(struct sim_request *request, enum tern_work_end end)
{
    struct cancelling *cancelling = (struct cancelling *)request;
    struct sim_order *order = &sim->orders[cancelling->order];
    const struct cancel_order *cancel_order = &cancelling->cancel;
    bool keyed = cancelling->key[0] != '\0';
    sim->requests_open--;
    if (end == TERN_WORK_DONE && keyed) compare_answers(order, &cancelling->work);
    if (end == TERN_WORK_DONE && !cancelling->work.replayed) {
        SIM_CHECK(I1, cancel_order->result != CANCEL_ORDER_UNKNOWN, order->order_id, "an accepted order is not there");
        SIM_CHECK(I16, cancel_order->version >= order->version, order->order_id, "version %lld after %lld",
                  (long long)cancel_order->version, (long long)order->version);
        order->version = cancel_order->version;
    }
    if (end == TERN_WORK_DONE && keyed && !cancelling->work.replayed && sim_happens(SIM_FAULT_key_again))
        sim_at(sim->now + sim_below(30000), cancel, NULL, cancelling->order);
    drop_cancelling(cancelling);
}

static void cancel(void *self, int64_t number)
{
    struct sim_order *order = &sim->orders[number];
    struct cancelling *cancelling = tern_alloc(sizeof *cancelling);
    (void)self;
    cancelling->order = (int)number;
    cancelling->cancel.order_id = order->order_id;
    if (number % 2 != 0)
        (void)snprintf(cancelling->cancel.asked.reason, sizeof cancelling->cancel.asked.reason, "words %d",
                       (int)number);
    cancelling->once = (struct tern_once){cancel_order_run, &cancelling->cancel, cancel_order_answer, NULL, NULL};
    (void)snprintf(cancelling->operation, sizeof cancelling->operation, "POST /orders/%s/cancel", order->order_id);
    if (number % 4 != 3) (void)snprintf(cancelling->key, sizeof cancelling->key, "cancel-%d", (int)number);
    ask_once(&cancelling->request, &cancelling->once, &cancelling->work, cancelling->operation, cancelling->key);
    cancelling->request.answered = cancel_answered;
    order->cancel_asked = true;
    if (sim_command(&sim->services[SIM_ORDER], &cancelling->request)) {
        sim->requests_open++;
        sim_tell("client", order->order_id, "asks to cancel");
        return;
    }
    drop_cancelling(cancelling);
    sim_at(sim->now + 1000, cancel, NULL, number);
}

void sim_client_cancels(void)
{
    cancel(NULL, 0);
}

struct restocking {
    struct sim_request request;
    struct stock_command command;
    struct tern_once once;
    struct tern_once_work work;
    char product_id[16], operation[64], key[32];
    int64_t number;
};

/* One restock: which it is, of which product, how much. */
enum { RESTOCK_PRODUCTS = SIM_PRODUCTS_MAX, RESTOCK_QUANTITIES = 8 };

static void restock(void *self, int64_t number);

static void drop_restocking(struct restocking *restocking)
{
    tern_once_fini(&restocking->work);
    free(restocking);
}

/* Whoever counts a repetition finds more stock at the end than was added. */
static void restock_answered(struct sim_request *request, enum tern_work_end end)
{
    struct restocking *restocking = (struct restocking *)request;
    int product = (int)(restocking->number / RESTOCK_QUANTITIES % RESTOCK_PRODUCTS);
    sim->requests_open--;
    if (end == TERN_WORK_DONE && !restocking->work.replayed)
        sim->restocked[product] += restocking->command.body.quantity;
    if (restocking->work.replayed) sim_checked(SIM_RULE_I3);
    if (end == TERN_WORK_DONE && !restocking->work.replayed && sim_happens(SIM_FAULT_key_again))
        sim_at(sim->now + sim_below(10000), restock, NULL, restocking->number);
    drop_restocking(restocking);
}

static void restock(void *self, int64_t number)
{
    struct restocking *restocking = tern_alloc(sizeof *restocking);
    (void)self;
    restocking->number = number;
    (void)snprintf(restocking->product_id, sizeof restocking->product_id, "PROD-%d",
                   (int)(number / RESTOCK_QUANTITIES % RESTOCK_PRODUCTS));
    (void)snprintf(restocking->operation, sizeof restocking->operation, "POST /inventory/%s/restock",
                   restocking->product_id);
    (void)snprintf(restocking->key, sizeof restocking->key, "restock-%lld", (long long)number);
    restocking->command = (struct stock_command){
        .product_id = restocking->product_id, .adds = true, .body.quantity = number % RESTOCK_QUANTITIES};
    restocking->once =
        (struct tern_once){inventory_change_stock, &restocking->command, inventory_answer_change, NULL, NULL};
    ask_once(&restocking->request, &restocking->once, &restocking->work, restocking->operation, restocking->key);
    restocking->request.answered = restock_answered;
    if (sim_command(&sim->services[SIM_INVENTORY], &restocking->request))
        sim->requests_open++;
    else
        drop_restocking(restocking);
}

static void restock_something(void)
{
    int64_t product = sim_below(sim->plan.products), quantity = 1 + sim_below(5);
    restock(NULL, (sim->restocks++ * RESTOCK_PRODUCTS + product) * RESTOCK_QUANTITIES + quantity);
}

/* ---- messages of strangers ---------------------------------------------------------------------------------------- */

static void write_stranger(struct tern_text *body, int number, const char *type, const char *version)
{
    tern_text_printf(
        body,
        "{\"eventId\":\"00000000-0000-7000-8000-%012d\",\"eventType\":\"%s\","
        "\"timestamp\":\"2026-11-24T12:00:00.000Z\",\"producer\":\"inventory-service\",\"version\":\"%s\","
        "\"correlationId\":\"00000000-0000-7000-9000-%012d\",\"subject\":\"ORD-STRANGER-%d\","
        "\"data\":{\"orderId\":\"ORD-STRANGER-%d\",\"items\":[],\"releasedAt\":\"2026-11-24T12:00:00.000Z\"}}",
        number, type, version, number, number, number);
}

static void send_unreadable(void)
{
    static int64_t kinds = 5;
    struct sim_message *message = sim_message_new();
    struct tern_text body = {0};
    message->malformed = 1 + (int)sim_below(kinds);
    int number = (int)sim_below(1000000);
    switch (message->malformed) {
    case 1: tern_text_printf(&body, "{\"eventId\": %d", number); break;
    case 2: tern_text_printf(&body, "%d", number); break;
    case 3: write_stranger(&body, number, "OrderShipped", "1.0"); break;
    case 4: write_stranger(&body, number, "InventoryReleased", "2.0"); break;
    default:
        while (body.length <= TERN_EVENT_MAX_BYTES)
            tern_text_printf(&body, "%0512d", number);
    }
    message->length = body.length;
    message->body = tern_text_take(&body);
    (void)strcpy(message->type, "InventoryReleased");
    sim_tell("stranger", NULL, "sends a message of kind %d", message->malformed);
    sim_broker_inject(message, (enum sim_who)sim_below(SIM_SERVICES), 0);
    sim_message_drop(message);
}

/* Well made, but about an order that nobody has: order-service has to park it. */
static void send_stranger(void)
{
    struct sim_message *message = sim_message_new();
    struct tern_text body = {0};
    int number = (int)sim_below(1000000);
    char subject[TERN_ID_SIZE];
    write_stranger(&body, number, "InventoryReleased", "1.0");
    (void)snprintf(message->message_id, sizeof message->message_id, "00000000-0000-7000-8000-%012d", number);
    (void)snprintf(subject, sizeof subject, "ORD-STRANGER-%d", number);
    message->length = body.length;
    message->body = tern_text_take(&body);
    (void)strcpy(message->type, "InventoryReleased");
    message->event = sim_event_index(message->message_id, message->type, subject);
    sim->events[message->event].fate[SIM_ORDER] = SIM_FINE; /* parked by its own fault alone */
    sim_tell("stranger", subject, "sends an event");
    sim_broker_inject(message, SIM_ORDER, 0);
    sim_message_drop(message);
}

/* ---- parked messages ------------------------------------------------------------------------------------------------ */

static int collect(void *self, const struct tern_deferred *held, struct tern_error *err)
{
    struct tern_text *names = self;
    char name[TERN_PARKED_NAME_SIZE];
    (void)err;
    tern_parked_name(held, name);
    bool hopeless = held->event_id[0] == '\0' || strncmp(held->subject, "ORD-STRANGER", 12) == 0;
    tern_text_printf(names, "%c%s\n", hopeless ? '-' : '+', name);
    return 0;
}

static enum tern_outcome release_all(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    const struct tern_parked_filter filter = {.state = TERN_DEFERRED_PARKED};
    const struct tern_parked_caller caller = {.now_ms = ctx->now_ms, .request_id = "sim", .remote = ""};
    struct sim_service *service = argument;
    struct tern_text names = {0};
    char *rest = NULL;
    int status = tern_parked_list(ctx->db, &filter, 0, 1000, collect, &names, err);
    for (char *name = status > 0 ? strtok_r(names.bytes, "\n", &rest) : NULL; name && status >= 0;
         name = strtok_r(NULL, "\n", &rest)) {
        struct tern_deferred held;
        status = name[0] == '-' ? tern_parked_discard(ctx->db, name + 1, &caller, &held, err)
                                : tern_parked_retry(ctx->db, name + 1, &caller, &held, err);
        if (status > 0) tern_deferred_fini(&held);
    }
    tern_text_fini(&names);
    if (status < 0 || tern_retries_load(service->app->retries, ctx, err) < 0) return TERN_RETRY;
    return TERN_DONE;
}

static void released(struct sim_request *request, enum tern_work_end end)
{
    (void)end;
    sim->requests_open--;
    free(request);
}

/* What is poisoned no more is tried again; what nobody can use is thrown away. */
void sim_parked_release(void)
{
    for (int i = 0; i < sim->event_count; i++)
        for (int k = 0; k < SIM_SERVICES; k++)
            sim->events[i].fate_left[k] = 0;
    for (int i = 0; i < SIM_SERVICES; i++) {
        struct sim_request *request = tern_alloc(sizeof *request);
        request->run = release_all;
        request->argument = &sim->services[i];
        request->answered = released;
        sim->requests_open++;
        if (!sim_command(&sim->services[i], request)) released(request, TERN_WORK_LATER);
    }
}

/* ---- the plan ------------------------------------------------------------------------------------------------------- */

static void now_and_then(void *self, int64_t number)
{
    (void)self;
    if (sim->healing) return;
    if (sim_happens(SIM_FAULT_restock)) restock_something();
    if (sim_happens(SIM_FAULT_malformed)) send_unreadable();
    if (sim_happens(SIM_FAULT_stranger)) send_stranger();
    sim_at(sim->now + 200, now_and_then, NULL, number);
}

void sim_clients_open(void)
{
    sim->order_count = sim->plan.orders;
    for (int i = 0; i < sim->order_count; i++) {
        draw_order(&sim->orders[i], i);
        sim_at(sim->small ? 0 : sim_below(sim->plan.busy_ms), place, NULL, i);
    }
    if (!sim->small) sim_at(200, now_and_then, NULL, 0);
}

void sim_clients_close(void)
{
    for (int i = 0; i < sim->order_count; i++)
        free(sim->orders[i].lines);
}
