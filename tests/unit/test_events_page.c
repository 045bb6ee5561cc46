/* test_events_page.c - docs/EVENTS.md and the catalogue say the same.
 *
 * Each event has a section with its routing key, version, services, fields and one example; the example decodes, and
 * encodes to the same text again. The checks run on any page, so that a damaged one can be seen to fail. */
#include "tern_test.h"

#include "shop/catalogue.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *read_page(void)
{
    struct tern_text page = {0};
    char piece[4096];
    size_t length;
    FILE *file = fopen(TERN_SOURCE_DIR "/docs/EVENTS.md", "r");
    assert_non_null(file);
    while ((length = fread(piece, 1, sizeof piece, file)) > 0)
        tern_text_add_bytes(&page, piece, length);
    (void)fclose(file);
    return tern_text_take(&page);
}

static char *copy_between(const char *start, const char *end)
{
    return tern_copy_bytes(start, end ? (size_t)(end - start) : strlen(start));
}

/* The text from behind the event's heading to the next heading; NULL when there is none. */
static char *section_of(const char *page, const char *type)
{
    char heading[80];
    (void)snprintf(heading, sizeof heading, "\n## %s\n", type);
    const char *start = strstr(page, heading);
    if (!start) return NULL;
    start += strlen(heading);
    return copy_between(start, strstr(start, "\n## "));
}

static size_t count_of(const char *text, const char *piece)
{
    size_t count = 0;
    for (; (text = strstr(text, piece)) != NULL; text += strlen(piece))
        count++;
    return count;
}

/* ---- what a section must say: each check gives 0, or -1 with a sentence ----------------------------------------- */

static int must_say(const char *section, const char *line, struct tern_error *err)
{
    return strstr(section, line) ? 0 : tern_error_set(err, "does not say: %s", line);
}

static int check_facts(const char *section, const struct tern_event_type *type, struct tern_error *err)
{
    char key[TERN_ROUTING_KEY_SIZE];
    char line[256];
    size_t length;
    tern_routing_key(type->name, key);
    (void)snprintf(line, sizeof line, "- Routing key: `%s`\n- Version: `%s`\n- Producer: `%s`\n", key, type->version,
                   type->producer);
    if (must_say(section, line, err) < 0) return -1;
    length = (size_t)snprintf(line, sizeof line, "- Consumers: ");
    for (size_t i = 0; type->consumers[i]; i++)
        length += (size_t)snprintf(line + length, sizeof line - length, "%s`%s`", i ? ", " : "", type->consumers[i]);
    (void)snprintf(line + length, sizeof line - length, "%s", type->consumers[0] ? "\n" : "none in the shop\n");
    return must_say(section, line, err);
}

static int check_fields(const char *section, const struct tern_schema *schema, struct tern_error *err)
{
    static const char *const kinds[] = {
        [TERN_KIND_ID] = "id",       [TERN_KIND_UUID] = "uuid",     [TERN_KIND_TEXT] = "text",
        [TERN_KIND_WORD] = "word",   [TERN_KIND_MONEY] = "money",   [TERN_KIND_COUNT] = "count",
        [TERN_KIND_TIME] = "time",   [TERN_KIND_OBJECT] = "object", [TERN_KIND_LIST] = "list",
        [TERN_KIND_WORDS] = "words",
    };
    char row[128];
    for (size_t i = 0; i < schema->count; i++) {
        const struct tern_field *field = &schema->fields[i];
        (void)snprintf(row, sizeof row, "\n| `%s` | %s | %s | ", field->name, kinds[field->kind],
                       field->optional ? "optional" : "always");
        if (must_say(section, row, err) < 0) return -1;
    }
    if (count_of(section, "\n| `") != schema->count)
        return tern_error_set(err, "has %zu fields, the code has %zu", count_of(section, "\n| `"), schema->count);
    return 0;
}

/* The example decoded and encoded again, and as it stands without white space: both to be freed. */
static int reencode(const char *example, size_t length, enum shop_event event, char **ret_again, char **ret_plain,
                    struct tern_error *err)
{
    struct tern_event envelope;
    struct tern_text data = {0};
    struct tern_text again = {0};
    struct tern_text plain = {0};
    void *payload = tern_alloc(shop_schema(event)->size);
    if (tern_event_decode(example, length, &envelope, err) < 0) {
        free(payload);
        return -1;
    }
    int rc = shop_decode(event, &envelope, payload, err);
    if (rc == 0) {
        tern_schema_encode(shop_schema(event), payload, &data);
        tern_event_encode(&envelope, data.bytes, &again);
        tern_json_print(envelope.tree, &plain);
        *ret_again = tern_text_take(&again);
        *ret_plain = tern_text_take(&plain);
    }
    tern_text_fini(&data);
    tern_event_fini(&envelope);
    free(payload);
    return rc;
}

