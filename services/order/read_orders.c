/* read_orders.c - GET /orders and /products: lists from the read models.
 *
 * Orders come newest first, in pages that stay right while orders arrive: a cursor names the last order that was read,
 * and the place of an order never changes. */
#include <inttypes.h>
#include <string.h>

#include "order_http.h"
#include "order_store.h"
#include "tern/json.h"
#include "tern/money.h"

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

static const char *const orders_query[] = {
    "status", "customerId", "productId", "createdAfter", "createdBefore", "waitingFor", "limit", "cursor", NULL};

/* What a request asks for. */
struct orders_asked {
    struct order_filter filter; /* its texts are the request's */
    struct order_page page;
};

static bool read_cursor(const struct tern_http_request *request, struct tern_http_answer *answer,
                        struct order_place *ret_place)
{
    struct tern_http_place place = {.number = ret_place->created_at_ms};
    if (!tern_http_query_cursor(request, answer, orders_query, &place)) return false;
    ret_place->created_at_ms = place.number;
    tern_copy_whole(ret_place->order_id, sizeof ret_place->order_id, place.id);
    return true;
}

/* ---- the query ------------------------------------------------------------------------------------------------- */

static bool read_status(const struct tern_http_request *request, struct tern_http_answer *answer,
                        enum order_status *ret_status)
{
    const char *text = tern_http_query(request, "status");
    if (!text || order_status_parse(text, ret_status) == 0) return true;
    return tern_http_query_refuse(answer, "status",
                                  "CREATED, PAID, READY_FOR_SHIPMENT, PAYMENT_FAILED, INVENTORY_ISSUE, CANCELLING or "
                                  "CANCELLED");
}

static bool read_waiting_for(const struct tern_http_request *request, struct tern_http_answer *answer,
                             enum saga_wait *ret_wait)
{
    const char *text = tern_http_query(request, "waitingFor");
    if (!text) return true;
    for (int what = 0; what < SAGA_WAIT_COUNT; what++) {
        if (strcmp(saga_waiting[what].name, text) != 0) continue;
        *ret_wait = (enum saga_wait)what;
        return true;
    }
    return tern_http_query_refuse(answer, "waitingFor", "payment, stock, refund or release");
}

/* ---- the list -------------------------------------------------------------------------------------------------- */

/* Appends one element to the JSON array that is open in `self`, a text. */
static int add_order(void *self, const struct order_state *order, struct tern_error *err)
{
    struct tern_text *out = self;
    (void)err;
    if (out->bytes[out->length - 1] != '[') tern_text_add_bytes(out, ",", 1);
    order_print(order, out);
    return 0;
}

static int fill_orders(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err)
{
    struct orders_asked list = *(const struct orders_asked *)asked;
    struct tern_text *out = &read->answer->body;
    const struct order_place *behind = &list.page.behind;
    char cursor[TERN_HTTP_CURSOR_SIZE] = "";
    tern_text_add(out, "{\"orders\":[");
    if (order_store_list(db, &list.filter, &list.page, add_order, out, err) < 0) return -1;
    tern_text_add(out, "]");
    if (list.page.more) {
        struct tern_http_place place = {.number = behind->created_at_ms};
        tern_copy_whole(place.id, sizeof place.id, behind->order_id);
        tern_http_cursor(read->request, orders_query, &place, cursor);
        tern_http_link_next(read->request, read->answer, orders_query, "cursor", cursor);
    }
    tern_json_add_text_or_null(out, "nextCursor", cursor);
    tern_text_add(out, "}");
    return 1;
}

void read_orders(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct order_read read = {.request = request, .answer = answer, .now_ms = tern_now(tern_app_clock(self))};
    struct orders_asked asked = {
        .filter = {.status = ORDER_STATUS_COUNT, .waits_for = SAGA_WAIT_COUNT, .before_ms = INT64_MAX},
        .page = {.behind = {.created_at_ms = INT64_MAX},                            .limit = LIMIT_DEFAULT                  },
    };
    struct order_filter *filter = &asked.filter;
    if (tern_http_query_known(request, answer, orders_query) && read_status(request, answer, &filter->status) &&
        tern_http_query_word(request, answer, "customerId", &filter->customer_id) &&
        tern_http_query_word(request, answer, "productId", &filter->product_id) &&
        tern_http_query_time(request, answer, "createdAfter", read.now_ms, read.now_ms, &filter->after_ms) &&
        tern_http_query_time(request, answer, "createdBefore", read.now_ms, read.now_ms, &filter->before_ms) &&
        read_waiting_for(request, answer, &filter->waits_for) &&
        tern_http_query_number(request, answer, "limit", 1, LIMIT_MAX, &asked.page.limit) &&
        read_cursor(request, answer, &asked.page.behind))
        order_http_read(self, &read, fill_orders, &asked);
}

/* ---- products -------------------------------------------------------------------------------------------------- */

/* Appends one element to the JSON array that is open in `self`, a text. */
static void add_product(void *self, const struct order_product *product)
{
    struct tern_text *out = self;
    if (out->bytes[out->length - 1] != '[') tern_text_add(out, ",");
    tern_text_printf(out, "{\"productId\":\"%s\"", product->product_id);
    tern_json_add_text(out, "name", product->name);
    tern_text_printf(out, ",\"quantity\":%" PRId64, product->quantity);
    if (product->price_minor > 0) {
        char price[TERN_MONEY_SIZE];
        tern_money_format(product->price_minor, price);
        tern_text_printf(out, ",\"price\":%s,\"currency\":\"%s\"", price, product->currency);
    }
    tern_json_add_time(out, "updatedAt", product->updated_at_ms);
    tern_text_add(out, "}");
}

static int fill_products(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err)
{
    (void)asked;
    tern_text_add(&read->answer->body, "{\"products\":[");
    if (order_store_each_product(db, add_product, &read->answer->body, err) < 0) return -1;
    tern_text_add(&read->answer->body, "]}");
    return 1;
}

void read_products(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {NULL};
    const struct order_read read = {.request = request, .answer = answer};
    if (tern_http_query_known(request, answer, known)) order_http_read(self, &read, fill_products, NULL);
}
