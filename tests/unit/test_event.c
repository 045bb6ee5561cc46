/* test_event.c - an envelope is checked in every field, comes back from its bytes as it was, and travels with the
 * properties and headers that others read. */
#include "tern_test.h"

#include "common/amqp/amqp.h"
#include "common/event/event_message.h"
#include "tern/event.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EVENT_ID       "0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e5f"
#define CORRELATION_ID "0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e60"
#define CAUSATION_ID   "0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e61"
#define TRACEPARENT    "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"

static const char right[] = "{\"eventId\":\"" EVENT_ID "\",\"eventType\":\"OrderPlaced\","
                            "\"timestamp\":\"2026-11-23T14:30:00.123Z\",\"producer\":\"order-service\","
                            "\"version\":\"1.0\",\"correlationId\":\"" CORRELATION_ID "\","
                            "\"causationId\":\"" CAUSATION_ID "\",\"subject\":\"ORD-1\","
                            "\"data\":{\"orderId\":\"ORD-1\",\"totalAmount\":19.90}}";

static struct tern_event decode(const char *text)
{
    struct tern_error err = {0};
    struct tern_event event;
    if (tern_event_decode(text, strlen(text), &event, &err) < 0) fail_msg("%s: %s", text, err.text);
    return event;
}

static void assert_refused(const char *text, const char *sentence)
{
    struct tern_error err = {0};
    struct tern_event event = {.timestamp_ms = 4711};
    assert_int_equal(tern_event_decode(text, strlen(text), &event, &err), -1);
    assert_string_equal(err.text, sentence);
    assert_true(event.timestamp_ms == 4711);
}

/* The right envelope with one piece replaced. */
static char *with(const char *piece, const char *replacement)
{
    const char *at = strstr(right, piece);
    assert_non_null(at);
    struct tern_text text = {0};
    tern_text_add_bytes(&text, right, (size_t)(at - right));
    tern_text_add(&text, replacement);
    tern_text_add(&text, at + strlen(piece));
    return tern_text_take(&text);
}

static void assert_fault(const char *piece, const char *replacement, const char *sentence)
{
    char *text = with(piece, replacement);
    assert_refused(text, sentence);
    free(text);
}

static void an_envelope_is_read_into_its_fields(void **state)
{
    (void)state;
    struct tern_event event = decode(right);
    assert_string_equal(event.event_id, EVENT_ID);
    assert_string_equal(event.type, "OrderPlaced");
    assert_true(event.timestamp_ms == 1795444200123);
    assert_string_equal(event.producer, "order-service");
    assert_string_equal(event.version, "1.0");
    assert_string_equal(event.correlation_id, CORRELATION_ID);
    assert_string_equal(event.causation_id, CAUSATION_ID);
    assert_string_equal(event.subject, "ORD-1");
    assert_string_equal(event.traceparent, "");
    assert_false(event.nudge);
    assert_string_equal(tern_json_digits(tern_json_member(event.data, "totalAmount")), "19.90");
    assert_string_equal(event.body, right);
    assert_int_equal(event.body_length, sizeof right - 1);
    tern_event_fini(&event);
    tern_event_fini(&event);
    tern_event_fini(NULL);
}

static void the_first_event_of_a_conversation_has_no_cause(void **state)
{
    (void)state;
    char *absent = with("\"causationId\":\"" CAUSATION_ID "\",", "");
    char *null = with("\"" CAUSATION_ID "\"", "null");
    struct tern_event event = decode(absent);
    assert_string_equal(event.causation_id, "");
    tern_event_fini(&event);
    event = decode(null);
    assert_string_equal(event.causation_id, "");
    tern_event_fini(&event);
    free(absent);
    free(null);
}

static void unknown_members_of_the_envelope_are_ignored(void **state)
{
    (void)state;
    char *text = with("\"subject\"", "\"tenant\":{\"a\":[1]},\"subject\"");
    struct tern_event event = decode(text);
    assert_string_equal(event.subject, "ORD-1");
    tern_event_fini(&event);
    free(text);
}

