/* payment/payment_events.h - emits the events of payment-service, each from the row of a payment.
 *
 * The row is as it is stored, with its updated_at_ms as the time of the event. Inside a unit of work, on the writer's
 * thread. 0, or -1 with `err`: the unit must be undone. */
#ifndef PAYMENT_EVENTS_H
#define PAYMENT_EVENTS_H

#include "payment_store.h"
#include "tern/context.h"

int payment_emit_processed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_emit_failed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_emit_refunded(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_emit_voided(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);

#endif
