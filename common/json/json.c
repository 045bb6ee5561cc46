/* json.c - parses, reads and writes JSON; the only file that calls cJSON.
 *
 * cJSON parses only what the validator has accepted. It would read numbers into a double and change what does not fit,
 * so each number becomes a raw node with the digits of the text, in the order in which the validator met them. Member
 * names are compared exactly. Never rounds a number. */
#include "tern/json.h"

#include "common/base/utf8.h"
#include "json_validator.h"
#include "tern/clock.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- parsing ----------------------------------------------------------------------------------------------- */

static bool has_type(const struct cJSON *node, int type)
{
    return node && (node->type & 0xFF) == type;
}

int tern_json_check(const char *text, size_t length, size_t max_bytes, struct tern_error *err)
{
    return tern_json_validate(text, length, max_bytes, NULL, err);
}

static void keep_digits(struct cJSON *node, const char *digits, size_t length)
{
    char *copy = cJSON_malloc(length + 1);
    TERN_ASSERT(copy, "out of memory");
    memcpy(copy, digits, length);
    copy[length] = '\0';
    node->valuestring = copy;
    node->type = (node->type & ~0xFF) | cJSON_Raw;
}

/* Walks the tree in the order of the text; `*at` counts the numbers that were restored. */
static void restore_digits(struct cJSON *node, const char *text, const struct json_marks *numbers, size_t *at)
{
    for (; node; node = node->next) {
        if (has_type(node, cJSON_Number)) {
            TERN_ASSERT(*at < numbers->count, "the validator has seen every number of the tree");
            const struct json_mark *mark = &numbers->items[(*at)++];
            keep_digits(node, text + mark->at, mark->note);
        } else if (node->child) {
            restore_digits(node->child, text, numbers, at);
        }
    }
}

/* Gives cJSON a 0 for each number, because it reads at most 63 bytes of one and fails at the rest. */
static char *copy_without_digits(const char *text, size_t length, const struct json_marks *numbers)
{
    char *copy = tern_copy_bytes(text, length); /* cJSON must find the NUL behind the value */
    for (size_t i = 0; i < numbers->count; i++) {
        memset(copy + numbers->items[i].at, ' ', numbers->items[i].note);
        copy[numbers->items[i].at] = '0';
    }
    return copy;
}

/* cJSON parses whatever the validator has accepted, unless it is out of memory. That is our failure: do not report it
 * to the sender, or park the message. */
static struct cJSON *parse_checked(const char *text, size_t length, const struct json_marks *numbers)
{
    size_t at = 0;
    char *copy = copy_without_digits(text, length, numbers);
    struct cJSON *root = cJSON_ParseWithLengthOpts(copy, length + 1, NULL, 1);
    TERN_ASSERT(root, "there is memory for a text that the validator accepted");
    free(copy);
    restore_digits(root, text, numbers, &at);
    TERN_ASSERT(at == numbers->count, "the tree has every number of the text");
    return root;
}

struct cJSON *tern_json_parse(const char *text, size_t length, size_t max_bytes, struct tern_error *err)
{
    struct cJSON *root = NULL;
    struct json_marks numbers;
    tern_json_marks_init(&numbers);
    if (tern_json_validate(text, length, max_bytes, &numbers, err) == 0) root = parse_checked(text, length, &numbers);
    tern_json_marks_fini(&numbers);
    return root;
}

void tern_json_destroy(struct cJSON *node)
{
    cJSON_Delete(node);
}

/* ---- reading ----------------------------------------------------------------------------------------------- */

