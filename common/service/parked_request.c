/* parked_request.c - what a request to the admin calls of deferred messages asks for.
 *
 * Reads the query of the list and the body of retry many, with one meaning of words, times and ages. What does not
 * pass is answered here with 400. Opens no store. */
#include "parked_request.h"

#include <string.h>

#include "common/inbox/parked_print.h"

enum {
    LIST_DEFAULT = 50, /* rows of a page */
    LIST_MAX = 200,
    RETRY_DEFAULT = 1000, /* messages tried again by one call */
    RETRY_MAX = 10000     /* one transaction holds them all */
};

/* ---- the query of the list ------------------------------------------------------------------------------------- */

static bool read_state(const struct tern_http_request *request, struct tern_http_answer *answer, int *ret_state)
{
    const char *text = tern_http_query(request, "state");
    *ret_state = text ? tern_parked_state_read(text) : TERN_PARKED_ANY_STATE;
    if (!text || *ret_state >= 0) return true;
    return tern_http_query_refuse(answer, "state", "PARKED, BEHIND or RETRY");
}

const char *const tern_parked_query[] = {"type",      "subject", "reason", "state", "olderThan",
                                         "newerThan", "limit",   "cursor", NULL};

bool tern_parked_read_page(const struct tern_http_request *request, int64_t now_ms, struct tern_parked_page *ret_page,
                           struct tern_http_answer *answer)
{
    struct tern_parked_filter *filter = &ret_page->filter;
    struct tern_http_place place = {0};
    ret_page->limit = LIST_DEFAULT;
    bool read = tern_http_query_known(request, answer, tern_parked_query) &&
                tern_http_query_word(request, answer, "type", &filter->type) &&
                tern_http_query_word(request, answer, "subject", &filter->subject) &&
                tern_http_query_word(request, answer, "reason", &filter->reason) &&
                read_state(request, answer, &filter->state) &&
                tern_http_query_time(request, answer, "olderThan", now_ms, INT64_MAX, &filter->before_ms) &&
                tern_http_query_time(request, answer, "newerThan", now_ms, INT64_MAX, &filter->since_ms) &&
                tern_http_query_number(request, answer, "limit", 1, LIST_MAX, &ret_page->limit) &&
                tern_http_query_cursor(request, answer, tern_parked_query, &place);
    ret_page->behind = place.number;
    return read;
}

/* ---- the body of retry many ------------------------------------------------------------------------------------- */

#define WORD(json, member)                                                                           \
    {                                                                                                \
        .name = (json), .kind = TERN_KIND_TEXT, .optional = true, .high = TERN_PARKED_WORD_SIZE - 1, \
        .offset = offsetof(struct tern_parked_body, member), .size = TERN_PARKED_WORD_SIZE           \
    }
static const struct tern_field many_fields[] = {
    WORD("type", type),
    WORD("subject", subject),
    WORD("reason", reason),
    WORD("olderThan", older_than),
    WORD("newerThan", newer_than),
    {.name = "limit",
                               .kind = TERN_KIND_COUNT,
                               .optional = true,
                               .offset = offsetof(struct tern_parked_body, limit),
                               .size = sizeof(int64_t),
                               .low = 1,
                               .high = RETRY_MAX},
};
static const struct tern_schema many_schema = {many_fields, TERN_COUNT(many_fields), sizeof(struct tern_parked_body)};

bool tern_parked_read_many(const struct tern_http_request *request, int64_t now_ms, struct tern_parked_many *many,
                           struct tern_http_answer *answer)
{
    static const char must[] = "must be " TERN_HTTP_TIME;
    struct tern_error err = {0};
    struct tern_schema_faults faults = {0};
    struct tern_parked_body *body = &many->body;
    struct tern_parked_filter *filter = &many->filter;
    size_t length;
    const char *text = tern_http_body(request, &length);
    bool read = length == 0 || tern_schema_read_body(&many_schema, text, length, body, &faults, &err) == 0;
    *filter = (struct tern_parked_filter){.type = body->type, .subject = body->subject, .reason = body->reason};
    many->limit = body->limit > 0 ? (int)body->limit : RETRY_DEFAULT;
    if (read && body->older_than[0] && tern_http_read_time(body->older_than, now_ms, &filter->before_ms) < 0)
        tern_schema_fault(&faults, "bad_format", "#/olderThan", "%s", must);
    if (read && body->newer_than[0] && tern_http_read_time(body->newer_than, now_ms, &filter->since_ms) < 0)
        tern_schema_fault(&faults, "bad_format", "#/newerThan", "%s", must);
    if (!read || faults.count > 0) {
        tern_http_problem_body(answer, "Invalid filter", &faults, &err);
        return false;
    }
    tern_schema_encode(&many_schema, body, &many->asked);
    return true;
}
