/* order_http.c - the route table, and the answers and headers that several routes share.
 *
 * Knows no order by its content. A read has a connection that cannot write, so it never waits for the writer and never
 * delays it (SQLite in WAL mode: readers see the last commit). */
#include "order_http.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

const struct tern_http_route order_routes[] = {
    {"POST", "/orders",                        place_order,        TERN_HTTP_JSON | TERN_HTTP_ONCE,          "places an order"                                   },
    {"GET",  "/orders",                        read_orders,        TERN_HTTP_OPEN,                           "orders, newest first, in pages"                    },
    {"GET",  "/orders/{orderId}",              read_order,         TERN_HTTP_OPEN,                           "an order as it is, or as it was"                   },
    {"GET",  "/orders/{orderId}/events",       read_order_events,  TERN_HTTP_OPEN,                           "all that happened to an order"                     },
    {"GET",  "/orders/{orderId}/history",      read_order_history, TERN_HTTP_OPEN,                           "what each event changed in an order"               },
    {"POST", "/orders/{orderId}/cancel",       cancel_order,       TERN_HTTP_JSON_OPTIONAL | TERN_HTTP_ONCE, "cancels an order"                                  },
    {"GET",  "/products",                      read_products,      TERN_HTTP_OPEN,                           "products, as inventory-service published them last"},
    {"GET",  "/stats",                         read_stats,         TERN_HTTP_OPEN,
     "orders and money by status and by day, and what is not published yet"                                                                                      },
    {"GET",  "/schemas",                       read_schemas,       TERN_HTTP_OPEN,                           "the events and the versions of their schemas"      },
    {"GET",  "/schemas/{eventType}/{version}", read_schema,        TERN_HTTP_OPEN,                           "the JSON Schema of an event's data"                },
    {"GET",  "/asyncapi.json",                 read_asyncapi,      TERN_HTTP_OPEN,                           "the events as an AsyncAPI 3.0 document"            },
    {NULL,   NULL,                             NULL,               0,                                        NULL                                                },
};

void order_http_read(struct tern_app *app, const struct order_read *read, order_fill *fill, const void *asked)
{
    struct tern_error err = {0};
    struct tern_db *db = NULL;
    int found = 0;
    if (!read->order_id || tern_id_valid(read->order_id)) {
        db = tern_app_reader(app, &err);
        found = db ? fill(db, read, asked, &err) : -1;
        tern_app_reader_done(app, db);
    }
    if (found < 0)
        order_http_trouble(app, read->answer, db ? "orders could not be read" : "no connection for reading", &err);
    else if (found == 0)
        order_http_unknown(read->answer, read->order_id);
}

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
