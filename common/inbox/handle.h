/* handle.h - an event that nothing stands in the way of takes effect once: inbox, then handler. */
#ifndef TERN_INBOX_HANDLE_H
#define TERN_INBOX_HANDLE_H

#include "common/work/work.h"
#include "tern/inbox.h"

struct tern_handlers {
    const struct tern_handler *at;
    size_t count;
};

/* Records the event in the inbox and runs its handler. Handled before: `ret_duplicate`, and nothing happens but the answer to
 * a nudge: what the event caused is published again. */
enum tern_outcome tern_inbox_handle(const struct tern_handlers *handlers, struct tern_context *ctx,
                                    const struct tern_event *event, bool *ret_duplicate, struct tern_error *err);
/* One line of the event's story; `reason` may be NULL. */
void tern_inbox_log(struct tern_context *ctx, enum tern_log_level level, const char *message,
                    const struct tern_event *event, const char *reason);

/* Decodes a body, and looks its type and version up: NULL with `ret_event` filled, or the parking reason why it cannot be
 * read, with a sentence. */
const char *tern_inbox_read(const struct tern_catalogue *catalogue, const void *body, size_t length,
                            struct tern_event *ret_event, struct tern_error *why);

#endif
