/* inventory_http.c - the stock over HTTP: reading it, setting it, adding to it.
 *
 * Reads use a connection that cannot write. The writing calls need the admin token (or loopback) and are one command on
 * the writer's thread, which emits InventoryUpdated in the same transaction. */
#include <stddef.h>
#include <string.h>

#include "inventory.h"
#include "tern/money.h"

static const char *const no_query[] = {NULL};

/* ---- reading ---- */

static void write_stock(const struct stock *stock, struct tern_text *out)
{
    tern_text_printf(out, "{\"productId\":\"%s\",\"name\":", stock->product_id);
    tern_json_write_string(out, stock->name);
    tern_text_printf(out, ",\"quantity\":%lld,\"reserved\":%lld", (long long)stock->quantity,
                     (long long)stock->reserved);
    tern_json_add_time(out, "updatedAt", stock->updated_at_ms);
    if (stock->price_minor > 0) {
        char price[TERN_MONEY_SIZE];
        tern_money_format(stock->price_minor, price);
        tern_text_printf(out, ",\"price\":%s,\"currency\":\"%s\"", price, stock->currency);
    }
    tern_text_add(out, "}");
}

/* Appends one element to the JSON array that is open in `self`, a text. */
static int add_to_list(void *self, const struct stock *stock)
{
    struct tern_text *out = self;
    if (out->bytes[out->length - 1] != '[') tern_text_add(out, ",");
    write_stock(stock, out);
    return 0;
}

