/* schema_verdicts.c - what the decoders of the shop say about payloads: for tests/scripts/schemas_equal.sh.
 *
 * Reads lines "EventType version JSON" and answers each with a line: "good", or "bad" and why. The payload is decoded by the
 * schema of that very version, without upcasters. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shop/catalogue.h"

static void answer(char *line)
{
    char *rest = line;
    const char *type = strsep(&rest, " "), *version = strsep(&rest, " ");
    struct tern_error err = {0};
    enum shop_event event = shop_event_named(type);
    const struct tern_schema *schema = event == SHOP_EVENT_COUNT ? NULL : shop_schema_of(event, version);
    TERN_ASSERT(schema && rest, "a line is about a version of an event");
    void *payload = tern_alloc(schema->size);
    struct cJSON *tree = tern_json_parse(rest, strlen(rest), TERN_JSON_MAX_BYTES, &err);
    bool good = tree && tern_schema_decode_event(schema, tree, payload, &err) == 0;
    tern_json_destroy(tree);
    free(payload);
    printf("%s%s%s\n", good ? "good" : "bad", good ? "" : " ", good ? "" : err.text);
}

int main(void)
{
    char *line = NULL;
    size_t room = 0;
    ssize_t length;
    while ((length = getline(&line, &room, stdin)) > 0) {
        if (line[length - 1] == '\n') line[length - 1] = '\0';
        answer(line);
    }
    free(line);
    return 0;
}
