/* control.c - beacons and requests to resend, between bytes and structs.
 *
 * Written by hand, because a type is not text here but a row of the catalogue. Reading is tolerant: members that it
 * does not name are ignored, so that a later version can add some. Numbers stay below INT64_MAX / 2: sums of two cannot
 * overflow. Never changes the caller's struct unless the whole message is valid. */
#include "control.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

enum { CONTROL_MAX_BYTES = 16384 }; /* a beacon of TERN_TYPES_MAX types with the longest names fits */

/* The key never exceeds its buffer: the longest kind has 11 characters, a producer at most TERN_NAME_SIZE - 1. */
void tern_control_key(const char *kind, const char *producer, char ret_key[TERN_CONTROL_KEY_SIZE])
{
    (void)snprintf(ret_key, TERN_CONTROL_KEY_SIZE, "%.16s.%.72s", kind, producer);
}

/* ---- encoding ---------------------------------------------------------------------------------------------- */

void tern_beacon_encode(const struct tern_beacon *beacon, struct tern_text *out)
{
    tern_text_add(out, "{\"producer\":");
    tern_json_write_string(out, beacon->producer);
    tern_text_printf(out, ",\"store\":\"%s\",\"types\":[", beacon->store);
    for (size_t i = 0; i < beacon->count; i++)
        tern_text_printf(out, "%s{\"type\":\"%s\",\"first\":%" PRId64 ",\"last\":%" PRId64 "}", i > 0 ? "," : "",
                         beacon->types[i].type->name, beacon->types[i].first, beacon->types[i].last);
    tern_text_add(out, "]}");
}

void tern_resend_encode(const struct tern_resend *resend, struct tern_text *out)
{
    tern_text_printf(out, "{\"type\":\"%s\",\"ranges\":[", resend->type->name);
    for (size_t i = 0; i < resend->count; i++)
        tern_text_printf(out, "%s{\"from\":%" PRId64 ",\"to\":%" PRId64 "}", i > 0 ? "," : "", resend->ranges[i].from,
                         resend->ranges[i].to);
    tern_text_add(out, "]}");
}

/* Transient and not mandatory: one that is lost is replaced by the next beacon, or asked for again. */
void tern_control_message(const char *exchange, const char *kind, const char *key, const char *sender,
                          const struct tern_text *body, int64_t now_ms, struct tern_amqp_message *ret_message)
{
    *ret_message = (struct tern_amqp_message){.exchange = exchange,
                                              .routing_key = key,
                                              .message_id = "",
                                              .type = kind,
                                              .content_type = "application/json",
                                              .correlation_id = "",
                                              .app_id = sender,
                                              .timestamp_s = now_ms / 1000,
                                              .body = body->bytes,
                                              .body_length = body->length,
                                              .transient = true};
}

/* ---- decoding ---------------------------------------------------------------------------------------------- */

static int read_number(const struct cJSON *object, const char *name, int64_t low, int64_t *ret, struct tern_error *err)
{
    return tern_json_integer(tern_json_member(object, name), low, INT64_MAX / 2, ret, err);
}

/* Copies a member that must be a text of 1 to `size` - 1 bytes. */
static int read_text(const struct cJSON *tree, const char *name, char *target, size_t size, struct tern_error *err)
{
    const char *text = tern_json_string(tern_json_member(tree, name));
    if (!text || text[0] == '\0' || tern_copy(target, size, text) < 0)
        return tern_error_set(err, "#/%s: must be a short text", name);
    return 0;
}

/* The catalogue's row for the member "type"; NULL: none. */
static const struct tern_event_type *read_type(const struct tern_catalogue *catalogue, const struct cJSON *object)
{
    const char *name = tern_json_string(tern_json_member(object, "type"));
    return name ? tern_catalogue_find(catalogue, name) : NULL;
}

/* A type that the catalogue does not know, or knows from another producer, belongs to a version that is newer or older
 * than ours: leave it out. */
static int read_beacon(const struct tern_catalogue *catalogue, const struct cJSON *tree, struct tern_beacon *beacon,
                       struct tern_error *err)
{
    const struct cJSON *types = tern_json_member(tree, "types");
    if (read_text(tree, "producer", beacon->producer, sizeof beacon->producer, err) < 0 ||
        read_text(tree, "store", beacon->store, sizeof beacon->store, err) < 0)
        return -1;
    if (!tern_json_is_array(types)) return tern_error_set(err, "#/types: must be a list");
    for (const struct cJSON *entry = tern_json_first(types); entry; entry = tern_json_next(entry)) {
        struct tern_beacon_type read = {.type = read_type(catalogue, entry)};
        if (!read.type || strcmp(read.type->producer, beacon->producer) != 0) continue;
        if (read_number(entry, "first", 1, &read.first, err) < 0 || read_number(entry, "last", 0, &read.last, err) < 0)
            return -1;
        for (size_t i = 0; i < beacon->count; i++)
            if (beacon->types[i].type == read.type) return tern_error_set(err, "#/types: %s twice", read.type->name);
        if (beacon->count == TERN_TYPES_MAX) return tern_error_set(err, "#/types: too many");
        beacon->types[beacon->count++] = read;
    }
    return 0;
}

/* The sum is checked after each range, so that it cannot overflow. */
static int read_resend(const struct tern_catalogue *catalogue, const struct cJSON *tree, struct tern_resend *resend,
                       struct tern_error *err)
{
    const struct cJSON *ranges = tern_json_member(tree, "ranges");
    int64_t total = 0;
    resend->type = read_type(catalogue, tree);
    if (!resend->type) return tern_error_set(err, "#/type: must be a type of the catalogue");
    if (!tern_json_is_array(ranges)) return tern_error_set(err, "#/ranges: must be a list");
    for (const struct cJSON *entry = tern_json_first(ranges); entry; entry = tern_json_next(entry)) {
        struct tern_number_range range;
        if (read_number(entry, "from", 1, &range.from, err) < 0 ||
            read_number(entry, "to", range.from, &range.to, err) < 0)
            return -1;
        total += range.to - range.from + 1;
        if (total > TERN_RESEND_MOST || resend->count == TERN_RESEND_RANGES)
            return tern_error_set(err, "#/ranges: more than can be asked for at once");
        resend->ranges[resend->count++] = range;
    }
    return 0;
}

int tern_control_decode(const struct tern_catalogue *catalogue, const char *kind, const void *body, size_t length,
                        struct tern_control *ret_control, struct tern_error *err)
{
    struct tern_control control = {.is_beacon = strcmp(kind, TERN_CONTROL_BEACON) == 0};
    if (!control.is_beacon && strcmp(kind, TERN_CONTROL_RESEND) != 0)
        return tern_error_set(err, "no control message is called \"%.32s\"", kind);
    struct cJSON *tree = tern_json_parse(body, length, CONTROL_MAX_BYTES, err);
    if (!tree) return -1;
    int read = control.is_beacon ? read_beacon(catalogue, tree, &control.beacon, err)
                                 : read_resend(catalogue, tree, &control.resend, err);
    tern_json_destroy(tree);
    if (read == 0) *ret_control = control;
    return read;
}
