/* event.c - the envelope between bytes and struct tern_event, and the AMQP message around it.
 *
 * The envelope is described by a schema like any other object, and read tolerantly: members that the schema does not
 * name are ignored. Decoding checks every field of the envelope; the members of `data` are checked by the schema of its
 * type. Never uses the catalogue: a well-formed event of an unknown type is an event. */
#include "tern/event.h"
#include "common/amqp/amqp.h"
#include "event_message.h"
#include "tern/clock.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* In the order in which they are written. "data" is not a field: it is kept as a node, and written by the caller. */
static const struct tern_field envelope_fields[] = {
    TERN_FIELD(struct tern_event, "eventId", event_id, TERN_KIND_UUID, required, 0, 0),
    TERN_FIELD(struct tern_event, "eventType", type, TERN_KIND_TEXT, required, 0, 0),
    TERN_FIELD(struct tern_event, "timestamp", timestamp_ms, TERN_KIND_TIME, required, 0, 0),
    TERN_FIELD(struct tern_event, "producer", producer, TERN_KIND_ID, required, 0, 0),
    TERN_FIELD(struct tern_event, "version", version, TERN_KIND_TEXT, required, 0, 0),
    TERN_FIELD(struct tern_event, "correlationId", correlation_id, TERN_KIND_UUID, required, 0, 0),
    TERN_FIELD(struct tern_event, "causationId", causation_id, TERN_KIND_UUID, optional, 0, 0),
    TERN_FIELD(struct tern_event, "subject", subject, TERN_KIND_ID, required, 0, 0),
};
static const struct tern_schema envelope = TERN_SCHEMA_OF(struct tern_event, envelope_fields);

/* ---- decoding ---------------------------------------------------------------------------------------------- */

/* The schema, and what it cannot express: a type in Pascal case, a version "major.minor", an object as data. */
static int read_tree(struct cJSON *tree, struct tern_event *event, struct tern_error *err)
{
    static const char letters_and_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    if (tern_schema_decode_event(&envelope, tree, event, err) < 0) return -1;
    const char *type = event->type;
    if (type[0] < 'A' || type[0] > 'Z' || type[strspn(type, letters_and_digits)] != '\0')
        return tern_error_set(err, "#/eventType: must be a name like OrderPlaced");
    if (!tern_version_compatible(event->version, event->version))
        return tern_error_set(err, "#/version: must be like 1.0");
    event->data = tern_json_edit(tree, "data");
    if (!tern_json_is_object(event->data))
        return tern_error_set(err, event->data ? "#/data: must be an object" : "#/data: is required");
    return 0;
}

int tern_event_decode(const void *body, size_t length, struct tern_event *ret_event, struct tern_error *err)
{
    struct tern_event event;
    struct cJSON *tree = tern_json_parse(body, length, TERN_EVENT_MAX_BYTES, err);
    if (!tree) return -1;
    if (read_tree(tree, &event, err) < 0) {
        tern_json_destroy(tree);
        return -1;
    }
    event.tree = tree;
    event.body = tern_copy_bytes(body, length);
    event.body_length = length;
    *ret_event = event;
    return 0;
}

/* A member that is a plain string, as text. */
static int read_part(const struct tern_json_part *part, char *target, size_t size)
{
    size_t length = part->length - 2;
    if (part->text[0] != '"' || length >= size || memchr(part->text, '\\', part->length)) return -1;
    memcpy(target, part->text + 1, length);
    target[length] = '\0';
    return 0;
}

/* A tree of `data` alone: the other members, half of the envelope, stand in columns beside it. */
int tern_event_decode_stored(const void *body, size_t length, struct tern_event *event, struct tern_error *err)
{
    static const char *const names[] = {"producer", "version", "timestamp", "data"};
    struct tern_json_part parts[TERN_COUNT(names)];
    char timestamp[TERN_TIME_SIZE + 8];
    if (!tern_json_parts(body, length, names, TERN_COUNT(names), parts) ||
        read_part(&parts[0], event->producer, sizeof event->producer) < 0 ||
        read_part(&parts[1], event->version, sizeof event->version) < 0 ||
        read_part(&parts[2], timestamp, sizeof timestamp) < 0 ||
        tern_time_parse(timestamp, &event->timestamp_ms, err) < 0)
        return tern_event_decode(body, length, event, err); /* written in an unusual way, or damaged */
    event->tree = tern_json_parse(parts[3].text, parts[3].length, TERN_EVENT_MAX_BYTES, err);
    event->data = event->tree;
    event->body = NULL;
    event->body_length = 0;
    return event->tree ? 0 : -1;
}

