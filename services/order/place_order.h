/* place_order.h - the parts of POST /orders: read the body, prepare the order, run the command, write the answer.
 *
 * In the order of a request: place_order_read, place_order_spell (with a key) and place_order_prepare on the
 * connection's thread; place_order_run on the writer's; place_order_answer. Split so that tests reach each part without
 * a server. */
#ifndef ORDER_PLACE_ORDER_H
#define ORDER_PLACE_ORDER_H

#include "order.h"
#include "tern/service.h"

/* Reads and checks a request body. The members that a client may give are in `ret_placed`, the others are zero. 0; or
 * -1: with faults by JSON pointer, or without any when the body is no JSON, and then `err` says why. */
int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_schema_faults *faults, struct tern_error *err);

/* Under PRICES=catalogue: adds a fault for each line whose price, or the order's currency, is not the one that is known
 * for its product. A product without a known price may have any. 0, or -1 with `err`. */
int place_order_check_prices(struct tern_db *db, const struct shop_order_placed *placed,
                             struct tern_schema_faults *faults, struct tern_error *err);

/* Whether all faults are of rules that may not have held before: of those that the first version did not have, or of prices. The
 * request is complete, and may have been placed. */
bool place_order_was_allowed(const struct tern_schema_faults *faults);

/* An order that is being placed. Start from {0}; place_order_fini frees what it owns. */
struct place_order {
    const char *version;              /* of the OrderPlaced that is emitted */
    struct shop_order_placed placed;  /* the request, and after place_order_prepare the whole payload */
    struct order_state order;         /* the order after its first event; owned */
    struct tern_text data;            /* the payload as JSON; owned */
    struct tern_text asked;           /* the request in its one canonical spelling, for the Idempotency-Key; owned */
    struct tern_schema_faults faults; /* with any, only a stored answer of the key may be given */
    bool refused;                     /* out: there was none, so the faults are the answer */
};

/* Writes `work->asked`; only for a request with a key, and before the order is prepared. */
void place_order_spell(struct place_order *work);
/* `version` is that of OrderPlaced to be emitted. Completes `work->placed`, as read from the request, with id, time and total; makes the order and the event's JSON.
 * The writer's thread then only inserts. */
void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id, const char *version);
/* The command, for the writer's thread: OrderPlaced, the row and the timer. REJECT when there are faults, RETRY when
 * the store failed. */
tern_command place_order_run;
/* 201, with the order that was placed. */
void place_order_answer(const void *argument, struct tern_http_answer *answer);
void place_order_fini(struct place_order *work);

#endif