static int check_example(const char *section, enum shop_event event, struct tern_error *err)
{
    static const char fence[] = "\n```json\n";
    char *again = NULL;
    char *plain = NULL;
    const char *start = strstr(section, fence);
    const char *end = start ? strstr(start + strlen(fence), "\n```\n") : NULL;
    if (!end || count_of(section, fence) != 1) return tern_error_set(err, "must have one example");
    start += strlen(fence);
    if (reencode(start, (size_t)(end - start), event, &again, &plain, err) < 0) return -1;
    int rc = strcmp(again, plain) == 0 ? 0 : tern_error_set(err, "encodes differently: %s", again);
    free(again);
    free(plain);
    return rc;
}

static int check_event(const char *page, enum shop_event event, struct tern_error *err)
{
    char *section = section_of(page, shop_event_types[event].name);
    if (!section) return tern_error_set(err, "%s: has no section", shop_event_types[event].name);
    int rc = 0;
    if (check_facts(section, &shop_event_types[event], err) < 0 || check_fields(section, shop_schema(event), err) < 0 ||
        check_example(section, event, err) < 0)
        rc = tern_error_prefix(err, "%s", shop_event_types[event].name);
    free(section);
    return rc;
}

static int check_page(const char *page, struct tern_error *err)
{
    for (unsigned event = 0; event < SHOP_EVENT_COUNT; event++)
        if (check_event(page, (enum shop_event)event, err) < 0) return -1;
    /* besides the events: listening in, the envelope, control messages, the kinds of fields */
    if (count_of(page, "\n## ") != SHOP_EVENT_COUNT + 4)
        return tern_error_set(err, "a section is about no event of the catalogue");
    return 0;
}

static void the_page_and_the_catalogue_say_the_same(void **state)
{
    (void)state;
    struct tern_error err = {0};
    char *page = read_page();
    if (check_page(page, &err) < 0) fail_msg("docs/EVENTS.md: %s", err.text);
    free(page);
}

/* ---- the checks seen red ----------------------------------------------------------------------------------- */

/* The page with the first `piece` replaced has a fault whose sentence begins like `sentence`. */
static void assert_noticed(const char *piece, const char *replacement, const char *sentence)
{
    struct tern_error err = {0};
    char *page = read_page();
    const char *at = strstr(page, piece);
    assert_non_null(at);
    struct tern_text damaged = {0};
    tern_text_add_bytes(&damaged, page, (size_t)(at - page));
    tern_text_add(&damaged, replacement);
    tern_text_add(&damaged, at + strlen(piece));
    assert_int_equal(check_page(damaged.bytes, &err), -1);
    if (strncmp(err.text, sentence, strlen(sentence)) != 0)
        fail_msg("\"%s\" does not begin with \"%s\"", err.text, sentence);
    tern_text_fini(&damaged);
    free(page);
}

static void every_way_to_part_from_the_code_is_noticed(void **state)
{
    (void)state;
    assert_noticed("\n## PaymentVoided\n", "\n## Payment Voided\n", "PaymentVoided: has no section");
    assert_noticed("\n## Kinds of fields\n", "\n## OrderShipped\n\n## Kinds of fields\n",
                   "a section is about no event");
    assert_noticed("`order.updated`", "`order.update`", "OrderUpdated: does not say: - Routing key");
    assert_noticed("- Consumers: `notification-service`", "- Consumers: `order-service`",
                   "OrderUpdated: does not say: - Consumers");
    assert_noticed("| `refundId` |", "| `refund` |", "PaymentRefunded: does not say: ");
    assert_noticed("| `refundId` | text", "| `refundId` | id", "PaymentRefunded: does not say: ");
    assert_noticed("| `refundId` |", "| `more` | text | always | x |\n| `refundId` |", "PaymentRefunded: has 7 fields");
    assert_noticed("\"totalAmount\": 124.99", "\"totalAmount\": 124.999", "OrderPlaced: OrderPlaced: #/totalAmount");
    assert_noticed("\"totalAmount\": 124.99", "\"totalAmount\": 125", "OrderPlaced: encodes differently");
    assert_noticed("\"currency\": \"USD\",", "\"currency\": \"USD\", \"later\": 1,",
                   "OrderPlaced: encodes differently");
    assert_noticed("\"eventType\": \"OrderPlaced\"", "\"eventType\": \"OrderUpdated\"",
                   "OrderPlaced: the event is of type");
    assert_noticed("```json", "```", "OrderPlaced: must have one example");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_page_and_the_catalogue_say_the_same),
        cmocka_unit_test(every_way_to_part_from_the_code_is_noticed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
