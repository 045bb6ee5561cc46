/* order_wait.h - the wait of an order for an answer, kept in one durable timer.
 *
 * The timer is set when the order begins to wait and removed when it stops; what is done when it fires is
 * order_watch.h. Times are online time, in milliseconds. All calls run inside a unit of work, on the writer's thread;
 * those that return int return 0, or -1 with `err`. */
#ifndef ORDER_ORDER_WAIT_H
#define ORDER_ORDER_WAIT_H

#include "order.h"
#include "tern/service.h"

extern const char order_wait_kind[]; /* of the timers */

/* What a timer stores. */
struct order_wait {
    char status[TERN_WORD_SIZE]; /* the status in which the order waits; in another one a new wait begins */
    int64_t since_ms;            /* when the wait began */
    int64_t next_ms;             /* of the next nudge */
    int64_t nudges;              /* so far */
};

/* The order begins to wait, in its present status. */
int order_wait_begin(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);
/* Sets the timer to the next nudge or the deadline, whichever comes first. */
int order_wait_go_on(struct tern_context *ctx, const char *order_id, const struct order_wait *wait,
                     struct tern_error *err);
/* The order has stopped waiting. */
int order_wait_end(struct tern_context *ctx, const struct order_state *order, struct tern_error *err);

/* The wait in a timer's payload. A new one when it cannot be read (that of a timer set by order_watch_prepare is
 * empty), is about another status, or is of an online time that a crash has taken back. */
void order_wait_read(struct tern_context *ctx, const struct order_state *order, const char *payload,
                     struct order_wait *ret_wait);
/* Whether the deadline is reached. */
bool order_wait_over(const struct tern_context *ctx, const struct order_wait *wait);
/* One more nudge was sent; the next one comes later. */
void order_wait_nudged(struct tern_context *ctx, struct order_wait *wait);

#endif
