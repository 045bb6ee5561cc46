/* place_order.c - POST /orders: from a request body to an order that is on disk.
 *
 * All reading and checking of JSON happens on the connection's thread; the writer only inserts. The answer is sent after
 * the commit. With an Idempotency-Key the answer is kept in the same transaction (tern_app_answer_once), so a request is
 * either an order with its answer, or nothing. Never asks another service: a product that inventory
 * does not know takes the out-of-stock path. */
#include "place_order.h"

#include <stdlib.h>
#include <string.h>

#include "order_http.h"
#include "order_metrics.h"
#include "order_store.h"
#include "order_watch.h"
#include "shop/rules.h"
#include "tern/bug.h"
#include "tern/money.h"

/* Of the names that clients give their conversations; in README.md. Never changed: an id is made anew from the name. */
static const char place_conversations[] = "d5ac42a3-a890-4603-806e-38ae93ee2bcd";

/* ---- the request ------------------------------------------------------------------------------------------- */

#define PLACE_AT(member)   offsetof(struct shop_order_placed, member)
#define PLACE_SIZE(member) sizeof(((struct shop_order_placed *)0)->member)

/* What a client may say, straight into the payload of OrderPlaced. */
/* clang-format off */
static const struct tern_field place_fields[] = {
    {.name = "customerId", .kind = TERN_KIND_ID, .offset = PLACE_AT(customer_id), .size = PLACE_SIZE(customer_id)},
    {.name = "items", .kind = TERN_KIND_LIST, .offset = PLACE_AT(items.at), .size = sizeof(struct shop_line),
     .count_offset = PLACE_AT(items.count), .low = 1, .high = SHOP_LINES_MAX, .shape = &shop_line_shape},
    {.name = "customer", .kind = TERN_KIND_OBJECT, .optional = true, .offset = PLACE_AT(customer),
     .size = sizeof(struct shop_customer), .shape = &shop_customer_shape, .present_offset = PLACE_AT(customer.given)},
    {.name = "shippingAddress", .kind = TERN_KIND_OBJECT, .optional = true, .offset = PLACE_AT(shipping_address),
     .size = sizeof(struct shop_address), .shape = &shop_address_shape,
     .present_offset = PLACE_AT(shipping_address.given)},
    {.name = "currency", .kind = TERN_KIND_WORD, .optional = true, .offset = PLACE_AT(currency),
     .size = PLACE_SIZE(currency), .low = 3, .high = 3},
    {.name = "paymentToken", .kind = TERN_KIND_TEXT, .optional = true, .offset = PLACE_AT(payment_token),
     .size = PLACE_SIZE(payment_token), .high = SHOP_REF_SIZE - 1},
};
/* clang-format on */

static const struct tern_shape place_shape = {place_fields, TERN_COUNT(place_fields), sizeof(struct shop_order_placed)};

static bool place_is_at_fault(const struct tern_shape_faults *faults, const char *pointer)
{
    for (size_t i = 0; i < faults->count && i < TERN_SHAPE_MAX_FAULTS; i++)
        if (strcmp(faults->items[i].pointer, pointer) == 0) return true;
    return false;
}

/* Where somebody may have put a card's number by mistake. Not the phone: one in ten would look like a card's. */
static const struct place_free_text {
    const char *pointer;
    size_t offset;
} place_free_texts[] = {
    {"#/paymentToken",            PLACE_AT(payment_token)            },
    {"#/shippingAddress/street",  PLACE_AT(shipping_address.street)  },
    {"#/shippingAddress/city",    PLACE_AT(shipping_address.city)    },
    {"#/shippingAddress/state",   PLACE_AT(shipping_address.state)   },
    {"#/shippingAddress/zipCode", PLACE_AT(shipping_address.zip_code)},
};

/* The number itself is never repeated. */
static void place_check_card_numbers(const struct shop_order_placed *placed, struct tern_shape_faults *faults)
{
    static const char customer_at[] = "#/customerId";

    if (!place_is_at_fault(faults, customer_at) && shop_is_card_number(placed->customer_id))
        tern_shape_fault(faults, "card_number", customer_at, "%s", shop_card_number_refused);
    for (size_t i = 0; i < TERN_COUNT(place_free_texts); i++) {
        const struct place_free_text *text = &place_free_texts[i];

        if (!place_is_at_fault(faults, text->pointer) && shop_holds_card_number((const char *)placed + text->offset))
            tern_shape_fault(faults, "card_number", text->pointer, "%s", shop_card_number_refused);
    }
}

