/* order_drive.h - gives an order an input: plays the saga, emits its events, writes the order.
 *
 * The only way in which an order changes after it was placed. Inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_DRIVE_H
#define ORDER_ORDER_DRIVE_H

#include "order.h"
#include "tern/context.h"

/* `order` was loaded in this unit. When `input` comes from an event, that event is in the stream and applied already.
 * `note`: with SAGA_CUSTOMER_CANCELS the customer's own words, else "". On success the order and its row are those
 * after the last event emitted. 0, or -1 with `err`: the unit must be undone. */
int order_drive(struct tern_context *ctx, struct order_state *order, enum saga_input input, const char *note,
                struct tern_error *err);

#endif