static void uuids_become_lower_case(void **state)
{
    (void)state;
    char *text = with(EVENT_ID, "0190F3A1-7C4B-7D2E-9F00-0A1B2C3D4E5F");
    struct tern_event event = decode(text);
    assert_string_equal(event.event_id, EVENT_ID);
    tern_event_fini(&event);
    free(text);
}

static void every_field_is_checked(void **state)
{
    (void)state;
    assert_refused("", "the text is empty");
    assert_refused("[]", "#: must be an object");
    assert_refused("{\"a\":1,}", "byte 8: a member name in quotes is missing");
    assert_fault("\"eventId\":\"" EVENT_ID "\",", "", "#/eventId: is required");
    assert_fault(EVENT_ID, "ORD-1", "#/eventId: must be a UUID");
    assert_fault("\"OrderPlaced\"", "7", "#/eventType: must be text");
    assert_fault("OrderPlaced", "orderPlaced", "#/eventType: must be a name like OrderPlaced");
    assert_fault("OrderPlaced", "Order.Placed", "#/eventType: must be a name like OrderPlaced");
    assert_fault("OrderPlaced", "", "#/eventType: must not be empty");
    assert_fault("2026-11-23T", "2026-11-23 ", "#/timestamp: must be a time like 2026-11-23T14:30:00.123Z");
    assert_fault("order-service", "order service", "#/producer: must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    assert_fault("\"1.0\"", "\"1\"", "#/version: must be like 1.0");
    assert_fault("\"1.0\"", "1.0", "#/version: must be text");
    assert_fault(CORRELATION_ID, "x", "#/correlationId: must be a UUID");
    assert_fault(CAUSATION_ID, "", "#/causationId: must be a UUID");
    assert_fault("\"ORD-1\"", "\"\"", "#/subject: must be 1 to 64 characters of A-Z a-z 0-9 . _ -");
    assert_fault("{\"orderId\":\"ORD-1\",\"totalAmount\":19.90}", "[]", "#/data: must be an object");
    assert_fault(",\"data\":{\"orderId\":\"ORD-1\",\"totalAmount\":19.90}", "", "#/data: is required");
}

static void no_field_but_the_cause_may_be_absent(void **state)
{
    (void)state;
    static const char *const fields[] = {"eventId", "eventType",     "timestamp", "producer",
                                         "version", "correlationId", "subject",   "data"};
    for (size_t i = 0; i < TERN_COUNT(fields); i++) {
        char name[32];
        char sentence[64];
        (void)snprintf(name, sizeof name, "\"%s\"", fields[i]);
        (void)snprintf(sentence, sizeof sentence, "#/%s: is required", fields[i]);
        assert_fault(name, "\"other\"", sentence);
    }
}

static void an_event_over_the_size_limit_is_refused(void **state)
{
    (void)state;
    size_t length = TERN_EVENT_MAX_BYTES + 1;
    char *text = malloc(length);
    struct tern_event event;
    struct tern_error err;
    assert_non_null(text);
    memset(text, ' ', length);
    memcpy(text, right, sizeof right - 1);
    assert_int_equal(tern_event_decode(text, length, &event, &err), -1);
    assert_int_equal(tern_event_decode(text, length - 1, &event, &err), 0);
    tern_event_fini(&event);
    free(text);
}

static void encoding_writes_the_fields_in_the_order_of_the_contract(void **state)
{
    (void)state;
    struct tern_event event = decode(right);
    struct tern_text out = {0};
    tern_text_add(&out, "before ");
    tern_event_encode(&event, "{\"orderId\":\"ORD-1\",\"totalAmount\":19.90}", &out);
    assert_memory_equal(out.bytes, "before ", 7);
    assert_string_equal(out.bytes + 7, right);
    tern_text_fini(&out);
    tern_event_fini(&event);
}

