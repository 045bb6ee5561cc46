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

/* cJSON keeps flags about ownership above the lowest byte of the type. */
static bool has_type(const struct cJSON *node, int type)
{
    return node && (node->type & 0xFF) == type;
}

/* For bytes that are passed on as they are, without a tree. */
int tern_json_check(const char *text, size_t length, size_t max_bytes, struct tern_error *err)
{
    return tern_json_validate(text, length, max_bytes, NULL, err);
}

/* Makes each number a raw node with its digits, which cJSON frees and prints as they are. Walks the tree in the order
 * of the text; `*at` counts the numbers that were restored. The recursion ends at TERN_JSON_MAX_DEPTH. */
static void restore_digits(struct cJSON *node, const char *text, const struct json_marks *numbers, size_t *at)
{
    for (; node; node = node->next) {
        if (has_type(node, cJSON_Number)) {
            TERN_ASSERT(*at < numbers->count, "the validator has seen every number of the tree");
            const struct json_mark *mark = &numbers->items[(*at)++];
            char *digits = cJSON_malloc((size_t)mark->note + 1);
            TERN_ASSERT(digits, "out of memory");
            memcpy(digits, text + mark->at, mark->note);
            digits[mark->note] = '\0';
            node->valuestring = digits;
            node->type = (node->type & ~0xFF) | cJSON_Raw;
        } else if (node->child) {
            restore_digits(node->child, text, numbers, at);
        }
    }
}

/* Parses a copy with a 0 for each number, because cJSON reads at most 63 bytes of one and fails at the rest. It parses
 * whatever the validator has accepted, unless it is out of memory. That is our failure: do not report it to the sender,
 * or park the message. */
static struct cJSON *parse_checked(const char *text, size_t length, const struct json_marks *numbers)
{
    size_t at = 0;
    char *copy = tern_copy_bytes(text, length); /* cJSON must find the NUL behind the value */
    for (size_t i = 0; i < numbers->count; i++) {
        memset(copy + numbers->items[i].at, ' ', numbers->items[i].note);
        copy[numbers->items[i].at] = '0';
    }
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

/* NULL is accepted everywhere, so a chain of calls into a tree needs one check, at its end. */

/* The other getter of cJSON ignores case, so that "ID" would pass for "id"; scripts/check_includes.sh refuses it. */
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

/* ---- changing ---------------------------------------------------------------------------------------------- */

struct cJSON *tern_json_edit(struct cJSON *object, const char *name)
{
    return tern_json_is_object(object) ? cJSON_GetObjectItemCaseSensitive(object, name) : NULL;
}

struct cJSON *tern_json_edit_next(struct cJSON *list, const struct cJSON *element)
{
    if (element) return element->next;
    return tern_json_is_array(list) ? list->child : NULL;
}

struct cJSON *tern_json_detach(struct cJSON *object, const char *name)
{
    return cJSON_DetachItemViaPointer(object, tern_json_edit(object, name));
}

void tern_json_attach(struct cJSON *object, const char *name, struct cJSON *value)
{
    cJSON_Delete(tern_json_detach(object, name));
    TERN_ASSERT(cJSON_AddItemToObject(object, name, value), "there is memory for a member");
}

struct cJSON *tern_json_new_object(void)
{
    struct cJSON *node = cJSON_CreateObject();
    TERN_ASSERT(node, "there is memory for a node");
    return node;
}

struct cJSON *tern_json_new_string(const char *text)
{
    struct cJSON *node = cJSON_CreateString(text);
    TERN_ASSERT(node, "there is memory for a node");
    return node;
}

/* ---- writing ----------------------------------------------------------------------------------------------- */

/* Writes the character at `at`, which must be escaped (RFC 8259, section 7) or is not ASCII; a byte that is not UTF-8
 * becomes U+FFFD, so that the output can always be parsed. Returns the bytes read. */
static size_t write_special(struct tern_text *out, const unsigned char *at, const unsigned char *end)
{
    static const char letters[] = "btn\0fr"; /* of 0x08 to 0x0D; 0x0B has none */
    unsigned char c = *at;
    if (c >= 0x80) {
        size_t length = tern_utf8_length(at, end);
        tern_text_add_bytes(out, length > 0 ? (const char *)at : "\xEF\xBF\xBD", length > 0 ? length : 3);
        return length > 0 ? length : 1;
    }
    bool has_letter = c >= 0x08 && c <= 0x0D && c != 0x0B;
    if (c < 0x20 && !has_letter) {
        tern_text_printf(out, "\\u%04x", (unsigned)c);
    } else {
        const char escape[2] = {'\\', has_letter ? letters[c - 0x08] : (char)c};
        tern_text_add_bytes(out, escape, sizeof escape);
    }
    return 1;
}

/* Runs of ordinary ASCII are copied as a whole. */
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

void tern_json_print_lines(const struct cJSON *node, struct tern_text *out)
{
    char *text = cJSON_Print(node);
    TERN_ASSERT(text, "there is memory for a printed tree");
    tern_text_add(out, text);
    tern_text_add(out, "\n");
    cJSON_free(text);
}

const char *tern_json_version(void)
{
    return cJSON_Version();
}
