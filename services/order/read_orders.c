/* read_orders.c - GET /orders, /orders/{orderId} and /orders/{orderId}/events: what is on disk, nothing else.
 *
 * Each request reads on a connection of its own that can only read, so it never waits for the writer and never holds
 * it up. Long streams are read in pages. */
#include <inttypes.h>

#include "order_http.h"
#include "order_store.h"
#include "tern/event_log.h"
#include "tern/mask.h"

static const char *const no_query[] = {NULL};

/* Runs `read` with a read connection. It answers 1, 0 for "there is no such order", or -1 with `err`. */
typedef int read_fill(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                      struct tern_error *err);

static void read_with(struct tern_app *app, const struct tern_http_request *request, struct tern_http_answer *answer,
                      read_fill *fill)
{
    struct tern_error err = {0};
    struct tern_db *db = tern_app_reader(app, &err);
    int found;

    if (db == NULL) {
        order_http_trouble(app, answer, "no connection for reading", &err);
        return;
    }
    found = fill(db, request, answer, &err);
    tern_app_reader_done(app, db);
    if (found < 0)
        order_http_trouble(app, answer, "orders could not be read", &err);
    else if (found == 0)
        order_http_unknown(answer, tern_http_parameter(request, "orderId"));
}

/* ---- one order --------------------------------------------------------------------------------------------- */

static int read_one(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                    struct tern_error *err)
{
    const char *order_id = tern_http_parameter(request, "orderId");
    const char *known = tern_http_header(request, "If-None-Match");
    struct order_state order = {0};
    const int found = tern_id_valid(order_id) ? order_store_load(db, order_id, &order, err) : 0;

    if (found <= 0) return found;
    order_http_etag(answer, order.version);
    if (known != NULL && order_http_etag_listed(known, order.version, true)) answer->status = 304;
    order_print(&order, &answer->body); /* not sent with a 304, but its length is told */
    order_fini(&order);
    return 1;
}

void read_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    if (tern_http_query_known(request, answer, no_query)) read_with(self, request, answer, read_one);
}

/* ---- its events -------------------------------------------------------------------------------------------- */

enum { READ_EVENTS_PAGE = 100 };

struct read_stream {
    struct tern_text *out;
    int64_t version;
};

static int read_event(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct read_stream *stream = self;

    struct cJSON *tree = tern_json_parse(row->body, row->body_length, TERN_JSON_MAX_BYTES, err);

    if (tree == NULL) return tern_error_prefix(err, "event %lld of the log", (long long)row->seq);
    if (stream->version > 0) tern_text_add_bytes(stream->out, ",", 1);
    tern_mask_print(tree, TERN_MASK_SECRETS, stream->out);
    tern_json_destroy(tree);
    stream->version = row->subject_version;
    return 0;
}

static int read_events(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                       struct tern_error *err)
{
    const char *order_id = tern_http_parameter(request, "orderId");
    struct read_stream stream = {.out = &answer->body};
    int visited;

    if (!tern_id_valid(order_id)) return 0;
    tern_text_printf(&answer->body, "{\"orderId\":\"%s\",\"events\":[", order_id);
    do {
        visited = tern_event_log_stream(db, order_id, stream.version, READ_EVENTS_PAGE, read_event, &stream, err);
    } while (visited == READ_EVENTS_PAGE);
    tern_text_add(&answer->body, "]}");
    if (visited < 0) return -1;
    return stream.version > 0 ? 1 : 0;
}

void read_order_events(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    if (tern_http_query_known(request, answer, no_query)) read_with(self, request, answer, read_events);
}

/* ---- the newest orders ------------------------------------------------------------------------------------- */

enum { READ_LIMIT_DEFAULT = 50, READ_LIMIT_MAX = 200 };

/* 0 with the limit, or -1 when it is not a whole number of 1 to 200. */
static int read_limit(const char *text, int64_t *ret_limit)
{
    int64_t limit = 0;

    for (const char *digit = text; *digit != '\0'; digit++) {
        if (*digit < '0' || *digit > '9' || limit > READ_LIMIT_MAX) return -1;
        limit = limit * 10 + (*digit - '0');
    }
    if (limit < 1 || limit > READ_LIMIT_MAX) return -1;
    *ret_limit = limit;
    return 0;
}

static int read_listed(void *self, const struct order_state *order, struct tern_error *err)
{
    struct tern_text *out = self;

    (void)err;
    if (out->bytes[out->length - 1] != '[') tern_text_add_bytes(out, ",", 1);
    order_print(order, out);
    return 0;
}

static int read_newest(struct tern_db *db, const struct tern_http_request *request, struct tern_http_answer *answer,
                       struct tern_error *err)
{
    const char *asked = tern_http_query(request, "limit");
    int64_t limit = READ_LIMIT_DEFAULT;

    if (asked != NULL && read_limit(asked, &limit) < 0) {
        tern_http_problem(answer, 400, "Invalid query", "limit must be a whole number of 1 to %d.", READ_LIMIT_MAX);
        return 1;
    }
    tern_text_add(&answer->body, "{\"orders\":[");
    if (order_store_newest(db, limit, read_listed, &answer->body, err) < 0) return -1;
    tern_text_add(&answer->body, "],\"nextCursor\":null}");
    return 1;
}

void read_orders(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {"limit", NULL};

    if (tern_http_query_known(request, answer, known)) read_with(self, request, answer, read_newest);
}
