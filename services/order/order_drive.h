/* order_drive.h - lets an order hear something: plays the saga, says what it says, writes the order.
 *
 * The one door for every change of an order after it was placed. Inside a unit of work, on the writer's thread. */
#ifndef ORDER_ORDER_DRIVE_H
#define ORDER_ORDER_DRIVE_H

#include "order.h"
#include "tern/context.h"

/* `order` was loaded in this unit, and has taken in the event that stands behind `input`, if there is one. On success
 * the order and its row are as after the last event said. Returns 0, or -1 with `err` (the unit must be undone). */
int order_drive(struct tern_context *ctx, struct order_state *order, enum saga_input input, struct tern_error *err);
/* The same for SAGA_CUSTOMER_CANCELS, with the customer's own words ("" without). */
int order_drive_cancel(struct tern_context *ctx, struct order_state *order, const char *note, struct tern_error *err);

#endif
