/* place_order.h - POST /orders from the inside: reading a request, and the command that makes it an order.
 *
 * In the order of a request: place_order_read, place_order_spell (with a key), place_order_prepare on the connection's
 * thread; place_order_run on the writer's; place_order_answer. Split so that tests reach each part
 * without a server. */
#ifndef ORDER_PLACE_ORDER_H
#define ORDER_PLACE_ORDER_H

#include "order.h"
#include "tern/service.h"

/* Reads and checks a request body: what the client may say is in `ret_placed`, the rest of it is zero. Returns 0; or -1
 * with faults by JSON pointer, or without any (faults->count == 0) when the body is no JSON: then `err` says why. */
int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_schema_faults *faults, struct tern_error *err);

/* Whether only rules that are younger than the first version are against the request: `placed` is whole, and an older
 * version may have taken it. */
bool place_order_was_allowed(const struct tern_schema_faults *faults);

/* An order that is being placed. Start from {0}. */
struct place_order {
    struct shop_order_placed placed;  /* the request, and after place_order_prepare the whole payload */
    struct order_state order;         /* as it will be after its first event */
    struct tern_text data;            /* the payload as JSON */
    struct tern_text asked;           /* the request, spelled in one way only: what an Idempotency-Key stands for */
    struct tern_schema_faults faults; /* with any, only an answer that was stored with the key may be given */
    bool refused;                     /* out: none was stored, so the faults are the answer */
};

/* Writes `work->asked`, before the order is prepared: only for a request with a key. */
void place_order_spell(struct place_order *work);
/* Gives the order its id and its time, adds up its total, and writes the event. `work->placed` was read from the
 * request. */
void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id);
/* The command, for the writer's thread: OrderPlaced, the row and the timer; REJECT when there are faults. */
tern_command place_order_run;
/* 201, with the order that was placed. */
void place_order_answer(const void *argument, struct tern_http_answer *answer);
void place_order_fini(struct place_order *work);

#endif