/* What a shape cannot say, of the members that it had nothing against. */
static void place_check(const struct shop_order_placed *placed, struct tern_shape_faults *faults)
{
    static const char currency_at[] = "#/currency", email_at[] = "#/customer/email";
    const char *email = placed->customer.email, *currency = placed->currency;

    if (!place_is_at_fault(faults, currency_at) && currency[0] != '\0' && !shop_currency_has_cents(currency))
        tern_shape_fault(faults, "bad_currency", currency_at,
                         "must be a currency of ISO 4217 that has two decimals, such as USD or EUR");
    if (!place_is_at_fault(faults, email_at) && email[0] != '\0' && !shop_is_email(email))
        tern_shape_fault(faults, "bad_format", email_at, "must be an e-mail address");
    place_check_card_numbers(placed, faults);
}

bool place_order_was_allowed(const struct tern_shape_faults *faults)
{
    if (faults->count == 0 || faults->count > TERN_SHAPE_MAX_FAULTS) return false;
    for (size_t i = 0; i < faults->count; i++)
        if (strcmp(faults->items[i].code, "bad_currency") != 0 && strcmp(faults->items[i].code, "card_number") != 0)
            return false;
    return true;
}

int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_shape_faults *faults, struct tern_error *err)
{
    struct cJSON *tree = tern_json_parse(body, length, TERN_JSON_MAX_BYTES, err);

    faults->count = 0;
    if (tree == NULL) return -1;
    (void)tern_shape_decode(&place_shape, tree, TERN_STRICT, ret_placed, faults);
    place_check(ret_placed, faults);
    tern_json_destroy(tree);
    if (ret_placed->currency[0] == '\0')
        (void)tern_copy(ret_placed->currency, sizeof(ret_placed->currency), SHOP_CURRENCY_DEFAULT);
    return faults->count > 0 ? tern_error_set(err, "the request has %zu faults", faults->count) : 0;
}

/* ---- the order --------------------------------------------------------------------------------------------- */

static void place_copy(char *target, size_t size, const char *text)
{
    const int fits = tern_copy(target, size, text);

    TERN_ASSERT(fits == 0, "ids and words fit where they belong");
}

static int64_t place_total(const struct shop_lines *items)
{
    int64_t total = 0;

    for (size_t i = 0; i < items->count; i++) {
        const int added = tern_money_add_product(&total, items->at[i].price_minor, items->at[i].quantity);

        TERN_ASSERT(added == 0, "within the limits of lines, quantity and price no total overflows");
    }
    return TERN_BUG(total_truncated) ? (int32_t)total : total;
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

void place_order_spell(struct place_order *work)
{
    tern_shape_encode(&place_shape, &work->placed, &work->asked);
}

void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id)
{
    struct shop_order_placed *placed = &work->placed;
    char order_id[TERN_SORTABLE_ID_SIZE];

    tern_ids_sortable(ids, "ORD-", order_id);
    place_copy(placed->order_id, sizeof(placed->order_id), order_id);
    place_copy(placed->status, sizeof(placed->status), order_status_name(ORDER_CREATED));
    placed->total_amount_minor = place_total(&placed->items);
    placed->created_at_ms = tern_now(clock);
    order_apply(&work->order, &(struct order_change){.event = SHOP_ORDER_PLACED,
                                                     .payload = placed,
                                                     .correlation_id = correlation_id,
                                                     .version = 1,
                                                     .at_ms = placed->created_at_ms});
    tern_shape_encode(shop_shape(SHOP_ORDER_PLACED), placed, &work->data);
}

void place_order_fini(struct place_order *work)
{
    order_fini(&work->order);
    tern_text_fini(&work->data);
    tern_text_fini(&work->asked);
}

/* ---- the command ------------------------------------------------------------------------------------------- */

