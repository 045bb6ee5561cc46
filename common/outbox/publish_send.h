/* publish_send.h - publishes a row of the log, or a control message, and opens its slot in the window. Publisher's
 * thread. */
#ifndef TERN_OUTBOX_PUBLISH_SEND_H
#define TERN_OUTBOX_PUBLISH_SEND_H

#include "publish_window.h"
#include "tern/catalogue.h"
#include "tern/clock.h"
#include "tern/event_log.h"

#include <stdatomic.h>

/* What sending needs. Every pointer belongs to the publisher. */
struct publish_sender {
    struct tern_amqp *link;
    struct publish_window *window;
    const struct tern_catalogue *catalogue;
    const char *service;
    const struct tern_clock *clock;
    const atomic_bool *owned; /* the service owns its queue: nothing is sent while it does not */
    int64_t now_ms;           /* steady: read once at the begin of each round */
};

/* Whether one more publication may go out: the window has room, the queue is ours, the link is not blocked. */
bool tern_publish_may_send(const struct publish_sender *sender);

/* Publishes a row, `mandatory` when the catalogue gives it a consumer. `position` is what the slot's kind counts by
 * (publish_window.h). `nudge` matters for republished kinds only: the row goes out as a nudge, or flagged as
 * republished. The window must have room. 0 or -1. */
int tern_publish_send_row(const struct publish_sender *sender, const struct tern_log_row *row, enum publish_kind kind,
                          int64_t position, bool nudge, struct tern_error *err);
/* Publishes a control message to, or about, a producer (`kind` as in common/event/control.h). */
int tern_publish_send_control(const struct publish_sender *sender, const char *kind, const char *producer,
                              const struct tern_text *body, struct tern_error *err);

#endif
