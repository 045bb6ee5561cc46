/* tern/error.h - the error value that a caller passes down, and reads when a call returned -1.
 *
 * It holds a sentence for people and a fault for programs; most errors need only the sentence. `err` may be NULL
 * everywhere. Library code returns errors and never logs them; the code that handles an error logs it, once. Any
 * thread, one value per caller. */
#ifndef TERN_ERROR_H
#define TERN_ERROR_H

#include "tern/base.h"

/* The kind of error, for the few callers that act on it. */
enum tern_fault {
    TERN_FAULT_OTHER = 0,  /* nothing to act on: the sentence says it all */
    TERN_FAULT_BUSY,       /* a passing conflict: the same call may work a moment later */
    TERN_FAULT_CONSTRAINT, /* the store refused the row: a law of the schema would be broken */
    TERN_FAULT_FULL,       /* no room in the store: it works again when there is room; nothing was changed */
    TERN_FAULT_BROKEN      /* the store's disk or file is damaged: stop the process (exit 74), never go on */
};

struct tern_error {
    enum tern_fault fault; /* OTHER unless a call says which */
    char text[240];        /* one sentence in UTF-8, without a full stop; cut to fit */
};

/* Writes the sentence (cut to fit) with fault OTHER. Always returns -1. */
int tern_error_set(struct tern_error *err, const char *format, ...) TERN_PRINTF(2, 3);
/* The same with a fault. Always returns -1. */
int tern_error_fault(struct tern_error *err, enum tern_fault fault, const char *format, ...) TERN_PRINTF(3, 4);
/* Puts "<what>: " in front of the sentence; keeps the fault. Always returns -1. */
int tern_error_prefix(struct tern_error *err, const char *what, ...) TERN_PRINTF(2, 3);

#endif
