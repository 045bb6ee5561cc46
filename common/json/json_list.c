/* json_list.c - visits the elements of a list that is too large for one tree.
 *
 * The validator finds the end of an element; then the element is parsed, visited and freed. Never holds more than one
 * tree, so a list of any length takes the memory of its largest element. */
#include "tern/json.h"

#include "json_validator.h"

#include <string.h>

struct walk {
    const char *text;       /* the caller's */
    size_t length, at;      /* of the text; offset of the next byte */
    struct tern_error *err; /* the caller's */
};

static int refuse(const struct walk *walk, const char *why)
{
    return tern_error_set(walk->err, "byte %zu: %s", walk->at + 1,
                          walk->at == walk->length ? "the text ends too early" : why);
}

static void skip_space(struct walk *walk)
{
    while (walk->at < walk->length && strchr(" \n\r\t", walk->text[walk->at]) && walk->text[walk->at] != '\0')
        walk->at++;
}

/* Takes `token` when it is next, with the white space before it. */
static bool take(struct walk *walk, const char *token)
{
    size_t length = strlen(token);
    skip_space(walk);
    if (walk->length - walk->at < length || memcmp(walk->text + walk->at, token, length) != 0) return false;
    walk->at += length;
    return true;
}

/* Behind the opening bracket, up to the closing one. The limit in bytes is checked by the parser, after the validator
 * has found where the element ends. */
static int visit_all(struct walk *walk, tern_json_visit *visit, void *self)
{
    if (take(walk, "]")) return 0;
    for (;;) {
        skip_space(walk);
        size_t start = walk->at;
        if (tern_json_validate_value(walk->text, walk->length, &walk->at, walk->err) < 0) return -1;
        struct cJSON *node = tern_json_parse(walk->text + start, walk->at - start, TERN_JSON_MAX_BYTES, walk->err);
        int status = node ? visit(self, node, walk->err) : -1;
        tern_json_destroy(node);
        if (status < 0) return -1;
        if (take(walk, "]")) return 0;
        if (!take(walk, ",")) return refuse(walk, "a comma or ] is missing");
    }
}

/* The name of the only member is compared as bytes: the texts that are read here were written by our own programs. */
int tern_json_each(const char *text, size_t length, const char *name, tern_json_visit *visit, void *self,
                   struct tern_error *err)
{
    struct walk walk = {text, length, 0, err};
    bool wrapped = take(&walk, "{");
    if (wrapped && !(take(&walk, "\"") && take(&walk, name) && take(&walk, "\"") && take(&walk, ":")))
        return refuse(&walk, "another member than the list");
    if (!take(&walk, "[")) return refuse(&walk, "a list is missing");
    if (visit_all(&walk, visit, self) < 0) return -1;
    if (wrapped && !take(&walk, "}")) return refuse(&walk, "another member than the list");
    skip_space(&walk);
    return walk.at == walk.length ? 0 : refuse(&walk, "something follows the value");
}
