/* fuzz_event.c - the envelope of an event, on any bytes.
 *
 * An envelope that was decoded and encoded is decoded again to the same fields and the same data, and its AMQP
 * properties can be made. What is refused has a sentence and leaves the caller's event alone. */
#include "common/amqp/amqp.h"
#include "common/event/event_message.h"
#include "fuzz.h"
#include "tern/event.h"

#include <string.h>

static void assert_same(const struct tern_event *a, const struct tern_event *b)
{
    TERN_ASSERT(strcmp(a->event_id, b->event_id) == 0, "the same event");
    TERN_ASSERT(strcmp(a->type, b->type) == 0, "the same type");
    TERN_ASSERT(a->timestamp_ms == b->timestamp_ms, "the same time");
    TERN_ASSERT(strcmp(a->producer, b->producer) == 0, "the same producer");
    TERN_ASSERT(strcmp(a->version, b->version) == 0, "the same version");
    TERN_ASSERT(strcmp(a->correlation_id, b->correlation_id) == 0, "the same conversation");
    TERN_ASSERT(strcmp(a->causation_id, b->causation_id) == 0, "the same cause");
    TERN_ASSERT(strcmp(a->subject, b->subject) == 0, "the same subject");
}

static void make_message(const struct tern_event *event)
{
    struct tern_event_headers storage;
    struct tern_amqp_message message;
    tern_event_message(event, "events", true, event->body, event->body_length, &storage, &message);
    TERN_ASSERT(message.header_count <= TERN_EVENT_HEADERS && message.routing_key[0] != '\0', "an event can be sent");
}

static void say_again(const struct tern_event *event)
{
    struct tern_error err = {0};
    struct tern_event again;
    struct tern_text data = {0}, envelope = {0}, data_again = {0};
    tern_json_print(event->data, &data);
    tern_event_encode(event, data.bytes, &envelope);
    /* The encoded one may be a little longer than what came: times are written in full. */
    if (envelope.length <= TERN_EVENT_MAX_BYTES) {
        TERN_ASSERT(tern_event_decode(envelope.bytes, envelope.length, &again, &err) == 0,
                    "an envelope that was encoded is decoded");
        assert_same(event, &again);
        tern_json_print(again.data, &data_again);
        TERN_ASSERT(strcmp(data.bytes, data_again.bytes) == 0, "the same data");
        tern_event_fini(&again);
    }
    tern_text_fini(&data);
    tern_text_fini(&envelope);
    tern_text_fini(&data_again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tern_error err = {0};
    struct tern_event event = {.timestamp_ms = 4711};
    if (tern_event_decode(data, size, &event, &err) < 0) {
        TERN_ASSERT(err.text[0] != '\0', "a refusal has a sentence");
        TERN_ASSERT(event.timestamp_ms == 4711 && event.tree == NULL, "a refusal writes nothing");
        return 0;
    }
    TERN_ASSERT(event.body_length == size && memcmp(event.body, data, size) == 0, "the bytes are kept as they came");
    make_message(&event);
    say_again(&event);
    tern_event_fini(&event);
    return 0;
}