/* A small generator of numbers, so that a failing round can be told by its number. */
static uint64_t next(uint64_t *seed)
{
    *seed = *seed * 6364136223846793005U + 1442695040888963407U;
    return *seed >> 33;
}

static void make_uuid(uint64_t *seed, char uuid[TERN_UUID_SIZE])
{
    (void)snprintf(uuid, TERN_UUID_SIZE, "%08x-%04x-4%03x-a%03x-%08x%04x", (unsigned)next(seed),
                   (unsigned)(next(seed) & 0xFFFF), (unsigned)(next(seed) & 0xFFF), (unsigned)(next(seed) & 0xFFF),
                   (unsigned)next(seed), (unsigned)(next(seed) & 0xFFFF));
}

static void make_name(uint64_t *seed, const char *alphabet, size_t most, char *name)
{
    size_t length = 1 + next(seed) % most;
    for (size_t i = 0; i < length; i++)
        name[i] = alphabet[next(seed) % strlen(alphabet)];
    name[length] = '\0';
}

static struct tern_event make_event(uint64_t *seed)
{
    static const char ids[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    struct tern_event event = {0};
    make_uuid(seed, event.event_id);
    make_uuid(seed, event.correlation_id);
    if (next(seed) % 2) make_uuid(seed, event.causation_id);
    event.type[0] = (char)('A' + next(seed) % 26);
    make_name(seed, "abcXYZ019", TERN_TYPE_SIZE - 2, event.type + 1);
    make_name(seed, ids, TERN_NAME_SIZE - 1, event.producer);
    make_name(seed, ids, TERN_ID_SIZE - 1, event.subject);
    (void)snprintf(event.version, sizeof event.version, "%u.%u", (unsigned)next(seed) % 1000,
                   (unsigned)next(seed) % 1000);
    event.timestamp_ms = (int64_t)(next(seed) * 118U) - 60000000000; /* 1968 to about 2001, before and after zero */
    return event;
}

static void assert_same(const struct tern_event *one, const struct tern_event *other)
{
    assert_string_equal(one->event_id, other->event_id);
    assert_string_equal(one->type, other->type);
    assert_true(one->timestamp_ms == other->timestamp_ms);
    assert_string_equal(one->producer, other->producer);
    assert_string_equal(one->version, other->version);
    assert_string_equal(one->correlation_id, other->correlation_id);
    assert_string_equal(one->causation_id, other->causation_id);
    assert_string_equal(one->subject, other->subject);
}

static void what_is_encoded_decodes_to_the_same_event(void **state)
{
    (void)state;
    static const char data[] = "{\"n\":[-1.50,9007199254740993],\"t\":\"\xC3\xA9\\n\",\"o\":{}}";
    uint64_t seed = 20261123;
    struct tern_text out = {0};
    struct tern_text again = {0};
    for (int round = 0; round < 2000; round++) {
        struct tern_event event = make_event(&seed);
        tern_text_clear(&out);
        tern_text_clear(&again);
        tern_event_encode(&event, data, &out);
        struct tern_event decoded = decode(out.bytes);
        assert_same(&event, &decoded);
        tern_json_print(decoded.data, &again);
        assert_string_equal(again.bytes, data);
        tern_event_fini(&decoded);
    }
    tern_text_fini(&out);
    tern_text_fini(&again);
}

/* ---- the message ------------------------------------------------------------------------------------------- */

static const char *header(const struct tern_amqp_message *message, const char *name)
{
    const char *value = NULL;
    for (size_t i = 0; i < message->header_count; i++)
        if (strcmp(message->headers[i].name, name) == 0) {
            assert_null(value);
            value = message->headers[i].value;
        }
    return value;
}

static void a_message_carries_the_properties_of_its_event(void **state)
{
    (void)state;
    struct tern_event event = decode(right);
    struct tern_event_headers storage;
    struct tern_amqp_message message;
    tern_event_message(&event, "events", true, event.body, event.body_length, &storage, &message);
    assert_string_equal(message.exchange, "events");
    assert_string_equal(message.routing_key, "order.placed");
    assert_string_equal(message.message_id, EVENT_ID);
    assert_string_equal(message.correlation_id, CORRELATION_ID);
    assert_string_equal(message.type, "OrderPlaced");
    assert_string_equal(message.app_id, "order-service");
    assert_string_equal(message.content_type, "application/json");
    assert_true(message.timestamp_s == 1795444200);
    assert_true(message.mandatory);
    assert_ptr_equal(message.body, event.body);
    assert_int_equal(message.body_length, event.body_length);
    tern_event_fini(&event);
}

static void a_message_carries_the_attributes_of_cloud_events(void **state)
{
    (void)state;
    struct tern_event event = decode(right);
    struct tern_event_headers storage;
    struct tern_amqp_message message;
    tern_event_message(&event, "events", false, event.body, event.body_length, &storage, &message);
    assert_int_equal(message.header_count, 7);
    assert_false(message.mandatory);
    assert_string_equal(header(&message, "cloudEvents_specversion"), "1.0");
    assert_string_equal(header(&message, "cloudEvents_id"), EVENT_ID);
    assert_string_equal(header(&message, "cloudEvents_source"), "/order-service");
    assert_string_equal(header(&message, "cloudEvents_type"), "OrderPlaced");
    assert_string_equal(header(&message, "cloudEvents_subject"), "ORD-1");
    assert_string_equal(header(&message, "cloudEvents_time"), "2026-11-23T14:30:00.123Z");
    assert_string_equal(header(&message, "cloudEvents_datacontenttype"), "application/json");
    assert_null(header(&message, "traceparent"));
    assert_null(header(&message, "x-tern-nudge"));
    tern_event_fini(&event);
}

static void trace_and_nudge_travel_as_headers(void **state)
{
    (void)state;
    struct tern_event event = decode(right);
    struct tern_event_headers storage;
    struct tern_amqp_message message;
    strcpy(event.traceparent, TRACEPARENT);
    event.nudge = event.replayed = true;
    event.number = 1234567890123;
    event.timestamp_ms = -1;
    tern_event_message(&event, "events", true, event.body, event.body_length, &storage, &message);
    assert_int_equal(message.header_count, TERN_EVENT_HEADERS);
    assert_string_equal(header(&message, "traceparent"), TRACEPARENT);
    assert_string_equal(header(&message, "x-tern-nudge"), "1");
    assert_string_equal(header(&message, "x-tern-replay"), "1");
    assert_string_equal(header(&message, "x-tern-n"), "1234567890123");
    event.republished = true;
    tern_event_message(&event, "events", true, event.body, event.body_length, &storage, &message);
    assert_string_equal(header(&message, "x-tern-nudge"), "republished");
    assert_true(message.timestamp_s == -1);
    event.timestamp_ms = 5000;
    tern_event_message(&event, "events", true, event.body, event.body_length, &storage, &message);
    assert_true(message.timestamp_s == 5);
    tern_event_fini(&event);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_envelope_is_read_into_its_fields),
        cmocka_unit_test(the_first_event_of_a_conversation_has_no_cause),
        cmocka_unit_test(unknown_members_of_the_envelope_are_ignored),
        cmocka_unit_test(uuids_become_lower_case),
        cmocka_unit_test(every_field_is_checked),
        cmocka_unit_test(no_field_but_the_cause_may_be_absent),
        cmocka_unit_test(an_event_over_the_size_limit_is_refused),
        cmocka_unit_test(encoding_writes_the_fields_in_the_order_of_the_contract),
        cmocka_unit_test(what_is_encoded_decodes_to_the_same_event),
        cmocka_unit_test(a_message_carries_the_properties_of_its_event),
        cmocka_unit_test(a_message_carries_the_attributes_of_cloud_events),
        cmocka_unit_test(trace_and_nudge_travel_as_headers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
