/* parked_request.c - what a request to the admin calls of deferred messages asks for.
 *
 * Reads the query of the list and the body of retry many, with one meaning of words, times and ages. What does not
 * pass is answered here with 400. Opens no store. */
#include "parked_request.h"

#include <stdlib.h>
#include <string.h>

#include "common/inbox/parked_print.h"

enum {
    LIST_DEFAULT = 50, /* rows of a page */
    LIST_MAX = 200,
    RETRY_DEFAULT = 1000, /* messages tried again by one call */
    RETRY_MAX = 10000     /* one transaction holds them all */
};

/* ---- the query of the list ------------------------------------------------------------------------------------- */

/* "90s", "15m", "2h", "7d" (so long ago), or a time. */
static int read_time(const char *text, int64_t now_ms, int64_t *ret_ms)
{
    static const char units[] = "smhd";
    static const int64_t unit_ms[] = {1000, 60000, 3600000, 86400000};
    size_t digits = strspn(text, "0123456789");
    const char *unit = digits > 0 && digits < 8 && text[digits] != '\0' ? strchr(units, text[digits]) : NULL;
    int64_t amount = 0;
    if (!unit || text[digits + 1] != '\0') return tern_time_parse(text, ret_ms, NULL);
    for (size_t i = 0; i < digits; i++)
        amount = amount * 10 + (text[i] - '0');
    *ret_ms = now_ms - amount * unit_ms[unit - units];
    return 0;
}

/* The readers below are false when the request was answered with 400. A parameter that is not given changes nothing. */
static bool refuse_query(struct tern_http_answer *answer, const char *name, const char *must)
{
    tern_http_problem(answer, 400, "Invalid query", "%s must be %s.", name, must);
    return false;
}

static bool read_word(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                      const char **ret_word)
{
    *ret_word = tern_http_query(request, name);
    if (!*ret_word || tern_id_valid(*ret_word)) return true;
    return refuse_query(answer, name, "1 to 64 characters of A-Z a-z 0-9 . _ -");
}

static bool read_when(const struct tern_http_request *request, struct tern_http_answer *answer, const char *name,
                      int64_t now_ms, int64_t *ret_ms)
{
    const char *text = tern_http_query(request, name);
    if (!text || read_time(text, now_ms, ret_ms) == 0) return true;
    return refuse_query(answer, name, "a time like 2026-11-23T14:30:00Z, or an age like 90s, 15m, 2h, 7d");
}

static bool read_limit(const struct tern_http_request *request, struct tern_http_answer *answer, int *ret_limit)
{
    const char *text = tern_http_query(request, "limit");
    int limit = 0;
    *ret_limit = LIST_DEFAULT;
    if (!text) return true;
    for (; *text >= '0' && *text <= '9' && limit <= LIST_MAX; text++)
        limit = limit * 10 + (*text - '0');
    if (*text != '\0' || limit < 1 || limit > LIST_MAX)
        return refuse_query(answer, "limit", "a whole number of 1 to 200");
    *ret_limit = limit;
    return true;
}

/* The last position shown, as sixteen hex digits, so that clients take it as opaque. The first is at most 7: it is
 * signed. */
static bool read_cursor(const struct tern_http_request *request, struct tern_http_answer *answer, int64_t *ret_position)
{
    const char *text = tern_http_query(request, "cursor");
    if (!text) return true;
    if (strlen(text) != 16 || strspn(text, "0123456789abcdef") != 16 || text[0] > '7')
        return refuse_query(answer, "cursor", "one that an answer gave");
    *ret_position = strtoll(text, NULL, 16);
    return true;
}

static bool read_state(const struct tern_http_request *request, struct tern_http_answer *answer, int *ret_state)
{
    const char *text = tern_http_query(request, "state");
    *ret_state = text ? tern_parked_state_read(text) : TERN_PARKED_ANY_STATE;
    if (!text || *ret_state >= 0) return true;
    return refuse_query(answer, "state", "PARKED, BEHIND or RETRY");
}

bool tern_parked_read_page(const struct tern_http_request *request, int64_t now_ms, struct tern_parked_page *ret_page,
                           struct tern_http_answer *answer)
{
    static const char *const known[] = {"type",      "subject", "reason", "state", "olderThan",
                                        "newerThan", "limit",   "cursor", NULL};
    struct tern_parked_filter *filter = &ret_page->filter;
    return tern_http_query_known(request, answer, known) && read_word(request, answer, "type", &filter->type) &&
           read_word(request, answer, "subject", &filter->subject) &&
           read_word(request, answer, "reason", &filter->reason) && read_state(request, answer, &filter->state) &&
           read_when(request, answer, "olderThan", now_ms, &filter->before_ms) &&
           read_when(request, answer, "newerThan", now_ms, &filter->since_ms) &&
           read_limit(request, answer, &ret_page->limit) && read_cursor(request, answer, &ret_page->behind);
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
    static const char must[] = "must be a time like 2026-11-23T14:30:00Z, or an age like 90s, 15m, 2h, 7d";
    struct tern_error err = {0};
    struct tern_schema_faults faults = {0};
    struct tern_parked_body *body = &many->body;
    struct tern_parked_filter *filter = &many->filter;
    size_t length;
    const char *text = tern_http_body(request, &length);
    bool read = length == 0 || tern_schema_read_body(&many_schema, text, length, body, &faults, &err) == 0;
    *filter = (struct tern_parked_filter){.type = body->type, .subject = body->subject, .reason = body->reason};
    many->limit = body->limit > 0 ? (int)body->limit : RETRY_DEFAULT;
    if (read && body->older_than[0] && read_time(body->older_than, now_ms, &filter->before_ms) < 0)
        tern_schema_fault(&faults, "bad_format", "#/olderThan", "%s", must);
    if (read && body->newer_than[0] && read_time(body->newer_than, now_ms, &filter->since_ms) < 0)
        tern_schema_fault(&faults, "bad_format", "#/newerThan", "%s", must);
    if (!read || faults.count > 0) {
        tern_http_problem_body(answer, "Invalid filter", &faults, &err);
        return false;
    }
    tern_schema_encode(&many_schema, body, &many->asked);
    return true;
}
