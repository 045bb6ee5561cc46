/* read_order.c - GET /orders/{orderId}, as it is or as it was, its events and its history: what is on disk, nothing else.
 *
 * The past is the fold of the stream, ended early (order_replay.h). Long streams are read in pages. Secrets such as the
 * payment token are masked: the log has them, the API does not. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "order_http.h"
#include "order_replay.h"
#include "order_store.h"
#include "tern/event_log.h"
#include "tern/json.h"
#include "tern/mask.h"

static struct order_read read_of(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    return (struct order_read){.request = request,
                               .answer = answer,
                               .order_id = tern_http_parameter(request, "orderId"),
                               .now_ms = tern_now(tern_app_clock(self))};
}

/* ---- the order ------------------------------------------------------------------------------------------------ */

/* A 304 has no body, but the Content-Length of the order (RFC 9110, 8.6). */
static void show_order(const struct order_read *read, const struct order_state *order)
{
    const char *known = tern_http_header(read->request, "If-None-Match");
    order_http_etag(read->answer, order->version);
    if (known && order_http_etag_listed(known, order->version, true)) read->answer->status = 304;
    order_print(order, &read->answer->body);
}

/* An order of the present that was not yet, or that has fewer versions: 404 with the bound that exists. */
static void refuse_past(const struct order_read *read, const struct order_state *now, const struct order_bound *bound)
{
    char placed[TERN_TIME_SIZE];
    tern_time_format(now->created_at_ms, placed);
    if (bound->at_ms < INT64_MAX)
        tern_http_problem(read->answer, 404, "Order not found", "Order %.64s was placed at %s.", read->order_id,
                          placed);
    else
        tern_http_problem(read->answer, 404, "Version not found", "Order %.64s has the versions 1 to %" PRId64 ".",
                          read->order_id, now->version);
}

static int fill_order(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err)
{
    const struct order_bound *bound = asked;
    struct order_state now = {0}, then = {0};
    int found = order_store_load(db, TERN_LIVE, read->order_id, &now, err);
    if (found <= 0) return found;
    bool past = bound->version < INT64_MAX || bound->at_ms < INT64_MAX;
    if (past) found = order_replay(db, read->order_id, *bound, NULL, NULL, &then, err);
    if (!past)
        show_order(read, &now);
    else if (found > 0 && (bound->version == INT64_MAX || then.version == bound->version))
        show_order(read, &then);
    else if (found >= 0)
        refuse_past(read, &now, bound);
    order_fini(&now);
    order_fini(&then);
    return found < 0 ? -1 : 1;
}

void read_order(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {"version", "at", NULL};
    const struct order_read read = read_of(self, request, answer);
    struct order_bound bound = ORDER_AS_IT_IS;
    if (!tern_http_query_known(request, answer, known) ||
        !tern_http_query_number(request, answer, "version", 0, INT64_MAX, &bound.version) ||
        !tern_http_query_time(request, answer, "at", read.now_ms, read.now_ms, &bound.at_ms))
        return;
    if (bound.version < INT64_MAX && bound.at_ms < INT64_MAX)
        tern_http_query_refuse(answer, "at", "left out when version is given");
    else
        order_http_read(self, &read, fill_order, &bound);
}

/* ---- its events ------------------------------------------------------------------------------------------------ */

enum { EVENTS_PAGE = 100, EVENTS_MAX = 200 };

static const char *const events_query[] = {"after", "limit", NULL};

struct stream {
    struct tern_text *out; /* an open JSON array; not owned */
    int64_t version;       /* of the last event written */
    int64_t left;          /* events that the page has room for */
    bool more;             /* an event found no room */
};

static int add_event(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    struct stream *stream = self;
    stream->more = stream->left == 0;
    if (stream->more) return 1;
    struct cJSON *tree = tern_json_parse(row->body, row->body_length, TERN_JSON_MAX_BYTES, err);
    if (!tree) return tern_error_prefix(err, "event %lld of the log", (long long)row->seq);
    if (stream->out->bytes[stream->out->length - 1] != '[') tern_text_add(stream->out, ",");
    tern_mask_print(tree, TERN_MASK_SECRETS, stream->out);
    tern_json_destroy(tree);
    stream->version = row->subject_version;
    stream->left--;
    return 0;
}

/* Which events are asked for. */
struct events_page {
    int64_t after; /* the version before the first; 0: from the first on */
    int64_t limit; /* INT64_MAX: all */
};

