/* publish_send.c - turns a row of the log into a message, and sends it.
 *
 * The window counts sequence numbers as the broker does, so every publication opens exactly one slot. Never decides
 * what is sent, or in which order: publisher.c does. */
#include "publish_send.h"

#include "common/event/control.h"
#include "common/event/event_message.h"

#include <string.h>

bool tern_publish_may_send(const struct publish_sender *sender)
{
    return publish_window_room(sender->window) > 0 && atomic_load(sender->owned) && tern_amqp_may_publish(sender->link);
}

/* The slot of the new publication; NULL: the link is broken. */
static struct publish_slot *publish(const struct publish_sender *sender, const struct tern_amqp_message *message,
                                    enum publish_kind kind, int64_t position, struct tern_error *err)
{
    uint64_t sequence;
    if (tern_amqp_publish(sender->link, message, &sequence, err) < 0) return NULL;
    TERN_ASSERT(sequence == sender->window->next, "the window counts as the broker does");
    return tern_publish_window_open(sender->window, kind, position, sender->now_ms);
}

int tern_publish_send_row(const struct publish_sender *sender, const struct tern_log_row *row, enum publish_kind kind,
                          int64_t position, bool nudge, struct tern_error *err)
{
    struct tern_event_headers headers;
    struct tern_amqp_message message;
    const struct tern_event_type *type = tern_catalogue_find(sender->catalogue, row->type);
    bool republished = kind == PUBLISH_ASKED_FOR || kind == PUBLISH_LOST;
    struct tern_event event = {.timestamp_ms = row->logged_at_ms,
                               .number = row->number,
                               .nudge = republished && nudge,
                               .republished = republished && !nudge};
    tern_copy_whole(event.event_id, sizeof event.event_id, row->event_id);
    tern_copy_whole(event.type, sizeof event.type, row->type);
    tern_copy_whole(event.producer, sizeof event.producer, sender->service);
    tern_copy_whole(event.correlation_id, sizeof event.correlation_id, row->correlation_id);
    tern_copy_whole(event.subject, sizeof event.subject, row->subject);
    tern_copy_whole(event.traceparent, sizeof event.traceparent, row->traceparent);
    tern_event_message(&event, sender->catalogue->exchange, type && type->consumers[0], row->body, row->body_length,
                       &headers, &message);
    struct publish_slot *slot = publish(sender, &message, kind, position, err);
    if (!slot) return -1;
    slot->nudge = event.nudge;
    slot->type = type ? type->name : "unknown"; /* a row of an older program: its type left the catalogue */
    memcpy(slot->event_id, event.event_id, sizeof slot->event_id);
    memcpy(slot->subject, event.subject, sizeof slot->subject);
    memcpy(slot->correlation_id, event.correlation_id, sizeof slot->correlation_id);
    return 0;
}

int tern_publish_send_control(const struct publish_sender *sender, const char *kind, const char *producer,
                              const struct tern_text *body, struct tern_error *err)
{
    char key[TERN_CONTROL_KEY_SIZE];
    struct tern_amqp_message message;
    tern_control_key(kind, producer, key);
    tern_control_message(sender->catalogue->exchange, kind, key, sender->service, body, tern_now(sender->clock),
                         &message);
    struct publish_slot *slot = publish(sender, &message, PUBLISH_CONTROL, 0, err);
    if (!slot) return -1;
    slot->type = kind;
    return 0;
}
