/* cancel_order.c - POST /orders/{orderId}/cancel: the customer wants the order undone.
 *
 * 202 means that OrderCancelled is on disk. Payment and inventory answer it, and the order is CANCELLED when both have.
 * A second cancel changes nothing. The `reason` of the request is the customer's own words and becomes the order's
 * `note`; the reason of the event is CUSTOMER_REQUEST. */
#include "cancel_order.h"

#include "order_drive.h"
#include "order_http.h"
#include "order_store.h"
#include "shop/rules.h"

static const struct tern_field cancel_fields[] = {
    TERN_FIELD(struct cancel_request, "reason", reason, TERN_KIND_TEXT, optional, 0, SHOP_TEXT_CHARACTERS),
};
static const struct tern_schema cancel_schema = TERN_SCHEMA_OF(struct cancel_request, cancel_fields);

int cancel_order_read(const char *body, size_t length, struct cancel_request *ret_request,
                      struct tern_schema_faults *faults, struct tern_error *err)
{
    faults->count = 0;
    *ret_request = (struct cancel_request){0};
    if (length == 0) return 0;
    int status = tern_schema_read_body(&cancel_schema, body, length, ret_request, faults, err);
    if (status == 0 && shop_holds_card_number(ret_request->reason))
        tern_schema_fault(faults, "card_number", "#/reason", "%s", shop_card_number_refused);
    return faults->count > 0 ? tern_error_set(err, "the request has %zu faults", faults->count) : status;
}

enum tern_outcome cancel_order_run(struct tern_context *ctx, void *argument, struct tern_error *err)
{
    struct cancel_order *work = argument;
    struct order_state order = {0};
    enum tern_outcome outcome = TERN_DONE;
    int found = order_store_load(ctx->db, TERN_LIVE, work->order_id, &order, err);
    if (found < 0) return TERN_RETRY;
    work->result = CANCEL_ORDER_UNKNOWN;
    if (found == 0) return TERN_DONE;

    enum order_status status = order.saga.status;
    bool changes = saga_row(status, SAGA_CUSTOMER_CANCELS)->becomes != status;
    work->result = status == ORDER_PAYMENT_FAILED ? CANCEL_ORDER_TOO_LATE : CANCEL_ORDER_ACCEPTED;
    if (work->if_match && !order_http_etag_listed(work->if_match, order.version, false))
        work->result = CANCEL_ORDER_OTHER_VERSION;
    if (work->result == CANCEL_ORDER_ACCEPTED && changes) {
        /* The events belong to the order's conversation; the request has none of its own. */
        tern_copy_whole(ctx->conversation.correlation_id, sizeof ctx->conversation.correlation_id,
                        order.correlation_id);
        if (order_drive(ctx, &order, SAGA_CUSTOMER_CANCELS, work->asked.reason, err) < 0) outcome = TERN_RETRY;
    }
    work->status = order.saga.status;
    work->version = order.version;
    order_fini(&order);
    return outcome;
}

void cancel_order_answer(const void *argument, struct tern_http_answer *answer)
{
    const struct cancel_order *work = argument;
    const char *status = order_status_name(work->status);
    switch (work->result) {
    case CANCEL_ORDER_UNKNOWN: order_http_unknown(answer, work->order_id); return;
    case CANCEL_ORDER_OTHER_VERSION:
        tern_http_problem(answer, 412, "Precondition failed", "If-Match does not name the order's present version.");
        order_http_etag(answer, work->version);
        return;
    case CANCEL_ORDER_TOO_LATE:
        tern_http_problem(answer, 409, "Order cannot be cancelled", "Order %s is %s: there is nothing left to cancel.",
                          work->order_id, status);
        return;
    case CANCEL_ORDER_ACCEPTED: break;
    }
    answer->status = 202;
    tern_text_printf(&answer->body, "{\"orderId\":\"%s\",\"status\":\"%s\"}", work->order_id, status);
    tern_http_set_header(answer, "Location", "/orders/%s", work->order_id);
    order_http_etag(answer, work->version);
}

void cancel_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const no_query[] = {NULL};
    struct tern_app *app = self;
    struct cancel_order work = {.order_id = tern_http_parameter(request, "orderId"),
                                .if_match = tern_http_header(request, "If-Match")};
    struct tern_conversation conversation = {0};
    struct tern_text asked = {0};
    const struct tern_once once = {cancel_order_run, &work, cancel_order_answer, &asked, NULL};
    struct tern_schema_faults faults;
    struct tern_error err = {0};
    size_t length;
    const char *body = tern_http_body(request, &length);

    if (!tern_http_query_known(request, answer, no_query)) return;
    if (cancel_order_read(body, length, &work.asked, &faults, &err) < 0) {
        tern_http_problem_body(answer, "Invalid request", &faults, &err);
        return;
    }
    if (!tern_id_valid(work.order_id)) {
        order_http_unknown(answer, work.order_id);
        return;
    }
    if (!tern_app_accepts(app, &err)) {
        tern_app_unavailable(answer, &err);
        return;
    }
    tern_copy_whole(conversation.traceparent, sizeof conversation.traceparent, tern_http_traceparent(request));
    tern_schema_encode(&cancel_schema, &work.asked, &asked);
    if (!tern_app_answer_once(app, request, &once, &conversation, answer, &err))
        order_http_trouble(app, answer, "an order could not be cancelled", &err);
    tern_text_fini(&asked);
}
