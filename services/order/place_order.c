/* place_order.c - POST /orders: from a request body to an order that is on disk.
 *
 * JSON is read, checked and written on the connection's thread; the writer only inserts. The answer is sent after the
 * commit. With an Idempotency-Key the answer is stored in the same transaction (tern_app_answer_once), so a request is
 * an order with its answer, or nothing. Asks no other service: an order of an unknown product is placed, and cancelled
 * when inventory-service finds no stock of it. */
#include "place_order.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "order_http.h"
#include "order_metrics.h"
#include "order_store.h"
#include "order_wait.h"
#include "shop/rules.h"
#include "tern/money.h"

/* Namespace of the UUIDs (version 5, RFC 9562) made from the names that clients give their conversations; stated in
 * README.md. Never changed: the same name must give the same id for ever. */
static const char conversation_names[] = "d5ac42a3-a890-4603-806e-38ae93ee2bcd";

/* ---- the request ------------------------------------------------------------------------------------------- */

/* What a client may give, read straight into the payload of OrderPlaced. */
static const struct tern_field order_fields[] = {
    TERN_FIELD(struct shop_order_placed, "customerId", customer_id, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD_ARRAY(struct shop_order_placed, "items", items, TERN_KIND_LIST, required, 1, &shop_line_schema),
    TERN_FIELD_OBJECT(struct shop_order_placed, "customer", customer, optional, &shop_customer_schema),
    TERN_FIELD_OBJECT(struct shop_order_placed, "shippingAddress", shipping_address, optional, &shop_address_schema),
    TERN_FIELD(struct shop_order_placed, "currency", currency, TERN_KIND_WORD, optional, 3, 3),
    TERN_FIELD(struct shop_order_placed, "paymentToken", payment_token, TERN_KIND_TEXT, optional, 0, SHOP_REF_SIZE - 1),
};
static const struct tern_schema order_schema = TERN_SCHEMA_OF(struct shop_order_placed, order_fields);

/* Whether a member has a fault already. The list of faults keeps the first TERN_SCHEMA_MAX_FAULTS only. */
static bool is_at_fault(const struct tern_schema_faults *faults, const char *pointer)
{
    for (size_t i = 0; i < faults->count && i < TERN_SCHEMA_MAX_FAULTS; i++)
        if (strcmp(faults->items[i].pointer, pointer) == 0) return true;
    return false;
}

/* Where a client may put a card number by mistake. Not the phone: one phone number in ten would pass for one. */
static const struct free_text {
    const char *pointer; /* JSON pointer (RFC 6901) */
    size_t offset;       /* of the member in struct shop_order_placed */
} free_texts[] = {
    {"#/paymentToken",            offsetof(struct shop_order_placed, payment_token)            },
    {"#/shippingAddress/street",  offsetof(struct shop_order_placed, shipping_address.street)  },
    {"#/shippingAddress/city",    offsetof(struct shop_order_placed, shipping_address.city)    },
    {"#/shippingAddress/state",   offsetof(struct shop_order_placed, shipping_address.state)   },
    {"#/shippingAddress/zipCode", offsetof(struct shop_order_placed, shipping_address.zip_code)},
};

/* The rules that a schema cannot express, for the members without a fault. A card number is never repeated in a
 * fault. */
static void check_rules(const struct shop_order_placed *placed, struct tern_schema_faults *faults)
{
    static const char currency_at[] = "#/currency", email_at[] = "#/customer/email", customer_at[] = "#/customerId";
    const char *email = placed->customer.email, *currency = placed->currency;
    if (!is_at_fault(faults, currency_at) && currency[0] && !shop_currency_has_cents(currency))
        tern_schema_fault(faults, "bad_currency", currency_at,
                          "must be a currency of ISO 4217 that has two decimals, such as USD or EUR");
    if (!is_at_fault(faults, email_at) && email[0] && !shop_is_email(email))
        tern_schema_fault(faults, "bad_format", email_at, "must be an e-mail address");
    if (!is_at_fault(faults, customer_at) && shop_is_card_number(placed->customer_id))
        tern_schema_fault(faults, "card_number", customer_at, "%s", shop_card_number_refused);
    for (size_t i = 0; i < TERN_COUNT(free_texts); i++) {
        const struct free_text *text = &free_texts[i];
        if (!is_at_fault(faults, text->pointer) && shop_holds_card_number((const char *)placed + text->offset))
            tern_schema_fault(faults, "card_number", text->pointer, "%s", shop_card_number_refused);
    }
}

static const char wrong_price[] = "wrong_price";

int place_order_check_prices(struct tern_db *db, const struct shop_order_placed *placed,
                             struct tern_schema_faults *faults, struct tern_error *err)
{
    for (size_t i = 0; i < placed->items.count; i++) {
        const struct shop_line *line = &placed->items.at[i];
        char currency[TERN_WORD_SIZE], pointer[64], price[TERN_MONEY_SIZE];
        int64_t price_minor;
        int known = order_store_price(db, line->product_id, &price_minor, currency, err);
        if (known < 0) return -1;
        if (known == 0 || (price_minor == line->price_minor && strcmp(currency, placed->currency) == 0)) continue;
        tern_money_format(price_minor, price);
        (void)snprintf(pointer, sizeof pointer, "#/items/%zu/price", i);
        tern_schema_fault(faults, wrong_price, pointer, "must be the price of the product, %s %s", price, currency);
    }
    return 0;
}

bool place_order_was_allowed(const struct tern_schema_faults *faults)
{
    if (faults->count == 0) return false;
    /* Prices are looked at only when all else is right: then the faults that the list has no room for are of prices too. */
    if (strcmp(faults->items[0].code, wrong_price) == 0) return true;
    if (faults->count > TERN_SCHEMA_MAX_FAULTS) return false;
    for (size_t i = 0; i < faults->count; i++)
        if (strcmp(faults->items[i].code, "bad_currency") != 0 && strcmp(faults->items[i].code, "card_number") != 0)
            return false;
    return true;
}

int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_schema_faults *faults, struct tern_error *err)
{
    int status = tern_schema_read_body(&order_schema, body, length, ret_placed, faults, err);
    if (status < 0 && faults->count == 0) return -1;
    check_rules(ret_placed, faults);
    if (!ret_placed->currency[0])
        tern_copy_whole(ret_placed->currency, sizeof ret_placed->currency, SHOP_CURRENCY_DEFAULT);
    return faults->count > 0 ? tern_error_set(err, "the request has %zu faults", faults->count) : 0;
}

