/* log_line.c - the bytes of a log line: pretty, logfmt, json.
 *
 * Whatever a value holds, the line stays one line and parses: bad UTF-8, control characters (C0 and C1) and the
 * characters that break or reorder lines become \u escapes in every format, and a value is cut at 2 KB, between
 * characters. Appends to the caller's text only, which allocates nothing once it has grown. */
#include "log_line.h"

#include <string.h>

#include "digits.h"
#include "utf8.h"

/* ---- escaping ---- */

enum byte_class { PLAIN, SPACED, SPECIAL }; /* unchanged; unchanged inside quotes; left to escape() */

static enum byte_class class_of(unsigned char byte)
{
    if (byte == ' ' || byte == '=') return SPACED;
    return byte < 0x20 || byte == '"' || byte == '\\' || byte >= 0x7F ? SPECIAL : PLAIN;
}

/* Characters that control a terminal, break a line (U+2028, U+2029) or reorder it (bidirectional controls): with them a
 * value from outside could forge lines on an operator's screen. */
static bool is_unsafe(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code <= 0x9F) || (code >= 0x2028 && code <= 0x202E) ||
           (code >= 0x2066 && code <= 0x2069);
}

/* Writes the character at `at`, or its escape, into `piece`; returns the length and moves `at` behind the character. */
static size_t escape(const unsigned char **at, const unsigned char *end, bool quoted, char piece[6])
{
    static const char hex[] = "0123456789abcdef";
    size_t length = tern_utf8_length(*at, end);
    uint32_t code = length ? tern_utf8_code(*at, length) : 0xFFFD; /* the replacement character stands for a bad byte */
    if (length > 0 && !is_unsafe(code) && !(quoted && (code == '"' || code == '\\'))) {
        memcpy(piece, *at, length);
        *at += length;
        return length;
    }
    *at += length ? length : 1;
    char letter = '\0';
    switch (code) {
    case '"': letter = '"'; break;
    case '\\': letter = '\\'; break;
    case '\n': letter = 'n'; break;
    case '\r': letter = 'r'; break;
    case '\t': letter = 't'; break;
    default: break;
    }
    piece[0] = '\\';
    piece[1] = letter ? letter : 'u';
    for (size_t i = 0; i < 4; i++)
        piece[2 + i] = hex[code >> (12 - 4 * i) & 15U];
    return letter ? 2 : 6;
}

/* Adds the value with unsafe characters escaped, at most 2 KB of it. Runs of ordinary bytes are copied as a whole. */
static void add_escaped(struct tern_text *out, const char *value, bool quoted)
{
    static const char cut_mark[] = "...";
    size_t left = TERN_LOG_FIELD_MAX - (sizeof cut_mark - 1);
    const unsigned char *at = (const unsigned char *)value;
    const unsigned char *end = at + strlen(value);
    while (at < end) {
        size_t length = 0;
        while (length < left && at + length < end && class_of(at[length]) != SPECIAL)
            length++;
        tern_text_add_bytes(out, at, length);
        at += length;
        left -= length;
        if (at == end) return;
        char piece[6];
        length = escape(&at, end, quoted, piece);
        if (length > left) {
            tern_text_add_bytes(out, cut_mark, sizeof cut_mark - 1);
            return;
        }
        tern_text_add_bytes(out, piece, length);
        left -= length;
    }
}

static void add_quoted(struct tern_text *out, const char *value)
{
    tern_text_add_bytes(out, "\"", 1);
    add_escaped(out, value, true);
    tern_text_add_bytes(out, "\"", 1);
}

/* logfmt: a value of plain characters needs no quotes. */
static void add_value(struct tern_text *out, const char *value)
{
    size_t length = 0;
    while (value[length] != '\0' && class_of((unsigned char)value[length]) == PLAIN)
        length++;
    if (length > 0 && length < TERN_LOG_FIELD_MAX && value[length] == '\0')
        tern_text_add_bytes(out, value, length);
    else
        add_quoted(out, value);
}

