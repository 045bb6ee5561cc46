/* read_schemas.c - GET /schemas and /asyncapi.json: the events of the shop and what their data look like, from the
 * catalogue. */
#include "order_http.h"
#include "shop/catalogue.h"

static const char *const no_query[] = {NULL};

void read_schemas(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    struct tern_text *out = &answer->body;
    (void)self;
    if (!tern_http_query_known(request, answer, no_query)) return;
    tern_text_add(out, "{\"schemas\":[");
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const char *type = shop_event_types[event].name, *version;
        for (size_t at = 0; (version = shop_version((enum shop_event)event, at)); at++)
            tern_text_printf(out,
                             "%s{\"eventType\":\"%s\",\"version\":\"%s\",\"newest\":%s,\"href\":\"/schemas/%s/%s\"}",
                             event + (int)at > 0 ? "," : "", type, version, at == 0 ? "true" : "false", type, version);
    }
    tern_text_add(out, "]}\n");
}

/* Names what there is: who asks for a schema has most likely another version at hand. */
static void answer_unknown(struct tern_http_answer *answer, enum shop_event event)
{
    struct tern_text versions = {0};
    const char *version;
    if (event == SHOP_EVENT_COUNT) {
        tern_http_problem(answer, 404, "Schema not found", "There is no such event: see GET /schemas.");
        return;
    }
    for (size_t at = 0; (version = shop_version(event, at)); at++)
        tern_text_printf(&versions, "%s%s", at > 0 ? " and " : "", version);
    tern_http_problem(answer, 404, "Schema not found", "%s has the schemas %s.", shop_event_types[event].name,
                      versions.bytes);
    tern_text_fini(&versions);
}

void read_schema(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    if (!tern_http_query_known(request, answer, no_query)) return;
    enum shop_event event = shop_event_named(tern_http_parameter(request, "eventType"));
    if (event == SHOP_EVENT_COUNT || !shop_print_schema(event, tern_http_parameter(request, "version"), &answer->body))
        answer_unknown(answer, event);
    else
        answer->content_type = "application/schema+json";
}

void read_asyncapi(void *self, const struct tern_http_request *request, struct tern_http_answer *answer)
{
    (void)self;
    if (!tern_http_query_known(request, answer, no_query)) return;
    shop_print_asyncapi(&answer->body);
    answer->content_type = "application/vnd.aai.asyncapi+json;version=3.0.0";
}