static int place_store(struct tern_context *ctx, const struct place_order *work, struct tern_error *err)
{
    const struct order_state *order = &work->order;
    struct tern_emitted emitted;

    if (tern_emit(ctx, SHOP_TYPE(ORDER_PLACED)->name, order->order_id, work->data.bytes, &emitted, err) < 0) return -1;
    TERN_ASSERT(emitted.subject_version == order->version, "an order's id is new");
    if (order_store_insert(ctx->db, order, err) < 0 || order_watch_begin(ctx, order, err) < 0) return -1;
    tern_log_info(ctx->log, "order placed", TERN_STR("orderId", order->order_id),
                  TERN_STR("customerId", order->customer_id), TERN_INT("lines", (int64_t)work->placed.items.count),
                  TERN_STR("correlationId", order->correlation_id));
    return 0;
}

enum tern_outcome place_order_run(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct place_order *work = argument;

    work->refused = work->faults.count > 0;
    if (work->refused) return TERN_REJECT;
    return place_store(ctx, work, err) < 0 ? TERN_RETRY : TERN_DONE;
}

void place_order_count(struct tern_context *ctx)
{
    order_metrics_placed(ctx->metrics, ctx->self);
}

/* ---- the verb ---------------------------------------------------------------------------------------------- */

/* A UUID as it is, any other name as the UUID of that name: what other systems call a conversation refuses no order. The
 * HTTP library leaves the blanks behind a value, which are no part of it. */
static void place_name_conversation(struct tern_app *app, const char *header, char correlation_id[TERN_UUID_SIZE])
{
    char *name = tern_copy_text(header != NULL ? header : "");
    size_t length = strlen(name);

    while (length > 0 && (name[length - 1] == ' ' || name[length - 1] == '\t'))
        name[--length] = '\0';
    if (length == 0)
        tern_ids_uuid(tern_app_ids(app), correlation_id);
    else if (tern_uuid_normalise(name, correlation_id) < 0)
        tern_uuid_named(place_conversations, name, correlation_id);
    free(name);
}

/* Everything about the request that is not its body: false, and the answer says why. */
static bool place_read_headers(struct tern_app *app, const struct tern_http_request *request,
                               struct tern_http_answer *answer, struct tern_conversation *conversation)
{
    static const char *const no_query[] = {NULL};

    if (!tern_http_query_known(request, answer, no_query)) return false;
    place_name_conversation(app, tern_http_header(request, "X-Correlation-Id"), conversation->correlation_id);
    place_copy(conversation->traceparent, sizeof(conversation->traceparent), tern_http_traceparent(request));
    return true;
}

static bool place_read_body(const struct tern_http_request *request, struct tern_http_answer *answer,
                            struct place_order *work)
{
    struct tern_error err = {0};
    size_t length;
    const char *body = tern_http_body(request, &length);

    if (place_order_read(body, length, &work->placed, &work->faults, &err) == 0) return true;
    /* The request of an order that an older version took and answered gets that answer, not a refusal. */
    if (tern_http_idempotency_key(request)[0] != '\0' && place_order_was_allowed(&work->faults)) return true;
    if (work->faults.count > 0)
        tern_http_problem_faults(answer, "Invalid order", &work->faults);
    else
        tern_http_problem(answer, 400, "Malformed JSON", "The body is no JSON text: %s.", err.text);
    return false;
}

static void place_submit(struct tern_app *app, const struct tern_http_request *request, struct tern_http_answer *answer,
                         struct place_order *work, const struct tern_conversation *conversation)
{
    const struct tern_once once = {place_order_run, work, place_order_answer, &work->asked, place_order_count};
    struct tern_error err = {0};

    if (!tern_app_accepts(app, &err)) {
        tern_app_unavailable(answer, &err);
        return;
    }
    if (tern_http_idempotency_key(request)[0] != '\0') place_order_spell(work);
    place_order_prepare(work, tern_app_ids(app), tern_app_clock(app), conversation->correlation_id);
    if (tern_app_answer_once(app, request, &once, conversation, answer, &err)) return;
    if (work->refused)
        tern_http_problem_faults(answer, "Invalid order", &work->faults);
    else
        order_http_trouble(app, answer, "an order could not be stored", &err);
}

void place_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_conversation conversation = {0};
    struct place_order *work = tern_alloc(sizeof(*work)); /* some ten KB: not for the connection's small stack */

    if (place_read_headers(app, request, answer, &conversation) && place_read_body(request, answer, work))
        place_submit(app, request, answer, work, &conversation);
    place_order_fini(work);
    free(work);
}
