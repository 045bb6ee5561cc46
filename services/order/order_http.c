/* order_http.c - the route table, and the answers and headers that several routes share.
 *
 * Knows no order by its content and reads no store. */
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

bool order_http_etag_listed(const char *list, int64_t version, bool weak)
{
    char wanted[32];
    size_t wanted_length = (size_t)snprintf(wanted, sizeof wanted, "\"%" PRId64 "\"", version);
    for (list += strspn(list, " \t,"); *list; list += strspn(list, " \t,")) {
        const char *tag = list;
        list += strcspn(list, " \t,");
        if (list - tag == 1 && tag[0] == '*') return true;
        if (weak && list - tag > 2 && strncmp(tag, "W/", 2) == 0) tag += 2;
        if ((size_t)(list - tag) == wanted_length && memcmp(tag, wanted, wanted_length) == 0) return true;
    }
    return false;
}
