/* error.c - writes the sentence of an error into the caller's value.
 *
 * A sentence that is too long is cut between UTF-8 characters, because it may become part of a JSON answer. Arguments
 * may point into the error itself (a sentence about a sentence). Logs nothing. */
#include "tern/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "utf8.h"

static void write_sentence(struct tern_error *err, enum tern_fault fault, const char *format, va_list arguments)
    __attribute__((__format__(__printf__, 3, 0)));

/* Formats into a buffer of its own, because arguments may point into `err`. */
static void write_sentence(struct tern_error *err, enum tern_fault fault, const char *format, va_list arguments)
{
    char text[sizeof err->text];
    int length = vsnprintf(text, sizeof text, format, arguments);
    if (length < 0)
        text[0] = '\0';
    else if ((size_t)length >= sizeof text)
        text[tern_utf8_cut(text, sizeof text - 1)] = '\0';
    memcpy(err->text, text, sizeof text);
    err->fault = fault;
}

int tern_error_set(struct tern_error *err, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        write_sentence(err, TERN_FAULT_OTHER, format, arguments);
        va_end(arguments);
    }
    return -1;
}

int tern_error_fault(struct tern_error *err, enum tern_fault fault, const char *format, ...)
{
    if (err) {
        va_list arguments;
        va_start(arguments, format);
        write_sentence(err, fault, format, arguments);
        va_end(arguments);
    }
    return -1;
}

/* When both do not fit, the end of the old sentence is lost. */
int tern_error_prefix(struct tern_error *err, const char *what, ...)
{
    if (err) {
        struct tern_error old = *err;
        va_list arguments;
        va_start(arguments, what);
        write_sentence(err, old.fault, what, arguments);
        va_end(arguments);
        size_t length = strlen(err->text);
        size_t room = sizeof err->text - length;
        int added = snprintf(err->text + length, room, ": %s", old.text);
        if (added < 0 || (size_t)added >= room) err->text[tern_utf8_cut(err->text, strlen(err->text))] = '\0';
    }
    return -1;
}
