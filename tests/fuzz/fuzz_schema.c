/* fuzz_schema.c - the payloads of the shop's events, each by its schema, from any JSON.
 *
 * The first byte chooses the event. What is taken strictly is taken tolerantly; what was taken keeps every rule of the
 * schema, and encoded, decoded and encoded again it is the same. What is refused has a fault with its place. */
#include "fuzz.h"
#include "shop/catalogue.h"

#include <stdlib.h>
#include <string.h>

/* The member bounds of the schema hold for what decoding leaves behind. */
static void say_again(const struct tern_schema *schema, const void *payload)
{
    struct tern_error err = {0};
    struct tern_schema_faults faults;
    struct tern_text once = {0}, twice = {0};
    void *again = tern_alloc(schema->size);
    TERN_ASSERT(tern_schema_check(schema, payload, &err) == 0, "what was decoded keeps the rules");
    tern_schema_encode(schema, payload, &once);
    struct cJSON *tree = tern_json_parse(once.bytes, once.length, 4 * (size_t)TERN_JSON_MAX_BYTES, &err);
    TERN_ASSERT(tree != NULL, "what was encoded passes the validator");
    TERN_ASSERT(tern_schema_decode(schema, tree, TERN_STRICT, again, &faults) == 0,
                "what was encoded is taken strictly");
    tern_schema_encode(schema, again, &twice);
    TERN_ASSERT(strcmp(once.bytes, twice.bytes) == 0, "encoded twice it is the same");
    tern_json_destroy(tree);
    tern_text_fini(&once);
    tern_text_fini(&twice);
    free(again);
}

static void check_faults(const struct tern_schema_faults *faults)
{
    TERN_ASSERT(faults->count > 0, "a refusal has faults");
    for (size_t i = 0; i < faults->count && i < TERN_SCHEMA_MAX_FAULTS; i++)
        TERN_ASSERT(faults->items[i].pointer[0] == '#' && faults->items[i].detail[0] != '\0' &&
                        faults->items[i].code[0] != '\0',
                    "a fault has a place, a sentence and a code");
}

static void decode(const struct tern_schema *schema, const struct cJSON *tree)
{
    struct tern_schema_faults strict_faults, faults;
    void *payload = tern_alloc(schema->size);
    bool strict = tern_schema_decode(schema, tree, TERN_STRICT, payload, &strict_faults) == 0;
    bool tolerant = tern_schema_decode(schema, tree, TERN_TOLERANT, payload, &faults) == 0;
    TERN_ASSERT(!strict || tolerant, "what is taken strictly is taken tolerantly");
    if (!strict) check_faults(&strict_faults);
    if (tolerant)
        say_again(schema, payload);
    else
        check_faults(&faults);
    free(payload);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct tern_error err;
    if (size == 0) return 0;
    const struct tern_schema *schema = shop_schema((enum shop_event)(data[0] % SHOP_EVENT_COUNT));
    struct cJSON *tree = tern_json_parse((const char *)data + 1, size - 1, TERN_JSON_MAX_BYTES, &err);
    if (tree != NULL) decode(schema, tree);
    tern_json_destroy(tree);
    return 0;
}
