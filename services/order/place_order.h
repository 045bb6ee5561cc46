/* place_order.h - POST /orders from the inside: reading a request, and the command that makes it an order.
 *
 * Split so that tests reach each part without a server. */
#ifndef ORDER_PLACE_ORDER_H
#define ORDER_PLACE_ORDER_H

#include "order.h"
#include "tern/service.h"

/* Reads and checks a request body: what the client may say is in `ret_placed`, the rest of it is zero. Returns 0; or -1
 * with faults by JSON pointer, or without any (faults->count == 0) when the body is no JSON: then `err` says why. */
int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_shape_faults *faults, struct tern_error *err);

/* True when nothing but rules that came after the first version are against the request: `placed` is whole, and an order of
 * these words may live. */
bool place_order_was_allowed(const struct tern_shape_faults *faults);

/* Everything about an order that is being placed. Start from {0}. */
struct place_order {
    struct shop_order_placed placed;
    struct order_state order;        /* as it will be */
    struct tern_text data;           /* OrderPlaced's payload */
    struct tern_text asked;          /* the request, spelled in one way only: what an Idempotency-Key stands for */
    struct tern_shape_faults faults; /* with any, only the answer that an older version kept may come of it */
    bool refused;                    /* out: none was kept */
};

/* Writes `work->asked`, before the order is prepared: only for a request with a key. */
void place_order_spell(struct place_order *work);
/* Gives the order its id and its time, adds up its total, and writes the event. `work->placed` was read from the
 * request. */
void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id);
/* The command, for the writer's thread. */
tern_command place_order_run;
void place_order_count(struct tern_context *ctx);
/* 201, with the order that was placed. */
void place_order_answer(const void *argument, struct tern_http_answer *answer);
void place_order_fini(struct place_order *work);

#endif
