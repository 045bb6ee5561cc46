/* handle.h - how an event takes effect once: the inbox row, then the handler, in one unit of work. */
#ifndef TERN_INBOX_HANDLE_H
#define TERN_INBOX_HANDLE_H

#include "common/work/work.h"
#include "tern/inbox.h"

/* A service's table of handlers; the service's own. */
struct tern_handlers {
    const struct tern_handler *at;
    size_t count;
};

/* Records the event in the inbox and runs its handler, if the service has one for the type. An event that was handled
 * before is a duplicate: nothing happens, but a nudge is answered by republishing what the event caused. */
enum tern_outcome tern_inbox_handle(const struct tern_handlers *handlers, struct tern_context *ctx,
                                    const struct tern_event *event, bool *ret_duplicate, struct tern_error *err);
/* Logs one line about the event; `reason` may be NULL. */
void tern_inbox_log(struct tern_context *ctx, enum tern_log_level level, const char *message,
                    const struct tern_event *event, const char *reason);

/* Decodes an envelope and checks its type and version against the catalogue. NULL with `ret_event` filled, or
 * TERN_PARKED_* with a sentence in `why`. */
const char *tern_inbox_read(const struct tern_catalogue *catalogue, const void *body, size_t length,
                            struct tern_event *ret_event, struct tern_error *why);

#endif
