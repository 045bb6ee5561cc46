/* order_http.h - the API of order-service: its routes, and what several of them share.
 *
 * Handlers run on the connection's thread with the struct tern_app as `self`; they read, check and write JSON there,
 * and hand only the change itself to the writer. One file for each verb: place_order.c, cancel_order.c,
 * read_orders.c. */
#ifndef ORDER_ORDER_HTTP_H
#define ORDER_ORDER_HTTP_H

#include "tern/service.h"

extern const struct tern_http_route order_routes[];

tern_http_handler place_order, cancel_order, read_order, read_order_events, read_orders;

/* 404: there is no such order. */
void order_http_unknown(struct tern_http_answer *answer, const char *order_id);
/* 503, logged: the store failed or is out of reach. */
void order_http_trouble(struct tern_app *app, struct tern_http_answer *answer, const char *what,
                        const struct tern_error *err);
void order_http_etag(struct tern_http_answer *answer, int64_t version);
/* Whether a list of entity tags (If-Match, If-None-Match) names this version. `weak` accepts W/"1" for "1". */
bool order_http_etag_listed(const char *list, int64_t version, bool weak);

#endif