/* Keys are words of the source; any other character in them would break the line, and becomes "_". */
static void add_key(struct tern_text *out, const char *key)
{
    static const char words[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-";
    for (;;) {
        size_t length = strspn(key, words);
        tern_text_add_bytes(out, key, length);
        if (key[length] == '\0') return;
        tern_text_add_bytes(out, "_", 1);
        key += length + 1;
    }
}

/* An empty text says nothing: the caller had no value. */
static bool is_left_out(const struct tern_log_field *field)
{
    return field->text && field->text[0] == '\0';
}

/* ---- json ---- */

static void add_json(struct tern_text *out, const struct log_style *style, const char *time, enum tern_log_level level,
                     const char *message, va_list fields)
{
    tern_text_add(out, "{\"time\":\"");
    tern_text_add(out, time);
    tern_text_add(out, "\",\"level\":\"");
    tern_text_add(out, tern_log_level_name(level));
    tern_text_add(out, "\",\"service\":");
    add_quoted(out, style->service);
    tern_text_add(out, ",\"msg\":");
    add_quoted(out, message);
    for (;;) {
        struct tern_log_field field = va_arg(fields, struct tern_log_field);
        if (!field.key) break;
        if (is_left_out(&field)) continue;
        tern_text_add_bytes(out, ",\"", 2);
        add_key(out, field.key);
        tern_text_add_bytes(out, "\":", 2);
        if (field.text)
            add_quoted(out, field.text);
        else
            add_digits(out, field.number);
    }
    tern_text_add_bytes(out, "}\n", 2);
}

/* ---- logfmt ---- */

static void add_logfmt(struct tern_text *out, const struct log_style *style, const char *time,
                       enum tern_log_level level, const char *message, va_list fields)
{
    tern_text_add(out, "time=");
    tern_text_add(out, time);
    tern_text_add(out, " level=");
    tern_text_add(out, tern_log_level_name(level));
    tern_text_add(out, " service=");
    add_value(out, style->service);
    tern_text_add(out, " msg=");
    add_value(out, message);
    for (;;) {
        struct tern_log_field field = va_arg(fields, struct tern_log_field);
        if (!field.key) break;
        if (is_left_out(&field)) continue;
        tern_text_add_bytes(out, " ", 1);
        add_key(out, field.key);
        tern_text_add_bytes(out, "=", 1);
        if (field.text)
            add_value(out, field.text);
        else
            add_digits(out, field.number);
    }
    tern_text_add_bytes(out, "\n", 1);
}

/* ---- pretty ---- */

enum { SERVICE_COLUMN = 20, MESSAGE_COLUMN = 28 }; /* widths; each fits the usual text, a longer one moves its line */

#define DIM     "\033[2m"
#define PLAINLY "\033[0m"

/* Fills the column that began at `started` with blanks. */
static void pad(struct tern_text *out, size_t started, size_t column)
{
    static const char spaces[] = "                                ";
    size_t length = out->length - started;
    if (length < column) tern_text_add_bytes(out, spaces, column - length);
}

/* One fixed colour for each service, to tell merged logs apart. */
static const char *service_colour(const char *service)
{
    static const char *const colours[] = {"\033[96m", "\033[36m", "\033[94m", "\033[33m", "\033[35m"};
    unsigned sum = 0;
    for (; *service != '\0'; service++)
        sum = sum * 17 + (unsigned char)*service;
    return colours[sum % TERN_COUNT(colours)];
}

/* "14:30:00.123Z INFO  order-service         " */
static void add_pretty_start(struct tern_text *out, const struct log_style *style, const char *time,
                             enum tern_log_level level)
{
    static const char *const words[] = {[TERN_LOG_ERROR] = "ERROR ",
                                        [TERN_LOG_WARN] = "WARN  ",
                                        [TERN_LOG_INFO] = "INFO  ",
                                        [TERN_LOG_DEBUG] = "DEBUG "};
    static const char *const colours[] = {[TERN_LOG_ERROR] = "\033[1;31m",
                                          [TERN_LOG_WARN] = "\033[33m",
                                          [TERN_LOG_INFO] = "\033[32m",
                                          [TERN_LOG_DEBUG] = "\033[2m"};
    const char *colour_ends = style->coloured ? PLAINLY : "";
    tern_text_add(out, style->coloured ? DIM : "");
    tern_text_add(out, time + strlen("2026-11-23T")); /* a terminal shows no date */
    tern_text_add(out, colour_ends);
    tern_text_add_bytes(out, " ", 1);
    tern_text_add(out, style->coloured ? colours[level] : "");
    tern_text_add(out, words[level]);
    tern_text_add(out, colour_ends);
    tern_text_add(out, style->coloured ? service_colour(style->service) : "");
    size_t started = out->length;
    add_escaped(out, style->service, false);
    pad(out, started, SERVICE_COLUMN);
    tern_text_add(out, colour_ends);
    tern_text_add_bytes(out, "  ", 2);
}

/* The message is padded only when fields follow: no blanks at the end of a line. */
static void add_pretty(struct tern_text *out, const struct log_style *style, const char *time,
                       enum tern_log_level level, const char *message, va_list fields)
{
    add_pretty_start(out, style, time, level);
    size_t started = out->length;
    add_escaped(out, message, false);
    size_t ended = out->length;
    for (;;) {
        struct tern_log_field field = va_arg(fields, struct tern_log_field);
        if (!field.key) break;
        if (is_left_out(&field)) continue;
        if (out->length == ended) pad(out, started, MESSAGE_COLUMN);
        tern_text_add_bytes(out, "  ", 2);
        tern_text_add(out, style->coloured ? DIM : "");
        add_key(out, field.key);
        tern_text_add_bytes(out, "=", 1);
        tern_text_add(out, style->coloured ? PLAINLY : "");
        if (field.text)
            add_value(out, field.text);
        else
            add_digits(out, field.number);
    }
    tern_text_add_bytes(out, "\n", 1);
}

/* ---- all formats ---- */

const char *tern_log_level_name(enum tern_log_level level)
{
    static const char *const names[] = {
        [TERN_LOG_ERROR] = "error", [TERN_LOG_WARN] = "warn", [TERN_LOG_INFO] = "info", [TERN_LOG_DEBUG] = "debug"};
    TERN_ASSERT((size_t)level < TERN_COUNT(names), "a level is one of the four");
    return names[level];
}

void tern_log_line_add(struct tern_text *out, const struct log_style *style, const char *time,
                       enum tern_log_level level, const char *message, va_list fields)
{
    /* Prefixes of sd-daemon(3): the journal takes the priority from them. */
    static const char *const priorities[] = {
        [TERN_LOG_ERROR] = "<3>", [TERN_LOG_WARN] = "<4>", [TERN_LOG_INFO] = "<6>", [TERN_LOG_DEBUG] = "<7>"};
    if (style->priorities) tern_text_add(out, priorities[level]);
    switch (style->format) {
    case TERN_LOG_JSON: add_json(out, style, time, level, message, fields); break;
    case TERN_LOG_PRETTY: add_pretty(out, style, time, level, message, fields); break;
    case TERN_LOG_AUTO:
    case TERN_LOG_LOGFMT: add_logfmt(out, style, time, level, message, fields); break;
    }
}
