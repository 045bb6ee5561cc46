/* http_answer.c - what an answer adds: headers of a handler, and problems (RFC 9457).
 *
 * A problem is built without its request; instance, requestId and traceId are added when it is sent. Never lets a line
 * break into a header. */
#include "http_internal.h"
#include "tern/json.h"
#include "tern/schema.h"

#include <stdio.h>
#include <string.h>

static const char problem_type[] = "application/problem+json";

void tern_http_set_header(struct tern_http_answer *answer, const char *name, const char *format, ...)
{
    char value[2048];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(value, sizeof value, format, arguments);
    va_end(arguments);
    TERN_ASSERT(length >= 0 && (size_t)length < sizeof value, "the value of a header is shorter than 2 KB");
    TERN_ASSERT(!strpbrk(value, "\r\n"), "a header is one line");
    tern_text_printf(&answer->headers, "%s: %s\n", name, value);
}

/* Begins the JSON object; the caller adds members and closes it. */
static void begin_problem(struct tern_http_answer *answer, int status, const char *title, const char *detail)
{
    answer->status = status;
    answer->content_type = problem_type;
    struct tern_text *out = &answer->body;
    tern_text_clear(out);
    tern_text_add(out, "{\"type\":\"about:blank\",\"title\":");
    tern_json_write_string(out, title);
    tern_text_printf(out, ",\"status\":%d,\"detail\":", status);
    tern_json_write_string(out, detail);
    tern_text_add(out, ",\"error\":");
    tern_json_write_string(out, title);
}

/* The whole object, with the detail from a format. */
static void TERN_PRINTF(4, 0)
    set_problem(struct tern_http_answer *answer, int status, const char *title, const char *format, va_list arguments)
{
    char detail[1024];
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    begin_problem(answer, status, title, detail);
    tern_text_add(&answer->body, "}");
}

void tern_http_problem(struct tern_http_answer *answer, int status, const char *title, const char *detail_format, ...)
{
    va_list arguments;
    va_start(arguments, detail_format);
    set_problem(answer, status, title, detail_format, arguments);
    va_end(arguments);
}

bool tern_http_refuse(struct tern_http_request *request, int status, const char *title, const char *detail_format, ...)
{
    va_list arguments;
    va_start(arguments, detail_format);
    set_problem(&request->answer, status, title, detail_format, arguments);
    va_end(arguments);
    request->refused = true;
    return false;
}

/* `errors` is an extension member, in the shape of the example of RFC 9457, section 3. */
void tern_http_problem_faults(struct tern_http_answer *answer, const char *title,
                              const struct tern_schema_faults *faults)
{
    struct tern_text *out = &answer->body;
    size_t kept = faults->count < TERN_SCHEMA_MAX_FAULTS ? faults->count : TERN_SCHEMA_MAX_FAULTS;
    char detail[64];
    (void)snprintf(detail, sizeof detail,
                   kept < faults->count ? "The body has %zu fault%s; errors has the first %zu."
                                        : "The body has %zu fault%s; see errors.",
                   faults->count, faults->count == 1 ? "" : "s", kept);
    begin_problem(answer, 400, title, detail);
    tern_text_add(out, ",\"errors\":[");
    for (size_t i = 0; i < kept; i++) {
        tern_text_add(out, i == 0 ? "{\"pointer\":" : ",{\"pointer\":");
        tern_json_write_string(out, faults->items[i].pointer);
        tern_text_add(out, ",\"detail\":");
        tern_json_write_string(out, faults->items[i].detail);
        tern_text_add(out, ",\"code\":");
        tern_json_write_string(out, faults->items[i].code);
        tern_text_add(out, "}");
    }
    tern_text_add(out, "]}");
}

void tern_http_problem_body(struct tern_http_answer *answer, const char *title, const struct tern_schema_faults *faults,
                            const struct tern_error *err)
{
    if (faults->count > 0)
        tern_http_problem_faults(answer, title, faults);
    else
        tern_http_problem(answer, 400, "Malformed JSON", "The body is no JSON text: %s.", err->text);
}

void tern_http_answer_complete(const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_text *out = &answer->body;
    if (!answer->content_type) answer->content_type = "application/json";
    if (strcmp(answer->content_type, problem_type) != 0 || out->length == 0 || out->bytes[out->length - 1] != '}')
        return;
    out->length--; /* reopens the object */
    if (request->target.path) {
        /* With its escapes, as a URI reference needs it; the validator accepts nothing that needs others. */
        tern_text_add(out, ",\"instance\":\"");
        tern_text_add_bytes(out, request->raw_target, strcspn(request->raw_target, "?"));
        tern_text_add(out, "\"");
    }
    tern_text_printf(out, ",\"requestId\":\"%s\",\"traceId\":\"%.32s\"}", request->request_id,
                     request->traceparent + 3);
}
