/* tern/error.h - the small error value that a caller hands down and reads when a call returned -1.
 *
 * A sentence for people, and a fault for programs: most errors need only the sentence. `err` may be NULL
 * everywhere. Library code returns errors and never logs them; the runtime and the services log them once. */
#ifndef TERN_ERROR_H
#define TERN_ERROR_H

#include "tern/base.h"

/* What kind of trouble it is, for the few callers that act on it. */
enum tern_fault {
    TERN_FAULT_OTHER = 0,  /* the sentence says all */
    TERN_FAULT_BUSY,       /* a passing conflict: the same call may work a moment later */
    TERN_FAULT_CONSTRAINT, /* the store refused the row: a law of the schema would be broken */
    TERN_FAULT_FULL,       /* no room in the store: it works again when there is room; nothing was changed */
    TERN_FAULT_BROKEN      /* the store's disk or file is damaged: stop the process (exit 74), never go on */
};

struct tern_error {
    enum tern_fault fault;
    char text[240];
};

/* Writes the sentence (cut to fit) with fault OTHER. Always returns -1. */
int tern_error_set(struct tern_error *err, const char *format, ...) TERN_PRINTF(2, 3);
/* The same with a fault. Always returns -1. */
int tern_error_fault(struct tern_error *err, enum tern_fault fault, const char *format, ...) TERN_PRINTF(3, 4);
/* Puts "what: " in front of the sentence that is there; keeps the fault. Always returns -1. */
int tern_error_prefix(struct tern_error *err, const char *what, ...) TERN_PRINTF(2, 3);

#endif
