/* emit.c - appends a handler's own events, and foreign events that become part of a subject's stream.
 *
 * Both are rows of the event log, written in the unit of work's transaction. A type that the catalogue does not give
 * to this service is a mistake in the program and no outcome: no queue would be bound for it. Publishes nothing
 * itself. */
#include "tern/outbox.h"

#include <string.h>

#include "log_store.h"
#include "tern/event_log.h"

/* The envelope's fields, from the type and from the conversation of this unit. */
static void describe(struct tern_context *ctx, const struct tern_event_type *type, const char *version,
                     const char *subject, struct tern_event *event)
{
    memset(event, 0, sizeof *event);
    tern_ids_uuid(ctx->ids, event->event_id);
    tern_copy_whole(event->type, sizeof event->type, type->name);
    tern_copy_whole(event->producer, sizeof event->producer, ctx->service);
    tern_copy_whole(event->version, sizeof event->version, version);
    tern_copy_whole(event->subject, sizeof event->subject, subject);
    tern_copy_whole(event->correlation_id, sizeof event->correlation_id, ctx->conversation.correlation_id);
    tern_copy_whole(event->causation_id, sizeof event->causation_id, ctx->conversation.causation_id);
    event->timestamp_ms = ctx->now_ms;
    tern_ids_traceparent(ctx->ids, ctx->conversation.traceparent, event->traceparent);
}

static struct tern_log_time time_of(const struct tern_context *ctx)
{
    return (struct tern_log_time){.wall_ms = ctx->now_ms, .online_ms = ctx->online_ms};
}

int tern_emit(struct tern_context *ctx, const char *type, const char *subject, const char *data_json,
              struct tern_emitted *ret_emitted, struct tern_error *err)
{
    return tern_emit_version(ctx, type, NULL, subject, data_json, ret_emitted, err);
}

int tern_emit_version(struct tern_context *ctx, const char *type, const char *version, const char *subject,
                      const char *data_json, struct tern_emitted *ret_emitted, struct tern_error *err)
{
    struct tern_emitted emitted;
    const struct tern_event_type *known = tern_catalogue_find(ctx->catalogue, type);
    TERN_ASSERT(known, "only events of the catalogue are emitted");
    TERN_ASSERT(strcmp(known->producer, ctx->service) == 0, "a service emits its own events");
    size_t index = (size_t)(known - ctx->catalogue->types);
    TERN_ASSERT(index < TERN_TYPES_MAX, "a catalogue has few types");
    int64_t *last_number = &ctx->numbers[index];

    TERN_ASSERT(!version || tern_version_compatible(version, known->version) ||
                    tern_catalogue_upcaster(known, tern_version_major(version)),
                "a version that is emitted can be read");
    describe(ctx, known, version ? version : known->version, subject, &emitted.event);
    /* 0 after a start, and after anything was undone: only then the log is read. */
    if (*last_number == 0 && tern_event_log_last_number(ctx->db, type, last_number, err) < 0) return -1;
    emitted.event.number = *last_number + 1;
    tern_text_clear(&ctx->scratch);
    tern_event_encode(&emitted.event, data_json, &ctx->scratch);
    if (tern_event_log_append(ctx->db, &emitted.event, TERN_ORIGIN_OWN, ctx->scratch.bytes, ctx->scratch.length,
                              time_of(ctx), &emitted.seq, &emitted.subject_version, err) < 0)
        return -1;
    *last_number = emitted.event.number;
    ctx->emitted++;
    ctx->last_seq = emitted.seq;
    if (ret_emitted) *ret_emitted = emitted;
    return 0;
}

int tern_append_foreign(struct tern_context *ctx, const struct tern_event *event, int64_t *ret_subject_version,
                        struct tern_error *err)
{
    int64_t seq, version;
    TERN_ASSERT(event->body, "a foreign event came with its bytes");
    if (tern_event_log_append(ctx->db, event, TERN_ORIGIN_FOREIGN, event->body, event->body_length, time_of(ctx), &seq,
                              &version, err) < 0)
        return -1;
    ctx->last_seq = seq;
    if (ret_subject_version) *ret_subject_version = version;
    return 0;
}

/* The publisher learns of it after the commit: the writer sees that ctx->republished has grown. */
static int publish_again(struct tern_context *ctx, int64_t seq, bool republished, struct tern_error *err)
{
    if (tern_outbox_request_add(ctx->db, seq, republished, err) < 0) return -1;
    ctx->republished++;
    return 0;
}

int tern_nudge(struct tern_context *ctx, int64_t seq, struct tern_error *err)
{
    return publish_again(ctx, seq, false, err);
}

int tern_republish(struct tern_context *ctx, int64_t seq, struct tern_error *err)
{
    return publish_again(ctx, seq, true, err);
}
