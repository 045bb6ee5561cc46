/* asyncapi.c - the catalogue as an AsyncAPI 3.0 document: www.asyncapi.com/docs/reference/specification/v3.0.0.
 *
 * A channel is a routing key of the exchange; an operation is a service that sends or receives. The payload is the
 * envelope, whose `data` is that of any version that can be published. */
#include "shop/catalogue.h"
#include "tern/version.h"

/* The envelope without `data`, and what the properties of the message repeat; docs/EVENTS.md has the meanings. */
static const char envelope[] =
    "\"eventId\":{\"type\":\"string\",\"format\":\"uuid\"},\"eventType\":{\"const\":\"%s\"},"
    "\"timestamp\":{\"type\":\"string\",\"format\":\"date-time\"},\"producer\":{\"const\":\"%s\"},"
    "\"version\":{\"type\":\"string\",\"pattern\":\"^[0-9]+[.][0-9]+$\",\"examples\":[\"%s\"]},"
    "\"correlationId\":{\"type\":\"string\",\"format\":\"uuid\"},\"causationId\":{\"type\":\"string\",\"format\":\"uuid\"},"
    "\"subject\":{\"type\":\"string\",\"pattern\":\"^[A-Za-z0-9._-]{1,64}$\"},\"data\":";
static const char envelope_required[] =
    "\"required\":[\"eventId\",\"eventType\",\"timestamp\",\"producer\",\"version\",\"correlationId\",\"subject\",\"data\"]";
static const char headers[] = "{\"type\":\"object\",\"properties\":{\"traceparent\":{\"type\":\"string\"},"
                              "\"x-tern-n\":{\"type\":\"string\",\"pattern\":\"^[0-9]+$\"},"
                              "\"x-tern-nudge\":{\"type\":\"string\"},\"x-tern-replay\":{\"type\":\"string\"}}}";

/* Adds a comma before all rows but the first. */
static void next_row(bool *first, struct tern_text *out)
{
    if (!*first) tern_text_add(out, ",");
    *first = false;
}

static void print_channel(const struct tern_event_type *type, struct tern_text *out)
{
    char key[TERN_ROUTING_KEY_SIZE];
    tern_routing_key(type->name, key);
    tern_text_printf(out,
                     "\"%s\":{\"address\":\"%s\",\"messages\":{\"%s\":{\"$ref\":\"#/components/messages/%s\"}},"
                     "\"bindings\":{\"amqp\":{\"is\":\"routingKey\",\"exchange\":{\"name\":\"%s\",\"type\":\"topic\","
                     "\"durable\":true,\"autoDelete\":false},\"bindingVersion\":\"0.3.0\"}}}",
                     type->name, key, type->name, type->name, shop_catalogue.exchange);
}

static void print_operation(const struct tern_event_type *type, const char *service, bool sends, struct tern_text *out)
{
    tern_text_printf(out,
                     "\"%s.%s.%s\":{\"action\":\"%s\",\"channel\":{\"$ref\":\"#/channels/%s\"},\"messages\":[{\"$ref\":"
                     "\"#/channels/%s/messages/%s\"}],\"tags\":[{\"name\":\"%s\"}]}",
                     service, sends ? "sends" : "receives", type->name, sends ? "send" : "receive", type->name,
                     type->name, type->name, service);
}

static void print_message(enum shop_event event, struct tern_text *out)
{
    const struct tern_event_type *type = &shop_event_types[event];
    const char *version;
    tern_text_printf(
        out,
        "\"%s\":{\"name\":\"%s\",\"title\":\"%s\",\"contentType\":\"application/json\",\"correlationId\":"
        "{\"location\":\"$message.payload#/correlationId\"},\"headers\":%s,\"payload\":{\"type\":\"object\",",
        type->name, type->name, type->name, headers);
    tern_text_printf(out, "%s,\"properties\":{", envelope_required);
    tern_text_printf(out, envelope, type->name, type->producer, type->version);
    tern_text_add(out, "{\"anyOf\":[");
    for (size_t at = 0; (version = shop_version(event, at)); at++) {
        if (at > 0) tern_text_add(out, ",");
        tern_schema_print(shop_schema_of(event, version), NULL, out);
    }
    tern_text_add(out, "]}}}}");
}

static void print_operations(struct tern_text *out)
{
    bool first = true;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        const struct tern_event_type *type = &shop_event_types[event];
        next_row(&first, out);
        print_operation(type, type->producer, true, out);
        for (const char *const *consumer = type->consumers; *consumer; consumer++) {
            next_row(&first, out);
            print_operation(type, *consumer, false, out);
        }
    }
}

void shop_print_asyncapi(struct tern_text *out)
{
    bool first = true;
    tern_text_printf(
        out,
        "{\"asyncapi\":\"3.0.0\",\"info\":{\"title\":\"Events of the shop\",\"version\":\"%s\",\"description\":"
        "\"Durable topic exchange %s; delivered at least once, in any order; eventId is the key of "
        "deduplication.\"},\"defaultContentType\":\"application/json\",\"channels\":{",
        TERN_VERSION, shop_catalogue.exchange);
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        next_row(&first, out);
        print_channel(&shop_event_types[event], out);
    }
    tern_text_add(out, "},\"operations\":{");
    print_operations(out);
    tern_text_add(out, "},\"components\":{\"messages\":{");
    first = true;
    for (int event = 0; event < SHOP_EVENT_COUNT; event++) {
        next_row(&first, out);
        print_message((enum shop_event)event, out);
    }
    tern_text_add(out, "}}}");
}
