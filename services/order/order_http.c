/* order_http.c - the route table and the shared small things. Knows no order by its content. */
#include "order_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct tern_http_route order_routes[] = {
    {"POST", "/orders",                  place_order,       TERN_HTTP_JSON | TERN_HTTP_ONCE,          "places an order"              },
    {"GET",  "/orders",                  read_orders,       TERN_HTTP_OPEN,                           "the newest orders"            },
    {"GET",  "/orders/{orderId}",        read_order,        TERN_HTTP_OPEN,                           "an order as it is now"        },
    {"GET",  "/orders/{orderId}/events", read_order_events, TERN_HTTP_OPEN,                           "all that happened to an order"},
    {"POST", "/orders/{orderId}/cancel", cancel_order,      TERN_HTTP_JSON_OPTIONAL | TERN_HTTP_ONCE, "cancels an order"             },
    {NULL,   NULL,                       NULL,              0,                                        NULL                           },
};

void order_http_unknown(struct tern_http_answer *answer, const char *order_id)
{
    tern_http_problem(answer, 404, "Order not found", "There is no order %.64s.", order_id);
}

void order_http_trouble(struct tern_app *app, struct tern_http_answer *answer, const char *what,
                        const struct tern_error *err)
{
    tern_log_error(tern_app_log(app), what, TERN_STR("err", err->text));
    tern_app_unavailable(answer, err);
}

void order_http_etag(struct tern_http_answer *answer, int64_t version)
{
    tern_http_set_header(answer, "ETag", "\"%" PRId64 "\"", version);
}

/* One member of the list, without the white space around it. */
static bool etag_is(const char *tag, size_t length, const char *wanted, bool weak)
{
    if (length == 1 && tag[0] == '*') return true;
    if (weak && length > 2 && strncmp(tag, "W/", 2) == 0) {
        tag += 2;
        length -= 2;
    }
    return length == strlen(wanted) && strncmp(tag, wanted, length) == 0;
}

bool order_http_etag_listed(const char *list, int64_t version, bool weak)
{
    char wanted[32];

    (void)snprintf(wanted, sizeof(wanted), "\"%" PRId64 "\"", version);
    while (*list != '\0') {
        size_t length;

        list += strspn(list, " \t,");
        length = strcspn(list, " \t,");
        if (length > 0 && etag_is(list, length, wanted, weak)) return true;
        list += length;
    }
    return false;
}
