/* publish_send.h - turns a row of the log, or a control message, into a publication and opens its place in the
 * window. */
#ifndef TERN_OUTBOX_PUBLISH_SEND_H
#define TERN_OUTBOX_PUBLISH_SEND_H

#include "publish_window.h"
#include "tern/catalogue.h"
#include "tern/clock.h"
#include "tern/event_log.h"

#include <stdatomic.h>

/* What sending needs; every pointer is the owner's. */
struct publish_sender {
    struct tern_amqp *link;
    struct publish_window *window;
    const struct tern_catalogue *catalogue;
    const char *service;
    const struct tern_clock *clock;
    const atomic_bool *owned; /* the service's queue is ours: nothing is sent while it is not */
    int64_t now_ms;           /* steady, as read at the begin of a round */
};

/* Whether one more publication may go out now. */
bool tern_publish_may_send(const struct publish_sender *sender);

/* Publishes a row, `mandatory` when the catalogue gives it a consumer. `nudge` matters for what is republished only:
 * as a question, or flagged as republished. There must be room in the window. */
int tern_publish_send_row(const struct publish_sender *sender, const struct tern_log_row *row, enum publish_kind kind,
                          int64_t position, bool nudge, struct tern_error *err);
/* Publishes a control message to, or about, a producer (`kind` as in common/event/control.h). */
int tern_publish_send_control(const struct publish_sender *sender, const char *kind, const char *producer,
                              const struct tern_text *body, struct tern_error *err);

#endif
