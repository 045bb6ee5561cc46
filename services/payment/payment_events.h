/* payment/payment_events.h - what payment-service says about a payment, written from its row, so that saying it again
 * says the same. Inside a unit of work; 0, or -1 with `err`. */
#ifndef PAYMENT_EVENTS_H
#define PAYMENT_EVENTS_H

#include "payment_store.h"
#include "tern/context.h"

int payment_say_processed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_say_failed(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_say_refunded(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);
int payment_say_voided(struct tern_context *ctx, const struct payment *payment, struct tern_error *err);

#endif
