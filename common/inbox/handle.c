/* handle.c - what a readable event does: the inbox is asked, the handler runs, a nudge is answered.
 *
 * Runs inside the caller's unit of work, which undoes it as a whole. Never decides what becomes of an event that fails. */
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

/* Somebody misses an answer: what this event caused here is published once more. Those who have it do the same, so a chain
 * heals to its end wherever it was cut. Nothing caused yet: the answer is still to come, and nothing is published. */
static int answer_nudge(struct tern_context *ctx, const struct tern_event *event, struct tern_error *err)
{
    int republished = tern_event_log_caused(ctx->db, event->event_id, nudge_row, ctx, err);
    if (republished > 0) tern_inbox_log(ctx, TERN_LOG_INFO, "nudged: answers republished", event, NULL);
    return republished < 0 ? -1 : 0;
}

/* ---- an event ---- */

static void converse(struct tern_context *ctx, const struct tern_event *event)
{
    tern_copy_whole(ctx->conversation.correlation_id, sizeof ctx->conversation.correlation_id, event->correlation_id);
    tern_copy_whole(ctx->conversation.causation_id, sizeof ctx->conversation.causation_id, event->event_id);
    tern_copy_whole(ctx->conversation.traceparent, sizeof ctx->conversation.traceparent, event->traceparent);
}

static const struct tern_handler *find_handler(const struct tern_handlers *handlers, const char *type)
{
    for (size_t i = 0; i < handlers->count; i++)
        if (strcmp(handlers->at[i].type->name, type) == 0) return &handlers->at[i];
    return NULL;
}

enum tern_outcome tern_inbox_handle(const struct tern_handlers *handlers, struct tern_context *ctx,
                                    const struct tern_event *event, bool *ret_duplicate, struct tern_error *err)
{
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
    converse(ctx, event);
    TERN_CHAOS_HANDLES(event->subject);
    const struct tern_handler *handler = find_handler(handlers, event->type);
    return handler ? handler->handle(ctx, event, err) : TERN_DONE;
}

/* ---- reading one ---- */

/* NULL, or why this service cannot know what it means. */
static const char *judge(const struct tern_catalogue *catalogue, const struct tern_event *event, struct tern_error *why)
{
    const struct tern_event_type *type = tern_catalogue_find(catalogue, event->type);
    if (!type) {
        (void)tern_error_set(why, "no event is called \"%s\"", event->type);
        return TERN_PARKED_UNKNOWN_TYPE;
    }
    if (!tern_version_compatible(event->version, type->version)) {
        (void)tern_error_set(why, "%s is understood in version %s, not in %s", event->type, type->version,
                             event->version);
        return TERN_PARKED_UNKNOWN_VERSION;
    }
    return NULL;
}

const char *tern_inbox_read(const struct tern_catalogue *catalogue, const void *body, size_t length,
                            struct tern_event *ret_event, struct tern_error *why)
{
    struct tern_event event;
    if (tern_event_decode(body, length, &event, why) < 0) return TERN_PARKED_MALFORMED;
    const char *reason = judge(catalogue, &event, why);
    if (reason)
        tern_event_fini(&event);
    else
        *ret_event = event;
    return reason;
}
