/* order_http.h - the API of order-service: its routes, and what several of them share.
 *
 * Handlers run on the connection's thread, with struct tern_app as `self`. They read, check and write JSON there; only
 * the change itself is a command for the writer's thread. One file for each verb: place_order.c, cancel_order.c,
 * read_order.c (one), read_orders.c (many). */
#ifndef ORDER_ORDER_HTTP_H
#define ORDER_ORDER_HTTP_H

#include "tern/service.h"

extern const struct tern_http_route order_routes[];

tern_http_handler place_order, cancel_order, read_order, read_order_events, read_order_history, read_orders,
    read_products, read_stats, read_schemas, read_schema, read_asyncapi;

/* What a read asks for, and where its answer goes. */
struct order_read {
    const struct tern_http_request *request;
    struct tern_http_answer *answer;
    const char *order_id; /* of the path; NULL when the route has none */
    int64_t now_ms;       /* UTC milliseconds */
};
/* Writes the answer from the store. 1: answered; 0: there is no such order; -1 with `err`. */
typedef int order_fill(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err);
/* Opens a connection that cannot write, has `fill` answer with `asked`, and answers 404 and 503 itself. */
void order_http_read(struct tern_app *app, const struct order_read *read, order_fill *fill, const void *asked);

/* 404: no such order. `order_id` may be any text: it is cut. */
void order_http_unknown(struct tern_http_answer *answer, const char *order_id);
/* 503, and a line in the log: the store failed or cannot be reached. `what` is the sentence of the log. */
void order_http_trouble(struct tern_app *app, struct tern_http_answer *answer, const char *what,
                        const struct tern_error *err);
/* The header ETag: the order's version, as a strong validator (RFC 9110, 8.8.3). */
void order_http_etag(struct tern_http_answer *answer, int64_t version);
/* Whether a list of entity tags names this version, or is "*". `weak`: W/"1" counts as "1". If-None-Match compares
 * weakly, If-Match strongly (RFC 9110, 13.1). */
bool order_http_etag_listed(const char *list, int64_t version, bool weak);

#endif
