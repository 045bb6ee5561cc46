/* read_orders.c - GET /orders, /orders/{orderId} and /orders/{orderId}/events: what is on disk, nothing else.
 *
 * Each request has a connection that cannot write, so it never waits for the writer and never delays it (SQLite in WAL
 * mode: readers see the last commit). Long streams are read in pages. */
#include <inttypes.h>

#include "order_http.h"
#include "order_store.h"
#include "tern/event_log.h"
#include "tern/mask.h"

static const char *const no_query[] = {NULL};

/* Writes the answer from the store. 1; 0 when there is no such order; -1 with `err`. */
typedef int fill_answer(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                        struct tern_error *err);

/* What the three reads have in common: the query, the connection, and the answers when there is nothing to show. */
static void read_with(struct tern_app *app, const struct tern_http_request *request, struct tern_http_answer *answer,
                      const char *const *known_query, fill_answer *fill)
{
    struct tern_error err = {0};
    if (!tern_http_query_known(request, answer, known_query)) return;
    struct tern_db *db = tern_app_reader(app, &err);
    if (!db) {
        order_http_trouble(app, answer, "no connection for reading", &err);
        return;
    }
    int found = fill(db, request, answer, &err);
    tern_app_reader_done(app, db);
    if (found < 0)
        order_http_trouble(app, answer, "orders could not be read", &err);
    else if (found == 0)
        order_http_unknown(answer, tern_http_parameter(request, "orderId"));
}

/* ---- one order --------------------------------------------------------------------------------------------- */

static int fill_order(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                      struct tern_error *err)
{
    const char *order_id = tern_http_parameter(request, "orderId");
    const char *known = tern_http_header(request, "If-None-Match");
    struct order_state order = {0};
    int found = tern_id_valid(order_id) ? order_store_load(db, order_id, &order, err) : 0;
    if (found <= 0) return found;
    order_http_etag(answer, order.version);
    if (known && order_http_etag_listed(known, order.version, true)) answer->status = 304;
    order_print(&order, &answer->body); /* a 304 has no body, but its Content-Length */
    order_fini(&order);
    return 1;
}

void read_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    read_with(self, request, answer, no_query, fill_order);
}

/* ---- its events -------------------------------------------------------------------------------------------- */

enum { EVENTS_PAGE = 100 }; /* events read at once */

struct stream {
    struct tern_text *out; /* an open JSON array; not owned */
    int64_t version;       /* of the last event written; 0: none yet */
};

/* Secrets such as the payment token are masked: the log has them, the API does not. */
static int add_event(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct stream *stream = self;
    struct cJSON *tree = tern_json_parse(row->body, row->body_length, TERN_JSON_MAX_BYTES, err);
    if (!tree) return tern_error_prefix(err, "event %lld of the log", (long long)row->seq);
    if (stream->version > 0) tern_text_add_bytes(stream->out, ",", 1);
    tern_mask_print(tree, TERN_MASK_SECRETS, stream->out);
    tern_json_destroy(tree);
    stream->version = row->subject_version;
    return 0;
}

static int fill_events(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                       struct tern_error *err)
{
    const char *order_id = tern_http_parameter(request, "orderId");
    struct stream stream = {.out = &answer->body};
    int visited;
    if (!tern_id_valid(order_id)) return 0;
    tern_text_printf(&answer->body, "{\"orderId\":\"%s\",\"events\":[", order_id);
    do {
        visited = tern_event_log_stream(db, order_id, stream.version, EVENTS_PAGE, add_event, &stream, err);
    } while (visited == EVENTS_PAGE);
    tern_text_add(&answer->body, "]}");
    if (visited < 0) return -1;
    return stream.version > 0;
}

void read_order_events(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    read_with(self, request, answer, no_query, fill_events);
}

/* ---- the newest orders ------------------------------------------------------------------------------------- */

enum { LIMIT_DEFAULT = 50, LIMIT_MAX = 200 };

/* A whole number of 1 to LIMIT_MAX in digits: 0, or -1 when it is none. */
static int read_limit(const char *text, int64_t *ret_limit)
{
    int64_t limit = 0;
    for (const char *digit = text; *digit; digit++) {
        if (*digit < '0' || *digit > '9' || limit > LIMIT_MAX) return -1;
        limit = limit * 10 + (*digit - '0');
    }
    if (limit < 1 || limit > LIMIT_MAX) return -1;
    *ret_limit = limit;
    return 0;
}

/* Appends one element to the JSON array that is open in `self`, a text. */
static int add_order(void *self, const struct order_state *order, struct tern_error *err)
{
    struct tern_text *out = self;
    (void)err;
    if (out->bytes[out->length - 1] != '[') tern_text_add_bytes(out, ",", 1);
    order_print(order, out);
    return 0;
}

static int fill_newest(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                       struct tern_error *err)
{
    const char *asked = tern_http_query(request, "limit");
    int64_t limit = LIMIT_DEFAULT;
    if (asked && read_limit(asked, &limit) < 0) {
        tern_http_problem(answer, 400, "Invalid query", "limit must be a whole number of 1 to %d.", LIMIT_MAX);
        return 1;
    }
    tern_text_add(&answer->body, "{\"orders\":[");
    if (order_store_newest(db, limit, add_order, &answer->body, err) < 0) return -1;
    tern_text_add(&answer->body, "],\"nextCursor\":null}");
    return 1;
}

void read_orders(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known_query[] = {"limit", NULL};
    read_with(self, request, answer, known_query, fill_newest);
}
