/* handle.c - what a readable event does: the inbox is asked, the handler runs, a nudge is answered.
 *
 * Runs inside the caller's unit of work, which is undone as a whole when the event fails. Never decides what becomes
 * of an event that failed. */
#include "handle.h"

#include <string.h>

#include "common/base/chaos.h"
#include "common/outbox/log_store.h"
#include "deferred.h"
#include "inbox_store.h"
#include "tern/event_log.h"
#include "tern/outbox.h"

void tern_inbox_log(struct tern_context *ctx, enum tern_log_level level, const char *message,
                    const struct tern_event *event, const char *reason)
{
    tern_log_write(ctx->log, level, message, TERN_STR("eventType", event->type), TERN_STR("subject", event->subject),
                   TERN_STR("eventId", event->event_id), TERN_STR("correlationId", event->correlation_id),
                   TERN_STR("err", reason), TERN_LOG_END);
}

/* ---- a nudge ---- */

static int nudge_row(void *self, const struct tern_log_row *row, struct tern_error *err)
{
    return tern_nudge(self, row->seq, err);
}

/* Somebody misses an answer: everything that this event caused here is published once more, as a nudge itself. Its
 * consumers do the same, so a chain heals to its end wherever it was cut. An event that has caused nothing yet causes
 * no publication: the answer is still to come. */
static int answer_nudge(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    int republished = tern_event_log_caused(ctx->db, event->event_id, nudge_row, ctx, err);
    if (republished > 0) tern_inbox_log(ctx, TERN_LOG_INFO, "nudged: answers republished", event, NULL);
    return republished < 0 ? -1 : 0;
}

/* ---- an event ---- */

enum tern_outcome tern_inbox_handle(const struct tern_handlers *handlers, struct tern_context *ctx,
                                    const struct tern_event *event, bool *ret_duplicate, struct tern_error *err)
{
    struct tern_conversation *conversation = &ctx->conversation;
    TERN_ASSERT(event->type[0] != '\0', "an event that can be read has a type");
    int added = tern_inbox_add(ctx->db, event->event_id, ctx->online_ms, err);
    if (added < 0) return TERN_RETRY;
    *ret_duplicate = added == 0;
    if (added == 0) {
        if (event->nudge) return answer_nudge(ctx, event, err) < 0 ? TERN_RETRY : TERN_DONE;
        tern_inbox_log(ctx, TERN_LOG_DEBUG, "duplicate, nothing to do", event, NULL);
        return TERN_DONE;
    }
    tern_inbox_log(ctx, TERN_LOG_INFO, "received", event, NULL);
    /* What the handler emits belongs to the event's conversation, and was caused by it. */
    tern_copy_whole(conversation->correlation_id, sizeof conversation->correlation_id, event->correlation_id);
    tern_copy_whole(conversation->causation_id, sizeof conversation->causation_id, event->event_id);
    tern_copy_whole(conversation->traceparent, sizeof conversation->traceparent, event->traceparent);
    TERN_CHAOS_HANDLES(event->subject);
    for (size_t i = 0; i < handlers->count; i++)
        if (strcmp(handlers->at[i].type->name, event->type) == 0) return handlers->at[i].handle(ctx, event, err);
    return TERN_DONE;
}

/* ---- reading one ---- */

const char *tern_inbox_read(const struct tern_catalogue *catalogue, const void *body, size_t length,
                            struct tern_event *ret_event, struct tern_error *why)
{
    struct tern_event event;
    const char *reason = NULL;
    if (tern_event_decode(body, length, &event, why) < 0) return TERN_PARKED_MALFORMED;
    const struct tern_event_type *type = tern_catalogue_find(catalogue, event.type);
    if (!type) {
        reason = TERN_PARKED_UNKNOWN_TYPE;
        (void)tern_error_set(why, "no event is called \"%s\"", event.type);
    } else if (tern_event_lift(&event, type, why) < 0) {
        reason = TERN_PARKED_MALFORMED;
    } else if (!tern_version_compatible(event.version, type->version)) {
        reason = TERN_PARKED_UNKNOWN_VERSION;
        (void)tern_error_set(why, "%s is understood in version %s, not in %s", event.type, type->version,
                             event.version);
    }
    if (reason)
        tern_event_fini(&event);
    else
        *ret_event = event;
    return reason;
}
