/* consumer_aside.h - the routes on which control messages reach a service: beside its queue, to its owner queue.
 *
 * Beacons of the producers whose events it consumes, and requests to resend its own (common/event/control.h). The
 * owner queue is exclusive and lives as long as the connection, so nothing piles up in it while the service is away. */
#ifndef TERN_INBOX_CONSUMER_ASIDE_H
#define TERN_INBOX_CONSUMER_ASIDE_H

#include "common/amqp/amqp.h"
#include "tern/catalogue.h"

enum { TERN_ASIDE_PREFETCH = 16 }; /* control messages under way, beside those of the queue */

/* During a set-up, once the owner queue is there. TERN_AMQP_GRANTED, TERN_AMQP_FORBIDDEN: our user may not bind it, or
 * -1. */
int tern_aside_listen(struct tern_amqp *link, const char *service, const struct tern_catalogue *catalogue,
                      struct tern_error *err);
/* While listening: binds every key again, in case somebody removed a binding. */
int tern_aside_bind_again(struct tern_amqp *link, const char *service, const struct tern_catalogue *catalogue,
                          struct tern_error *err);

#endif
