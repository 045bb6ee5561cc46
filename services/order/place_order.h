/* place_order.h - POST /orders from the inside: reading a request, and the command that makes it an order.
 *
 * Split so that tests reach each part without a server. */
#ifndef ORDER_PLACE_ORDER_H
#define ORDER_PLACE_ORDER_H

#include "key_store.h"
#include "order.h"
#include "tern/service.h"

/* Reads and checks a request body: what the client may say is in `ret_placed`, the rest of it is zero. Returns 0; or -1
 * with faults by JSON pointer, or without any (faults->count == 0) when the body is no JSON: then `err` says why. */
int place_order_read(const char *body, size_t length, struct shop_order_placed *ret_placed,
                     struct tern_shape_faults *faults, struct tern_error *err);

/* The value of an Idempotency-Key header: an RFC 8941 string or the bare characters, 1 to 255 visible ASCII ones.
 * Returns 0, or -1 when it is not one. */
int place_order_read_key(const char *header, char ret_key[KEY_SIZE]);

enum place_order_result { PLACE_ORDER_PLACED, PLACE_ORDER_REPLAYED, PLACE_ORDER_KEY_MISUSED };

/* Everything about an order that is being placed. Start from {0}. */
struct place_order {
    struct shop_order_placed placed;
    struct order_state order; /* as it will be */
    struct tern_text data;    /* OrderPlaced's payload */
    char key[KEY_SIZE];       /* "" when the client sent none */
    unsigned char fingerprint[KEY_FINGERPRINT_SIZE];
    struct tern_text headers, body; /* of the answer: made before, replaced by the kept one when it is a replay */
    int status;
    enum place_order_result result;
};

/* Gives the order its id and its time, adds up its total, and writes the event and the answer. `work->placed` was read
 * from the request; `work->key` is set. */
void place_order_prepare(struct place_order *work, struct tern_ids *ids, const struct tern_clock *clock,
                         const char *correlation_id);
/* The command, for the writer's thread. */
tern_command place_order_run;
void place_order_fini(struct place_order *work);

#endif
