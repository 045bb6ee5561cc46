/* http_target.c - parses a request target: path, segments and query, each percent-decoded once; in absolute-form
 * (http://host/path) also the authority, not decoded.
 *
 * Accepts less than RFC 3986: no %00 or other control characters, nothing outside ASCII, no encoded slash, no "//", "."
 * or ".." in the path, no query name twice. So an accepted path means the same to every reader. A "+" in the query
 * stays a "+" (times carry offsets; no value here holds a space). Never guesses, repairs, or decodes twice. */
#include "common/base/percent.h"
#include "http_internal.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

const char *tern_http_find(const struct http_pair *pairs, size_t count, const char *name, bool any_case)
{
    for (size_t i = 0; i < count; i++)
        if ((any_case ? strcasecmp(pairs[i].name, name) : strcmp(pairs[i].name, name)) == 0) return pairs[i].value;
    return NULL;
}

/* Refuses what RFC 3986, section 2, does not allow in a URI; careless clients send it without escapes. */
static int check_characters(const char *raw, struct tern_error *err)
{
    for (const char *c = raw; *c != '\0'; c++) {
        if ((unsigned char)*c >= 0x80)
            return tern_error_set(err, "The target of the request holds a byte that is not ASCII.");
        if (*c <= ' ' || *c == 0x7f || strchr("\"#<>\\^`{|}", *c))
            return tern_error_set(err, "The target of the request holds a character that must be percent-encoded.");
    }
    return 0;
}

/* Decodes in place, once. What means something else to another reader is refused: control characters, slashes and bytes
 * outside ASCII. */
static int decode(char *piece, struct tern_error *err)
{
    char *to = piece;
    for (const char *from = piece; *from != '\0'; from++) {
        char c = *from;
        if (c == '%') {
            int value = percent_byte(from);
            if (value < 0)
                return tern_error_set(err, "A %% in the target of the request is not followed by two hex digits.");
            if (value < 0x20 || value >= 0x7f || value == '/')
                return tern_error_set(err, "%%%02X is not accepted in the target of a request.", (unsigned)value);
            c = (char)value;
            from += 2;
        }
        *to++ = c;
    }
    *to = '\0';
    return 0;
}

/* Cuts `text` (the path after its first slash) into segments, in place. */
static int split_path(char *text, struct http_target *target, struct tern_error *err)
{
    while (*text != '\0' || target->segment_count > 0) {
        char *slash = strchrnul(text, '/');
        bool last = *slash == '\0';
        *slash = '\0';
        if (*text == '\0' && !last) return tern_error_set(err, "The path holds an empty segment (//).");
        if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
            return tern_error_set(err, "The path holds a dot segment.");
        if (target->segment_count < HTTP_SEGMENTS_MAX) target->segments[target->segment_count] = text;
        target->segment_count++; /* beyond the array only counted: no route is that long */
        if (last) return 0;
        text = slash + 1;
    }
    return 0;
}

/* "name=value&...", cut and decoded in place. An argument without "=" has the value ""; empty ones are left out. */
static int split_query(char *text, struct http_target *target, struct tern_error *err)
{
    for (char *next; *text != '\0'; text = next) {
        char *end = strchrnul(text, '&');
        next = *end == '&' ? end + 1 : end;
        *end = '\0';
        if (*text == '\0') continue;
        char *equals = strchrnul(text, '=');
        char *value = *equals == '=' ? equals + 1 : equals;
        *equals = '\0';
        if (decode(text, err) < 0 || decode(value, err) < 0) return -1;
        if (tern_http_find(target->query, target->query_count, text, false))
            return tern_error_set(err, "The query argument \"%s\" is given twice.", text);
        if (target->query_count == HTTP_QUERY_MAX)
            return tern_error_set(err, "The query has more than %d arguments.", HTTP_QUERY_MAX);
        target->query[target->query_count++] = (struct http_pair){text, value};
    }
    return 0;
}

/* Moves *at to the authority of an absolute-form target and returns its length; 0 for a path. */
static int skip_authority(const char **at, size_t *ret_length, struct tern_error *err)
{
    static const char scheme[] = "http://";
    *ret_length = 0;
    if (**at == '/') return 0;
    if (strncasecmp(*at, scheme, sizeof scheme - 1) != 0)
        return tern_error_set(err,
                              "The target of the request is neither a path nor an address that begins with http://.");
    *at += sizeof scheme - 1;
    *ret_length = strcspn(*at, "/?");
    if (*ret_length == 0) return tern_error_set(err, "The target of the request names no host.");
    if (memchr(*at, '%', *ret_length))
        return tern_error_set(err, "The host in the target of the request must not be percent-encoded.");
    return 0;
}

/* `memory` holds the path with the query behind it, then the path cut into segments, then the authority. */
static int take_apart(const char *raw, struct http_target *target, struct tern_error *err)
{
    const char *rest = raw;
    size_t authority_length;
    if (check_characters(raw, err) < 0 || skip_authority(&rest, &authority_length, err) < 0) return -1;
    const char *authority = rest;
    rest += authority_length;
    const char *root = rest[0] == '/' ? "" : "/"; /* http://host and http://host?query are the root */

    size_t length = strlen(root) + strlen(rest);
    target->memory = tern_alloc(2 * (length + 1) + authority_length + 1);
    char *path = target->memory; /* with the query behind it */
    char *segments = target->memory + length + 1;
    if (authority_length > 0) target->authority = memcpy(segments + length + 1, authority, authority_length);
    (void)stpcpy(stpcpy(path, root), rest);
    char *question = strchr(path, '?');
    char *query = path + length;
    if (question) {
        *question = '\0';
        query = question + 1;
    }
    if (decode(path, err) < 0 || split_query(query, target, err) < 0) return -1;
    memcpy(segments, path + 1, strlen(path));
    target->path = path;
    return split_path(segments, target, err);
}

int tern_http_target_parse(const char *raw, struct http_target *target, struct tern_error *err)
{
    target->authority = NULL;
    target->segment_count = 0;
    target->query_count = 0;
    if (take_apart(raw, target, err) == 0) return 0;
    tern_http_target_fini(target);
    return -1;
}

void tern_http_target_fini(struct http_target *target)
{
    free(target->memory);
    target->memory = NULL;
    target->path = target->authority = NULL;
    target->segment_count = 0;
    target->query_count = 0;
}
