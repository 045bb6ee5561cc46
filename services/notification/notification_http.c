/* notification_http.c - GET /notifications?orderId=: the messages about an order, or the newest of all.
 *
 * Reads only, on a connection that cannot write. Answers the newest LIST_MAX rows and has no pages: an order has about
 * ten messages at most. */
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
static int add_to_list(void *self, const struct notification *row)
{
    struct tern_text *out = self;
    if (out->bytes[out->length - 1] != '[') tern_text_add(out, ",");
    tern_text_printf(out, "{\"notificationType\":\"%s\",\"orderId\":\"%s\",\"status\":\"%s\"", row->type, row->order_id,
                     row->status);
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
    return 0;
}

static void get_notifications(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    static const char *const known[] = {"orderId", NULL};
    struct tern_app *app = self;
    struct tern_error err = {0};
    const char *order_id = tern_http_query(request, "orderId");
    if (!tern_http_query_known(request, answer, known)) return;
    if (order_id && !tern_id_valid(order_id)) {
        tern_http_problem(answer, 400, "Invalid order id", "An order id is 1 to 64 characters of A-Z a-z 0-9 . _ -");
        return;
    }
    struct tern_db *db = tern_app_reader(app, &err);
    tern_text_add(&answer->body, "{\"notifications\":[");
    int status = db ? notification_each(db, order_id ? order_id : "", LIST_MAX, add_to_list, &answer->body, &err) : -1;
    tern_app_reader_done(app, db);
    if (status < 0)
        tern_app_unavailable(answer, &err);
    else
        tern_text_add(&answer->body, "]}\n");
}

const struct tern_http_route notification_routes[] = {
    {"GET", "/notifications", get_notifications, TERN_HTTP_OPEN,
     "what was written to whom, newest first; ?orderId= for one order"},
    {NULL,  NULL,             NULL,              0,              NULL },
};