const struct cJSON *tern_json_member(const struct cJSON *object, const char *name)
{
    return tern_json_is_object(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

bool tern_json_is_object(const struct cJSON *node)
{
    return has_type(node, cJSON_Object);
}

bool tern_json_is_array(const struct cJSON *node)
{
    return has_type(node, cJSON_Array);
}

bool tern_json_is_null(const struct cJSON *node)
{
    return has_type(node, cJSON_NULL);
}

const char *tern_json_string(const struct cJSON *node)
{
    return has_type(node, cJSON_String) ? node->valuestring : NULL;
}

const char *tern_json_digits(const struct cJSON *node)
{
    return has_type(node, cJSON_Raw) ? node->valuestring : NULL;
}

const char *tern_json_name(const struct cJSON *node)
{
    return node ? node->string : NULL;
}

size_t tern_json_size(const struct cJSON *node)
{
    size_t size = 0;
    for (const struct cJSON *child = tern_json_first(node); child; child = child->next)
        size++;
    return size;
}

const struct cJSON *tern_json_first(const struct cJSON *node)
{
    return tern_json_is_object(node) || tern_json_is_array(node) ? node->child : NULL;
}

const struct cJSON *tern_json_next(const struct cJSON *node)
{
    return node ? node->next : NULL;
}

int tern_json_integer(const struct cJSON *node, int64_t low, int64_t high, int64_t *ret, struct tern_error *err)
{
    const char *digits = tern_json_digits(node);
    if (!digits) return tern_error_set(err, "must be a number");
    if (strpbrk(digits, ".eE")) return tern_error_set(err, "must be a whole number, without point and exponent");
    errno = 0;
    long long value = strtoll(digits, NULL, 10);
    if (errno == ERANGE || value < low || value > high)
        return tern_error_set(err, "must be %lld to %lld", (long long)low, (long long)high);
    *ret = value;
    return 0;
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

static void write_escaped(struct tern_text *out, unsigned char c)
{
    static const char letters[] = "btn\0fr"; /* of 0x08 to 0x0D; 0x0B has none */
    char escape[8] = {'\\', (char)c, '\0'};
    if (c >= 0x08 && c <= 0x0D && c != 0x0B) {
        escape[1] = letters[c - 0x08];
    } else if (c < 0x20) {
        tern_text_printf(out, "\\u%04x", (unsigned)c);
        return;
    }
    tern_text_add_bytes(out, escape, 2);
}

/* Writes the character at `at`; a byte that is not UTF-8 becomes U+FFFD, so that whatever is written can be parsed.
 * Returns the bytes read. */
static size_t write_special(struct tern_text *out, const unsigned char *at, const unsigned char *end)
{
    if (*at < 0x80) {
        write_escaped(out, *at);
        return 1;
    }
    size_t length = tern_utf8_length(at, end);
    if (length == 0) {
        tern_text_add_bytes(out, "\xEF\xBF\xBD", 3);
        return 1;
    }
    tern_text_add_bytes(out, at, length);
    return length;
}

void tern_json_write_string(struct tern_text *out, const char *string)
{
    const unsigned char *at = (const unsigned char *)string;
    const unsigned char *end = at + strlen(string);
    tern_text_add_bytes(out, "\"", 1);
    while (at < end) {
        const unsigned char *plain = at;
        while (at < end && *at >= 0x20 && *at < 0x80 && *at != '"' && *at != '\\')
            at++;
        if (at > plain) tern_text_add_bytes(out, plain, (size_t)(at - plain));
        if (at < end) at += write_special(out, at, end);
    }
    tern_text_add_bytes(out, "\"", 1);
}

void tern_json_add_text(struct tern_text *out, const char *name, const char *value)
{
    if (value[0] != '\0') tern_json_add_text_or_null(out, name, value);
}

void tern_json_add_text_or_null(struct tern_text *out, const char *name, const char *value)
{
    tern_text_printf(out, ",\"%s\":", name);
    if (value[0] != '\0')
        tern_json_write_string(out, value);
    else
        tern_text_add(out, "null");
}

void tern_json_add_time(struct tern_text *out, const char *name, int64_t wall_ms)
{
    char time[TERN_TIME_SIZE];
    tern_time_format(wall_ms, time);
    tern_text_printf(out, ",\"%s\":\"%s\"", name, time);
}

void tern_json_print(const struct cJSON *node, struct tern_text *out)
{
    char *text = cJSON_PrintUnformatted(node);
    TERN_ASSERT(text, "there is memory for a printed tree");
    tern_text_add(out, text);
    cJSON_free(text);
}

const char *tern_json_version(void)
{
    return cJSON_Version();
}
