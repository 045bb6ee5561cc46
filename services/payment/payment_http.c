/* payment_http.c - GET /payments/{orderId}: the payment of an order; and the gateway's line in /readyz.
 *
 * Reads only, on a connection that cannot write. */
#include "payment.h"
#include "payment_store.h"
#include "tern/money.h"

static void write_payment(const struct payment *payment, struct tern_text *body)
{
    char amount[TERN_MONEY_SIZE];
    tern_money_format(payment->amount_minor, amount);
    tern_text_printf(body, "{\"orderId\":\"%s\",\"customerId\":\"%s\",\"amount\":%s", payment->order_id,
                     payment->customer_id, amount);
    tern_json_add_text(body, "currency", payment->currency);
    tern_json_add_text(body, "status", payment_status_name(payment->status));
    tern_json_add_text(body, "transactionId", payment->transaction_id);
    tern_json_add_text(body, "refundId", payment->refund_id);
    tern_json_add_text(body, "error", payment->error);
    tern_json_add_time(body, "createdAt", payment->created_at_ms);
    tern_json_add_time(body, "updatedAt", payment->updated_at_ms);
    tern_text_add(body, "}\n");
}

static void get_payment(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const no_query[] = {NULL};
    struct tern_app *app = self;
    struct payment payment;
    struct tern_error err = {0};
    if (!tern_http_query_known(request, answer, no_query)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    int known = db ? payment_load(db, tern_http_parameter(request, "orderId"), &payment, &err) : -1;
    tern_app_reader_done(app, db);
    if (known < 0)
        tern_app_unavailable(answer, &err);
    else if (known == 0)
        tern_http_problem(answer, 404, "Payment not found", "No payment is known for this order.");
    else
        write_payment(&payment, &answer->body);
}

/* A warning, so /readyz stays 200: the service still accepts events, and their charges wait for the gateway. */
void payment_checks(struct tern_app *app, struct tern_readiness *readiness)
{
    const struct payment_state *state = tern_app_self(app);
    const struct payment_gateway *gateway = &state->gateway;
    if (gateway->fault) tern_readiness_add(readiness, "gateway", TERN_CHECK_WARN, gateway->fault(gateway->self));
}

const struct tern_http_route payment_routes[] = {
    {"GET", "/payments/{orderId}", get_payment, TERN_HTTP_OPEN, "what happened to the money of an order"},
    {NULL,  NULL,                  NULL,        0,              NULL                                    },
};