void tern_event_fini(struct tern_event *event)
{
    if (!event) return;
    tern_json_destroy(event->tree);
    free(event->body);
    event->tree = NULL;
    event->data = NULL;
    event->body = NULL;
    event->body_length = 0;
}

int tern_event_lift(struct tern_event *event, const struct tern_event_type *type, struct tern_error *err)
{
    const int newest = tern_version_major(type->version);
    const struct tern_upcaster *upcaster;
    for (int major = tern_version_major(event->version); major < newest; major++) {
        upcaster = tern_catalogue_upcaster(type, major);
        if (!upcaster) return 0; /* refused by its version */
        if (upcaster->lift(event->data, err) < 0) return tern_error_prefix(err, "%s %s", type->name, event->version);
        if (major + 1 == newest) tern_copy_whole(event->version, sizeof event->version, type->version);
    }
    return 0;
}

/* ---- encoding ---------------------------------------------------------------------------------------------- */

/* The schema writes a whole object; its brace is taken back to add "data". */
void tern_event_encode(const struct tern_event *event, const char *data_json, struct tern_text *out)
{
    size_t start = out->length;
    tern_schema_encode(&envelope, event, out);
    TERN_ASSERT(out->length > start && out->bytes[out->length - 1] == '}', "an envelope ends with a brace");
    out->length--;
    tern_text_add(out, ",\"data\":");
    tern_text_add(out, data_json);
    tern_text_add_bytes(out, "}", 1);
}

/* ---- the AMQP message -------------------------------------------------------------------------------------- */

/* Fills storage->items and returns how many; `source` and `time` of the storage are filled already. */
static size_t add_headers(const struct tern_event *event, struct tern_event_headers *storage)
{
    const struct tern_amqp_header attributes[] = {
        {"cloudEvents_specversion",     "1.0"             },
        {"cloudEvents_id",              event->event_id   },
        {"cloudEvents_source",          storage->source   },
        {"cloudEvents_type",            event->type       },
        {"cloudEvents_subject",         event->subject    },
        {"cloudEvents_time",            storage->time     },
        {"cloudEvents_datacontenttype", "application/json"},
    };
    size_t count = TERN_COUNT(attributes);
    memcpy(storage->items, attributes, sizeof attributes);
    if (event->traceparent[0]) storage->items[count++] = (struct tern_amqp_header){"traceparent", event->traceparent};
    if (event->number > 0) {
        (void)snprintf(storage->number, sizeof storage->number, "%" PRId64, event->number);
        storage->items[count++] = (struct tern_amqp_header){"x-tern-n", storage->number};
    }
    if (event->replayed) storage->items[count++] = (struct tern_amqp_header){"x-tern-replay", "1"};
    if (event->nudge || event->republished)
        storage->items[count++] =
            (struct tern_amqp_header){"x-tern-nudge", event->republished ? TERN_NUDGE_REPUBLISHED : "1"};
    TERN_ASSERT(count <= TERN_EVENT_HEADERS, "the headers of an event fit into their storage");
    return count;
}

void tern_event_message(const struct tern_event *event, const char *exchange, bool mandatory, const void *body,
                        size_t body_length, struct tern_event_headers *storage, struct tern_amqp_message *ret_message)
{
    int64_t ms = event->timestamp_ms;
    (void)snprintf(storage->source, sizeof storage->source, "/%s", event->producer);
    tern_time_format(ms, storage->time);
    tern_routing_key(event->type, storage->routing_key);
    *ret_message = (struct tern_amqp_message){
        .exchange = exchange,
        .routing_key = storage->routing_key,
        .message_id = event->event_id,
        .type = event->type,
        .content_type = "application/json",
        .correlation_id = event->correlation_id,
        .app_id = event->producer,
        .timestamp_s = ms / 1000 - (ms % 1000 < 0), /* rounded down before 1970, too */
        .headers = storage->items,
        .header_count = add_headers(event, storage),
        .body = body,
        .body_length = body_length,
        .mandatory = mandatory,
    };
}
