/* notification_http.c - GET /notifications: what was written, newest first, in pages; to whom and about what is asked for.
 *
 * Reads only, on a connection that cannot write. */
#include <string.h>

#include "notification.h"

enum { LIST_MAX = 200 };

/* The list "EMAIL SMS" as a member with a JSON array. Methods are capital letters: nothing to escape. */
static void add_methods(struct tern_text *out, const char *name, const char *methods)
{
    tern_text_printf(out, ",\"%s\":[%s", name, methods[0] ? "\"" : "");
    for (const char *at = methods; *at; at++) {
        if (*at == ' ')
            tern_text_add(out, "\",\"");
        else
            tern_text_add_bytes(out, at, 1);
    }
    tern_text_add(out, methods[0] ? "\"]" : "]");
}

/* Appends one element to the JSON array that is open in `self`, a text. */
static void add_to_list(void *self, const struct notification *row)
{
    struct tern_text *out = self;
    if (out->bytes[out->length - 1] != '[') tern_text_add(out, ",");
    tern_text_printf(out, "{\"notificationType\":\"%s\",\"orderId\":\"%s\",\"status\":\"%s\"", row->type, row->order_id,
                     row->status);
    tern_json_add_text(out, "customerId", row->customer_id);
    tern_json_add_text(out, "productId", row->product_id);
    tern_json_add_text(out, "recipient", row->recipient);
    add_methods(out, "methods", row->methods);
    if (row->failed[0]) add_methods(out, "failedMethods", row->failed);
    tern_json_add_text(out, "title", row->title);
    tern_json_add_text(out, "text", row->text);
    tern_json_add_time(out, "createdAt", row->created_at_ms);
    bool failed = strcmp(row->status, NOTIFICATION_FAILED) == 0;
    if (row->finished_at_ms) tern_json_add_time(out, failed ? "failedAt" : "sentAt", row->finished_at_ms);
    tern_text_add(out, "}");
}

static bool read_status(const struct tern_http_request *request, struct tern_http_answer *answer,
                        const char **ret_status)
{
    static const char *const known[] = {NOTIFICATION_WAITING, NOTIFICATION_PENDING, NOTIFICATION_SENT,
                                        NOTIFICATION_FAILED};
    const char *text = tern_http_query(request, "status");
    if (!text) return true;
    for (size_t i = 0; i < TERN_COUNT(known); i++)
        if (strcmp(known[i], text) == 0) *ret_status = known[i];
    return *ret_status || tern_http_query_refuse(answer, "status", "WAITING, PENDING, SENT or FAILED");
}

static void get_notifications(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {"orderId", "customerId", "type", "status", "limit", "cursor", NULL};
    struct tern_app *app = self;
    struct tern_error err = {0};
    struct notification_filter filter = {0};
    struct tern_http_place place = {.number = INT64_MAX};
    struct notification_page page = {.limit = LIST_MAX};
    char cursor[TERN_HTTP_CURSOR_SIZE] = "";
    if (!tern_http_query_known(request, answer, known) ||
        !tern_http_query_word(request, answer, "orderId", &filter.order_id) ||
        !tern_http_query_word(request, answer, "customerId", &filter.customer_id) ||
        !tern_http_query_word(request, answer, "type", &filter.type) || !read_status(request, answer, &filter.status) ||
        !tern_http_query_number(request, answer, "limit", 1, LIST_MAX, &page.limit) ||
        !tern_http_query_cursor(request, answer, known, &place))
        return;
    page.before = place.number;
    struct tern_db *db = tern_app_reader(app, &err);
    tern_text_add(&answer->body, "{\"notifications\":[");
    int status = db ? notification_list(db, &filter, &page, add_to_list, &answer->body, &err) : -1;
    tern_app_reader_done(app, db);
    if (status < 0) {
        tern_app_unavailable(answer, &err);
        return;
    }
    if (page.more) {
        tern_http_cursor(request, known, &(struct tern_http_place){.number = page.before}, cursor);
        tern_http_link_next(request, answer, known, "cursor", cursor);
    }
    tern_text_add(&answer->body, "]");
    tern_json_add_text_or_null(&answer->body, "nextCursor", cursor);
    tern_text_add(&answer->body, "}\n");
}

const struct tern_http_route notification_routes[] = {
    {"GET", "/notifications", get_notifications, TERN_HTTP_OPEN,
     "what was written to whom, newest first; ?orderId= customerId= type= status= limit= cursor="},
    {NULL,  NULL,             NULL,              0,              NULL                            },
};
