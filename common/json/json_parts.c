/* json_parts.c - finds members of an object in its text, without a tree.
 *
 * For texts that the validator has accepted before: it counts brackets and quotes and checks nothing else, but never
 * reads past the end. A text that is not what it should be has no such member. */
#include "tern/json.h"

#include <string.h>

struct cursor {
    const char *at, *end;
};

static void skip_space(struct cursor *cursor)
{
    while (cursor->at < cursor->end &&
           (*cursor->at == ' ' || *cursor->at == '\n' || *cursor->at == '\r' || *cursor->at == '\t'))
        cursor->at++;
}

static bool take(struct cursor *cursor, char token)
{
    skip_space(cursor);
    if (cursor->at == cursor->end || *cursor->at != token) return false;
    cursor->at++;
    return true;
}

/* Behind its opening quote, to behind the closing one. */
static bool skip_string(struct cursor *cursor)
{
    while (cursor->at < cursor->end) {
        char c = *cursor->at++;
        if (c == '"') return true;
        if (c == '\\' && cursor->at < cursor->end) cursor->at++;
    }
    return false;
}

/* Any value, from its first byte to behind its last. */
static bool skip_value(struct cursor *cursor)
{
    int depth = 0;
    do {
        if (cursor->at == cursor->end) return false;
        char c = *cursor->at;
        if (depth == 0 && (c == ',' || c == '}' || c == ']')) return true; /* behind a number, true, false or null */
        cursor->at++;
        if (c == '"' && !skip_string(cursor)) return false;
        if (c == '{' || c == '[') depth++;
        if (c == '}' || c == ']') depth--;
        if (depth == 0 && (c == '"' || c == '}' || c == ']')) return true;
    } while (true);
}

bool tern_json_parts(const char *text, size_t length, const char *const *names, size_t count,
                     struct tern_json_part *ret_parts)
{
    struct cursor cursor = {text, text + length};
    size_t found = 0;
    if (!take(&cursor, '{')) return false;
    do {
        if (!take(&cursor, '"')) return false;
        const char *name = cursor.at;
        if (!skip_string(&cursor)) return false;
        size_t name_length = (size_t)(cursor.at - name) - 1;
        if (!take(&cursor, ':')) return false;
        skip_space(&cursor);
        const char *value = cursor.at;
        if (!skip_value(&cursor)) return false;
        for (size_t i = 0; i < count; i++) {
            if (strlen(names[i]) != name_length || memcmp(names[i], name, name_length) != 0) continue;
            ret_parts[i] = (struct tern_json_part){value, (size_t)(cursor.at - value)};
            found++;
        }
    } while (found < count && take(&cursor, ','));
    return found == count;
}