static void get_inventory(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct tern_error err = {0};
    if (!tern_http_query_known(request, answer, no_query)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    tern_text_add(&answer->body, "{\"products\":[");
    int status = db ? stock_each(db, add_to_list, &answer->body, &err) : -1;
    tern_app_reader_done(app, db);
    if (status < 0)
        tern_app_unavailable(answer, &err);
    else
        tern_text_add(&answer->body, "]}\n");
}

static void product_unknown(struct tern_http_answer *answer)
{
    tern_http_problem(answer, 404, "Product not found", "There is no product of this id.");
}

static void get_product(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_app *app = self;
    struct stock stock;
    struct tern_error err = {0};
    if (!tern_http_query_known(request, answer, no_query)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    int known = db ? stock_load(db, tern_http_parameter(request, "productId"), &stock, &err) : -1;
    tern_app_reader_done(app, db);
    if (known < 0)
        tern_app_unavailable(answer, &err);
    else if (known == 0)
        product_unknown(answer);
    else {
        write_stock(&stock, &answer->body);
        tern_text_add(&answer->body, "\n");
    }
}

/* ---- writing ---- */

static const struct tern_field put_fields[] = {
    TERN_FIELD(struct stock_body, "name", name, TERN_KIND_TEXT, optional, 0, SHOP_TEXT_CHARACTERS),
    TERN_FIELD(struct stock_body, "quantity", quantity, TERN_KIND_COUNT, required, 0, SHOP_STOCK_MAX),
    TERN_FIELD(struct stock_body, "price", price_minor, TERN_KIND_MONEY, optional, 1, SHOP_PRICE_MAX_MINOR),
    TERN_FIELD(struct stock_body, "currency", currency, TERN_KIND_WORD, optional, 3, 3),
};
static const struct tern_field restock_fields[] = {
    TERN_FIELD(struct stock_body, "quantity", quantity, TERN_KIND_COUNT, required, 1, SHOP_STOCK_MAX),
};
static const struct tern_schema put_schema = TERN_SCHEMA_OF(struct stock_body, put_fields);
static const struct tern_schema restock_schema = TERN_SCHEMA_OF(struct stock_body, restock_fields);

enum tern_outcome inventory_change_stock(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct stock_command *command = argument;
    struct stock *stock = &command->stock;
    int known = stock_load(ctx->db, command->product_id, stock, err);
    if (known < 0) return TERN_RETRY;
    command->created = !known;
    command->unknown = !known && command->adds;
    /* Reserved units count too: a release puts them back, and must never be refused for the limit. */
    int64_t there = known ? stock->reserved + (command->adds ? stock->quantity : 0) : 0;
    command->full = there > SHOP_STOCK_MAX - command->body.quantity;
    if (command->unknown || command->full) return TERN_REJECT;

    if (!known) {
        *stock = (struct stock){0};
        tern_copy_whole(stock->product_id, sizeof stock->product_id, command->product_id);
        tern_copy_whole(stock->name, sizeof stock->name, command->product_id);
    }
    if (command->body.name[0]) tern_copy_whole(stock->name, sizeof stock->name, command->body.name);
    if (command->body.price_minor > 0) {
        stock->price_minor = command->body.price_minor;
        tern_copy_whole(stock->currency, sizeof stock->currency, command->body.currency);
    }
    stock->quantity = command->adds ? stock->quantity + command->body.quantity : command->body.quantity;
    /* Strictly ascending, also when the clock is set back: consumers keep the newest by it. */
    stock->updated_at_ms = stock->updated_at_ms < ctx->now_ms ? ctx->now_ms : stock->updated_at_ms + 1;
    if (stock_put(ctx->db, stock, err) < 0 || inventory_emit_updated(ctx, stock, err) < 0) return TERN_RETRY;
    tern_log_info(ctx->log, command->adds ? "restocked" : "stock set", TERN_STR("productId", stock->product_id),
                  TERN_INT("quantity", stock->quantity));
    return TERN_DONE;
}

void inventory_answer_change(const void *argument, struct tern_http_answer *answer)
{
    const struct stock_command *command = argument;
    answer->status = command->created ? 201 : 200;
    write_stock(&command->stock, &answer->body);
    tern_text_add(&answer->body, "\n");
}

/* Neither unknown nor full: the command could not run, or its commit failed. */
static void answer_refused(struct tern_http_answer *answer, const struct stock_command *command,
                           const struct tern_error *err)
{
    if (command->unknown) {
        product_unknown(answer);
    } else if (command->full) {
        tern_http_problem(answer, 409, "Too much stock", "A product can have at most %d units, promised ones included.",
                          SHOP_STOCK_MAX);
    } else {
        tern_app_unavailable(answer, err);
    }
}

static bool price_is_complete(struct stock_body *body, struct tern_schema_faults *faults)
{
    const char *fault = stock_price_complete(body->price_minor, body->currency);
    if (fault) tern_schema_fault(faults, "bad_currency", "#/currency", "%s", fault);
    return !fault;
}

/* PUT and POST .../restock: check the request here, let the writer change the stock, answer after the commit. With an
 * Idempotency-Key a repeated request gets the stored answer (TERN_HTTP_ONCE: restock only). */
static void change_stock(struct tern_app *app, const struct tern_http_request *request, struct tern_http_answer *answer,
                         bool adds)
{
    struct tern_error err = {0};
    struct tern_conversation conversation = {0};
    struct stock_command command = {.product_id = tern_http_parameter(request, "productId"), .adds = adds};
    const struct tern_schema *schema = adds ? &restock_schema : &put_schema;
    struct tern_schema_faults faults;
    struct tern_text asked = {0};
    size_t length;
    const char *body = tern_http_body(request, &length);
    const struct tern_once once = {inventory_change_stock, &command, inventory_answer_change, &asked, NULL};
    if (!tern_http_query_known(request, answer, no_query)) return;
    if (!tern_id_valid(command.product_id)) {
        tern_http_problem(answer, 400, "Invalid product id", "A product id is 1 to 64 characters of A-Z a-z 0-9 . _ -");
        return;
    }
    if (tern_schema_read_body(schema, body, length, &command.body, &faults, &err) < 0 ||
        !price_is_complete(&command.body, &faults)) {
        tern_http_problem_body(answer, "Invalid stock", &faults, &err);
        return;
    }
    if (!tern_app_accepts(app, &err)) {
        tern_app_unavailable(answer, &err);
        return;
    }
    tern_ids_uuid(tern_app_ids(app), conversation.correlation_id);
    tern_copy_whole(conversation.traceparent, sizeof conversation.traceparent, tern_http_traceparent(request));
    tern_schema_encode(schema, &command.body, &asked);
    if (!tern_app_answer_once(app, request, &once, &conversation, answer, &err)) answer_refused(answer, &command, &err);
    tern_text_fini(&asked);
}

static void put_product(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    change_stock(self, request, answer, false);
}

static void post_restock(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    change_stock(self, request, answer, true);
}

const struct tern_http_route inventory_routes[] = {
    {"GET",  "/inventory",                     get_inventory, TERN_HTTP_OPEN,                                    "every product and its stock"},
    {"GET",  "/inventory/{productId}",         get_product,   TERN_HTTP_OPEN,                                    "one product and its stock"  },
    {"PUT",  "/inventory/{productId}",         put_product,   TERN_HTTP_ADMIN | TERN_HTTP_JSON,                  "sets name and free quantity"},
    {"POST", "/inventory/{productId}/restock", post_restock,  TERN_HTTP_ADMIN | TERN_HTTP_JSON | TERN_HTTP_ONCE,
     "adds to the free quantity"                                                                                                              },
    {NULL,   NULL,                             NULL,          0,                                                 NULL                         },
};
