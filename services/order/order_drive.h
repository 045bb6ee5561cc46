/* order_drive.h - gives an order an input: plays the saga, emits what its rows say, writes the order.
 *
 * The only way in which an order changes after it was placed. Inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_DRIVE_H
#define ORDER_ORDER_DRIVE_H

#include "order.h"
#include "tern/context.h"

/* `order` was loaded in this unit; an event that is the `input` is applied to it already. `note` is the customer's own
 * words, of SAGA_CUSTOMER_CANCELS; otherwise "". On success the order and its row are as after the last event emitted.
 * Returns 0, or -1 with `err`: the unit must be undone. */
int order_drive(struct tern_context *ctx, struct order_state *order, enum saga_input input, const char *note,
                struct tern_error *err);

#endif
