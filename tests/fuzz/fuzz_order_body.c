/* fuzz_order_body.c - the body of POST /orders, and the Idempotency-Key, from any bytes.
 *
 * The first line is the key, the rest the body. A body that is taken becomes an OrderPlaced that every reader takes and
 * that fits into a message, an order that can be shown, and an answer that is JSON; its total is not negative. */
#include "fuzz.h"

#include "common/base/ids.h"
#include "common/http/http_internal.h"
#include "services/order/place_order.h"

#include <stdlib.h>
#include <string.h>

#define CORRELATION_ID "0190f3a1-7c4b-7d2e-9f00-0a1b2c3d4e60"

static void assert_json(const struct tern_text *text)
{
    struct tern_error err = {0};
    TERN_ASSERT(tern_json_check(text->bytes, text->length, TERN_JSON_MAX_BYTES, &err) == 0, "what we write is JSON");
}

/* Every reader of OrderPlaced takes it, in any version. */
static void assert_heard(const struct tern_text *data, const char *version)
{
    struct tern_error err = {0};
    struct shop_order_placed *heard = tern_alloc(sizeof *heard);
    struct tern_event event = {.type = "OrderPlaced"};
    event.tree = event.data = tern_json_parse(data->bytes, data->length, TERN_JSON_MAX_BYTES, &err);
    TERN_ASSERT(event.tree != NULL, "the payload is JSON");
    strcpy(event.version, version);
    TERN_ASSERT(tern_event_lift(&event, &shop_event_types[SHOP_ORDER_PLACED], &err) == 0, "it can be lifted");
    TERN_ASSERT(shop_order_placed_decode(&event, heard, &err) == 0, "an order that was accepted is heard");
    tern_event_fini(&event);
    free(heard);
}

static void assert_shown(const struct order_state *order)
{
    struct tern_error err = {0};
    struct shop_lines *items = tern_alloc(sizeof *items);
    struct tern_text shown = {0};
    order_print(order, &shown);
    assert_json(&shown);
    TERN_ASSERT(order_items(order, items, &err) == 0 && items->count > 0, "what was ordered can be read again");
    tern_text_fini(&shown);
    free(items);
}

static void place(struct place_order *work)
{
    static struct tern_ids *ids;
    struct tern_http_answer answer = {0};
    if (ids == NULL) ids = tern_ids_create(&tern_clock_system, 1);
    place_order_spell(work);
    assert_json(&work->asked);
    place_order_prepare(work, ids, &tern_clock_system, CORRELATION_ID, "2.0");
    TERN_ASSERT(work->placed.total_amount_minor >= 0, "a total is not negative");
    assert_heard(&work->data, "2.0");
    tern_text_clear(&work->data);
    TERN_ASSERT(shop_encode(SHOP_ORDER_PLACED, "1.0", &work->placed, &work->data, NULL) == 0, "it is one in version 1");
    assert_heard(&work->data, "1.0");
    assert_shown(&work->order);
    place_order_answer(work, &answer);
    assert_json(&answer.body);
    tern_text_fini(&answer.body);
    tern_text_fini(&answer.headers);
}

static void check_faults(const struct tern_schema_faults *faults, const struct tern_error *err)
{
    struct tern_http_answer answer = {0};
    TERN_ASSERT(err->text[0] != '\0', "a refusal has a sentence");
    if (faults->count == 0) return;
    tern_http_problem_faults(&answer, "Bad Request", faults);
    assert_json(&answer.body);
    tern_text_fini(&answer.body);
    tern_text_fini(&answer.headers);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tern_error err = {0};
    struct tern_schema_faults faults;
    struct place_order *work = tern_alloc(sizeof *work);
    char key[TERN_HTTP_KEY_SIZE];
    char *text = tern_copy_bytes(data, size);
    char *line_end = memchr(text, '\n', size);
    size_t body_at = line_end != NULL ? (size_t)(line_end - text) + 1 : 0;
    if (line_end != NULL) *line_end = '\0';
    if (line_end != NULL && tern_http_key_read(text, key) == 0)
        TERN_ASSERT(key[0] != '\0', "a key that was read is not empty");
    if (place_order_read(text + body_at, size - body_at, &work->placed, &faults, &err) == 0)
        place(work);
    else
        check_faults(&faults, &err);
    place_order_fini(work);
    free(work);
    free(text);
    return 0;
}