/* ---- the order --------------------------------------------------------------------------------------------- */

void place_order_spell(struct place_order *work)
{
    tern_schema_encode(&order_schema, &work->placed, &work->asked);
}

void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id, const char *version)
{
    struct shop_order_placed *placed = &work->placed;
    char order_id[TERN_SORTABLE_ID_SIZE];
    struct tern_error err;
    placed->total_amount_minor = shop_total(&placed->items);
    placed->created_at_ms = tern_now(clock);
    for (size_t i = 0; i < placed->items.count; i++)
        tern_copy_whole(placed->items.at[i].currency, sizeof placed->items.at[i].currency, placed->currency);
    work->version = version;
    tern_ids_sortable(ids, "ORD-", order_id);
    tern_copy_whole(placed->order_id, sizeof placed->order_id, order_id);
    tern_copy_whole(placed->status, sizeof placed->status, SHOP_STATUS_CREATED);
    order_apply(&work->order, &(struct order_change){.event = SHOP_ORDER_PLACED,
                                                     .payload = placed,
                                                     .correlation_id = correlation_id,
                                                     .version = 1,
                                                     .at_ms = placed->created_at_ms});
    TERN_ASSERT(shop_encode(SHOP_ORDER_PLACED, version, placed, &work->data, &err) == 0,
                "a request that was read is an order");
}

void place_order_fini(struct place_order *work)
{
    order_fini(&work->order);
    tern_text_fini(&work->data);
    tern_text_fini(&work->asked);
}

enum tern_outcome place_order_run(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct place_order *work = argument;
    const struct order_state *order = &work->order;
    struct tern_emitted emitted;
    work->refused = work->faults.count > 0;
    if (work->refused) return TERN_REJECT;
    if (shop_emit_encoded(ctx, SHOP_ORDER_PLACED, work->version, order->order_id, work->data.bytes, &emitted, err) < 0)
        return TERN_RETRY;
    TERN_ASSERT(emitted.subject_version == order->version, "an order's id is new");
    if (order_store_insert(ctx->db, TERN_LIVE, order, work->placed.items.at, work->placed.items.count, err) < 0 ||
        order_wait_begin(ctx, order, err) < 0)
        return TERN_RETRY;
    tern_log_info(ctx->log, "order placed", TERN_STR("orderId", order->order_id),
                  TERN_STR("customerId", order->customer_id), TERN_INT("lines", (int64_t)work->placed.items.count),
                  TERN_STR("correlationId", order->correlation_id));
    return TERN_DONE;
}