static int fill_events(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err)
{
    const struct events_page *page = asked;
    struct tern_text *out = &read->answer->body;
    struct stream stream = {.out = out, .version = page->after, .left = page->limit};
    struct order_state order = {0};
    char next[24];
    int visited = EVENTS_PAGE, found = order_store_load(db, TERN_LIVE, read->order_id, &order, err);
    order_fini(&order);
    if (found <= 0) return found;
    tern_text_printf(out, "{\"orderId\":\"%s\",\"events\":[", read->order_id);
    while (visited == EVENTS_PAGE && !stream.more)
        visited = tern_event_log_stream(db, read->order_id, stream.version, EVENTS_PAGE, add_event, &stream, err);
    if (visited < 0) return -1;
    tern_text_add(out, "]");
    if (stream.more) {
        (void)snprintf(next, sizeof next, "%" PRId64, stream.version);
        tern_http_link_next(read->request, read->answer, events_query, "after", next);
        tern_text_printf(out, ",\"nextAfter\":%s", next);
    }
    tern_text_add(out, "}");
    return 1;
}

void read_order_events(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    const struct order_read read = read_of(self, request, answer);
    struct events_page page = {.limit = INT64_MAX};
    if (tern_http_query_known(request, answer, events_query) &&
        tern_http_query_number(request, answer, "after", 0, INT64_MAX, &page.after) &&
        tern_http_query_number(request, answer, "limit", 1, EVENTS_MAX, &page.limit))
        order_http_read(self, &read, fill_events, &page);
}

/* ---- its history ----------------------------------------------------------------------------------------------- */

struct history {
    struct tern_text *out; /* an open JSON array; not owned */
    struct cJSON *before;  /* the order as the API shows it, before the event; NULL: none; owned */
};

/* Each member that differs, as [before, after], null where there is none. What every event changes, version and
 * updatedAt, is the entry's own version and time. */
static void add_changes(const struct cJSON *before, const struct cJSON *after, struct tern_text *out)
{
    struct tern_text old = {0}, new = {0};
    bool first = true;
    for (const struct cJSON *member = tern_json_first(after); member; member = tern_json_next(member)) {
        const char *name = tern_json_name(member);
        const struct cJSON *was = tern_json_member(before, name);
        if (strcmp(name, "version") == 0 || strcmp(name, "updatedAt") == 0) continue;
        tern_text_clear(&old);
        tern_text_clear(&new);
        if (was) tern_json_print(was, &old);
        tern_json_print(member, &new);
        if (was && strcmp(old.bytes, new.bytes) == 0) continue;
        tern_text_printf(out, "%s\"%s\":[%s,%s]", first ? "" : ",", name, was ? old.bytes : "null", new.bytes);
        first = false;
    }
    tern_text_fini(&old);
    tern_text_fini(&new);
}

/* A step of the fold: one entry. A member is never taken away again, so the members of the order after the event are
 * all there are. */
static int add_entry(void *self, const struct tern_event *event, const struct order_state *after,
                     struct tern_error *err)
{
    struct history *history = self;
    struct tern_text *out = history->out, shown = {0};
    order_print(after, &shown);
    struct cJSON *tree = tern_json_parse(shown.bytes, shown.length, shown.length, err);
    tern_text_fini(&shown);
    if (!tree) return -1;
    if (after->version > 1) tern_text_add(out, ",");
    tern_text_printf(out, "{\"version\":%" PRId64, after->version);
    tern_json_add_time(out, "at", after->updated_at_ms);
    tern_json_add_text(out, "eventId", event->event_id);
    tern_json_add_text(out, "eventType", event->type);
    tern_json_add_text(out, "producer", event->producer);
    tern_text_add(out, ",\"changed\":{");
    add_changes(history->before, tree, out);
    tern_text_add(out, "}}");
    tern_json_destroy(history->before);
    history->before = tree;
    return 0;
}

static int fill_history(struct tern_db *db, const struct order_read *read, const void *asked, struct tern_error *err)
{
    struct history history = {.out = &read->answer->body};
    struct order_state order = {0};
    (void)asked;
    tern_text_printf(history.out, "{\"orderId\":\"%s\",\"history\":[", read->order_id);
    int found = order_replay(db, read->order_id, ORDER_AS_IT_IS, add_entry, &history, &order, err);
    tern_text_add(history.out, "]}");
    tern_json_destroy(history.before);
    order_fini(&order);
    return found;
}

void read_order_history(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {NULL};
    const struct order_read read = read_of(self, request, answer);
    if (tern_http_query_known(request, answer, known)) order_http_read(self, &read, fill_history, NULL);
}