void place_order_answer(const void *argument, struct tern_http_answer *answer)
{
    const struct place_order *work = argument;
    const struct order_state *order = &work->order;
    char total[TERN_MONEY_SIZE];
    tern_money_format(order->total_minor, total);
    answer->status = 201;
    tern_http_set_header(answer, "Location", "/orders/%s", order->order_id);
    order_http_etag(answer, order->version);
    tern_text_printf(&answer->body,
                     "{\"message\":\"Order created successfully\",\"orderId\":\"%s\",\"status\":\"%s\","
                     "\"totalAmount\":%s,\"correlationId\":\"%s\"}",
                     order->order_id, order_status_name(order->saga.status), total, order->correlation_id);
}

/* ---- the verb ---------------------------------------------------------------------------------------------- */

/* X-Correlation-Id: a UUID stays as it is, another name becomes the UUID of that name, without the header it is a new
 * UUID. libmicrohttpd leaves blanks after a value, which are no part of it (RFC 9110, 5.5). */
static void name_conversation(struct tern_ids *ids, const char *header, char correlation_id[TERN_UUID_SIZE])
{
    char *name = tern_copy_text(header ? header : "");
    size_t length = strlen(name);
    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t'))
        name[--length] = '\0';
    if (length == 0)
        tern_ids_uuid(ids, correlation_id);
    else if (tern_uuid_normalise(name, correlation_id) < 0)
        tern_uuid_named(conversation_names, name, correlation_id);
    free(name);
}

/* On a connection of its own: no order waits for it. */
static int check_prices(struct tern_app *app, struct place_order *work, struct tern_error *err)
{
    if (strcmp(tern_config_text(tern_app_config(app), "PRICES"), "catalogue") != 0) return 0;
    struct tern_db *db = tern_app_reader(app, err);
    int status = db ? place_order_check_prices(db, &work->placed, &work->faults, err) : -1;
    tern_app_reader_done(app, db);
    return status;
}

void place_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const no_query[] = {NULL};
    struct tern_app *app = self;
    struct place_order *work = tern_alloc(sizeof *work); /* 17 KB: a connection has a small stack */
    const struct tern_once once = {place_order_run, work, place_order_answer, &work->asked, order_metrics_placed};
    struct tern_conversation conversation = {0};
    struct tern_error err = {0};
    bool with_key = tern_http_idempotency_key(request)[0] != '\0';
    size_t length;
    const char *body = tern_http_body(request, &length);

    if (!tern_http_query_known(request, answer, no_query)) goto done;
    name_conversation(tern_app_ids(app), tern_http_header(request, "X-Correlation-Id"), conversation.correlation_id);
    tern_copy_whole(conversation.traceparent, sizeof conversation.traceparent, tern_http_traceparent(request));
    int status = place_order_read(body, length, &work->placed, &work->faults, &err);
    if (status == 0 && check_prices(app, work, &err) < 0) {
        tern_app_unavailable(answer, &err);
        goto done;
    }
    if (work->faults.count > 0) status = -1;
    /* An older version may have stored an order as the answer to this key: that answer is given, not the faults. */
    if (status < 0 && !(with_key && place_order_was_allowed(&work->faults))) {
        tern_http_problem_body(answer, "Invalid order", &work->faults, &err);
        goto done;
    }
    if (!tern_app_accepts(app, &err)) {
        tern_app_unavailable(answer, &err);
        goto done;
    }

    if (with_key) place_order_spell(work);
    place_order_prepare(work, tern_app_ids(app), tern_app_clock(app), conversation.correlation_id,
                        tern_config_text(tern_app_config(app), "ORDER_PLACED_VERSION"));
    if (tern_app_answer_once(app, request, &once, &conversation, answer, &err)) goto done;
    if (work->refused)
        tern_http_problem_body(answer, "Invalid order", &work->faults, &err);
    else
        order_http_trouble(app, answer, "an order could not be stored", &err);
done:
    place_order_fini(work);
    free(work);
}
